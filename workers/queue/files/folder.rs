//! The folder of one order, held open: every file of it is reached through the descriptor, and no symbolic link is
//! ever followed. So a folder that is renamed or removed under us is noticed, and nothing outside it is touched.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::machine::{
    Answer, Errno, Facts, Machine, OpenFile, OpenFolder, Opening, Renaming, Sort, SyncPoint,
};
use crate::error::{Error, Kind, Result};
use crate::history::FileMark;
use crate::order::OrderId;

/// Names of the files the queue keeps in an order's folder.
pub(super) const STATE: &str = ".state";
pub(super) const STATE_NEXT: &str = ".state.next";
pub(super) const STATE_OLD: &str = ".state.old";
pub(super) const LOCK: &str = ".lock";
pub(super) const HOLD: &str = ".hold";
pub(super) const HOLD_NEXT: &str = ".hold.next";
pub(super) const REQUEST: &str = "order.json";
pub(super) const JOURNAL: &str = "events.jsonl";

/// What a file looked like when it was read. Only equality means anything, never the order of two times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Its inode.
    pub(super) ino: u64,
    /// Its modification time, nanoseconds since 1970.
    pub(super) mtime: i64,
    /// When it was made, where the file system keeps that. Inodes are used again, and a backup sets modification times.
    pub(super) born: Option<i64>,
}

impl Stamp {
    /// True when both mean the same file. What is not known of one is not compared.
    pub(super) fn is(self, other: Self) -> bool {
        let born = self.born.zip(other.born).is_none_or(|(one, other)| one == other);
        born && (self.ino, self.mtime) == (other.ino, other.mtime)
    }

    fn of(facts: &Facts) -> Self {
        Self { ino: facts.inode, mtime: facts.mtime, born: facts.born }
    }

    /// As it stands in an entry.
    pub(super) fn mark(self) -> FileMark {
        FileMark { ino: self.ino, mtime: Some(self.mtime), born: self.born }
    }
}

/// What a name in an order's folder leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// There is nothing of that name.
    Missing,
    /// Something is there that must not or can't be read: the reason, reading on from the file's name.
    Fault(String),
    /// A plain file, read whole.
    Bytes(Vec<u8>, Stamp),
}

/// One order's folder, open.
#[derive(Debug)]
pub(super) struct OrderFolder {
    /// The order, by the folder's name.
    pub(super) id: OrderId,
    /// Where it was when we opened it.
    pub(super) path: PathBuf,
    /// The machine it is on.
    pub(super) machine: Arc<dyn Machine>,
    dir: Box<dyn OpenFolder>,
}

impl OrderFolder {
    /// Opens `path` as the folder of `id`; `None` when there is none (a symbolic link or a plain file is none). While
    /// it is built, it stands elsewhere than among the orders.
    pub(super) fn open_at(
        machine: &Arc<dyn Machine>,
        path: PathBuf,
        id: &OrderId,
    ) -> Result<Option<Self>> {
        match machine.open_folder(&path) {
            Ok(dir) => Ok(Some(Self { id: id.clone(), path, machine: machine.clone(), dir })),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(error) => Err(self_failed("open", &path, error)),
        }
    }

    /// The path of a file in it, for messages.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A second handle of the folder, to lock it by.
    pub(super) fn another_handle(&self) -> Result<Box<dyn OpenFile>> {
        self.dir.to_lock().map_err(|error| failed("open", &self.path, error))
    }

    /// Opens a file in it. Never blocks (a FIFO does not either) and never follows a link.
    pub(super) fn file(&self, name: &str, how: Opening) -> Answer<Box<dyn OpenFile>> {
        self.dir.open(name, how)
    }

    /// Reads a file in it, at most `limit` bytes of it. That the system can't read this one is the file's fault.
    pub(super) fn read(&self, name: &str, limit: u64) -> Result<Content> {
        match self.content(name, limit) {
            Err(error) if is_its_own_fault(error) => Ok(unreadable(error)),
            read => read.map_err(|error| failed("read", &self.path_of(name), error)),
        }
    }

