//! Waiting for a permit: `waiting/<worker>`, locked by the worker that waits.

use std::path::{Path, PathBuf};

use super::Who;
use super::files::{Locked, door, holder, lock, names};
use crate::error::Result;

/// Who has waited longer than this comes before the stages upstream of it: a permit that only ever went upstream would never
/// come down while new orders come in. Seconds.
const PATIENCE_SECS: u64 = 600;

/// A place among those who wait, until it is dropped.
#[derive(Debug)]
pub struct Waiting {
    path: PathBuf,
    _lock: Option<Locked>,
}

impl Waiting {
    /// Under the door's lock, so that nobody takes a mark that is being made for a dead one's.
    pub(super) fn begin(folder: &Path, who: &Who) -> Result<Self> {
        let path = folder.join("waiting").join(who.worker.as_str());
        let _door = door(folder)?;
        let mut lock = lock(&path)?;
        if let Some(lock) = &mut lock {
            lock.put(&serde_json::to_string(who).unwrap_or_default());
        }
        Ok(Self { path, _lock: lock })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

/// Everybody who waits. Under the door's lock; `tidy` takes the marks of the dead away.
pub(super) fn all(folder: &Path, tidy: bool) -> Result<Vec<Who>> {
    let folder = folder.join("waiting");
    let mut found = Vec::new();
    for name in names(&folder)? {
        let path = folder.join(name);
        match holder(&path)? {
            Some(who) => found.push(who),
            None if tidy => drop(std::fs::remove_file(&path)),
            None => {}
        }
    }
    Ok(found)
}

/// By this those who wait are sorted.
pub(super) fn order(who: &Who, now: u64) -> (u64, usize, u64, &str) {
    let waited = now.saturating_sub(who.since);
    // Among those who have waited too long the one who has waited longest is first.
    let overdue = if waited > PATIENCE_SECS { who.since } else { u64::MAX };
    (overdue, who.place, who.since, who.worker.as_str())
}

/// True when `one` comes before `other`.
pub(super) fn before(one: &Who, other: &Who, now: u64) -> bool {
    order(one, now) < order(other, now)
}
