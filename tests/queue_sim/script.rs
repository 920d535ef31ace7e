//! A history as a script: who does what, and what strikes at which call. What a failing seed is shrunk to, and read by people.

use std::fmt;

use shopfloor::queue::files::machine::Errno;

use super::tree::Mode;

/// One thing an actor does. Numbers choose among what is there, counted round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Looks into the index of a stage and claims what it tells of.
    Take(usize),
    /// Claims an order by its name, past the index.
    Claim { order: usize, from: usize },
    /// Moves an order it holds: on, back or to FAILED.
    Advance { held: usize, way: Way, keep: bool },
    /// Gives an order back, charged to somebody.
    Release { held: usize, class: usize },
    /// Writes a remark.
    Note { held: usize, topic: usize },
    /// Gives an order up.
    Bury { held: usize },
    /// Lets a claim fall.
    Drop { held: usize },
    /// Looks for dead workers; the undertaker does not come off when `refuses`.
    Recover { refuses: bool },
    /// Sweeps.
    Sweep,
    /// Mends the index.
    Mend,
    /// Gives back what it still holds on record.
    GiveBack,
    /// Ends in good order and works on as another worker.
    Again,
    /// Makes an order.
    Create { order: usize },
    /// Makes two orders, on hold.
    CreateAll { order: usize },
    /// Puts an order on hold, by the queue.
    Hold { order: usize },
    /// Takes a hold away, by the queue.
    Unhold { order: usize },
    /// Moves an order, by the queue.
    Kick { order: usize, to: usize },
    /// Puts an order into the archive.
    Archive { order: usize },
    /// Looks at an order.
    Look { order: usize },
    /// Looks at all orders.
    List,
    /// Something by hand, past the queue.
    Hand { order: usize, what: Hand },
    /// Waits, milliseconds.
    Wait(u32),
}

/// Which way an order goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    On,
    Back,
}

/// What a person does by hand in an order's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hand {
    /// `echo WORD > .state`
    Echo(usize),
    /// An editor: a new file renamed over `.state`.
    Edit(usize),
    /// `echo why > .hold`
    Hold,
    /// `rm .hold`
    Unhold,
    /// `rm -r`
    Delete,
    /// `mv` out of the queue.
    MoveAway,
    /// `mv` back into the queue.
    MoveBack,
    /// `cp -r x y`
    Copy,
    /// `cp -r x /elsewhere`
    Backup,
    /// `rm -r x; cp -r /elsewhere x`
    Restore,
    /// `mkdir x`, with or without `.state`.
    Make(usize),
    /// `mv events.jsonl events.jsonl.bad`
    NoJournal,
    /// `rm .lock`
    NoLock,
    /// `rm -r .floor/ready`
    NoIndex,
    /// `touch .floor/ready/STATE/...`
    Marker(usize),
    /// `ln -s` in the place of a file, or of the whole order.
    Link(usize),
    /// Another priority in `order.json`.
    Priority(usize),
}

/// What strikes an actor at one of its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strike {
    /// Another actor goes on.
    Switch(usize),
    /// It is stopped (SIGSTOP) until nobody else can go on.
    Stop,
    /// `kill -9`
    Kill,
    /// The power is cut.
    Cut,
    /// The call fails, or the next one that can fail so.
    Fail(Errno),
    /// A write breaks off after so many bytes, the disk is full.
    Short(usize),
    /// The disk is full for so many of its calls.
    Full(u32),
    /// The wall clock jumps, seconds.
    Jump(i64),
}

/// What an actor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A worker process.
    Worker,
    /// The launcher: recovers and sweeps, claims nothing.
    Launcher,
    /// A person with the commands and with a shell.
    Person,
}

/// One actor: what it does in order, and what strikes it at which of its calls (counted from 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Actor {
    pub(crate) role: Role,
    pub(crate) deeds: Vec<Deed>,
    pub(crate) strikes: Vec<(u32, Strike)>,
}

impl Actor {
    pub(crate) fn new(role: Role, deeds: Vec<Deed>, strikes: Vec<(u32, Strike)>) -> Self {
        Self { role, deeds, strikes }
    }
}

/// From one start of the machine to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Boot {
    pub(crate) actors: Vec<Actor>,
}

impl Boot {
    /// A boot for each of these, one after the other.
    pub(crate) fn each(actors: impl IntoIterator<Item = Actor>) -> Vec<Self> {
        actors.into_iter().map(|actor| Self { actors: vec![actor] }).collect()
    }
}

/// A whole history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) mode: Mode,
    /// Inode numbers are used again.
    pub(crate) reuse: bool,
    /// Orders that are there at the beginning.
    pub(crate) orders: usize,
    pub(crate) boots: Vec<Boot>,
}

impl Script {
    /// How much there is in it: what shrinking makes smaller.
    pub(crate) fn size(&self) -> usize {
        let actors = self.boots.iter().flat_map(|boot| &boot.actors);
        let parts = actors.map(|actor| 1 + actor.deeds.len() + actor.strikes.len());
        self.orders + self.boots.len() + parts.sum::<usize>()
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, mode, reuse, orders, .. } = self;
        let reuse = if *reuse { ", inode numbers used again" } else { "" };
        writeln!(f, "seed {seed}: {orders} orders at the beginning, disk {mode:?}{reuse}")?;
        for (number, boot) in self.boots.iter().enumerate() {
            writeln!(f, "boot {number}")?;
            for (slot, actor) in boot.actors.iter().enumerate() {
                writeln!(f, "  actor {slot}, {:?}", actor.role)?;
                for deed in &actor.deeds {
                    writeln!(f, "    {deed:?}")?;
                }
                for (call, strike) in &actor.strikes {
                    writeln!(f, "    at its call {call}: {strike:?}")?;
                }
            }
        }
        Ok(())
    }
}
