//! The queue in memory: the same promises without a disk, for tests of everything above the seam. The one place with
//! a lock inside a process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::rest::rests;
use super::{
    Bell, Claim, Claiming, Created, Enlisted, Grant, Listing, Move, Moved, Note, Order, Queue,
    Recovered, Release, Skip, Swept, entries,
};
use crate::error::{Error, Result};
use crate::floor::unix_now;
use crate::history::{Entry, History, Kind, OpenClaim};
use crate::holder::{Holder, WorkerId};
use crate::order::{Due, OrderId, Request};
use crate::plan::{self, Rank, Roll, RollKey, Rules, Tally};
use crate::stage::Pipeline;
use crate::state::State;

/// A queue that is gone with its process.
#[derive(Debug)]
pub struct MemoryQueue {
    pipeline: Pipeline,
    orders: Mutex<BTreeMap<OrderId, Slot>>,
    alive: Arc<Mutex<Workers>>,
    bells: Mutex<Vec<(Vec<State>, Arc<Notify>)>>,
    /// What was set aside, and what each waits for.
    waiting: Mutex<BTreeMap<OrderId, String>>,
    /// What was archived: it counts as done.
    archived: Mutex<BTreeMap<OrderId, Request>>,
    crash_backoff_secs: u64,
}

#[derive(Debug)]
struct Slot {
    state: State,
    request: Request,
    history: History,
    hold: Option<String>,
}

#[derive(Debug, Default)]
struct Workers {
    alive: BTreeSet<WorkerId>,
    dead: BTreeSet<WorkerId>,
    enlisted: u32,
}

/// The guard of a live worker.
struct Alive {
    worker: WorkerId,
    workers: Arc<Mutex<Workers>>,
}

impl Drop for Alive {
    fn drop(&mut self) {
        let mut workers = open(&self.workers);
        workers.alive.remove(&self.worker);
        workers.dead.insert(self.worker.clone());
    }
}

/// A panic of another thread leaves nothing half done here: every change is a single assignment or an added entry.
fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Slot {
    fn add(&mut self, entry: Entry) {
        let entry = Entry { seq: self.history.seq + 1, at: unix_now(), ..entry };
        self.history.add(&entry);
        if let Some(to) = entry.to {
            self.state = to;
        }
    }

    /// Ready at this unix second; `None` when nobody may claim it now.
    fn due(&self) -> Option<u64> {
        let free = self.hold.is_none() && self.history.open.is_none();
        let due = self.history.due.unwrap_or(self.history.since);
        (free && !self.history.due.is_some_and(|due| rests(due, unix_now()))).then_some(due)
    }
}

impl MemoryQueue {
    /// An empty queue. An order rests for `crash_backoff_secs` after a crash.
    pub fn new(pipeline: Pipeline, crash_backoff_secs: u64) -> Arc<Self> {
        Arc::new(Self {
            pipeline,
            orders: Mutex::default(),
            alive: Arc::default(),
            bells: Mutex::default(),
            waiting: Mutex::default(),
            archived: Mutex::default(),
            crash_backoff_secs,
        })
    }

    fn ring(&self, state: &State) {
        for (states, bell) in open(&self.bells).iter() {
            if states.contains(state) {
                bell.notify_one();
            }
        }
    }

    /// Something happened to the order `id`: whoever waits for it is ready again.
    fn stir(&self, id: &OrderId) {
        let mine = format!("{id}@");
        self.wake_where(&|key| key == id.as_str() || key.starts_with(&mine));
    }

    /// The order `id` may be through: whoever waits for its phase is ready again, if it opens now.
    fn stir_phase(&self, request: &Request) {
        for key in RollKey::of(request) {
            let Roll::Phase(number) = key.roll else { continue };
            let tallies = self.phases(&key.plan).unwrap_or_default();
            let tally = tallies.iter().find(|tally| tally.phase == number);
            if tally.is_some_and(|tally| tally.opens(Rules::default().phase_gate)) {
                self.wake_where(&|other| *other == key.waiting());
            }
        }
    }

    fn wake_where(&self, wakes: &dyn Fn(&String) -> bool) -> usize {
        let mut waiting = open(&self.waiting);
        let before = waiting.len();
        waiting.retain(|_, key| !wakes(key));
        let woken = before - waiting.len();
        drop(waiting);
        if woken > 0 {
            open(&self.bells).iter().for_each(|(_, bell)| bell.notify_one());
        }
        woken
    }

    fn must_know(&self, state: &State) -> Result<()> {
        if self.pipeline.knows(state) {
            return Ok(());
        }
        Err(Error::usage(format!("no stage knows the state {state}")))
    }

