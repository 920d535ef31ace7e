//! The order mutex: `<id>/.lock`, held for the milliseconds of one transition and never during an agent session.
//! Nobody ever holds two of them.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::folder::{LOCK, OrderFolder, failed};
use super::lock::{self, Held};
use crate::error::{Error, Kind, Result};
use crate::order::OrderId;

/// An order that is locked by us. Everything that changes an order asks for one of these.
#[derive(Debug)]
pub(super) struct Locked {
    /// Its folder.
    pub(super) folder: OrderFolder,
    /// True when there was no `.lock` before: the folder was made by hand and nobody has touched it yet.
    pub(super) fresh: bool,
    _mutex: Held,
}

/// What became of a wish to lock an order.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is ours until the value is dropped.
    Locked(Locked),
    /// There is no such order.
    Gone,
    /// Somebody else has it, and had it for as long as we were told to wait.
    Busy,
}

/// Locks the order `id` of the queue in `queue`, and waits at most `patience` for whoever has it.
pub(super) fn take(queue: &Path, id: &OrderId, patience: Duration) -> Result<Taken> {
    let begun = Instant::now();
    loop {
        match attempt(queue, id)? {
            Some(Taken::Busy) if begun.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(fastrand::u64(2..12)));
            }
            Some(taken) => return Ok(taken),
            // The lock or the folder was replaced between our opening and our locking it: look again.
            None if begun.elapsed() < patience.max(Duration::from_secs(1)) => {}
            None => return Ok(Taken::Busy),
        }
    }
}

/// Locks an order for a person or a worker that has to have it; busy for long is an error.
pub(super) fn take_patiently(
    queue: &Path,
    id: &OrderId,
    patience: Duration,
) -> Result<Option<Locked>> {
    match take(queue, id, patience)? {
        Taken::Locked(locked) => Ok(Some(locked)),
        Taken::Gone => Ok(None),
        Taken::Busy => Err(Error::new(
            Kind::TimedOut,
            format!(
                "failed to lock order {id}: another process has held its lock for {patience:?}"
            ),
        )
        .hint("that process may be stopped (Ctrl-Z); try again")),
    }
}

fn attempt(queue: &Path, id: &OrderId) -> Result<Option<Taken>> {
    let Some(folder) = OrderFolder::open(queue, id)? else { return Ok(Some(Taken::Gone)) };
    let path = folder.path_of(LOCK);
    let (file, fresh) = match folder.file(LOCK, OFlags::RDWR) {
        Ok(file) => (file, false),
        Err(Errno::NOENT) => {
            match folder.file(LOCK, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL) {
                Ok(file) => (file, true),
                // Somebody was faster, or the folder is being removed.
                Err(Errno::EXIST | Errno::NOENT) => return Ok(None),
                Err(error) => return Err(failed("create", &path, error)),
            }
        }
        Err(error @ (Errno::LOOP | Errno::ISDIR | Errno::ACCESS | Errno::PERM | Errno::NXIO)) => {
            return Err(failed("open", &path, error)
                .of_kind(Kind::BrokenOrder)
                .hint("it must be an empty plain file: remove it, and it is made anew"));
        }
        Err(error) => return Err(failed("open", &path, error)),
    };
    match lock::exclusive(file).map_err(|error| failed("lock", &path, error))? {
        None => Ok(Some(Taken::Busy)),
        Some(mutex) if folder.still_has(LOCK, mutex.file())? => {
            Ok(Some(Taken::Locked(Locked { folder, fresh, _mutex: mutex })))
        }
        Some(_) => Ok(None),
    }
}
