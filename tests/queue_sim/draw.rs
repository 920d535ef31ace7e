//! A script drawn from a seed. Everything that chance decides is decided here, or by the seed that stands in the script.

use fastrand::Rng;
use shopfloor::queue::files::machine::Errno;

use super::cast::MOST;
use super::script::{Actor, Boot, Deed, Hand, Role, Script, Strike, Way};
use super::tree::Mode;

/// What a history is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// A mixture of everything.
    Mixed,
    /// The power is cut in every history: to see what a sync is for.
    Cuts,
}

/// The most calls within which something strikes an actor.
const CALLS: u32 = 150;

/// The script of `seed`.
pub(crate) fn script(seed: u64, weather: Weather) -> Script {
    let mut chance = Rng::with_seed(seed ^ 0x5109_f100_0a4d_e2c1);
    let rng = &mut chance;
    let mode = *pick(rng, &[Mode::Journal, Mode::Folders, Mode::Writeback]);
    let reuse = rng.u32(..4) == 0;
    let orders = *pick(rng, &[0, 1, 1, 1, 2, 2, 3]);
    // What a history is about: none has everything, so that what it has meets more often.
    let mood = Mood {
        people: rng.u32(..3) != 0,
        hands: rng.u32(..3) == 0,
        errors: rng.u32(..3) == 0,
        kills: rng.u32(..2) == 0,
        cuts: weather == Weather::Cuts || rng.u32(..2) == 0,
        eager: rng.u32(..8) == 0,
        names: if rng.bool() { orders.max(1) } else { 4 },
    };
    let count = if mood.cuts { rng.usize(2..=3) } else { *pick(rng, &[1, 1, 2]) };
    let boots = (0..count).map(|number| boot(rng, &mood, number + 1 < count)).collect();
    Script { seed, mode, reuse, orders, boots }
}

#[derive(Debug)]
struct Mood {
    people: bool,
    hands: bool,
    errors: bool,
    kills: bool,
    cuts: bool,
    eager: bool,
    /// How many names of orders are used.
    names: usize,
}

fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(..from.len())]
}

fn boot(rng: &mut Rng, mood: &Mood, not_the_last: bool) -> Boot {
    let mut actors = Vec::new();
    for _ in 0..rng.usize(1..=3) {
        actors.push(actor(rng, mood, Role::Worker));
    }
    if rng.u32(..3) == 0 {
        actors.push(actor(rng, mood, Role::Launcher));
    }
    if mood.people && actors.len() < MOST {
        actors.push(actor(rng, mood, Role::Person));
    }
    rng.shuffle(&mut actors);
    let count = actors.len();
    for actor in &mut actors {
        strikes(rng, mood, actor, count);
    }
    if mood.cuts && (not_the_last || rng.bool()) {
        let (slot, at) = (rng.usize(..count), call(rng));
        actors[slot].strikes.push((at, Strike::Cut));
    }
    for actor in &mut actors {
        actor.strikes.sort_by_key(|(at, _)| *at);
    }
    Boot { actors }
}

fn call(rng: &mut Rng) -> u32 {
    let within = *pick(rng, &[30, 80, CALLS]);
    rng.u32(1..=within)
}

fn strikes(rng: &mut Rng, mood: &Mood, actor: &mut Actor, count: usize) {
    let mut add = |rng: &mut Rng, strike: Strike| actor.strikes.push((call(rng), strike));
    let switches = if mood.eager { rng.usize(10..60) } else { rng.usize(0..8) };
    for _ in 0..switches {
        let to = rng.usize(..count);
        add(rng, Strike::Switch(to));
    }
    if rng.u32(..12) == 0 {
        add(rng, Strike::Stop);
    }
    if rng.u32(..8) == 0 {
        let seconds = *pick(rng, &[-3600, -1, 1, 700, 86_400, -86_400 * 30, 86_400 * 400]);
        add(rng, Strike::Jump(seconds));
    }
    if mood.kills && rng.bool() {
        add(rng, Strike::Kill);
    }
    if mood.errors {
        for _ in 0..rng.usize(0..3) {
            let errors = [
                Errno::NOSPC,
                Errno::IO,
                Errno::IO,
                Errno::DQUOT,
                Errno::ROFS,
                Errno::MFILE,
                Errno::ACCESS,
                Errno::INTR,
                Errno::NOLCK,
            ];
            let strike = match rng.u32(..4) {
                0 => Strike::Short(rng.usize(..200)),
                1 => Strike::Full(rng.u32(1..40)),
                _ => Strike::Fail(*pick(rng, &errors)),
            };
            add(rng, strike);
        }
    }
}

