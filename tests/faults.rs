//! Faults that a queue on disk must outlive: what people remove, copy and bring back, and orders that break in somebody's
//! hands.
#![expect(clippy::unwrap_used, reason = "a test that can't set its scene fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};
use shopfloor::history::topic;
use shopfloor::holder::WorkerId;
use shopfloor::order::OrderId;
use shopfloor::queue::files::{FileQueue, Options};
use shopfloor::queue::{Move, Moved, Note, Queue, Skip};
use shopfloor::state::State;

use crate::contract::worlds::Files;
use crate::contract::{World, claim, id, look, make, ready, skip};

fn forward(to: State) -> Move {
    Move::forward(to, "test")
}

fn paper(world: &Files, order: &OrderId, name: &str) -> PathBuf {
    world.queue.paper_folder(order).join(name)
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success());
}

/// The lock files of all workers, removed as a person would.
fn remove_worker_locks(world: &Files) {
    for entry in fs::read_dir(world.queue.floor().workers()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "lock") {
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn an_order_broken_in_a_live_workers_hands_is_given_back_once_it_is_mended() {
    let mut world = Files::new();
    let other = world.hire();
    let queue = world.queue();
    let order = make(&queue, "a");
    let enlisted = queue.enlist("spec").unwrap();
    let held = claim(&queue, &order, &State::NEW, &enlisted.worker);
    fs::write(paper(&world, &order, ".state"), "nonsense\n").unwrap();
    assert!(matches!(held.advance(&forward(State::IMPL)).unwrap(), Moved::LostClaim(_)));
    assert_eq!(queue.give_back_all(&enlisted).unwrap(), [], "it is broken still");
    fs::write(paper(&world, &order, ".state"), "NEW\n").unwrap();
    assert!(queue.unhold(&order).unwrap());
    assert!(matches!(skip(&queue, &order, &State::NEW, &other), Skip::Claimed(_)));
    assert_eq!(queue.give_back_all(&enlisted).unwrap(), [(order.clone(), State::NEW)]);
    drop(claim(&queue, &order, &State::NEW, &other));
}

#[test]
fn an_order_broken_in_a_dead_workers_hands_comes_back_once_it_is_mended_without_a_sweep() {
    let mut world = Files::new();
    let (worker, other) = (world.hire(), world.hire());
    let queue = world.queue();
    let order = make(&queue, "a");
    // The first recovery on a boot sweeps.
    assert_eq!(queue.recover(&|_| true).unwrap(), []);
    let held = claim(&queue, &order, &State::NEW, &worker);
    let state = paper(&world, &order, ".state");
    fs::write(&state, "nonsense\n").unwrap();
    world.kill(&worker);
    assert_eq!(queue.recover(&|_| true).unwrap(), []);
    assert!(look(&queue, &order).hold.is_some());
    fs::write(&state, "NEW\n").unwrap();
    fs::remove_file(paper(&world, &order, ".hold")).unwrap();
    let back = queue.recover(&|_| true).unwrap();
    assert_eq!((back.len(), &back[0].id), (1, &order));
    assert_eq!(ready(&queue, &State::NEW), ["a"]);
    drop(claim(&queue, &order, &State::NEW, &other));
    assert!(matches!(held.advance(&forward(State::IMPL)).unwrap(), Moved::LostClaim(_)));
}

#[test]
fn a_live_owner_whose_lock_file_was_removed_keeps_its_order_and_a_dead_one_loses_it() {
    let mut world = Files::new();
    let (worker, other) = (world.hire(), world.hire());
    let queue = world.queue();
    let order = make(&queue, "a");
    assert_eq!(queue.recover(&|_| true).unwrap(), []);
    let enlisted = queue.enlist("spec").unwrap();
    let own = make(&queue, "own");
    let ours = claim(&queue, &own, &State::NEW, &enlisted.worker);
    let held = claim(&queue, &order, &State::NEW, &worker);
    remove_worker_locks(&world);
    fs::remove_file(paper(&world, &order, ".lock")).unwrap();
    assert_eq!(queue.recover(&|_| true).unwrap(), []);
    assert!(queue.lives(&worker).unwrap() && queue.lives(&enlisted.worker).unwrap());
    assert!(matches!(skip(&queue, &order, &State::NEW, &other), Skip::Claimed(_)));
    world.kill(&worker);
    let back = queue.recover(&|_| true).unwrap();
    assert_eq!((back.len(), &back[0].id), (1, &order));
    assert!(matches!(held.advance(&forward(State::IMPL)).unwrap(), Moved::LostClaim(_)));
    assert_eq!(ours.advance(&forward(State::TESTS_PRE)).unwrap(), Moved::Done);
}

#[test]
fn a_copy_of_an_order_in_progress_is_held_and_has_no_part_in_its_claim() {
    let mut world = Files::new();
    let worker = world.hire();
    let queue = world.queue();
    let order = make(&queue, "a");
    let held = claim(&queue, &order, &State::NEW, &worker);
    assert_eq!(held.note(&Note::of(topic::TURN_BEGUN, "")).unwrap(), Moved::Done);
    copy(&world.queue.paper_folder(&order), &world.queue.paper_folder(&id("b")));
    assert_eq!(queue.sweep().unwrap().broken.len(), 1);
    let why = look(&queue, &id("b")).hold.unwrap();
    assert!(why.starts_with("copy of a"), "{why}");
    assert_eq!(held.advance(&forward(State::TESTS_PRE)).unwrap(), Moved::Done);
    assert_eq!(ready(&queue, &State::TESTS_PRE), ["a"]);
    world.kill(&worker);
    assert_eq!(queue.recover(&|_| true).unwrap(), []);
    assert_eq!(ready(&queue, &State::NEW), [""; 0]);
}

#[test]
fn a_queue_brought_back_from_yesterday_goes_on_and_obeys_no_claim_of_the_day_between() {
    let mut world = Files::new();
    let (worker, other) = (world.hire(), world.hire());
    let queue = world.queue();
    let (moved, taken) = (make(&queue, "moved"), make(&queue, "taken"));
    let yesterday = claim(&queue, &taken, &State::NEW, &worker);
    let folder = world.folder.path().to_owned();
    let backup = tempfile::tempdir().unwrap();
    copy(&folder.join("."), backup.path());
    // The day between: one moves on and is claimed, the other is given back and claimed anew.
    let first = claim(&queue, &moved, &State::NEW, &worker);
    assert_eq!(first.advance(&forward(State::TESTS_PRE)).unwrap(), Moved::Done);
    let today = claim(&queue, &moved, &State::TESTS_PRE, &worker);
    drop(yesterday);
    let enlisted = queue.enlist("spec").unwrap();
    let ours = claim(&queue, &taken, &State::NEW, &enlisted.worker);
    // It is brought back over what there is, in place.
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let removed = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        removed.unwrap();
    }
    copy(&backup.path().join("."), &folder);
    world.kill(&worker);
    let queue: Arc<dyn Queue> = FileQueue::open(&folder, Options::default()).unwrap();
    for lost in [today, ours] {
        assert!(matches!(lost.advance(&forward(State::IMPL)).unwrap(), Moved::LostClaim(_)));
    }
    let back = queue.recover(&|_| true).unwrap();
    assert_eq!((back.len(), &back[0].id), (1, &taken), "yesterday's worker is dead");
    for order in [&moved, &taken] {
        assert_eq!(look(&queue, order).state, State::NEW);
        let held = claim(&queue, order, &State::NEW, &other);
        assert_eq!(held.advance(&forward(State::TESTS_PRE)).unwrap(), Moved::Done);
    }
    // A worker that lives since, and stands in no list of the backup, has nothing open and may work on.
    assert_eq!(queue.give_back_all(&enlisted).unwrap(), []);
    drop(claim(&queue, &taken, &State::TESTS_PRE, &enlisted.worker));
}

fn send(worker: &WorkerId, signal: Signal) {
    kill_process(Pid::from_raw(worker.pid().cast_signed()).unwrap(), signal).unwrap();
}

/// The letter of a process's state: `T` when it is stopped.
fn letter(worker: &WorkerId) -> char {
    let stat = fs::read_to_string(format!("/proc/{}/stat", worker.pid())).unwrap();
    stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
}

#[test]
fn a_stopped_worker_keeps_its_order_and_goes_on_with_it() {
    let mut world = Files::new();
    let (worker, other) = (world.hire(), world.hire());
    let queue = world.queue();
    let order = make(&queue, "a");
    let held = claim(&queue, &order, &State::NEW, &worker);
    send(&worker, Signal::STOP);
    while letter(&worker) != 'T' {
        std::thread::yield_now();
    }
    assert!(queue.lives(&worker).unwrap());
    assert_eq!(queue.recover(&|_| true).unwrap(), []);
    assert_eq!(skip(&queue, &order, &State::NEW, &other), Skip::Claimed(worker.clone()));
    send(&worker, Signal::CONT);
    assert_eq!(held.advance(&forward(State::TESTS_PRE)).unwrap(), Moved::Done);
}

#[test]
fn a_state_written_by_hand_is_found_by_the_next_sweep_and_put_on_record() {
    let mut world = Files::new();
    let worker = world.hire();
    let queue = world.queue();
    let order = make(&queue, "a");
    fs::write(paper(&world, &order, ".state"), "IMPL\n").unwrap();
    let swept = queue.sweep().unwrap();
    assert_eq!((swept.added, swept.removed), (1, 1));
    assert_eq!(
        (ready(&queue, &State::NEW).len(), ready(&queue, &State::IMPL)),
        (0, vec!["a".to_owned()])
    );
    let journal = fs::read_to_string(paper(&world, &order, "events.jsonl")).unwrap();
    let last: serde_json::Value = serde_json::from_str(journal.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["e"], &last["from"], &last["to"]),
        (&"manual".into(), &"NEW".into(), &"IMPL".into())
    );
    drop(claim(&queue, &order, &State::IMPL, &worker));
}

