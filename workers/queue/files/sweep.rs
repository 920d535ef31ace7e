//! The sweep: every order is reconciled, and the index and the marks of claims are made again from what is found.

use std::collections::HashMap;
use std::time::Duration;

use super::floor_files::{make_folder, names, open};
use super::folder::failed;
use super::lock::{self, Held};
use super::mutex::{self, Taken};
use super::ready::Marker;
use super::reconcile::reconcile;
use super::waiting::still_waits;
use super::{FileQueue, claims, fitness, liveness, request};
use crate::error::Result;
use crate::holder::WorkerId;
use crate::order::OrderId;
use crate::process;
use crate::queue::Swept;
use crate::queue::rest::beyond;
use crate::state::State;

/// What was in the index and in the lists of claims when the sweep began.
struct Before {
    markers: HashMap<OrderId, Vec<(State, String)>>,
    marks: HashMap<OrderId, Vec<WorkerId>>,
    /// Set aside: in which state, and what they wait for.
    waiting: HashMap<OrderId, Vec<(State, String)>>,
}

/// The same of one order.
struct Own {
    markers: Vec<(State, String)>,
    marks: Vec<WorkerId>,
    waiting: Vec<(State, String)>,
}

impl Before {
    fn of(&mut self, id: &OrderId) -> Own {
        Own {
            markers: self.markers.remove(id).unwrap_or_default(),
            marks: self.marks.remove(id).unwrap_or_default(),
            waiting: self.waiting.remove(id).unwrap_or_default(),
        }
    }
}

/// The index as it is: the markers of each order, and names that can't be markers. Each with the state of its folder.
#[derive(Debug, Default)]
pub(super) struct Markers {
    pub(super) of: HashMap<OrderId, Vec<(State, String)>>,
    pub(super) rubbish: Vec<(State, String)>,
}

impl FileQueue {
    /// Sweeps; `None` when another process is at it.
    pub(super) fn sweep_all(&self) -> Result<Option<Swept>> {
        let Some(_sweeper) = self.only_sweeper()? else { return Ok(None) };
        let mut swept = Swept::default();
        self.reap_tmp()?;
        let mut before = self.before(&mut swept)?;
        let listing = self.listing()?;
        let mut late = Vec::new();
        for id in &listing.orders {
            swept.orders += 1;
            let own = before.of(id);
            if let Err(error) = self.sweep_one(id, &own, &mut swept, &mut late) {
                swept.broken.push((id.to_string(), error.to_string()));
            }
        }
        for (state, marker) in late {
            swept.added += usize::from(self.index.put(&state, &marker)?);
        }
        // What is left belongs to no order. One may have been made since we listed, so look again.
        for (id, markers) in before.markers {
            if std::fs::symlink_metadata(self.folder.join(id.as_str())).is_err() {
                swept.removed += self.remove_markers(&markers)?;
            }
        }
        for (id, workers) in before.marks {
            if std::fs::symlink_metadata(self.folder.join(id.as_str())).is_err() {
                workers.iter().for_each(|worker| claims::remove_mark(&self.floor, worker, &id));
            }
        }
        for (id, keys) in before.waiting {
            if std::fs::symlink_metadata(self.folder.join(id.as_str())).is_err() {
                keys.iter().try_for_each(|(_, key)| self.forget_waiting(&id, key))?;
            }
        }
        self.clear_rolls()?;
        Ok(Some(swept))
    }

