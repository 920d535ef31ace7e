//! `codex exec`, where there is no app-server: one process a turn, all of them in one thread.
//!
//! It tells errors in words only, and when the process of a turn has ended without an end of that turn, the turn has
//! failed, whatever its exit code.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use super::super::event::{AgentEvent, Finished};
use super::super::fault::{Fault, Found};
use super::super::pipes::{Came, End, Pipes, Records};
use super::super::setup::Setup;
use super::super::speaker::{at, busy};
use super::super::talk::{Talk, Then};
use super::super::{Said, Session, SessionEnd, SessionPlan, Turn, Usage, Waiting, schema};
use super::command_line::{Prepared, writable};
use crate::error::{Error, Result};
use crate::process::Ended;

mod event;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzzed;

use event::Reader;

/// How long the process of a turn may take to end once it has told the turn's end.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// One session of processes.
#[derive(Debug)]
pub(super) struct ExecSession {
    prepared: Prepared,
    setup: Setup,
    dir: PathBuf,
    brief: String,
    talk: Talk,
    reader: Reader,
    pipes: Option<Pipes>,
    /// The turn's end, which is told once its process is gone, and when that has to be.
    finished: Option<(AgentEvent, Instant)>,
    /// The process is gone, or has to go: what it left running is ended.
    gone: Option<End>,
    over: Option<String>,
    how: String,
    left_over: usize,
    interrupted: bool,
}

impl ExecSession {
    /// No process is started before the first turn. `told` is a remark for the log.
    pub(super) fn new(
        prepared: Prepared,
        setup: &Setup,
        plan: &SessionPlan,
        told: Option<&str>,
    ) -> Self {
        let mut talk = Talk::new(&plan.nonce);
        if let Some(told) = told {
            talk.warn(told);
        }
        Self {
            prepared,
            setup: setup.clone(),
            dir: plan.dir.clone(),
            brief: plan.brief.clone(),
            talk,
            reader: Reader::default(),
            pipes: None,
            finished: None,
            gone: None,
            over: None,
            how: "no turn was given".to_owned(),
            left_over: 0,
            interrupted: false,
        }
    }

    fn begin(&mut self, turn: &Turn) -> Result<()> {
        if !self.talk.begin(turn) {
            return Err(busy(turn));
        }
        self.interrupted = false;
        self.reader.begin();
        if let Err(error) = self.start(turn) {
            let found = Found::new(Fault::SetUp, error.in_one_line());
            self.finish(found);
        }
        Ok(())
    }

    fn start(&mut self, turn: &Turn) -> Result<()> {
        let schema = self.dir.join("result.schema.json");
        std::fs::write(&schema, schema::result().to_string())
            .map_err(|error| Error::io("write", &schema, error))?;
        let program = self.prepared.exec(&self.setup, turn, self.reader.thread(), &schema);
        for folder in writable(turn) {
            self.prepared.home.reaches(folder);
        }
        let mut pipes = Pipes::start(&program, Records::open(&self.dir)?)?;
        pipes.send(match self.reader.thread() {
            None => format!("{}\n\n{}", self.brief, turn.prompt),
            Some(_) => turn.prompt.clone(),
        });
        // It reads its input to the end before it begins.
        pipes.close_input();
        self.pipes = Some(pipes);
        Ok(())
    }

    /// The turn failed by our own finding.
    fn finish(&mut self, found: Found) {
        let finished = Finished { failed: Some(found), ..Finished::default() };
        let (Then::GoOn | Then::Kill(_)) = self.talk.take(AgentEvent::Finished(Box::new(finished)));
    }

    fn take(&mut self, came: Came) {
        match came {
            Came::Line(line) => {
                self.talk.spoke();
                for event in self.reader.read(&line) {
                    self.take_event(event);
                }
            }
            Came::Remark(text) => self.talk.remark(&text),
            Came::Odd(name) => self.talk.count(name),
            Came::Sign => self.talk.sign_of_life(),
            Came::End(end) => self.gone = Some(end),
        }
    }

