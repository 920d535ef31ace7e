//! An errand: a batch put together by hand. Exactly these orders, through the stages up to a state, and no further.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Kind, Result};
use crate::lifecycle::Lifecycle;
use crate::order::OrderId;
use crate::plan::{Hindrance, RollKey};
use crate::queue::{Order, Queue};
use crate::stage::Pipeline;
use crate::state::State;
use crate::survey::Survey;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The orders.
    pub ids: Vec<OrderId>,
    /// The lifecycle they are in; unset: they may go all the way.
    pub lifecycle: Option<Lifecycle>,
    /// How far; unset: to the end of the lifecycle.
    pub until: Option<State>,
    /// The most orders of one errand.
    pub most: usize,
}

/// An errand that can be run.
#[derive(Debug, Clone)]
pub struct Errand {
    /// The orders, in the order in which they were named.
    pub ids: Vec<OrderId>,
    /// The lifecycle they are in now; `None` when all have arrived.
    pub lifecycle: Option<Lifecycle>,
    /// Where they go.
    pub until: State,
    /// Where each was at the beginning.
    pub from: BTreeMap<OrderId, State>,
    /// The stages that are needed for it, by name.
    pub stages: Vec<&'static str>,
    pipeline: Pipeline,
}

/// How an order of an errand stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is where it was to go, or further.
    Arrived,
    /// It will move by itself.
    OnItsWay,
    /// It was given up.
    Failed(String),
    /// It will not move by itself any more: why.
    Stuck(String),
}

impl Errand {
    /// Checks what is asked for: the orders are there, not too many, in one lifecycle, and what is asked for lies before them.
    pub fn new(asked: Asked, queue: &dyn Queue, pipeline: &Pipeline) -> Result<Self> {
        let Asked { ids, lifecycle, until, most } = asked;
        let mut from = BTreeMap::new();
        let mut apart: Vec<OrderId> = Vec::new();
        for id in ids {
            let Some(order) = queue.look(&id)? else {
                return Err(Error::new(Kind::NotFound, format!("there is no order {id}")));
            };
            if from.insert(id.clone(), order.state).is_none() {
                apart.push(id);
            }
        }
        if apart.is_empty() {
            return Err(Error::usage("no order is named"));
        }
        if apart.len() > most {
            let told = format!("{} orders are more than one batch may have ({most})", apart.len());
            return Err(Error::usage(told)
                .hint("run them in several batches, or set [floor] max_batch_size"));
        }
        let until = goal(lifecycle.as_ref(), until, pipeline)?;
        let rank = |state: &State| pipeline.rank(state);
        let lifecycle = one_lifecycle(&from, lifecycle.as_ref(), &until, pipeline)?;
        let earliest = from.values().map(rank).min().unwrap_or(0);
        let needed = earliest..rank(&until);
        let stages = pipeline
            .stages()
            .iter()
            .filter(|stage| stage.takes.iter().any(|state| needed.contains(&rank(state))));
        let stages = stages.map(|stage| stage.name).collect();
        Ok(Self { ids: apart, lifecycle, until, from, stages, pipeline: pipeline.clone() })
    }

