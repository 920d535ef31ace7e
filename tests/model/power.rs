//! The power goes: every legal subset of what was not synced is on disk afterwards.

use super::order::{Id, Order, Place};
use super::world::{Life, ORDERS, WORKERS, Worker, World};
use super::{Act, Protocol};

/// What of an order was on disk when the power went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reached {
    /// Unsynced entries of its journal.
    pub(super) entries: u8,
    /// Its newest `.state`, and not only the synced one.
    pub(super) state: bool,
    /// Its name in the queue's folder, when that was not synced.
    pub(super) name: bool,
}

impl Protocol {
    /// Every way in which the power may go.
    pub(super) fn power_cuts(&self, world: &World, acts: &mut Vec<Act>) {
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
    pub(super) fn cut_power(world: &mut World, reached: [Reached; ORDERS], floor: bool) {
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
            // Ids are never used again: the same slots hold other workers now.
            order.marks <<= WORKERS;
            if let Some(open) = &mut order.journal.base.open {
                open.by += WORKERS as Id;
            }
        }
        for worker in world.workers.iter_mut().filter(|worker| worker.life != Life::Unused) {
            *worker = Worker { life: Life::Alive, hand: None, op: None };
        }
    }
}
