//! Somebody dies before a sync, somebody else believes what he left, and the power goes.

use std::fs;
use std::sync::Arc;

use shopfloor::order::Request;
use shopfloor::queue::files::machine::SyncPoint;
use shopfloor::queue::{Claim, Created, Enlisted, Moved, Note, Queue, Skip};
use shopfloor::state::State;

use super::power::Power;
use super::{Scene, forward};
use crate::contract::{claim, id, look, make, skip};

/// A queue over which the power may go, and the order `a` in it unless it is still to be made.
struct Cut {
    scene: Scene,
    power: Arc<Power>,
}

impl Cut {
    fn new() -> Self {
        let scene = Scene::empty();
        let power = Arc::new(Power::on(&scene.folder.path().join("on-disk")));
        Self { scene, power }
    }

    fn queue(&self) -> Arc<dyn Queue> {
        self.scene.seen_by(self.power.clone())
    }

    /// The power goes; what stands in the order is told when a test fails.
    fn happens(&self) -> Arc<dyn Queue> {
        self.power.cut(&self.scene.queue_folder().join("a"));
        self.queue()
    }

    /// A worker dies with `held` at `point` of a move to `to`, and is brought back from.
    fn dies_moving(&self, held: Claim, worker: Enlisted, to: State, point: SyncPoint) {
        self.power.dies_at(point);
        // Whatever the answer: nobody hears it.
        drop(held.advance(&forward(to)));
        drop(worker);
        self.power.next_process();
    }
}

#[test]
fn a_move_is_synced_before_somebody_else_applies_it() {
    let cut = Cut::new();
    let queue = cut.queue();
    let order = make(&queue, "a");
    let worker = queue.enlist("spec").unwrap();
    let held = claim(&queue, &order, &State::NEW, &worker.worker);
    cut.dies_moving(held, worker, State::TESTS_PRE, SyncPoint::Journal);
    // The entry stands there, and nobody has synced it.
    queue.sweep().unwrap();
    assert_eq!(cut.scene.word(), "TESTS_PRE");
    let queue = cut.happens();
    queue.sweep().unwrap();
    let journal = cut.scene.journal();
    assert!(journal.contains("\"advance\""), "a move without an entry:\n{journal}");
    assert!(!journal.contains("\"manual\""), "no person wrote it:\n{journal}");
    assert_eq!(look(&queue, &order).state, State::TESTS_PRE);
}

#[test]
fn a_persons_state_is_synced_before_it_is_put_on_record() {
    for replaced in [false, true] {
        let cut = Cut::new();
        let queue = cut.queue();
        let order = make(&queue, "a");
        let state = cut.scene.paper(".state");
        if replaced {
            fs::remove_file(&state).unwrap();
        }
        fs::write(&state, "IMPL\n").unwrap();
        queue.sweep().unwrap();
        assert!(cut.scene.journal().contains("\"manual\""));
        let queue = cut.happens();
        queue.sweep().unwrap();
        assert_eq!(look(&queue, &order).state, State::IMPL, "{}", cut.scene.journal());
        assert_eq!(cut.scene.journal().matches("\"manual\"").count(), 1);
    }
}

#[test]
fn an_older_state_that_a_power_cut_brings_back_is_no_persons() {
    let cut = Cut::new();
    let queue = cut.queue();
    let order = make(&queue, "a");
    // Two die, one after the other, between the swap and the sync of its folder.
    for (from, to) in [(State::NEW, State::TESTS_PRE), (State::TESTS_PRE, State::IMPL)] {
        let worker = queue.enlist("spec").unwrap();
        let held = claim(&queue, &order, &from, &worker.worker);
        cut.dies_moving(held, worker, to.clone(), SyncPoint::StateName);
        assert_eq!(cut.scene.word(), to.as_str());
    }
    let queue = cut.happens();
    assert_eq!(cut.scene.word(), "NEW", "the folder was synced when it was made, and not since");
    queue.sweep().unwrap();
    let journal = cut.scene.journal();
    assert!(!journal.contains("\"manual\""), "no person wrote it:\n{journal}");
    assert_eq!((look(&queue, &order).state, cut.scene.word()), (State::IMPL, "IMPL".to_owned()));
}

#[test]
fn a_journal_that_somebody_began_and_died_at_keeps_what_is_written_into_it() {
    let cut = Cut::new();
    let queue = cut.queue();
    let order = id("a");
    fs::create_dir(cut.scene.queue_folder().join("a")).unwrap();
    fs::write(cut.scene.paper(".state"), "IMPL\n").unwrap();
    cut.power.dies_at(SyncPoint::JournalName);
    let worker = queue.enlist("spec").unwrap();
    let skipped = queue.clone().claim(&order, &State::IMPL, &worker.holder(&fresh()));
    skipped.unwrap_err();
    cut.power.next_process();
    queue.sweep().unwrap();
    let held = claim(&queue, &order, &State::IMPL, &worker.worker);
    assert_eq!(held.note(&Note::of("approved", "paid for")).unwrap(), Moved::Done);
    let generation = held.generation();
    let queue = cut.happens();
    let seen = look(&queue, &order);
    assert_eq!(seen.history.generation, generation);
    assert!(cut.scene.journal().contains("paid for"), "{}", cut.scene.journal());
}

#[test]
fn an_order_whose_maker_died_before_his_sync_is_not_worked_at_until_its_place_is_kept() {
    let cut = Cut::new();
    let queue = cut.queue();
    cut.power.dies_at(SyncPoint::NewName);
    queue.create(&id("a"), &Request::titled("a")).unwrap_err();
    cut.power.next_process();
    assert!(queue.ready(&State::NEW, 9).unwrap().is_empty(), "nobody has told of it");
    queue.sweep().unwrap();
    let worker = queue.enlist("spec").unwrap();
    let ready = queue.ready(&State::NEW, 9).unwrap();
    let held = claim(&queue, &ready[0], &State::NEW, &worker.worker);
    assert_eq!(held.advance(&forward(State::TESTS_PRE)).unwrap(), Moved::Done);
    let queue = cut.happens();
    assert_eq!(look(&queue, &id("a")).state, State::TESTS_PRE);
}

#[test]
fn what_was_acknowledged_outlives_the_power() {
    let cut = Cut::new();
    let queue = cut.queue();
    assert_eq!(queue.create(&id("a"), &Request::titled("a")).unwrap(), Created::Made);
    let queue = cut.happens();
    let worker = queue.enlist("spec").unwrap();
    let held = claim(&queue, &id("a"), &State::NEW, &worker.worker);
    assert_eq!(held.advance(&forward(State::TESTS_PRE)).unwrap(), Moved::Done);
    let queue = cut.happens();
    assert_eq!(look(&queue, &id("a")).state, State::TESTS_PRE);
    let other = queue.enlist("spec").unwrap().worker.clone();
    assert_eq!(skip(&queue, &id("a"), &State::NEW, &other), Skip::Moved(State::TESTS_PRE),);
    assert!(queue.hold(&id("a"), "why").unwrap());
    assert_eq!(look(&cut.happens(), &id("a")).hold.as_deref(), Some("why"));
}

fn fresh() -> shopfloor::holder::SessionId {
    shopfloor::holder::SessionId::fresh()
}
