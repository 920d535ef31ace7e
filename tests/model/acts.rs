//! What may happen in a world: what people and workers do next, and what goes wrong.

use super::order::{Id, Place, Word};
use super::rules::Rules;
use super::world::{Doing, Life, World};
use super::{Act, Protocol};

impl Protocol {
    pub(super) fn order_acts(&self, world: &World, acts: &mut Vec<Act>) {
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

    pub(super) fn worker_acts(&self, world: &World, slot: usize, acts: &mut Vec<Act>) {
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
            for id in (0..16).filter(|id| order.marks & (1 << id) != 0) {
                if self.may_recover(world, id) {
                    acts.push(Act::Begin(slot, Doing::Orphan(id), n as u8));
                }
            }
        }
    }

    fn may_recover(&self, world: &World, id: Id) -> bool {
        let worker = world.workers.get(usize::from(id));
        let silent = worker.is_some_and(|worker| worker.life == Life::Stopped);
        if !self.rules.only_the_dead_lose && silent {
            return true;
        }
        !world.lives(id) && (!world.left_running(id) || !self.rules.processes_end_first)
    }
}
