//! A survey: what is not as it should be in a queue, found without a lock and without touching anything. What a sweep or a
//! recovery would then do about it is told by the same rules that they follow.

use std::path::PathBuf;

use super::ready::Marker;
use super::sweep::Markers;
use super::waiting::is_set_aside;
use super::{FileQueue, liveness};
use crate::error::Result;
use crate::holder::WorkerId;
use crate::order::OrderId;
use crate::state::State;

/// What was found. Orders move while one looks: what is found once may be the middle of somebody's move.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// Every order that could be read.
    pub orders: Vec<OrderId>,
    /// Orders that can't be understood, with the reason: also those that are on hold for another.
    pub broken: Vec<(OrderId, String)>,
    /// Orders whose open claim is on record, with its holder.
    pub claimed: Vec<(OrderId, WorkerId)>,
    /// Orders that the index should have and has not, with their state.
    pub unmarked: Vec<(OrderId, State)>,
    /// Markers that lead nowhere or to the wrong place, as `STATE/name`.
    pub misleading: Vec<String>,
    /// Workers that left a trace, dead or alive.
    pub workers: Vec<WorkerId>,
    /// Those of them that said that they ended.
    pub ended: Vec<WorkerId>,
    /// What processes that are gone were building.
    pub half_built: Vec<PathBuf>,
}

impl FileQueue {
    /// Looks at everything. An order that can't be read at all is left to [`crate::queue::Queue::look`].
    pub fn survey(&self) -> Result<Survey> {
        let Markers { mut of, rubbish } = self.markers_there()?;
        let workers = liveness::known(&self.site)?;
        let ended = workers.iter().filter(|worker| liveness::ended_well(&self.site, worker));
        let mut survey = Survey {
            ended: ended.cloned().collect(),
            workers,
            half_built: self.half_built()?,
            ..Survey::default()
        };
        let now = self.site.machine.now();
        let waiting = self.rightly_waiting()?;
        for id in self.listing()?.orders {
            let Ok(Some((order, fault))) = self.understood(&id) else { continue };
            survey.broken.extend(fault.map(|why| (id.clone(), why)));
            if let Some(open) = &order.history.open {
                survey.claimed.push((id.clone(), open.worker.clone()));
            }
            let wanted = self.wanted_marker(&order);
            let there = of.remove(&id).unwrap_or_default();
            let (right, wrong): (Vec<_>, Vec<_>) =
                there.into_iter().partition(|marker| is_right(marker, &order.state, &wanted, now));
            let waits = waiting.get(&id).is_some_and(|marks| is_set_aside(&order, marks));
            if wanted.is_some() && right.is_empty() && !waits {
                survey.unmarked.push((id.clone(), order.state.clone()));
            }
            survey.misleading.extend(wrong.iter().map(|(state, name)| format!("{state}/{name}")));
            survey.orders.push(id);
        }
        let nobodys = of.into_values().flatten().chain(rubbish);
        survey.misleading.extend(nobodys.map(|(state, name)| format!("{state}/{name}")));
        survey.misleading.sort();
        Ok(survey)
    }
}

/// True for a marker (the state of its folder, its name) that an order in `state` may have.
pub(super) fn is_right(
    marker: &(State, String),
    state: &State,
    wanted: &Option<Marker>,
    now: u64,
) -> bool {
    let (folder, name) = marker;
    let (Some(found), Some(wanted)) = (Marker::parse(name), wanted) else { return false };
    folder == state && found.is_as_good_as(wanted, now)
}
