//! One order as its files say: a journal with an unsynced end, `.state` as it is seen and as it would be after a power
//! cut, a hold, markers. And what the oracle remembers of it.

use super::journal::{Entry, Journal, TAIL};
use super::rules::Rules;

/// A worker process: the slot of one of now, or a number from `WORKERS` up of one that the power took.
pub(super) type Id = u8;
/// The number of a claim.
pub(super) type Generation = u8;
/// Which file a `.state` is (its inode and time): only equality means anything. 0 is none.
pub(super) type Stamp = u8;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Word {
    New,
    Impl,
    Done,
}

impl Word {
    /// Where a move forward leads.
    pub(super) fn next(self) -> Self {
        match self {
            Self::New => Self::Impl,
            Self::Impl | Self::Done => Self::Done,
        }
    }

    /// Its bit among the markers; none for the end, which nobody takes.
    pub(super) fn bit(self) -> u8 {
        match self {
            Self::New => 1,
            Self::Impl => 2,
            Self::Done => 0,
        }
    }
}

/// A `.state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct File {
    pub(super) word: Word,
    pub(super) stamp: Stamp,
    /// A person wrote it: the oracle's.
    pub(super) by_person: bool,
}

/// How far an order has been made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    /// Not part of this model.
    Unused,
    /// It is still to be made.
    Absent,
    /// Built aside and synced.
    Aside,
    /// Renamed into its place, which is not synced.
    Named,
    /// There for good.
    Kept,
}

/// What `.state` and journal say together: the rule of `workers/queue/files/reconcile.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    Stands(Word),
    Redo(Word),
    Edited(Word),
}

impl Finding {
    /// Where the order stands by that.
    pub(super) fn word(self) -> Word {
        let (Self::Stands(word) | Self::Redo(word) | Self::Edited(word)) = self;
        word
    }
}

/// One order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Order {
    pub(super) place: Place,
    pub(super) journal: Journal,
    /// `.state` as it is seen.
    pub(super) file: File,
    /// `.state` as it surely is after a power cut.
    pub(super) on_disk: File,
    pub(super) hold: bool,
    /// The index: a bit per state. Never synced.
    pub(super) markers: u8,
    /// The lists of claims: a bit per worker. Never synced.
    pub(super) marks: u16,
    /// The slot of the worker that has the order's lock.
    pub(super) lock: Option<u8>,
    /// Somebody did something that only a sweep finds: an edit by hand, a power cut, an order made by half.
    pub(super) touched: bool,
    /// The oracle's: its maker was told that it is there.
    pub(super) announced: bool,
    /// The oracle's: the highest generation that a worker was given.
    pub(super) handed: Generation,
    /// The oracle's: the highest generation whose move was reported done.
    pub(super) reported: Generation,
    /// The oracle's: what a person wrote, until somebody claims the order there.
    pub(super) edit: Option<Word>,
}

impl Order {
    /// One that is still to be made, or no part of the model.
    pub(super) fn at(place: Place) -> Self {
        let file = File { word: Word::New, stamp: 1, by_person: false };
        Self {
            place,
            journal: Journal::NEW,
            file,
            on_disk: file,
            hold: false,
            markers: 0,
            marks: 0,
            lock: None,
            touched: false,
            announced: false,
            handed: 0,
            reported: 0,
            edit: None,
        }
    }

    /// True when it can be seen in the queue.
    pub(super) fn is_there(&self) -> bool {
        matches!(self.place, Place::Named | Place::Kept)
    }

    /// What its files say.
    pub(super) fn find(&self, rules: &Rules) -> Finding {
        let last = self.journal.seen();
        let File { word, stamp, .. } = self.file;
        if word == last.to {
            return Finding::Stands(word);
        }
        let redo = match (rules.redo_heeds_the_file, rules.old_files_are_known) {
            (true, true) => last.replaced & (1 << stamp) != 0,
            (true, false) => last.from.is_some() && stamp == last.over,
            (false, _) => last.from == Some(word),
        };
        if redo { Finding::Redo(last.to) } else { Finding::Edited(word) }
    }

    /// Another `.state`, renamed into place or written by a person.
    pub(super) fn write(&mut self, word: Word, by_person: bool) {
        let stamps = [self.file.stamp, self.on_disk.stamp, self.journal.base.over];
        let tail = self.journal.tail.iter().flatten().map(|entry| match entry {
            Entry::Advance { over, .. } => *over,
            _ => 0,
        });
        let used = stamps.into_iter().chain(tail).max().unwrap_or(0);
        // Those that stand nowhere any more may be used again: nothing is compared with them.
        self.journal.base.replaced &= (2 << used) - 1;
        self.file = File { word, stamp: used + 1, by_person };
    }

    /// Makes the marker that it should have, if it should have one.
    pub(super) fn make_ready(&mut self, word: Word) {
        if !self.hold && self.journal.seen().open.is_none() {
            self.markers |= word.bit();
        }
    }

    /// The same order with its stamps numbered as they appear: nothing else about them matters, and those that stand
    /// nowhere any more are forgotten.
    pub(super) fn renumbered(mut self) -> Self {
        let mut known: [Stamp; TAIL + 4] = [0; TAIL + 4];
        let mut count = 0;
        let mut number = |stamp: &mut Stamp| {
            if *stamp == 0 {
                return;
            }
            let at = known[..count].iter().position(|known| known == stamp).unwrap_or_else(|| {
                known[count] = *stamp;
                count += 1;
                count - 1
            });
            *stamp = at as Stamp + 1;
        };
        number(&mut self.file.stamp);
        number(&mut self.on_disk.stamp);
        number(&mut self.journal.base.over);
        for entry in self.journal.tail.iter_mut().flatten() {
            if let Entry::Advance { over, .. } = entry {
                number(over);
            }
        }
        let replaced = self.journal.base.replaced;
        let kept =
            known[..count].iter().enumerate().filter(|(_, old)| replaced & (1 << **old) != 0);
        self.journal.base.replaced = kept.fold(0, |all, (n, _)| all | (2 << n));
        self
    }
}
