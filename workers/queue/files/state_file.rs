//! `.state`: one word and a newline, what `cat` shows, and the truth about where an order stands.
//!
//! A person may write it (`echo IMPL > .state`), so only what an editor or a shell may add is forgiven: blanks and line
//! ends after the word. Everything else is not guessed at.

use std::time::Duration;

use super::folder::{Content, OrderFolder, STATE, STATE_NEXT, Stamp};
use super::machine::SyncPoint;
use crate::error::Result;
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

/// Reads `.state`.
pub(super) fn read(folder: &OrderFolder) -> Result<Found> {
    Ok(match folder.read(STATE, LIMIT_BYTES)? {
        Content::Missing => Found::Missing,
        Content::Fault(why) => Found::Bad(format!("{STATE} {why}")),
        Content::Bytes(bytes, _) if bytes.is_empty() => Found::Empty,
        Content::Bytes(bytes, stamp) => word(&bytes, stamp),
    })
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

fn word(bytes: &[u8], stamp: Stamp) -> Found {
    let text = String::from_utf8_lossy(bytes);
    match State::parse(text.trim_end_matches([' ', '\t', '\r', '\n'])) {
        Ok(state) => Found::Word(state, stamp),
        Err(error) => Found::Bad(format!("{STATE} does not hold a state: {error}")),
    }
}

/// The first half of a move: the new word, written and synced beside the old one. It moves nothing yet.
pub(super) fn prepare(folder: &OrderFolder, state: &State) -> Result<Stamp> {
    folder.write(STATE_NEXT, format!("{state}\n").as_bytes(), SyncPoint::StateNext)
}

/// The second half: the new word takes the place of the old one, and stays there over power loss.
pub(super) fn apply(folder: &OrderFolder, state: &State) -> Result<()> {
    if let Err(error) = folder.rename(STATE_NEXT, STATE) {
        // Some file systems fail a rename that happened: what counts is what the name leads to.
        if !matches!(read(folder)?, Found::Word(found, _) if found == *state) {
            return Err(error);
        }
    }
    folder.sync(SyncPoint::StateName)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::OrderId;
    use crate::queue::files::machine::Linux;
    use crate::queue::files::site::Site;
    use std::sync::Arc;

    #[test]
    fn a_rename_that_fails_and_came_to_pass_is_done_and_one_that_did_not_is_not() {
        let queue = tempfile::tempdir().unwrap();
        std::fs::create_dir(queue.path().join("a")).unwrap();
        let site = Site::of(queue.path(), Arc::new(Linux)).unwrap();
        let folder = site.order(&OrderId::parse("a").unwrap()).unwrap().unwrap();
        prepare(&folder, &State::IMPL).unwrap();
        // It came to pass; asked once more, the system says that there is nothing to rename.
        std::fs::rename(folder.path_of(STATE_NEXT), folder.path_of(STATE)).unwrap();
        apply(&folder, &State::IMPL).unwrap();
        assert!(apply(&folder, &State::PLAYTEST).is_err());
    }

    #[test]
    fn only_blanks_and_line_ends_after_the_word_are_forgiven() {
        let stamp = Stamp { ino: 1, mtime: 1 };
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
