//! The index: `ready/<STATE>/<priority>.<due>.<id>`, empty markers. It may be deleted at any time and grants nothing;
//! it only saves a worker from reading every order at every look.
//!
//! `due` is the unix second from which the order may be claimed: the end of its rest, or when it came into its state. From
//! it the order ages, so that nothing starves ([`plan::rank`]). Where somebody said until when it is wanted, that stands
//! behind it: `<due>-<wanted>`.

use std::collections::BinaryHeap;
use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::floor_files::{each_name, make_folder, names, remove};
use crate::error::{Error, Result};
use crate::floor::unix_now;
use crate::history::History;
use crate::order::{Due, OrderId, Priority};
use crate::plan::{self, Rank};
use crate::queue::rest::rests;
use crate::state::State;

/// More than asked for, so that shuffling among equals can keep workers out of each other's way.
const A_FEW: usize = 4;

/// A marker, by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Marker {
    /// 0 (first) to 9 (last).
    priority: u8,
    /// Unix seconds.
    due: u64,
    /// Until when it is wanted, unix seconds.
    wanted: Option<u64>,
    /// The order.
    pub(super) id: OrderId,
}

impl Marker {
    /// The marker an order should have.
    pub(super) fn of(
        id: &OrderId,
        priority: Priority,
        wanted: Option<Due>,
        history: &History,
    ) -> Self {
        // A clock that was put back must not let an order rest that rests for nobody.
        let due = history.due.unwrap_or_else(|| history.since.min(unix_now()));
        Self { priority: priority.digit(), due, wanted: wanted.map(Due::secs), id: id.clone() }
    }

    /// Reads a marker's name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.splitn(3, '.');
        let priority = parts.next()?.parse().ok().filter(|&priority| priority <= 9)?;
        let times = parts.next()?;
        let (due, wanted) = match times.split_once('-') {
            Some((due, wanted)) => (due, Some(wanted.parse().ok()?)),
            None => (times, None),
        };
        let due = due.parse().ok()?;
        Some(Self { priority, due, wanted, id: OrderId::parse(parts.next()?).ok()? })
    }

    /// True when it leads a worker to the same order as soon: of two that are due the age does not matter (an edit by
    /// hand gets its time only when somebody puts it on record).
    pub(super) fn is_as_good_as(&self, other: &Self) -> bool {
        let due = self.due == other.due || !(rests(self.due) || rests(other.due));
        self.id == other.id && self.priority == other.priority && due
    }

    /// From when on it may be claimed, unix seconds.
    pub(super) fn due(&self) -> u64 {
        self.due
    }

    /// Its name.
    pub(super) fn name(&self) -> String {
        let Self { priority, due, wanted, id } = self;
        match wanted {
            Some(wanted) => format!("{priority}.{due:010}-{wanted:010}.{id}"),
            None => format!("{priority}.{due:010}.{id}"),
        }
    }

    fn rank(&self, now: u64, ageing_secs: u64) -> Rank {
        plan::rank(self.priority, self.due, self.wanted, now, ageing_secs)
    }
}

/// The index of one queue.
#[derive(Debug, Clone)]
pub(super) struct Index {
    root: PathBuf,
    ageing_secs: u64,
}

impl Index {
    /// The index in the folder `root`; waiting `ageing_secs` is worth one step of priority.
    pub(super) fn new(root: PathBuf, ageing_secs: u64) -> Self {
        Self { root, ageing_secs }
    }

    /// The folder of all markers.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the markers of `state`.
    pub(super) fn folder(&self, state: &State) -> PathBuf {
        self.root.join(state.as_str())
    }