    /// Does something under a claim, if the claim is still ours.
    fn under<T>(&self, grant: &Grant, deed: impl FnOnce(&mut Slot) -> T) -> Result<T, String> {
        let mut orders = open(&self.orders);
        let Some(slot) = orders.get_mut(&grant.id) else {
            return Err("the order is gone".to_owned());
        };
        if let Some(lost) = entries::lost(&slot.history, &slot.state, grant) {
            return Err(lost);
        }
        let done = deed(slot);
        let (state, request) = (slot.state.clone(), slot.request.clone());
        drop(orders);
        self.stir(&grant.id);
        self.stir_phase(&request);
        self.ring(&state);
        Ok(done)
    }

    fn obstacle(&self, slot: &Slot, from: &State) -> Option<Skip> {
        if let Some(why) = &slot.hold {
            return Some(Skip::Held(why.clone()));
        }
        if slot.state != *from {
            return Some(Skip::Moved(slot.state.clone()));
        }
        if let Some(claim) = &slot.history.open {
            let lives = open(&self.alive).alive.contains(&claim.worker);
            return Some(if lives { Skip::Claimed(claim.worker.clone()) } else { Skip::Busy });
        }
        slot.history.due.filter(|&due| rests(due, unix_now())).map(Skip::NotDue)
    }
}

fn done(moved: Result<(), String>) -> Moved {
    moved.map_or_else(Moved::LostClaim, |()| Moved::Done)
}

impl Queue for MemoryQueue {
    fn create(&self, id: &OrderId, request: &Request) -> Result<Created> {
        let mut orders = open(&self.orders);
        if orders.contains_key(id) {
            return Ok(Created::Exists);
        }
        let (request, history) = (request.clone(), History::default());
        let mut slot = Slot { state: State::NEW, request, history, hold: None };
        slot.add(Entry { to: Some(State::NEW), ..Entry::of(Kind::Create, 0) });
        orders.insert(id.clone(), slot);
        drop(orders);
        self.stir(id);
        self.ring(&State::NEW);
        Ok(Created::Made)
    }

    fn create_all(&self, orders: &[(OrderId, Request)], hold: &str) -> Result<()> {
        let mut here = open(&self.orders);
        if let Some((id, _)) = orders.iter().find(|(id, _)| here.contains_key(id)) {
            return Err(entries::taken(id));
        }
        for (id, request) in orders {
            let (request, history) = (request.clone(), History::default());
            let mut slot =
                Slot { state: State::NEW, request, history, hold: Some(hold.to_owned()) };
            slot.add(Entry { to: Some(State::NEW), ..Entry::of(Kind::Create, 0) });
            slot.add(Entry { why: hold.to_owned(), ..Entry::of(Kind::Hold, 0) });
            here.insert(id.clone(), slot);
        }
        Ok(())
    }

    fn list(&self) -> Result<Listing> {
        let orders = open(&self.orders).keys().cloned().collect();
        Ok(Listing { orders, strange: Vec::new() })
    }

    fn look(&self, id: &OrderId) -> Result<Option<Order>> {
        Ok(open(&self.orders).get(id).map(|slot| Order {
            id: id.clone(),
            state: slot.state.clone(),
            request: Ok(slot.request.clone()),
            history: slot.history.clone(),
            hold: slot.hold.clone(),
        }))
    }

    fn ready(&self, state: &State, most: usize) -> Result<Vec<OrderId>> {
        let orders = open(&self.orders);
        let standing = orders.iter().filter(|(_, slot)| slot.state == *state);
        let waiting = open(&self.waiting);
        let (now, ageing_secs) = (unix_now(), Rules::default().ageing_secs);
        let ranked =
            standing.filter(|(id, _)| !waiting.contains_key(id)).filter_map(|(id, slot)| {
                let Request { priority, due, .. } = &slot.request;
                let due = due.map(Due::secs);
                let rank = plan::rank(priority.digit(), slot.due()?, due, now, ageing_secs);
                Some((rank, id.clone()))
            });
        let mut ranked: Vec<(Rank, OrderId)> = ranked.collect();
        ranked.sort();
        Ok(ranked.into_iter().take(most).map(|(_, id)| id).collect())
    }

    fn set_aside(&self, order: &Order, key: &str) -> Result<bool> {
        let orders = open(&self.orders);
        let there = orders
            .get(&order.id)
            .is_some_and(|slot| slot.state == order.state && slot.due().is_some());
        if there {
            open(&self.waiting).insert(order.id.clone(), key.to_owned());
        }
        Ok(there)
    }

