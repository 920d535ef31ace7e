//! Locked files: the permits themselves, the door before them, and the marks of those who wait.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::Who;
use crate::error::{Error, Result};

/// How long to wait at the door. Whoever is in it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most bytes that are read of a file.
const LIMIT_BYTES: u64 = 4096;

/// A file that is locked until it is dropped.
#[derive(Debug)]
pub(super) struct Locked(File);

impl Locked {
    /// Puts words into it. They are for whoever comes after us: that they can't be written takes no right away.
    pub(super) fn put(&mut self, words: &str) {
        let mut write = || -> io::Result<()> {
            self.0.set_len(0)?;
            self.0.rewind()?;
            self.0.write_all(words.as_bytes())
        };
        if let Err(error) = write() {
            tracing::debug!(%error, "a permit's holder is not written down");
        }
    }

    /// Whose words stand in it.
    pub(super) fn who(&mut self) -> Option<Who> {
        self.0.rewind().ok()?;
        read(&self.0)
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing would not do: a child between fork and exec shares our open file for a moment, and the lock with it.
        if let Err(error) = self.0.unlock() {
            tracing::debug!(%error, "a permit was not given back before its file was closed");
        }
    }
}

fn read(file: &File) -> Option<Who> {
    let mut text = String::new();
    file.take(LIMIT_BYTES).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn make_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|error| Error::io("make", path, error))
}

/// Makes the file if need be and locks it; `None` when somebody else has it.
pub(super) fn lock(path: &Path) -> Result<Option<Locked>> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let file = open.map_err(|error| Error::io("open", path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Locked(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", path, error)),
    }
}

/// The lock of the door; `None` when it can't be had in time.
pub(super) fn door(folder: &Path) -> Result<Option<Locked>> {
    let begun = Instant::now();
    loop {
        if let Some(door) = lock(&folder.join("door"))? {
            return Ok(Some(door));
        }
        if begun.elapsed() > PATIENCE {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Who holds the lock of this file; `None` when nobody does.
pub(super) fn holder(path: &Path) -> Result<Option<Who>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("open", path, error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(read(&file)),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", path, error)),
    }
}

/// The names in a folder; none when there is no such folder.
pub(super) fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list", folder, error)),
    };
    Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}
