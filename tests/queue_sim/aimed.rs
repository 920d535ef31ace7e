//! Scripts for the syncs that a script drawn at random hardly ever needs: two rare things must come one after the other.

use fastrand::Rng;
use shopfloor::queue::files::machine::{Errno, SyncPoint};

use super::script::{Actor, Boot, Deed, Hand, Role, Script, Strike};
use super::tree::Mode;

/// A script in which `point` may be missed, drawn from `seed`. `None` for the syncs that any script may miss.
pub(crate) fn script(point: SyncPoint, seed: u64) -> Option<Script> {
    let mut rng = Rng::with_seed(seed ^ 0x0a13_ed00_5c21_97b4);
    let actors = match point {
        SyncPoint::EditedName => edited(&mut rng),
        SyncPoint::TakenBack => taken_back(&mut rng),
        _ => return None,
    };
    let modes = [Mode::Journal, Mode::Folders, Mode::Writeback];
    let mode = modes[rng.usize(..modes.len())];
    Some(Script { seed, mode, reuse: rng.bool(), orders: 1, boots: Boot::each(actors) })
}

/// An order that a worker has had is put elsewhere with an editor, and claimed there; the power is cut.
fn edited(rng: &mut Rng) -> Vec<Actor> {
    let to = rng.usize(1..7);
    let had = vec![Deed::Claim { order: 0, from: 0 }, Deed::Drop { held: 0 }];
    let edit = vec![Deed::Hand { order: 0, what: Hand::Edit(to) }];
    let claim = vec![Deed::Claim { order: 0, from: to }, Deed::Look { order: 0 }];
    let strikes = vec![(rng.u32(30..70), Strike::Cut)];
    vec![
        Actor::new(Role::Worker, had, Vec::new()),
        Actor::new(Role::Person, edit, Vec::new()),
        Actor::new(Role::Worker, claim, strikes),
    ]
}

/// Two orders are made at once, which fails in the middle; the power is cut.
fn taken_back(rng: &mut Rng) -> Vec<Actor> {
    // Calls enough for the cut to come after the answer.
    let deeds = [Deed::CreateAll { order: 2 }].into_iter().chain(vec![Deed::List; 20]).collect();
    // Where both are built and the second takes its place.
    let failing = rng.u32(62..66);
    let strikes =
        vec![(failing, Strike::Fail(Errno::ROFS)), (failing + rng.u32(1..20), Strike::Cut)];
    vec![Actor::new(Role::Person, deeds, strikes)]
}
