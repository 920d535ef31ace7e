//! What the oracle knows of one order: what its disk says, what was acknowledged of it, and what people did to it.

use super::book::Book;
use crate::queue_sim::tree::{Node, Tree};

/// One order, by its folder.
#[derive(Debug, Clone, Default)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) node: Node,
    pub(crate) book: Book,
    /// Which actor wrote into its journal last, and how long that was before.
    pub(crate) last_write: Option<(usize, usize)>,
    /// Something of it was acknowledged: it must be there from now on.
    pub(crate) known: bool,
    /// What was acknowledged of its journal.
    pub(crate) sealed: Vec<u8>,
    /// The highest generation that was acknowledged.
    pub(crate) generation: u64,
    /// What was acknowledged of its request.
    pub(crate) request: Vec<u8>,
    /// True or false when a hold, or its end, was acknowledged and nobody touched it since.
    pub(crate) hold: Option<bool>,
    /// The reason of the hold that was acknowledged.
    pub(crate) reason: Vec<u8>,
    /// The `.state` that a person wrote and the journal does not know of.
    pub(crate) edit: Option<Node>,
    /// The `.state` that a person wrote or is writing, and no mover has read.
    pub(crate) by_hand: Option<Node>,
    /// The `.state.old` that a person wrote.
    pub(crate) old_by_hand: Option<Node>,
    /// What a person wrote into `.state` is on record and not acknowledged yet.
    pub(crate) edit_recorded: bool,
    /// The `.state` that each move replaces.
    pub(crate) replaced: Vec<Replaced>,
    /// A person touched this since everything was last durable.
    pub(crate) touched: Touched,
    /// A person touched anything of it, ever.
    pub(crate) ever_touched: bool,
    /// It was being moved into the archive; `true` once that was acknowledged.
    pub(crate) archived: Option<bool>,
    /// It was gone by the will of a person.
    pub(crate) removed: bool,
    /// Where it stood, since which step.
    pub(crate) words: Vec<(u64, String)>,
    /// Whether it was on hold, since which step.
    pub(crate) holds: Vec<(u64, bool)>,
    /// Since which step it is in the queue or not.
    pub(crate) there: Vec<(u64, bool)>,
}

/// The `.state` that a move replaces.
#[derive(Debug, Clone)]
pub(crate) struct Replaced {
    /// The move's number.
    pub(crate) seq: u64,
    pub(crate) file: Option<Node>,
    /// What it said when the mover read it.
    pub(crate) from: String,
    /// A person had written into it by the time the move was on record.
    pub(crate) by_hand: bool,
}

/// What a person touched.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Touched {
    /// It was made by hand, and nobody has acknowledged it yet.
    pub(crate) made: bool,
    /// It was moved or removed.
    pub(crate) place: bool,
    pub(crate) state: bool,
    pub(crate) journal: bool,
    pub(crate) hold: bool,
    pub(crate) request: bool,
}

impl Account {
    pub(crate) fn new(name: &str, node: Node) -> Self {
        Self { name: name.to_owned(), node, ..Self::default() }
    }

    /// What `.state` says, if it is one word.
    pub(crate) fn word<'a>(&self, tree: &'a Tree) -> Option<&'a str> {
        let text = std::str::from_utf8(tree.bytes_of(self.node, ".state")?).ok()?;
        let word = text.trim_end_matches([' ', '\t', '\r', '\n']);
        (!word.is_empty()).then_some(word)
    }

    /// True when a move is on record and the old `.state` is still there.
    pub(crate) fn to_be_applied(&self, tree: &Tree) -> bool {
        // Any that a move replaced: a power cut may bring back an older one than the last.
        self.is_replaced(tree, |old| !self.is_by_hand(old))
    }

    /// True when `.state` is a file that a person wrote into while a move was about to replace it, and reads as it did
    /// before. That writing was never synced: after a power cut it is lost, and nobody can tell whether its time is lost too.
    /// Whoever looks may take it for an edit or for the old one.
    pub(crate) fn is_either(&self, tree: &Tree) -> bool {
        self.is_replaced(tree, |old| self.is_by_hand(old))
    }

    /// True when the `.state` that stands beside, in the middle of a swap, is one that a person wrote and no mover has read.
    pub(crate) fn is_swapped_out(&self, tree: &Tree) -> bool {
        let out = tree.find(self.node, ".state.old");
        out.is_some() && self.replaced.iter().any(|old| old.file == out && self.is_by_hand(old))
    }

    fn is_by_hand(&self, old: &Replaced) -> bool {
        old.by_hand || self.by_hand.is_some() && self.by_hand == old.file
    }

    fn is_replaced(&self, tree: &Tree, is_it: impl Fn(&Replaced) -> bool) -> bool {
        let last = self.book.last_move().map_or(0, |line| line.seq);
        let there = tree.find(self.node, ".state");
        let word = self.word(tree);
        let mut old = self.replaced.iter().filter(|old| {
            // Torn by a power cut, or as it was; else a person has written into it.
            old.seq <= last && old.file == there && word.is_none_or(|word| word == old.from)
        });
        there.is_some() && old.any(is_it)
    }

    /// Where it stands: what a reader is to be told.
    pub(crate) fn stands(&self, tree: &Tree) -> String {
        match self.word(tree) {
            Some(_) if self.to_be_applied(tree) => self.book.state.clone(),
            Some(word) => word.to_owned(),
            None if self.book.state.is_empty() => "NEW".to_owned(),
            None => self.book.state.clone(),
        }
    }

    /// Remembers where it stands now and whether it is on hold.
    pub(crate) fn watch(&mut self, tree: &Tree, step: u64) {
        let word = self.stands(tree);
        if self.words.last().is_none_or(|(_, last)| *last != word) {
            self.words.push((step, word));
        }
        let held = tree.find(self.node, ".hold").is_some();
        if self.holds.last().is_none_or(|(_, last)| *last != held) {
            self.holds.push((step, held));
        }
    }

    /// Remembers whether it is in the queue.
    pub(crate) fn watch_place(&mut self, there: bool, step: u64) {
        if self.there.last().is_none_or(|(_, last)| *last != there) {
            self.there.push((step, there));
        }
    }

    /// Reads the journal again from its beginning.
    pub(crate) fn reread(&mut self, tree: &Tree) {
        self.book = Book::read(tree.bytes_of(self.node, "events.jsonl").unwrap_or_default());
    }

    /// What is on record up to the line `seq` was acknowledged. What stands behind it may still be unsynced.
    pub(crate) fn seal(&mut self, tree: &Tree, seq: u64) {
        self.known = true;
        self.touched.made = false;
        if std::mem::take(&mut self.edit_recorded) {
            // What a person wrote is on record, and acknowledged with it.
            self.touched.state = false;
        }
        let journal = tree.bytes_of(self.node, "events.jsonl").unwrap_or_default();
        let count = usize::try_from(seq).unwrap_or(0).min(self.book.lines.len());
        let end = count.checked_sub(1).map_or(0, |last| self.book.ends[last]);
        if end > self.sealed.len() {
            self.sealed = journal[..end.min(journal.len())].to_vec();
        }
        let given_out = self.book.lines[..count].iter().map(|line| line.generation).max();
        self.generation = self.generation.max(given_out.unwrap_or(0));
    }
}

/// The values something had from `since` on.
pub(crate) fn since<T>(values: &[(u64, T)], since: u64) -> impl Iterator<Item = &T> {
    let first = values.iter().rposition(|(step, _)| *step <= since).unwrap_or(0);
    values[first..].iter().map(|(_, value)| value)
}
