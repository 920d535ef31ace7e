//! Which orders to take, and claiming them.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::batch::permit::Door;
use crate::error::{Kind, Result};
use crate::event::What;
use crate::floor::unix_now;
use crate::holder::SessionId;
use crate::order::OrderId;
use crate::permits::Permit;
use crate::plan::{self, Asking, Candidate, Footprint, Hindrance, InTheWay, Line, Rank, Reason};
use crate::queue::{Claim, Claiming, Order, Skip};
use crate::shop::Shop;
use crate::state::State;

/// How many more orders than wanted are looked at, since others may be faster.
const SPARE: usize = 16;

/// The most orders that one decision looks at. Those that wait are set aside, so the next one gets further.
const LOOKS: usize = 2_000;

/// Orders that were passed over, with the reason that was told. A reason is told once, not at every poll.
#[derive(Debug, Default)]
pub struct PassedOver(HashMap<OrderId, String>);

impl PassedOver {
    fn tell(&mut self, shop: &Shop, order: &OrderId, why: String) {
        if self.0.get(order) == Some(&why) {
            return;
        }
        shop.tell(What::Skipped { order: order.clone(), why: why.clone() });
        self.0.insert(order.clone(), why);
    }
}

/// What is asked for.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The session the orders are for.
    pub session: &'a SessionId,
    /// The most it may take, by weight.
    pub room: usize,
    /// The most orders to take now.
    pub most: usize,
    /// It is under way: no suspect may join it.
    pub warm: bool,
    /// Narrows the choice to these orders.
    pub only: Option<&'a [OrderId]>,
    /// The orders it has in hand.
    pub joined: Vec<(OrderId, Footprint)>,
}

/// Orders that were claimed together.
#[derive(Debug)]
pub struct Picked {
    /// The session they are for.
    pub session: SessionId,
    /// The claims, in the order in which they will be given, with what each order touches.
    pub claims: Vec<(Claim, Footprint)>,
    /// It is a suspect: nothing else may join it.
    pub alone: bool,
    /// The right to open a session, where one is needed.
    pub permit: Option<Permit>,
    /// Why this many.
    pub share: String,
    /// Why each order was taken or was not.
    pub reasons: Vec<Reason>,
}

/// Takes what is ready: a fair share of it. `door` gives the permit for a session, where one is needed and none is open.
pub fn pick(shop: &Shop, ask: Ask<'_>, door: &mut Door, passed: &mut PassedOver) -> Result<Picked> {
    let mut picked = Picked {
        session: ask.session.clone(),
        claims: Vec::new(),
        alone: false,
        permit: None,
        share: String::new(),
        reasons: Vec::new(),
    };
    // Nobody else takes orders that touch files while we decide, so that no two take what may not run side by side.
    let deciding = if shop.touches_files() { shop.survey.decide()? } else { None };
    if shop.touches_files() && deciding.is_none() {
        return Ok(picked);
    }
    let line = if shop.touches_files() { shop.survey.line() } else { Line::default() };
    let mut choice = Choice { shop, ask, line, stands: RefCell::default(), found: Vec::new() };
    choice.gather(passed)?;
    let selection = choice.select();
    (picked.alone, picked.share) = (selection.alone, selection.share.clone());
    choice.let_wait(&selection.waiting, passed);
    let Choice { mut line, mut found, ask, .. } = choice;
    picked.reasons = selection.reasons;
    let mut wanted: Vec<Candid> = Vec::new();
    for at in selection.taken {
        wanted.push(found[at].clone());
    }
    found.clear();
    if !ask.warm && wanted.iter().any(|one| one.needs_session(shop)) {
        match door.permit(shop)? {
            Some(permit) => picked.permit = permit,
            None => {
                let none = Reason::no_permit;
                let waits = wanted.iter().filter(|one| one.needs_session(shop));
                picked.reasons.extend(waits.map(|one| none(one.order.id.clone())));
                wanted.retain(|one| !one.needs_session(shop));
            }
        }
    } else if !ask.warm {
        door.leave();
    }
    claim(shop, &wanted, &mut picked, &mut line, passed)?;
    Ok(picked)
}

impl Reason {
    fn no_permit(order: OrderId) -> Self {
        let why = "all sessions that may run at once are in use: it waits for a permit".to_owned();
        Self { order, taken: false, why }
    }
}

/// An order that may be taken, with what planning makes of it.
#[derive(Debug, Clone)]
struct Candid {
    order: Order,
    state: State,
    plan: Candidate,
}

impl Candid {
    /// An agent has to be told of it: it is no leftover of which only the gates are left.
    fn needs_session(&self, shop: &Shop) -> bool {
        self.state == *shop.stage.works_in() && self.order.history.ended_turn.is_none()
    }
}

