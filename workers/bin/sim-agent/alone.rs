//! Whether two agents are at one order at once: each turn locks a file of its order. The lock is the kernel's and knows
//! nothing of the queue, so it is a witness that the queue can't talk into anything.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::Path;

use crate::job::Job;

/// Locks the order of `job` in `folder` until the turn ends, or puts down that somebody else has it. Without a folder, or
/// where it is not there, nothing is locked.
pub(crate) fn lock(folder: Option<&Path>, job: &Job) -> Result<Option<File>, String> {
    let Some(folder) = folder.filter(|folder| folder.is_dir()) else { return Ok(None) };
    let path = folder.join(format!("{}.lock", job.order));
    let failed = |error| format!("failed to lock {}: {error}", path.display());
    let file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => {
            let line = format!("{} {} {}\n", job.order, job.stage, job.generation);
            let path = folder.join("violations");
            let mut told =
                OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
            told.write_all(line.as_bytes()).map_err(failed)?;
            Ok(None)
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_turns_of_one_order_at_once_are_put_down() {
        let folder = tempfile::tempdir().unwrap();
        let job = |order: &str| Job { order: order.to_owned(), ..Job::default() };
        let violations = || std::fs::read_to_string(folder.path().join("violations"));
        let first = lock(Some(folder.path()), &job("a")).unwrap();
        let _other = lock(Some(folder.path()), &job("b")).unwrap();
        assert!(first.is_some() && violations().is_err());
        assert!(lock(Some(folder.path()), &job("a")).unwrap().is_none());
        assert_eq!(violations().unwrap(), "a  0\n");
        drop(first);
        assert!(lock(Some(folder.path()), &job("a")).unwrap().is_some());
    }
}