    /// At most `most` orders in `state` that are due, by rank, shuffled among equals. Keeps no more of them in memory
    /// than are asked for.
    pub(super) fn due(&self, state: &State, most: usize) -> Result<Vec<OrderId>> {
        let window = most.saturating_add(A_FEW);
        let now = unix_now();
        let mut first: BinaryHeap<(Rank, OrderId)> = BinaryHeap::new();
        each_name(&self.folder(state), |name| {
            let Some(marker) = Marker::parse(name).filter(|marker| !rests(marker.due)) else {
                return;
            };
            let ranked = (marker.rank(now, self.ageing_secs), marker.id);
            if first.len() < window {
                first.push(ranked);
            } else if first.peek().is_some_and(|last| ranked < *last) {
                first.pop();
                first.push(ranked);
            }
        })?;
        let mut ranked = first.into_sorted_vec();
        for equals in ranked.chunk_by_mut(|a, b| a.0 == b.0) {
            fastrand::shuffle(equals);
        }
        ranked.truncate(most);
        Ok(ranked.into_iter().map(|(_, id)| id).collect())
    }

    /// All markers of `state`. Names that are none are left out.
    pub(super) fn markers(&self, state: &State) -> Result<Vec<Marker>> {
        let names = names(&self.folder(state))?;
        Ok(names.iter().filter_map(|name| Marker::parse(name)).collect())
    }

    /// Makes a marker. False when it was there already.
    pub(super) fn put(&self, state: &State, marker: &Marker) -> Result<bool> {
        let path = self.folder(state).join(marker.name());
        let make = || {
            let mut options = File::options();
            options.write(true).create_new(true).mode(0o600).open(&path).map(drop)
        };
        let made = match make() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_folder(&self.folder(state))?;
                make()
            }
            made => made,
        };
        match made {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(Error::io("create", &path, error)),
        }
    }

    /// Takes the marker of an order away; when it has another name than `likely`, it is looked for.
    pub(super) fn clear(&self, state: &State, likely: &Marker) -> Result<()> {
        if self.remove(state, &likely.name())? {
            return Ok(());
        }
        self.clear_all(state, &likely.id)
    }

    /// Takes away every marker of an order in `state`.
    pub(super) fn clear_all(&self, state: &State, id: &OrderId) -> Result<()> {
        for marker in self.markers(state)?.iter().filter(|marker| marker.id == *id) {
            self.remove(state, &marker.name())?;
        }
        Ok(())
    }

    /// Takes one marker away by name. False when there was none.
    pub(super) fn remove(&self, state: &State, name: &str) -> Result<bool> {
        remove(&self.folder(state).join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(priority: u8, due: u64, id: &str) -> Marker {
        Marker { priority, due, wanted: None, id: OrderId::parse(id).unwrap() }
    }

    #[test]
    fn a_markers_name_leads_back_to_it_and_other_names_to_none() {
        let made = marker(5, 17, "v1.2-x");
        assert_eq!(made.name(), "5.0000000017.v1.2-x");
        assert_eq!(Marker::parse(&made.name()), Some(made.clone()));
        let wanted = Marker { wanted: Some(99), ..made };
        assert_eq!(wanted.name(), "5.0000000017-0000000099.v1.2-x");
        assert_eq!(Marker::parse(&wanted.name()), Some(wanted));
        let bad =
            ["", "5", "5.1", "5.1.", "5.1.../x", "x.1.a", "10.1.a", "5.-1.a", "5.1-.a", "5.1.A"];
        for bad in bad {
            assert_eq!(Marker::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_is_due_comes_by_priority_then_age_and_what_rests_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::new(folder.path().to_owned(), 3600);
        let now = unix_now();
        let all = [
            marker(5, 3, "later"),
            marker(5, 2, "sooner"),
            marker(0, 9, "urgent"),
            marker(5, now + 3600, "rests"),
            marker(9, now + 30 * 24 * 3600, "clock-jumped"),
        ];
        for marker in &all {
            assert!(index.put(&State::NEW, marker).unwrap());
        }
        let ids = |most| -> Vec<String> {
            index.due(&State::NEW, most).unwrap().into_iter().map(String::from).collect()
        };
        assert_eq!(ids(9), ["urgent", "sooner", "later", "clock-jumped"]);
        assert_eq!(ids(2), ["urgent", "sooner"]);
        index.clear(&State::NEW, &marker(7, 7, "urgent")).unwrap();
        assert_eq!(ids(1), ["sooner"]);
    }
}
