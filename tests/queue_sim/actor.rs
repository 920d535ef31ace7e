//! An actor: does its deeds one after the other through the queue, and tells the oracle what it asked and what it was told.

use std::sync::Arc;

use shopfloor::error::{Error, Kind};
use shopfloor::failure::Class;
use shopfloor::history::topic;
use shopfloor::holder::{Holder, SessionId};
use shopfloor::order::{OrderId, Request};
use shopfloor::queue::files::FileQueue;
use shopfloor::queue::{
    Claim, Claiming, Created, Enlisted, Kept, Move, Moved, Note, Queue, Release,
};
use shopfloor::state::State;

use super::hand;
use super::machine::Simulated;
use super::oracle::{Asked, Told};
use super::planted::Plant;
use super::scene;
use super::script::{Deed, Role, Way};
use super::world::{Caller, World};

/// Where each state leads to when all is well, and where an order is sent back to.
static ROAD: [(State, State, State); 7] = [
    (State::NEW, State::TESTS_PRE, State::NEW),
    (State::TESTS_PRE, State::IMPL, State::TESTS_PRE),
    (State::IMPL, State::TESTS_POST, State::IMPL),
    (State::TESTS_POST, State::REVIEW, State::IMPL),
    (State::REVIEW, State::PLAYTEST, State::IMPL),
    (State::PLAYTEST, State::COMMIT, State::IMPL),
    (State::COMMIT, State::READY_FOR_REVIEW, State::IMPL),
];

const CLASSES: [Class; 4] = [Class::Work, Class::Crash, Class::Env, Class::Lost];
const TOPICS: [&str; 3] = [topic::TURN_BEGUN, topic::TURN_ENDED, topic::GATE];

/// One of the states somebody takes orders in.
pub(crate) fn state(number: usize) -> State {
    ROAD[number % ROAD.len()].0.clone()
}

/// The id of an order by its number.
pub(crate) fn id(number: usize) -> OrderId {
    let names = ["a", "b", "c", "d", "e", "f"];
    OrderId::parse(names[number % names.len()]).expect("these are ids")
}

/// One actor at work.
pub(crate) struct Actor {
    world: Arc<World>,
    by: Caller,
    /// The shell of a person.
    hand: Caller,
    role: Role,
    queue: Arc<FileQueue>,
    enlisted: Option<Enlisted>,
    claims: Vec<Claim>,
}

impl Actor {
    /// Opens the queue; `None` when that can't be done (its process is dead, or the disk fails).
    pub(crate) fn new(world: Arc<World>, by: Caller, hand: Caller, role: Role) -> Option<Self> {
        let machine = Arc::new(Simulated { world: world.clone(), by });
        let queue = FileQueue::open_on(scene::QUEUE.as_ref(), scene::options(), machine).ok()?;
        let mut actor = Self { world, by, hand, role, queue, enlisted: None, claims: Vec::new() };
        if role == Role::Worker {
            actor.enlist();
        }
        Some(actor)
    }

    fn dead(&self) -> bool {
        self.world.with(|kernel| kernel.ghost(self.by))
    }

    /// Does everything there is to do, or as much as it lives for.
    pub(crate) fn act(mut self, deeds: &[Deed]) {
        for deed in deeds {
            if self.dead() {
                break;
            }
            self.world.with(|kernel| {
                kernel.elapsed += 1_000_000;
                if kernel.trace.is_some() {
                    kernel.note(self.by.slot, &format!("{deed:?}"));
                }
            });
            self.do_one(deed);
        }
        // A process that ends lets nothing fall: it is gone. Those that end well say so by a deed.
        let living = !self.dead();
        self.world.with(|kernel| {
            if living {
                kernel.kill(self.by.process);
            }
        });
    }