    fn take_event(&mut self, event: AgentEvent) {
        if matches!(event, AgentEvent::Finished(_)) {
            self.finished.get_or_insert((event, Instant::now() + AFTERWARDS));
            return;
        }
        let then = self.talk.take(event);
        self.then(then);
    }

    fn then(&mut self, then: Then) {
        if let (Then::Kill(reason), Some(pipes)) = (then, &mut self.pipes) {
            pipes.kill(reason);
        }
    }

    /// The process of a turn is gone, with everything it left running.
    fn ended(&mut self, end: &End) {
        self.how.clone_from(&end.how);
        if let Some((finished, _)) = self.finished.take() {
            let (Then::GoOn | Then::Kill(_)) = self.talk.take(finished);
        } else if self.interrupted && self.talk.in_turn() && self.reader.thread().is_some() {
            // The thread lives on; what was said in it so far is not lost.
            self.finish(Found::new(Fault::Died, "interrupted"));
        } else {
            self.talk.ended(&end.how, end.ended, &end.complaint);
            self.over = Some(end.how.clone());
        }
    }

    /// Ends the process under way, if there is one, and what it left running.
    async fn end_process(&mut self, grace: Duration) -> Option<String> {
        // Dropped half-way, its process tree is killed all the same.
        let (how, left_over) = self.pipes.take()?.end(grace).await;
        self.left_over += left_over;
        Some(how)
    }

    async fn wait(&mut self) -> Said {
        loop {
            if let Some(end) = self.gone.clone() {
                // Dropped half-way, this is begun again.
                self.end_process(Duration::ZERO).await;
                self.gone = None;
                self.ended(&end);
            }
            if let Some(said) = self.talk.say() {
                return said;
            }
            if let Some(how) = &self.over {
                return Said::Over { how: how.clone() };
            }
            let deadline = self.finished.as_ref().map(|(_, until)| *until);
            let deadline = deadline.or_else(|| self.talk.patience_ends());
            let Some(pipes) = &mut self.pipes else { std::future::pending().await };
            tokio::select! {
                biased;
                came = pipes.next() => self.take(came),
                () = at(deadline) => self.at_deadline(),
            }
        }
    }

    fn at_deadline(&mut self) {
        if self.finished.is_some() {
            let how = "ended by us: it outlived its turn".to_owned();
            self.gone = Some(End { how, ended: Ended::Stopped, complaint: String::new() });
        } else {
            let then = self.talk.out_of_patience();
            self.then(then);
        }
    }

    async fn close(mut self, grace: Duration) -> SessionEnd {
        // Nothing that it could say is waited for; in the middle of a turn there is no polite way.
        let grace = if self.talk.in_turn() { Duration::ZERO } else { grace };
        if let Some(how) = self.end_process(grace).await {
            self.how = how;
        }
        self.prepared.home.clear();
        let how = self.over.unwrap_or(self.how);
        SessionEnd {
            how,
            left_over: self.left_over,
            unknown: self.talk.unknown().clone(),
            usage: Usage::default(),
            partial: false,
        }
    }
}

impl Session for ExecSession {
    fn give<'a>(&'a mut self, turn: &'a Turn) -> Waiting<'a, Result<()>> {
        Box::pin(std::future::ready(self.begin(turn)))
    }

    fn next(&mut self) -> Waiting<'_, Said> {
        Box::pin(self.wait())
    }

    fn in_tool(&mut self) -> bool {
        self.talk.in_tool()
    }

    fn interrupt(&mut self) -> Waiting<'_, bool> {
        let can = self.pipes.is_some() && self.talk.interrupt();
        if can {
            self.interrupted = true;
            self.then(Then::Kill("interrupted"));
        }
        Box::pin(std::future::ready(can))
    }

    fn end(self: Box<Self>, grace: Duration) -> Waiting<'static, SessionEnd> {
        Box::pin(self.close(grace))
    }
}
