//! A machine around another one: somebody is asked before each call that changes or syncs something, and told after it.

use std::any::Any;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use shopfloor::queue::files::machine::{
    Answer, Facts, Locking, Machine, OpenFile, OpenFolder, Opening, Renaming, Ring, Room, Sort,
    SyncPoint,
};

/// One call. Paths are those that the queue knows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Call<'a> {
    /// Something is renamed to this.
    Rename(&'a Path, Renaming),
    SyncFile(&'a Path, SyncPoint),
    SyncFolder(&'a Path, SyncPoint),
    /// Something is opened, made, written, cut off or taken away.
    Other,
}

/// Who watches.
pub(super) trait Watch: Send + Sync {
    /// An error takes the place of the call.
    fn before(&self, call: Call<'_>) -> Answer<()>;

    /// The call came off.
    fn after(&self, _call: Call<'_>) {}
}

/// The machine.
pub(super) struct Watched {
    inner: Arc<dyn Machine>,
    watch: Arc<dyn Watch>,
}

struct File {
    path: PathBuf,
    inner: Box<dyn OpenFile>,
    watch: Arc<dyn Watch>,
}

struct Folder {
    path: PathBuf,
    inner: Box<dyn OpenFolder>,
    watch: Arc<dyn Watch>,
}

fn watched<T>(watch: &dyn Watch, call: Call<'_>, deed: impl FnOnce() -> Answer<T>) -> Answer<T> {
    watch.before(call)?;
    let done = deed()?;
    watch.after(call);
    Ok(done)
}

impl Watched {
    pub(super) fn new(inner: Arc<dyn Machine>, watch: Arc<dyn Watch>) -> Self {
        Self { inner, watch }
    }

    fn file(&self, path: &Path, inner: Box<dyn OpenFile>) -> Box<dyn OpenFile> {
        Box::new(File { path: path.to_owned(), inner, watch: self.watch.clone() })
    }
}

impl Machine for Watched {
    fn open(&self, path: &Path, how: Opening) -> Answer<Box<dyn OpenFile>> {
        let opened = watched(&*self.watch, Call::Other, || self.inner.open(path, how))?;
        Ok(self.file(path, opened))
    }

    fn open_folder(&self, path: &Path) -> Answer<Box<dyn OpenFolder>> {
        let inner = self.inner.open_folder(path)?;
        Ok(Box::new(Folder { path: path.to_owned(), inner, watch: self.watch.clone() }))
    }

    fn facts(&self, path: &Path) -> Answer<Facts> {
        self.inner.facts(path)
    }

    fn rename(&self, from: &Path, to: &Path, how: Renaming) -> Answer<()> {
        let call = Call::Rename(to, how);
        watched(&*self.watch, call, || self.inner.rename(from, to, how))
    }

    fn remove(&self, path: &Path) -> Answer<()> {
        watched(&*self.watch, Call::Other, || self.inner.remove(path))
    }

    fn make_folder(&self, path: &Path) -> Answer<()> {
        watched(&*self.watch, Call::Other, || self.inner.make_folder(path))
    }

    fn remove_folder(&self, path: &Path) -> Answer<()> {
        watched(&*self.watch, Call::Other, || self.inner.remove_folder(path))
    }

    fn remove_tree(&self, path: &Path) -> Answer<()> {
        watched(&*self.watch, Call::Other, || self.inner.remove_tree(path))
    }

    fn list(&self, folder: &Path, each: &mut dyn FnMut(&OsStr, Sort)) -> Answer<()> {
        self.inner.list(folder, each)
    }

    fn sync_folder(&self, path: &Path, point: SyncPoint) -> Answer<()> {
        let call = Call::SyncFolder(path, point);
        watched(&*self.watch, call, || self.inner.sync_folder(path, point))
    }

    fn room(&self, folder: &Path) -> Option<Room> {
        self.inner.room(folder)
    }

    fn file_system(&self, _folder: &Path) -> Answer<Option<u64>> {
        Ok(None)
    }

    fn watch(&self, folders: &[PathBuf], ring: Ring) -> Result<Box<dyn Any + Send + Sync>, String> {
        self.inner.watch(folders, ring)
    }

    fn now(&self) -> u64 {
        self.inner.now()
    }

    fn elapsed(&self) -> Duration {
        self.inner.elapsed()
    }

    fn pause(&self, length: Duration) {
        self.inner.pause(length);
    }

    fn threads(&self) -> usize {
        1
    }

    fn chance(&self) -> u64 {
        self.inner.chance()
    }

    fn new_id(&self) -> String {
        self.inner.new_id()
    }

    fn host(&self) -> String {
        self.inner.host()
    }

    fn boot(&self) -> String {
        self.inner.boot()
    }

    fn own_pid(&self) -> u32 {
        self.inner.own_pid()
    }

    fn start_time(&self, pid: u32) -> Option<u64> {
        self.inner.start_time(pid)
    }
}

impl OpenFile for File {
    fn read(&self, most: u64) -> Answer<Vec<u8>> {
        self.inner.read(most)
    }

    fn write(&self, bytes: &[u8]) -> Answer<()> {
        watched(&*self.watch, Call::Other, || self.inner.write(bytes))
    }

    fn truncate(&self, size: u64) -> Answer<()> {
        watched(&*self.watch, Call::Other, || self.inner.truncate(size))
    }

    fn sync(&self, point: SyncPoint) -> Answer<()> {
        let call = Call::SyncFile(&self.path, point);
        watched(&*self.watch, call, || self.inner.sync(point))
    }

    fn facts(&self) -> Answer<Facts> {
        self.inner.facts()
    }

    fn lock(&self, how: Locking) -> Answer<bool> {
        self.inner.lock(how)
    }

    fn unlock(&self) -> Answer<()> {
        self.inner.unlock()
    }
}

impl OpenFolder for Folder {
    fn open(&self, name: &str, how: Opening) -> Answer<Box<dyn OpenFile>> {
        let path = self.path.join(name);
        let inner = watched(&*self.watch, Call::Other, || self.inner.open(name, how))?;
        Ok(Box::new(File { path, inner, watch: self.watch.clone() }))
    }

    fn facts_of(&self, name: &str) -> Answer<Facts> {
        self.inner.facts_of(name)
    }

    fn rename(&self, from: &str, to: &str, how: Renaming) -> Answer<()> {
        let path = self.path.join(to);
        let call = Call::Rename(&path, how);
        watched(&*self.watch, call, || self.inner.rename(from, to, how))
    }

    fn remove(&self, name: &str) -> Answer<()> {
        watched(&*self.watch, Call::Other, || self.inner.remove(name))
    }

    fn sync(&self, point: SyncPoint) -> Answer<()> {
        let call = Call::SyncFolder(&self.path, point);
        watched(&*self.watch, call, || self.inner.sync(point))
    }

    fn facts(&self) -> Answer<Facts> {
        self.inner.facts()
    }

    fn to_lock(&self) -> Answer<Box<dyn OpenFile>> {
        let inner = self.inner.to_lock()?;
        Ok(Box::new(File { path: self.path.clone(), inner, watch: self.watch.clone() }))
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watched").field(&self.inner).finish()
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("File").field(&self.path).finish()
    }
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Folder").field(&self.path).finish()
    }
}
