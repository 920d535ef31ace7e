//! Everything below this process: seen, killed and reaped until there is nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

/// The pause between two looks at a tree that is being ended.
const PAUSE: Duration = Duration::from_millis(2);
/// The longest such pause: what can't be killed (it hangs in the kernel) is looked at now and then.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// One process, as the kernel shows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) group: u32,
    dead: bool,
}

/// `/proc/<pid>/stat`: fields 1 to 5. The name in field 2 may hold anything; what follows the last ')' is plain.
fn seen(pid: u32) -> Option<Seen> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let dead = matches!(fields.next()?, "Z" | "X");
    Some(Seen {
        pid,
        parent: fields.next()?.parse().ok()?,
        group: fields.next()?.parse().ok()?,
        dead,
    })
}

/// All live processes below `top`.
pub(super) fn below(top: u32) -> Vec<Seen> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut children: BTreeMap<u32, Vec<Seen>> = BTreeMap::new();
    for one in pids.filter_map(seen) {
        children.entry(one.parent).or_default().push(one);
    }
    let (mut found, mut next) = (Vec::new(), vec![top]);
    while let Some(pid) = next.pop() {
        for one in children.remove(&pid).unwrap_or_default() {
            next.push(one.pid);
            found.push(one);
        }
    }
    found.retain(|one| !one.dead);
    found
}

/// What reaping found.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reaped {
    /// How the one ended that was waited for, if it did.
    pub(super) status: Option<WaitStatus>,
    /// True when we have no child any more, alive or dead.
    pub(super) childless: bool,
}

/// Reaps whoever has ended.
pub(super) fn reap(awaited: u32) -> Reaped {
    let mut reaped = Reaped::default();
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, ended))) => {
                if u32::try_from(pid.as_raw_nonzero().get()) == Ok(awaited) {
                    reaped.status = Some(ended);
                }
            }
            Ok(None) => return reaped,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return Reaped { childless: true, ..reaped },
        }
    }
}

/// Sends a signal to one process.
pub(super) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // One that is gone is what we want.
        let _gone = rustix::process::kill_process(pid, signal);
    }
}

/// Kills and reaps everything below us until there is nothing. How many there were, those of process group `but`
/// not counted, and the status of `awaited` if it was among them.
///
/// All are stopped before the first is killed: who could still run would see its children die, and start others.
pub(super) fn end(but: u32, awaited: u32) -> (usize, Option<WaitStatus>) {
    let own = std::process::id();
    let (mut counted, mut status, mut pause) = (BTreeSet::new(), None, PAUSE);
    loop {
        let living = below(own);
        for one in &living {
            signal(one.pid, Signal::STOP);
        }
        for one in &living {
            signal(one.pid, Signal::KILL);
        }
        counted.extend(living.iter().filter(|one| one.group != but).map(|one| one.pid));
        let reaped = reap(awaited);
        status = status.or(reaped.status);
        if living.is_empty() && reaped.childless {
            return (counted.len(), status);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
