//! The machine as one process of a history sees it: the queue's seam over the disk in memory.

use std::any::Any;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use shopfloor::queue::files::machine::{
    Answer, Errno, Facts, Locking, Machine, OpenFile, OpenFolder, Opening, Renaming, Ring, Room,
    Sort, SyncPoint,
};

use super::deeds::{self, Place};
use super::kernel::Kernel;
use super::planted::Plant;
use super::world::{Call, Caller, World};

/// One process.
#[derive(Debug, Clone)]
pub(crate) struct Simulated {
    pub(crate) world: Arc<World>,
    pub(crate) by: Caller,
}

/// Something that is open.
#[derive(Debug)]
struct Handle {
    machine: Simulated,
    number: usize,
    append: bool,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let by = self.machine.by;
        self.machine.world.with(|kernel| {
            if !kernel.ghost(by) {
                kernel.close(self.number);
            }
        });
    }
}

impl Simulated {
    fn call<T>(
        &self,
        kind: Call,
        about: impl FnOnce(&Kernel) -> String,
        deed: impl FnOnce(&mut Kernel, Option<Errno>) -> Answer<T>,
    ) -> Answer<T> {
        self.world.call(self.by, kind, about, deed)
    }

    fn handle(&self, number: usize, append: bool) -> Handle {
        Handle { machine: self.clone(), number, append }
    }

    fn opened(&self, place: &Place<'_>, how: Opening) -> Answer<Box<dyn OpenFile>> {
        let kind =
            if matches!(how, Opening::Read | Opening::Write) { Call::Open } else { Call::Make };
        let by = self.by;
        let number = self.call(
            kind,
            |kernel| format!("open {} {how:?}", place.shown(kernel)),
            |kernel, _| deeds::open(kernel, by, place, how),
        )?;
        Ok(Box::new(self.handle(number, how == Opening::Append)))
    }

    fn facts_at(&self, place: &Place<'_>) -> Answer<Facts> {
        let about = |kernel: &Kernel| format!("stat {}", place.shown(kernel));
        self.call(Call::Look, about, |kernel, _| {
            let (_, _, node) = place.find(kernel)?;
            node.map(|node| kernel.tree.facts(node)).ok_or(Errno::NOENT)
        })
    }

    fn renamed(&self, from: &Place<'_>, to: &Place<'_>, how: Renaming) -> Answer<()> {
        let by = self.by;
        self.call(
            Call::Change,
            |kernel| format!("rename {} to {} {how:?}", from.shown(kernel), to.shown(kernel)),
            |kernel, _| deeds::rename(kernel, by, from, to, how),
        )
    }

    fn removed(&self, place: &Place<'_>, is_folder: bool) -> Answer<()> {
        let by = self.by;
        self.call(
            Call::Change,
            |kernel| format!("remove {}", place.shown(kernel)),
            |kernel, _| deeds::remove(kernel, by, place, is_folder),
        )
    }
}

impl Machine for Simulated {
    fn open(&self, path: &Path, how: Opening) -> Answer<Box<dyn OpenFile>> {
        self.opened(&Place::At(path), how)
    }

    fn open_folder(&self, path: &Path) -> Answer<Box<dyn OpenFolder>> {
        let by = self.by;
        let number = self.call(
            Call::Open,
            |_| format!("open folder {}", path.display()),
            |kernel, _| deeds::open_folder(kernel, by, path),
        )?;
        Ok(Box::new(self.handle(number, false)))
    }

    fn facts(&self, path: &Path) -> Answer<Facts> {
        self.facts_at(&Place::At(path))
    }

    fn rename(&self, from: &Path, to: &Path, how: Renaming) -> Answer<()> {
        self.renamed(&Place::At(from), &Place::At(to), how)
    }

    fn remove(&self, path: &Path) -> Answer<()> {
        self.removed(&Place::At(path), false)
    }

    fn make_folder(&self, path: &Path) -> Answer<()> {
        let by = self.by;
        let there = self.world.with(|kernel| deeds::is_folder(kernel, path));
        let kind = if there { Call::Look } else { Call::Make };
        let about = |_: &Kernel| format!("mkdir -p {}", path.display());
        self.call(kind, about, |kernel, _| deeds::make_folder(kernel, by, path))
    }

