//! A machine that leaves one sync out, and says that it was done. Everything else is the real one's.

use std::any::Any;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use shopfloor::error::Result;
use shopfloor::queue::files::machine::{
    Answer, Facts, Linux, Locking, Machine, OpenFile, OpenFolder, Opening, Renaming, Ring, Room,
    Sort, SyncPoint,
};
use shopfloor::queue::files::{FileQueue, Options};

/// Opens the queue on the real machine, or on one without the sync of that name.
pub(super) fn open(
    folder: &Path,
    options: Options,
    without: Option<&str>,
) -> Result<Arc<FileQueue>> {
    match without {
        None => FileQueue::open(folder, options),
        Some(name) => FileQueue::open_on(folder, options, machine(name)),
    }
}

/// The machine that leaves the sync of that name out.
pub(super) fn machine(name: &str) -> Arc<dyn Machine> {
    Arc::new(Careless(SyncPoint::named(name).unwrap()))
}

#[derive(Debug)]
struct Careless(SyncPoint);

#[derive(Debug)]
struct File(Box<dyn OpenFile>, SyncPoint);

#[derive(Debug)]
struct Folder(Box<dyn OpenFolder>, SyncPoint);

impl OpenFile for File {
    fn read(&self, most: u64) -> Answer<Vec<u8>> {
        self.0.read(most)
    }
    fn write(&self, bytes: &[u8]) -> Answer<()> {
        self.0.write(bytes)
    }
    fn truncate(&self, size: u64) -> Answer<()> {
        self.0.truncate(size)
    }
    fn sync(&self, point: SyncPoint) -> Answer<()> {
        if point == self.1 { Ok(()) } else { self.0.sync(point) }
    }
    fn facts(&self) -> Answer<Facts> {
        self.0.facts()
    }
    fn lock(&self, how: Locking) -> Answer<bool> {
        self.0.lock(how)
    }
    fn unlock(&self) -> Answer<()> {
        self.0.unlock()
    }
}

impl OpenFolder for Folder {
    fn open(&self, name: &str, how: Opening) -> Answer<Box<dyn OpenFile>> {
        Ok(Box::new(File(self.0.open(name, how)?, self.1)))
    }
    fn facts_of(&self, name: &str) -> Answer<Facts> {
        self.0.facts_of(name)
    }
    fn rename(&self, from: &str, to: &str, how: Renaming) -> Answer<()> {
        self.0.rename(from, to, how)
    }
    fn remove(&self, name: &str) -> Answer<()> {
        self.0.remove(name)
    }
    fn sync(&self, point: SyncPoint) -> Answer<()> {
        if point == self.1 { Ok(()) } else { self.0.sync(point) }
    }
    fn facts(&self) -> Answer<Facts> {
        self.0.facts()
    }
    fn to_lock(&self) -> Answer<Box<dyn OpenFile>> {
        self.0.to_lock()
    }
}

impl Machine for Careless {
    fn open(&self, path: &Path, how: Opening) -> Answer<Box<dyn OpenFile>> {
        Ok(Box::new(File(Linux.open(path, how)?, self.0)))
    }
    fn open_folder(&self, path: &Path) -> Answer<Box<dyn OpenFolder>> {
        Ok(Box::new(Folder(Linux.open_folder(path)?, self.0)))
    }
    fn facts(&self, path: &Path) -> Answer<Facts> {
        Linux.facts(path)
    }
    fn rename(&self, from: &Path, to: &Path, how: Renaming) -> Answer<()> {
        Linux.rename(from, to, how)
    }
    fn remove(&self, path: &Path) -> Answer<()> {
        Linux.remove(path)
    }
    fn make_folder(&self, path: &Path) -> Answer<()> {
        Linux.make_folder(path)
    }
    fn remove_folder(&self, path: &Path) -> Answer<()> {
        Linux.remove_folder(path)
    }
    fn remove_tree(&self, path: &Path) -> Answer<()> {
        Linux.remove_tree(path)
    }
    fn list(&self, folder: &Path, each: &mut dyn FnMut(&OsStr, Sort)) -> Answer<()> {
        Linux.list(folder, each)
    }
    fn sync_folder(&self, path: &Path, point: SyncPoint) -> Answer<()> {
        if point == self.0 { Ok(()) } else { Linux.sync_folder(path, point) }
    }
    fn room(&self, folder: &Path) -> Option<Room> {
        Linux.room(folder)
    }
    fn file_system(&self, folder: &Path) -> Answer<Option<u64>> {
        Linux.file_system(folder)
    }
    fn watch(
        &self,
        folders: &[PathBuf],
        ring: Ring,
    ) -> std::result::Result<Box<dyn Any + Send + Sync>, String> {
        Linux.watch(folders, ring)
    }
    fn now(&self) -> u64 {
        Linux.now()
    }
    fn elapsed(&self) -> Duration {
        Linux.elapsed()
    }
    fn pause(&self, length: Duration) {
        Linux.pause(length);
    }
    fn threads(&self) -> usize {
        Linux.threads()
    }
    fn chance(&self) -> u64 {
        Linux.chance()
    }
    fn new_id(&self) -> String {
        Linux.new_id()
    }
    fn host(&self) -> String {
        Linux.host()
    }
    fn boot(&self) -> String {
        Linux.boot()
    }
    fn own_pid(&self) -> u32 {
        Linux.own_pid()
    }
    fn start_time(&self, pid: u32) -> Option<u64> {
        Linux.start_time(pid)
    }
}
