//! Power that goes: what was not synced is gone. A folder has the names of its last sync, a file the content of its own.
//!
//! The files are kept alive beside the queue by hard links, so that a name that comes back leads to the very file.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::{DirEntryExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use shopfloor::queue::files::machine::{Answer, Errno, SyncPoint};

use super::watched::{Call, Watch};

/// What a file was when it was synced.
#[derive(Debug, Clone)]
struct Kept {
    bytes: Vec<u8>,
    modified: SystemTime,
}

#[derive(Debug, Default)]
struct OnDisk {
    /// By inode.
    files: HashMap<u64, Kept>,
    /// By the folder's inode: its names, and the inode that each leads to.
    folders: HashMap<u64, BTreeMap<String, u64>>,
}

/// The power, and a process that dies at one sync.
#[derive(Debug)]
pub(super) struct Power {
    beside: PathBuf,
    disk: Mutex<OnDisk>,
    dies_at: Mutex<Option<SyncPoint>>,
    dead: AtomicBool,
}

impl Power {
    /// `beside` is a folder on the same file system.
    pub(super) fn on(beside: &Path) -> Self {
        fs::create_dir_all(beside).unwrap();
        Self {
            beside: beside.to_owned(),
            disk: Mutex::default(),
            dies_at: Mutex::default(),
            dead: AtomicBool::new(false),
        }
    }

    /// Whoever comes to this sync next dies in its place.
    pub(super) fn dies_at(&self, point: SyncPoint) {
        *self.dies_at.lock().unwrap() = Some(point);
    }

    /// Another process begins.
    pub(super) fn next_process(&self) {
        assert!(self.dead.swap(false, Ordering::SeqCst), "nobody died");
    }

    fn keep(&self, path: &Path) {
        let found = fs::symlink_metadata(path).unwrap();
        let link = self.beside.join(found.ino().to_string());
        if !link.exists() {
            fs::hard_link(path, link).unwrap();
        }
    }

    fn file_is_synced(&self, path: &Path) {
        self.keep(path);
        let found = fs::metadata(path).unwrap();
        let kept = Kept { bytes: fs::read(path).unwrap(), modified: found.modified().unwrap() };
        self.disk.lock().unwrap().files.insert(found.ino(), kept);
    }

    fn folder_is_synced(&self, path: &Path) {
        let mut names = BTreeMap::new();
        for entry in fs::read_dir(path).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                self.keep(&entry.path());
            }
            names.insert(entry.file_name().into_string().unwrap(), entry.ino());
        }
        let ino = fs::metadata(path).unwrap().ino();
        self.disk.lock().unwrap().folders.insert(ino, names);
    }

    /// The power goes and comes back: `order`, and its place in the queue, are what they were on disk.
    pub(super) fn cut(&self, order: &Path) {
        let disk = self.disk.lock().unwrap();
        let names_of = |path: &Path| {
            let ino = fs::metadata(path).unwrap().ino();
            disk.folders.get(&ino).cloned().unwrap_or_default()
        };
        let queue = order.parent().unwrap();
        let name = order.file_name().unwrap().to_str().unwrap();
        if !names_of(queue).contains_key(name) {
            fs::remove_dir_all(order).unwrap();
            return;
        }
        let names = names_of(order);
        for entry in fs::read_dir(order).unwrap().map(Result::unwrap) {
            fs::remove_file(entry.path()).unwrap();
        }
        for (name, ino) in names {
            let path = order.join(name);
            fs::hard_link(self.beside.join(ino.to_string()), &path).unwrap();
            let kept = disk.files.get(&ino).cloned();
            let kept = kept.unwrap_or(Kept { bytes: Vec::new(), modified: SystemTime::now() });
            fs::write(&path, kept.bytes).unwrap();
            fs::File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_modified(kept.modified)
                .unwrap();
        }
    }
}

impl Watch for Power {
    fn before(&self, call: Call<'_>) -> Answer<()> {
        if let Call::SyncFile(_, point) | Call::SyncFolder(_, point) = call {
            let mut dies_at = self.dies_at.lock().unwrap();
            if *dies_at == Some(point) {
                *dies_at = None;
                self.dead.store(true, Ordering::SeqCst);
            }
        }
        if self.dead.load(Ordering::SeqCst) { Err(Errno::IO) } else { Ok(()) }
    }

    fn after(&self, call: Call<'_>) {
        match call {
            Call::SyncFile(path, _) => self.file_is_synced(path),
            Call::SyncFolder(path, _) => self.folder_is_synced(path),
            _ => {}
        }
    }
}
