//! The process of a one-shot agent: its output read, its results taken as they appear, its end awaited.

use std::collections::VecDeque;
use std::time::Duration;

use notify::Watcher as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::super::event::AgentEvent;
use super::super::patience::{GivenUp, Patience};
use super::super::pipes::{Came, End, Pipes, Records};
use super::super::ration::Ration;
use super::super::speaker::at;
use super::super::tally::Tally;
use super::super::tools::Tools;
use super::super::{Said, Session, SessionEnd, SessionPlan, Turn, Waiting, one_line};
use super::results::Results;
use super::{Reader, Rest};
use crate::error::{Error, Result};
use crate::process::Program;

/// The time between two looks at the results when nothing wakes us.
const LOOK: Duration = Duration::from_millis(250);
/// How long the process may live on once it has told its end.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// One running session.
#[derive(Debug)]
pub(in super::super) struct OneShot<R> {
    pipes: Pipes,
    reader: R,
    results: Results,
    changed: mpsc::Receiver<()>,
    // Dropping it ends the watch. None where the system gives no watch: then we only look.
    _watch: Option<notify::RecommendedWatcher>,
    look: tokio::time::Interval,
    ration: Ration,
    patience: Patience,
    tools: Tools,
    unknown: Tally,
    out: VecDeque<Said>,
    /// It has told its end; its process has to be gone by then.
    gone_by: Option<Instant>,
    /// We have signalled it: whatever it leaves from now on does not count.
    signalled: bool,
    /// The orders without a result have been told to be over.
    given_up: bool,
    over: Option<String>,
}

