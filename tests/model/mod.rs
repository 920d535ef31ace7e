//! The claim, advance and recover protocol as a model, explored to its end by stateright. `docs/model.md` says what is in
//! it, what is not, and how many states there are.

#![expect(clippy::print_stdout, reason = "how many states were looked at is a result")]

mod acts;
mod journal;
mod names;
mod order;
mod power;
mod promises;
mod rank;
mod rules;
mod runs;
mod steps;
mod world;

pub(crate) use runs::explore_large;
use stateright::{Model, Property};

use order::{Order, Place, Word};
use power::Reached;
use rules::Rules;
use world::{Chances, Doing, Life, ORDERS, WORKERS, Worker, World, breach};

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
    /// The world after that, with the names of the world before; none when nothing has changed.
    fn after(&self, before: &World, act: Act) -> Option<World> {
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
                world.void_hands(n);
            }
            Act::Hold(n) => {
                world.orders[n].hold = true;
                world.left.holds -= 1;
            }
            Act::PowerCut(reached, floor) => Self::cut_power(&mut world, reached, floor),
        }
        (world != *before).then_some(world)
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
            std::array::from_fn(|n| Worker { life: life(n), hand: None, op: None });
        vec![World { orders, workers, left: self.chances, breaches: 0 }.canonical()]
    }

    fn actions(&self, world: &World, acts: &mut Vec<Act>) {
        self.order_acts(world, acts);
        (0..WORKERS).for_each(|slot| self.worker_acts(world, slot, acts));
        self.power_cuts(world, acts);
    }

    fn next_state(&self, before: &World, act: Act) -> Option<World> {
        let mut world = self.after(before, act)?;
        if rank::rank(self, &world) >= rank::rank(self, before) {
            world.breaches |= breach::IDLE;
        }
        Some(world.canonical())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        promises::all()
    }
}
