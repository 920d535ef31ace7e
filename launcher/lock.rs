//! One launcher per queue: `run/launcher.lock` is held for the life of a launcher and names it; `run/launcher.json` says
//! what it launched. Correctness of the queue never depends on either.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use shopfloor::error::{Error, Result};
use shopfloor::floor::{self, Floor};
use shopfloor::process;

/// A launcher process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Runner {
    /// Its process id.
    pub(crate) pid: u32,
    /// When it started, clock ticks since boot: with the pid this names one process for ever.
    pub(crate) start_time: u64,
}

impl Runner {
    /// The process `pid`, if it lives.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        Some(Self { pid, start_time: process::start_time(pid)? })
    }

    /// True while that very process lives.
    pub(crate) fn lives(self) -> bool {
        process::start_time(self.pid) == Some(self.start_time)
    }

    /// What the cookies of everything that a worker of this process started begin with.
    pub(crate) fn cookie(self) -> String {
        format!("{}-{}-", self.pid, self.start_time)
    }

    /// Sends it a signal, if it still is that process.
    pub(crate) fn signal(self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid.filter(|_| self.lives()) {
            // Gone in between: what we want in the end.
            rustix::process::kill_process(pid, signal).ok();
        }
    }
}

/// What one launcher launched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The launcher.
    pub(crate) launcher: Runner,
    /// When it started, unix seconds.
    pub(crate) since: u64,
    /// Its workers.
    pub(crate) workers: Vec<Launched>,
    /// It was asked to end: once more would be at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) stopping: bool,
}

/// One worker as it was launched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Launched {
    /// `spec-worker`, or `spec-worker-2` for the second one of a stage.
    pub(crate) name: String,
    /// Its stage.
    pub(crate) stage: String,
    /// The process, while there is one.
    pub(crate) process: Option<Runner>,
    /// Its batch size.
    pub(crate) batch: usize,
    /// Its log, as shown to the person who launched it.
    pub(crate) log: String,
}

/// The right to be the launcher of this queue, until it is dropped.
#[derive(Debug)]
pub(crate) struct LauncherLock {
    _file: File,
    floor: Floor,
}

impl LauncherLock {
    /// Writes down what was launched, for `stop` and `status`.
    pub(crate) fn record(&self, record: &Record) -> Result<()> {
        let bytes = serde_json::to_vec(record).unwrap_or_default();
        floor::replace(&record_path(&self.floor), &bytes)
    }
}

impl Drop for LauncherLock {
    fn drop(&mut self) {
        // The lock itself is free when the file is closed; the record would only name the dead.
        std::fs::remove_file(record_path(&self.floor)).ok();
    }
}

fn lock_path(floor: &Floor) -> PathBuf {
    floor.run().join("launcher.lock")
}

fn record_path(floor: &Floor) -> PathBuf {
    floor.run().join("launcher.json")
}

/// What the launcher of this queue wrote down. It may be of a launcher that is dead.
pub(crate) fn record(floor: &Floor) -> Option<Record> {
    serde_json::from_slice(&std::fs::read(record_path(floor)).ok()?).ok()
}

/// Takes the lock, or says who has it (`None`: somebody who has not said so yet).
pub(crate) fn take(floor: &Floor) -> Result<Result<LauncherLock, Option<Runner>>> {
    let path = lock_path(floor);
    let mut options = File::options();
    let options = options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(&path).map_err(|error| Error::io("open", &path, error))?;
    let begun = Instant::now();
    while !try_lock(&file, &path)? {
        let holder = read(&mut file);
        // `stop` and `status` look with a shared lock for a moment; only a live process is a holder.
        if holder.is_some_and(Runner::lives) || begun.elapsed() > Duration::from_secs(2) {
            return Ok(Err(holder));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = std::process::id();
    let start_time = process::start_time(pid).unwrap_or(0);
    let line = format!("{pid} {start_time}\n");
    let written = file.set_len(0).and_then(|()| file.rewind());
    let written = written.and_then(|()| file.write_all(line.as_bytes()));
    written.map_err(|error| Error::io("write", &path, error))?;
    Ok(Ok(LauncherLock { _file: file, floor: floor.clone() }))
}

/// The launcher that runs on this queue, if one does.
pub(crate) fn running(floor: &Floor) -> Result<Option<Runner>> {
    let path = lock_path(floor);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("open", &path, error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        // It is held: the name in it is the holder's once that process lives.
        Err(TryLockError::WouldBlock) => Ok(read(&mut file).filter(|runner| runner.lives())),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", &path, error)),
    }
}

fn try_lock(file: &File, path: &Path) -> Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", path, error)),
    }
}

fn read(file: &mut File) -> Option<Runner> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    let (pid, start_time) = text.trim().split_once(' ')?;
    Some(Runner { pid: pid.parse().ok()?, start_time: start_time.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_launcher_is_told_who_the_first_is_and_a_dead_one_is_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let floor = Floor::of_queue(folder.path());
        std::fs::create_dir_all(floor.run()).unwrap();
        assert_eq!(running(&floor).unwrap(), None);
        let first = take(&floor).unwrap().unwrap();
        let own = Runner::of(std::process::id());
        assert_eq!(take(&floor).unwrap().unwrap_err(), own);
        assert_eq!(running(&floor).unwrap(), own);
        drop(first);
        assert_eq!(running(&floor).unwrap(), None);
        assert!(take(&floor).unwrap().is_ok());
    }
}
