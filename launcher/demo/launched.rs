//! The launcher of the demo: `shopfloor start` as a child.
//!
//! It has a process group of its own, so that the terminal's Ctrl-C reaches only us and we pass it on, and a pipe as stdin
//! that only we hold: when we die, however we die, it and its workers end by themselves.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use shopfloor::error::{Error, Kind, Result};
use shopfloor::stop::Stop;

use super::folder::Folder;
use crate::lock::Runner;
use crate::logs;
use crate::voice::line;

/// How long it may take to end at once before it is killed. It kills its own workers well before that.
const FIRM: Duration = Duration::from_secs(40);

/// How long it may take to end when its workers have nothing to do.
const POLITE: Duration = Duration::from_secs(60);

/// How often to look whether it has ended.
const LOOK: Duration = Duration::from_millis(50);

/// The launcher.
#[derive(Debug)]
pub(super) struct Launched {
    child: Child,
    process: Runner,
    log: PathBuf,
    _pipe: Option<ChildStdin>,
}

impl Launched {
    /// Starts it. What it says goes to `logs/launcher.log`.
    pub(super) fn start(folder: &Folder) -> Result<Self> {
        let log = folder.project().join("logs/launcher.log");
        let failed = |error| Error::io("write", &log, error);
        let out = File::options().create(true).append(true).open(&log).map_err(failed)?;
        let err = out.try_clone().map_err(failed)?;
        let mut command = folder.shopfloor(&["start", "--launched"])?;
        command.stdin(Stdio::piped()).stdout(out).stderr(err).process_group(0);
        let mut child = command.spawn().map_err(|error| {
            Error::new(Kind::Environment, "failed to start `shopfloor start`").caused_by(error)
        })?;
        let pid = child.id();
        // Nobody has waited for the child yet, so its entry in /proc is there even if it has died already.
        let process = Runner::of(pid).unwrap_or(Runner { pid, start_time: 0 });
        let pipe = child.stdin.take();
        Ok(Self { child, process, log, _pipe: pipe })
    }

    /// An error when it has ended, which it must not do by itself.
    pub(super) fn must_run(&mut self) -> Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            ended => {
                let how = ended.ok().flatten().map_or(String::new(), |how| format!(" ({how})"));
                let told =
                    format!("the demo's launcher ended by itself{how}; {}", self.last_words());
                Err(Error::new(Kind::Failed, told))
            }
        }
    }

    /// The end of its log.
    pub(super) fn last_words(&self) -> String {
        let last = logs::last_lines(&self.log, 12).unwrap_or_default();
        let last: String = last.iter().map(|text| format!("\n    | {}", line(text, 200))).collect();
        format!("its log ends with:{last}")
    }

    /// Asks it to end, waits until it has, and tells how. Somebody who asks us twice wants it at once.
    pub(super) async fn end(mut self, stop: &Stop) -> Option<ExitStatus> {
        self.process.signal(Signal::TERM);
        let begun = Instant::now();
        let mut asked_again: Option<Instant> = None;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            match asked_again {
                None if stop.is_now() || (!stop.draining() && begun.elapsed() > POLITE) => {
                    self.process.signal(Signal::TERM);
                    asked_again = Some(Instant::now());
                }
                Some(at) if at.elapsed() > FIRM => {
                    // Its workers see the end of their own pipes.
                    self.process.signal(Signal::KILL);
                }
                None | Some(_) => {}
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
