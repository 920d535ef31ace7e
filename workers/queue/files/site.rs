//! Where a queue stands: its folder, the machine's own folder in it, and the machine; and small deeds on files there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder::{OrderFolder, failed};
use super::machine::{Errno, Machine, Opening, Renaming, Sort, SyncPoint};
use crate::error::{Error, Result};
use crate::floor::Floor;
use crate::holder::WorkerId;
use crate::order::OrderId;
use crate::state::State;

/// The place of one queue.
#[derive(Debug, Clone)]
pub(super) struct Site {
    /// What it runs on.
    pub(super) machine: Arc<dyn Machine>,
    /// The folder of the orders.
    pub(super) folder: PathBuf,
    /// The machine's own folder in it.
    pub(super) floor: Floor,
}

impl Site {
    /// The queue in `folder`, by an absolute path.
    pub(super) fn of(folder: &Path, machine: Arc<dyn Machine>) -> Result<Self> {
        let folder =
            std::path::absolute(folder).map_err(|error| Error::io("find", folder, error))?;
        Ok(Self { machine, floor: Floor::of_queue(&folder), folder })
    }

    /// Opens the folder of an order; `None` when there is none.
    pub(super) fn order(&self, id: &OrderId) -> Result<Option<OrderFolder>> {
        OrderFolder::open_at(&self.machine, self.place_of(id), id)
    }

    /// Where the folder of an order is, or would be.
    pub(super) fn place_of(&self, id: &OrderId) -> PathBuf {
        self.folder.join(id.as_str())
    }

    /// True when something stands there; a link does too.
    pub(super) fn is_there(&self, path: &Path) -> bool {
        self.machine.facts(path).is_ok()
    }

    /// True when a plain file stands there.
    pub(super) fn is_file(&self, path: &Path) -> bool {
        self.machine.facts(path).is_ok_and(|found| found.sort == Sort::File)
    }

    /// Makes an empty file. False when something of that name was there.
    pub(super) fn mark(&self, path: &Path) -> Result<bool> {
        match self.machine.open(path, Opening::New) {
            Ok(_) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(failed("create", path, error)),
        }
    }

    /// The same, and the folder it is in when that is missing.
    pub(super) fn mark_in(&self, folder: &Path, name: &str) -> Result<bool> {
        let path = folder.join(name);
        match self.machine.open(&path, Opening::New) {
            Ok(_) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(Errno::NOENT) => {
                self.make_folder(folder)?;
                self.mark(&path)
            }
            Err(error) => Err(failed("create", &path, error)),
        }
    }

    /// Renames a file over what stood there. False when there was none of that name.
    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<bool> {
        match self.machine.rename(from, to, Renaming::Replace) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(failed("rename a marker to", to, error)),
        }
    }

    /// Takes a file away. False when there was none.
    pub(super) fn remove(&self, path: &Path) -> Result<bool> {
        match self.machine.remove(path) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(failed("remove", path, error)),
        }
    }

    /// Makes a folder and those above it, for us alone. Fine when it is there.
    pub(super) fn make_folder(&self, path: &Path) -> Result<()> {
        self.machine.make_folder(path).map_err(|error| failed("create", path, error))
    }

    /// Syncs the folder at `path`.
    pub(super) fn sync_folder(&self, path: &Path, point: SyncPoint) -> Result<()> {
        self.machine.sync_folder(path, point).map_err(|error| failed("sync", path, error))
    }

    /// Reads a small file whole, as text.
    pub(super) fn read(&self, path: &Path) -> Result<String, Errno> {
        let bytes = self.machine.open(path, Opening::Read)?.read(1024 * 1024)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The names in a folder that are text; none when there is no such folder. An error half-way is an error: a list
    /// that broke off must not pass for a short one.
    pub(super) fn names(&self, folder: &Path) -> Result<Vec<String>> {
        let mut names = Vec::new();
        self.each_name(folder, |name| names.push(name.to_owned()))?;
        Ok(names)
    }

    /// Goes over the same names without keeping them.
    pub(super) fn each_name(&self, folder: &Path, mut with: impl FnMut(&str)) -> Result<()> {
        let listed = self.machine.list(folder, &mut |name, _| {
            if let Some(name) = name.to_str() {
                with(name);
            }
        });
        match listed {
            Err(Errno::NOENT) => Ok(()),
            listed => listed.map_err(|error| failed("list", folder, error)),
        }
    }

    /// A small file that may be lost, replaced whole by rename.
    pub(super) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        self.put_aside(bytes, None).and_then(|aside| self.rename(&aside, path).map(drop))
    }

    /// A place under `tmp/` for something that is built; its name says which process builds it.
    pub(super) fn new_tmp(&self) -> Result<PathBuf> {
        self.make_folder(&self.floor.tmp())?;
        let machine = &self.machine;
        let pid = machine.own_pid();
        let start = machine.start_time(pid).unwrap_or(0);
        let builder = WorkerId::new(pid, start, machine.chance() as u32);
        Ok(self.floor.tmp().join(builder.as_str()))
    }

    /// Writes a file aside, and syncs it where a point is given. Where it is.
    pub(super) fn put_aside(&self, bytes: &[u8], point: Option<SyncPoint>) -> Result<PathBuf> {
        let aside = self.new_tmp()?;
        let told = |doing| move |error| (doing, error);
        let written =
            self.machine.open(&aside, Opening::New).map_err(told("create")).and_then(|file| {
                file.write(bytes).map_err(told("write"))?;
                point.map_or(Ok(()), |point| file.sync(point)).map_err(told("sync"))
            });
        match written {
            Ok(()) => Ok(aside),
            Err((doing, error)) => {
                drop(self.remove(&aside));
                Err(failed(doing, &aside, error))
            }
        }
    }

    /// The folders in the archive of orders with this name, the one that was put away first at the beginning.
    pub(super) fn archived(&self, id: &OrderId) -> Result<Vec<PathBuf>> {
        let mut months = self.names(&self.floor.archive())?;
        months.sort();
        let of_month = |month: String| {
            let month = self.floor.archive().join(month);
            // A second order of the same name is put away as `<id>~2`. Nothing is listed: there may be very many.
            let copies = (2..).map(|copy| format!("{id}~{copy}"));
            let names = std::iter::once(id.to_string()).chain(copies);
            names
                .map(|name| month.join(name))
                .take_while(|path| self.is_there(path))
                .collect::<Vec<_>>()
        };
        Ok(months.into_iter().flat_map(of_month).collect())
    }

    /// The state in which an order was put into the archive; `None` when it is not there (or only as FAILED).
    pub(super) fn archived_state(&self, id: &OrderId) -> Option<State> {
        let words = self.archived(id).ok()?.into_iter();
        let words = words.filter_map(|path| self.read(&path.join(super::folder::STATE)).ok());
        words.filter_map(|word| State::parse(word.trim()).ok()).find(|s| *s != State::FAILED)
    }
}