    /// The same, and that the system can't read it is an error.
    pub(super) fn content(&self, name: &str, limit: u64) -> Answer<Content> {
        let file = match self.file(name, Opening::Read) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(Content::Missing),
            Err(Errno::LOOP) => return Ok(Content::Fault("is a symbolic link".to_owned())),
            Err(error) => return Err(error),
        };
        if file.facts()?.sort != Sort::File {
            return Ok(Content::Fault("is not a plain file".to_owned()));
        }
        let bytes = file.read(limit + 1)?;
        if bytes.len() as u64 > limit {
            return Ok(Content::Fault(format!("is larger than {limit} bytes")));
        }
        Ok(Content::Bytes(bytes, Stamp::of(&file.facts()?)))
    }

    /// Writes a new file of that name and syncs it; what stood there is taken away first.
    /// On an error nothing of that name is left.
    pub(super) fn write(&self, name: &str, bytes: &[u8], point: SyncPoint) -> Result<Stamp> {
        self.remove(name)?;
        let path = self.path_of(name);
        let file = self.file(name, Opening::New).map_err(|error| failed("create", &path, error))?;
        let written = file
            .write(bytes)
            .map_err(|error| failed("write", &path, error))
            .and_then(|()| file.sync(point).map_err(|error| failed("sync", &path, error)))
            .and_then(|()| file.facts().map_err(|error| failed("look at", &path, error)));
        if written.is_err() {
            drop(self.remove(name));
        }
        written.map(|facts| Stamp::of(&facts))
    }

    /// Renames a file within it, over what stood there.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.dir.rename(from, to, Renaming::Replace).map_err(|error| self.failed_rename(to, error))
    }

    /// Renames a file within it, unless something of the new name is there (`EEXIST`).
    pub(super) fn rename_unless_there(&self, from: &str, to: &str) -> Answer<()> {
        self.dir.rename(from, to, Renaming::Keep)
    }

    /// Lets two files within it change places.
    pub(super) fn exchange(&self, one: &str, other: &str) -> Answer<()> {
        self.dir.rename(one, other, Renaming::Exchange)
    }

    /// The error of a rename to `to`.
    pub(super) fn failed_rename(&self, to: &str, error: Errno) -> Error {
        failed("rename a file to", &self.path_of(to), error)
    }

    /// Takes a file away; false when there was none.
    pub(super) fn remove(&self, name: &str) -> Result<bool> {
        match self.dir.remove(name) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(failed("remove", &self.path_of(name), error)),
        }
    }

    /// Makes the content of a file in it survive power loss, whoever wrote it.
    pub(super) fn sync_file(&self, name: &str, point: SyncPoint) -> Result<()> {
        let synced = self.file(name, Opening::Read).and_then(|file| file.sync(point));
        synced.map_err(|error| failed("sync", &self.path_of(name), error))
    }

    /// Which file it is that `name` leads to; `None` when that is nothing, or no plain file.
    pub(super) fn stamp_of(&self, name: &str) -> Result<Option<Stamp>> {
        match self.file(name, Opening::Read).and_then(|file| file.facts()) {
            Ok(facts) => Ok((facts.sort == Sort::File).then(|| Stamp::of(&facts))),
            Err(Errno::NOENT | Errno::LOOP) => Ok(None),
            Err(error) => Err(failed("look at", &self.path_of(name), error)),
        }
    }

    /// Makes what its names lead to survive power loss.
    pub(super) fn sync(&self, point: SyncPoint) -> Result<()> {
        self.dir.sync(point).map_err(|error| failed("sync", &self.path, error))
    }

    /// Makes its own place among the orders survive power loss.
    pub(super) fn sync_place(&self, point: SyncPoint) -> Result<()> {
        let above = self.path.parent().unwrap_or(&self.path);
        self.machine.sync_folder(above, point).map_err(|error| failed("sync", above, error))
    }

    /// True while `file` is what `name` leads to, and the folder is still where we opened it.
    pub(super) fn still_has(&self, name: &str, file: &dyn OpenFile) -> Result<bool> {
        let seen = |error| failed("look at", &self.path_of(name), error);
        let same =
            |one: Facts, other: Facts| (one.device, one.inode) == (other.device, other.inode);
        let ours = file.facts().map_err(seen)?;
        let own = self.dir.facts().map_err(seen)?;
        let here = match self.dir.facts_of(name) {
            Ok(there) => same(there, ours),
            Err(Errno::NOENT) => false,
            Err(error) => return Err(seen(error)),
        };
        let in_place = match self.machine.facts(&self.path) {
            Ok(there) => same(there, own),
            Err(Errno::NOENT | Errno::NOTDIR) => false,
            Err(error) => return Err(seen(error)),
        };
        Ok(here && in_place && ours.links > 0)
    }

    /// True when something of that name stands there, whatever it is.
    pub(super) fn has(&self, name: &str) -> Result<bool> {
        match self.dir.facts_of(name) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(failed("look at", &self.path_of(name), error)),
        }
    }
}

/// An error of the file system: what it means for the whole queue is said by its kind.
pub(super) fn failed(doing: &str, path: &Path, error: Errno) -> Error {
    let told = Error::io(doing, path, error.into());
    match error {
        Errno::IO => told
            .of_kind(Kind::Unfit)
            .hint("the disk reports an error: look at `dmesg`; the next one to touch the order checks it"),
        Errno::NOLCK | Errno::OPNOTSUPP => told
            .of_kind(Kind::Unfit)
            .hint("this is a file system without locks: keep the queue on a local disk (ext4, xfs, btrfs)"),
        _ => told,
    }
}

/// Failing to open the folder itself: when only this order is to blame, the others go on.
fn self_failed(doing: &str, path: &Path, error: Errno) -> Error {
    let told = failed(doing, path, error);
    if is_its_own_fault(error) { told.of_kind(Kind::BrokenOrder) } else { told }
}

/// Errors that concern one file and would meet us again at every try.
fn is_its_own_fault(error: Errno) -> bool {
    matches!(
        error,
        Errno::IO | Errno::ACCESS | Errno::PERM | Errno::NXIO | Errno::NODEV | Errno::UCLEAN
    )
}

fn unreadable(error: Errno) -> Content {
    let error = io::Error::from(error);
    Content::Fault(format!("can't be read: {error}"))
}
