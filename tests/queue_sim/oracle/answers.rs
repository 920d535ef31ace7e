//! What the queue is asked for and what it answers. An answer is an acknowledgement: from then on it is held to it.

use super::Oracle;
use super::account::{Account, since};
use super::book::Line;
use crate::queue_sim::tree::Tree;

/// What an actor asks the queue for. `why` is used once only, so that what was written for it is known by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    Claim { id: String, session: String, since: u64 },
    Move { id: String, to: String, why: String, keep: bool, since: u64 },
    Release { id: String, why: String },
    Note { id: String, why: String },
    Drop { id: String },
    GiveBack,
    Recover { since: u64 },
    Sweep,
    Mend,
    Create { id: String },
    CreateAll { ids: Vec<String> },
    Hold { id: String, why: String },
    Unhold { id: String },
    Kick { id: String, why: String },
    Archive { id: String },
    Look { id: String, since: u64 },
    List { since: u64 },
}

impl Asked {
    /// When it was asked.
    pub(crate) fn since(&self) -> u64 {
        match self {
            Self::Claim { since, .. }
            | Self::Move { since, .. }
            | Self::Recover { since }
            | Self::Look { since, .. }
            | Self::List { since } => *since,
            _ => 0,
        }
    }
}

/// What the queue answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// It is done.
    Done,
    /// The claim is lost, nothing was changed.
    Lost,
    /// There was nothing to be done.
    Nothing,
    /// An error; true when it says that the disk is full and nothing was changed.
    Failed { full: bool },
    /// It is ours, and this is what it says of the past.
    Claimed { generation: u64, setbacks: usize, crashes: usize },
    /// It is ours still, under the next generation.
    Kept { generation: u64 },
    /// These are ready again.
    Recovered(Vec<String>),
    /// It stands there, and is on hold or not.
    Seen(Option<(String, bool)>),
    /// These are the orders, and these can't be.
    Listed(Vec<String>, Vec<String>),
}

impl Oracle {
    /// The queue answered what actor `slot` asked.
    pub(crate) fn answered(&mut self, tree: &Tree, step: u64, slot: usize, told: &Told) {
        self.step = step;
        let Some(asked) = self.asked[slot].take() else { return };
        match (&asked, told) {
            (Asked::Claim { id, session, .. }, Told::Claimed { generation, setbacks, crashes }) => {
                self.claimed(tree, id, session, *generation, (*setbacks, *crashes));
            }
            (Asked::Move { id, why, .. }, Told::Done | Told::Kept { .. })
            | (Asked::Release { id, why } | Asked::Note { id, why }, Told::Done) => {
                self.must_have(tree, id, why, 7);
            }
            (
                Asked::Move { id, why, .. } | Asked::Release { id, why } | Asked::Note { id, why },
                Told::Lost | Told::Failed { full: true },
            ) => self.must_not_have(id, why, told),
            (Asked::Hold { id, why }, Told::Done) => self.set_hold(tree, id, Some(why)),
            (Asked::Unhold { id }, Told::Done) => self.set_hold(tree, id, None),
            (Asked::Kick { id, why }, Told::Done) => self.must_have(tree, id, why, 7),
            (Asked::Archive { id }, Told::Done) => self.archived(id),
            (Asked::Create { id }, Told::Done) => self.created(tree, id),
            (Asked::CreateAll { ids }, Told::Done) => {
                ids.iter().for_each(|id| {
                    self.created(tree, id);
                    self.set_hold(tree, id, Some("imported"));
                });
            }
            (Asked::CreateAll { .. }, Told::Failed { .. }) => self.none_was_made(slot),
            (Asked::Recover { .. }, Told::Recovered(ids)) => {
                for id in ids {
                    self.seal(tree, id, |line| line.kind == "orphan");
                }
            }
            (Asked::Look { id, since }, Told::Seen(seen)) => self.seen(id, *since, seen.as_ref()),
            (Asked::List { since }, Told::Listed(ids, strange)) => {
                self.listed(tree, *since, ids, strange);
            }
            _ => {}
        }
    }

    /// The last line of an order that is as `which` says was acknowledged, and all before it. False when there is none.
    fn seal(&mut self, tree: &Tree, id: &str, which: impl Fn(&Line) -> bool) -> bool {
        for account in self.accounts.values_mut().filter(|own| own.name == id) {
            let line = account.book.lines.iter().rev().find(|line| which(line));
            if let Some(seq) = line.map(|line| line.seq) {
                account.seal(tree, seq);
                return true;
            }
        }
        false
    }

    /// True when people were at an order of that name, or there is none: nothing can be told of its journal then.
    fn wild(&self, id: &str) -> bool {
        let mut own = self.accounts.values().filter(|own| own.name == id).peekable();
        own.peek().is_none()
            || own.any(|own| own.touched.journal || own.touched.place || own.touched.made)
    }

    fn must_have(&mut self, tree: &Tree, id: &str, why: &str, promise: u8) {
        let found = self.seal(tree, id, |line| line.why == why);
        if !found && !self.wild(id) {
            self.blame(
                promise,
                format!("{why} of {id} was acknowledged, and its journal has it not"),
            );
        }
    }

