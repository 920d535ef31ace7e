//! Process trees: who is alive, who carries our cookie, and ending them all.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::{COOKIE, shim};

/// The start time of a process: field 22 of `/proc/<pid>/stat`, clock ticks since boot. `None` when it is gone
/// (a zombie counts as gone).
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in field 2 may hold anything, blanks and parentheses included: what follows the last ')' is plain.
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    if matches!(fields.first(), Some(&"Z" | &"X")) {
        return None;
    }
    fields.get(19)?.parse().ok()
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

fn pids() -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Live processes whose cookie begins with `cookie`, and their descendants; never ourselves.
pub fn carrying(cookie: &str) -> Vec<u32> {
    let wanted = format!("{COOKIE}={cookie}");
    let own = std::process::id();
    let all = pids();
    let carries = |pid: &u32| {
        let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environ.split(|&b| b == 0).any(|variable| variable.starts_with(wanted.as_bytes()))
    };
    let mut found: Vec<u32> = all.iter().copied().filter(carries).collect();
    // Each process is asked once who its parent is: a tree may be large, and a machine full.
    let mut below: HashMap<u32, Vec<u32>> = HashMap::new();
    if !found.is_empty() {
        for &pid in &all {
            if let Some(above) = parent(pid) {
                below.entry(above).or_default().push(pid);
            }
        }
    }
    let mut known: HashSet<u32> = found.iter().copied().collect();
    let mut at = 0;
    while at < found.len() {
        let children = below.remove(&found[at]).unwrap_or_default();
        found.extend(children.into_iter().filter(|&pid| known.insert(pid)));
        at += 1;
    }
    found.retain(|&pid| pid != own && start_time(pid).is_some());
    found
}

/// Everything that belongs to a cookie at one moment. Once its leader is dead, a child that cleared its environment has
/// neither cookie nor parent to be found by: who is to be ended must be known before.
#[derive(Debug, Default)]
pub(super) struct Family(Vec<(u32, u64)>);

impl Family {
    /// Nobody.
    pub(super) fn none() -> Self {
        Self::default()
    }

    /// These too.
    pub(super) fn join(&mut self, other: Self) {
        self.0.extend(other.0);
        self.0.sort_unstable();
        self.0.dedup();
    }

    /// Who carries `cookie` now, and their descendants.
    pub(super) fn of(cookie: &str) -> Self {
        let born = |pid: u32| Some((pid, start_time(pid)?));
        Self(carrying(cookie).into_iter().filter_map(born).collect())
    }

    /// Kills those that still live, and waits a while until they are gone. How many there were. Blocks.
    pub(super) fn end(&self, limit: Duration) -> usize {
        let begun = Instant::now();
        let found = self.living().len();
        loop {
            let left = self.living();
            if left.is_empty() || begun.elapsed() > limit {
                return found;
            }
            for pid in left.into_iter().filter_map(|pid| Pid::from_raw(pid as i32)) {
                let _gone = rustix::process::kill_process(pid, Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn living(&self) -> Vec<u32> {
        let lives = |(pid, born): &&(u32, u64)| start_time(*pid) == Some(*born);
        self.0.iter().filter(lives).map(|(pid, _)| *pid).collect()
    }
}

/// How long a stage of the shim may take to end by itself: it does, once its worker is gone or has let go of it, and not
/// before everything below it has ended.
const SHIM_LIMIT: Duration = Duration::from_secs(4);

/// Kills every process whose cookie begins with `cookie`, again and again until none is left or `limit` is over.
/// True when none is left. Blocks.
///
/// What forks faster than we kill would never come to an end. So all are stopped first, and looked for again until nobody new
/// is found: who is stopped makes no more of them.
pub fn end_all(cookie: &str, limit: Duration) -> bool {
    let begun = Instant::now();
    let mut stopped: HashSet<u32> = HashSet::new();
    loop {
        let left = carrying(cookie);
        if left.is_empty() {
            return true;
        }
        let late = begun.elapsed() > limit;
        // Whoever ends a stage of the shim ends its work: it may know of processes that nobody else finds.
        let spared = begun.elapsed() < SHIM_LIMIT;
        let left: Vec<u32> =
            left.into_iter().filter(|&pid| !(spared && shim::is_stage(pid))).collect();
        let mut any_new = false;
        for &pid in &left {
            if stopped.insert(pid) && !late {
                any_new = true;
                send(pid, Signal::STOP);
            }
        }
        if any_new {
            continue;
        }
        left.iter().for_each(|&pid| send(pid, Signal::KILL));
        // A number may be given to somebody new.
        stopped.clear();
        if late {
            return carrying(cookie).is_empty();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid as i32) {
        let _gone = rustix::process::kill_process(pid, signal);
    }
}
