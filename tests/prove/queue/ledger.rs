//! What was promised to people, kept outside the queue: each order that was acknowledged, and what they did to it since.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::journal;
use crate::house::House;

/// One acknowledged order.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    /// A person moved it by hand.
    pub(super) edited: bool,
    /// A person removed it.
    pub(super) removed: bool,
    /// It was seen at its end.
    pub(super) ended: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) orders: BTreeMap<String, Entry>,
}

/// What was found at the end.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) landed: usize,
    pub(super) failed: usize,
    pub(super) removed: usize,
    pub(super) unfinished: usize,
    pub(super) violations: Vec<String>,
}

/// Where an order is: its folders in the queue and in the archive.
pub(super) fn places(house: &House, id: &str) -> Vec<PathBuf> {
    let mut places = vec![house.order(id)];
    let archive = house.project().join("work-orders/.floor/archive");
    let months = fs::read_dir(archive).into_iter().flatten().flatten();
    places.extend(months.map(|month| month.path().join(id)));
    places.retain(|place| place.is_dir());
    places
}

/// The state of an order, wherever it is.
pub(super) fn state(house: &House, id: &str) -> String {
    let place = places(house, id).into_iter().next().unwrap_or_default();
    fs::read_to_string(place.join(".state")).unwrap_or_default().trim().to_owned()
}

/// True for a state in which nothing more happens by itself.
pub(super) fn is_end(state: &str) -> bool {
    state == "READY_FOR_REVIEW" || state == "FAILED"
}

impl Ledger {
    /// Those on the way, as far as was seen.
    pub(super) fn open(&self) -> Vec<String> {
        let open = self.orders.iter().filter(|(_, entry)| !entry.ended && !entry.removed);
        open.map(|(id, _)| id.clone()).collect()
    }

    /// Looks at those on the way once more; how many are at their end by now.
    pub(super) fn look(&mut self, house: &House) -> usize {
        for id in self.open() {
            if is_end(&state(house, &id))
                && let Some(entry) = self.orders.get_mut(&id)
            {
                entry.ended = true;
            }
        }
        self.orders.values().filter(|entry| entry.ended).count()
    }

    /// Every order in one place, its journal sound, and what was landed on the branch, once.
    pub(super) fn conservation(&self, house: &House) -> Found {
        let mut found = Found::default();
        let log = house.git(&["log", "--format=%B", "shopfloor/ready"]);
        let mut commits: BTreeMap<&str, usize> = BTreeMap::new();
        for id in log.lines().filter_map(|line| line.strip_prefix("Order: ")) {
            *commits.entry(id).or_default() += 1;
        }
        for (id, entry) in &self.orders {
            let places = places(house, id);
            let landed = commits.get(id.as_str()).copied().unwrap_or_default();
            if entry.removed {
                found.removed += 1;
                if !places.is_empty() {
                    found.violations.push(format!("{id} was removed and is in {places:?}"));
                }
                continue;
            }
            let [place] = &places[..] else {
                found.violations.push(format!("{id} is in {} places: {places:?}", places.len()));
                continue;
            };
            let (faults, _) = journal::faults(place);
            found.violations.extend(faults.iter().map(|fault| format!("{id}: {fault}")));
            match state(house, id).as_str() {
                "READY_FOR_REVIEW" => {
                    found.landed += 1;
                    if landed == 0 || (landed > 1 && !entry.edited) {
                        found.violations.push(format!("{id} is ready with {landed} commits"));
                    }
                }
                "FAILED" => {
                    found.failed += 1;
                    if landed > 0 && !entry.edited {
                        found.violations.push(format!("{id} is FAILED with {landed} commits"));
                    }
                }
                _ => found.unfinished += 1,
            }
        }
        found
    }
}
