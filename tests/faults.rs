//! Faults that a queue on disk must outlive: what people remove, copy and bring back, and orders that break in somebody's
//! hands.
#![expect(clippy::unwrap_used, reason = "a test that can't set its scene fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use shopfloor::history::topic;
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
