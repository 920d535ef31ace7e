//! Why the model comes to an end: every step uses up something. A number in several places, the weightiest first, becomes
//! less with each step that anybody takes; so there is no circle, and a run in which nothing more goes wrong comes to rest
//! whatever the order in which its steps are taken.

use super::Protocol;
use super::order::{Finding, Place};
use super::world::{At, Doing, Life, World};

/// What is left of everything that can be used up.
pub(super) type Rank = [u8; 11];

/// What is left in that world.
pub(super) fn rank(model: &Protocol, world: &World) -> Rank {
    let mut rank = Rank::default();
    let [faults, unbuilt, claims, open, unapplied, touched, hands, stopped, marks, steps, wrong] =
        &mut rank;
    *faults = world.left.all();
    for order in &world.orders {
        *unbuilt += match order.place {
            Place::Unused | Place::Kept => 0,
            Place::Named => 1,
            Place::Aside => 2,
            Place::Absent => 3,
        };
        *touched += u8::from(order.touched);
        *marks += order.marks.count_ones() as u8;
        if order.place == Place::Unused {
            continue;
        }
        let seen = order.journal.seen();
        let finding = order.find(&model.rules);
        *claims += model.claims.saturating_sub(seen.generation);
        *open += u8::from(seen.open.is_some());
        *unapplied += u8::from(!matches!(finding, Finding::Stands(_)));
        let free = seen.open.is_none() && !order.hold;
        let right = if free { finding.word().bit() } else { 0 };
        *wrong += (order.markers ^ right).count_ones() as u8;
    }
    for worker in &world.workers {
        *stopped += u8::from(worker.life == Life::Stopped);
        *hands += u8::from(worker.hand.is_some());
        let Some(op) = worker.op else { continue };
        let to_come = matches!(op.doing, Doing::Claim(_)) && op.at <= At::Written;
        *hands += u8::from(to_come);
        *steps += match op.at {
            At::Redone | At::Noted => 5,
            At::Written => 4,
            At::Synced => 3,
            At::Renamed => 2,
            At::Kept => 1,
        };
    }
    rank
}
