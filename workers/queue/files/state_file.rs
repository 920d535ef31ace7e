//! `.state`: one word and a newline, what `cat` shows, and the truth about where an order stands.
//!
//! A person may write it (`echo IMPL > .state`), so only what an editor or a shell may add is forgiven: blanks and line
//! ends after the word. Everything else is not guessed at.

use std::time::Duration;

use super::folder::{Content, OrderFolder, STATE, STATE_NEXT, Stamp, failed};
use super::machine::SyncPoint;
use super::swap::{self, Swapped};
use crate::error::Result;
use crate::history::FileMark;
use crate::state::State;

/// The most bytes a `.state` may have.
const LIMIT_BYTES: u64 = 64;

/// What `.state` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// There is none.
    Missing,
    /// It has no bytes at all.
    Empty,
    /// One word that has the form of a state.
    Word(State, Stamp),
    /// Something else: the reason.
    Bad(String),
}

impl Found {
    /// Which file it is, for an entry.
    pub(super) fn mark(&self) -> Option<FileMark> {
        match self {
            Self::Word(_, stamp) => Some(stamp.mark()),
            Self::Missing | Self::Empty | Self::Bad(_) => None,
        }
    }
}

/// Reads `.state`.
pub(super) fn read(folder: &OrderFolder) -> Result<Found> {
    read_at(folder, STATE)
}

/// Reads the file `name` as a `.state`.
pub(super) fn read_at(folder: &OrderFolder, name: &str) -> Result<Found> {
    Ok(found(folder.read(name, LIMIT_BYTES)?))
}

/// The same, and that the system can't read it is an error.
pub(super) fn read_strictly(folder: &OrderFolder, name: &str) -> Result<Found> {
    let content = folder.content(name, LIMIT_BYTES);
    content.map(found).map_err(|error| failed("read", &folder.path_of(name), error))
}

fn found(content: Content) -> Found {
    match content {
        Content::Missing => Found::Missing,
        Content::Fault(why) => Found::Bad(format!("{STATE} {why}")),
        Content::Bytes(bytes, _) if bytes.is_empty() => Found::Empty,
        Content::Bytes(bytes, stamp) => word(&bytes, stamp),
    }
}

/// Reads `.state` for a decision. `echo WORD > .state` empties the file before it writes: for a moment, an empty one
/// may be half of a person's edit, and is looked at again.
pub(super) fn read_settled(folder: &OrderFolder) -> Result<Found> {
    for _ in 0..5 {
        match read(folder)? {
            Found::Empty => folder.machine.pause(Duration::from_millis(5)),
            found => return Ok(found),
        }
    }
    read(folder)
}

pub(super) fn word(bytes: &[u8], stamp: Stamp) -> Found {
    let text = String::from_utf8_lossy(bytes);
    match State::parse(text.trim_end_matches([' ', '\t', '\r', '\n'])) {
        Ok(state) => Found::Word(state, stamp),
        Err(error) => Found::Bad(format!("{STATE} does not hold a state: {error}")),
    }
}

/// The first half of a move: the new word, written and synced beside the old one. It moves nothing yet.
pub(super) fn prepare(folder: &OrderFolder, state: &State) -> Result<Found> {
    let bytes = format!("{state}\n");
    let stamp = folder.write(STATE_NEXT, bytes.as_bytes(), SyncPoint::StateNext)?;
    Ok(Found::Word(state.clone(), stamp))
}

/// The second half: the new word, as it was prepared, takes the place of `before`, and stays there over power loss. A
/// `.state` that a person has written since `before` was read stands.
pub(super) fn apply(folder: &OrderFolder, ours: &Found, before: &Found) -> Result<Swapped> {
    let swapped = swap::swap(folder, ours, before)?;
    folder.sync(SyncPoint::StateName)?;
    Ok(swapped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::OrderId;
    use crate::queue::files::folder::STATE_OLD;
    use crate::queue::files::machine::Linux;
    use crate::queue::files::site::Site;
    use std::sync::Arc;

    #[test]
    fn a_rename_that_fails_and_came_to_pass_is_done_and_one_that_did_not_is_not() {
        let queue = tempfile::tempdir().unwrap();
        std::fs::create_dir(queue.path().join("a")).unwrap();
        let site = Site::of(queue.path(), Arc::new(Linux)).unwrap();
        let folder = site.order(&OrderId::parse("a").unwrap()).unwrap().unwrap();
        let ours = prepare(&folder, &State::IMPL).unwrap();
        // It came to pass; asked once more, the system says that there is nothing to rename.
        std::fs::rename(folder.path_of(STATE_NEXT), folder.path_of(STATE_OLD)).unwrap();
        assert_eq!(apply(&folder, &ours, &Found::Missing).unwrap(), Swapped::Ours);
        assert_eq!(read(&folder).unwrap(), ours);
        assert!(apply(&folder, &ours, &Found::Missing).is_err());
    }

    #[test]
    fn only_blanks_and_line_ends_after_the_word_are_forgiven() {
        let stamp = Stamp { ino: 1, mtime: 1, born: None };
        for good in ["IMPL\n", "IMPL", "IMPL\r\n", "IMPL \t\n", "IMPL\n\n"] {
            assert_eq!(word(good.as_bytes(), stamp), Found::Word(State::IMPL, stamp), "{good:?}");
        }
        let bad: [&[u8]; 10] = [
            b" ",
            b"\n",
            b"\xef\xbb\xbfIMPL\n",
            b"impl\n",
            b"IM\0PL\n",
            b"\xff\xfe\n",
            b"IMPL\nNEW\n",
            b" IMPL\n",
            b"IMPL NEW",
            b"\0",
        ];
        for bad in bad {
            assert!(matches!(word(bad, stamp), Found::Bad(_)), "{bad:?}");
        }
    }
}
