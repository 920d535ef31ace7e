//! The scenarios of the contract, each a sentence that must stay true.

use std::sync::{Barrier, Mutex};
use std::time::Duration;

use shopfloor::error::Kind as Fault;
use shopfloor::failure::Class;
use shopfloor::floor::unix_now;
use shopfloor::history::topic;
use shopfloor::order::{OrderId, Priority, Request};
use shopfloor::queue::{Claim, Claiming, Created, Grant, Kept, Move, Moved, Note, Release, Skip};
use shopfloor::state::State;

use super::{World, claim, holder, id, look, make, ready, skip};

fn grant(claim: &Claim) -> Grant {
    Grant {
        id: claim.id().clone(),
        generation: claim.generation(),
        state: claim.state().clone(),
        holder: claim.holder().clone(),
    }
}

fn forward(to: State) -> Move {
    Move::forward(to, "test")
}

fn lost(moved: &Moved) -> bool {
    matches!(moved, Moved::LostClaim(_))
}

fn rested(class: Class, due: u64) -> Release {
    Release { class, why: "test".to_owned(), due: Some(due) }
}

pub(super) fn of_many_claims_at_once_exactly_one_wins(world: &mut dyn World) {
    let queue = world.queue();
    let workers: Vec<_> = (0..8).map(|_| world.hire()).collect();
    for round in 0..20 {
        let order = make(&queue, &format!("order-{round}"));
        let start = Barrier::new(workers.len());
        let claims = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for worker in &workers {
                scope.spawn(|| {
                    start.wait();
                    match queue.clone().claim(&order, &State::NEW, &holder(worker)).unwrap() {
                        Claiming::Won(claim) => claims.lock().unwrap().push(claim),
                        Claiming::Skipped(Skip::Busy | Skip::Claimed(_)) => {}
                        Claiming::Skipped(other) => panic!("{other:?}"),
                    }
                });
            }
        });
        let claims = claims.into_inner().unwrap();
        assert_eq!(claims.len(), 1);
        assert_eq!(claims[0].generation(), 1);
    }
}

pub(super) fn many_workers_take_every_order_exactly_once(world: &mut dyn World) {
    let queue = world.queue();
    let orders: Vec<OrderId> = (0..24).map(|n| make(&queue, &format!("order-{n}"))).collect();
    let workers: Vec<_> = (0..6).map(|_| world.hire()).collect();
    let moved = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for worker in &workers {
            scope.spawn(|| {
                while moved.lock().unwrap().len() < orders.len() {
                    for order in queue.ready(&State::NEW, 3).unwrap() {
                        let won = queue.clone().claim(&order, &State::NEW, &holder(worker));
                        if let Claiming::Won(claim) = won.unwrap() {
                            let done = claim.advance(&forward(State::TESTS_PRE)).unwrap();
                            assert_eq!(done, Moved::Done);
                            moved.lock().unwrap().push(order);
                        }
                    }
                }
            });
        }
    });
    let mut moved = moved.into_inner().unwrap();
    moved.sort();
    moved.dedup();
    assert_eq!(moved.len(), orders.len());
    assert_eq!(ready(&queue, &State::NEW), [""; 0]);
    assert_eq!(ready(&queue, &State::TESTS_PRE).len(), orders.len());
    assert!(orders.iter().all(|order| look(&queue, order).history.generation == 1));
}

pub(super) fn a_second_order_of_one_name_changes_nothing(world: &mut dyn World) {
    let queue = world.queue();
    let order = make(&queue, "a");
    let again = queue.create(&order, &Request::titled("other")).unwrap();
    assert_eq!(again, Created::Exists);
    assert_eq!(look(&queue, &order).request.unwrap().title, "a");
    assert_eq!(queue.list().unwrap().orders, [order]);
    assert!(queue.look(&id("nobody")).unwrap().is_none());
}

pub(super) fn of_several_orders_all_are_made_on_hold_or_none(world: &mut dyn World) {
    let (queue, worker) = (world.queue(), world.hire());
    let orders = ["a", "b"].map(|name| (id(name), Request::titled(name)));
    queue.create_all(&orders, "imported").unwrap();
    assert_eq!(look(&queue, &id("b")).hold.as_deref(), Some("imported"));
    assert!(ready(&queue, &State::NEW).is_empty());
    assert!(matches!(skip(&queue, &id("a"), &State::NEW, &worker), Skip::Held(_)));
    let more = ["c", "b"].map(|name| (id(name), Request::titled(name)));
    assert_eq!(queue.create_all(&more, "again").unwrap_err().kind(), Fault::Usage);
    assert!(queue.look(&id("c")).unwrap().is_none());
    assert!(queue.unhold(&id("a")).unwrap());
    drop(claim(&queue, &id("a"), &State::NEW, &worker));
}