    fn wake(&self, key: &str) -> Result<usize> {
        Ok(self.wake_where(&|other| other == key))
    }

    fn rouse(&self, order: &Order) -> Result<bool> {
        let mut waiting = open(&self.waiting);
        let for_phase = waiting.get(&order.id).is_some_and(|key| key.starts_with('_'));
        if for_phase {
            waiting.remove(&order.id);
        }
        Ok(for_phase)
    }

    fn anybody_waits_for_a_phase(&self) -> Result<bool> {
        Ok(open(&self.waiting).values().any(|key| key.starts_with('_')))
    }

    fn waiting_for(&self, id: &OrderId) -> Result<Vec<OrderId>> {
        let mine = format!("{id}@");
        let waiting = open(&self.waiting);
        let for_it =
            waiting.iter().filter(|(_, key)| *key == id.as_str() || key.starts_with(&mine));
        Ok(for_it.map(|(other, _)| other.clone()).collect())
    }

    fn phases(&self, plan: &str) -> Result<Vec<Tally>> {
        let mut tallies: BTreeMap<u32, Tally> = BTreeMap::new();
        // Those that were through before the orders were made: each order of the phase says the same number.
        let mut over: BTreeMap<u32, u32> = BTreeMap::new();
        let mut count = |request: &Request, through: bool| {
            let Some(phase) = request.phase.filter(|_| RollKey::plan(request) == plan) else {
                return;
            };
            let empty = Tally { phase, parallel: false, open: 0, done: 0 };
            let tally = tallies.entry(phase).or_insert(empty);
            tally.parallel |= request.phase_parallel;
            let over = over.entry(phase).or_insert(0);
            *over = request.phase_over.max(*over);
            if through { tally.done += 1 } else { tally.open += 1 }
        };
        let orders = open(&self.orders);
        orders.values().for_each(|s| count(&s.request, s.state == State::READY_FOR_REVIEW));
        let archived = open(&self.archived);
        let gone = archived.iter().filter(|(id, _)| !orders.contains_key(*id));
        gone.for_each(|(_, request)| count(request, true));
        for (phase, tally) in &mut tallies {
            tally.done += over.get(phase).map_or(0, |over| *over as usize);
        }
        Ok(tallies.into_values().collect())
    }

    fn members(&self, group: &RollKey) -> Result<Vec<(u32, OrderId)>> {
        let orders = open(&self.orders);
        let open = orders.iter().filter(|(_, slot)| {
            slot.state != State::READY_FOR_REVIEW
                && RollKey::group(&slot.request).as_ref() == Some(group)
        });
        Ok(open.map(|(id, s)| (s.request.sequence.unwrap_or(u32::MAX), id.clone())).collect())
    }

    fn claim(self: Arc<Self>, id: &OrderId, from: &State, holder: &Holder) -> Result<Claiming> {
        let mut orders = open(&self.orders);
        let Some(slot) = orders.get_mut(id) else { return Ok(Claiming::Skipped(Skip::Gone)) };
        if let Some(skip) = self.obstacle(slot, from) {
            return Ok(Claiming::Skipped(skip));
        }
        let (request, history) = (slot.request.clone(), slot.history.clone());
        let (generation, state) = (history.generation + 1, from.clone());
        let grant = Grant { id: id.clone(), generation, state, holder: holder.clone() };
        slot.add(entries::claim(&grant));
        drop(orders);
        Ok(Claiming::Won(Box::new(Claim::new(grant, request, history, self))))
    }

    fn advance(
        &self,
        grant: &Grant,
        step: &Move,
        keep: bool,
    ) -> Result<Result<Option<Grant>, String>> {
        self.must_know(&step.to)?;
        Ok(self.under(grant, |slot| {
            slot.add(entries::step(grant, step));
            let next = keep.then(|| Grant {
                generation: slot.history.generation + 1,
                state: step.to.clone(),
                ..grant.clone()
            });
            if let Some(next) = &next {
                slot.add(entries::claim(next));
            }
            next
        }))
    }

    fn release(&self, grant: &Grant, release: &Release) -> Result<Moved> {
        Ok(done(self.under(grant, |slot| slot.add(entries::release(grant, release)))))
    }

    fn note(&self, grant: &Grant, note: &Note) -> Result<Moved> {
        Ok(done(self.under(grant, |slot| slot.add(entries::note(grant, note)))))
    }

