//! The seam under the file queue: everything that it asks of the machine it runs on. Files and folders, locks, the clock,
//! processes, chance.
//!
//! The queue holds an `Arc<dyn Machine>` and does nothing past it (`tests/tidy.rs`). [`Linux`] is the real one; a harness
//! puts its own around it or in its place: to leave a sync out by its name, to answer with an error, to cut the power, to
//! let processes take turns.
//!
//! What is asked of an implementation is what Linux gives on a local file system. Where a call may be interrupted
//! (`EINTR`) it tries again by itself, but for [`Machine::list`] half-way.

use std::any::Any;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use rustix::io::Errno;

mod flock;
mod linux;
mod sync_point;

pub use linux::Linux;
pub use sync_point::SyncPoint;

/// What a call came to, or which error the system gave.
pub type Answer<T> = Result<T, Errno>;

/// How a file is opened. A symbolic link at the end is never followed (`ELOOP`), and nobody is waited for: a FIFO
/// opens at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// To read what is there.
    Read,
    /// To read and write what is there.
    Write,
    /// To read and write a new one, which only we may read; something of that name is an error (`EEXIST`).
    New,
    /// To write behind its end; made when there is none.
    Append,
}

/// What becomes of something that stands where another is renamed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renaming {
    /// It is replaced. A file only, or an empty folder.
    Replace,
    /// It stays, and that is an error (`EEXIST`).
    Keep,
    /// The two change places. Nothing there is an error (`ENOENT`).
    Exchange,
}

/// Who else may hold a lock on the same file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locking {
    /// Nobody.
    Exclusive,
    /// Those who hold it shared.
    Shared,
}

/// What something is, by its entry in its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A plain file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A FIFO, a socket, a device.
    Other,
}

/// What the system knows of a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The file system it is on.
    pub device: u64,
    /// Its number there. May be used again when it is gone.
    pub inode: u64,
    /// What it is.
    pub sort: Sort,
    /// How many names lead to it.
    pub links: u64,
    /// Its bytes.
    pub size: u64,
    /// When its content last changed, nanoseconds since 1970. Anybody may set it back.
    pub mtime: i64,
    /// When it was made, nanoseconds since 1970: nobody can set that. `None` where it is not kept.
    pub born: Option<i64>,
}

/// Who may do what with a folder, and who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// Its mode, as stat(2) tells it.
    pub mode: u32,
    /// The number of the user that it belongs to.
    pub owner: u32,
    /// The number of its group.
    pub group: u32,
    /// The number of the user that we are.
    pub user: u32,
}

/// What is free on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// MiB that we may still fill.
    pub mib: u64,
    /// Files that may still be made; `None` where they are not counted.
    pub inodes: Option<u64>,
}

/// A file that is open. Closed when it is dropped.
pub trait OpenFile: fmt::Debug + Send + Sync {
    /// Reads on from where the last read ended, at first from its beginning, to its end, but `most` bytes at most.
    fn read(&self, most: u64) -> Answer<Vec<u8>>;

    /// Writes all of `bytes`: behind its end when it was opened so, else behind what was written last. On an error some
    /// of them may have been written.
    fn write(&self, bytes: &[u8]) -> Answer<()>;

    /// Cuts it off, or fills it up with zeros, to `size` bytes.
    fn truncate(&self, size: u64) -> Answer<()>;

    /// Makes its content survive power loss. A failure is told only once, and nobody knows then what is on disk.
    fn sync(&self, point: SyncPoint) -> Answer<()>;

    /// What is known of it.
    fn facts(&self) -> Answer<Facts>;

    /// Locks it (flock(2)) unless somebody else has it; true when it is ours now. Two opens of one file exclude each
    /// other, also in one process.
    fn lock(&self, how: Locking) -> Answer<bool>;

    /// Gives the lock back. It is given back as well when the file is closed, or its process ends.
    fn unlock(&self) -> Answer<()>;
}

/// A folder that is open: what is in it is reached through it, wherever it is by now.
pub trait OpenFolder: fmt::Debug + Send + Sync {
    /// Opens a file in it.
    fn open(&self, name: &str, how: Opening) -> Answer<Box<dyn OpenFile>>;