#[test]
fn what_an_editor_leaves_beside_the_files_is_ignored_and_left_alone() {
    let mut world = Files::new();
    let worker = world.hire();
    let queue = world.queue();
    let order = make(&queue, "a");
    let left = [".state~", ".state.swp", ".order.json.swp", "order.json~", "#order.json#", "4913"];
    for name in left {
        fs::write(paper(&world, &order, name), "FAILED\n").unwrap();
    }
    fs::write(world.folder.path().join(".a.swp"), "x").unwrap();
    let listing = queue.list().unwrap();
    assert_eq!((listing.orders, listing.strange), (vec![order.clone()], vec![]));
    assert_eq!(look(&queue, &order).request.unwrap().title, "a");
    let held = claim(&queue, &order, &State::NEW, &worker);
    assert_eq!(held.advance(&forward(State::TESTS_PRE)).unwrap(), Moved::Done);
    assert!(left.iter().all(|name| paper(&world, &order, name).exists()));
}

#[test]
fn a_journal_that_is_far_too_large_is_held_and_not_read() {
    let mut world = Files::new();
    let worker = world.hire();
    let queue = world.queue();
    let (order, other) = (make(&queue, "a"), make(&queue, "b"));
    let journal = fs::File::options().write(true).open(paper(&world, &order, "events.jsonl"));
    journal.unwrap().set_len(1 << 30).unwrap();
    let Skip::Held(why) = skip(&queue, &order, &State::NEW, &worker) else { panic!("taken") };
    assert!(why.contains("events.jsonl is larger than"), "{why}");
    assert_eq!(look(&queue, &order).hold, Some(why));
    assert_eq!(ready(&queue, &State::NEW), ["b"], "told once: no marker leads there again");
    drop(claim(&queue, &other, &State::NEW, &worker));
}