impl<R: Reader> OneShot<R> {
    /// Starts the process and gives it the prompt.
    pub(in super::super) fn start(
        program: &Program,
        records: Records,
        plan: &SessionPlan,
        reader: R,
    ) -> Result<Self> {
        let results = Results::new(plan);
        let (woken, changed) = mpsc::channel(1);
        let watch = watch(&results, woken);
        let mut pipes = Pipes::start(program, records)?;
        pipes.send(plan.brief.clone());
        // They read their input to the end before they begin; an open one is waited on for ever.
        pipes.close_input();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            pipes,
            reader,
            results,
            changed,
            _watch: watch,
            look,
            ration: Ration::new(),
            patience: Patience::default(),
            tools: Tools::default(),
            unknown: Tally::default(),
            out: VecDeque::new(),
            gone_by: None,
            signalled: false,
            given_up: false,
            over: None,
        })
    }

    fn heard(&mut self, line: Option<&str>) {
        self.out.extend(self.ration.heard(line));
    }

    /// Looks at the results.
    fn look(&mut self, last: bool) {
        if !self.signalled {
            self.out.extend(self.results.look(last));
        }
    }

    /// Ends it. No result counts from now on.
    fn kill(&mut self, reason: &'static str) {
        self.look(true);
        self.signalled = true;
        self.pipes.kill(reason);
    }

    fn came(&mut self, came: Came) {
        match came {
            Came::Line(line) => {
                let events = self.reader.line(&line);
                self.events(events);
            }
            Came::Remark(text) => {
                let events = self.reader.complaint(&text);
                self.events(events);
            }
            Came::Odd(name) => self.count(name),
            Came::Sign => self.heard(None),
            Came::End(end) => self.ended(&end),
        }
    }

    fn events(&mut self, events: Vec<AgentEvent>) {
        for event in events {
            self.event(event);
        }
        if let Some(given_up) = self.reader.told().hopeless.clone() {
            self.give_up(&given_up);
        }
        let finished = self.reader.told().finished;
        self.gone_by = match self.gone_by {
            Some(by) if finished => Some(by),
            _ => finished.then(|| Instant::now() + AFTERWARDS),
        };
    }

    fn event(&mut self, event: AgentEvent) {
        match event {
            AgentEvent::Text(text) | AgentEvent::ToolCall(text) | AgentEvent::ToolResult(text) => {
                self.patience.progress();
                self.heard(Some(&text));
            }
            AgentEvent::Started(text)
            | AgentEvent::Remark(text)
            | AgentEvent::RateLimited(text) => {
                self.heard(Some(&text));
            }
            AgentEvent::ToolBegan(id) => {
                self.tools.began(id);
                self.heard(None);
            }
            AgentEvent::ToolEnded(id) => {
                self.tools.ended(&id);
                self.heard(None);
            }
            AgentEvent::Retrying(retry) => {
                self.heard(Some(&retry.found.evidence));
                if let Some(given_up) = self.patience.retry(retry) {
                    self.give_up(&given_up);
                }
            }
            // What became of the orders is told when the process is gone. What it has used is the session's.
            AgentEvent::Finished(_) | AgentEvent::Used(_) | AgentEvent::Quiet => self.heard(None),
            AgentEvent::Unknown(name) => self.count(&name),
        }
    }

    fn count(&mut self, name: &str) {
        self.unknown.count(name);
        self.heard(None);
    }

    /// Nothing good can come of it: it is ended now, and the orders without a result with it.
    fn give_up(&mut self, given_up: &GivenUp) {
        if self.given_up || self.over.is_some() {
            return;
        }
        let GivenUp { reason, found } = given_up;
        self.kill(reason);
        self.given_up = true;
        let rest = Rest::failed(found, self.results.any_taken());
        self.out.extend(self.results.rest(&rest));
    }

    fn ended(&mut self, end: &End) {
        if !self.given_up {
            self.look(true);
            let rest = self.reader.rest(end, self.results.any_taken());
            self.out.extend(self.results.rest(&rest));
        }
        let denied = self.reader.told().denied;
        if denied > 0 {
            self.out.push_back(Said::Heard(Some(format!("{denied} tool calls were denied"))));
        }
        let how = one_line(&end.how, 400);
        self.out.push_back(Said::Over { how: how.clone() });
        self.over = Some(how);
    }

    /// When something has been waited for long enough.
    fn deadline(&self) -> Option<Instant> {
        match self.signalled {
            true => None,
            false => self.gone_by.into_iter().chain(self.patience.ends()).min(),
        }
    }

    fn at_deadline(&mut self) {
        if self.gone_by.is_some_and(|by| by <= Instant::now()) {
            // Its end was told before: what it has told by then stands.
            self.kill("it outlived its end");
        } else if let Some(given_up) = self.patience.over() {
            self.give_up(&given_up);
        }
    }

    async fn wait(&mut self) -> Said {
        loop {
            if let Some(said) = self.out.pop_front() {
                return said;
            }
            if let Some(how) = &self.over {
                return Said::Over { how: how.clone() };
            }
            let deadline = self.deadline();
            tokio::select! {
                came = self.pipes.next() => self.came(came),
                Some(()) = self.changed.recv() => self.look(false),
                _ = self.look.tick() => self.look(false),
                () = at(deadline) => self.at_deadline(),
            }
        }
    }

    async fn close(self, grace: Duration) -> SessionEnd {
        let Self { pipes, reader, unknown, over, .. } = self;
        let (how, left_over) = pipes.end(grace).await;
        let unknown = unknown.all().clone();
        let (usage, partial) = (reader.told().usage, !reader.told().finished);
        SessionEnd { how: over.unwrap_or(how), left_over, unknown, usage, partial }
    }
}

impl<R: Reader> Session for OneShot<R> {
    fn give<'a>(&'a mut self, turn: &'a Turn) -> Waiting<'a, Result<()>> {
        let error = Error::usage(format!(
            "failed to give {}: a one-shot agent takes its orders when its session opens",
            turn.order
        ));
        Box::pin(std::future::ready(Err(error)))
    }

    fn next(&mut self) -> Waiting<'_, Said> {
        Box::pin(self.wait())
    }

    fn in_tool(&mut self) -> bool {
        self.tools.any()
    }

    fn interrupt(&mut self) -> Waiting<'_, bool> {
        Box::pin(std::future::ready(false))
    }

    fn end(self: Box<Self>, grace: Duration) -> Waiting<'static, SessionEnd> {
        Box::pin(self.close(grace))
    }
}

/// Wakes us when something appears among the results.
fn watch(results: &Results, woken: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
    let wake = move |event: notify::Result<notify::Event>| {
        // Our own reading of a file is an event as well.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            // Full means that a wake-up is waiting already.
            let _full = woken.try_send(());
        }
    };
    let mut watcher = notify::recommended_watcher(wake).ok()?;
    watcher.watch(results.folder(), notify::RecursiveMode::NonRecursive).ok()?;
    Some(watcher)
}
