//! The keeper: starts the program, hears the worker, and ends everything below it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal, WaitStatus};

use super::descendants;
use super::guard::{end_like, let_go_of_streams};
use super::line::Order;
use super::words::{Stage, Words};

/// How often orphans that ended are reaped while nothing else happens.
const REAP_EVERY: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Whom the keeper listens to.
struct Ears {
    commands: File,
    guard: OwnedFd,
    program: OwnedFd,
}

/// Runs the program. Its exit code; where it ended by a signal, this process does too.
pub(super) fn run(words: &Words) -> u8 {
    // The keeper's own session: nothing that is meant for the guard's group reaches it.
    let _own = rustix::process::setsid();
    let _alone = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    // The worker is gone already: nothing is begun.
    let Ok((commands, mut report)) = words.told.ends.open() else { return 126 };
    let Some(guard) = handle(words.told.parent) else { return 126 };
    if !is_parent(words.told.parent) {
        return 126;
    }
    let started = words.next(Stage::Starter).command().spawn();
    let Ok(pid) = started.as_ref().map(Child::id) else { return 126 };
    let_go_of_streams();
    drop(report.write_all(format!("keeper {}\n", std::process::id()).as_bytes()));
    let status = match handle(pid) {
        Some(program) => attend(&mut Ears { commands, guard, program }, pid, words.told.walled),
        None => None,
    };
    let (status, left) = all_ended(pid, status);
    drop(report.write_all(format!("left {left}\n").as_bytes()));
    status.map_or(126, end_like)
}

/// True when our parent is who started us: it may have died before we could watch it.
pub(super) fn is_parent(pid: u32) -> bool {
    let parent = rustix::process::getppid();
    parent.is_some_and(|parent| u32::try_from(parent.as_raw_nonzero().get()) == Ok(pid))
}

fn handle(pid: u32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok()
}

/// Waits until the program ends, or is to be ended. Its status in the first case.
fn attend(ears: &mut Ears, program: u32, walled: bool) -> Option<WaitStatus> {
    loop {
        let [commands, guard, ended] = {
            let on = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
            let mut fds =
                [on(ears.commands.as_fd()), on(ears.guard.as_fd()), on(ears.program.as_fd())];
            let _interrupted = rustix::event::poll(&mut fds, Some(&REAP_EVERY));
            fds.map(|fd| !fd.revents().is_empty())
        };
        let reaped = descendants::reap(program);
        if ended || reaped.status.is_some() {
            return reaped.status;
        }
        if guard {
            return None;
        }
        if commands {
            match command(&mut ears.commands) {
                Some(Order::Ask) => ask(program, walled),
                Some(Order::End) => return None,
                None => {}
            }
        }
    }
}

/// The next command; the end of the line is one too.
fn command(from: &mut File) -> Option<Order> {
    let mut byte = [0];
    match from.read(&mut byte) {
        Ok(0) => Some(Order::End),
        Ok(_) => [Order::Ask, Order::End].into_iter().find(|order| order.byte() == byte[0]),
        Err(_) => None,
    }
}

/// Asks the program to end: its process group, or in a sandbox what the sandbox runs. (The sandbox itself would die of it
/// at once, and the program with it.)
fn ask(program: u32, walled: bool) {
    if !walled {
        if let Some(group) = i32::try_from(program).ok().and_then(Pid::from_raw) {
            let _gone = rustix::process::kill_process_group(group, Signal::TERM);
        }
        return;
    }
    let all = descendants::below(program);
    let inits = all.iter().filter(|one| one.parent == program);
    for init in inits {
        for one in all.iter().filter(|one| one.parent == init.pid) {
            descendants::signal(one.pid, Signal::TERM);
        }
    }
}

/// Ends what the program left, and the program if it still runs. Its status, and how many outlived it.
fn all_ended(program: u32, status: Option<WaitStatus>) -> (Option<WaitStatus>, usize) {
    if let Some(group) = i32::try_from(program).ok().and_then(Pid::from_raw) {
        let _gone = rustix::process::kill_process_group(group, Signal::KILL);
    }
    if status.is_none() {
        descendants::signal(program, Signal::KILL);
    }
    let (left, found) = descendants::end(program, program);
    (status.or(found), left)
}