pub(super) fn an_order_is_ready_in_its_state_only(world: &mut dyn World) {
    let (queue, worker) = (world.queue(), world.hire());
    let order = make(&queue, "a");
    assert_eq!(ready(&queue, &State::NEW), ["a"]);
    assert_eq!(
        skip(&queue, &order, &State::IMPL, &worker),
        Skip::Moved(State::NEW),
        "it is claimed only in the state it stands in"
    );
    assert_eq!(skip(&queue, &id("nobody"), &State::NEW, &worker), Skip::Gone);
    let held = claim(&queue, &order, &State::NEW, &worker);
    assert_eq!(ready(&queue, &State::NEW), [""; 0]);
    assert_eq!(skip(&queue, &order, &State::NEW, &worker), Skip::Claimed(worker.clone()));
    assert_eq!(held.advance(&forward(State::TESTS_PRE)).unwrap(), Moved::Done);
    assert_eq!(look(&queue, &order).state, State::TESTS_PRE);
    assert_eq!(ready(&queue, &State::TESTS_PRE), ["a"]);
    assert_eq!(ready(&queue, &State::NEW), [""; 0]);
}

pub(super) fn a_stale_generation_moves_nothing(world: &mut dyn World) {
    let queue = world.queue();
    let (first, second) = (world.hire(), world.hire());
    let order = make(&queue, "a");
    let stale = claim(&queue, &order, &State::NEW, &first);
    assert!(queue.kick(&order, &State::NEW, "again, please").unwrap());
    let current = claim(&queue, &order, &State::NEW, &second);
    assert_eq!(current.generation(), stale.generation() + 1);
    assert!(lost(&stale.note(&Note::of("x", "y")).unwrap()));
    assert!(lost(&stale.advance(&forward(State::TESTS_PRE)).unwrap()));
    let order_now = look(&queue, &order);
    assert_eq!(order_now.state, State::NEW);
    assert_eq!(order_now.history.open.unwrap().worker, second);
    // The worker counts as much as the generation, and the generation as much as the worker.
    let mixed = Grant { holder: holder(&first), ..grant(&current) };
    assert!(queue.advance(&mixed, &forward(State::TESTS_PRE), false).unwrap().is_err());
    let mixed = Grant { generation: 1, ..grant(&current) };
    assert!(queue.advance(&mixed, &forward(State::TESTS_PRE), false).unwrap().is_err());
    assert_eq!(current.advance(&forward(State::TESTS_PRE)).unwrap(), Moved::Done);
}

pub(super) fn a_persons_edit_of_the_state_wins(world: &mut dyn World) {
    let (queue, worker) = (world.queue(), world.hire());
    let order = make(&queue, "a");
    let held = claim(&queue, &order, &State::NEW, &worker);
    world.write_state(&order, &State::PLAYTEST);
    assert_eq!(look(&queue, &order).state, State::PLAYTEST);
    assert_eq!(look(&queue, &order).history.open, None);
    assert!(lost(&held.advance(&forward(State::TESTS_PRE)).unwrap()));
    assert_eq!(look(&queue, &order).state, State::PLAYTEST);
    let next = claim(&queue, &order, &State::PLAYTEST, &worker);
    assert_eq!(next.generation(), 2);
}

pub(super) fn an_order_in_progress_can_be_held_and_nobody_claims_it_after(world: &mut dyn World) {
    let (queue, worker) = (world.queue(), world.hire());
    let order = make(&queue, "a");
    let held = claim(&queue, &order, &State::NEW, &worker);
    assert!(queue.hold(&order, "wait for me").unwrap());
    assert_eq!(held.advance(&forward(State::TESTS_PRE)).unwrap(), Moved::Done);
    let reason = "wait for me".to_owned();
    assert_eq!(look(&queue, &order).hold, Some(reason.clone()));
    assert_eq!(ready(&queue, &State::TESTS_PRE), [""; 0]);
    assert_eq!(skip(&queue, &order, &State::TESTS_PRE, &worker), Skip::Held(reason));
    assert!(queue.unhold(&order).unwrap());
    assert!(!queue.unhold(&order).unwrap());
    assert_eq!(ready(&queue, &State::TESTS_PRE), ["a"]);
    drop(claim(&queue, &order, &State::TESTS_PRE, &worker));
    assert!(!queue.hold(&id("nobody"), "").unwrap() && !queue.unhold(&id("nobody")).unwrap());
}