    /// How each order stands now. `served` has the stages that have workers still; unset: all that are needed.
    pub fn look(
        &self,
        survey: &Survey,
        served: Option<&BTreeSet<String>>,
    ) -> Result<BTreeMap<OrderId, Standing>> {
        let mut standings = BTreeMap::new();
        let mut waiting: BTreeMap<OrderId, (Order, Option<Hindrance>)> = BTreeMap::new();
        for id in &self.ids {
            match survey.queue().look(id) {
                Ok(Some(order)) => match self.fate(&order, served) {
                    Some(standing) => {
                        standings.insert(id.clone(), standing);
                    }
                    None => {
                        let free = order.history.open.is_none();
                        let waits = if free { survey.waits_now(&order) } else { None };
                        waiting.insert(id.clone(), (order, waits));
                    }
                },
                Ok(None) => {
                    standings.insert(
                        id.clone(),
                        Standing::Stuck("it was removed, or put into the archive".to_owned()),
                    );
                }
                Err(error) if error.kind() == Kind::BrokenOrder => {
                    standings.insert(id.clone(), Standing::Stuck(error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
        let moving = self.moving(&waiting);
        for (id, (_, waits)) in waiting {
            let standing = match (moving.contains(&id), waits) {
                (false, Some(waits)) => Standing::Stuck(waits.to_string()),
                _ => Standing::OnItsWay,
            };
            standings.insert(id, standing);
        }
        Ok(standings)
    }

    /// What can be said of an order by itself; `None` when it depends on what it waits for.
    fn fate(&self, order: &Order, served: Option<&BTreeSet<String>>) -> Option<Standing> {
        let Order { state, history, hold, request, .. } = order;
        let rank = |state: &State| self.pipeline.rank(state);
        if *state == State::FAILED {
            return Some(Standing::Failed(history.last_why.clone()));
        }
        if history.open.is_some() {
            return None;
        }
        if self.pipeline.knows(state) && rank(state) >= rank(&self.until) {
            return Some(Standing::Arrived);
        }
        if let Some(why) = hold {
            return Some(Standing::Stuck(format!("it is on hold: {why}")));
        }
        if let Err(why) = request {
            return Some(Standing::Stuck(why.clone()));
        }
        match self.pipeline.taker(state) {
            Some(stage) if served.is_some_and(|served| !served.contains(stage.name)) => {
                Some(Standing::Stuck(format!("the {} stage has no worker any more", stage.name)))
            }
            Some(stage) if self.stages.contains(&stage.name) => None,
            Some(_) => {
                Some(Standing::Stuck(format!("it was sent back to {state}: {}", history.last_why)))
            }
            None => Some(Standing::Stuck(format!("no stage takes the state {state}"))),
        }
    }

    /// Those that will move: from the ones that wait for nobody upwards. Nobody but these orders moves on an errand.
    fn moving(&self, waiting: &BTreeMap<OrderId, (Order, Option<Hindrance>)>) -> BTreeSet<OrderId> {
        let rank = |state: &State| self.pipeline.rank(state);
        let mut moving: BTreeSet<OrderId> = BTreeSet::new();
        loop {
            let free = |(id, (_, waits)): &(&OrderId, &(Order, Option<Hindrance>))| {
                if moving.contains(*id) {
                    return false;
                }
                match waits {
                    None => true,
                    Some(Hindrance::Needs(needs)) => needs.iter().all(|wait| {
                        moving.contains(&wait.need.id)
                            && rank(&wait.need.reached) <= rank(&self.until)
                    }),
                    Some(Hindrance::Phase { key, tally, .. }) => {
                        waiting.iter().any(|(id, (order, _))| {
                            let request = order.request.as_ref();
                            moving.contains(id)
                                && request.is_ok_and(|request| {
                                    RollKey::plan(request) == key.plan
                                        && request.phase == Some(tally.phase)
                                })
                        })
                    }
                    Some(other) => other.waits_for().iter().all(|id| moving.contains(*id)),
                }
            };
            let fresh: Vec<OrderId> =
                waiting.iter().filter(free).map(|(id, _)| id.clone()).collect();
            if fresh.is_empty() {
                return moving;
            }
            moving.extend(fresh);
        }
    }
}

/// The one lifecycle in which all are that have not arrived; none when all have.
fn one_lifecycle(
    from: &BTreeMap<OrderId, State>,
    wanted: Option<&Lifecycle>,
    until: &State,
    pipeline: &Pipeline,
) -> Result<Option<Lifecycle>> {
    let mut first: Option<(&OrderId, Lifecycle)> = None;
    for (id, state) in from {
        let failed = *state == State::FAILED;
        if failed || !pipeline.knows(state) {
            let told = format!("{id} is in {state}, from where no stage takes it");
            let kick = format!("`shopfloor kick {id}` gives it another chance");
            let hint = if failed { kick } else { "correct its .state".to_owned() };
            return Err(Error::usage(told).hint(hint));
        }
        if pipeline.rank(state) >= pipeline.rank(until) {
            continue;
        }
        let Some(here) = Lifecycle::of(state, pipeline) else { continue };
        let told = match (&wanted, &first) {
            (Some(wanted), _) if here != **wanted => {
                format!("{id} ({state}) is in {}, not in {}", here.name, wanted.name)
            }
            (None, Some((other, own))) if here != *own => {
                format!("{other} is in {}, and {id} ({state}) in {}", own.name, here.name)
            }
            _ => {
                first.get_or_insert((id, here));
                continue;
            }
        };
        return Err(Error::usage(format!("one lifecycle per batch: {told}"))
            .hint("run those of each lifecycle apart"));
    }
    Ok(first.map(|(_, own)| own))
}

/// The state to go to, checked.
fn goal(lifecycle: Option<&Lifecycle>, until: Option<State>, pipeline: &Pipeline) -> Result<State> {
    let end = lifecycle.map_or(State::READY_FOR_REVIEW, |lifecycle| lifecycle.end(pipeline));
    let Some(until) = until else { return Ok(end) };
    if !pipeline.knows(&until) || until == State::FAILED || until == State::NEW {
        let states: Vec<String> = pipeline.states().iter().map(State::to_string).collect();
        return Err(Error::usage(format!("--until {until}: no order is driven to that state"))
            .hint(format!("the states are {}", states.join(", "))));
    }
    if let Some(lifecycle) = lifecycle.filter(|one| !one.has(&until, pipeline) && until != end) {
        let (name, first) = (lifecycle.name, &lifecycle.first);
        return Err(Error::usage(format!(
            "one lifecycle per batch: {until} is not in {name} ({first} to {end})"
        ))
        .hint("run one lifecycle after the other"));
    }
    Ok(until)
}

/// Runs a batch by hand: checks it, has `work` done, which is to run the stages until every order has arrived or will not
/// move any more, and tells how each order stands. One that fails does not stop the rest.
pub fn run_batch<E: From<Error>>(
    asked: Asked,
    survey: &Survey,
    pipeline: &Pipeline,
    work: impl FnOnce(&Errand) -> std::result::Result<(), E>,
) -> std::result::Result<(Errand, BTreeMap<OrderId, Standing>), E> {
    let errand = Errand::new(asked, &**survey.queue(), pipeline)?;
    if errand.look(survey, None)?.values().any(|standing| *standing == Standing::OnItsWay) {
        work(&errand)?;
    }
    let standings = errand.look(survey, None)?;
    Ok((errand, standings))
}

#[cfg(test)]
mod tests;
