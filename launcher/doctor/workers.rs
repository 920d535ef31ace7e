//! Findings about workers that are dead: orders they still have, processes they left, traces, and locks that live on.

use std::collections::BTreeSet;
use std::path::Path;

use shopfloor::holder::WorkerId;
use shopfloor::order::OrderId;
use shopfloor::process;
use shopfloor::queue::Queue as _;
use shopfloor::queue::files::{FileQueue, Survey};

use super::finding::{Finding, Fix};
use super::index::some;
use crate::leftover;

/// One worker, as far as a survey tells.
#[derive(Debug)]
struct Seen {
    worker: WorkerId,
    /// An error: its traces can't be read, for this reason.
    lives: Result<bool, String>,
    /// It said itself that it ended: its traces are no news.
    ended: bool,
    orders: Vec<OrderId>,
    /// Live processes that it started, with their command lines.
    processes: Vec<(u32, String)>,
    /// Processes that hold its lock though its own process is gone.
    borrowers: Vec<(u32, String)>,
}

/// Looks at every worker that the queue knows of. How many live, and what was found.
pub(crate) fn look(
    queue: &FileQueue,
    survey: &Survey,
    shown: &dyn Fn(&Path) -> String,
) -> (usize, Vec<Finding>) {
    let claimed = survey.claimed.iter().map(|(_, worker)| worker);
    let all: BTreeSet<&WorkerId> = survey.workers.iter().chain(claimed).collect();
    let seen: Vec<Seen> = all.into_iter().map(|worker| see(queue, survey, worker)).collect();
    let live = seen.iter().filter(|one| one.lives == Ok(true)).count();
    let lock = |worker: &WorkerId| shown(&queue.lock_of(worker));
    (live, judge(&seen, &lock, &shown(&queue.floor().workers())))
}

fn see(queue: &FileQueue, survey: &Survey, worker: &WorkerId) -> Seen {
    let lives = queue.lives(worker).map_err(|error| error.to_string());
    let orders = survey.claimed.iter().filter(|(_, holder)| holder == worker);
    let runs = process::start_time(worker.pid()) == Some(worker.start_time());
    // One that could not read its own start time is known by its lock alone.
    let gone = !runs && worker.start_time() > 0;
    let named = |pids: Vec<u32>| -> Vec<(u32, String)> {
        pids.into_iter().map(|pid| (pid, leftover::command(pid))).collect()
    };
    Seen {
        orders: orders.map(|(id, _)| id.clone()).collect(),
        processes: match lives {
            Ok(false) => named(process::carrying(worker.as_str())),
            _ => Vec::new(),
        },
        borrowers: match lives {
            Ok(true) if gone => named(holding(&queue.lock_of(worker))),
            _ => Vec::new(),
        },
        ended: survey.ended.contains(worker),
        worker: worker.clone(),
        lives,
    }
}

/// What is to be said of these workers. Pure.
fn judge(seen: &[Seen], lock: &dyn Fn(&WorkerId) -> String, traces: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut bare = Vec::new();
    for one in seen {
        let pid = one.worker.pid();
        match &one.lives {
            Err(why) => {
                let what = format!("nobody can tell whether worker {pid} lives: {why}");
                let mend =
                    "if that process is gone, remove this file: its orders are handed on then";
                findings.push(Finding::wrong("unreadable-trace", lock(&one.worker), what, mend));
            }
            Ok(true) => findings.extend(borrowed(one, lock)),
            Ok(false) if one.orders.is_empty() && one.processes.is_empty() => {
                bare.extend((!one.ended).then(|| one.worker.clone()));
            }
            Ok(false) => findings.extend(left_by(one)),
        }
    }
    if !bare.is_empty() {
        let what = format!("dead workers left traces, and no orders: {}", bare.len());
        let mend = "the next worker clears them away; at once: shopfloor doctor --fix";
        let note = Finding::note("dead-traces", traces, what, mend);
        findings.push(note.fixed_by(Fix::Forget(bare)));
    }
    findings
}

/// What a dead worker still has on record, and what it left running.
fn left_by(one: &Seen) -> Vec<Finding> {
    let pid = one.worker.pid();
    let orders = one.orders.iter().map(|id| {
        let what = format!("order {id} is still claimed by worker {pid}, which is dead");
        let mend = "the next shopfloor start hands it on; at once: shopfloor stop (also when nothing runs)";
        Finding::wrong("orphaned-order", id.as_str(), what, mend)
    });
    let processes = one.processes.iter().map(|(left, command)| {
        let what =
            format!("PID {left} ({command}) was left running by worker {pid}, which is dead");
        let mend = "shopfloor stop ends it; orders of that worker are handed on after that";
        Finding::wrong("left-over-process", format!("PID {left}"), what, mend)
    });
    orders.chain(processes).collect()
}

/// A worker that counts as alive only because another process has its lock.
fn borrowed(one: &Seen, lock: &dyn Fn(&WorkerId) -> String) -> Option<Finding> {
    if one.borrowers.is_empty() {
        return None;
    }
    let held: Vec<String> =
        one.borrowers.iter().map(|(pid, command)| format!("PID {pid} ({command})")).collect();
    let held: Vec<&str> = held.iter().map(String::as_str).collect();
    let what = format!(
        "worker {} counts as alive though its process is gone: its lock is held by {}",
        one.worker.pid(),
        some(&held)
    );
    let mend = "end that process, and the worker's orders are handed on";
    Some(Finding::wrong("borrowed-lock", lock(&one.worker), what, mend))
}

/// The processes that have this file open.
fn holding(file: &Path) -> Vec<u32> {
    let Ok(file) = file.canonicalize() else { return Vec::new() };
    let pids = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let opens = |pid: &u32| {
        let handles = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        handles.flat_map(|handle| std::fs::read_link(handle.path())).any(|path| path == file)
    };
    let own = std::process::id();
    pids.filter(|pid| *pid != own).filter(opens).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(orders: &[&str], processes: &[u32]) -> Seen {
        Seen {
            worker: WorkerId::new(7, 8, 9),
            lives: Ok(false),
            ended: false,
            orders: orders.iter().map(|id| OrderId::parse(id).unwrap()).collect(),
            processes: processes.iter().map(|pid| (*pid, "sleep".to_owned())).collect(),
            borrowers: Vec::new(),
        }
    }

    fn judged(seen: &[Seen]) -> Vec<(&'static str, bool)> {
        let findings = judge(seen, &|worker| worker.to_string(), "workers");
        findings.into_iter().map(|finding| (finding.kind, finding.fix != Fix::Never)).collect()
    }

    #[test]
    fn what_the_dead_left_is_told_and_only_bare_traces_may_go() {
        assert_eq!(judged(&[dead(&["a"], &[])]), [("orphaned-order", false)]);
        assert_eq!(
            judged(&[dead(&["a"], &[5])]),
            [("orphaned-order", false), ("left-over-process", false)]
        );
        assert_eq!(judged(&[dead(&[], &[5])]), [("left-over-process", false)]);
        assert_eq!(judged(&[dead(&[], &[]), dead(&[], &[])]), [("dead-traces", true)]);
        assert_eq!(judged(&[Seen { lives: Ok(true), ..dead(&["a"], &[]) }]), []);
        assert_eq!(judged(&[Seen { ended: true, ..dead(&[], &[]) }]), []);
        let unread = Seen { lives: Err("no".to_owned()), ..dead(&[], &[]) };
        assert_eq!(judged(&[unread]), [("unreadable-trace", false)]);
    }
}
