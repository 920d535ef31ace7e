//! The claim, advance and recover protocol as a model, explored to its end by stateright. `docs/model.md` says what is in
//! it, what is not, and how many states there are.

#![expect(clippy::print_stdout, reason = "how many states were looked at is a result")]

mod order;
mod promises;
mod rules;
mod runs;
mod steps;
mod world;

use stateright::{Model, Property};

use order::{Id, Order, Place, Word};
use rules::Rules;
use world::{Chances, Doing, Life, ORDERS, WORKERS, Worker, World};

/// A protocol with its rules, and how far it is explored.
#[derive(Debug, Clone, Copy)]
struct Protocol {
    orders: usize,
    workers: usize,
    /// How often each order may be claimed.
    claims: u8,
    chances: Chances,
    rules: Rules,
}

/// What of an order was on disk when the power went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reached {
    /// Unsynced entries of its journal.
    entries: u8,
    /// Its newest `.state`, and not only the synced one.
    state: bool,
    /// Its name in the queue's folder, when that was not synced.
    name: bool,
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// A person makes an order: built aside, renamed into place, synced and acknowledged.
    Build(usize),
    Name(usize),
    Keep(usize),
    /// A worker begins something with an order.
    Begin(usize, Doing, u8),
    /// A worker makes the next step.
    Step(usize),
    /// Somebody ends what a dead worker left running.
    Undertake(usize),
    Sweep(usize),
    Resume(usize),
    /// What goes wrong, and what people do.
    Crash(usize),
    Stop(usize),
    Edit(usize, Word),
    Hold(usize),
    /// The power goes; the index and the lists of claims are there afterwards or not.
    PowerCut([Reached; ORDERS], bool),
}

impl Act {
    /// True for what the world does by itself, without a fault or a person.
    fn is_ours(self) -> bool {
        !matches!(
            self,
            Self::Crash(_) | Self::Stop(_) | Self::Edit(..) | Self::Hold(_) | Self::PowerCut(..)
        )
    }
}

impl Protocol {
    fn order_acts(&self, world: &World, acts: &mut Vec<Act>) {
        for (n, order) in world.orders.iter().enumerate() {
            match order.place {
                Place::Unused => continue,
                Place::Absent => acts.push(Act::Build(n)),
                Place::Aside => acts.push(Act::Name(n)),
                Place::Named => acts.push(Act::Keep(n)),
                Place::Kept => {}
            }
            if !order.is_there() {
                continue;
            }
            if order.touched && order.lock.is_none() && world.anybody_idle() {
                acts.push(Act::Sweep(n));
            }
            if world.left.edits > 0 {
                let stands = order.find(&Rules::ALL).word();
                let words = [Word::New, Word::Impl].into_iter().filter(|word| *word != stands);
                acts.extend(words.map(|word| Act::Edit(n, word)));
            }
            if world.left.holds > 0 && !order.hold {
                acts.push(Act::Hold(n));
            }
        }
    }

    fn worker_acts(&self, world: &World, slot: usize, acts: &mut Vec<Act>) {
        let worker = &world.workers[slot];
        let busy = worker.op.is_some() || worker.hand.is_some();
        match worker.life {
            Life::Unused => return,
            Life::Dead => {
                if worker.hand.is_some() && world.anybody_idle() {
                    acts.push(Act::Undertake(slot));
                }
                return;
            }
            Life::Stopped => {
                acts.push(Act::Resume(slot));
                return;
            }
            Life::Alive => {}
        }
        if busy && world.left.crashes > 0 {
            acts.push(Act::Crash(slot));
        }
        if busy && world.left.stops > 0 {
            acts.push(Act::Stop(slot));
        }
        if worker.op.is_some() {
            acts.push(Act::Step(slot));
        } else if let Some(hand) = worker.hand {
            if world.orders[usize::from(hand.order)].lock.is_none() {
                acts.push(Act::Begin(slot, Doing::Advance, hand.order));
                acts.push(Act::Begin(slot, Doing::Release, hand.order));
            }
        } else {
            self.idle_acts(world, slot, acts);
        }
    }

    /// What a worker with nothing in hand may begin: a claim that a marker points to, or taking back what the dead held.
    fn idle_acts(&self, world: &World, slot: usize, acts: &mut Vec<Act>) {
        for (n, order) in world.orders.iter().enumerate() {
            if !order.is_there() || order.lock.is_some() {
                continue;
            }
            let seen = order.journal.seen();
            let dead_owner = seen.open.is_some_and(|open| !world.lives(open.by));
            for word in [Word::New, Word::Impl] {
                // An order of the dead is left as it is, and looked at again: nothing would come of it here.
                if order.markers & word.bit() != 0 && !dead_owner && seen.generation < self.claims {
                    acts.push(Act::Begin(slot, Doing::Claim(word), n as u8));
                }
            }
            for id in (0..8).filter(|id| order.marks & (1 << id) != 0) {
                if self.may_recover(world, id) {
                    acts.push(Act::Begin(slot, Doing::Orphan(id), n as u8));
                }
            }
        }
    }