pub(super) fn an_order_is_advanced_once_per_generation(world: &mut dyn World) {
    let (queue, worker) = (world.queue(), world.hire());
    let order = make(&queue, "a");
    let held = claim(&queue, &order, &State::NEW, &worker);
    let grant = grant(&held);
    assert_eq!(queue.advance(&grant, &forward(State::NEW), false).unwrap(), Ok(None));
    assert!(queue.advance(&grant, &forward(State::TESTS_PRE), false).unwrap().is_err());
    assert!(lost(&queue.release(&grant, &Release::lost("")).unwrap()));
    assert_eq!(look(&queue, &order).state, State::NEW);
    drop(held);
    assert_eq!(look(&queue, &order).history.seq, 3, "create, claim, advance and nothing else");
}

pub(super) fn a_kept_order_is_never_free_in_between(world: &mut dyn World) {
    let (queue, worker) = (world.queue(), world.hire());
    let order = make(&queue, "a");
    let held = claim(&queue, &order, &State::NEW, &worker);
    let old = grant(&held);
    let Kept::Claim(kept) = held.advance_and_keep(&forward(State::TESTS_PRE)).unwrap() else {
        panic!("it was not kept")
    };
    assert_eq!((kept.generation(), kept.state()), (2, &State::TESTS_PRE));
    assert_eq!(ready(&queue, &State::TESTS_PRE), [""; 0]);
    let other = world.hire();
    assert_eq!(
        skip(&queue, &order, &State::TESTS_PRE, &other),
        Skip::Claimed(worker),
        "between the two claims there is no moment for anybody else"
    );
    assert!(queue.advance(&old, &forward(State::IMPL), false).unwrap().is_err());
    assert_eq!(kept.advance(&forward(State::IMPL)).unwrap(), Moved::Done);
    assert_eq!(look(&queue, &order).state, State::IMPL);
    assert_eq!(ready(&queue, &State::IMPL), ["a"]);
}

pub(super) fn dropping_a_claim_gives_the_order_back_and_charges_nobody(world: &mut dyn World) {
    let (queue, worker) = (world.queue(), world.hire());
    let order = make(&queue, "a");
    drop(claim(&queue, &order, &State::NEW, &worker));
    let back = look(&queue, &order);
    assert_eq!((back.history.open, back.history.setbacks.len()), (None, 0));
    assert!(!back.history.suspect);
    assert_eq!(ready(&queue, &State::NEW), ["a"]);
    assert_eq!(claim(&queue, &order, &State::NEW, &worker).generation(), 2);
}

pub(super) fn a_rest_keeps_an_order_away_until_it_is_over(world: &mut dyn World) {
    let (queue, worker) = (world.queue(), world.hire());
    let order = make(&queue, "a");
    let due = unix_now() + 3600;
    let held = claim(&queue, &order, &State::NEW, &worker);
    assert_eq!(held.release(&rested(Class::Work, due)).unwrap(), Moved::Done);
    assert_eq!(ready(&queue, &State::NEW), [""; 0]);
    assert_eq!(skip(&queue, &order, &State::NEW, &worker), Skip::NotDue(due));
    assert_eq!(look(&queue, &order).history.attempts(&[State::NEW]), 1);
    // A person does not have to wait.
    assert!(queue.kick(&order, &State::NEW, "now").unwrap());
    let held = claim(&queue, &order, &State::NEW, &worker);
    let soon = unix_now() + 1;
    assert_eq!(held.release(&rested(Class::Env, soon)).unwrap(), Moved::Done);
    while ready(&queue, &State::NEW).is_empty() {
        assert!(unix_now() < soon + 10, "it never came back");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(unix_now() >= soon);
    drop(claim(&queue, &order, &State::NEW, &worker));
}

pub(super) fn a_dead_workers_orders_come_back_once(world: &mut dyn World) {
    let queue = world.queue();
    let (dying, living) = (world.hire(), world.hire());
    let orders: Vec<OrderId> = ["a", "b", "c"].map(|name| make(&queue, name)).into();
    let claims: Vec<Claim> =
        orders[..2].iter().map(|order| claim(&queue, order, &State::NEW, &dying)).collect();
    let safe = claim(&queue, &orders[2], &State::NEW, &living);
    world.kill(&dying);
    assert!(!queue.lives(&dying).unwrap() && queue.lives(&living).unwrap());
    let back = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| back.lock().unwrap().extend(queue.recover(&|_| true).unwrap()));
        }
    });
    // One that met a busy order leaves it for the next round.
    back.lock().unwrap().extend(queue.recover(&|_| true).unwrap());
    let mut back = back.into_inner().unwrap();
    back.sort_by(|one, other| one.id.cmp(&other.id));
    let names: Vec<&str> = back.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(back.iter().all(|one| one.worker == dying && one.class == Class::Lost));
    let mut again = ready(&queue, &State::NEW);
    again.sort();
    assert_eq!(again, ["a", "b"]);
    assert_eq!(claim(&queue, &orders[0], &State::NEW, &living).generation(), 2);
    // What the dead one still says counts for nothing.
    for claim in claims {
        assert!(lost(&claim.advance(&forward(State::TESTS_PRE)).unwrap()));
    }
    assert_eq!(safe.advance(&forward(State::TESTS_PRE)).unwrap(), Moved::Done);
}

