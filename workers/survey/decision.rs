//! One decision: which of the orders that are ready a worker takes. Whoever waits for something is set aside on the way.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use super::{Bounds, Survey};
use crate::error::{Kind, Result};
use crate::floor::unix_now;
use crate::order::{Due, OrderId};
use crate::plan::{
    self, Asking, Candidate, Footprint, Hindrance, InTheWay, Line, Rank, Reason, Selection,
};
use crate::queue::Order;
use crate::stage::{Stage, Tree};
use crate::state::State;

/// How many more orders than wanted are looked at, since others may be faster.
const SPARE: usize = 16;

/// The most orders that one decision looks at. Those that wait are set aside, so the next one gets further.
const LOOKS: usize = 2_000;

/// What a worker wants.
#[derive(Debug)]
pub struct Wants<'a> {
    /// The most the session may take, by weight.
    pub room: usize,
    /// The most orders to take now.
    pub most: usize,
    /// It is under way: no suspect may join it.
    pub warm: bool,
    /// Idle workers of the stage, the one who asks counted.
    pub idle: usize,
    /// Narrows the choice.
    pub bounds: Option<&'a Bounds>,
    /// The orders it has in hand.
    pub joined: Vec<(OrderId, Footprint)>,
}

/// What was chosen.
#[derive(Debug)]
pub struct Chosen {
    /// The orders to claim, in the order of their turns.
    pub taken: Vec<Ready>,
    /// It is a suspect: nothing else may join it.
    pub alone: bool,
    /// Why this many.
    pub share: String,
    /// Why each order is taken or is not.
    pub reasons: Vec<Reason>,
    /// The line as it was found.
    pub line: Line,
}

/// An order that may be taken.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The order as it was seen.
    pub order: Order,
    /// The state it is to be claimed in.
    pub state: State,
    /// What it touches.
    pub footprint: Footprint,
    plan: Candidate,
}

impl Ready {
    /// An agent has to be told of it: it is no leftover of which only the gates are left.
    pub fn needs_session(&self, stage: &Stage) -> bool {
        self.state == *stage.works_in() && self.order.history.ended_turn.is_none()
    }
}

impl Survey {
    /// Chooses what a worker of `stage` takes now. Where the stage touches files, only under the lock of a decision
    /// ([`Survey::decide`]), which must be held until what was chosen is claimed and has its place in the line. `tell`
    /// hears why an order is passed over.
    pub fn choose(
        &self,
        stage: &Stage,
        wants: &Wants<'_>,
        tell: &mut dyn FnMut(&OrderId, String),
    ) -> Result<Chosen> {
        let touches = stage.tree != Tree::None;
        let line = if touches { self.line() } else { Line::default() };
        let (stands, found) = (RefCell::default(), Vec::new());
        let mut choice = Choice { survey: self, stage, touches, wants, line, stands, found };
        choice.gather(tell)?;
        let selection = choice.select();
        choice.let_wait(&selection.waiting, tell);
        let Selection { taken, alone, share, reasons, .. } = selection;
        let Choice { line, found, .. } = choice;
        let taken = taken.into_iter().filter_map(|at| found.get(at).cloned()).collect();
        Ok(Chosen { taken, alone, share, reasons, line })
    }
}

/// One decision.
struct Choice<'a> {
    survey: &'a Survey,
    stage: &'a Stage,
    touches: bool,
    wants: &'a Wants<'a>,
    line: Line,
    stands: RefCell<HashMap<OrderId, InTheWay>>,
    found: Vec<Ready>,
}

type Tell<'t> = &'t mut dyn FnMut(&OrderId, String);

