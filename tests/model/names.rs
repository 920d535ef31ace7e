//! Worlds that differ in names only are one: of all of them the least stands for all. Workers are told apart by what they
//! do, orders by what became of them, and those whom the power took by what still speaks of them.

use stateright::Model as _;

use super::journal::Entry;
use super::order::{Id, Order};
use super::world::{Doing, WORKERS, Worker, World};

/// The most ids that anything can speak of: a bit each in an order's marks.
const IDS: usize = 16;

/// One way to give everything other names.
#[derive(Debug, Clone, Copy)]
struct Names {
    /// The new id of each old one.
    ids: [Id; IDS],
    /// True when the two orders change places.
    swap: bool,
}

impl Names {
    fn id(&self, old: Id) -> Id {
        self.ids[usize::from(old)]
    }

    fn order(&self, old: u8) -> u8 {
        if self.swap { 1 - old } else { old }
    }
}

/// The ways to put the workers.
const PERMUTATIONS: [[u8; WORKERS]; 6] =
    [[0, 1, 2], [1, 0, 2], [0, 2, 1], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

impl World {
    /// The one world that stands for all that differ from this one in names only.
    ///
    /// Most ways to name things are ruled out by what a worker or an order is without any name; the others are all tried.
    pub(super) fn canonical(&self) -> Self {
        let numbered = Self { orders: self.orders.map(Order::renumbered), ..*self };
        let looks = numbered.orders.map(|order| order_look(&order));
        let mut least: Option<Self> = None;
        for swap in [false, true] {
            if looks[usize::from(!swap)] < looks[usize::from(swap)] {
                continue;
            }
            let looks: [u64; WORKERS] = std::array::from_fn(|n| numbered.worker_look(n, swap));
            for slots in PERMUTATIONS {
                let mut sorted = [0; WORKERS];
                (0..WORKERS).for_each(|n| sorted[usize::from(slots[n])] = looks[n]);
                if !sorted.is_sorted() {
                    continue;
                }
                let world = numbered.renamed(&numbered.names(slots, swap));
                least = Some(least.map_or(world, |least| least.min(world)));
            }
        }
        least.unwrap_or(numbered)
    }

    /// What a worker does, in a number: the same for every way to name the workers.
    fn worker_look(&self, slot: usize, swap: bool) -> u64 {
        let Worker { life, hand, op } = self.workers[slot];
        let order = |n: u8| u64::from(if swap { 1 - n } else { n });
        let hand = hand.map_or(0, |hand| {
            let claim = u64::from(hand.generation) << 4 | (hand.word as u64) << 2;
            1 << 12 | claim | u64::from(hand.void) << 1 | order(hand.order)
        });
        let op = op.map_or(0, |op| {
            let doing = match op.doing {
                Doing::Claim(word) => word as u64,
                Doing::Advance => 3,
                Doing::Release => 4,
                Doing::Orphan(_) => 5,
            };
            1 << 8 | doing << 5 | (op.at as u64) << 1 | order(op.order)
        });
        let known = |n: usize| {
            let order = &self.orders[if swap { 1 - n } else { n }];
            let open = order.journal.base.open.is_some_and(|open| usize::from(open.by) == slot);
            u64::from(order.marks >> slot & 1) << 1 | u64::from(open)
        };
        (life as u64) << 60 | hand << 40 | op << 8 | known(0) << 2 | known(1)
    }

    /// New names: those slots for the workers, and for those whom the power took numbers by what speaks of them.
    fn names(&self, slots: [u8; WORKERS], swap: bool) -> Names {
        let mut names = Names { ids: [0; IDS], swap };
        names.ids[..WORKERS].copy_from_slice(&slots);
        let mut old: [(u8, Id); IDS] = [(0, 0); IDS];
        let mut count = 0;
        for id in WORKERS as Id..IDS as Id {
            let spoken = self.spoken_of(id, &names);
            if spoken != 0 {
                old[count] = (spoken, id);
                count += 1;
            }
        }
        old[..count].sort_unstable();
        for (n, (_, id)) in old[..count].iter().enumerate() {
            names.ids[usize::from(*id)] = (WORKERS + n) as Id;
        }
        names
    }

    /// What speaks of a worker whom the power took: nothing else about it matters any more.
    fn spoken_of(&self, id: Id, names: &Names) -> u8 {
        let mut spoken = 0;
        for (n, order) in self.orders.iter().enumerate() {
            let open = order.journal.base.open.is_some_and(|open| open.by == id);
            let marked = order.marks >> id & 1 != 0;
            spoken |= (u8::from(open) | u8::from(marked) << 1) << (2 * names.order(n as u8));
        }
        for (slot, worker) in self.workers.iter().enumerate() {
            if worker.op.is_some_and(|op| op.doing == Doing::Orphan(id)) {
                spoken |= 16 << names.ids[slot];
            }
        }
        spoken
    }

    fn renamed(&self, names: &Names) -> Self {
        let mut world = *self;
        for (n, old) in self.orders.iter().enumerate() {
            world.orders[usize::from(names.order(n as u8))] = renamed(*old, names);
        }
        for (n, old) in self.workers.iter().enumerate() {
            let mut worker = *old;
            if let Some(hand) = &mut worker.hand {
                hand.order = names.order(hand.order);
            }
            if let Some(op) = &mut worker.op {
                op.order = names.order(op.order);
                if let Doing::Orphan(dead) = &mut op.doing {
                    *dead = names.id(*dead);
                }
            }
            world.workers[usize::from(names.ids[n])] = worker;
        }
        world
    }
}

/// What became of an order, in a number: the same for every way to name the workers.
fn order_look(order: &Order) -> u64 {
    let seen = &order.journal.base;
    let parts = [
        (order.place as u64, 3),
        (u64::from(order.hold), 1),
        (u64::from(order.touched), 1),
        (u64::from(order.markers), 2),
        (u64::from(order.marks.count_ones()), 4),
        (u64::from(order.lock.is_some()), 1),
        (order.journal.unsynced() as u64, 4),
        (u64::from(seen.generation), 4),
        (seen.to as u64, 2),
        (u64::from(seen.open.is_some()), 1),
        (order.file.word as u64, 2),
        (order.on_disk.word as u64, 2),
        (u64::from(order.reported), 4),
        (u64::from(order.handed), 4),
    ];
    parts.into_iter().fold(0, |look, (part, bits)| look << bits | part)
}

/// The same order when the workers have other ids.
fn renamed(mut order: Order, names: &Names) -> Order {
    order.lock = order.lock.map(|slot| names.id(slot));
    let marks = (0..IDS as Id).filter(|id| order.marks >> id & 1 != 0);
    order.marks = marks.fold(0, |all, id| all | 1 << names.id(id));
    if let Some(open) = &mut order.journal.base.open {
        open.by = names.id(open.by);
    }
    for entry in order.journal.tail.iter_mut().flatten() {
        if let Entry::Claim { by, .. } = entry {
            *by = names.id(*by);
        }
    }
    order
}

#[test]
fn a_world_is_the_same_world_whatever_its_workers_and_orders_are_called() {
    let model = super::runs::FULL;
    let mut random = fastrand::Rng::with_seed(1);
    let mut looked_at = 0;
    for _ in 0..200 {
        let mut world = model.init_states().remove(0);
        loop {
            for slots in PERMUTATIONS {
                for swap in [false, true] {
                    let other = world.renamed(&world.names(slots, swap));
                    assert_eq!(other.canonical(), world, "{other:?}");
                }
            }
            looked_at += 1;
            let mut acts = Vec::new();
            model.actions(&world, &mut acts);
            let next = acts.into_iter().filter_map(|act| model.next_state(&world, act));
            let Some(next) = random.choice(next.collect::<Vec<_>>()) else { break };
            world = next;
        }
    }
    assert!(looked_at > 2_000, "{looked_at}");
}
