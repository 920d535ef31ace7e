//! `waiting/<key>/<STATE>.<marker>`: markers of orders that wait for another one, set aside so that no look has to pass
//! over them. The key is what they wait for: `<id>` (whatever happens to that order), `<id>@<STATE>` (that it gets there),
//! or the key of a phase. Like the index it is a hint: it grants nothing, and a sweep mends it.
//!
//! Setting aside and waking are renames, each at once here or there. Who sets an order aside looks once more afterwards at
//! what it waits for, and who makes that happen wakes afterwards: one of the two sees the other.

use std::collections::HashMap;
use std::path::PathBuf;

use super::FileQueue;
use super::ready::{Index, Marker};
use super::site::Site;
use super::state_file;
use crate::error::Result;
use crate::order::{OrderId, Request};
use crate::queue::Order;
use crate::state::State;

/// All markers that are set aside.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    root: PathBuf,
    site: &'a Site,
    index: &'a Index,
}

impl Waiting<'_> {
    /// Makes a marker under `key`.
    pub(super) fn put(&self, key: &str, state: &State, marker: &Marker) -> Result<bool> {
        let folder = self.root.join(key);
        self.site.make_folder(&folder)?;
        self.site.mark(&folder.join(name_of(state, marker)))
    }

    /// Moves a marker from the index to `key`. False when the index had none of that name.
    fn set_aside(&self, key: &str, state: &State, marker: &Marker) -> Result<bool> {
        let from = self.index.folder(state).join(marker.name());
        let folder = self.root.join(key);
        // The folder is taken away by whoever wakes the last one in it.
        for _ in 0..16 {
            self.site.make_folder(&folder)?;
            match self.site.rename(&from, &folder.join(name_of(state, marker)))? {
                true => return Ok(true),
                false if !self.site.is_there(&from) => return Ok(false),
                false => {}
            }
        }
        Ok(false)
    }

    /// Moves every marker under `key` into the index.
    fn wake(&self, key: &str) -> Result<usize> {
        let folder = self.root.join(key);
        let names = self.site.names(&folder)?;
        if names.is_empty() {
            return Ok(0);
        }
        let mut woken = 0;
        for name in names {
            let path = folder.join(&name);
            let Some((state, marker)) = parse(&name) else {
                self.site.remove(&path)?;
                continue;
            };
            let ready = self.index.folder(&state);
            self.site.make_folder(&ready)?;
            woken += usize::from(self.site.rename(&path, &ready.join(marker.name()))?);
        }
        // Stays when somebody has just put another one in.
        let _gone = self.site.machine.remove_folder(&folder);
        Ok(woken)
    }

    /// The keys there are.
    fn keys(&self) -> Result<Vec<String>> {
        self.site.names(&self.root)
    }

    /// What is set aside under `key`.
    fn of(&self, key: &str) -> Result<Vec<(State, Marker)>> {
        Ok(self.site.names(&self.root.join(key))?.iter().filter_map(|name| parse(name)).collect())
    }
}

pub(super) fn name_of(state: &State, marker: &Marker) -> String {
    format!("{state}.{}", marker.name())
}

pub(super) fn parse(name: &str) -> Option<(State, Marker)> {
    let (state, marker) = name.split_once('.')?;
    Some((State::parse(state).ok()?, Marker::parse(marker)?))
}

/// True for a name that can be a folder's here: an order's id, one with a state, or a roll's key.
fn is_key(key: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    match key.strip_prefix('_') {
        Some(roll) => !roll.is_empty() && roll.len() < 200 && roll.chars().all(plain),
        None => match key.split_once('@') {
            Some((id, state)) => OrderId::parse(id).is_ok() && State::parse(state).is_ok(),
            None => OrderId::parse(key).is_ok(),
        },
    }
}

/// The phase and the plan in the key of a phase.
fn phase_of(key: &str) -> Option<(u32, &str)> {
    let (number, plan) = key.strip_prefix("_phase-")?.split_once('-')?;
    Some((number.parse().ok()?, plan))
}

/// True when a request still says what makes its order wait for `key`.
pub(super) fn still_waits(request: &Request, key: &str) -> bool {
    match phase_of(key) {
        Some((phase, _)) => request.waiting_phase().is_some_and(|own| own > phase),
        None => request.needs.iter().any(|n| format!("{}@{}", n.id, n.reached) == key),
    }
}

/// True when one of the marks that set an order aside, each with its state and key, still holds for it.
pub(super) fn is_set_aside(order: &Order, marks: &[(State, String)]) -> bool {
    marks.iter().any(|(state, key)| {
        *state == order.state
            && order.request.as_ref().is_ok_and(|request| still_waits(request, key))
    })
}

