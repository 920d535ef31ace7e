//! A journal: what is synced, folded, and the entries after it that a power cut may take.

use super::order::{Generation, Id, Stamp, Word};

/// The most journal entries that may stand unsynced. One more would be told: it would not fit.
pub(super) const TAIL: usize = 6;

/// One entry of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Entry {
    Claim { generation: Generation, by: Id },
    Advance { generation: Generation, from: Word, to: Word, over: Stamp },
    Release,
    Orphan,
    Manual { to: Word },
}

/// The open claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Open {
    pub(super) generation: Generation,
    pub(super) by: Id,
}

/// What a journal adds up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Fold {
    /// The highest generation.
    pub(super) generation: Generation,
    pub(super) open: Option<Open>,
    /// The last move: from (none for the first entry and for an edit), and to.
    pub(super) from: Option<Word>,
    pub(super) to: Word,
    /// The `.state` that the last move replaced.
    pub(super) over: Stamp,
    /// Every `.state` that a move has replaced: a bit per stamp.
    pub(super) replaced: u16,
    /// The highest generation that moved the order.
    pub(super) advanced: Generation,
}

impl Fold {
    /// An order that was just made.
    const NEW: Self = Self {
        generation: 0,
        open: None,
        from: None,
        to: Word::New,
        over: 0,
        replaced: 0,
        advanced: 0,
    };

    fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Claim { generation, by } => {
                self.generation = self.generation.max(generation);
                self.open = Some(Open { generation, by });
            }
            Entry::Advance { generation, from, to, over } => {
                self.open = None;
                (self.from, self.to, self.over) = (Some(from), to, over);
                self.replaced |= 1 << over;
                self.advanced = self.advanced.max(generation);
            }
            Entry::Release | Entry::Orphan => self.open = None,
            Entry::Manual { to } => {
                self.open = None;
                (self.from, self.to, self.over) = (None, to, 0);
            }
        }
    }
}

/// A journal: what is synced, folded, and the entries after it that a power cut may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Journal {
    pub(super) base: Fold,
    pub(super) tail: [Option<Entry>; TAIL],
}

impl Journal {
    pub(super) const NEW: Self = Self { base: Fold::NEW, tail: [None; TAIL] };

    /// The entries that are not synced.
    pub(super) fn unsynced(&self) -> usize {
        self.tail.iter().flatten().count()
    }

    /// What everybody sees, synced or not.
    pub(super) fn seen(&self) -> Fold {
        let mut fold = self.base;
        self.tail.iter().flatten().for_each(|entry| fold.add(*entry));
        fold
    }

    pub(super) fn append(&mut self, entry: Entry) {
        let at = self.unsynced();
        self.tail[at] = Some(entry);
    }

    pub(super) fn sync(&mut self) {
        *self = Self { base: self.seen(), ..Self::NEW };
    }

    /// The power goes: the first `kept` unsynced entries had reached the disk.
    pub(super) fn cut(&mut self, kept: usize) {
        self.tail[kept..].fill(None);
        self.sync();
    }
}