    /// What is known of something in it, but for when it was made; links are not followed.
    fn facts_of(&self, name: &str) -> Answer<Facts>;

    /// Renames something in it.
    fn rename(&self, from: &str, to: &str, how: Renaming) -> Answer<()>;

    /// Takes a file in it away.
    fn remove(&self, name: &str) -> Answer<()>;

    /// Makes what its names lead to survive power loss.
    fn sync(&self, point: SyncPoint) -> Answer<()>;

    /// What is known of itself.
    fn facts(&self) -> Answer<Facts>;

    /// A second handle of it, to lock it by.
    fn to_lock(&self) -> Answer<Box<dyn OpenFile>>;
}

/// A machine that a queue runs on, as one process sees it.
pub trait Machine: fmt::Debug + Send + Sync {
    /// Opens a file.
    fn open(&self, path: &Path, how: Opening) -> Answer<Box<dyn OpenFile>>;

    /// Opens a folder. A link to one is none (`ENOTDIR` or `ELOOP`).
    fn open_folder(&self, path: &Path) -> Answer<Box<dyn OpenFolder>>;

    /// What is known of something; a link at the end is not followed.
    fn facts(&self, path: &Path) -> Answer<Facts>;

    /// Renames something, maybe into another folder.
    fn rename(&self, from: &Path, to: &Path, how: Renaming) -> Answer<()>;

    /// Takes a file away.
    fn remove(&self, path: &Path) -> Answer<()>;

    /// Makes a folder, and those above it that are missing. Fine when it is there.
    fn make_folder(&self, path: &Path) -> Answer<()>;

    /// Takes an empty folder away.
    fn remove_folder(&self, path: &Path) -> Answer<()>;

    /// Takes a folder away with everything in it. Links in it are taken away and not followed.
    fn remove_tree(&self, path: &Path) -> Answer<()>;

    /// Tells `each` every name in a folder, in whatever order. An error half-way is told.
    fn list(&self, folder: &Path, each: &mut dyn FnMut(&OsStr, Sort)) -> Answer<()>;

    /// Makes what a folder's names lead to survive power loss. A link to a folder is followed.
    fn sync_folder(&self, path: &Path, point: SyncPoint) -> Answer<()>;

    /// What is free where `folder` is; `None` when nobody knows.
    fn room(&self, folder: &Path) -> Option<Room>;

    /// The type of the file system that `folder` is on, as statfs(2) tells it. `None` when it needs neither be asked for
    /// nor tried out: it is known to be fit.
    fn file_system(&self, folder: &Path) -> Answer<Option<u64>>;

    /// Who may write into `folder`; `None` where nobody but us can be. A link is followed.
    fn rights(&self, _folder: &Path) -> Answer<Option<Rights>> {
        Ok(None)
    }

    /// Calls `ring` whenever something may have come into one of `folders`, until the returned value is dropped. The
    /// error says why that can't be had.
    fn watch(&self, folders: &[PathBuf], ring: Ring) -> Result<Box<dyn Any + Send + Sync>, String>;

    /// Wall-clock time, seconds since 1970. It may jump.
    fn now(&self) -> u64;

    /// Time that only goes on, since some moment.
    fn elapsed(&self) -> Duration;

    /// Lets others go on for about that long.
    fn pause(&self, length: Duration);

    /// How many threads may ask this at once. 1 where the order of what is asked is to be the same each time.
    fn threads(&self) -> usize;

    /// A number by chance.
    fn chance(&self) -> u64;

    /// An id (UUID) that nobody else has.
    fn new_id(&self) -> String;

    /// The machine: its id where it has one, else its name.
    fn host(&self) -> String;

    /// This boot's id; empty where it is not told.
    fn boot(&self) -> String;

    /// The number of our own process.
    fn own_pid(&self) -> u32;

    /// When a process was started, in ticks since boot; `None` when there is none of that number, or nobody tells.
    fn start_time(&self, pid: u32) -> Option<u64>;
}

/// Called when something may have come.
pub type Ring = Arc<dyn Fn() + Send + Sync>;
