//! The promises of the queue, as the checker asks for them: by their numbers in `docs/model.md`.

use stateright::{Model as _, Property};

use super::order::{Finding, Word};
use super::rules::Rules;
use super::world::{Hand, Life, World, breach};
use super::{Act, Protocol};

/// Names of the promises.
pub(super) const PLACE: &str = "1 an acknowledged order is there for ever";
pub(super) const LEGAL: &str = "2 moves are legal, and none is invented";
pub(super) const ONE_OWNER: &str = "3 at most one worker or its processes at an order";
pub(super) const CURRENT: &str = "4 effects are accepted with the current generation only";
pub(super) const GROWS: &str = "5 generations only grow, over power loss too";
pub(super) const ONCE: &str = "6 one move per generation";
pub(super) const REPORTED: &str = "7 what was reported done survives power loss";
pub(super) const READY: &str = "8 it comes to rest with every order ready or at its end";
pub(super) const PERSON: &str = "12 a person's edit or hold is never undone";
/// The same as the eighth, of every state in which nothing more happens by itself: not only of the last of all.
pub(super) const READY_SOONER: &str =
    "8a whenever nothing more happens by itself, every order is ready";

/// And that it comes to rest at all: `rank.rs` says why this suffices.
pub(super) const RESTS: &str = "8b every step uses up something, so nothing goes on for ever";

/// All of them.
pub(super) fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always(PLACE, |_, world: &World| {
            world.orders.iter().all(|order| !order.announced || order.is_there())
        }),
        Property::always(LEGAL, |model, world: &World| {
            unbroken(world, breach::MOVE) && !invented(model, world)
        }),
        Property::always(ONE_OWNER, |_, world: &World| one_owner(world)),
        Property::always(CURRENT, |_, world: &World| unbroken(world, breach::STALE)),
        Property::always(GROWS, |_, world: &World| {
            let lost =
                world.orders.iter().any(|order| order.handed > order.journal.seen().generation);
            unbroken(world, breach::REUSED) && !lost
        }),
        Property::always(ONCE, |_, world: &World| unbroken(world, breach::TWICE)),
        Property::always(REPORTED, |_, world: &World| {
            world.orders.iter().all(|order| order.reported <= order.journal.seen().advanced)
        }),
        Property::always(PERSON, |model, world: &World| {
            let kept = |edit: Word, stands: Finding| stands.word() == edit;
            let undone =
                world.orders.iter().filter(|order| order.is_there()).any(|order| {
                    order.edit.is_some_and(|edit| !kept(edit, order.find(&model.rules)))
                });
            unbroken(world, breach::HELD) && !undone
        }),
        Property::always(READY_SOONER, |model, world: &World| {
            !at_rest(model, world) || ready(world)
        }),
        Property::always(RESTS, |_, world: &World| unbroken(world, breach::IDLE)),
        Property::eventually(READY, |model, world: &World| at_rest(model, world) && ready(world)),
    ]
}

fn unbroken(world: &World, breach: u8) -> bool {
    world.breaches & breach == 0
}

/// An order that seems to have been edited by a person, and was not.
fn invented(model: &Protocol, world: &World) -> bool {
    world.orders.iter().filter(|order| order.is_there()).any(|order| {
        matches!(order.find(&model.rules), Finding::Edited(_)) && !order.file.by_person
    })
}

/// Nobody but the holder is at an order: no other worker, and no agent that a dead one left. Whom a person has taken the
/// order from by an edit learns it at its next word, and counts no more.
fn one_owner(world: &World) -> bool {
    let hands = || world.workers.iter().filter(|w| w.life != Life::Unused).filter_map(|w| w.hand);
    let counts = |hand: &Hand| !hand.void;
    let at = |order: usize| {
        hands().filter(counts).filter(|hand| usize::from(hand.order) == order).count()
    };
    (0..world.orders.len()).all(|order| at(order) <= 1)
}

/// True when nothing more happens unless something goes wrong or a person steps in.
fn at_rest(model: &Protocol, world: &World) -> bool {
    let mut acts: Vec<Act> = Vec::new();
    model.actions(world, &mut acts);
    !acts.into_iter().any(|act| act.is_ours() && model.after(world, act).is_some())
}

/// Every order is free, and the index leads to it, unless it is at its end or on hold.
fn ready(world: &World) -> bool {
    world.orders.iter().filter(|order| order.is_there()).all(|order| {
        let stands = order.find(&Rules::ALL).word();
        let free = order.lock.is_none() && order.journal.seen().open.is_none();
        let found = order.markers & stands.bit() != 0 || stands == Word::Done || order.hold;
        free && found
    })
}