    fn remove_folder(&self, path: &Path) -> Answer<()> {
        self.removed(&Place::At(path), true)
    }

    fn remove_tree(&self, path: &Path) -> Answer<()> {
        let by = self.by;
        let about = |_: &Kernel| format!("rm -r {}", path.display());
        self.call(Call::Change, about, |kernel, _| deeds::remove_tree(kernel, by, path))
    }

    fn list(&self, folder: &Path, each: &mut dyn FnMut(&OsStr, Sort)) -> Answer<()> {
        // An interruption comes half-way: what was told by then was told.
        let mut half = false;
        let names = self.call(
            Call::List,
            |_| format!("list {}", folder.display()),
            |kernel, _| deeds::list(kernel, folder),
        );
        let names = match names {
            Err(Errno::INTR) => {
                half = true;
                self.call(
                    Call::List,
                    |_| "list half".to_owned(),
                    |kernel, _| deeds::list(kernel, folder),
                )?
            }
            names => names?,
        };
        let told = if half { names.len() / 2 } else { names.len() };
        for (name, sort) in names.iter().take(told) {
            each(OsStr::new(name), *sort);
        }
        if half { Err(Errno::INTR) } else { Ok(()) }
    }

    fn sync_folder(&self, path: &Path, point: SyncPoint) -> Answer<()> {
        let about = |_: &Kernel| format!("sync {point} folder {}", path.display());
        self.call(Call::Sync, about, |kernel, fault| {
            let (within, _, node) = kernel.walk(path)?;
            let node = kernel.enter(within, node.ok_or(Errno::NOENT)?, 0)?;
            deeds::sync_folder(kernel, node, point, fault)
        })
    }

    fn room(&self, _folder: &Path) -> Option<Room> {
        let by = self.by;
        self.world.with(|kernel| {
            let slot = &kernel.slots[by.slot];
            let full = slot.calls + 1 < slot.full_until;
            Some(Room { mib: if full { 0 } else { 100_000 }, inodes: Some(1_000_000) })
        })
    }

    fn file_system(&self, _folder: &Path) -> Answer<Option<u64>> {
        Ok(None)
    }

    fn watch(&self, _: &[PathBuf], _: Ring) -> Result<Box<dyn Any + Send + Sync>, String> {
        Err("nobody sleeps in this world".to_owned())
    }

    fn now(&self) -> u64 {
        self.world.with(|kernel| kernel.now())
    }

    fn elapsed(&self) -> Duration {
        self.world.with(|kernel| Duration::from_nanos(kernel.elapsed))
    }

    fn pause(&self, length: Duration) {
        self.world.pause(self.by, length);
    }

    fn threads(&self) -> usize {
        1
    }

    fn chance(&self) -> u64 {
        self.world.with(|kernel| kernel.chance.u64(..))
    }

    fn new_id(&self) -> String {
        let number = self.world.with(|kernel| kernel.chance.u64(..) & 0xffff_ffff_ffff);
        format!("00000000-0000-4000-8000-{number:012x}")
    }

    fn host(&self) -> String {
        "simulated".to_owned()
    }

    fn boot(&self) -> String {
        self.world.with(|kernel| format!("boot-{}", kernel.boot))
    }

    fn own_pid(&self) -> u32 {
        self.world.with(|kernel| kernel.processes[self.by.process].pid)
    }

    fn start_time(&self, pid: u32) -> Option<u64> {
        self.world.with(|kernel| {
            let dead = kernel.plant == Some(Plant::DeadToAll);
            let own = kernel.processes[self.by.process].pid;
            let mut living =
                kernel.processes.iter().filter(|one| one.lives && (!dead || one.pid == own));
            living.find(|process| process.pid == pid).map(|process| process.start)
        })
    }
}

impl OpenFile for Handle {
    fn read(&self, most: u64) -> Answer<Vec<u8>> {
        let (number, machine) = (self.number, &self.machine);
        let about = |kernel: &Kernel| format!("read {}", kernel.shown(number));
        machine.call(Call::Look, about, |kernel, _| deeds::read(kernel, number, most))
    }

