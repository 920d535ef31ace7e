//! The scenarios of what is set aside, of rolls, and of rank.

use std::sync::Arc;

use shopfloor::order::{Due, Need, OrderId, Request};
use shopfloor::plan::{RollKey, Tally};
use shopfloor::queue::{Created, Move, Queue, Release};
use shopfloor::state::State;

use super::{World, claim, id, look, make, ready};

fn make_with(queue: &Arc<dyn Queue>, name: &str, change: impl FnOnce(&mut Request)) -> OrderId {
    let mut request = Request::titled(name);
    change(&mut request);
    assert_eq!(queue.create(&id(name), &request).unwrap(), Created::Made);
    id(name)
}

fn aside(queue: &Arc<dyn Queue>, name: &OrderId, key: &str) -> bool {
    queue.set_aside(&look(queue, name), key).unwrap()
}

fn needs(name: &str) -> impl FnOnce(&mut Request) {
    let need = Need::try_from(name.to_owned()).unwrap();
    move |request| request.needs = vec![need]
}

pub(crate) fn what_is_wanted_sooner_comes_first_among_equals(world: &mut dyn World) {
    let queue = world.queue();
    make(&queue, "open");
    for (name, secs) in [("later", 2_000_000_000), ("sooner", 1_900_000_000)] {
        make_with(&queue, name, |request| request.due = Due::at(secs));
    }
    assert_eq!(ready(&queue, &State::NEW), ["sooner", "later", "open"]);
}

pub(crate) fn what_is_set_aside_is_ready_again_when_what_it_waits_for_is_there(
    world: &mut dyn World,
) {
    let (queue, worker) = (world.queue(), world.hire());
    let (first, second) = (make(&queue, "first"), make(&queue, "second"));
    assert!(aside(&queue, &second, "first@IMPL"));
    assert_eq!(ready(&queue, &State::NEW), ["first"]);
    assert_eq!(queue.waiting_for(&first).unwrap(), [second]);
    let held = claim(&queue, &first, &State::NEW, &worker);
    let _moved = held.advance(&Move::forward(State::TESTS_PRE, "test")).unwrap();
    let held = claim(&queue, &first, &State::TESTS_PRE, &worker);
    let _moved = held.advance(&Move::forward(State::IMPL, "test")).unwrap();
    assert_eq!(ready(&queue, &State::NEW), ["second"]);
    assert_eq!(queue.waiting_for(&first).unwrap(), []);
}

pub(crate) fn whatever_happens_to_an_order_wakes_those_that_wait_for_it(world: &mut dyn World) {
    let (queue, worker) = (world.queue(), world.hire());
    let (other, order) = (make(&queue, "other"), make(&queue, "order"));
    let waits = |why: &str| {
        assert!(aside(&queue, &order, "other"), "{why}");
        assert!(!ready(&queue, &State::NEW).contains(&"order".to_owned()), "{why}");
    };
    let woken = |why: &str| {
        assert!(ready(&queue, &State::NEW).contains(&"order".to_owned()), "{why}");
    };
    waits("a release");
    let held = claim(&queue, &other, &State::NEW, &worker);
    let _released = held.release(&Release::lost("test")).unwrap();
    woken("a release");
    waits("a hold");
    assert!(queue.hold(&other, "").unwrap());
    woken("a hold");
    waits("the end of a hold");
    assert!(queue.unhold(&other).unwrap());
    woken("the end of a hold");
    waits("a kick");
    assert!(queue.kick(&other, &State::IMPL, "test").unwrap());
    woken("a kick");
    waits("a burial");
    let held = claim(&queue, &other, &State::IMPL, &worker);
    let _buried = held.bury("test").unwrap();
    woken("a burial");
    waits("the archive");
    assert!(queue.archive(&other).unwrap());
    woken("the archive");
    waits("a new one of that name");
    make(&queue, "other");
    woken("a new one of that name");
    waits("by hand");
    assert_eq!(queue.wake("other").unwrap(), 1);
    woken("by hand");
    waits("a death");
    let held = claim(&queue, &other, &State::NEW, &worker);
    world.kill(&worker);
    queue.recover(&|_| true).unwrap();
    woken("a death");
    drop(held);
}

fn of_phase(queue: &Arc<dyn Queue>, name: &str, phase: u32) -> OrderId {
    make_with(queue, name, |request| request.phase = Some(phase))
}

fn first_phase() -> String {
    let mut request = Request::titled("t");
    request.phase = Some(1);
    RollKey::of(&request).remove(0).waiting()
}

