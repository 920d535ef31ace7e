//! Runs of the checker: how far the model is explored, and that it misses each rule it is made without.

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use super::Protocol;
use super::promises::{
    CURRENT, GROWS, LEGAL, ONCE, ONE_OWNER, PERSON, PLACE, READY, READY_SOONER, REPORTED,
};
use super::rules::Rules;
use super::world::Chances;

const fn chances(crashes: u8, power_cuts: u8, stops: u8, edits: u8, holds: u8) -> Chances {
    Chances { crashes, power_cuts, stops, edits, holds }
}

const fn protocol(orders: usize, workers: usize, claims: u8, chances: Chances) -> Protocol {
    Protocol { orders, workers, claims, chances, rules: Rules::ALL }
}

/// Two workers and one order, everything once: what every change is held to.
const SMALL: Protocol = protocol(1, 2, 2, chances(1, 1, 1, 1, 1));
/// The same when a person edits twice.
const EDITED_TWICE: Protocol = protocol(1, 2, 2, chances(0, 1, 0, 2, 0));

/// Three workers and two orders, everything but a hold once: every way of theirs.
pub(super) const FULL: Protocol = protocol(2, 3, 2, chances(1, 1, 1, 1, 0));
/// A hold as well, while each order is claimed once.
const HELD: Protocol = protocol(2, 3, 1, chances(1, 1, 1, 1, 1));
/// One order and three workers, nearly everything twice: recovery of a recovery, a power cut after a power cut.
const TWICE: Protocol = protocol(1, 3, 3, chances(2, 2, 1, 1, 1));
/// And an edit over an edit.
const ALL_TWICE: Protocol = protocol(1, 3, 3, chances(2, 2, 1, 2, 1));

/// The large ones, by name.
const LARGE: [(&str, Protocol); 4] = [
    ("two orders, three workers, everything but a hold once", FULL),
    ("two orders, three workers, everything once, each claimed once", HELD),
    ("one order, three workers, nearly everything twice", TWICE),
    ("one order, three workers, edits twice as well", ALL_TWICE),
];

/// Explores a model to its end: how much that was, in words, and its states.
fn explored(model: Protocol) -> (String, usize) {
    let begun = Instant::now();
    let checker = model.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    assert!(checker.is_done(), "it was not explored to its end");
    let states = checker.unique_state_count();
    let Protocol { claims, chances, .. } = model;
    let Chances { crashes, power_cuts, stops, edits, holds } = chances;
    let told = format!(
        "{states} states, all looked at, depth {}, {:.1} s; {claims} claims of each order, crashes {crashes}, power cuts \
         {power_cuts}, stops {stops}, edits {edits}, holds {holds}",
        checker.max_depth(),
        begun.elapsed().as_secs_f64()
    );
    println!("model: {told}");
    (told, states)
}

/// Explores the large models to their ends, but for the first so many: what each is, how much that was, and its states.
pub(crate) fn explore_large(
    without_first: usize,
) -> impl Iterator<Item = (&'static str, String, usize)> {
    LARGE.into_iter().skip(without_first).map(|(what, model)| {
        let (told, states) = explored(model);
        (what, told, states)
    })
}

/// True when a model without a rule breaks that promise.
fn breaks(promise: &'static str, model: Protocol) -> bool {
    let until = HasDiscoveries::AnyOf([promise].into());
    let checker = model.checker().threads(2).finish_when(until).spawn_bfs().join();
    let way = checker.discovery(promise);
    let steps = way.map(|way| way.into_actions().len());
    println!("{promise}: broken after {steps:?} steps");
    steps.is_some()
}

/// A rule, by what a model is without it.
type Without = fn(&mut Rules);

/// Each rule, the promise that is broken without it, and where that is seen.
const PAIRS: [(&str, Without, &str, Protocol); 20] = [
    ("place_is_synced", |r| r.place_is_synced = false, PLACE, SMALL),
    ("journal_comes_first", |r| r.journal_comes_first = false, LEGAL, SMALL),
    ("redo_is_synced", |r| r.redo_is_synced = false, LEGAL, SMALL),
    ("edit_is_synced", |r| r.edit_is_synced = false, LEGAL, SMALL),
    ("old_files_are_known", |r| r.old_files_are_known = false, LEGAL, SMALL),
    ("replaced_is_synced", |r| r.replaced_is_synced = false, LEGAL, EDITED_TWICE),
    ("only_the_dead_lose", |r| r.only_the_dead_lose = false, ONE_OWNER, SMALL),
    ("processes_end_first", |r| r.processes_end_first = false, ONE_OWNER, SMALL),
    ("claim_is_checked", |r| r.claim_is_checked = false, CURRENT, SMALL),
    ("claim_is_synced", |r| r.claim_is_synced = false, GROWS, SMALL),
    ("generations_go_on", |r| r.generations_go_on = false, GROWS, SMALL),
    ("generations_go_on", |r| r.generations_go_on = false, ONCE, SMALL),
    ("move_is_synced", |r| r.move_is_synced = false, REPORTED, SMALL),
    ("mark_comes_first", |r| r.mark_comes_first = false, READY, SMALL),
    ("mark_comes_first", |r| r.mark_comes_first = false, READY_SOONER, SMALL),
    ("marker_goes_last", |r| r.marker_goes_last = false, READY, SMALL),
    ("marker_goes_last", |r| r.marker_goes_last = false, READY_SOONER, SMALL),
    ("redo_heeds_the_file", |r| r.redo_heeds_the_file = false, PERSON, SMALL),
    ("rename_heeds_the_file", |r| r.rename_heeds_the_file = false, PERSON, SMALL),
    ("holds_are_heeded", |r| r.holds_are_heeded = false, PERSON, SMALL),
];

#[test]
fn one_order_and_two_workers_keep_every_promise() {
    for model in [SMALL, EDITED_TWICE] {
        let (_, states) = explored(model);
        assert!(states > 1_000, "{states}");
    }
}

#[test]
fn a_protocol_without_one_of_its_rules_breaks_a_promise() {
    let kept: Vec<String> = PAIRS
        .iter()
        .filter(|(_, without, promise, model)| {
            let mut lacking = *model;
            without(&mut lacking.rules);
            assert_ne!(lacking.rules, model.rules);
            !breaks(promise, lacking)
        })
        .map(|(rule, _, promise, _)| format!("without {rule} it still holds: {promise}"))
        .collect();
    assert!(kept.is_empty(), "the model would not miss these rules: {kept:#?}");
}