    fn do_one(&mut self, deed: &Deed) {
        match self.role {
            Role::Worker => self.work(deed),
            Role::Launcher | Role::Person => {}
        }
        match *deed {
            Deed::Recover { refuses } => self.recover(refuses),
            Deed::Sweep => self.simply(Asked::Sweep, |queue| queue.sweep().map(|_| Told::Done)),
            Deed::Mend => self.simply(Asked::Mend, |queue| queue.mend_index().map(|_| Told::Done)),
            Deed::Create { order } => self.create(order),
            Deed::CreateAll { order } => self.create_all(order),
            Deed::Hold { order } => {
                let (id, why) = (id(order), self.reason());
                let asked = Asked::Hold { id: id.to_string(), why: why.clone() };
                self.simply(asked, |queue| queue.hold(&id, &why).map(done));
            }
            Deed::Unhold { order } => {
                let id = id(order);
                let asked = Asked::Unhold { id: id.to_string() };
                self.simply(asked, |queue| queue.unhold(&id).map(done));
            }
            Deed::Kick { order, to } => {
                let (id, why, to) = (id(order), self.reason(), state(to));
                let asked = Asked::Kick { id: id.to_string(), why: why.clone() };
                self.simply(asked, |queue| queue.kick(&id, &to, &why).map(done));
            }
            Deed::Archive { order } => {
                let id = id(order);
                let asked = Asked::Archive { id: id.to_string() };
                self.simply(asked, |queue| queue.archive(&id).map(done));
            }
            Deed::Look { order } => self.look(order),
            Deed::List => self.list(),
            Deed::Hand { order, what } if self.role == Role::Person => {
                self.world.with(|kernel| kernel.counts.by_hand += 1);
                hand::does(&self.world, self.hand, order, what);
            }
            Deed::Wait(length) => {
                let length = std::time::Duration::from_millis(length.into());
                self.world.pause(self.by, length);
            }
            _ => {}
        }
    }

    /// What only a worker does.
    fn work(&mut self, deed: &Deed) {
        match *deed {
            Deed::Take(stage) => self.take(stage),
            Deed::Claim { order, from } => self.claim(&id(order), &state(from)),
            Deed::Advance { held, way, keep } => self.advance(held, way, keep),
            Deed::Release { held, class } => self.release(held, CLASSES[class % CLASSES.len()]),
            Deed::Note { held, topic } => self.note(held, TOPICS[topic % TOPICS.len()]),
            Deed::Bury { held } => self.bury(held),
            Deed::Drop { held } => {
                let Some(claim) = self.held(held) else { return };
                self.ask(Asked::Drop { id: claim.id().to_string() });
                drop(claim);
                self.told(&Told::Nothing);
            }
            Deed::GiveBack if self.claims.is_empty() => {
                let Some(enlisted) = &self.enlisted else { return };
                self.ask(Asked::GiveBack);
                let told = self.queue.give_back_all(enlisted).map(|_| Told::Done);
                self.told(&or_failed(told));
            }
            Deed::Again => self.again(),
            _ => {}
        }
    }

    fn has(&self, plant: Plant) -> bool {
        self.world.with(|kernel| kernel.plant == Some(plant))
    }

    fn ask(&self, asked: Asked) {
        self.world.with(|kernel| {
            if !kernel.ghost(self.by) {
                kernel.oracle.asked[self.by.slot] = Some(asked);
            }
        });
    }

    fn told(&self, told: &Told) {
        self.world.with(|kernel| {
            if !kernel.ghost(self.by) {
                if kernel.trace.is_some() {
                    kernel.note(self.by.slot, &format!("told {told:?}"));
                }
                let (steps, slot) = (kernel.steps, self.by.slot);
                let super::kernel::Kernel { oracle, tree, .. } = kernel;
                oracle.answered(tree, steps, slot, told);
                kernel.off |= kernel.broken();
            }
        });
    }

    fn simply(&self, asked: Asked, deed: impl FnOnce(&FileQueue) -> Result<Told, Error>) {
        self.ask(asked);
        self.told(&or_failed(deed(&self.queue)));
    }

    fn since(&self) -> u64 {
        self.world.with(|kernel| kernel.steps)
    }