pub(super) fn only_a_death_in_the_orders_turn_is_a_crash(world: &mut dyn World) {
    let (queue, worker) = (world.queue(), world.hire());
    let orders = ["a-told", "b-ended", "c-untold"].map(|name| make(&queue, name));
    let claims: Vec<Claim> =
        orders.iter().map(|order| claim(&queue, order, &State::NEW, &worker)).collect();
    for begun in &claims[..2] {
        assert_eq!(begun.note(&Note::of(topic::TURN_BEGUN, "")).unwrap(), Moved::Done);
    }
    assert_eq!(claims[1].note(&Note::of(topic::TURN_ENDED, "")).unwrap(), Moved::Done);
    world.kill(&worker);
    let mut back = queue.recover(&|_| true).unwrap();
    back.sort_by(|one, other| one.id.cmp(&other.id));
    let classes: Vec<Class> = back.iter().map(|one| one.class).collect();
    assert_eq!(classes, [Class::Crash, Class::Lost, Class::Lost]);
    let [told, ended, _] = orders.map(|order| look(&queue, &order).history);
    assert!(told.suspect && told.due.is_some_and(|due| due > unix_now()));
    assert!(!ended.suspect && ended.due.is_none() && ended.ended_turn.is_some());
    let mut names = ready(&queue, &State::NEW);
    names.sort();
    assert_eq!(names, ["b-ended", "c-untold"]);
    drop(claims);
}

pub(super) fn nothing_of_a_dead_worker_is_handed_on_before_the_undertaker(world: &mut dyn World) {
    let queue = world.queue();
    let (dying, living) = (world.hire(), world.hire());
    let order = make(&queue, "a");
    let held = claim(&queue, &order, &State::NEW, &dying);
    world.kill(&dying);
    assert_eq!(skip(&queue, &order, &State::NEW, &living), Skip::Busy);
    assert_eq!(queue.recover(&|_| false).unwrap(), []);
    assert_eq!(skip(&queue, &order, &State::NEW, &living), Skip::Busy);
    let asked = Mutex::new(Vec::new());
    let back = queue.recover(&|worker| {
        asked.lock().unwrap().push(worker.clone());
        true
    });
    assert_eq!(back.unwrap().len(), 1);
    assert_eq!(asked.into_inner().unwrap(), [dying]);
    drop(claim(&queue, &order, &State::NEW, &living));
    drop(held);
}

pub(super) fn a_remark_is_written_only_under_the_claim(world: &mut dyn World) {
    let (queue, worker) = (world.queue(), world.hire());
    let order = make(&queue, "a");
    let held = claim(&queue, &order, &State::NEW, &worker);
    let proof = Some("abc".to_owned());
    let frozen = Note { proof: proof.clone(), ..Note::of(topic::FROZEN, "3 files") };
    assert_eq!(held.note(&frozen).unwrap(), Moved::Done);
    assert_eq!(held.history().frozen, None, "a claim shows the history before it");
    let grant = grant(&held);
    drop(held);
    assert!(lost(&queue.note(&grant, &Note::of(topic::FROZEN, "")).unwrap()));
    assert_eq!(look(&queue, &order).history.frozen, proof);
    assert_eq!(claim(&queue, &order, &State::NEW, &worker).history().frozen, proof);
}

