//! One decision at a time: the lock under which orders that touch files are taken.

use std::fs::{File, OpenOptions, TryLockError};
use std::time::{Duration, Instant};

use super::Survey;
use crate::error::{Error, Result};

/// How long a decision waits for another one. Each takes milliseconds; a stopped process may hold it for ever.
const PATIENCE: Duration = Duration::from_secs(2);

/// The right to decide, until it is dropped.
#[derive(Debug)]
pub struct Deciding(#[expect(dead_code, reason = "closing the file gives the lock back")] File);

impl Survey {
    /// Waits for the right to decide; `None` when another one holds it for too long.
    pub fn decide(&self) -> Result<Option<Deciding>> {
        let folder = self.floor.run();
        std::fs::create_dir_all(&folder).map_err(|error| Error::io("make", &folder, error))?;
        let path = folder.join("deciding.lock");
        let open =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = open.map_err(|error| Error::io("open", &path, error))?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Deciding(file))),
                Err(TryLockError::WouldBlock) if begun.elapsed() > PATIENCE => return Ok(None),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path, error)),
            }
        }
    }
}