    /// A reason that is used once.
    fn reason(&self) -> String {
        self.world.with(|kernel| {
            kernel.serial += 1;
            format!("reason {}", kernel.serial)
        })
    }

    fn enlist(&mut self) {
        if let Ok(enlisted) = self.queue.enlist("spec") {
            self.world.with(|kernel| {
                if !kernel.ghost(self.by) {
                    kernel.oracle.enlisted(enlisted.worker.as_str(), self.by.process);
                }
            });
            self.enlisted = Some(enlisted);
        }
    }

    /// Ends in good order, having let everything go, and begins anew as another worker.
    fn again(&mut self) {
        while let Some(claim) = self.held(0) {
            self.ask(Asked::Drop { id: claim.id().to_string() });
            drop(claim);
            self.told(&Told::Nothing);
        }
        if let Some(enlisted) = self.enlisted.take() {
            self.world.with(|kernel| {
                if !kernel.ghost(self.by) {
                    kernel.oracle.ends_well(enlisted.worker.as_str());
                }
            });
            drop(enlisted);
        }
        self.enlist();
    }

    fn held(&mut self, number: usize) -> Option<Claim> {
        let count = self.claims.len();
        (count > 0).then(|| self.claims.remove(number % count))
    }

    fn take(&mut self, stage: usize) {
        let state = state(stage);
        let Ok(ready) = self.queue.ready(&state, 2) else { return };
        if let Some(id) = ready.first() {
            self.claim(id, &state);
        }
    }

    fn claim(&mut self, id: &OrderId, from: &State) {
        let Some(enlisted) = &self.enlisted else { return };
        let serial = self.world.with(|kernel| {
            kernel.serial += 1;
            kernel.serial
        });
        let session = format!("00000000-0000-4000-8000-{serial:012x}");
        let Ok(session_id) = SessionId::parse(&session) else { return };
        let holder = Holder { worker: enlisted.worker.clone(), session: session_id };
        self.ask(Asked::Claim { id: id.to_string(), session, since: self.since() });
        let told = match self.queue.clone().claim(id, from, &holder) {
            Ok(Claiming::Won(claim)) => {
                let history = claim.history();
                let more = usize::from(self.has(Plant::Miscounts));
                let (setbacks, crashes) = (history.setbacks.len() + more, history.crashes.len());
                let told = Told::Claimed { generation: claim.generation(), setbacks, crashes };
                self.world.with(|kernel| kernel.counts.claims += u64::from(!kernel.ghost(self.by)));
                self.claims.push(*claim);
                told
            }
            Ok(Claiming::Skipped(_)) => Told::Nothing,
            Err(error) => failed(&error),
        };
        self.told(&told);
    }

    fn advance(&mut self, held: usize, way: Way, keep: bool) {
        let Some(claim) = self.held(held) else { return };
        let here = ROAD.iter().find(|(from, _, _)| from == claim.state());
        let (to, class) = match (here, way) {
            (Some((_, on, _)), Way::On) => (on.clone(), None),
            (Some((_, _, back)), Way::Back) => (back.clone(), Some(Class::Work)),
            (None, _) => (State::FAILED, None),
        };
        let to = if self.has(Plant::FarMove) { State::COMMIT } else { to };
        let (id, why, since) = (claim.id().to_string(), self.reason(), self.since());
        self.ask(Asked::Move { id, to: to.to_string(), why: why.clone(), keep, since });
        let to = if self.has(Plant::OtherMove) { State::FAILED } else { to };
        let step = Move { to, why, class, due: None };
        let told = if keep {
            match claim.advance_and_keep(&step) {
                Ok(Kept::Claim(claim)) => {
                    let generation = claim.generation();
                    self.claims.push(*claim);
                    Told::Kept { generation }
                }
                Ok(Kept::LostClaim(_)) => Told::Lost,
                Err(error) => failed(&error),
            }
        } else {
            moved(claim.advance(&step))
        };
        let came_off = matches!(told, Told::Done | Told::Kept { .. });
        self.world
            .with(|kernel| kernel.counts.moves += u64::from(came_off && !kernel.ghost(self.by)));
        self.told(&told);
    }