pub(super) fn a_buried_order_is_dug_out_and_pardoned_by_a_kick(world: &mut dyn World) {
    let (queue, worker) = (world.queue(), world.hire());
    let order = make(&queue, "a");
    let held = claim(&queue, &order, &State::NEW, &worker);
    let back = Move { class: Some(Class::Work), ..forward(State::NEW) };
    assert_eq!(held.advance(&back).unwrap(), Moved::Done);
    assert_eq!(look(&queue, &order).history.setbacks.len(), 1);
    let held = claim(&queue, &order, &State::NEW, &worker);
    assert_eq!(held.bury("too often").unwrap(), Moved::Done);
    let buried = look(&queue, &order);
    assert_eq!((buried.state, buried.history.last_why.as_str()), (State::FAILED, "too often"));
    assert!(queue.kick(&order, &State::TESTS_PRE, "once more").unwrap());
    assert!(!queue.kick(&id("nobody"), &State::NEW, "").unwrap());
    let kicked = look(&queue, &order);
    assert_eq!((kicked.state, kicked.history.setbacks.len()), (State::TESTS_PRE, 0));
    assert_eq!(kicked.history.generation, 2, "a kick gives out no generation");
    assert_eq!(ready(&queue, &State::TESTS_PRE), ["a"]);
}

pub(super) fn an_archived_order_is_gone_and_a_claimed_one_is_not_archived(world: &mut dyn World) {
    let (queue, worker) = (world.queue(), world.hire());
    let order = make(&queue, "a");
    let held = claim(&queue, &order, &State::NEW, &worker);
    assert_eq!(queue.archive(&order).unwrap_err().kind(), Fault::Usage);
    drop(held);
    assert!(queue.archive(&order).unwrap());
    assert!(!queue.archive(&order).unwrap());
    assert!(queue.look(&order).unwrap().is_none());
    assert_eq!(queue.list().unwrap().orders, []);
    assert_eq!(ready(&queue, &State::NEW), [""; 0]);
    // The name is free again, and twice in the archive is fine.
    drop(make(&queue, "a"));
    assert!(queue.archive(&order).unwrap());
}

pub(super) fn what_is_ready_comes_by_priority(world: &mut dyn World) {
    let queue = world.queue();
    for (name, priority) in [("low", "8"), ("soon", "high"), ("plain", "normal"), ("now", "0")] {
        let priority = Priority::parse(priority).unwrap();
        let request = Request { priority, ..Request::titled(name) };
        assert_eq!(queue.create(&id(name), &request).unwrap(), Created::Made);
    }
    assert_eq!(ready(&queue, &State::NEW), ["now", "soon", "plain", "low"]);
    let two: Vec<String> =
        queue.ready(&State::NEW, 2).unwrap().into_iter().map(String::from).collect();
    assert_eq!(two, ["now", "soon"]);
}

pub(super) fn a_lost_index_is_made_again_by_a_sweep(world: &mut dyn World) {
    let (queue, worker) = (world.queue(), world.hire());
    for name in ["a", "b-held", "c-claimed", "d-moved"] {
        make(&queue, name);
    }
    assert!(queue.hold(&id("b-held"), "").unwrap());
    let held = claim(&queue, &id("c-claimed"), &State::NEW, &worker);
    world.write_state(&id("d-moved"), &State::IMPL);
    world.lose_index();
    let swept = queue.sweep().unwrap();
    assert_eq!((swept.orders, swept.broken.len()), (4, 0));
    assert_eq!(ready(&queue, &State::NEW), ["a"]);
    assert_eq!(ready(&queue, &State::IMPL), ["d-moved"]);
    let again = queue.sweep().unwrap();
    assert_eq!((again.added, again.removed), (0, 0), "a second sweep finds nothing to do");
    drop(held);
    let mut names = ready(&queue, &State::NEW);
    names.sort();
    assert_eq!(names, ["a", "c-claimed"]);
}

