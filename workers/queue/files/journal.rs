//! The journal of one order: `events.jsonl`, one entry a line, append only. It is also the log that a move is
//! committed to before it is applied.
//!
//! A line is the entry as JSON with a last field `"crc"`: the CRC-32C, as eight lower-case hex digits, of the bytes
//! of the line before `,"crc"`. What follows the last good line with at most one newline in it is a torn tail: the
//! rest of a write that was never acknowledged. It is cut off. A bad line before others is damage: nothing is repaired.

use std::borrow::Cow;

use super::folder::{Content, JOURNAL, OrderFolder, Stamp, failed};
use super::machine::{OpenFile, Opening, SyncPoint};
use crate::error::{Error, Kind, Result};
use crate::history::{Entry, FileMark, History};
use crate::order::OrderId;
use crate::secrets;
use crate::state::State;

/// The most bytes of a journal that are read: beyond it the order is held.
const LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// The most characters of an entry's reason.
const WHY_LIMIT: usize = 2_000;

/// `,"crc":"01234567"}`
const TAIL_BYTES: usize = 18;

/// A journal as it was read, and what it adds up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Journal {
    /// What its entries add up to.
    pub(super) history: History,
    /// The id of the order it was begun for.
    pub(super) begun_for: Option<String>,
    /// The last entry that moved the order.
    pub(super) last_move: Option<Entry>,
    /// Every `.state` that a move has replaced: its word, and which file it was.
    replaced: Vec<(State, Stamp)>,
    /// The `.state` that the last move put there, kept over power loss.
    put: Option<FileMark>,
    /// The file that it is in, when its name was kept over power loss.
    file: Option<FileMark>,
    good_bytes: u64,
    /// How many bytes of a write that was cut short follow.
    torn_bytes: u64,
}

