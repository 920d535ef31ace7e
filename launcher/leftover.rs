//! After the end: is anything left of what the workers started? What is, is named and ended.

use std::time::Duration;

use shopfloor::process;

use crate::lock::Runner;
use crate::voice::{Voice, line};

/// How long to try to end what is left of one worker.
const LIMIT: Duration = Duration::from_secs(10);

/// Looks for processes that these workers (which are gone) left behind, names and ends them. How many there were, and
/// whether all are gone now. Blocks.
pub(crate) fn end(workers: &[Runner], voice: Voice) -> (usize, bool) {
    let (mut found, mut gone) = (0, true);
    for worker in workers {
        for pid in process::carrying(&worker.cookie()) {
            found += 1;
            voice.warn(format_args!(
                "left running by worker {}: PID {pid} {}",
                worker.pid,
                command(pid)
            ));
        }
        gone &= process::end_all(&worker.cookie(), LIMIT);
    }
    (found, gone)
}

/// What [`end`] found, as a sentence.
pub(crate) fn told(found: usize, gone: bool) -> String {
    match (found, gone) {
        (_, false) => {
            "Some processes could not be ended; their orders stay with them until they are gone."
                .to_owned()
        }
        (0, true) => "Nothing is left running.".to_owned(),
        (1, true) => "One process was left and is ended now; nothing is left running.".to_owned(),
        (n, true) => format!("{n} processes were left and are ended now; nothing is left running."),
    }
}

/// The command line of a process, as far as it may be shown.
pub(crate) fn command(pid: u32) -> String {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line(&String::from_utf8_lossy(&words).replace('\0', " "), 80)
}

/// What is left of one dead worker is ended; true when nothing is. For [`shopfloor::queue::Queue::recover`].
pub(crate) fn undertaker(worker: &shopfloor::holder::WorkerId) -> bool {
    process::end_all(worker.as_str(), LIMIT)
}