    fn hold(&self, id: &OrderId, why: &str) -> Result<bool> {
        let mut orders = open(&self.orders);
        let Some(slot) = orders.get_mut(id) else { return Ok(false) };
        slot.hold = Some(why.trim().to_owned());
        let entry = Entry::of(Kind::Hold, slot.history.generation);
        slot.add(Entry { why: why.to_owned(), ..entry });
        drop(orders);
        self.stir(id);
        Ok(true)
    }

    fn unhold(&self, id: &OrderId) -> Result<bool> {
        let mut orders = open(&self.orders);
        let Some(slot) = orders.get_mut(id).filter(|slot| slot.hold.is_some()) else {
            return Ok(false);
        };
        slot.hold = None;
        slot.add(Entry::of(Kind::Unhold, slot.history.generation));
        let state = slot.state.clone();
        drop(orders);
        self.stir(id);
        self.ring(&state);
        Ok(true)
    }

    fn kick(&self, id: &OrderId, to: &State, why: &str) -> Result<bool> {
        self.must_know(to)?;
        let mut orders = open(&self.orders);
        let Some(slot) = orders.get_mut(id) else { return Ok(false) };
        slot.add(entries::kick(&slot.history, &slot.state, to, why));
        let request = slot.request.clone();
        drop(orders);
        self.stir(id);
        self.stir_phase(&request);
        self.ring(to);
        Ok(true)
    }

    fn archive(&self, id: &OrderId) -> Result<bool> {
        let mut orders = open(&self.orders);
        let Some(slot) = orders.get(id) else { return Ok(false) };
        if let Some(claim) = &slot.history.open
            && open(&self.alive).alive.contains(&claim.worker)
        {
            let worker = &claim.worker;
            return Err(Error::usage(format!("failed to archive order {id}: {worker} is at it")));
        }
        let request = orders.remove(id).map(|slot| slot.request);
        drop(orders);
        self.stir(id);
        if let Some(request) = request {
            open(&self.archived).insert(id.clone(), request.clone());
            self.stir_phase(&request);
        }
        Ok(true)
    }

    fn enlist(&self, _stage: &str) -> Result<Enlisted> {
        let mut workers = open(&self.alive);
        workers.enlisted += 1;
        let worker = WorkerId::new(std::process::id(), 0, workers.enlisted);
        workers.alive.insert(worker.clone());
        let guard = Alive { worker: worker.clone(), workers: self.alive.clone() };
        Ok(Enlisted::new(worker, Box::new(guard)))
    }

    fn lives(&self, worker: &WorkerId) -> Result<bool> {
        Ok(open(&self.alive).alive.contains(worker))
    }

    fn recover(&self, undertaker: &dyn Fn(&WorkerId) -> bool) -> Result<Vec<Recovered>> {
        let dead: Vec<WorkerId> = open(&self.alive).dead.iter().cloned().collect();
        let mut recovered = Vec::new();
        for worker in dead.into_iter().filter(undertaker) {
            let mut orders = open(&self.orders);
            for (id, slot) in orders.iter_mut() {
                let due = unix_now().saturating_add(self.crash_backoff_secs);
                let orphan = entries::orphan(&slot.history, &worker, due);
                if let Some((entry, class)) = orphan {
                    slot.add(entry);
                    recovered.push(Recovered { id: id.clone(), worker: worker.clone(), class });
                    self.stir(id);
                    self.ring(&slot.state);
                }
            }
            open(&self.alive).dead.remove(&worker);
        }
        Ok(recovered)
    }

    fn give_back_all(&self, enlisted: &Enlisted) -> Result<Vec<(OrderId, State)>> {
        let mut back = Vec::new();
        for (id, slot) in open(&self.orders).iter_mut() {
            let held = slot.history.open.clone();
            let Some(held) = held.filter(|held| held.worker == enlisted.worker) else { continue };
            let OpenClaim { generation, worker, session, state, .. } = held;
            let holder = Holder { worker, session };
            let grant = Grant { id: id.clone(), generation, state, holder };
            let release = Release::lost("it could not be given back before");
            slot.add(entries::release(&grant, &release));
            back.push((id.clone(), slot.state.clone()));
        }
        back.iter().for_each(|(id, state)| {
            self.stir(id);
            self.ring(state);
        });
        Ok(back)
    }

    fn sweep(&self) -> Result<Swept> {
        self.wake_where(&|key| !key.contains('@') && !key.starts_with('_'));
        Ok(Swept { orders: open(&self.orders).len(), ..Swept::default() })
    }

    fn bell(&self, states: &[State]) -> Result<Bell> {
        let rung = Arc::new(Notify::new());
        open(&self.bells).push((states.to_vec(), rung.clone()));
        Ok(Bell::new(rung, Box::new(())))
    }
}
