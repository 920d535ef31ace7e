//! What planning sees of the floor: it answers the pure core's questions from the queue, the orders' papers and the line.
//! The line (`.floor/line/<id>`) says which orders have begun to touch files and have not landed, and what they touch.
//! Whoever takes orders that touch files does so under one lock, so that no two decide at the same time; it is held
//! for the milliseconds of a decision and its claims, and the kernel frees it.

mod bounds;
mod decision;
mod line;
mod lock;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};

use crate::config::Config;
use crate::error::Result;
use crate::floor::Floor;
use crate::gate::declared_files;
use crate::order::{OrderId, Request};
use crate::papers::Papers;
use crate::plan::{
    self, Footprint, Hindrance, InTheWay, Known, Line, RollKey, Rules, Sight, Tally,
};
use crate::queue::{Order, Queue};
use crate::stage::Pipeline;
use crate::state::State;

pub use bounds::Bounds;
pub use decision::{Chosen, Ready, Wants};
pub use lock::Deciding;

/// The most orders that are looked at once more when somebody begins to wait.
const ROUSED: usize = 1_000;

/// The spec's name in an order's folder.
const SPEC: &str = "work-order.md";

/// Eyes on one floor.
#[derive(Debug, Clone)]
pub struct Survey {
    queue: Arc<dyn Queue>,
    floor: Floor,
    folder: PathBuf,
    pipeline: Pipeline,
    rules: Rules,
    common: Vec<GlobMatcher>,
}

impl Survey {
    /// Eyes on the queue in `folder`.
    pub fn new(
        queue: Arc<dyn Queue>,
        floor: Floor,
        folder: PathBuf,
        pipeline: Pipeline,
        config: &Config,
    ) -> Self {
        // As REVIEW reads them. A word that is no pattern is told there.
        let glob = |word: &String| {
            let glob = GlobBuilder::new(word).literal_separator(true).build().ok()?;
            Some(glob.compile_matcher())
        };
        let common = config.policy.allowed.iter().filter_map(glob).collect();
        let rules = Rules::from(&config.floor);
        Self { queue, floor, folder, pipeline, rules, common }
    }

    /// The queue it looks at.
    pub fn queue(&self) -> &Arc<dyn Queue> {
        &self.queue
    }

    /// What planning goes by.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// True for a file that every order may touch.
    pub fn common(&self, path: &str) -> bool {
        self.common.iter().any(|glob| glob.is_match(path))
    }

    /// What an order touches, as far as its request and its spec say.
    pub fn footprint(&self, id: &OrderId, request: &Request) -> Footprint {
        let mut footprint = Footprint::of(request);
        let papers = Papers::at(self.folder.join(id.as_str()));
        footprint.note(papers.read(SPEC).map(|spec| declared_files(&spec)).unwrap_or_default());
        footprint
    }

    /// What keeps an order from every stage; none when its request can't be read, since its claim says so.
    pub fn hindrance(&self, order: &Order, begun: bool) -> Option<Hindrance> {
        let request = order.request.as_ref().ok()?;
        plan::hindrance(&order.id, request, begun, &self.pipeline, &self.rules, self)
    }

    /// The members of an order's group that come before it. None once it has begun: from there on the line decides.
    pub fn before(&self, order: &Order, begun: bool) -> Vec<OrderId> {
        let Ok(request) = &order.request else { return Vec::new() };
        if begun || request.group.is_none() {
            return Vec::new();
        }
        plan::before_in_group(&order.id, request, self)
    }

    /// What an order that nobody holds waits for, if anything: what keeps it from its stage, or, where the stage touches
    /// files, its group and the line. `sight` answers about other orders, `stands` about those in the line.
    pub fn waits(
        &self,
        order: &Order,
        line: &Line,
        sight: &dyn Sight,
        stands: &dyn Fn(&OrderId) -> InTheWay,
    ) -> Option<Hindrance> {
        let request = order.request.as_ref().ok()?;
        let place = line.place(&order.id);
        let begun = place.is_some_and(|place| place.begun);
        let (id, rules) = (&order.id, &self.rules);
        if let Some(found) = plan::hindrance(id, request, begun, &self.pipeline, rules, sight) {
            return Some(found);
        }
        if !self.touches_files(&order.state) {
            return None;
        }
        if let Some(group) = request.group.as_ref().filter(|_| !begun)
            && let Some(before) = plan::before_in_group(id, request, sight).pop()
        {
            let (group, reason) = (group.clone(), request.group_reason.clone());
            return Some(Hindrance::Group { group, reason, before });
        }
        if line.is_empty() {
            return None;
        }
        let mut footprint = self.footprint(id, request);
        footprint.note(place.map(|place| &place.changed).into_iter().flatten());
        line.ahead_of(id, &footprint, &|_| false, stands, &|path| self.common(path))
    }

    /// The same, asked of the queue.
    pub fn waits_now(&self, order: &Order) -> Option<Hindrance> {
        let line = self.line();
        let stands =
            |id: &OrderId| line.place(id).map_or(InTheWay::Gone, |place| self.stands(id, place));
        self.waits(order, &line, self, &stands)
    }

    /// Somebody waits for this from now on. What it comes down to may be set aside for its phase, while an order of an
    /// earlier phase is among those that wait for it now: it is looked at once more.
    fn rouse(&self, hindrance: &Hindrance) -> Result<()> {
        if !self.queue.anybody_waits_for_a_phase()? {
            return Ok(());
        }
        let mut next: Vec<OrderId> = hindrance.waits_for().into_iter().cloned().collect();
        let mut seen: HashSet<OrderId> = HashSet::new();
        while let Some(id) = next.pop() {
            if seen.len() >= ROUSED || !seen.insert(id.clone()) {
                continue;
            }
            let Ok(Some(order)) = self.queue.look(&id) else { continue };
            self.queue.rouse(&order)?;
            next.extend(self.before(&order, false));
            next.extend(order.request.iter().flat_map(|r| &r.needs).map(|need| need.id.clone()));
        }
        Ok(())
    }

    fn ended(state: &State) -> bool {
        *state == State::READY_FOR_REVIEW || *state == State::FAILED
    }
}

impl Sight for Survey {
    fn known(&self, id: &OrderId) -> Option<Known> {
        let Ok(Some(order)) = self.queue.look(id) else {
            let state = self.floor.archived_state(id)?;
            return Some(Known { state, needs: Vec::new() });
        };
        let needs = order.request.map(|request| request.needs).unwrap_or_default();
        let needs = needs.into_iter().map(|need| need.id).collect();
        Some(Known { state: order.state, needs })
    }

    fn phases(&self, plan: &str) -> Vec<Tally> {
        self.queue.phases(plan).unwrap_or_default()
    }

    fn members(&self, group: &RollKey) -> Vec<(u32, OrderId)> {
        self.queue.members(group).unwrap_or_default()
    }

    fn dependants(&self, id: &OrderId) -> Vec<(OrderId, Option<u32>)> {
        let waiting = self.queue.waiting_for(id).unwrap_or_default();
        let phase = |id: &OrderId| {
            let order = self.queue.look(id).ok().flatten()?;
            order.request.ok()?.phase
        };
        waiting.into_iter().map(|id| (id.clone(), phase(&id))).collect()
    }
}
