//! The whole world of the model: orders, workers, and what may still go wrong. Workers of one kind, and orders of one kind,
//! are told apart by what they do only: of all worlds that differ in their names, one stands for all.

use super::order::{Generation, Id, Order, Word};

/// The most orders and workers of any model.
pub(super) const ORDERS: usize = 2;
pub(super) const WORKERS: usize = 3;

/// How a worker process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Life {
    /// Not part of this model.
    Unused,
    Alive,
    /// Stopped (SIGSTOP): alive, and doing nothing until it is resumed.
    Stopped,
    Dead,
}

/// An order in a worker's hands: its agent works on it. Of a dead worker: its agent lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Hand {
    pub(super) order: u8,
    pub(super) generation: Generation,
    pub(super) word: Word,
    /// The oracle's: a person has taken the order from it by an edit, and it has not heard yet.
    pub(super) void: bool,
}

/// What a worker does under an order's lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Doing {
    Claim(Word),
    Advance,
    Release,
    /// Taking back the claim of a dead worker.
    Orphan(Id),
}

/// How far it is with that. Each step is one system call, or several between which nobody could tell a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum At {
    /// `.state` was redone by rename; its folder is not synced.
    Redone,
    /// An edit was noted in the journal; not synced.
    Noted,
    /// The entry is written; not synced.
    Written,
    /// The entry is synced.
    Synced,
    /// `.state` is renamed; its folder is not synced.
    Renamed,
    /// The folder is synced; markers are still to be made.
    Kept,
}

/// An operation under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Op {
    pub(super) doing: Doing,
    pub(super) order: u8,
    pub(super) at: At,
}

/// A worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Worker {
    pub(super) id: Id,
    pub(super) life: Life,
    pub(super) hand: Option<Hand>,
    pub(super) op: Option<Op>,
}

/// What may still happen, so many times each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Chances {
    pub(super) crashes: u8,
    pub(super) power_cuts: u8,
    pub(super) stops: u8,
    pub(super) edits: u8,
    pub(super) holds: u8,
}

/// A promise that a step has broken, as a bit. What a state shows is looked at in the state.
pub(super) mod breach {
    /// A move that is not legal.
    pub(in super::super) const MOVE: u8 = 1;
    /// An effect that was accepted without the current claim.
    pub(in super::super) const STALE: u8 = 2;
    /// A generation that was given twice.
    pub(in super::super) const REUSED: u8 = 4;
    /// A second move under one generation.
    pub(in super::super) const TWICE: u8 = 8;
    /// A claim on an order that was on hold when it was looked at.
    pub(in super::super) const HELD: u8 = 16;
}

/// Everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct World {
    pub(super) orders: [Order; ORDERS],
    pub(super) workers: [Worker; WORKERS],
    pub(super) left: Chances,
    pub(super) breaches: u8,
}

impl World {
    /// True while the worker of that id lives; a stopped one does.
    pub(super) fn lives(&self, id: Id) -> bool {
        let alive = |worker: &&Worker| matches!(worker.life, Life::Alive | Life::Stopped);
        self.workers.iter().filter(alive).any(|worker| worker.id == id)
    }

    /// True when something of a dead worker still runs.
    pub(super) fn left_running(&self, id: Id) -> bool {
        let its = self.workers.iter().find(|worker| worker.id == id);
        its.is_some_and(|worker| worker.life == Life::Dead && worker.hand.is_some())
    }

    /// True when a worker stands by that has nothing else to do.
    pub(super) fn anybody_idle(&self) -> bool {
        self.workers.iter().any(Worker::is_idle)
    }

    /// The one world that stands for all that differ from this one in names only.
    pub(super) fn canonical(&self) -> Self {
        let named = Self { orders: self.orders.map(Order::renumbered), ..*self };
        let count = self.workers.iter().filter(|worker| worker.life != Life::Unused).count();
        let mut least = named;
        for slots in permutations(count) {
            for swap in [false, true] {
                least = least.min(named.renamed(slots, count as u8, swap));
            }
        }
        least
    }

    /// The same world with its workers in other slots, and its orders swapped.
    fn renamed(&self, slots: [u8; WORKERS], count: u8, swap: bool) -> Self {
        let slot = |old: u8| slots[usize::from(old)];
        let id = |old: Id| slot(old % count) + old / count * count;
        let order = |old: u8| if swap { 1 - old } else { old };
        let mut world = *self;
        for (n, old) in self.orders.iter().enumerate() {
            world.orders[usize::from(order(n as u8))] = old.renamed(id, slot);
        }
        for (n, old) in self.workers.iter().enumerate() {
            let mut worker = *old;
            if worker.life != Life::Unused {
                worker.id = id(worker.id);
            }
            if let Some(hand) = &mut worker.hand {
                hand.order = order(hand.order);
            }
            if let Some(op) = &mut worker.op {
                op.order = order(op.order);
                if let Doing::Orphan(dead) = &mut op.doing {
                    *dead = id(*dead);
                }
            }
            world.workers[usize::from(slot(n as u8))] = worker;
        }
        world
    }
}

impl Worker {
    /// True when it lives, moves, and has nothing in hand or under way.
    pub(super) fn is_idle(&self) -> bool {
        self.life == Life::Alive && self.hand.is_none() && self.op.is_none()
    }
}

/// The ways to order the first `count` slots; the others stay.
fn permutations(count: usize) -> impl Iterator<Item = [u8; WORKERS]> {
    const ALL: [[u8; WORKERS]; 6] =
        [[0, 1, 2], [1, 0, 2], [0, 2, 1], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    ALL.into_iter().filter(move |slots| (count..WORKERS).all(|n| usize::from(slots[n]) == n))
}
