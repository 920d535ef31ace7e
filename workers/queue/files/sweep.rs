//! The sweep: every order is reconciled, and the index and the marks of claims are made again from what is found.

use std::collections::HashMap;
use std::time::Duration;

use super::folder::failed;
use super::lock::{self, Held};
use super::machine::{Errno, Opening};
use super::mutex::{self, Taken};
use super::ready::Marker;
use super::reconcile::reconcile;
use super::waiting::still_waits;
use super::{FileQueue, claims, fitness, liveness, request};
use crate::error::Result;
use crate::holder::WorkerId;
use crate::order::{OrderId, Request};
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
            if !self.site.is_there(&self.site.place_of(&id)) {
                swept.removed += self.remove_markers(&markers)?;
            }
        }
        for (id, workers) in before.marks {
            if !self.site.is_there(&self.site.place_of(&id)) {
                workers.iter().for_each(|worker| claims::remove_mark(&self.site, worker, &id));
            }
        }
        for (id, keys) in before.waiting {
            if !self.site.is_there(&self.site.place_of(&id)) {
                keys.iter().try_for_each(|(_, key)| self.forget_waiting(&id, key))?;
            }
        }
        self.clear_rolls()?;
        Ok(Some(swept))
    }

    /// The lock of whoever makes the index anew; `None` when somebody is at it.
    pub(super) fn only_sweeper(&self) -> Result<Option<Held>> {
        self.site.make_folder(&self.site.floor.run())?;
        let path = self.site.floor.run().join("sweeper.lock");
        let file = match self.site.machine.open(&path, Opening::New) {
            Err(Errno::EXIST) => self.site.machine.open(&path, Opening::Write),
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
        for worker in liveness::known(&self.site)? {
            for id in claims::of(&self.site, &worker)? {
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
        for name in self.site.names(&self.index.root())? {
            let Ok(state) = State::parse(&name) else { continue };
            for name in self.site.names(&self.index.folder(&state))? {
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
        let locked = match mutex::take(&self.site, id, Duration::ZERO)? {
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
        let wanted = self.due_marker(&locked.folder, &standing)?;
        let name = wanted.as_ref().map(Marker::name);
        let stale: Vec<(State, String)> = markers
            .iter()
            .filter(|(state, found)| *state != standing.state || Some(found) != name.as_ref())
            .cloned()
            .collect();
        tell_beyond(id, &stale, self.site.machine.now());
        swept.removed += self.remove_markers(&stale)?;
        let request = request::read(&locked.folder)?.ok();
        let enrolled = request.as_ref().is_some_and(|request| {
            self.enroll(id, request, &standing.state);
            request.phase.is_some() || request.group.is_some()
        });
        let asked = request.as_ref().filter(|_| wanted.is_some());
        let waits = self.keep_waiting(id, &standing.state, asked, waiting)?;
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
            claims::remove_mark(&self.site, worker, id);
        }
        if let Some(worker) = holder {
            claims::put(&self.site, worker, id)?;
        }
        Ok(())
    }

    /// True when an order in `state` is rightly set aside; markers that set it aside for nothing are taken away.
    fn keep_waiting(
        &self,
        id: &OrderId,
        state: &State,
        request: Option<&Request>,
        waiting: &[(State, String)],
    ) -> Result<bool> {
        let mut waits = false;
        for (waits_in, key) in waiting {
            if waits_in == state && request.is_some_and(|request| still_waits(request, key)) {
                waits = true;
            } else {
                self.forget_waiting(id, key)?;
            }
        }
        Ok(waits)
    }

    /// Takes markers away; how many there were.
    pub(super) fn remove_markers(&self, markers: &[(State, String)]) -> Result<usize> {
        let mut removed = 0;
        for (state, name) in markers {
            removed += usize::from(self.index.remove(state, name)?);
        }
        Ok(removed)
    }

    /// What processes that are gone were building under `tmp/`: its names say which process that was.
    pub(super) fn half_built(&self) -> Result<Vec<std::path::PathBuf>> {
        let machine = &self.site.machine;
        let mut half_built: Vec<_> = self
            .site
            .names(&self.site.floor.tmp())?
            .into_iter()
            .filter(|name| match WorkerId::parse(name) {
                Ok(builder) => machine.start_time(builder.pid()) != Some(builder.start_time()),
                Err(_) => {
                    fitness::tried_by(name).is_some_and(|pid| machine.start_time(pid).is_none())
                }
            })
            .map(|name| self.site.floor.tmp().join(name))
            .collect();
        half_built.sort();
        Ok(half_built)
    }

    /// Takes away what dead processes were building. Nothing of it was ever acknowledged.
    pub(super) fn reap_tmp(&self) -> Result<()> {
        let machine = &self.site.machine;
        for path in self.half_built()? {
            let removed = machine.remove_tree(&path).or_else(|_| machine.remove(&path));
            if let Err(error) = removed {
                tracing::warn!(path = %path.display(), %error, "could not take away a leftover");
            }
        }
        Ok(())
    }
}

/// Says of each due time that no rest of ours can have, once: the marker that has it goes.
fn tell_beyond(id: &OrderId, markers: &[(State, String)], now: u64) {
    for due in markers.iter().filter_map(|(_, name)| Some(Marker::parse(name)?.due())) {
        if let Some(told) = beyond(due, now) {
            tracing::warn!("{id}: {told}");
        }
    }
}