    fn write(&self, bytes: &[u8]) -> Answer<()> {
        let (number, machine) = (self.number, &self.machine);
        machine.call(
            Call::Write,
            |kernel| {
                let text = String::from_utf8_lossy(bytes);
                format!("write {} {:?}", kernel.shown(number), text.trim_end())
            },
            |kernel, fault| deeds::write(kernel, machine.by, number, bytes, self.append, fault),
        )
    }

    fn truncate(&self, size: u64) -> Answer<()> {
        let (number, machine) = (self.number, &self.machine);
        machine.call(
            Call::Change,
            |kernel| format!("truncate {} to {size}", kernel.shown(number)),
            |kernel, _| deeds::truncate(kernel, machine.by, number, size),
        )
    }

    fn sync(&self, point: SyncPoint) -> Answer<()> {
        let number = self.number;
        let about = |kernel: &Kernel| format!("sync {point} {}", kernel.shown(number));
        self.machine.call(Call::Sync, about, |kernel, fault| {
            let node = kernel.node_of(number)?;
            deeds::sync_file(kernel, node, point, fault)
        })
    }

    fn facts(&self) -> Answer<Facts> {
        let number = self.number;
        let about = |kernel: &Kernel| format!("fstat {}", kernel.shown(number));
        self.machine.call(Call::Look, about, |kernel, _| {
            let node = kernel.node_of(number)?;
            let facts = deeds::facts(kernel, node);
            let same = kernel.plant == Some(Plant::OneStamp);
            let name = kernel.tree.path_of(node);
            if same && name.ends_with(".state") {
                return Ok(Facts { inode: 1, mtime: 1, born: None, ..facts });
            }
            Ok(facts)
        })
    }

    fn lock(&self, how: Locking) -> Answer<bool> {
        let number = self.number;
        let about = |kernel: &Kernel| format!("flock {} {how:?}", kernel.shown(number));
        self.machine.call(Call::Lock, about, |kernel, _| kernel.lock(number, how))
    }

    fn unlock(&self) -> Answer<()> {
        let number = self.number;
        let about = |kernel: &Kernel| format!("unlock {}", kernel.shown(number));
        self.machine.call(Call::Look, about, |kernel, _| {
            if let Some(Some(opened)) = kernel.opened.get_mut(number) {
                opened.lock = None;
            }
            Ok(())
        })
    }
}

impl OpenFolder for Handle {
    fn open(&self, name: &str, how: Opening) -> Answer<Box<dyn OpenFile>> {
        self.machine.opened(&Place::In(self.number, name), how)
    }

    fn facts_of(&self, name: &str) -> Answer<Facts> {
        let facts = self.machine.facts_at(&Place::In(self.number, name))?;
        Ok(Facts { born: None, ..facts })
    }

    fn rename(&self, from: &str, to: &str, how: Renaming) -> Answer<()> {
        let (from, to) = (Place::In(self.number, from), Place::In(self.number, to));
        self.machine.renamed(&from, &to, how)
    }

    fn remove(&self, name: &str) -> Answer<()> {
        self.machine.removed(&Place::In(self.number, name), false)
    }

    fn sync(&self, point: SyncPoint) -> Answer<()> {
        let number = self.number;
        let about = |kernel: &Kernel| format!("sync {point} folder {}", kernel.shown(number));
        self.machine.call(Call::Sync, about, |kernel, fault| {
            let node = kernel.node_of(number)?;
            deeds::sync_folder(kernel, node, point, fault)
        })
    }

    fn facts(&self) -> Answer<Facts> {
        OpenFile::facts(self)
    }

    fn to_lock(&self) -> Answer<Box<dyn OpenFile>> {
        let number = self.number;
        let about = |kernel: &Kernel| format!("dup {}", kernel.shown(number));
        self.machine.call(Call::Open, about, |kernel, _| {
            let opened = kernel.opened.get_mut(number).and_then(Option::as_mut);
            opened.ok_or(Errno::BADF)?.handles += 1;
            Ok(())
        })?;
        Ok(Box::new(self.machine.handle(number, false)))
    }
}
