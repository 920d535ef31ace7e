//! Making many orders at once: all of them, or none.
//!
//! Every order is built aside first, which is where a disk runs full; only when all are built are they renamed into place, and a
//! rename that fails takes the ones before it back. A crash between two renames leaves the first ones: whole, and on hold.

use std::path::{Path, PathBuf};

use super::folder::failed;
use super::machine::{Errno, Renaming, SyncPoint};
use super::{FileQueue, disk};
use crate::error::{Error, Kind, Result};
use crate::order::{OrderId, Request};
use crate::queue::entries;
use crate::state::State;

/// An order that is built aside, and its place in the queue.
#[derive(Debug)]
struct Built {
    aside: PathBuf,
    place: PathBuf,
}

impl FileQueue {
    /// Makes all of these orders on hold, or none.
    pub(super) fn make_all(&self, orders: &[(OrderId, Request)], hold: &str) -> Result<()> {
        disk::check(&*self.site.machine, &self.site.folder, self.options.free_mib)?;
        let taken = |id: &OrderId| self.site.is_there(&self.site.place_of(id));
        if let Some((id, _)) = orders.iter().find(|(id, _)| taken(id)) {
            return Err(entries::taken(id));
        }
        let mut built: Vec<Built> = Vec::new();
        let mut moved = 0;
        let done = self.build_all(orders, hold, &mut built).and_then(|()| {
            for Built { aside, place } in &built {
                self.put_in_place(aside, place)?;
                moved += 1;
            }
            self.site.sync_folder(&self.site.folder, SyncPoint::NewNames)
        });
        if let Err(error) = done {
            return Err(self.take_back(&built, moved, error));
        }
        for (id, request) in orders {
            self.enroll(id, request, &State::NEW);
            self.stir(id, None);
        }
        Ok(())
    }

    /// Builds all of them aside. Their syncs are issued together, which the file system carries out as few.
    fn build_all(
        &self,
        orders: &[(OrderId, Request)],
        hold: &str,
        built: &mut Vec<Built>,
    ) -> Result<()> {
        for (id, _) in orders {
            let (aside, place) = (self.site.new_tmp()?, self.site.place_of(id));
            built.push(Built { aside, place });
        }
        let part = orders.len().div_ceil(self.site.machine.threads()).max(1);
        let mut parts = orders.chunks(part).zip(built.chunks(part));
        let build = |(orders, built): (&[(OrderId, Request)], &[Built])| -> Result<()> {
            for ((id, request), Built { aside, .. }) in orders.iter().zip(built) {
                self.build(aside, id, request, Some(hold))?;
            }
            Ok(())
        };
        std::thread::scope(|threads| {
            let own = parts.next();
            let mut running = Vec::new();
            for part in parts {
                match std::thread::Builder::new().spawn_scoped(threads, move || build(part)) {
                    Ok(thread) => running.push(thread),
                    // No thread to be had: one after the other, then.
                    Err(_) => build(part)?,
                }
            }
            own.map_or(Ok(()), build)?;
            for thread in running {
                // A thread that panicked has built nothing that counts.
                let unfinished = Error::new(Kind::Failed, "failed to build an order");
                thread.join().unwrap_or(Err(unfinished))?;
            }
            Ok(())
        })
    }

    /// Nothing of it is to stay: what was moved already is moved back first. They are on hold and nobody has heard of them.
    fn take_back(&self, built: &[Built], moved: usize, error: Error) -> Error {
        let mut stay = 0;
        for Built { aside, place } in built.iter().take(moved) {
            stay += usize::from(self.put_in_place(place, aside).is_err());
        }
        for Built { aside, .. } in built {
            // Our own and never in the queue; what stays is reaped by the sweep.
            let _gone = self.site.machine.remove_tree(aside);
        }
        drop(self.site.sync_folder(&self.site.folder, SyncPoint::TakenBack));
        match stay {
            0 => error,
            stay => error.hint(format!(
                "{stay} of them stand in the queue, on hold: do the same again to complete them"
            )),
        }
    }

    fn put_in_place(&self, from: &Path, to: &Path) -> Result<()> {
        match self.site.machine.rename(from, to, Renaming::Keep) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => {
                let told =
                    format!("failed to make {}: something stands there already", to.display());
                Err(Error::usage(told).hint("somebody made it this very moment: do the same again"))
            }
            Err(error) => Err(failed("rename a new order to", to, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Queue as _;

    #[test]
    fn what_was_moved_is_taken_back_when_a_later_one_fails() {
        let folder = tempfile::tempdir().unwrap();
        let queue = FileQueue::init(&folder.path().join("queue")).unwrap();
        let order = |name: &str| (OrderId::parse(name).unwrap(), Request::titled(name));
        let mut built = Vec::new();
        queue.build_all(&[order("a"), order("b")], "why", &mut built).unwrap();
        queue.put_in_place(&built[0].aside, &built[0].place).unwrap();
        assert_eq!(queue.list().unwrap().orders.len(), 1);
        let error = queue.take_back(&built, 1, Error::usage("no"));
        assert_eq!((error.to_string().as_str(), error.next_step()), ("no", None));
        assert_eq!(queue.list().unwrap(), crate::queue::Listing::default());
        assert_eq!(std::fs::read_dir(queue.floor().tmp()).unwrap().count(), 0);
    }
}