pub(super) fn a_state_nobody_knows_is_refused(world: &mut dyn World) {
    let (queue, worker) = (world.queue(), world.hire());
    let order = make(&queue, "a");
    let nowhere = State::parse("NOWHERE").unwrap();
    assert_eq!(queue.kick(&order, &nowhere, "").unwrap_err().kind(), Fault::Usage);
    let held = claim(&queue, &order, &State::NEW, &worker);
    assert_eq!(held.advance(&forward(nowhere)).unwrap_err().kind(), Fault::Usage);
    // A move that failed gives the order back where it stood.
    assert_eq!(look(&queue, &order).state, State::NEW);
    assert_eq!(ready(&queue, &State::NEW), ["a"]);
}

pub(super) fn a_worker_lives_until_its_guard_is_dropped(world: &mut dyn World) {
    let queue = world.queue();
    let one = queue.enlist("spec").unwrap();
    let other = queue.enlist("spec").unwrap();
    assert_ne!(one.worker, other.worker);
    let worker = one.worker.clone();
    assert!(queue.lives(&worker).unwrap());
    let order = make(&queue, "a");
    let held = claim(&queue, &order, &State::NEW, &worker);
    assert_eq!(queue.recover(&|_| true).unwrap(), []);
    drop(one);
    assert!(!queue.lives(&worker).unwrap() && queue.lives(&other.worker).unwrap());
    assert_eq!(queue.recover(&|_| true).unwrap().len(), 1);
    drop(held);
}

pub(super) fn what_a_worker_could_not_give_back_it_gives_back_later(world: &mut dyn World) {
    let other = world.hire();
    let queue = world.queue();
    let (order, others) = (make(&queue, "a"), make(&queue, "b"));
    let enlisted = queue.enlist("spec").unwrap();
    let held = claim(&queue, &order, &State::NEW, &enlisted.worker);
    let theirs = claim(&queue, &others, &State::NEW, &other);
    // Whatever kept it from being given back: the claim stands on record, and nobody has it in hand.
    let back = queue.give_back_all(&enlisted).unwrap();
    assert_eq!(back, [(order.clone(), State::NEW)]);
    assert_eq!(queue.give_back_all(&enlisted).unwrap(), []);
    assert!(lost(&held.advance(&forward(State::TESTS_PRE)).unwrap()));
    let history = look(&queue, &order).history;
    assert!(history.open.is_none() && history.crashes.is_empty() && history.setbacks.is_empty());
    assert_eq!(ready(&queue, &State::NEW), ["a"]);
    assert!(claim(&queue, &order, &State::NEW, &other).generation() > 1);
    assert_eq!(theirs.advance(&forward(State::TESTS_PRE)).unwrap(), Moved::Done);
}

pub(super) fn what_a_person_does_twice_is_done_once(world: &mut dyn World) {
    let worker = world.hire();
    let queue = world.queue();
    let order = make(&queue, "a");
    let held = claim(&queue, &order, &State::NEW, &worker);
    assert!(queue.hold(&order, "wait").unwrap() && queue.hold(&order, "wait").unwrap());
    assert_eq!(look(&queue, &order).hold.as_deref(), Some("wait"));
    assert!(queue.unhold(&order).unwrap() && !queue.unhold(&order).unwrap());
    assert!(queue.kick(&order, &State::IMPL, "again").unwrap());
    assert!(queue.kick(&order, &State::IMPL, "again").unwrap());
    assert!(lost(&held.advance(&forward(State::TESTS_PRE)).unwrap()));
    assert_eq!(look(&queue, &order).state, State::IMPL);
    assert_eq!(ready(&queue, &State::IMPL), ["a"]);
    // One order came of it, to be had once.
    let again = claim(&queue, &order, &State::IMPL, &worker);
    assert!(matches!(skip(&queue, &order, &State::IMPL, &worker), Skip::Claimed(_)));
    assert_eq!(again.advance(&forward(State::PLAYTEST)).unwrap(), Moved::Done);
    assert!(queue.archive(&order).unwrap() && !queue.archive(&order).unwrap());
}

pub(super) fn the_bell_rings_for_its_states_only(world: &mut dyn World) {
    let (queue, worker) = (world.queue(), world.hire());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bell = queue.bell(&[State::TESTS_PRE]).unwrap();
    let order = make(&queue, "a");
    let long = Duration::from_secs(20);
    runtime.block_on(async {
        assert!(!bell.wait(Duration::from_millis(50)).await, "NEW is not its state");
        let held = claim(&queue, &order, &State::NEW, &worker);
        assert_eq!(held.advance(&forward(State::TESTS_PRE)).unwrap(), Moved::Done);
        assert!(bell.wait(long).await);
    });
}