pub(crate) fn a_phase_that_opens_wakes_those_that_wait_for_it(world: &mut dyn World) {
    let queue = world.queue();
    let firsts = ["a", "b"].map(|name| of_phase(&queue, name, 1));
    let late = of_phase(&queue, "late", 2);
    assert!(aside(&queue, &late, &first_phase()));
    for first in &firsts {
        assert!(!ready(&queue, &State::NEW).contains(&"late".to_owned()));
        assert!(queue.kick(first, &State::READY_FOR_REVIEW, "test").unwrap());
    }
    assert_eq!(ready(&queue, &State::NEW), ["late"]);
}

pub(crate) fn an_order_an_earlier_phase_waits_for_can_be_roused(world: &mut dyn World) {
    let queue = world.queue();
    let late = of_phase(&queue, "late", 2);
    assert!(!queue.rouse(&look(&queue, &late)).unwrap());
    assert!(aside(&queue, &late, &first_phase()));
    assert!(queue.rouse(&look(&queue, &late)).unwrap());
    assert_eq!(ready(&queue, &State::NEW), ["late"]);
    assert!(aside(&queue, &late, "somebody"));
    assert!(!queue.rouse(&look(&queue, &late)).unwrap(), "it waits for an order, not for a phase");
}

pub(crate) fn rolls_tell_how_phases_and_groups_stand(world: &mut dyn World) {
    let queue = world.queue();
    let in_group = |request: &mut Request, place| {
        request.group = Some("db".to_owned());
        request.sequence = Some(place);
        request.phase = Some(1);
    };
    let second = make_with(&queue, "second", |request| in_group(request, 2));
    let first = make_with(&queue, "first", |request| in_group(request, 1));
    let other = make_with(&queue, "other", |request| {
        (request.phase, request.phase_parallel) = (Some(7), true);
    });
    make_with(&queue, "elsewhere", |request| {
        in_group(request, 3);
        request.source = Some("another plan".to_owned());
    });
    let request = look(&queue, &first).request.unwrap();
    let (plan, group) = (RollKey::plan(&request), RollKey::group(&request).unwrap());
    let phases = || {
        let mut tallies = queue.phases(&plan).unwrap();
        tallies.sort_unstable();
        tallies
    };
    let tally = |phase, parallel, open, done| Tally { phase, parallel, open, done };
    assert_eq!(phases(), [tally(1, false, 2, 0), tally(7, true, 1, 0)]);
    let mut members = queue.members(&group).unwrap();
    members.sort();
    assert_eq!(members, [(1, first.clone()), (2, second.clone())]);
    assert!(queue.kick(&first, &State::READY_FOR_REVIEW, "test").unwrap());
    assert_eq!(queue.members(&group).unwrap(), [(2, second)]);
    assert!(queue.archive(&first).unwrap() && queue.archive(&other).unwrap());
    assert_eq!(phases(), [tally(1, false, 1, 1), tally(7, true, 0, 1)], "put away counts as done");
    make_with(&queue, "late", |request| (request.phase, request.phase_over) = (Some(1), 4));
    assert_eq!(phases()[0], tally(1, false, 2, 5), "four were through before it was made");
    queue.sweep().unwrap();
    assert_eq!(phases(), [tally(1, false, 2, 5), tally(7, true, 0, 1)]);
}

pub(crate) fn only_what_is_ready_is_set_aside(world: &mut dyn World) {
    let (queue, worker) = (world.queue(), world.hire());
    let order = make(&queue, "order");
    let before = look(&queue, &order);
    let held = claim(&queue, &order, &State::NEW, &worker);
    assert!(!queue.set_aside(&before, "other").unwrap(), "somebody has it");
    let _moved = held.advance(&Move::forward(State::TESTS_PRE, "test")).unwrap();
    assert!(!queue.set_aside(&before, "other").unwrap(), "it has moved on");
    assert_eq!(ready(&queue, &State::TESTS_PRE), ["order"]);
}

pub(crate) fn a_sweep_leaves_those_aside_that_still_wait_and_wakes_the_others(
    world: &mut dyn World,
) {
    let queue = world.queue();
    make(&queue, "other");
    let waits = make_with(&queue, "waits", needs("other"));
    let free = make(&queue, "free");
    assert!(aside(&queue, &free, "gone"), "nobody will ever wake it");
    // One that is made while its needs are not met may be set aside from the start.
    let here = ready(&queue, &State::NEW).contains(&"waits".to_owned());
    assert_eq!(aside(&queue, &waits, "other@READY_FOR_REVIEW"), here);
    queue.sweep().unwrap();
    let told = || {
        let mut told = ready(&queue, &State::NEW);
        told.sort();
        told
    };
    assert_eq!(told(), ["free", "other"]);
    assert!(queue.kick(&id("other"), &State::READY_FOR_REVIEW, "test").unwrap());
    assert_eq!(told(), ["free", "waits"]);
}
