//! A failing script made as small as it can be made while the same promise is still broken.

use super::cast::Cast;
use super::history::{Played, Playing, play};
use super::script::{Actor, Script, Strike};

/// The most plays that one script is worth.
const PLAYS: usize = 4000;

/// The smallest script found, and what came of it.
pub(crate) fn shrink(script: &Script, playing: Playing, cast: &Cast) -> (Script, Played) {
    let quiet = Playing { traced: false, ..playing };
    let promise = play(script, quiet, cast).broken.map(|broken| broken.promise);
    let mut best = script.clone();
    let mut left = PLAYS;
    loop {
        let smaller = candidates(&best).into_iter().take(left).find(|candidate| {
            left -= 1;
            play(candidate, quiet, cast).broken.map(|broken| broken.promise) == promise
        });
        match smaller {
            Some(smaller) => best = smaller,
            None => break,
        }
    }
    let played = play(&best, Playing { traced: true, ..playing }, cast);
    (best, played)
}

/// Everything that is one step smaller, the largest steps first.
fn candidates(script: &Script) -> Vec<Script> {
    let mut found = Vec::new();
    let mut offer = |change: &dyn Fn(&mut Script)| {
        let mut smaller = script.clone();
        change(&mut smaller);
        if smaller.size() < script.size() {
            found.push(smaller);
        }
    };
    for boot in 0..script.boots.len() {
        offer(&|script| drop(script.boots.remove(boot)));
    }
    offer(&|script| script.orders = script.orders.saturating_sub(1));
    for (boot, actors) in script.boots.iter().enumerate() {
        for slot in 0..actors.actors.len() {
            offer(&|script| remove_actor(&mut script.boots[boot].actors, slot));
        }
        for (slot, actor) in actors.actors.iter().enumerate() {
            let parts = (actor.deeds.len(), actor.strikes.len());
            for part in chunks(parts.1) {
                offer(&|script| {
                    drop(script.boots[boot].actors[slot].strikes.drain(part.clone()));
                });
            }
            for part in chunks(parts.0) {
                offer(&|script| drop(script.boots[boot].actors[slot].deeds.drain(part.clone())));
            }
        }
    }
    found
}

/// All of it, halves, and single ones.
fn chunks(length: usize) -> Vec<std::ops::Range<usize>> {
    let half = length / 2;
    let mut parts = vec![0..length, 0..half, half..length];
    parts.extend((0..length).map(|at| at..at + 1));
    parts.retain(|part| !part.is_empty());
    parts
}

/// Takes an actor away; whoever was told to hand over to it does not.
fn remove_actor(actors: &mut Vec<Actor>, slot: usize) {
    let count = actors.len();
    actors.remove(slot);
    for actor in actors {
        actor.strikes.retain_mut(|(_, strike)| match strike {
            Strike::Switch(to) if *to % count == slot => false,
            Strike::Switch(to) => {
                *to %= count;
                *to -= usize::from(*to > slot);
                true
            }
            _ => true,
        });
    }
}
