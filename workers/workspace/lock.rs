//! Locks between worker processes, for the few places where git itself races: a flock on a file of our own.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Result};
use crate::stop::Stop;

/// How long we wait for another process. What is done under a lock takes seconds at most, a first checkout of a very
/// large repository excepted.
const LIMIT: Duration = Duration::from_secs(300);

/// The right to do one thing alone. The kernel gives it back when the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Waits for the lock file `name` in `folder`, and no longer than until an end is wanted at once.
    pub(super) async fn take(folder: &Path, name: &str, stop: &Stop) -> Result<Self> {
        let path = folder.join(format!("{name}.lock"));
        let begun = Instant::now();
        loop {
            if let Some(file) = attempt(&path)? {
                return Ok(Self { file, path });
            }
            if begun.elapsed() > LIMIT {
                let message =
                    format!("failed to lock {}: another process holds it", path.display());
                return Err(Error::new(Kind::TimedOut, message)
                    .hint(format!("see who does: fuser -v {}", path.display())));
            }
            // Not a fixed beat, or two waiters would always meet.
            let beat = Duration::from_millis(fastrand::u64(4..24));
            tokio::select! {
                () = tokio::time::sleep(beat) => {}
                () = stop.now_asked() => {
                    let message = format!("stopped while waiting for {}", path.display());
                    return Err(Error::new(Kind::Environment, message)
                        .hint("nothing: it is done again when the worker runs again"));
                }
            }
        }
    }

    /// Gives the lock back and takes its file away: for locks that nobody needs any more.
    pub(super) fn remove(self) {
        // Whoever waits on the old file sees that its name is gone and makes a new one.
        let _gone = std::fs::remove_file(&self.path);
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A child that is being started may hold a copy of the descriptor for a moment; closing would not be enough.
        let _closing = self.file.unlock();
    }
}

fn attempt(path: &Path) -> Result<Option<File>> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|error| Error::io("open the lock file", path, error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(Error::io("lock", path, error)),
    }
    // Look again: the file may have been taken away between the open and the lock.
    let ours = file.metadata().map_err(|error| Error::io("look at", path, error))?;
    let same =
        std::fs::metadata(path).is_ok_and(|now| (now.dev(), now.ino()) == (ours.dev(), ours.ino()));
    Ok(same.then_some(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_waits_for_a_lock_once_an_end_is_wanted_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let stop = Stop::new();
        let held = Lock::take(folder.path(), "x", &stop).await.unwrap();
        stop.ask_now();
        let error = Lock::take(folder.path(), "x", &stop).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Environment);
        drop(held);
        drop(Lock::take(folder.path(), "x", &stop).await.unwrap());
    }

    #[tokio::test]
    async fn a_lock_is_exclusive_even_when_its_file_was_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path(), "x", &Stop::new()).await.unwrap();
        assert!(attempt(&first.path).unwrap().is_none());
        first.remove();
        let second = Lock::take(folder.path(), "x", &Stop::new()).await.unwrap();
        assert!(second.path.exists() && attempt(&second.path).unwrap().is_none());
        drop(second);
        drop(Lock::take(folder.path(), "x", &Stop::new()).await.unwrap());
    }
}
