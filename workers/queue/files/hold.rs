//! `.hold`: while it exists nobody claims the order; its text is the reason. A person makes it with `touch` or `echo`
//! and takes it away with `rm`.

use super::folder::{Content, HOLD, HOLD_NEXT, OrderFolder};
use super::journal::Journal;
use super::machine::{Errno, SyncPoint};
use crate::error::Result;
use crate::history::{Entry, Kind};

/// The most bytes of a reason that are read.
const LIMIT_BYTES: u64 = 16 * 1024;

/// Why the order is on hold, if it is. Whatever stands under that name is a hold.
pub(super) fn read(folder: &OrderFolder) -> Result<Option<String>> {
    Ok(match folder.read(HOLD, LIMIT_BYTES)? {
        Content::Missing => None,
        Content::Fault(why) => Some(format!("{HOLD} {why}")),
        Content::Bytes(bytes, _) => Some(String::from_utf8_lossy(&bytes).trim().to_owned()),
    })
}

/// Puts it on hold, over another reason.
pub(super) fn put(folder: &OrderFolder, why: &str) -> Result<()> {
    folder.write(HOLD_NEXT, format!("{}\n", why.trim()).as_bytes(), SyncPoint::HoldNext)?;
    folder.rename(HOLD_NEXT, HOLD)?;
    folder.sync(SyncPoint::HoldName)
}

/// The same for one who does not have the order's lock, unless it is on hold already. Somebody else may be at it too, so the
/// text is written under a name that is nobody else's.
fn put_unlocked(folder: &OrderFolder, why: &str) -> Result<()> {
    let next = format!("{HOLD_NEXT}.{:016x}", folder.machine.chance());
    folder.write(&next, format!("{}\n", why.trim()).as_bytes(), SyncPoint::HoldNext)?;
    match folder.rename_unless_there(&next, HOLD) {
        Ok(()) => folder.sync(SyncPoint::HoldName),
        Err(Errno::EXIST) => folder.remove(&next).map(drop),
        Err(error) => Err(folder.failed_rename(HOLD, error)),
    }
}

/// An order whose lock can't be had is put on hold, as [`by_machine`] does it.
pub(super) fn without_its_lock(folder: &OrderFolder, why: &str) {
    tracing::warn!(order = %folder.id, why, "put on hold");
    if let Err(error) = put_unlocked(folder, why) {
        tracing::warn!(order = %folder.id, %error, "could not write the hold down");
    }
}

/// The queue itself puts a broken order on hold, once: a reason that is there already stays. When even this can't be
/// written the order is still not claimed, since whoever tries finds the same fault.
pub(super) fn by_machine(folder: &OrderFolder, journal: Option<&mut Journal>, why: &str) {
    let written = match folder.has(HOLD) {
        Ok(true) => return,
        Ok(false) => put(folder, why),
        Err(error) => Err(error),
    };
    tracing::warn!(order = %folder.id, why, "put on hold");
    let noted = written.and_then(|()| match journal {
        Some(journal) => {
            let entry = Entry::of(Kind::Hold, journal.history.generation);
            journal.append(folder, vec![Entry { why: why.to_owned(), ..entry }])
        }
        None => Ok(()),
    });
    if let Err(error) = noted {
        tracing::warn!(order = %folder.id, %error, "could not write the hold down");
    }
}
