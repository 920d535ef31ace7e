//! The whole world of the model: orders, workers, and what may still go wrong.

use super::journal::Open;
use super::order::{Generation, Id, Order, Word};

/// The most orders and workers of any model.
pub(super) const ORDERS: usize = 2;
pub(super) const WORKERS: usize = 3;

/// How a worker process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Life {
    Alive,
    /// Stopped (SIGSTOP): alive, and doing nothing until it is resumed.
    Stopped,
    Dead,
    /// Not part of this model.
    Unused,
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

impl Chances {
    /// How much may still go wrong in all.
    pub(super) fn all(self) -> u8 {
        let Self { crashes, power_cuts, stops, edits, holds } = self;
        crashes + power_cuts + stops + edits + holds
    }
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
    /// A step that used up nothing.
    pub(in super::super) const IDLE: u8 = 32;
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
        let worker = self.workers.get(usize::from(id));
        worker.is_some_and(|worker| matches!(worker.life, Life::Alive | Life::Stopped))
    }

    /// True when something of a dead worker still runs.
    pub(super) fn left_running(&self, id: Id) -> bool {
        let its = self.workers.get(usize::from(id));
        its.is_some_and(|worker| worker.life == Life::Dead && worker.hand.is_some())
    }

    /// A person has written `.state`: whoever works on the order under a claim that no longer stands does so in vain. Who
    /// writes another word and then the old one again, before anybody has looked, has changed nothing.
    pub(super) fn void_hands(&mut self, order: usize) {
        let Order { file, journal, .. } = self.orders[order];
        let open = journal.seen().open;
        for (slot, worker) in self.workers.iter_mut().enumerate() {
            let Some(hand) = worker.hand.as_mut().filter(|hand| usize::from(hand.order) == order)
            else {
                continue;
            };
            let stands = Open { generation: hand.generation, by: slot as Id };
            hand.void = open != Some(stands) || file.word != hand.word;
        }
    }

    /// True when a worker stands by that has nothing else to do.
    pub(super) fn anybody_idle(&self) -> bool {
        self.workers.iter().any(Worker::is_idle)
    }
}

impl Worker {
    /// True when it lives, moves, and has nothing in hand or under way.
    pub(super) fn is_idle(&self) -> bool {
        self.life == Life::Alive && self.hand.is_none() && self.op.is_none()
    }
}