fn actor(rng: &mut Rng, mood: &Mood, role: Role) -> Actor {
    let count = rng.usize(1..=6);
    let deeds = (0..count).map(|at| match role {
        Role::Worker => worker_does(rng, mood, at),
        Role::Launcher => launcher_does(rng),
        Role::Person => person_does(rng, mood),
    });
    Actor::new(role, deeds.collect(), Vec::new())
}

fn way(rng: &mut Rng) -> Way {
    if rng.u32(..4) == 0 { Way::Back } else { Way::On }
}

fn worker_does(rng: &mut Rng, mood: &Mood, at: usize) -> Deed {
    let held = rng.usize(..2);
    // Orders begin in NEW: most looks are there or one stage further.
    let stage = *pick(rng, &[0, 0, 0, 0, 1, 1, 2, 6]);
    if at == 0 {
        return match rng.bool() {
            true => Deed::Take(0),
            false => Deed::Claim { order: rng.usize(..mood.names), from: 0 },
        };
    }
    match rng.u32(..20) {
        0..4 => Deed::Take(stage),
        4 => Deed::Claim { order: rng.usize(..mood.names), from: stage },
        5..10 => Deed::Advance { held, way: way(rng), keep: rng.u32(..3) == 0 },
        10 | 11 => Deed::Release { held, class: rng.usize(..4) },
        12 | 13 => Deed::Note { held, topic: rng.usize(..3) },
        14 => Deed::Bury { held },
        15 => Deed::Drop { held },
        16 => Deed::Recover { refuses: rng.u32(..4) == 0 },
        17 => Deed::Sweep,
        18 => pick(rng, &[Deed::GiveBack, Deed::Again]).clone(),
        _ => Deed::Wait(rng.u32(1..2000)),
    }
}

fn launcher_does(rng: &mut Rng) -> Deed {
    match rng.u32(..8) {
        0..4 => Deed::Recover { refuses: rng.u32(..6) == 0 },
        4 | 5 => Deed::Sweep,
        6 => Deed::Mend,
        _ => Deed::List,
    }
}

fn person_does(rng: &mut Rng, mood: &Mood) -> Deed {
    let order = rng.usize(..mood.names);
    if mood.hands && rng.u32(..3) != 0 {
        return Deed::Hand { order, what: by_hand(rng) };
    }
    match rng.u32(..16) {
        0..3 => Deed::Create { order: rng.usize(..6) },
        3 => Deed::CreateAll { order: rng.usize(..6) },
        4..6 => Deed::Hold { order },
        6..8 => Deed::Unhold { order },
        8 | 9 => Deed::Kick { order, to: rng.usize(..3) },
        10 | 11 => Deed::Archive { order },
        12 | 13 => Deed::Look { order },
        14 => Deed::List,
        _ => Deed::Wait(rng.u32(1..2000)),
    }
}

fn by_hand(rng: &mut Rng) -> Hand {
    let which = rng.usize(..21);
    match rng.u32(..24) {
        0..4 => Hand::Echo(which),
        4..6 => Hand::Edit(which),
        6..8 => Hand::Hold,
        8 => Hand::Unhold,
        9 => Hand::Delete,
        10 => Hand::MoveAway,
        11 => Hand::MoveBack,
        12 => Hand::Copy,
        13 => Hand::Backup,
        14 => Hand::Restore,
        15 | 16 => Hand::Make(which),
        17 => Hand::NoJournal,
        18 => Hand::NoLock,
        19 => Hand::NoIndex,
        20 => Hand::Marker(which),
        21 => Hand::Link(which),
        _ => Hand::Priority(which),
    }
}