    fn may_recover(&self, world: &World, id: Id) -> bool {
        let silent = |worker: &Worker| worker.id == id && worker.life == Life::Stopped;
        if !self.rules.only_the_dead_lose && world.workers.iter().any(silent) {
            return true;
        }
        !world.lives(id) && (!world.left_running(id) || !self.rules.processes_end_first)
    }

    /// Every way in which the power may go.
    fn power_cuts(&self, world: &World, acts: &mut Vec<Act>) {
        if world.left.power_cuts == 0 {
            return;
        }
        let ways = |order: &Order| {
            let order = *order;
            let there = order.is_there();
            let entries = if there { order.journal.unsynced() as u8 } else { 0 };
            let states = there && order.file != order.on_disk;
            let names = order.place == Place::Named;
            let states = [true, false].into_iter().filter(move |state| *state || states);
            states.flat_map(move |state| {
                let names = [true, false].into_iter().filter(move |name| *name || names);
                names.flat_map(move |name| {
                    (0..=entries).map(move |entries| Reached { entries, state, name })
                })
            })
        };
        let floor = world.orders.iter().any(|order| order.markers != 0 || order.marks != 0);
        for first in ways(&world.orders[0]) {
            for second in ways(&world.orders[1]) {
                acts.push(Act::PowerCut([first, second], false));
                if floor {
                    acts.push(Act::PowerCut([first, second], true));
                }
            }
        }
    }

    /// All processes are gone, and of what was not synced only what had reached the disk is there. It starts anew.
    fn cut_power(&self, world: &mut World, reached: [Reached; ORDERS], floor: bool) {
        world.left.power_cuts -= 1;
        for (order, reached) in world.orders.iter_mut().zip(reached) {
            if order.place == Place::Unused {
                continue;
            }
            if order.place == Place::Aside || (order.place == Place::Named && !reached.name) {
                *order = Order { announced: order.announced, ..Order::at(Place::Absent) };
            }
            if order.place == Place::Absent {
                continue;
            }
            order.place = Place::Kept;
            order.journal.cut(usize::from(reached.entries));
            if !reached.state && order.file != order.on_disk {
                // A person's word that was not on the disk yet is gone with the power, by nobody's doing.
                order.edit = None;
                order.file = order.on_disk;
            }
            order.on_disk = order.file;
            (order.lock, order.touched) = (None, true);
            if !floor {
                (order.markers, order.marks) = (0, 0);
            }
        }
        for worker in world.workers.iter_mut().filter(|worker| worker.life != Life::Unused) {
            let id = worker.id + self.workers as Id;
            *worker = Worker { id, life: Life::Alive, hand: None, op: None };
        }
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Act;

    fn init_states(&self) -> Vec<World> {
        let place = |n| if n < self.orders { Place::Absent } else { Place::Unused };
        let life = |n| if n < self.workers { Life::Alive } else { Life::Unused };
        let orders: [Order; ORDERS] = std::array::from_fn(|n| Order::at(place(n)));
        let workers: [Worker; WORKERS] =
            std::array::from_fn(|n| Worker { id: n as Id, life: life(n), hand: None, op: None });
        vec![World { orders, workers, left: self.chances, breaches: 0 }.canonical()]
    }

    fn actions(&self, world: &World, acts: &mut Vec<Act>) {
        self.order_acts(world, acts);
        (0..WORKERS).for_each(|slot| self.worker_acts(world, slot, acts));
        self.power_cuts(world, acts);
    }

    fn next_state(&self, before: &World, act: Act) -> Option<World> {
        let mut world = *before;
        let rules = &self.rules;
        match act {
            Act::Build(n) => world.orders[n].place = Place::Aside,
            Act::Name(n) => {
                let order = &mut world.orders[n];
                (order.place, order.touched) = (Place::Named, true);
                order.announced |= !rules.place_is_synced;
            }
            Act::Keep(n) => {
                let order = &mut world.orders[n];
                (order.place, order.announced) = (Place::Kept, true);
                order.make_ready(Word::New);
            }
            Act::Begin(slot, doing, order) => world.begin(rules, slot, doing, order),
            Act::Step(slot) => world.step(rules, slot),
            Act::Undertake(slot) => world.workers[slot].hand = None,
            Act::Sweep(n) => world.sweep(rules, n),
            Act::Resume(slot) => world.workers[slot].life = Life::Alive,
            Act::Crash(slot) => world.crash(slot),
            Act::Stop(slot) => {
                world.workers[slot].life = Life::Stopped;
                world.left.stops -= 1;
            }
            Act::Edit(n, word) => {
                let order = &mut world.orders[n];
                order.write(word, true);
                (order.edit, order.touched) = (Some(word), true);
                world.left.edits -= 1;
                let hands = world.workers.iter_mut().filter_map(|worker| worker.hand.as_mut());
                hands.filter(|hand| usize::from(hand.order) == n).for_each(|hand| hand.void = true);
            }
            Act::Hold(n) => {
                world.orders[n].hold = true;
                world.left.holds -= 1;
            }
            Act::PowerCut(reached, floor) => self.cut_power(&mut world, reached, floor),
        }
        let world = world.canonical();
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        promises::all()
    }
}
