//! The real machine. The only room of the file queue that makes system calls.

use std::any::Any;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant, UNIX_EPOCH};

use notify::event::{EventKind, ModifyKind};
use notify::{RecursiveMode, Watcher as _};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::{Errno, retry_on_intr};

use super::{
    Answer, Facts, Locking, Machine, OpenFile, OpenFolder, Opening, Renaming, Rights, Ring, Room,
    Sort, SyncPoint, flock,
};
use crate::floor;
use crate::process;

/// How many threads build orders side by side.
const THREADS: usize = 16;

/// The machine this process runs on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Linux;

/// An open file or folder.
#[derive(Debug)]
struct Open(File);

impl Machine for Linux {
    fn open(&self, path: &Path, how: Opening) -> Answer<Box<dyn OpenFile>> {
        open(CWD, path, flags(how)).map(file)
    }

    fn open_folder(&self, path: &Path) -> Answer<Box<dyn OpenFolder>> {
        let opened = open(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        Ok(Box::new(Open(opened)))
    }

    fn facts(&self, path: &Path) -> Answer<Facts> {
        answer(std::fs::symlink_metadata(path)).map(|found| of_metadata(&found))
    }

    fn rights(&self, folder: &Path) -> Answer<Option<Rights>> {
        let found = answer(std::fs::metadata(folder))?;
        let user = rustix::process::geteuid().as_raw();
        Ok(Some(Rights { mode: found.mode(), owner: found.uid(), group: found.gid(), user }))
    }

    fn rename(&self, from: &Path, to: &Path, how: Renaming) -> Answer<()> {
        rename(CWD, from, to, how)
    }

    fn remove(&self, path: &Path) -> Answer<()> {
        rustix::fs::unlinkat(CWD, path, AtFlags::empty())
    }

    fn make_folder(&self, path: &Path) -> Answer<()> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        answer(builder.create(path))
    }

    fn remove_folder(&self, path: &Path) -> Answer<()> {
        answer(std::fs::remove_dir(path))
    }

    fn remove_tree(&self, path: &Path) -> Answer<()> {
        answer(std::fs::remove_dir_all(path))
    }

    fn list(&self, folder: &Path, each: &mut dyn FnMut(&OsStr, Sort)) -> Answer<()> {
        let entries = loop {
            match std::fs::read_dir(folder) {
                // Unlike the opening of a file, the library does not try this again by itself.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                opened => break answer(opened)?,
            }
        };
        for entry in entries {
            let entry = answer(entry)?;
            each(&entry.file_name(), sort_of(answer(entry.file_type())?));
        }
        Ok(())
    }

    fn sync_folder(&self, path: &Path, point: SyncPoint) -> Answer<()> {
        sync(&answer(File::open(path))?, point)
    }

    fn room(&self, folder: &Path) -> Option<Room> {
        let found = rustix::fs::statvfs(folder).ok()?;
        let mib = found.f_bavail.saturating_mul(found.f_frsize) / (1024 * 1024);
        Some(Room { mib, inodes: (found.f_files > 0).then_some(found.f_favail) })
    }

    fn file_system(&self, folder: &Path) -> Answer<Option<u64>> {
        rustix::fs::statfs(folder).map(|found| Some(found.f_type.cast_unsigned()))
    }

    fn watch(&self, folders: &[PathBuf], ring: Ring) -> Result<Box<dyn Any + Send + Sync>, String> {
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if rings(&event) {
                ring();
            }
        });
        let mut watcher = watcher.map_err(|error| error.to_string())?;
        for folder in folders {
            let watched = watcher.watch(folder, RecursiveMode::NonRecursive);
            watched.map_err(|error| error.to_string())?;
        }
        Ok(Box::new(watcher))
    }

    fn now(&self) -> u64 {
        floor::unix_now()
    }

    fn elapsed(&self) -> Duration {
        static BEGUN: OnceLock<Instant> = OnceLock::new();
        BEGUN.get_or_init(Instant::now).elapsed()
    }

    fn pause(&self, length: Duration) {
        std::thread::sleep(length);
    }

    fn threads(&self) -> usize {
        THREADS
    }

    fn chance(&self) -> u64 {
        fastrand::u64(..)
    }

    fn new_id(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }

    fn host(&self) -> String {
        let id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
        match id.trim() {
            "" => rustix::system::uname().nodename().to_string_lossy().into_owned(),
            id => id.to_owned(),
        }
    }

    fn boot(&self) -> String {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        text.trim().to_owned()
    }

    fn own_pid(&self) -> u32 {
        std::process::id()
    }

    fn start_time(&self, pid: u32) -> Option<u64> {
        process::start_time(pid)
    }
}

impl OpenFile for Open {
    fn read(&self, most: u64) -> Answer<Vec<u8>> {
        let mut bytes = Vec::new();
        answer((&self.0).take(most).read_to_end(&mut bytes))?;
        Ok(bytes)
    }

    fn write(&self, bytes: &[u8]) -> Answer<()> {
        answer((&self.0).write_all(bytes))
    }

