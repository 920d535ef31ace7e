//! The guard: starts the keeper, and takes its place if somebody kills it.

use std::process::Child;

use rustix::process::{Signal, WaitOptions, WaitStatus};

use super::descendants;
use super::words::{Stage, Words};

/// Starts the keeper and waits. Its exit code; where the program ended by a signal, this process does too.
pub(super) fn run(words: &Words) -> u8 {
    // Without it the keeper does its work alone.
    let _alone = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    let keeper = words.next(Stage::Keeper).command().spawn();
    let Ok(keeper) = keeper.as_ref().map(Child::id) else { return 126 };
    let_go_of_streams();
    let status = loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if u32::try_from(pid.as_raw_nonzero().get()) == Ok(keeper) => {
                break Some(status);
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => break None,
        }
    };
    let _counted = descendants::end(0, 0);
    status.map_or(126, end_like)
}

/// Our streams are the program's: we must not hold its pipes open.
pub(super) fn let_go_of_streams() {
    let Ok(nothing) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null") else {
        return;
    };
    let _in = rustix::stdio::dup2_stdin(&nothing);
    let _out = rustix::stdio::dup2_stdout(&nothing);
    let _err = rustix::stdio::dup2_stderr(&nothing);
}

/// The exit code of what ended so. What a signal ended is followed by the same signal.
pub(super) fn end_like(status: WaitStatus) -> u8 {
    if let Some(code) = status.exit_status() {
        return u8::try_from(code).unwrap_or(126);
    }
    let number = status.terminating_signal().unwrap_or(0);
    if let Some(signal) = Signal::from_named_raw(number) {
        // It is not our memory that anybody would want to see.
        let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
        let _dumps = rustix::process::setrlimit(rustix::process::Resource::Core, none);
        let _lives = rustix::process::kill_process(rustix::process::getpid(), signal);
    }
    // A signal that we outlive.
    u8::try_from(128 + number).unwrap_or(126)
}
