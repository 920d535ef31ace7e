//! The swap: a new `.state` takes the place of the old one, and what was there is looked at as it comes out.
//!
//! A person may write `.state` at any time, also between our reading it and our putting another in its place. So the two
//! files change places (renameat2(2), `RENAME_EXCHANGE`), and the one that came out, `.state.old`, tells: when it is not
//! the one we have read, a person was faster, and it is put back. A reader sees one word or the other at every moment.
//!
//! `.state.next` becomes `.state.old` first, once its move is on record. So whoever finds a `.state.old` knows that it
//! is no word that was only thought of: it is ours, not yet in its place; or an old one that came out; or a person's.

use super::folder::{OrderFolder, STATE, STATE_NEXT, STATE_OLD};
use super::journal::Journal;
use super::machine::Errno;
use super::state_file::{self, Found};
use crate::error::{Error, Kind, Result};

/// How often a person may write `.state` while we put theirs back.
const ROUNDS: usize = 16;

/// Who wrote the `.state` that stands after a swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Swapped {
    /// We did.
    Ours,
    /// A person, between our reading it and our putting ours in its place. Theirs stands.
    Persons,
}

/// Puts `.state.next`, which reads as `ours`, in the place of the `.state` that was read as `before`. Not synced.
pub(super) fn swap(folder: &OrderFolder, ours: &Found, before: &Found) -> Result<Swapped> {
    if let Err(error) = folder.rename(STATE_NEXT, STATE_OLD) {
        // Some file systems fail a rename that happened: what counts is what the name leads to.
        if state_file::read_at(folder, STATE_OLD)? != *ours {
            return Err(error);
        }
    }
    let stands = exchange(folder, ours.clone(), before.clone())?;
    Ok(if stands == *ours { Swapped::Ours } else { Swapped::Persons })
}

/// What a swap that was cut short has left is cleared away: a person's `.state` that came out is put back.
pub(super) fn finish(folder: &OrderFolder, journal: &Journal) -> Result<()> {
    if !folder.has(STATE_OLD)? {
        return Ok(());
    }
    let (out, stands) = (came_out(folder)?, state_file::read(folder)?);
    let to = journal.last_move.as_ref().and_then(|last| last.to.as_ref());
    let ours_stands = matches!(&stands, Found::Word(word, _) if Some(word) == to);
    let out_is_known = match &out {
        // Half of an `echo`, which is not waited for a second time.
        Found::Missing | Found::Empty => true,
        Found::Word(word, _) if Some(word) == to => true,
        Found::Word(word, stamp) => journal.has_replaced_part(word, *stamp),
        // A power cut has torn what is in it.
        Found::Bad(_) => {
            folder.stamp_of(STATE_OLD)?.is_some_and(|stamp| journal.has_replaced_file(stamp))
        }
    };
    if ours_stands && !out_is_known {
        tracing::info!(order = %folder.id, "a .state that a person wrote is put back");
        exchange(folder, out, stands).map(drop)
    } else {
        folder.remove(STATE_OLD).map(drop)
    }
}

/// Exchanges `.state.old`, which reads as `inside`, with `.state` until what comes out is what was expected: `outside`
/// at first. Anything else is newer than what we put in. Returns what stands in `.state` then.
fn exchange(folder: &OrderFolder, mut inside: Found, mut outside: Found) -> Result<Found> {
    for _ in 0..ROUNDS {
        if outside == Found::Missing && put_where_none_is(folder)? {
            return Ok(inside);
        }
        match folder.exchange(STATE_OLD, STATE) {
            Ok(()) => {}
            // Somebody has taken it away.
            Err(Errno::NOENT) => {
                outside = Found::Missing;
                continue;
            }
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                return replace(folder, inside, &outside);
            }
            Err(error) => {
                if state_file::read(folder)? != inside {
                    return Err(folder.failed_rename(STATE, error));
                }
            }
        }
        let out = came_out(folder)?;
        if out == outside || out == Found::Missing {
            folder.remove(STATE_OLD)?;
            return Ok(inside);
        }
        (inside, outside) = (out, inside);
    }
    let path = folder.path_of(STATE);
    let told = format!("failed to write {}: it is written again and again", path.display());
    Err(Error::new(Kind::BrokenOrder, told).hint("end whatever writes it"))
}

/// What came out. That the system can't read it is an error here: it must not be taken for a person's.
fn came_out(folder: &OrderFolder) -> Result<Found> {
    state_file::read_strictly(folder, STATE_OLD)
}

/// True when there was no `.state`, and ours is it now.
fn put_where_none_is(folder: &OrderFolder) -> Result<bool> {
    match folder.rename_unless_there(STATE_OLD, STATE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(error) => Err(folder.failed_rename(STATE, error)),
    }
}

/// Where a file system can't exchange two files: looked at once more, and replaced. A person may be faster still.
fn replace(folder: &OrderFolder, inside: Found, outside: &Found) -> Result<Found> {
    let stands = state_file::read(folder)?;
    if stands != *outside && stands != Found::Missing {
        folder.remove(STATE_OLD)?;
        return Ok(stands);
    }
    folder.rename(STATE_OLD, STATE)?;
    Ok(inside)
}
