//! Runs of the checker: how far the model is explored, and that it misses each rule it is made without.

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use super::Protocol;
use super::promises::{
    CURRENT, GROWS, LEGAL, ONCE, ONE_OWNER, PERSON, PLACE, READY, READY_SOONER, REPORTED,
};
use super::rules::Rules;
use super::world::Chances;

/// Two workers and one order, everything once.
const SMALL: Protocol = Protocol {
    orders: 1,
    workers: 2,
    claims: 2,
    chances: Chances { crashes: 1, power_cuts: 1, stops: 1, edits: 1, holds: 1 },
    rules: Rules::ALL,
};

/// Explores a model to its end and prints how many states it has.
fn explored(model: Protocol, threads: usize) -> usize {
    let begun = Instant::now();
    let checker = model.checker().threads(threads).spawn_bfs().join();
    checker.assert_properties();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    let Protocol { orders, workers, claims, chances, .. } = model;
    println!(
        "model: {states} states, all looked at; {orders} orders, {workers} workers, {claims} claims of each, {chances:?}; \
         the longest way has {depth} steps; {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    states
}

#[test]
fn one_order_and_two_workers_keep_every_promise() {
    let states = explored(SMALL, 2);
    assert!(states > 1_000, "{states}");
}

/// True when a model without a rule breaks that promise.
fn breaks(promise: &'static str, without: fn(&mut Rules)) -> bool {
    let mut model = SMALL;
    without(&mut model.rules);
    let until = HasDiscoveries::AnyOf([promise].into());
    let checker = model.checker().threads(2).finish_when(until).spawn_bfs().join();
    let way = checker.discovery(promise);
    let steps = way.as_ref().map(|way| way.clone().into_actions().len());
    println!("{promise}: broken after {steps:?} steps");
    way.is_some()
}

#[test]
fn a_protocol_without_one_of_its_rules_breaks_a_promise() {
    type Without = fn(&mut Rules);
    let rules: [(&str, Without); 19] = [
        (PLACE, |r| r.place_is_synced = false),
        (LEGAL, |r| r.journal_comes_first = false),
        (LEGAL, |r| r.redo_is_synced = false),
        (LEGAL, |r| r.edit_is_synced = false),
        (LEGAL, |r| r.old_files_are_known = false),
        (ONE_OWNER, |r| r.only_the_dead_lose = false),
        (ONE_OWNER, |r| r.processes_end_first = false),
        (CURRENT, |r| r.claim_is_checked = false),
        (GROWS, |r| r.claim_is_synced = false),
        (GROWS, |r| r.generations_go_on = false),
        (ONCE, |r| r.generations_go_on = false),
        (REPORTED, |r| r.move_is_synced = false),
        (READY, |r| r.mark_comes_first = false),
        (READY_SOONER, |r| r.mark_comes_first = false),
        (READY, |r| r.marker_goes_last = false),
        (READY_SOONER, |r| r.marker_goes_last = false),
        (PERSON, |r| r.redo_heeds_the_file = false),
        (PERSON, |r| r.rename_heeds_the_file = false),
        (PERSON, |r| r.holds_are_heeded = false),
    ];
    for (promise, without) in rules {
        println!("{}", breaks(promise, without));
    }
}

#[test]
#[ignore]
fn sizes() {
    let chances = |crashes, power_cuts, stops, edits, holds| Chances {
        crashes,
        power_cuts,
        stops,
        edits,
        holds,
    };
    for (orders, workers, claims, chances) in [
        (2, 3, 1, chances(1, 1, 1, 0, 0)),
        (2, 3, 1, chances(1, 1, 0, 1, 0)),
        (2, 3, 2, chances(1, 1, 0, 0, 0)),
        (2, 3, 1, chances(1, 1, 1, 1, 0)),
    ] {
        explored(Protocol { orders, workers, claims, chances, rules: Rules::ALL }, 2);
    }
}
