//! `rolls/<plan>/<roll>/open|done/<place>.<id>`: empty markers that say who belongs to a phase or a group and who of them
//! is through, so that no order has to be read to know how a phase stands. A hint: a sweep makes it again.

use std::path::{Path, PathBuf};

use super::FileQueue;
use super::folder::OrderFolder;
use super::request;
use crate::error::Result;
use crate::order::{OrderId, Request};
use crate::plan::{Roll, RollKey, Tally};
use crate::state::State;

/// In a phase's roll: it runs beside its neighbours.
const PARALLEL: &str = "parallel";
/// In a phase's roll, before a number: so many were through before the orders were made.
const OVER: &str = "over.";

impl FileQueue {
    fn rolls(&self) -> PathBuf {
        self.site.floor.root().join("rolls")
    }

    fn roll(&self, key: &RollKey) -> PathBuf {
        self.rolls().join(&key.plan).join(key.name())
    }

    /// Puts an order in `state` on its rolls. What fails is told, and a sweep does it again.
    pub(super) fn enroll(&self, id: &OrderId, request: &Request, state: &State) {
        let through = *state == State::READY_FOR_REVIEW;
        for key in RollKey::of(request) {
            if let Err(error) = self.put_on(&key, id, request, through) {
                tracing::warn!(order = %id, %error, "it could not be put on the roll of its phase");
            }
        }
    }

    fn put_on(&self, key: &RollKey, id: &OrderId, request: &Request, through: bool) -> Result<()> {
        let roll = self.roll(key);
        let name = format!("{}.{id}", request.sequence.unwrap_or(u32::MAX));
        let [here, there] = if through { ["done", "open"] } else { ["open", "done"] };
        let site = &self.site;
        site.make_folder(&roll.join(here))?;
        site.mark(&roll.join(here).join(&name))?;
        site.remove(&roll.join(there).join(&name))?;
        let Roll::Phase(number) = key.roll else { return Ok(()) };
        if request.phase_parallel {
            drop(site.mark(&roll.join(PARALLEL)));
        }
        if request.phase_over > 0 {
            drop(site.mark(&roll.join(format!("{OVER}{}", request.phase_over))));
        }
        // Counted only while somebody waits for this phase.
        let gate = self.options.rules.phase_gate;
        if through && self.anybody_waits(&key.waiting()) && self.tally(&roll, number)?.opens(gate) {
            self.wake_all(&key.waiting())?;
        }
        Ok(())
    }

    /// The order in this folder has ended, or has not: only its end changes anything.
    pub(super) fn enroll_ended(&self, folder: &OrderFolder, state: &State) {
        if *state == State::READY_FOR_REVIEW && self.site.is_there(&self.rolls()) {
            self.enroll_again(folder, state);
        }
    }

    /// Puts the order in this folder on its rolls as one in `state`: a person may have written it, or moved it anywhere.
    /// False when it belongs on none.
    pub(super) fn enroll_again(&self, folder: &OrderFolder, state: &State) -> bool {
        let Ok(Ok(request)) = request::read(folder) else { return false };
        self.enroll(&folder.id, &request, state);
        request.phase.is_some() || request.group.is_some()
    }

    /// How the phases of a plan stand.
    pub(super) fn tallies(&self, plan: &str) -> Result<Vec<Tally>> {
        if !plan.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Ok(Vec::new());
        }
        let root = self.rolls().join(plan);
        let mut found = Vec::new();
        for name in self.site.names(&root)? {
            let phase = name.strip_prefix("phase-").and_then(|number| number.parse().ok());
            let Some(phase) = phase else { continue };
            found.push(self.tally(&root.join(&name), phase)?);
        }
        Ok(found)
    }

    fn tally(&self, roll: &Path, phase: u32) -> Result<Tally> {
        let count = |part: &str| -> Result<usize> {
            let mut count = 0;
            self.site.each_name(&roll.join(part), |_| count += 1)?;
            Ok(count)
        };
        let (mut parallel, mut over) = (false, 0);
        self.site.each_name(roll, |name| {
            parallel |= name == PARALLEL;
            let more = name.strip_prefix(OVER).and_then(|number| number.parse().ok());
            over = over.max(more.unwrap_or(0));
        })?;
        Ok(Tally { phase, parallel, open: count("open")?, done: count("done")? + over })
    }

    /// The members of a group that are not through, with their places.
    pub(super) fn members_of(&self, key: &RollKey) -> Result<Vec<(u32, OrderId)>> {
        let names = self.site.names(&self.roll(key).join("open"))?;
        Ok(names.iter().filter_map(|name| parse(name)).collect())
    }

    /// Takes those off their rolls that are not there any more. Those that are through stay: they may be in the archive.
    pub(super) fn clear_rolls(&self) -> Result<()> {
        for plan in self.site.names(&self.rolls())? {
            for roll in self.site.names(&self.rolls().join(&plan))? {
                let open = self.rolls().join(&plan).join(&roll).join("open");
                for name in self.site.names(&open)? {
                    let there = parse(&name)
                        .is_some_and(|(_, id)| self.site.is_there(&self.site.place_of(&id)));
                    if !there {
                        self.site.remove(&open.join(&name))?;
                    }
                }
            }
        }
        Ok(())
    }
}

pub(super) fn parse(name: &str) -> Option<(u32, OrderId)> {
    let (place, id) = name.split_once('.')?;
    Some((place.parse().ok()?, OrderId::parse(id).ok()?))
}