impl Journal {
    /// Reads the bytes of a journal, or says what is wrong with them.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut journal = Self::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = rest.iter().position(|&byte| byte == b'\n');
            let sound = end.and_then(|end| checked(&rest[..end]));
            let (Some(end), Some(body)) = (end, sound) else {
                let newlines = rest.iter().filter(|&&byte| byte == b'\n').count();
                if newlines > 1 {
                    return Err(format!("line {} is damaged", journal.history.seq + 1));
                }
                journal.torn_bytes = rest.len() as u64;
                return Ok(journal);
            };
            journal.take(body)?;
            journal.good_bytes += end as u64 + 1;
            rest = &rest[end + 1..];
        }
        Ok(journal)
    }

    /// How many of its bytes are whole lines.
    #[cfg(any(test, fuzzing))]
    pub(super) fn good_bytes(&self) -> u64 {
        self.good_bytes
    }

    /// One line whose sum is right. It was written by one of us, so what is wrong now is no torn write.
    fn take(&mut self, body: &[u8]) -> Result<(), String> {
        let line = self.history.seq + 1;
        let mut whole = body.to_vec();
        whole.push(b'}');
        // What the parser skips it does not look at: all of it is to be text.
        let whole = String::from_utf8(whole).map_err(|_| format!("line {line} is no UTF-8"))?;
        let entry: Entry = serde_json::from_str(&whole).map_err(|error| {
            format!("line {line} is no entry that this version of shopfloor knows: {error}")
        })?;
        if entry.v != 1 {
            return Err(format!("line {line} has format {}, this shopfloor knows 1", entry.v));
        }
        if entry.seq != line {
            return Err(format!("line {line} has the number {}", entry.seq));
        }
        self.add(entry);
        Ok(())
    }

    fn add(&mut self, entry: Entry) {
        self.history.add(&entry);
        if entry.seq == 1 {
            self.begun_for.clone_from(&entry.id);
        }
        if let (Some(from), Some(ino), Some(mtime)) = (&entry.from, entry.ino, entry.mtime) {
            self.replaced.push((from.clone(), Stamp { ino, mtime, born: entry.born }));
        }
        self.file = entry.file.or(self.file);
        if entry.to.is_some() {
            self.put = entry.put;
            self.last_move = Some(entry);
        }
    }

    /// True for a `.state` that a move has replaced. A power cut may bring back any of them, while the journal that tells
    /// of the moves since has been synced.
    pub(super) fn has_replaced(&self, word: &State, stamp: Stamp) -> bool {
        self.replaced.iter().any(|(from, old)| from == word && old.is(stamp))
    }

    /// The same for one whose word a power cut may have cut short. Another word is a person's, also in the same tick of the
    /// clock.
    pub(super) fn has_replaced_part(&self, word: &State, stamp: Stamp) -> bool {
        let part = |from: &State| from.as_str().starts_with(word.as_str());
        self.replaced.iter().any(|(from, old)| part(from) && old.is(stamp))
    }

    /// The same by the file alone, whatever is in it.
    pub(super) fn has_replaced_file(&self, stamp: Stamp) -> bool {
        self.replaced.iter().any(|(_, old)| old.is(stamp))
    }

    /// True for the `.state` that the last move put there: nobody has written one since, and it outlives a power cut.
    pub(super) fn has_put(&self, stamp: Stamp) -> bool {
        self.put == Some(stamp.mark())
    }

    /// Makes what is read in it survive power loss: its last writer may have died before its sync.
    pub(super) fn sync(folder: &OrderFolder) -> Result<()> {
        folder.sync_file(JOURNAL, SyncPoint::JournalRead)
    }

    /// False when it was begun for another order: this is a copy of that one.
    pub(super) fn is_of(&self, id: &OrderId) -> bool {
        self.begun_for.as_deref().is_none_or(|begun_for| begun_for == id.as_str())
    }

    /// Reads the journal of an order. The inner error says what is wrong with it.
    pub(super) fn read(folder: &OrderFolder) -> Result<Result<Self, String>> {
        Ok(match folder.read(JOURNAL, LIMIT_BYTES)? {
            Content::Missing => Ok(Self::default()),
            Content::Fault(why) => Err(format!("{JOURNAL} {why}")),
            Content::Bytes(bytes, _) => {
                Self::parse(&bytes).map_err(|why| format!("corrupt: {JOURNAL}: {why}"))
            }
        })
    }

    /// Writes `entries` in one write and syncs them: once this returns `Ok` they survive power loss. Numbers and time
    /// are filled in here. When the write or the sync fails the file is cut back to what it was.
    pub(super) fn append(&mut self, folder: &OrderFolder, entries: Vec<Entry>) -> Result<()> {
        let path = folder.path_of(JOURNAL);
        let file =
            folder.file(JOURNAL, Opening::Append).map_err(|error| failed("open", &path, error))?;
        let facts = file.facts().map_err(|error| failed("look at", &path, error))?;
        if facts.size != self.good_bytes + self.torn_bytes {
            let told = format!("failed to write {}: somebody else writes into it", path.display());
            let next =
                "end whatever writes it, or wait until it has ended; nothing of it was changed";
            return Err(Error::new(Kind::BrokenOrder, told).hint(next));
        }
        if self.torn_bytes > 0 {
            file.truncate(self.good_bytes).map_err(|error| failed("cut", &path, error))?;
            self.torn_bytes = 0;
        }
        let this = FileMark { ino: facts.inode, mtime: None, born: facts.born };
        let unknown = self.file != Some(this);
        if unknown {
            // Its maker may have died before his sync, or a person has put it there. Before the entry that says which file
            // it is, and not after it: whoever finds one need not ask whether the names are kept.
            folder.sync_place(SyncPoint::FirstName)?;
            folder.sync(SyncPoint::JournalName)?;
        }
        let (mut bytes, mut numbered, at) = (Vec::new(), Vec::new(), folder.machine.now());
        for (entry, seq) in entries.into_iter().zip(self.history.seq + 1..) {
            let mut entry = finished(entry, folder, seq, at);
            entry.file = (unknown && numbered.is_empty()).then_some(this);
            bytes.extend(line(&entry));
            numbered.push(entry);
        }
        let written = file.write(&bytes).map_err(|error| failed("write", &path, error));
        // After a sync that failed nobody knows what is on disk, and another one would not tell: what was written is not to
        // be believed by anybody.
        let synced = written.and_then(|()| {
            file.sync(SyncPoint::Journal).map_err(|error| failed("sync", &path, error))
        });
        if let Err(error) = synced {
            self.cut_back(folder, &*file, &bytes);
            return Err(error);
        }
        self.good_bytes += bytes.len() as u64;
        for entry in numbered {
            self.add(entry);
        }
        Ok(())
    }

    /// Takes a write that failed away again. Where anything else stands, a person has been at it: then that stays.
    fn cut_back(&self, folder: &OrderFolder, file: &dyn OpenFile, written: &[u8]) {
        let good = usize::try_from(self.good_bytes).unwrap_or(usize::MAX);
        let ours = match folder.content(JOURNAL, LIMIT_BYTES) {
            Ok(Content::Bytes(bytes, _)) => {
                bytes.get(good..).is_some_and(|tail| written.starts_with(tail))
            }
            Ok(Content::Missing | Content::Fault(_)) => false,
            // It can't be read: what was written is not to be believed all the same.
            Err(_) => true,
        };
        let path = folder.path_of(JOURNAL);
        if !ours {
            return tracing::warn!(path = %path.display(), "somebody else writes into it, and a failed write is not cut");
        }
        if let Err(error) = file.truncate(self.good_bytes) {
            // Half a line stays: a torn tail, which the next writer cuts.
            tracing::warn!(path = %path.display(), %error, "could not cut a failed write");
        }
    }
}

