//! Everything that planning has to know, from one look at the floor: commands see by it what workers would do.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use shopfloor::error::Result;
use shopfloor::floor::{Breaker, Floor, unix_now};
use shopfloor::order::{OrderId, Request};
use shopfloor::place::Place;
use shopfloor::plan::{Hindrance, InTheWay, Known, Line, RollKey, Sight, Tally};
use shopfloor::queue::{Order, Queue};
use shopfloor::stage::Pipeline;
use shopfloor::stages;
use shopfloor::state::State;
use shopfloor::survey::Survey;

use crate::snapshot::{self, Snapshot};

/// One look.
#[derive(Debug)]
pub(crate) struct Outlook {
    /// The orders.
    pub(crate) seen: Snapshot,
    /// The stages.
    pub(crate) pipeline: Pipeline,
    /// Stages that pause.
    pub(crate) breakers: Vec<Breaker>,
    /// Who has begun to touch files.
    pub(crate) line: Line,
    /// The eyes of the workers.
    pub(crate) survey: Survey,
    /// When it was taken, unix seconds.
    pub(crate) now: u64,
    /// Phases by plan.
    phases: HashMap<String, Vec<Tally>>,
    /// Those of each phase that are not through.
    open: HashMap<(String, u32), Vec<OrderId>>,
    /// Groups, with those that are not through.
    groups: HashMap<RollKey, Vec<(u32, OrderId)>>,
    /// Who waits for whom.
    dependants: HashMap<OrderId, Vec<OrderId>>,
}

impl Outlook {
    /// Looks at everything in the queue of `place`.
    pub(crate) fn of(place: &Place) -> Result<Self> {
        let queue: Arc<dyn Queue> = place.open_queue_to_look()?;
        // A configuration that can't be read is told where it matters.
        let config = place.read_config().ok().flatten().unwrap_or_default();
        let survey = place.survey(&config, queue.clone(), &stages::pipeline())?;
        let mut outlook = Self::by(&*queue, &place.floor()?, survey)?;
        outlook.breakers.extend(snapshot::parked(&place.floor()?, &config));
        Ok(outlook)
    }

    /// The same with eyes that are there.
    pub(crate) fn by(queue: &dyn Queue, floor: &Floor, survey: Survey) -> Result<Self> {
        let seen = Snapshot::of(queue, floor)?;
        let (breakers, line) = (snapshot::breakers(floor), survey.line());
        let mut outlook = Self::new(seen, survey, line, breakers);
        // Those in the archive count too, and only the queue's own rolls know of them.
        for (plan, tallies) in &mut outlook.phases {
            let rolls = queue.phases(plan)?;
            for tally in tallies {
                let done =
                    rolls.iter().find(|roll| roll.phase == tally.phase).map(|roll| roll.done);
                tally.done = tally.done.max(done.unwrap_or(0));
            }
        }
        Ok(outlook)
    }

    /// An outlook on what was seen.
    pub(crate) fn new(seen: Snapshot, survey: Survey, line: Line, breakers: Vec<Breaker>) -> Self {
        let mut phases: HashMap<String, BTreeMap<u32, Tally>> = HashMap::new();
        let mut over: HashMap<(String, u32), u32> = HashMap::new();
        let mut open: HashMap<(String, u32), Vec<OrderId>> = HashMap::new();
        let mut groups: HashMap<RollKey, Vec<(u32, OrderId)>> = HashMap::new();
        let mut dependants: HashMap<OrderId, Vec<OrderId>> = HashMap::new();
        for order in seen.orders.values() {
            let Ok(request) = &order.request else { continue };
            let through = order.state == State::READY_FOR_REVIEW;
            if let Some(phase) = request.phase {
                let empty = Tally { phase, parallel: false, open: 0, done: 0 };
                let plan = phases.entry(RollKey::plan(request)).or_default();
                let tally = plan.entry(phase).or_insert(empty);
                tally.parallel |= request.phase_parallel;
                let over = over.entry((RollKey::plan(request), phase)).or_insert(0);
                *over = request.phase_over.max(*over);
                if through {
                    tally.done += 1;
                } else {
                    tally.open += 1;
                    let of = (RollKey::plan(request), phase);
                    open.entry(of).or_default().push(order.id.clone());
                }
            }
            if let Some(group) = RollKey::group(request).filter(|_| !through) {
                let place = request.sequence.unwrap_or(u32::MAX);
                groups.entry(group).or_default().push((place, order.id.clone()));
            }
            for need in &request.needs {
                dependants.entry(need.id.clone()).or_default().push(order.id.clone());
            }
        }
        for ((plan, phase), over) in over {
            if let Some(tally) = phases.get_mut(&plan).and_then(|plan| plan.get_mut(&phase)) {
                tally.done += over as usize;
            }
        }
        let phases = phases.into_iter().map(|(plan, by)| (plan, by.into_values().collect()));
        let mut outlook = Self {
            phases: phases.collect(),
            open,
            seen,
            pipeline: stages::pipeline(),
            breakers,
            line,
            survey,
            now: unix_now(),
            groups,
            dependants,
        };
        outlook.add_groups_to_dependants();
        outlook
    }

    fn add_groups_to_dependants(&mut self) {
        for members in self.groups.values_mut() {
            members.sort();
            for pair in members.windows(2) {
                let waits = self.dependants.entry(pair[0].1.clone()).or_default();
                waits.push(pair[1].1.clone());
            }
        }
    }

    /// What an order waits for, if anything but a worker, a rest or a person.
    pub(crate) fn hindrance(&self, order: &Order) -> Option<Hindrance> {
        let stands = |id: &OrderId| match (self.seen.orders.get(id), self.line.place(id)) {
            (Some(other), Some(place)) => self.survey.stands_as(other, place, self),
            _ => InTheWay::Gone,
        };
        self.survey.waits(order, &self.line, self, &stands)
    }

    /// The request of an order, where it can be read.
    pub(crate) fn request(&self, id: &OrderId) -> Option<&Request> {
        self.seen.orders.get(id)?.request.as_ref().ok()
    }

    /// The members of a plan's phase that are not through.
    pub(crate) fn open_in_phase(&self, key: &RollKey, number: u32) -> &[OrderId] {
        self.open.get(&(key.plan.clone(), number)).map(Vec::as_slice).unwrap_or_default()
    }
}

impl Sight for Outlook {
    fn known(&self, id: &OrderId) -> Option<Known> {
        let Some(order) = self.seen.orders.get(id) else {
            let state = self.seen.archived.get(id)?.clone();
            return Some(Known { state, needs: Vec::new() });
        };
        let needs = order.request.iter().flat_map(|request| &request.needs);
        let needs = needs.map(|need| need.id.clone()).collect();
        Some(Known { state: order.state.clone(), needs })
    }

    fn phases(&self, plan: &str) -> Vec<Tally> {
        self.phases.get(plan).cloned().unwrap_or_default()
    }

    fn members(&self, group: &RollKey) -> Vec<(u32, OrderId)> {
        self.groups.get(group).cloned().unwrap_or_default()
    }

    fn dependants(&self, id: &OrderId) -> Vec<(OrderId, Option<u32>)> {
        let waiting = self.dependants.get(id).into_iter().flatten();
        let phase = |id: &OrderId| self.request(id).and_then(|request| request.phase);
        waiting.map(|id| (id.clone(), phase(id))).collect()
    }
}
