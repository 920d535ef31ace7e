//! What a kernel keeps: processes, open files, locks, clocks. One history's state behind the baton.

use std::path::{Component, Path};

use fastrand::Rng;
use shopfloor::queue::files::machine::{Errno, Locking, SyncPoint};

use super::counts::Counts;
use super::oracle::Oracle;
use super::planted::Plant;
use super::script::Strike;
use super::tree::{Body, Node, ROOT, Tree};

/// A file or folder that somebody opened.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) node: Node,
    pub(crate) process: usize,
    pub(crate) at: usize,
    pub(crate) lock: Option<Locking>,
    pub(crate) handles: u32,
}

/// One process that ran or runs.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) start: u64,
    pub(crate) lives: bool,
    /// A person's shell: it is not the queue that acts.
    pub(crate) by_hand: bool,
}

/// Where an actor stands with the scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Waiting,
    Stopped,
    Over,
}

/// What the scheduler knows of one actor.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) turn: Turn,
    pub(crate) calls: u32,
    /// Calls since it is dead.
    pub(crate) ghostly: u32,
    pub(crate) strikes: Vec<(u32, Strike)>,
    pub(crate) next_strike: usize,
    /// An error that waits for a call that can fail so.
    pub(crate) failing: Option<Errno>,
    pub(crate) short: Option<usize>,
    /// Until which of its calls the disk is full.
    pub(crate) full_until: u32,
}

/// The state of one history.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    pub(crate) tree: Tree,
    pub(crate) opened: Vec<Option<Opened>>,
    pub(crate) processes: Vec<Process>,
    pub(crate) slots: Vec<Slot>,
    /// The actor whose turn it is.
    pub(crate) running: usize,
    /// True from a power cut to the next boot.
    pub(crate) off: bool,
    pub(crate) boot: u32,
    /// Nanoseconds since the beginning, whatever the wall clock says.
    pub(crate) elapsed: u64,
    /// The wall clock, seconds since 1970 at the beginning, with all its jumps.
    pub(crate) wall: i64,
    pub(crate) chance: Rng,
    pub(crate) steps: u64,
    pub(crate) hash: u64,
    pub(crate) trace: Option<Vec<String>>,
    pub(crate) without: Option<SyncPoint>,
    pub(crate) plant: Option<Plant>,
    pub(crate) counts: Counts,
    pub(crate) oracle: Oracle,
    /// For names that are used once.
    pub(crate) serial: u64,
    /// Set while a path is followed through a symbolic link.
    pub(crate) followed: bool,
}

/// How fine the times of files are, nanoseconds: a tick of the kernel.
const TICK: u64 = 4_000_000;

impl Kernel {
    /// The time that a file is given now.
    pub(crate) fn mtime(&self) -> i64 {
        let fine = self.elapsed / TICK * TICK;
        self.wall.saturating_mul(1_000_000_000).saturating_add(fine.cast_signed())
    }

    /// The wall clock, whole seconds.
    pub(crate) fn now(&self) -> u64 {
        let now = self.wall + (self.elapsed / 1_000_000_000).cast_signed();
        now.max(0).cast_unsigned()
    }

    /// Where a path leads: the folder its last name is in, that name, and what it leads to.
    pub(crate) fn walk(&mut self, path: &Path) -> Result<(Node, String, Option<Node>), Errno> {
        self.walk_from(ROOT, path, 0)
    }

    fn walk_from(
        &mut self,
        mut at: Node,
        path: &Path,
        depth: u32,
    ) -> Result<(Node, String, Option<Node>), Errno> {
        let mut found = (ROOT, String::new(), Some(ROOT));
        for part in path.components() {
            let name = match part {
                Component::Normal(name) => name.to_str().ok_or(Errno::ILSEQ)?,
                Component::RootDir => {
                    at = ROOT;
                    continue;
                }
                _ => continue,
            };
            if !found.1.is_empty() {
                at = self.enter(found.0, found.2.ok_or(Errno::NOENT)?, depth)?;
            }
            found = (at, name.to_owned(), self.tree.folder(at)?.names.get(name).copied());
        }
        Ok(found)
    }

