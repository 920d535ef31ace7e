//! The process of a one-shot agent: its output drained, its results taken as they appear, its end awaited.

use std::collections::VecDeque;
use std::time::Duration;

use notify::Watcher as _;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::super::kept::Kept;
use super::super::lines::{Line, Lines};
use super::super::ration::Ration;
use super::super::{Said, Session, SessionEnd, SessionPlan, Turn, Waiting, one_line};
use super::results::{self, Results};
use crate::error::{Error, Result};
use crate::process::{Ended, Program, Running};

/// The time between two looks at the results when nothing wakes us.
const LOOK: Duration = Duration::from_millis(250);
/// After the process ended, how long we wait for more of its output.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// Where the process is in its life.
#[derive(Debug)]
enum Life {
    Running,
    Ended { ended: Ended, until: Instant },
    Over(String),
}

/// One running command.
#[derive(Debug)]
pub(super) struct CommandSession {
    running: Running,
    results: Results,
    output: mpsc::Receiver<Option<String>>,
    changed: mpsc::Receiver<()>,
    // Dropping it ends the watch. None where the system gives no watch: then we only look.
    _watch: Option<notify::RecommendedWatcher>,
    look: tokio::time::Interval,
    ration: Ration,
    out: VecDeque<Said>,
    life: Life,
    tasks: JoinSet<()>,
}

impl CommandSession {
    /// Starts the command and gives it the prompt.
    pub(super) fn start(program: &Program, plan: &SessionPlan) -> Result<Self> {
        let kept = Kept::create(&plan.dir.join("stream.txt"))?;
        let results = Results::new(plan);
        let (woken, changed) = mpsc::channel(1);
        let watch = watch(&results, woken);
        let mut running = program.converse()?;
        let mut tasks = JoinSet::new();
        if let Some(pipe) = running.child.stdin.take() {
            tasks.spawn(tell(pipe, plan.brief.clone()));
        }
        let (to, output) = mpsc::channel(256);
        let pipes = (running.child.stdout.take(), running.child.stderr.take());
        if let (Some(out), Some(err)) = pipes {
            tasks.spawn(drain(out, err, kept, to));
        }
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (ration, out) = (Ration::new(), VecDeque::new());
        let life = Life::Running;
        Ok(Self {
            running,
            results,
            output,
            changed,
            _watch: watch,
            look,
            ration,
            out,
            life,
            tasks,
        })
    }

    fn heard(&mut self, line: Option<&str>) {
        self.out.extend(self.ration.heard(line));
    }

    /// One step of waiting. Everything it changes it changes without waiting in between.
    async fn step(&mut self) {
        match self.life {
            Life::Over(_) => std::future::pending().await,
            Life::Running => tokio::select! {
                status = self.running.child.wait() => {
                    let until = Instant::now() + LAST_WORDS;
                    self.life = Life::Ended { ended: Ended::of(&status), until };
                }
                Some(line) = self.output.recv() => self.heard(line.as_deref()),
                Some(()) = self.changed.recv() => self.out.extend(self.results.look(false)),
                _ = self.look.tick() => self.out.extend(self.results.look(false)),
            },
            Life::Ended { ended, until } => tokio::select! {
                biased;
                () = tokio::time::sleep_until(until) => self.finish(ended),
                line = self.output.recv() => match line {
                    Some(line) => self.heard(line.as_deref()),
                    None => self.finish(ended),
                },
            },
        }
    }

    fn finish(&mut self, ended: Ended) {
        self.out.extend(self.results.look(true));
        let end = results::without_result(ended, self.results.any_taken());
        self.out.extend(self.results.rest(&end));
        let how = ended.to_string();
        self.out.push_back(Said::Over { how: how.clone() });
        self.life = Life::Over(how);
    }

    async fn wait(&mut self) -> Said {
        loop {
            if let Some(said) = self.out.pop_front() {
                return said;
            }
            if let Life::Over(how) = &self.life {
                return Said::Over { how: how.clone() };
            }
            self.step().await;
        }
    }

    async fn close(self, grace: Duration) -> SessionEnd {
        let Self { running, output, life, mut tasks, .. } = self;
        // The output is drained on, whether or not anybody listens.
        drop(output);
        let (ended, left_over) = running.end(grace).await;
        // What is still in the pipes goes into the records.
        let rest = async { while tasks.join_next().await.is_some() {} };
        drop(tokio::time::timeout(LAST_WORDS, rest).await);
        let how = match life {
            Life::Over(how) => how,
            _ => ended.to_string(),
        };
        SessionEnd { how, left_over, unknown: std::collections::BTreeMap::new() }
    }
}

impl Session for CommandSession {
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

/// Writes the prompt and closes the input. A command that does not read it is its own affair.
async fn tell(mut pipe: ChildStdin, prompt: String) {
    drop(pipe.write_all(prompt.as_bytes()).await);
    drop(pipe.shutdown().await);
}

/// Reads both streams to their ends and passes on what there is to hear.
async fn drain(
    out: ChildStdout,
    err: ChildStderr,
    mut kept: Kept,
    to: mpsc::Sender<Option<String>>,
) {
    let (mut out, mut err) = (Lines::new(out), Lines::new(err));
    let (mut out_open, mut err_open) = (true, true);
    while out_open || err_open {
        let line = tokio::select! {
            line = out.next(), if out_open => { out_open = line.is_some(); line }
            line = err.next(), if err_open => { err_open = line.is_some(); line }
        };
        let text = match line {
            Some(Line::Whole(line)) => {
                kept.line(&line);
                let shown = &line[..line.len().min(1000)];
                Some(one_line(&String::from_utf8_lossy(shown), 400))
            }
            Some(Line::TooLong(_) | Line::Growing) => None,
            None => continue,
        };
        let _nobody = to.send(text).await;
    }
}