impl Choice<'_> {
    /// Looks at what is ready, by rank, until there is enough to choose from. Whoever waits for something is set aside.
    fn gather(&mut self, tell: Tell<'_>) -> Result<()> {
        if let Some(only) = self.wants.bounds.and_then(|bounds| bounds.only.as_ref()) {
            return self.gather_of(only, tell);
        }
        let enough = self.wants.room.saturating_add(SPARE);
        let mut seen: HashSet<OrderId> = HashSet::new();
        // One that was set aside and is ready again was roused by another that was looked at since: once more is enough.
        let mut aside: HashSet<OrderId> = HashSet::new();
        loop {
            let before = (seen.len(), aside.len());
            for state in self.stage.takes.iter().rev() {
                if !self.may_work_in(state) {
                    continue;
                }
                for id in self.survey.queue.ready(state, seen.len() + enough)? {
                    if seen.len() >= LOOKS {
                        break;
                    }
                    let first = seen.insert(id.clone());
                    if !first && !aside.remove(&id) {
                        continue;
                    }
                    let waits = self.examine(&id, state, tell);
                    if first && waits {
                        aside.insert(id);
                    }
                }
            }
            let looked = (seen.len(), aside.len()) != before;
            if self.found.len() >= enough || !looked || seen.len() >= LOOKS {
                return Ok(());
            }
        }
    }

    fn may_work_in(&self, state: &State) -> bool {
        let bounds = self.wants.bounds;
        bounds.is_none_or(|bounds| bounds.may_work_in(state, &self.survey.pipeline))
    }

    /// Looks at these orders and no others, wherever they stand among those that are ready.
    fn gather_of(&mut self, only: &[OrderId], tell: Tell<'_>) -> Result<()> {
        let mut others: Vec<Order> = Vec::new();
        for id in only {
            let order = match self.survey.queue.look(id) {
                Ok(Some(order)) => order,
                Ok(None) => continue,
                Err(error) if error.kind() == Kind::BrokenOrder => {
                    tell(id, error.to_string());
                    continue;
                }
                Err(error) => return Err(error),
            };
            let rests = order.history.due.is_some_and(|due| due > unix_now());
            let free = order.history.open.is_none() && !rests;
            let here = self.stage.takes.contains(&order.state);
            if free && here && self.may_work_in(&order.state) {
                self.examine(id, &order.state, tell);
            } else {
                others.push(order);
            }
        }
        self.wait_for_kin(&others, tell);
        Ok(())
    }

    /// Orders of one batch that touch the same files and stop before they land must meet in one session: whoever came
    /// late would find their files taken for good. So those that are here wait for those that are still to come.
    fn wait_for_kin(&mut self, others: &[Order], tell: Tell<'_>) {
        let early = self.wants.bounds.is_some_and(Bounds::stop_early);
        if !self.touches || !early || self.wants.warm {
            return;
        }
        let survey = self.survey;
        let rank = |state: &State| survey.pipeline.rank(state);
        // Before the first stage that touches files nobody knows what an order will touch.
        let known_from = survey.pipeline.stages().iter().find(|stage| stage.tree != Tree::None);
        let known_from = known_from.map_or(0, |stage| rank(stage.works_in()));
        let coming: Vec<(&Order, Footprint)> = others
            .iter()
            .filter(|order| {
                rank(&order.state) < rank(self.stage.works_in()) && order.hold.is_none()
            })
            .filter(|order| order.history.open.is_some() || survey.waits_now(order).is_none())
            .filter_map(|order| {
                let request = order.request.as_ref().ok()?;
                Some((order, survey.footprint(&order.id, request)))
            })
            .collect();
        self.found.retain(|one| {
            let meets = |(other, print): &&(&Order, Footprint)| {
                let unknown = rank(&other.state) < known_from;
                unknown || one.footprint.meets(print, &|path| survey.common(path)).is_some()
            };
            let Some((kin, _)) = coming.iter().find(meets) else { return true };
            let why = format!(
                "waits for {}: should they touch the same files, they go in one session",
                kin.id
            );
            tell(&one.order.id, why);
            false
        });
    }

    /// Adds an order to those that may be taken, when nothing that can be seen without a lock speaks against it.
    /// True when it was set aside.
    fn examine(&mut self, id: &OrderId, state: &State, tell: Tell<'_>) -> bool {
        let survey = self.survey;
        if self.found.iter().any(|one| one.order.id == *id) {
            return false;
        }
        let order = match survey.queue.look(id) {
            Ok(Some(order)) => order,
            Ok(None) => return false,
            Err(error) => {
                tell(id, error.to_string());
                return false;
            }
        };
        if let Some(why) = &order.hold {
            tell(id, format!("on hold: {why}"));
            return false;
        }
        let begun = self.line.place(id).is_some_and(|place| place.begun);
        if let Some(hindrance) = survey.hindrance(&order, begun) {
            self.set_aside(&order, &hindrance);
            tell(id, hindrance.to_string());
            return true;
        }
        let plan = self.candidate(&order, state, begun);
        let footprint = plan.footprint.clone();
        self.found.push(Ready { order, state: state.clone(), footprint, plan });
        false
    }

    fn candidate(&self, order: &Order, state: &State, begun: bool) -> Candidate {
        let (survey, history) = (self.survey, &order.history);
        let mut candidate = Candidate {
            id: order.id.clone(),
            rank: Rank::PAID,
            weight: 1,
            suspect: history.suspect,
            footprint: Footprint::default(),
            needs: Vec::new(),
            before: Vec::new(),
            group: None,
        };
        // A request that can't be read waits for nothing: the claim puts it on hold and says why.
        let Ok(request) = &order.request else { return candidate };
        candidate.weight = request.weight;
        candidate.needs = request.needs.iter().map(|need| need.id.clone()).collect();
        candidate.footprint = survey.footprint(&order.id, request);
        if let Some(place) = self.line.place(&order.id) {
            candidate.footprint.note(&place.changed);
        }
        if *state == *self.stage.works_in() {
            let since = history.due.unwrap_or(history.since);
            let (now, ageing) = (unix_now(), survey.rules().ageing_secs);
            let due = request.due.map(Due::secs);
            candidate.rank = plan::rank(request.priority.digit(), since, due, now, ageing);
        }
        if self.touches {
            candidate.before = survey.before(order, begun);
            candidate.group = request.group.clone().map(|g| (g, request.group_reason.clone()));
        }
        candidate
    }

    fn select(&self) -> Selection {
        let candidates: Vec<Candidate> = self.found.iter().map(|one| one.plan.clone()).collect();
        let asking = Asking {
            room: self.wants.room,
            most: self.wants.most,
            warm: self.wants.warm,
            idle: self.wants.idle,
            joined: self.wants.joined.clone(),
        };
        let common = |path: &str| self.survey.common(path);
        plan::select(&candidates, &asking, &|one, with| self.files(one, with), &common)
    }

    fn files(&self, one: &Candidate, with: &dyn Fn(&OrderId) -> bool) -> Option<Hindrance> {
        if !self.touches {
            return None;
        }
        let survey = self.survey;
        let stands = |id: &OrderId| {
            let Some(place) = self.line.place(id) else { return InTheWay::Gone };
            *self.stands.borrow_mut().entry(id.clone()).or_insert_with(|| survey.stands(id, place))
        };
        self.line.ahead_of(&one.id, &one.footprint, with, &stands, &|path| survey.common(path))
    }

    /// Sets those aside that have to wait for others. Who has waited for its files so long that it stands before
    /// every newer order gets a place in the line: nobody who comes later overtakes it from there.
    fn let_wait(&mut self, waiting: &[(usize, Hindrance)], tell: Tell<'_>) {
        let taken_apart = |id: &OrderId| self.found.iter().any(|one| one.order.id == *id);
        for (at, hindrance) in waiting {
            let one = &self.found[*at];
            tell(&one.order.id, hindrance.to_string());
            // What waits for one that is taken this moment is looked at again at the next turn.
            if hindrance.waits_for().iter().all(|id| !taken_apart(id)) {
                self.set_aside(&one.order, hindrance);
            }
        }
        for (at, hindrance) in waiting {
            let Candidate { id, rank, footprint, .. } = &self.found[*at].plan;
            if hindrance.earns_a_place(*rank) && self.line.place(id).is_none() {
                let place = self.line.join(id, footprint.clone());
                if let Err(error) = self.survey.put_place(id, place) {
                    tracing::warn!(order = %id, %error, "it keeps no place in the line");
                }
            }
        }
    }

    /// Sets an order aside, and looks once more at what it waits for: it may have happened this moment.
    fn set_aside(&self, order: &Order, hindrance: &Hindrance) {
        let (queue, key) = (&self.survey.queue, hindrance.key());
        let done = queue.set_aside(order, &key).and_then(|aside| {
            if !aside {
                return Ok(());
            }
            self.survey.rouse(hindrance)?;
            if !self.still(order, hindrance) {
                queue.wake(&key)?;
            }
            Ok(())
        });
        if let Err(error) = done {
            tracing::debug!(order = %order.id, %error, "it waits, and could not be set aside");
        }
    }

    fn still(&self, order: &Order, hindrance: &Hindrance) -> bool {
        let survey = self.survey;
        match hindrance {
            Hindrance::Needs(_) | Hindrance::Phase { .. } => {
                survey.hindrance(order, false).is_some_and(|found| found.key() == hindrance.key())
            }
            Hindrance::Group { before, .. } => survey.before(order, false).contains(before),
            Hindrance::Files { with, in_batch, .. } => {
                let stands = self.line.place(with).map(|place| survey.stands(with, place));
                let was = if *in_batch { InTheWay::InBatch } else { InTheWay::Free };
                stands == Some(was) || stands == Some(InTheWay::InBatch)
            }
        }
    }
}