    /// The folder that `node` is or leads to.
    pub(crate) fn enter(&mut self, within: Node, node: Node, depth: u32) -> Result<Node, Errno> {
        let target = match &self.tree.inodes[node].body {
            Body::Folder(_) => return Ok(node),
            Body::File(_) => return Err(Errno::NOTDIR),
            Body::Link(target) => target.clone(),
        };
        if depth > 8 {
            return Err(Errno::LOOP);
        }
        self.followed = true;
        let (folder, _, found) = self.walk_from(within, Path::new(&target), depth + 1)?;
        self.enter(folder, found.ok_or(Errno::NOENT)?, depth + 1)
    }

    /// Opens `node` for a process.
    pub(crate) fn open(&mut self, process: usize, node: Node) -> usize {
        self.tree.inodes[node].opens += 1;
        self.opened.push(Some(Opened { node, process, at: 0, lock: None, handles: 1 }));
        self.opened.len() - 1
    }

    /// One handle less; the last one closes the file and gives its lock back.
    pub(crate) fn close(&mut self, handle: usize) {
        let Some(slot) = self.opened.get_mut(handle) else { return };
        let Some(opened) = slot else { return };
        opened.handles = opened.handles.saturating_sub(1);
        if opened.handles == 0 {
            let node = opened.node;
            *slot = None;
            self.tree.inodes[node].opens = self.tree.inodes[node].opens.saturating_sub(1);
            self.tree.let_go(node);
        }
    }

    /// Locks, unless somebody else has a lock that excludes it.
    pub(crate) fn lock(&mut self, handle: usize, how: Locking) -> Result<bool, Errno> {
        let own = self.opened.get(handle).and_then(Option::as_ref).ok_or(Errno::BADF)?;
        let excluded = self.opened.iter().enumerate().any(|(other, opened)| {
            other != handle
                && opened.as_ref().is_some_and(|opened| {
                    opened.node == own.node
                        && opened.lock.is_some_and(|lock| {
                            lock == Locking::Exclusive || how == Locking::Exclusive
                        })
                })
        });
        let all = self.plant == Some(Plant::LocksForAll);
        let probed = self.plant == Some(Plant::DeadToAll) && how == Locking::Shared;
        let excluded = excluded && !all && !probed;
        if !excluded && let Some(own) = &mut self.opened[handle] {
            own.lock = Some(how);
        }
        Ok(!excluded)
    }

    /// Ends a process as `kill -9` does: what it wrote stays, what it had open is closed.
    pub(crate) fn kill(&mut self, process: usize) {
        self.processes[process].lives = false;
        self.oracle.process_died(process);
        self.tree.forget_failed_syncs();
        for handle in 0..self.opened.len() {
            if let Some(opened) = &mut self.opened[handle]
                && opened.process == process
            {
                opened.handles = 1;
                self.close(handle);
            }
        }
    }

    /// Cuts the power.
    pub(crate) fn cut(&mut self, slot: usize) {
        self.note(slot, "the power is cut");
        let mut chance = Rng::with_seed(self.chance.u64(..));
        self.tree.cut(&mut chance);
        self.opened.clear();
        self.processes.iter_mut().for_each(|process| process.lives = false);
        self.off = true;
        let Self { oracle, tree, steps, .. } = self;
        oracle.after_cut(tree, *steps);
    }

    /// The next actor that can go on after `slot`; stopped ones only when there is no other.
    pub(crate) fn next_after(&self, slot: usize) -> Option<usize> {
        let all = self.slots.len();
        let others = || (1..=all).map(|step| (slot + step) % all);
        let is = |turn| move |slot: &usize| self.slots[*slot].turn == turn;
        others().find(is(Turn::Waiting)).or_else(|| others().find(is(Turn::Stopped)))
    }

    /// Writes something into the trace that is no call.
    pub(crate) fn note(&mut self, slot: usize, what: &str) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:5} {slot}: -- {what}", self.steps));
        }
    }

    /// True once the oracle has seen a promise broken.
    pub(crate) fn broken(&self) -> bool {
        self.oracle.broken.is_some()
    }

    /// Mixes something that happened into the mark of this history.
    pub(crate) fn mix(&mut self, value: u64) {
        self.hash = (self.hash ^ value).wrapping_mul(0x0000_0100_0000_01b3);
    }
}