    fn must_not_have(&mut self, id: &str, why: &str, told: &Told) {
        let own = self.accounts.values().find(|own| own.name == id);
        let written = own.is_some_and(|own| own.book.with_reason(why).is_some());
        if written && !self.disturbed {
            self.blame(15, format!("{why} of {id} is on record, and {told:?} was the answer"));
        }
    }

    fn claimed(
        &mut self,
        tree: &Tree,
        id: &str,
        session: &str,
        generation: u64,
        counted: (usize, usize),
    ) {
        let has = |own: &Account| own.book.lines.iter().any(|line| line.session == session);
        let own = self.accounts.values().find(|own| own.name == id && has(own));
        let claim = own.and_then(|own| {
            own.book.lines.iter().find(|line| line.session == session && line.kind == "claim")
        });
        match (own, claim) {
            (Some(own), Some(line)) => {
                if line.generation != generation {
                    let what = format!(
                        "{id} was claimed under {}, and the answer was {generation}",
                        line.generation
                    );
                    return self.blame(4, what);
                }
                let same = own.book.open.as_ref().is_some_and(|open| open.generation == generation);
                let ours = (own.book.setbacks, own.book.crashes);
                if same && ours != counted {
                    return self.blame(
                        9,
                        format!(
                            "{id} has {ours:?} setbacks and crashes, and {counted:?} were told"
                        ),
                    );
                }
                self.seal(tree, id, |line| line.session == session && line.kind == "claim");
            }
            _ if self.wild(id) => {}
            _ => self.blame(
                3,
                format!("{id} was claimed under {generation}, and its journal does not say so"),
            ),
        }
    }

    fn set_hold(&mut self, tree: &Tree, id: &str, why: Option<&str>) {
        let kind = if why.is_some() { "hold" } else { "unhold" };
        self.seal(tree, id, |line| line.kind == kind && why.is_none_or(|why| line.why == why));
        let there = tree.find(self.queue, id);
        let Some(account) = there.and_then(|node| self.accounts.get_mut(&node)) else { return };
        let text = tree.bytes_of(account.node, ".hold");
        // Somebody may have been faster; then it is theirs.
        let ours = text.is_none() == why.is_none()
            && text.zip(why).is_none_or(|(text, why)| text.starts_with(why.as_bytes()));
        if ours && !account.touched.hold {
            account.hold = Some(why.is_some());
            account.reason = text.unwrap_or_default().to_vec();
        }
    }

    /// Several orders were to be made, and the answer was an error: those that were taken back stay away.
    fn none_was_made(&mut self, slot: usize) {
        let own = self.taken_back.iter_mut().filter(|one| one.slot == Some(slot));
        own.for_each(|one| one.slot = None);
    }

    fn archived(&mut self, id: &str) {
        let own =
            self.accounts.values_mut().find(|own| own.name == id && own.archived == Some(false));
        if let Some(own) = own {
            own.archived = Some(true);
        }
    }

    /// True when a person has removed an order of that name, or its journal.
    fn taken_away(&self, id: &str) -> bool {
        self.accounts.values().any(|own| own.name == id && own.ever_touched)
    }

    fn created(&mut self, tree: &Tree, id: &str) {
        if !self.seal(tree, id, |line| line.kind == "create") && !self.taken_away(id) {
            self.blame(1, format!("{id} was made, as the queue says, and is not there"));
        }
    }

    /// A reader was told the old or the new, and nothing else.
    fn seen(&mut self, id: &str, from: u64, seen: Option<&(String, bool)>) {
        let own: Vec<&Account> = self.accounts.values().filter(|own| own.name == id).collect();
        let fits = match seen {
            None => {
                own.is_empty() || own.iter().any(|own| since(&own.there, from).any(|there| !there))
            }
            Some((state, held)) => own.iter().any(|own| {
                since(&own.words, from).any(|word| word == state)
                    && (since(&own.holds, from).any(|hold| hold == held)
                        || *held && own.ever_touched)
            }),
        };
        let rewritten = own.iter().any(|own| own.ever_touched);
        if !fits && !rewritten && !self.disturbed {
            let stood: Vec<_> =
                own.iter().map(|own| (&own.words, &own.holds, &own.there)).collect();
            let what = format!("{id} was seen as {seen:?}, and stood {stood:?}");
            self.blame(11, what);
        }
    }

    fn listed(&mut self, tree: &Tree, from: u64, ids: &[String], strange: &[String]) {
        for account in self.accounts.values() {
            let always =
                since(&account.there, from).all(|there| *there) && !account.there.is_empty();
            let here = tree.find(self.queue, &account.name) == Some(account.node);
            if always && here && !ids.contains(&account.name) {
                let what = format!("{} is there, and the list has it not", account.name);
                return self.blame(11, what);
            }
        }
        // What is no folder any more is strange, and rightly.
        let is_order = |name: &str| {
            let there = tree.find(self.queue, name);
            let account = there.and_then(|node| self.accounts.get(&node));
            account.is_some_and(|account| !account.ever_touched)
        };
        let wrong = strange.iter().find(|name| is_order(name) && !self.disturbed).cloned();
        if let Some(name) = wrong {
            self.blame(11, format!("the order {name} was listed as strange"));
        }
    }
}