    fn truncate(&self, size: u64) -> Answer<()> {
        answer(self.0.set_len(size))
    }

    fn sync(&self, point: SyncPoint) -> Answer<()> {
        sync(&self.0, point)
    }

    fn facts(&self) -> Answer<Facts> {
        answer(self.0.metadata()).map(|found| of_metadata(&found))
    }

    fn lock(&self, how: Locking) -> Answer<bool> {
        answer(flock::attempt(&self.0, how))
    }

    fn unlock(&self) -> Answer<()> {
        answer(flock::give_back(&self.0))
    }
}

impl OpenFolder for Open {
    fn open(&self, name: &str, how: Opening) -> Answer<Box<dyn OpenFile>> {
        open(&self.0, Path::new(name), flags(how)).map(file)
    }

    fn facts_of(&self, name: &str) -> Answer<Facts> {
        rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW).map(|found| of_stat(&found))
    }

    fn rename(&self, from: &str, to: &str, how: Renaming) -> Answer<()> {
        rename(&self.0, Path::new(from), Path::new(to), how)
    }

    fn remove(&self, name: &str) -> Answer<()> {
        rustix::fs::unlinkat(&self.0, name, AtFlags::empty())
    }

    fn sync(&self, point: SyncPoint) -> Answer<()> {
        sync(&self.0, point)
    }

    fn facts(&self) -> Answer<Facts> {
        OpenFile::facts(self)
    }

    fn to_lock(&self) -> Answer<Box<dyn OpenFile>> {
        answer(self.0.try_clone()).map(file)
    }
}

fn file(opened: File) -> Box<dyn OpenFile> {
    Box::new(Open(opened))
}

fn flags(how: Opening) -> OFlags {
    match how {
        Opening::Read => OFlags::RDONLY,
        Opening::Write => OFlags::RDWR,
        Opening::New => OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
        Opening::Append => OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE,
    }
}

/// Opens without following a last link and without waiting for anybody.
fn open(dir: impl std::os::fd::AsFd, path: &Path, flags: OFlags) -> Answer<File> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    let opened: OwnedFd = retry_on_intr(|| rustix::fs::openat(&dir, path, flags, mode))?;
    Ok(File::from(opened))
}

fn rename(dir: impl std::os::fd::AsFd, from: &Path, to: &Path, how: Renaming) -> Answer<()> {
    match how {
        Renaming::Replace => rustix::fs::renameat(&dir, from, &dir, to),
        Renaming::Keep => rustix::fs::renameat_with(&dir, from, &dir, to, RenameFlags::NOREPLACE),
        Renaming::Exchange => {
            rustix::fs::renameat_with(&dir, from, &dir, to, RenameFlags::EXCHANGE)
        }
    }
}

/// A failure is not tried again on that descriptor: the kernel tells it only once.
fn sync(file: &File, point: SyncPoint) -> Answer<()> {
    match point.is_data() {
        true => retry_on_intr(|| rustix::fs::fdatasync(file)),
        false => retry_on_intr(|| rustix::fs::fsync(file)),
    }
}

#[allow(clippy::useless_conversion, reason = "these fields have other widths on other processors")]
fn of_stat(found: &Stat) -> Facts {
    Facts {
        device: found.st_dev,
        inode: found.st_ino,
        sort: match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => Sort::File,
            FileType::Directory => Sort::Folder,
            FileType::Symlink => Sort::Link,
            _ => Sort::Other,
        },
        links: found.st_nlink.into(),
        size: found.st_size.cast_unsigned(),
        mtime: i64::from(found.st_mtime)
            .saturating_mul(1_000_000_000)
            .saturating_add(i64::try_from(found.st_mtime_nsec).unwrap_or(0)),
        born: None,
    }
}

fn of_metadata(found: &Metadata) -> Facts {
    let nanos = |secs: i64, nanos: i64| secs.saturating_mul(1_000_000_000).saturating_add(nanos);
    let born = found.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    Facts {
        device: found.dev(),
        inode: found.ino(),
        sort: sort_of(found.file_type()),
        links: found.nlink(),
        size: found.len(),
        mtime: nanos(found.mtime(), found.mtime_nsec()),
        born: born.and_then(|born| i64::try_from(born.as_nanos()).ok()),
    }
}

fn sort_of(found: std::fs::FileType) -> Sort {
    match found {
        found if found.is_file() => Sort::File,
        found if found.is_dir() => Sort::Folder,
        found if found.is_symlink() => Sort::Link,
        _ => Sort::Other,
    }
}

/// An error by its number. One of the library's own has none: something is wrong with the file then.
fn answer<T>(done: io::Result<T>) -> Answer<T> {
    done.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

fn rings(event: &notify::Result<notify::Event>) -> bool {
    match event {
        Ok(event) => {
            event.need_rescan()
                || matches!(
                    event.kind,
                    EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(_))
                )
        }
        // Something was missed: better once too often.
        Err(_) => true,
    }
}