    fn release(&mut self, held: usize, class: Class) {
        let Some(claim) = self.held(held) else { return };
        let (id, why) = (claim.id().to_string(), self.reason());
        self.ask(Asked::Release { id, why: why.clone() });
        let told = moved(claim.release(&Release { class, why, due: None }));
        self.told(&told);
    }

    fn note(&mut self, held: usize, topic: &str) {
        let Some(claim) = self.held(held) else { return };
        let (id, why) = (claim.id().to_string(), self.reason());
        self.ask(Asked::Note { id, why: why.clone() });
        let told = moved(claim.note(&Note::of(topic, why)));
        self.claims.push(claim);
        self.told(&told);
    }

    fn bury(&mut self, held: usize) {
        let Some(claim) = self.held(held) else { return };
        let (id, why, since) = (claim.id().to_string(), self.reason(), self.since());
        let to = State::FAILED.to_string();
        self.ask(Asked::Move { id, to, why: why.clone(), keep: false, since });
        let told = moved(claim.bury(&why));
        self.told(&told);
    }

    fn recover(&self, refuses: bool) {
        self.ask(Asked::Recover { since: self.since() });
        let undertaker = |worker: &shopfloor::holder::WorkerId| {
            self.world.with(|kernel| {
                let buries = kernel.plant != Some(Plant::NoUndertaker);
                if !refuses && buries && !kernel.ghost(self.by) {
                    kernel.oracle.bury(worker.as_str());
                }
            });
            !refuses
        };
        let told = match self.queue.recover(&undertaker) {
            Ok(back) => {
                self.world.with(|kernel| kernel.counts.recovered += back.len() as u64);
                Told::Recovered(back.iter().map(|one| one.id.to_string()).collect())
            }
            Err(error) => failed(&error),
        };
        self.told(&told);
    }

    fn create(&self, order: usize) {
        let id = id(order);
        let request = Request::titled(format!("{id}, {}", self.reason()));
        self.simply(Asked::Create { id: id.to_string() }, |queue| {
            queue.create(&id, &request).map(|made| match made {
                Created::Made => Told::Done,
                Created::Exists => Told::Nothing,
            })
        });
    }

    fn create_all(&self, order: usize) {
        let ids = [id(order), id(order + 1)];
        let orders = ids.clone().map(|id| {
            let title = format!("{id}, {}", self.reason());
            (id, Request::titled(title))
        });
        let names = ids.iter().map(ToString::to_string).collect();
        self.simply(Asked::CreateAll { ids: names }, |queue| {
            queue.create_all(&orders, "imported").map(|()| Told::Done)
        });
    }

    fn look(&self, order: usize) {
        let id = id(order);
        let asked = Asked::Look { id: id.to_string(), since: self.since() };
        self.simply(asked, |queue| {
            let seen = queue.look(&id)?;
            Ok(Told::Seen(seen.map(|order| (order.state.to_string(), order.hold.is_some()))))
        });
    }

    fn list(&self) {
        self.simply(Asked::List { since: self.since() }, |queue| {
            let listing = queue.list()?;
            let orders = listing.orders.iter().map(ToString::to_string).collect();
            Ok(Told::Listed(orders, listing.strange.into_iter().map(|(name, _)| name).collect()))
        });
    }
}

fn done(there: bool) -> Told {
    if there { Told::Done } else { Told::Nothing }
}

fn failed(error: &Error) -> Told {
    Told::Failed { full: error.kind() == Kind::DiskFull }
}

fn or_failed(told: Result<Told, Error>) -> Told {
    told.unwrap_or_else(|error| failed(&error))
}

fn moved(moved: Result<Moved, Error>) -> Told {
    match moved {
        Ok(Moved::Done) => Told::Done,
        Ok(Moved::LostClaim(_)) => Told::Lost,
        Err(error) => failed(&error),
    }
}