/// One decision.
struct Choice<'a> {
    shop: &'a Shop,
    ask: Ask<'a>,
    line: Line,
    stands: RefCell<HashMap<OrderId, InTheWay>>,
    found: Vec<Candid>,
}

impl Choice<'_> {
    /// Looks at what is ready, by rank, until there is enough to choose from. Whoever waits for something is set aside.
    fn gather(&mut self, passed: &mut PassedOver) -> Result<()> {
        if let Some(only) = self.ask.only {
            return self.gather_of(only, passed);
        }
        let enough = self.ask.room.saturating_add(SPARE);
        let mut seen: HashSet<OrderId> = HashSet::new();
        loop {
            let before = seen.len();
            for state in self.shop.stage.takes.iter().rev() {
                if !self.shop.may_work_in(state) {
                    continue;
                }
                for id in self.shop.queue.ready(state, seen.len() + enough)? {
                    if seen.len() < LOOKS && seen.insert(id.clone()) {
                        self.examine(&id, state, passed);
                    }
                }
            }
            if self.found.len() >= enough || seen.len() == before || seen.len() >= LOOKS {
                return Ok(());
            }
        }
    }

    /// Looks at these orders and no others, wherever they stand among those that are ready.
    fn gather_of(&mut self, only: &[OrderId], passed: &mut PassedOver) -> Result<()> {
        let shop = self.shop;
        for id in only {
            let order = match shop.queue.look(id) {
                Ok(Some(order)) => order,
                Ok(None) => continue,
                Err(error) if error.kind() == Kind::BrokenOrder => {
                    passed.tell(shop, id, error.to_string());
                    continue;
                }
                Err(error) => return Err(error),
            };
            let rests = order.history.due.is_some_and(|due| due > unix_now());
            let free = order.history.open.is_none() && !rests;
            let ours = shop.stage.takes.contains(&order.state) && shop.may_work_in(&order.state);
            if free && ours {
                self.examine(id, &order.state, passed);
            }
        }
        Ok(())
    }

    /// Adds an order to those that may be taken, when nothing that can be seen without a lock speaks against it.
    fn examine(&mut self, id: &OrderId, state: &State, passed: &mut PassedOver) {
        let shop = self.shop;
        if self.found.iter().any(|one| one.order.id == *id) {
            return;
        }
        let order = match shop.queue.look(id) {
            Ok(Some(order)) => order,
            Ok(None) => return,
            Err(error) => return passed.tell(shop, id, error.to_string()),
        };
        if let Some(why) = &order.hold {
            return passed.tell(shop, id, format!("on hold: {why}"));
        }
        let begun = self.line.place(id).is_some_and(|place| place.begun);
        if let Some(hindrance) = shop.survey.hindrance(&order, begun) {
            self.set_aside(&order, &hindrance);
            return passed.tell(shop, id, hindrance.to_string());
        }
        let plan = self.candidate(&order, state, begun);
        self.found.push(Candid { order, state: state.clone(), plan });
    }

    fn candidate(&self, order: &Order, state: &State, begun: bool) -> Candidate {
        let (shop, history) = (self.shop, &order.history);
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
        candidate.footprint = shop.survey.footprint(&order.id, request);
        if let Some(place) = self.line.place(&order.id) {
            candidate.footprint.note(&place.changed);
        }
        if *state == *shop.stage.works_in() {
            let since = history.due.unwrap_or(history.since);
            let (now, ageing) = (unix_now(), shop.survey.rules().ageing_secs);
            let due = request.due.map(crate::order::Due::secs);
            candidate.rank = plan::rank(request.priority.digit(), since, due, now, ageing);
        }
        if shop.touches_files() {
            candidate.before = shop.survey.before(order, begun);
            candidate.group = request.group.clone().map(|g| (g, request.group_reason.clone()));
        }
        candidate
    }

    fn select(&self) -> plan::Selection {
        let candidates: Vec<Candidate> = self.found.iter().map(|one| one.plan.clone()).collect();
        let narrowed = self.ask.only.is_some();
        let asking = Asking {
            room: self.ask.room,
            most: self.ask.most,
            warm: self.ask.warm,
            idle: if narrowed { 1 } else { 1 + self.shop.idle_others() },
            joined: self.ask.joined.clone(),
        };
        let common = |path: &str| self.shop.survey.common(path);
        plan::select(&candidates, &asking, &|one, with| self.files(one, with), &common)
    }

    fn files(&self, one: &Candidate, with: &dyn Fn(&OrderId) -> bool) -> Option<Hindrance> {
        if !self.shop.touches_files() {
            return None;
        }
        let survey = &self.shop.survey;
        let stands = |id: &OrderId| {
            let Some(place) = self.line.place(id) else { return InTheWay::Gone };
            *self.stands.borrow_mut().entry(id.clone()).or_insert_with(|| survey.stands(id, place))
        };
        self.line.ahead_of(&one.id, &one.footprint, with, &stands, &|path| survey.common(path))
    }

    /// Sets those aside that have to wait for others. Who has waited for its files so long that it is worth a step of
    /// priority gets a place in the line: nobody who comes later overtakes it from there.
    fn let_wait(&mut self, waiting: &[(usize, Hindrance)], passed: &mut PassedOver) {
        let taken_apart = |id: &OrderId| self.found.iter().any(|one| one.order.id == *id);
        for (at, hindrance) in waiting {
            let one = &self.found[*at];
            passed.tell(self.shop, &one.order.id, hindrance.to_string());
            // What waits for one that is taken this moment is looked at again at the next turn.
            if hindrance.waits_for().iter().all(|id| !taken_apart(id)) {
                self.set_aside(&one.order, hindrance);
            }
        }
        let ageing = self.shop.survey.rules().ageing_secs;
        for (at, hindrance) in waiting {
            let Candidate { id, rank, footprint, .. } = &self.found[*at].plan;
            let old = unix_now().saturating_sub(rank.since) >= ageing;
            if old && matches!(hindrance, Hindrance::Files { .. }) && self.line.place(id).is_none()
            {
                let place = self.line.join(id, footprint.clone());
                if let Err(error) = self.shop.survey.put_place(id, place) {
                    self.shop.warn(format!("{id} keeps no place in the line: {error}"));
                }
            }
        }
    }

    /// Sets an order aside, and looks once more at what it waits for: it may have happened this moment.
    fn set_aside(&self, order: &Order, hindrance: &Hindrance) {
        let (shop, key) = (self.shop, hindrance.key());
        let done = shop.queue.set_aside(order, &key).and_then(|aside| {
            if !aside {
                return Ok(());
            }
            for id in hindrance.waits_for() {
                // It may be set aside for its phase, while we, of an earlier one, wait for it.
                if let Ok(Some(other)) = shop.queue.look(id) {
                    shop.queue.rouse(&other)?;
                }
            }
            if !self.still(order, hindrance) {
                shop.queue.wake(&key)?;
            }
            Ok(())
        });
        if let Err(error) = done {
            tracing::debug!(order = %order.id, %error, "it waits, and could not be set aside");
        }
    }

    fn still(&self, order: &Order, hindrance: &Hindrance) -> bool {
        let survey = &self.shop.survey;
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

/// Claims what is wanted. Each order that is won gets its place in the line.
fn claim(
    shop: &Shop,
    wanted: &[Candid],
    picked: &mut Picked,
    line: &mut Line,
    passed: &mut PassedOver,
) -> Result<()> {
    let mut failure = None;
    for (one, claiming) in claim_all(shop, &picked.session, wanted) {
        let id = &one.order.id;
        match claiming {
            Ok(Claiming::Won(claim)) => {
                passed.0.remove(id);
                let footprint = one.plan.footprint.clone();
                if shop.touches_files() {
                    shop.survey.put_place(id, line.join(id, footprint.clone()))?;
                }
                picked.claims.push((*claim, footprint));
            }
            Ok(Claiming::Skipped(Skip::Held(why))) => {
                passed.tell(shop, id, format!("on hold: {why}"));
            }
            Ok(Claiming::Skipped(_)) => {}
            // One broken order does not keep the others from being taken.
            Err(error) if error.kind() == Kind::BrokenOrder => {
                passed.tell(shop, id, error.to_string());
            }
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if picked.claims.is_empty() => Err(error),
        Some(error) => {
            shop.warn(format!("an order could not be claimed: {error}"));
            Ok(())
        }
        None => Ok(()),
    }
}

/// The syncs of a batch's claims are issued together: one thread each.
fn claim_all<'w>(
    shop: &Shop,
    session: &SessionId,
    wanted: &'w [Candid],
) -> Vec<(&'w Candid, Result<Claiming>)> {
    let holder = shop.enlisted.holder(session);
    let claim = |one: &Candid| Arc::clone(&shop.queue).claim(&one.order.id, &one.state, &holder);
    if let [one] = wanted {
        return vec![(one, claim(one))];
    }
    std::thread::scope(|threads| {
        let claim = &claim;
        let mut claimed = Vec::new();
        let mut running = Vec::new();
        for one in wanted {
            let thread = std::thread::Builder::new();
            match thread.spawn_scoped(threads, move || claim(one)) {
                Ok(thread) => running.push((one, thread)),
                // No thread to be had: one after the other, then.
                Err(_) => claimed.push((one, claim(one))),
            }
        }
        let joined =
            running.into_iter().filter_map(|(one, thread)| Some((one, thread.join().ok()?)));
        claimed.extend(joined);
        claimed
    })
}