    /// The lock of whoever makes the index anew; `None` when somebody is at it.
    pub(super) fn only_sweeper(&self) -> Result<Option<Held>> {
        make_folder(&self.floor.run())?;
        let path = self.floor.run().join("sweeper.lock");
        let file = match open(&path, true, true) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                open(&path, true, false)
            }
            made => made,
        };
        let file = file.map_err(|error| failed("open", &path, error))?;
        lock::exclusive(file).map_err(|error| failed("lock", &path, error))
    }

    /// Reads the index and the lists of claims; names that can't be markers go at once.
    fn before(&self, swept: &mut Swept) -> Result<Before> {
        let Markers { of: markers, rubbish } = self.markers_there()?;
        swept.removed += self.remove_markers(&rubbish)?;
        let mut before = Before { markers, marks: HashMap::new(), waiting: HashMap::new() };
        for worker in liveness::known(&self.floor)? {
            for id in claims::of(&self.floor, &worker)? {
                before.marks.entry(id).or_default().push(worker.clone());
            }
        }
        for (id, state, key) in self.still_waiting()? {
            before.waiting.entry(id).or_default().push((state, key));
        }
        Ok(before)
    }

    /// Reads the whole index.
    pub(super) fn markers_there(&self) -> Result<Markers> {
        let mut there = Markers::default();
        for name in names(self.index.root())? {
            let Ok(state) = State::parse(&name) else { continue };
            for name in names(&self.index.folder(&state))? {
                match Marker::parse(&name) {
                    Some(marker) => {
                        there.of.entry(marker.id).or_default().push((state.clone(), name));
                    }
                    None => there.rubbish.push((state.clone(), name)),
                }
            }
        }
        Ok(there)
    }

    /// One order. Its markers and marks change only under its lock, so what we do here can't cross anybody.
    fn sweep_one(
        &self,
        id: &OrderId,
        own: &Own,
        swept: &mut Swept,
        late: &mut Vec<(State, Marker)>,
    ) -> Result<()> {
        let Own { markers, marks, waiting } = own;
        let locked = match mutex::take(&self.folder, id, Duration::ZERO)? {
            Taken::Locked(locked) => locked,
            Taken::Busy | Taken::Gone => return Ok(()),
        };
        let standing = match reconcile(&self.options.pipeline, &locked)? {
            Ok(standing) => standing,
            Err(why) => {
                swept.removed += self.remove_markers(markers)?;
                swept.broken.push((id.to_string(), why));
                return Ok(());
            }
        };
        let due = standing.journal.history.due;
        let marked = markers.iter().filter_map(|(_, name)| Some(Marker::parse(name)?.due()));
        let remark = due.into_iter().chain(marked).find_map(beyond);
        swept.remarks.extend(remark.map(|remark| (id.to_string(), remark)));
        let wanted = self.due_marker(&locked.folder, &standing)?;
        let name = wanted.as_ref().map(Marker::name);
        let stale: Vec<(State, String)> = markers
            .iter()
            .filter(|(state, found)| *state != standing.state || Some(found) != name.as_ref())
            .cloned()
            .collect();
        swept.removed += self.remove_markers(&stale)?;
        let request = request::read(&locked.folder)?.ok();
        let enrolled = request.as_ref().is_some_and(|request| {
            self.enroll(id, request, &standing.state);
            request.phase.is_some() || request.group.is_some()
        });
        let mut waits = false;
        for (state, key) in waiting {
            if wanted.is_some()
                && *state == standing.state
                && request.as_ref().is_some_and(|request| still_waits(request, key))
            {
                waits = true;
            } else {
                self.forget_waiting(id, key)?;
            }
        }
        if let Some(marker) = wanted.filter(|_| !waits) {
            // One that the index knows stays in it; what it waits for is found when it is looked at.
            let known = markers.iter().any(|(_, found)| Some(found) == name.as_ref());
            let unmet = request.as_ref().filter(|_| !known).and_then(|r| self.first_unmet(r));
            swept.added += match unmet {
                Some(key) => usize::from(self.waiting().put(&key, &standing.state, &marker)?),
                // Who is on a roll is made ready when all are on theirs: one made by hand must not overtake those before it.
                None if enrolled => {
                    late.push((standing.state.clone(), marker));
                    0
                }
                None => usize::from(self.index.put(&standing.state, &marker)?),
            };
        }
        let holder = standing.journal.history.open.as_ref().map(|open| &open.worker);
        for worker in marks.iter().filter(|&worker| Some(worker) != holder) {
            claims::remove_mark(&self.floor, worker, id);
        }
        if let Some(worker) = holder {
            claims::put(&self.floor, worker, id)?;
        }
        Ok(())
    }

    /// Takes markers away; how many there were.
    pub(super) fn remove_markers(&self, markers: &[(State, String)]) -> Result<usize> {
        let mut removed = 0;
        for (state, name) in markers {
            removed += usize::from(self.index.remove(state, name)?);
        }
        Ok(removed)
    }

    /// A folder under `tmp/` for something that is built; its name says which process builds it.
    pub(super) fn new_tmp(&self) -> Result<std::path::PathBuf> {
        make_folder(&self.floor.tmp())?;
        let pid = std::process::id();
        let builder = WorkerId::new(pid, process::start_time(pid).unwrap_or(0), fastrand::u32(..));
        Ok(self.floor.tmp().join(builder.as_str()))
    }

    /// What processes that are gone were building under `tmp/`: its names say which process that was.
    pub(super) fn half_built(&self) -> Result<Vec<std::path::PathBuf>> {
        let mut half_built: Vec<_> = names(&self.floor.tmp())?
            .into_iter()
            .filter(|name| match WorkerId::parse(name) {
                Ok(builder) => process::start_time(builder.pid()) != Some(builder.start_time()),
                Err(_) => {
                    fitness::tried_by(name).is_some_and(|pid| process::start_time(pid).is_none())
                }
            })
            .map(|name| self.floor.tmp().join(name))
            .collect();
        half_built.sort();
        Ok(half_built)
    }

    /// Takes away what dead processes were building. Nothing of it was ever acknowledged.
    pub(super) fn reap_tmp(&self) -> Result<()> {
        for path in self.half_built()? {
            let removed = std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path));
            if let Err(error) = removed {
                tracing::warn!(path = %path.display(), %error, "could not take away a leftover");
            }
        }
        Ok(())
    }
}
