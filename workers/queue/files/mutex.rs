//! The order mutex: `<id>/.lock`, held for the milliseconds of one transition and never during an agent session.
//! Nobody ever holds two of them.
//!
//! The folder itself is locked as well: should a person remove `.lock` while it is held, whoever makes it anew still
//! has to wait for the one inside.

use std::time::Duration;

use super::folder::{LOCK, OrderFolder, failed};
use super::lock::{self, Held};
use super::machine::{Errno, OpenFile, Opening};
use super::site::Site;
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
    _folder: Held,
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

/// Locks the order `id`, and waits at most `patience` for whoever has it.
pub(super) fn take(site: &Site, id: &OrderId, patience: Duration) -> Result<Taken> {
    let machine = &site.machine;
    let begun = machine.elapsed();
    let waited = || machine.elapsed().saturating_sub(begun);
    loop {
        match attempt(site, id)? {
            Some(Taken::Busy) if waited() < patience => {
                machine.pause(Duration::from_millis(2 + machine.chance() % 10));
            }
            Some(taken) => return Ok(taken),
            // The lock or the folder was replaced between our opening and our locking it: look again.
            None if waited() < patience.max(Duration::from_secs(1)) => {}
            None => return Ok(Taken::Busy),
        }
    }
}

/// Locks an order for a person or a worker that has to have it; busy for long is an error.
pub(super) fn take_patiently(
    site: &Site,
    id: &OrderId,
    patience: Duration,
) -> Result<Option<Locked>> {
    match take(site, id, patience)? {
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

fn attempt(site: &Site, id: &OrderId) -> Result<Option<Taken>> {
    let Some(folder) = site.order(id)? else { return Ok(Some(Taken::Gone)) };
    let path = folder.path_of(LOCK);
    let (file, fresh) = match folder.file(LOCK, Opening::Write) {
        Ok(file) => (file, false),
        Err(Errno::NOENT) => {
            match folder.file(LOCK, Opening::New) {
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
    let lock = |file: Box<dyn OpenFile>| {
        lock::exclusive(file).map_err(|error| failed("lock", &path, error))
    };
    let Some(mutex) = lock(file)? else { return Ok(Some(Taken::Busy)) };
    let Some(inside) = lock(folder.another_handle()?)? else { return Ok(Some(Taken::Busy)) };
    if !folder.still_has(LOCK, mutex.file())? {
        return Ok(None);
    }
    Ok(Some(Taken::Locked(Locked { folder, fresh, _mutex: mutex, _folder: inside })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::files::machine::Linux;
    use std::sync::Arc;

    fn folder() -> (tempfile::TempDir, Site, OrderId) {
        let queue = tempfile::tempdir().unwrap();
        std::fs::create_dir(queue.path().join("a")).unwrap();
        let site = Site::of(queue.path(), Arc::new(Linux)).unwrap();
        (queue, site, OrderId::parse("a").unwrap())
    }

    #[test]
    fn an_order_is_locked_by_one_at_a_time() {
        let (queue, site, id) = folder();
        let take = || take(&site, &id, Duration::ZERO).unwrap();
        let Taken::Locked(first) = take() else { panic!("it was free") };
        assert!(first.fresh);
        assert!(matches!(take(), Taken::Busy));
        drop(first);
        assert!(matches!(take(), Taken::Locked(second) if !second.fresh));
        std::fs::remove_dir_all(queue.path().join("a")).unwrap();
        assert!(matches!(take(), Taken::Gone));
    }

    #[test]
    fn removing_the_lock_file_lets_nobody_else_in() {
        let (queue, site, id) = folder();
        let take = || take(&site, &id, Duration::ZERO).unwrap();
        let Taken::Locked(first) = take() else { panic!("it was free") };
        std::fs::remove_file(queue.path().join("a/.lock")).unwrap();
        assert!(matches!(take(), Taken::Busy));
        drop(first);
        assert!(matches!(take(), Taken::Locked(_)));
    }
}