fn finished(mut entry: Entry, folder: &OrderFolder, seq: u64, at: u64) -> Entry {
    (entry.seq, entry.at) = (seq, at);
    if let Cow::Owned(clean) = secrets::hidden(&entry.why) {
        entry.why = clean;
    }
    if entry.why.chars().nth(WHY_LIMIT).is_some() {
        entry.why = entry.why.chars().take(WHY_LIMIT).chain(['…']).collect();
    }
    if seq == 1 {
        entry.id = Some(folder.id.to_string());
    }
    entry
}

/// An entry as its line, newline included.
pub(super) fn line(entry: &Entry) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(entry).expect("an entry has only integers and strings");
    bytes.pop();
    let sum = crc32c::crc32c(&bytes);
    bytes.extend(format!(",\"crc\":\"{sum:08x}\"}}\n").bytes());
    bytes
}

/// The part of a line that its sum is taken of, if the sum is right.
fn checked(line: &[u8]) -> Option<&[u8]> {
    let (body, tail) = line.split_at(line.len().checked_sub(TAIL_BYTES)?);
    let right = format!(",\"crc\":\"{:08x}\"}}", crc32c::crc32c(body));
    (tail == right.as_bytes()).then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Kind;
    use proptest::prelude::*;

    fn entry(seq: u64) -> Entry {
        let kind = if seq == 1 { Kind::Create } else { Kind::Note };
        let to = (seq == 1).then_some(State::NEW);
        Entry { seq, to, at: 7, why: format!("because of {seq}"), ..Entry::of(kind, 0) }
    }

    fn journal(lines: u64) -> Vec<u8> {
        (1..=lines).flat_map(|seq| line(&entry(seq))).collect()
    }

    #[test]
    fn a_line_keeps_its_form() {
        let text = String::from_utf8(line(&entry(1))).unwrap();
        let old = r#"{"v":1,"seq":1,"e":"create","gen":0,"to":"NEW","why":"because of 1","at":7,"#;
        assert!(text.starts_with(old) && text.ends_with("\"}\n"), "{text}");
        assert_eq!(&text[old.len()..old.len() + 7], "\"crc\":\"");
    }

    #[test]
    fn every_torn_tail_is_cut_and_nothing_else() {
        let whole = journal(3);
        let good = journal(2).len();
        for cut in good..whole.len() {
            let read = Journal::parse(&whole[..cut]).unwrap();
            assert_eq!((read.history.seq, read.good_bytes), (2, good as u64), "cut at {cut}");
            assert_eq!(read.torn_bytes, (cut - good) as u64);
        }
        for tail in [&b"\0\0\0\0"[..], b"garbage\n", b"\0\0\n", b"half{\"v\":1\0\0"] {
            let read = Journal::parse(&[&journal(2)[..], tail].concat()).unwrap();
            assert_eq!((read.history.seq, read.torn_bytes), (2, tail.len() as u64));
        }
    }

    #[test]
    fn a_bad_line_before_a_good_one_is_damage() {
        let mut bytes = journal(3);
        bytes[5] ^= 1;
        assert_eq!(Journal::parse(&bytes).unwrap_err(), "line 1 is damaged");
    }

    #[test]
    fn a_duplicate_a_gap_and_another_order_of_lines_are_damage() {
        for numbers in [&[1, 1][..], &[1, 2, 2], &[1, 3], &[2, 1], &[2], &[1, 3, 2]] {
            let bytes: Vec<u8> = numbers.iter().flat_map(|&seq| line(&entry(seq))).collect();
            assert!(Journal::parse(&bytes).is_err(), "{numbers:?}");
        }
    }

    #[test]
    fn a_line_of_a_newer_version_is_never_cut_as_torn() {
        let newer = Entry { v: 2, ..entry(3) };
        let bytes = [journal(2), line(&newer)].concat();
        assert!(Journal::parse(&bytes).unwrap_err().contains("format 2"));
    }

    proptest! {
        #[test]
        fn a_flipped_bit_is_never_accepted(at in 0usize..600, bit in 0u8..8, lines in 1u64..7) {
            let mut bytes = journal(lines);
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            if let Ok(read) = Journal::parse(&bytes) {
                prop_assert!(read.torn_bytes > 0 && read.good_bytes <= at as u64);
                prop_assert!(read.history.seq < lines);
            }
        }

        #[test]
        fn no_bytes_make_it_panic_and_none_but_ours_are_read(
            bytes in proptest::collection::vec(any::<u8>(), 0..300)
        ) {
            if let Ok(read) = Journal::parse(&bytes) {
                prop_assert_eq!(read.history.seq, 0);
            }
        }
    }
}
