//! The folder of one order, held open: every file of it is reached through the descriptor, and no symbolic link is
//! ever followed. So a folder that is renamed or removed under us is noticed, and nothing outside it is touched.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::error::{Error, Kind, Result};
use crate::order::OrderId;

/// Names of the files the queue keeps in an order's folder.
pub(super) const STATE: &str = ".state";
pub(super) const STATE_NEXT: &str = ".state.next";
pub(super) const LOCK: &str = ".lock";
pub(super) const HOLD: &str = ".hold";
pub(super) const HOLD_NEXT: &str = ".hold.next";
pub(super) const REQUEST: &str = "order.json";
pub(super) const JOURNAL: &str = "events.jsonl";

/// What a file looked like when it was read. Only equality means anything, never the order of two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Its inode.
    pub(super) ino: u64,
    /// Its modification time, nanoseconds since 1970.
    pub(super) mtime: i64,
}

impl Stamp {
    fn of(file: &File) -> io::Result<Self> {
        let found = file.metadata()?;
        let mtime = found.mtime().saturating_mul(1_000_000_000).saturating_add(found.mtime_nsec());
        Ok(Self { ino: found.ino(), mtime })
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
    dir: File,
}

impl OrderFolder {
    /// Opens the folder of `id`; `None` when there is none (a symbolic link or a plain file is none).
    pub(super) fn open(queue: &Path, id: &OrderId) -> Result<Option<Self>> {
        Self::open_at(queue.join(id.as_str()), id)
    }

    /// Opens `path` as the folder of `id`: while it is built, it stands elsewhere.
    pub(super) fn open_at(path: PathBuf, id: &OrderId) -> Result<Option<Self>> {
        match open(CWD, &path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()) {
            Ok(dir) => Ok(Some(Self { id: id.clone(), path, dir: File::from(dir) })),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(error) => Err(self_failed("open", &path, error)),
        }
    }

    /// The path of a file in it, for messages.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A second handle of the folder, to lock it by.
    pub(super) fn another_handle(&self) -> Result<File> {
        self.dir.try_clone().map_err(|error| failed("open", &self.path, error))
    }

    /// Opens a file in it. Never blocks (a FIFO does not either) and never follows a link.
    pub(super) fn file(&self, name: &str, flags: OFlags) -> Result<File, Errno> {
        open(&self.dir, name, flags, Mode::RUSR | Mode::WUSR).map(File::from)
    }

    /// Reads a file in it, at most `limit` bytes of it.
    pub(super) fn read(&self, name: &str, limit: u64) -> Result<Content> {
        let file = match self.file(name, OFlags::RDONLY) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(Content::Missing),
            Err(Errno::LOOP) => return Ok(Content::Fault("is a symbolic link".to_owned())),
            Err(error) if is_its_own_fault(error) => return Ok(unreadable(&error.into())),
            Err(error) => return Err(failed("open", &self.path_of(name), error)),
        };
        let read = || -> io::Result<Content> {
            let found = file.metadata()?;
            if !found.is_file() {
                return Ok(Content::Fault("is not a plain file".to_owned()));
            }
            let mut bytes = Vec::new();
            (&file).take(limit + 1).read_to_end(&mut bytes)?;
            if bytes.len() as u64 > limit {
                return Ok(Content::Fault(format!("is larger than {limit} bytes")));
            }
            Ok(Content::Bytes(bytes, Stamp::of(&file)?))
        };
        match read() {
            Ok(content) => Ok(content),
            Err(error) if Errno::from_io_error(&error).is_some_and(is_its_own_fault) => {
                Ok(unreadable(&error))
            }
            Err(error) => Err(Error::io("read", &self.path_of(name), error)),
        }
    }

    /// Writes a new file of that name and syncs it; what stood there is taken away first.
    /// On an error nothing of that name is left.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<Stamp> {
        self.remove(name)?;
        let path = self.path_of(name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let mut file = self.file(name, flags).map_err(|error| failed("create", &path, error))?;
        let written = file
            .write_all(bytes)
            .map_err(|error| failed("write", &path, error))
            .and_then(|()| sync(&file, &path))
            .and_then(|()| Stamp::of(&file).map_err(|error| failed("look at", &path, error)));
        if written.is_err() {
            drop(self.remove(name));
        }
        written
    }

    /// Renames a file within it, over what stood there.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<()> {
        rustix::fs::renameat(&self.dir, from, &self.dir, to)
            .map_err(|error| failed("rename a file to", &self.path_of(to), error))
    }

    /// Takes a file away; false when there was none.
    pub(super) fn remove(&self, name: &str) -> Result<bool> {
        match rustix::fs::unlinkat(&self.dir, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(failed("remove", &self.path_of(name), error)),
        }
    }

    /// Makes what its names lead to survive power loss.
    pub(super) fn sync(&self) -> Result<()> {
        sync(&self.dir, &self.path)
    }

    /// True while `file` is what `name` leads to, and the folder is still where we opened it.
    pub(super) fn still_has(&self, name: &str, file: &File) -> Result<bool> {
        let seen = |error| failed("look at", &self.path_of(name), error);
        let ours = rustix::fs::fstat(file).map_err(seen)?;
        let own = rustix::fs::fstat(&self.dir).map_err(seen)?;
        let here = match rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) => (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino),
            Err(Errno::NOENT) => false,
            Err(error) => return Err(seen(error)),
        };
        let in_place = match rustix::fs::statat(CWD, &self.path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) => (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino),
            Err(Errno::NOENT | Errno::NOTDIR) => false,
            Err(error) => return Err(seen(error)),
        };
        Ok(here && in_place && ours.st_nlink > 0)
    }

    /// True when something of that name stands there, whatever it is.
    pub(super) fn has(&self, name: &str) -> Result<bool> {
        match rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(failed("look at", &self.path_of(name), error)),
        }
    }
}

/// Opens without following a last link and without waiting for anybody.
fn open(
    dir: impl std::os::fd::AsFd,
    path: impl AsRef<Path>,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    retry_on_intr(|| rustix::fs::openat(&dir, path.as_ref(), flags, mode))
}

/// Syncs a file or a folder. A failure is not tried again on that descriptor: the kernel tells it only once.
pub(super) fn sync(file: &File, path: &Path) -> Result<()> {
    retry_on_intr(|| rustix::fs::fsync(file)).map_err(|error| failed("sync", path, error))
}

/// Syncs the folder at `path`.
pub(super) fn sync_folder(path: &Path) -> Result<()> {
    let dir = File::open(path).map_err(|error| failed("open", path, error))?;
    sync(&dir, path)
}

/// An error of the file system: what it means for the whole queue is said by its kind.
pub(super) fn failed(doing: &str, path: &Path, error: impl Into<io::Error>) -> Error {
    let error = error.into();
    let code = Errno::from_io_error(&error);
    let told = Error::io(doing, path, error);
    match code {
        Some(Errno::IO) => told
            .of_kind(Kind::Unfit)
            .hint("the disk reports an error: look at `dmesg`; the next one to touch the order checks it"),
        Some(Errno::NOLCK | Errno::OPNOTSUPP) => told
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

fn unreadable(error: &io::Error) -> Content {
    Content::Fault(format!("can't be read: {error}"))
}
