//! The oracle: it sees every change of the disk and every answer the queue gives, and judges both by the promises alone.
//! It uses none of the queue's code.

mod account;
mod answers;
mod book;
mod effects;
mod lines;
mod power;
mod rest;

use std::collections::BTreeMap;

pub(crate) use account::Account;
pub(crate) use answers::{Asked, Told};
pub(crate) use book::forged;
pub(crate) use rest::taken;

use super::tree::{Node, ROOT, Tree};
use super::world::Caller;

/// A change of the disk that somebody made.
#[derive(Debug)]
pub(crate) enum Effect<'a> {
    Made {
        folder: Node,
        name: &'a str,
        node: Node,
    },
    Removed {
        folder: Node,
        name: &'a str,
        node: Node,
    },
    Renamed {
        from: (Node, &'a str),
        to: (Node, &'a str),
        node: Node,
        replaced: Option<Node>,
    },
    /// `node` was at `from` and is at `to` now, and `there` the other way round.
    Exchanged {
        from: (Node, &'a str),
        to: (Node, &'a str),
        node: Node,
        there: Node,
    },
    Wrote {
        node: Node,
    },
    Cut {
        node: Node,
        before: &'a [u8],
    },
    /// A path was followed through a symbolic link.
    Followed {
        folder: Node,
        name: &'a str,
    },
}

impl Effect<'_> {
    /// For people.
    fn shown(&self, tree: &Tree) -> String {
        match self {
            Self::Made { folder, name, .. }
            | Self::Removed { folder, name, .. }
            | Self::Followed { folder, name } => format!("{}/{name}", tree.path_of(*folder)),
            Self::Renamed { from, to, .. } | Self::Exchanged { from, to, .. } => {
                format!("{} to {}/{}", from.1, tree.path_of(to.0), to.1)
            }
            Self::Wrote { node } | Self::Cut { node, .. } => tree.path_of(*node),
        }
    }
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Its number in the list of promises.
    pub(crate) promise: u8,
    pub(crate) what: String,
    pub(crate) step: u64,
}

/// What is known of one worker.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    pub(crate) name: String,
    pub(crate) process: usize,
    pub(crate) lives: bool,
    /// Nothing of its process tree is left.
    pub(crate) buried: bool,
}

/// An order that was made together with others, and taken back.
#[derive(Debug, Clone)]
pub(crate) struct TakenBack {
    pub(crate) node: Node,
    pub(crate) name: String,
    /// The actor that has not been told yet.
    pub(crate) slot: Option<usize>,
}

/// Where in the queue something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Area {
    /// The queue's folder itself.
    Queue,
    /// An order's folder, by its node.
    Order(Node),
    /// A folder of the machine's own, by its name; empty for `.floor` itself.
    Floor(String),
    Outside,
}

/// Everything the oracle knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Oracle {
    pub(crate) queue: Node,
    pub(crate) floor: Node,
    pub(crate) accounts: BTreeMap<Node, Account>,
    pub(crate) workers: Vec<Worker>,
    /// What each actor has asked the queue for and was not told yet.
    pub(crate) asked: Vec<Option<Asked>>,
    pub(crate) taken_back: Vec<TakenBack>,
    pub(crate) broken: Option<Broken>,
    pub(crate) step: u64,
    /// The system gave errors other than one of a full disk.
    pub(crate) disturbed: bool,
    /// A sync failed, and somebody may have had to leave it at that.
    pub(crate) sync_failed: bool,
    /// Promises that are not judged: one at a time is shrunk to.
    pub(crate) deaf_to: Vec<u8>,
}

impl Oracle {
    /// A promise was broken. Only the first time counts: what follows may follow from it.
    pub(crate) fn blame(&mut self, promise: u8, what: impl Into<String>) {
        if self.broken.is_none() && !self.deaf_to.contains(&promise) {
            self.broken = Some(Broken { promise, what: what.into(), step: self.step });
        }
    }

    /// Something happened on the disk.
    pub(crate) fn happened(
        &mut self,
        tree: &Tree,
        step: u64,
        by: Caller,
        by_hand: bool,
        followed: bool,
        effect: &Effect<'_>,
    ) {
        self.step = step;
        if by_hand {
            return self.by_hand(tree, effect);
        }
        if followed {
            self.blame(13, format!("a symbolic link was followed: {}", effect.shown(tree)));
        }
        self.by_queue(tree, by, effect);
    }

    /// In which part of the queue `folder` is.
    pub(crate) fn area(&self, tree: &Tree, folder: Node) -> Area {
        let mut chain = vec![folder];
        let mut at = folder;
        loop {
            if self.accounts.contains_key(&at) {
                return Area::Order(at);
            }
            if at == self.queue {
                break;
            }
            if at == ROOT {
                return Area::Outside;
            }
            at = tree.inodes[at].parent;
            chain.push(at);
        }
        match chain.len() {
            1 => Area::Queue,
            2 if chain[0] == self.floor => Area::Floor(String::new()),
            length if chain[length - 2] == self.floor => {
                let inside = chain[length - 3];
                let names = tree.folder(self.floor).map(|floor| floor.names.iter());
                let mut names = names.into_iter().flatten();
                let name = names.find(|(_, node)| **node == inside).map(|(name, _)| name.clone());
                Area::Floor(name.unwrap_or_default())
            }
            _ => Area::Outside,
        }
    }

    /// A worker is known as alive from now on.
    pub(crate) fn enlisted(&mut self, name: &str, process: usize) {
        let name = name.to_owned();
        self.workers.push(Worker { name, process, lives: true, buried: false });
    }

    /// A process is dead, and with it its workers. What they started may live on.
    pub(crate) fn process_died(&mut self, process: usize) {
        let own = self.workers.iter_mut().filter(|worker| worker.process == process);
        own.for_each(|worker| worker.lives = false);
    }

    /// A worker ends in good order: nothing of it is left.
    pub(crate) fn ends_well(&mut self, name: &str) {
        for worker in self.workers.iter_mut().filter(|worker| worker.name == name) {
            (worker.lives, worker.buried) = (false, true);
        }
    }

    /// What a worker had started is ended.
    pub(crate) fn bury(&mut self, name: &str) {
        if self.workers.iter().any(|worker| worker.name == name && worker.lives) {
            self.blame(3, format!("the undertaker was called for {name}, which lives"));
        }
        self.workers.iter_mut().filter(|worker| worker.name == name).for_each(|w| w.buried = true);
    }
}
