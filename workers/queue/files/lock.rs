//! Locks: flock(2) on an open file, and nothing else here. The only module that names the crate `fs2`, by full path,
//! since std's own `File::lock` methods have the same names.
//!
//! Only "would block" means that somebody else holds a lock; every other refusal is an error.

use std::fs::File;
use std::io;

/// A lock that is held until this value is dropped.
#[derive(Debug)]
pub(super) struct Held(File);

impl Held {
    /// The file that is locked.
    pub(super) fn file(&self) -> &File {
        &self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Closing would not do: a child between fork and exec shares our open file for a moment, and the lock with it.
        if let Err(error) = fs2::FileExt::unlock(&self.0) {
            tracing::warn!(%error, "could not give a lock back before closing its file");
        }
    }
}

/// The exclusive lock of `file`, or `None` when somebody else holds one.
pub(super) fn exclusive(file: File) -> io::Result<Option<Held>> {
    attempt(file, fs2::FileExt::try_lock_exclusive)
}

/// The shared lock of `file`, or `None` when somebody else holds the exclusive one.
pub(super) fn shared(file: File) -> io::Result<Option<Held>> {
    attempt(file, fs2::FileExt::try_lock_shared)
}

fn attempt(file: File, lock: impl Fn(&File) -> io::Result<()>) -> io::Result<Option<Held>> {
    loop {
        match lock(&file) {
            Ok(()) => return Ok(Some(Held(file))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_opens_of_one_file_exclude_each_other_until_the_first_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let open = || {
            let mut options = File::options();
            options.create(true).truncate(false).write(true).open(&path).unwrap()
        };
        let first = exclusive(open()).unwrap();
        assert!(first.is_some());
        assert!(exclusive(open()).unwrap().is_none() && shared(open()).unwrap().is_none());
        drop(first);
        let reader = shared(open()).unwrap();
        assert!(shared(open()).unwrap().is_some() && exclusive(open()).unwrap().is_none());
        drop(reader);
    }
}
