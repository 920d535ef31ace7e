//! The scene of one kill, and whether everything in it is as it was promised.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use shopfloor::holder::WorkerId;
use shopfloor::order::Request;
use shopfloor::process::start_time;
use shopfloor::queue::files::FileQueue;
use shopfloor::queue::{Claim, Created, Queue, Swept};
use shopfloor::state::State;

use super::operation::{Operation, open};
use super::trace::Trace;
use crate::contract::{claim, id, look, make, ready};

/// A queue with one order, made ready for one operation.
pub(super) struct Scene {
    operation: Operation,
    /// The claim of a dead worker. Dropped at the end of all, when it is nobody's any more.
    _dead: Option<Claim>,
    folder: tempfile::TempDir,
    queue: Arc<dyn Queue>,
    /// What the journal said before.
    before: Vec<serde_json::Value>,
}

/// A worker that has died, as everybody can see.
fn dead_worker() -> WorkerId {
    let mut child = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
    let worker = WorkerId::new(child.id(), start_time(child.id()).unwrap(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    worker
}

fn journal(order: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(order.join("events.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn count(journal: &[serde_json::Value], kinds: &[&str]) -> usize {
    journal.iter().filter(|entry| kinds.contains(&entry["e"].as_str().unwrap())).count()
}

impl Scene {
    /// Makes everything ready for `operation`.
    pub(super) fn set(operation: Operation) -> Self {
        let folder = tempfile::tempdir().unwrap();
        drop(FileQueue::init(folder.path()).unwrap());
        let queue = open(folder.path());
        // The first recovery on a boot sweeps, which would hide what is missing.
        assert_eq!(queue.recover(&|_| true).unwrap(), []);
        let mut dead = None;
        if operation != Operation::Create {
            let order = make(&queue, "a");
            // It has been claimed before: generations have to go on from there.
            let enlisted = queue.enlist("spec").unwrap();
            drop(claim(&queue, &order, &State::NEW, &enlisted.worker));
            match operation {
                Operation::Unhold => assert!(queue.hold(&order, "wait").unwrap()),
                Operation::Sweep => fs::remove_dir_all(folder.path().join(".floor/ready")).unwrap(),
                Operation::Recover => {
                    dead = Some(claim(&queue, &order, &State::NEW, &dead_worker()));
                }
                _ => {}
            }
        }
        let before = journal(&folder.path().join("a"));
        Self { operation, _dead: dead, folder, queue, before }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sweeps.
    pub(super) fn swept(&self) -> Swept {
        self.queue.sweep().unwrap()
    }

    /// Looks at everything after the child's death.
    pub(super) fn check(&self, trace: &Trace) {
        let what = &trace.what;
        let queue = &self.queue;
        let acknowledged = trace.acknowledged.is_some();
        let back = queue.recover(&|_| true).unwrap();
        assert!(back.len() <= 1, "{what}: {back:?}");
        let archived = self.archived();
        let listed = queue.list().unwrap();
        assert!(listed.strange.is_empty(), "{what}: {listed:?}");
        let there = listed.orders.len();
        assert!(listed.orders.iter().all(|order| order.as_str() == "a"), "{what}: {listed:?}");
        match self.operation {
            Operation::Create if there == 0 => {
                assert!(!acknowledged, "{what}: an acknowledged order is gone");
                let made = queue.create(&id("a"), &Request::titled("A")).unwrap();
                assert_eq!(made, Created::Made, "{what}");
            }
            Operation::Archive => {
                assert_eq!(there + archived, 1, "{what}: {there} there and {archived} archived");
                assert!(archived == 1 || !acknowledged, "{what}: acknowledged and not archived");
            }
            _ => assert_eq!((there, archived), (1, 0), "{what}"),
        }
        self.workers_are_forgotten(what);
        if archived == 1 {
            // A marker may lead there until a sweep, and grants nothing.
            assert!(queue.sweep().unwrap().broken.is_empty(), "{what}");
            assert_eq!(ready(queue, &State::NEW), [""; 0], "{what}");
            sound(&journal(&self.archive_of_a().unwrap()), what);
        } else {
            self.order_is_whole(trace);
        }
        assert_eq!(queue.recover(&|_| true).unwrap(), [], "{what}: recovered twice");
        let swept = queue.sweep().unwrap();
        assert_eq!((swept.added, swept.removed), (0, 0), "{what}: {swept:?}");
        assert!(swept.broken.is_empty(), "{what}: {swept:?}");
        let built = fs::read_dir(self.floor("tmp")).unwrap().count();
        assert_eq!(built, 0, "{what}: something half built is left");
    }

    fn order_is_whole(&self, trace: &Trace) {
        let what = &trace.what;
        let (queue, order) = (&self.queue, id("a"));
        let acknowledged = trace.acknowledged.is_some();
        let promised_at_once = matches!(
            self.operation,
            Operation::Claim
                | Operation::Advance
                | Operation::Keep
                | Operation::Release
                | Operation::Recover
                | Operation::GiveBack
        );
        if !promised_at_once {
            // What a person does and is cut short in: the index may wait for a sweep.
            let swept = queue.sweep().unwrap();
            assert!(swept.broken.is_empty(), "{what}: {swept:?}");
        }
        let seen = look(queue, &order);
        let to = match self.operation {
            Operation::Advance | Operation::Keep => State::TESTS_PRE,
            Operation::Bury => State::FAILED,
            Operation::Kick => State::IMPL,
            _ => State::NEW,
        };
        let moved = seen.state == to;
        assert!(moved || seen.state == State::NEW, "{what}: {}", seen.state);
        assert!(moved || !acknowledged, "{what}: acknowledged, and still in {}", seen.state);
        let entries = journal(&self.folder.path().join("a"));
        sound(&entries, what);
        let highest = entries.iter().map(|e| e["gen"].as_u64().unwrap()).max().unwrap();
        assert!(trace.acknowledged.is_none_or(|reached| reached <= highest), "{what}");
        let fresh = &entries[self.before.len().min(entries.len())..];
        let moves = count(fresh, &["advance", "bury", "kick"]);
        assert_eq!(moves, usize::from(moved && to != State::NEW), "{what}: {fresh:#?}");
        assert_eq!(count(fresh, &["manual"]), 0, "{what}: nobody edited anything: {fresh:#?}");
        let ends = count(fresh, &["orphan", "release", "advance", "bury"]);
        let claims = count(fresh, &["claim"]) + usize::from(self.operation == Operation::Recover);
        assert_eq!(ends, claims, "{what}: a claim is open, or was closed twice: {fresh:#?}");
        if acknowledged {
            let held = self.operation == Operation::Hold;
            assert_eq!(seen.hold.is_some(), held, "{what}");
        }
        if seen.hold.is_some() {
            assert!(queue.unhold(&order).unwrap(), "{what}");
        }
        let state = if seen.state == State::FAILED {
            assert!(queue.kick(&order, &State::NEW, "again").unwrap());
            State::NEW
        } else {
            seen.state
        };
        assert_eq!(ready(queue, &state), ["a"], "{what}: it is not ready in {state}");
        let enlisted = queue.enlist("spec").unwrap();
        let claimed = claim(queue, &order, &state, &enlisted.worker);
        assert!(claimed.generation() > highest, "{what}: a generation came twice");
        drop(claimed);
        drop(enlisted);
        assert_eq!(queue.recover(&|_| true).unwrap(), [], "{what}");
        let word = fs::read_to_string(self.folder.path().join("a/.state")).unwrap();
        assert_eq!(word.trim(), look(queue, &order).state.as_str(), "{what}");
    }

    fn floor(&self, part: &str) -> std::path::PathBuf {
        self.folder.path().join(".floor").join(part)
    }

    fn archive_of_a(&self) -> Option<std::path::PathBuf> {
        let months = fs::read_dir(self.floor("archive")).unwrap().flatten();
        months.map(|month| month.path().join("a")).find(|order| order.is_dir())
    }

    fn archived(&self) -> usize {
        usize::from(self.archive_of_a().is_some())
    }

    fn workers_are_forgotten(&self, what: &str) {
        let left: Vec<_> =
            fs::read_dir(self.floor("workers")).unwrap().flatten().map(|e| e.file_name()).collect();
        assert!(left.is_empty(), "{what}: traces of the dead: {left:?}");
    }
}

/// Numbers without a gap, and each generation given out once.
fn sound(entries: &[serde_json::Value], what: &str) {
    let numbers: Vec<u64> = entries.iter().map(|entry| entry["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=entries.len() as u64).collect::<Vec<_>>(), "{what}");
    let claims = entries.iter().filter(|entry| entry["e"] == "claim");
    let given: Vec<u64> = claims.map(|entry| entry["gen"].as_u64().unwrap()).collect();
    assert!(given.is_sorted_by(|a, b| a < b), "{what}: {given:?}");
}
