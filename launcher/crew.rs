//! The workers of one launcher: one seat each. Starts their processes and keeps what is known of them.
//!
//! A worker is a program of ours, not an agent's child: it inherits our environment, gets a process group of its own (so that
//! the terminal's Ctrl-C reaches only the launcher) and a pipe as stdin that only we hold open. When we die, however we
//! die, the pipe closes and the worker drains by itself.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use rustix::process::Signal;
use shopfloor::error::{Error, Kind, Result};
use shopfloor::process::Ended;
use tokio::process::{ChildStdin, Command};
use tokio::sync::mpsc::UnboundedSender;

use crate::lock::{Launched, Runner};
use crate::restart::Deaths;

/// One worker to be: what is started.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    /// Its name: `spec-worker`, and `spec-worker-2` for the second one of a stage.
    pub(crate) name: String,
    /// Its stage.
    pub(crate) stage: String,
    /// The program.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) args: Vec<OsString>,
    /// Its working folder.
    pub(crate) dir: PathBuf,
    /// Its batch size.
    pub(crate) batch: usize,
    /// Its log.
    pub(crate) log: PathBuf,
    /// The same as the person would type it.
    pub(crate) log_shown: String,
}

/// What becomes of a seat.
#[derive(Debug)]
pub(crate) enum Life {
    /// Its process runs. The pipe closes with this value.
    Runs { process: Runner, _pipe: Option<ChildStdin> },
    /// It died and is started again at this moment.
    Rests(Instant),
    /// It ended, as it was asked to.
    Ended,
    /// It died too often.
    GivenUp,
}

/// One worker's seat.
#[derive(Debug)]
pub(crate) struct Seat {
    /// What is started.
    pub(crate) post: Post,
    /// What became of it.
    pub(crate) life: Life,
    /// Its recent deaths.
    pub(crate) deaths: Deaths,
}

/// What happens to a launcher.
#[derive(Debug)]
pub(crate) enum Event {
    /// The worker on this seat ended.
    Ended(usize, Ended),
    /// Somebody asked to stop (Ctrl-C, TERM).
    Asked,
    /// The terminal is gone: the same as asking once, however often it is told.
    HungUp,
    /// No order can move any more.
    Idle,
    /// A moment that was waited for has come.
    Moment,
}

impl Seat {
    /// A seat nobody sits on yet; a worker is due at once.
    pub(crate) fn new(post: Post) -> Self {
        Self { post, life: Life::Rests(Instant::now()), deaths: Deaths::default() }
    }

    /// Starts its worker; its end is told as an [`Event`]. Must be called inside the runtime.
    pub(crate) fn start(&mut self, at: usize, tell: &UnboundedSender<Event>) -> Result<Runner> {
        let post = &self.post;
        let mut command = Command::new(&post.program);
        command.args(&post.args).current_dir(&post.dir).stdin(Stdio::piped()).process_group(0);
        let (out, err) = streams(&post.log);
        command.stdout(out).stderr(err);
        let mut child = command.spawn().map_err(|error| {
            Error::new(Kind::Environment, format!("failed to start {}", post.program.display()))
                .caused_by(error)
        })?;
        let pid = child.id().unwrap_or(0);
        // Nobody has waited for the child yet, so its entry in /proc is there even if it has died already.
        let process = Runner::of(pid).unwrap_or(Runner { pid, start_time: 0 });
        self.life = Life::Runs { process, _pipe: child.stdin.take() };
        let tell = tell.clone();
        tokio::spawn(async move {
            let ended = child.wait().await.map_or(Ended::Signal(0), Ended::from_status);
            // Nobody listens any more: the launcher is at its end.
            tell.send(Event::Ended(at, ended)).ok();
        });
        Ok(process)
    }

    /// Its process, while it runs.
    pub(crate) fn process(&self) -> Option<Runner> {
        match self.life {
            Life::Runs { process, .. } => Some(process),
            Life::Rests(_) | Life::Ended | Life::GivenUp => None,
        }
    }

    /// Sends its process a signal, if it runs.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(process) = self.process() {
            process.signal(signal);
        }
    }

    /// True when no process runs here and none will.
    pub(crate) fn over(&self) -> bool {
        matches!(self.life, Life::Ended | Life::GivenUp)
    }

    /// What is written down of it.
    pub(crate) fn launched(&self) -> Launched {
        let post = &self.post;
        Launched {
            name: post.name.clone(),
            stage: post.stage.clone(),
            process: self.process(),
            batch: post.batch,
            log: post.log_shown.clone(),
        }
    }
}

/// What a worker prints besides its log goes to the end of its log; nowhere when that can't be written.
fn streams(log: &Path) -> (Stdio, Stdio) {
    let file = File::options().create(true).append(true).open(log);
    match file.and_then(|file| Ok((file.try_clone()?, file))) {
        Ok((out, err)) => (out.into(), err.into()),
        Err(_) => (Stdio::null(), Stdio::null()),
    }
}

/// The table that is printed when all are launched.
pub(crate) fn table(workers: &[Launched]) -> Vec<String> {
    let wide = workers.iter().map(|worker| worker.name.len()).max().unwrap_or(0).max(16);
    let mut lines = vec!["Workers launched:".to_owned()];
    for Launched { name, process, batch, log, .. } in workers {
        let pid = process.map_or("-".to_owned(), |process| process.pid.to_string());
        lines.push(format!("  {name:<wide$}  PID {pid:<5}  batch {batch:<2}  log {log}"));
    }
    let several = workers.iter().any(|worker| !worker.name.ends_with("-worker"));
    let folder = workers.first().and_then(|worker| Path::new(&worker.log).parent());
    let folder = folder.map_or("logs".to_owned(), |folder| folder.display().to_string());
    let pattern = if several { "*-worker*.log" } else { "*-worker.log" };
    lines.push(format!("Monitor logs with:  tail -f {folder}/{pattern}"));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_one_that_was_promised() {
        let worker = |name: &str, pid, batch| Launched {
            name: name.to_owned(),
            stage: "s".to_owned(),
            process: Some(Runner { pid, start_time: 1 }),
            batch,
            log: format!("logs/{name}.log"),
        };
        let workers = [worker("spec-worker", 12345, 5), worker("test-worker", 12346, 10)];
        assert_eq!(
            table(&workers).join("\n"),
            "Workers launched:\n  \
             spec-worker       PID 12345  batch 5   log logs/spec-worker.log\n  \
             test-worker       PID 12346  batch 10  log logs/test-worker.log\n\
             Monitor logs with:  tail -f logs/*-worker.log"
        );
    }
}