impl FileQueue {
    pub(super) fn waiting(&self) -> Waiting<'_> {
        let root = self.site.floor.root().join("waiting");
        Waiting { root, site: &self.site, index: &self.index }
    }

    /// Sets an order aside until something happens to what `key` names.
    pub(super) fn set_aside(&self, order: &Order, key: &str) -> Result<bool> {
        let Ok(request) = &order.request else { return Ok(false) };
        if !is_key(key) {
            return Ok(false);
        }
        let now = self.site.machine.now();
        let marker = Marker::of(&order.id, request.priority, request.due, &order.history, now);
        self.waiting().set_aside(key, &order.state, &marker)
    }

    /// True when something is set aside under `key`.
    pub(super) fn anybody_waits(&self, key: &str) -> bool {
        self.site.is_there(&self.waiting().root.join(key))
    }

    /// Makes those ready again that were set aside under `key`.
    pub(super) fn wake_all(&self, key: &str) -> Result<usize> {
        if is_key(key) { self.waiting().wake(key) } else { Ok(0) }
    }

    /// Something happened to the order `id`, which stands in `now`; no state means that anybody may be concerned. The
    /// deed itself is done and on record: that nobody could be woken is only told, and a sweep does it.
    pub(super) fn stir(&self, id: &OrderId, now: Option<&State>) {
        let pipeline = &self.options.pipeline;
        let reached = |state: &State| match now {
            Some(now) if pipeline.knows(now) => pipeline.rank(state) <= pipeline.rank(now),
            _ => true,
        };
        let states = pipeline.states().into_iter().filter(reached);
        let keys =
            std::iter::once(id.to_string()).chain(states.map(|state| format!("{id}@{state}")));
        for key in keys {
            if let Err(error) = self.wake_all(&key) {
                tracing::warn!(order = %id, %error, "those that wait for it could not be woken");
            }
        }
    }

    /// The orders that are set aside until something happens to `id`.
    pub(super) fn set_aside_for(&self, id: &OrderId) -> Result<Vec<OrderId>> {
        let states =
            self.options.pipeline.states().into_iter().map(|state| format!("{id}@{state}"));
        let mut found = Vec::new();
        for key in std::iter::once(id.to_string()).chain(states) {
            found.extend(self.waiting().of(&key)?.into_iter().map(|(_, marker)| marker.id));
        }
        Ok(found)
    }

    /// The key of the first need of `request` that is not met, as far as one look at a word each can tell.
    pub(super) fn first_unmet(&self, request: &Request) -> Option<String> {
        let unmet = request.needs.iter().find(|need| !self.has_reached(&need.id, &need.reached));
        unmet.map(|need| format!("{}@{}", need.id, need.reached))
    }

    fn has_reached(&self, id: &OrderId, wanted: &State) -> bool {
        let pipeline = &self.options.pipeline;
        let far = |state: &State| {
            *state != State::FAILED
                && pipeline.knows(state)
                && pipeline.rank(state) >= pipeline.rank(wanted)
        };
        let word =
            self.site.order(id).ok().flatten().and_then(|folder| state_file::read(&folder).ok());
        match word {
            Some(state_file::Found::Word(state, _)) => far(&state),
            Some(_) => false,
            None => self.site.archived_state(id).is_some_and(|state| far(&state)),
        }
    }

    /// Wakes, for a sweep, whoever waits for something that has happened or that can't be told. The others by their ids.
    pub(super) fn still_waiting(&self) -> Result<Vec<(OrderId, State, String)>> {
        let mut still = Vec::new();
        for key in self.waiting().keys()? {
            if self.is_met(&key)? {
                self.waiting().wake(&key)?;
            } else {
                let waiting = self.waiting().of(&key)?;
                still.extend(waiting.into_iter().map(|(s, m)| (m.id, s, key.clone())));
            }
        }
        Ok(still)
    }

    /// Those that wait for something that has not happened, with their state and what it is. Nothing is touched.
    pub(super) fn rightly_waiting(&self) -> Result<HashMap<OrderId, Vec<(State, String)>>> {
        let mut still: HashMap<_, Vec<_>> = HashMap::new();
        for key in self.waiting().keys()? {
            if !self.is_met(&key)? {
                for (state, marker) in self.waiting().of(&key)? {
                    still.entry(marker.id).or_default().push((state, key.clone()));
                }
            }
        }
        Ok(still)
    }

    /// True when what `key` names has happened, or can't be told.
    fn is_met(&self, key: &str) -> Result<bool> {
        let need = key
            .split_once('@')
            .and_then(|(id, state)| Some((OrderId::parse(id).ok()?, State::parse(state).ok()?)));
        Ok(match (need, phase_of(key)) {
            (Some((id, wanted)), _) => self.has_reached(&id, &wanted),
            (None, Some((phase, plan))) => {
                let gate = self.options.rules.phase_gate;
                let tallies = self.tallies(plan)?;
                !tallies.iter().any(|tally| tally.phase == phase && !tally.opens(gate))
            }
            (None, None) => true,
        })
    }

    /// The keys of phases that somebody waits for.
    pub(super) fn phase_keys(&self) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        self.site.each_name(&self.waiting().root, |name| {
            if phase_of(name).is_some() {
                keys.push(name.to_owned());
            }
        })?;
        Ok(keys)
    }

    /// Makes an order ready that was set aside for its phase: somebody in an earlier one waits for it.
    pub(super) fn rouse_from_phase(&self, order: &Order) -> Result<bool> {
        let Ok(request) = &order.request else { return Ok(false) };
        let waiting = self.waiting();
        let now = self.site.machine.now();
        let marker = Marker::of(&order.id, request.priority, request.due, &order.history, now);
        let name = name_of(&order.state, &marker);
        let mut roused = false;
        for key in self.phase_keys()? {
            let to = self.index.folder(&order.state).join(marker.name());
            roused |= self.site.rename(&waiting.root.join(key).join(&name), &to)?;
        }
        Ok(roused)
    }

    /// Takes a marker away that was set aside in vain, whatever its name.
    pub(super) fn forget_waiting(&self, id: &OrderId, key: &str) -> Result<()> {
        let folder = self.waiting().root.join(key);
        for name in self.site.names(&folder)? {
            if parse(&name).is_some_and(|(_, marker)| marker.id == *id) {
                self.site.remove(&folder.join(name))?;
            }
        }
        Ok(())
    }
}
