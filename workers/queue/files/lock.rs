//! Locks: an open file that is ours until it is dropped.

use super::machine::{Answer, Locking, OpenFile};

/// A lock that is held until this value is dropped.
#[derive(Debug)]
pub(super) struct Held(Box<dyn OpenFile>);

impl Held {
    /// The file that is locked.
    pub(super) fn file(&self) -> &dyn OpenFile {
        &*self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Closing would not do: a child between fork and exec shares our open file for a moment, and the lock with it.
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "could not give a lock back before closing its file");
        }
    }
}

/// The exclusive lock of `file`, or `None` when somebody else holds one.
pub(super) fn exclusive(file: Box<dyn OpenFile>) -> Answer<Option<Held>> {
    attempt(file, Locking::Exclusive)
}

/// The shared lock of `file`, or `None` when somebody else holds the exclusive one.
pub(super) fn shared(file: Box<dyn OpenFile>) -> Answer<Option<Held>> {
    attempt(file, Locking::Shared)
}

fn attempt(file: Box<dyn OpenFile>, how: Locking) -> Answer<Option<Held>> {
    Ok(file.lock(how)?.then(|| Held(file)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::files::machine::{Linux, Machine as _, Opening};

    #[test]
    fn two_opens_of_one_file_exclude_each_other_until_the_first_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        Linux.open(&path, Opening::New).unwrap();
        let open = || Linux.open(&path, Opening::Write).unwrap();
        let first = exclusive(open()).unwrap();
        assert!(first.is_some());
        assert!(exclusive(open()).unwrap().is_none() && shared(open()).unwrap().is_none());
        drop(first);
        let reader = shared(open()).unwrap();
        assert!(shared(open()).unwrap().is_some() && exclusive(open()).unwrap().is_none());
        drop(reader);
    }
}
