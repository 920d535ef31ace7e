//! What a worker does under an order's lock, step by step, as `workers/queue/files/moves.rs` and `recover.rs` do it.

use super::journal::Entry;
use super::order::{Finding, Id, Word};
use super::rules::Rules;
use super::world::{At, Doing, Hand, Life, Op, World, breach};

impl World {
    /// A worker has taken the lock, and looks.
    pub(super) fn begin(&mut self, rules: &Rules, slot: usize, doing: Doing, order: u8) {
        let seen = &mut self.orders[usize::from(order)];
        seen.lock = Some(slot as u8);
        let mut op = Op { doing, order, at: At::Redone };
        match seen.find(rules) {
            Finding::Stands(_) => {
                self.workers[slot].op = Some(op);
                self.decide(rules, slot);
                return;
            }
            Finding::Redo(word) => {
                if rules.redo_is_synced {
                    seen.journal.sync();
                }
                seen.write(word, false);
            }
            Finding::Edited(word) => {
                if rules.edit_is_synced {
                    seen.on_disk = seen.file;
                }
                seen.journal.append(Entry::Manual { to: word });
                op.at = At::Noted;
            }
        }
        self.workers[slot].op = Some(op);
    }

    /// `.state` and journal agree: is the wish still one, and what is written down?
    fn decide(&mut self, rules: &Rules, slot: usize) {
        let Some(op) = self.workers[slot].op else { return };
        match op.doing {
            Doing::Claim(word) => self.decide_claim(rules, slot, op, word),
            Doing::Advance | Doing::Release => self.decide_held(rules, slot, op),
            Doing::Orphan(dead) => {
                let order = &mut self.orders[usize::from(op.order)];
                if order.journal.seen().open.is_some_and(|open| open.by == dead) {
                    order.journal.append(Entry::Orphan);
                    self.now(slot, At::Written);
                } else {
                    self.finish(slot);
                }
            }
        }
    }

    fn decide_claim(&mut self, rules: &Rules, slot: usize, op: Op, word: Word) {
        let by = slot as Id;
        let seen = self.orders[usize::from(op.order)].journal.seen();
        let open_and_dead = seen.open.is_some_and(|open| !self.lives(open.by));
        let order = &mut self.orders[usize::from(op.order)];
        let skipped =
            (order.hold && rules.holds_are_heeded) || seen.to != word || seen.open.is_some();
        if skipped {
            // Its dead owner's processes are ended by recovery first; then the marker is right again.
            if !open_and_dead {
                order.markers &= !word.bit();
            }
            if !order.hold && seen.to != word {
                order.make_ready(seen.to);
            }
            self.let_go(slot);
            return;
        }
        self.breaches |= if order.hold { breach::HELD } else { 0 };
        if !rules.marker_goes_last {
            order.markers &= !word.bit();
        }
        if rules.mark_comes_first && rules.marker_goes_last {
            order.marks |= 1 << by;
        }
        let generation = if rules.generations_go_on { seen.generation + 1 } else { 1 };
        order.journal.append(Entry::Claim { generation, by });
        order.edit = None;
        self.now(slot, At::Written);
    }

    fn decide_held(&mut self, rules: &Rules, slot: usize, op: Op) {
        let by = slot as Id;
        let Some(hand) = self.workers[slot].hand else { return };
        let order = &mut self.orders[usize::from(op.order)];
        let seen = order.journal.seen();
        let open = seen.open.filter(|open| open.by == by);
        let current = open.is_some_and(|open| open.generation == hand.generation);
        let ours = current && seen.to == hand.word;
        if rules.claim_is_checked && !ours {
            if open.is_none() {
                order.make_ready(seen.to);
                order.marks &= !(1 << by);
            }
            self.workers[slot].hand = None;
            self.let_go(slot);
            return;
        }
        if op.doing == Doing::Release {
            order.journal.append(Entry::Release);
            self.now(slot, At::Written);
            return;
        }
        let (from, to) = (hand.word, hand.word.next());
        let generation = hand.generation;
        let entry = Entry::Advance { generation, from, to, over: order.file.stamp };
        self.breaches |= if current { 0 } else { breach::STALE };
        self.breaches |= if seen.to == from { 0 } else { breach::MOVE };
        self.breaches |= if hand.generation > seen.advanced { 0 } else { breach::TWICE };
        if !rules.journal_comes_first {
            order.write(to, false);
            self.now(slot, At::Renamed);
            return;
        }
        if rules.replaced_is_synced && order.file.by_person {
            order.on_disk = order.file;
        }
        if current && order.edit == Some(from) {
            // It stands where the person put it, and goes on from there under a claim that still holds.
            order.edit = None;
        }
        order.journal.append(entry);
        self.now(slot, if rules.move_is_synced { At::Written } else { At::Synced });
    }

    /// The next step of an operation under way.
    pub(super) fn step(&mut self, rules: &Rules, slot: usize) {
        let Some(op) = self.workers[slot].op else { return };
        let order = &mut self.orders[usize::from(op.order)];
        match op.at {
            At::Redone => {
                order.on_disk = order.file;
                self.decide(rules, slot);
            }
            At::Noted => {
                order.journal.sync();
                self.decide(rules, slot);
            }
            At::Written => self.sync_entry(rules, slot, op),
            At::Synced => self.after_entry(rules, slot, op),
            At::Renamed => {
                order.on_disk = order.file;
                if !rules.journal_comes_first {
                    self.write_late(slot, op);
                }
                self.now(slot, At::Kept);
            }
            At::Kept => self.finish(slot),
        }
    }

    fn sync_entry(&mut self, rules: &Rules, slot: usize, op: Op) {
        let order = &mut self.orders[usize::from(op.order)];
        let claim = match op.doing {
            Doing::Claim(word) => Some(word),
            _ => None,
        };
        if claim.is_none() || rules.claim_is_synced {
            order.journal.sync();
        }
        if let Some(word) = claim {
            let generation = order.journal.seen().generation;
            self.breaches |= if generation > order.handed { 0 } else { breach::REUSED };
            order.handed = order.handed.max(generation);
            // A person may have written meanwhile.
            let void = matches!(order.find(&Rules::ALL), Finding::Edited(_));
            let hand = Hand { order: op.order, generation, word, void };
            self.workers[slot].hand = Some(hand);
        }
        self.now(slot, At::Synced);
    }

    fn after_entry(&mut self, rules: &Rules, slot: usize, op: Op) {
        let order = &mut self.orders[usize::from(op.order)];
        match op.doing {
            Doing::Claim(word) => {
                if !rules.mark_comes_first || !rules.marker_goes_last {
                    order.marks |= 1 << slot;
                }
                order.markers &= !word.bit();
                self.let_go(slot);
            }
            Doing::Advance => {
                let last = order.journal.seen();
                if order.file.stamp == last.over || !rules.rename_heeds_the_file {
                    order.write(last.to, false);
                }
                self.now(slot, At::Renamed);
            }
            Doing::Release | Doing::Orphan(_) => self.finish(slot),
        }
    }

    /// Without the rule: the entry comes after the rename.
    fn write_late(&mut self, slot: usize, op: Op) {
        let Some(hand) = self.workers[slot].hand else { return };
        let generation = hand.generation;
        let (from, to) = (hand.word, hand.word.next());
        let order = &mut self.orders[usize::from(op.order)];
        order.journal.append(Entry::Advance { generation, from, to, over: 0 });
        order.journal.sync();
    }

    /// Markers last; then the lock is given back, and a worker is told that it is done.
    fn finish(&mut self, slot: usize) {
        let Some(op) = self.workers[slot].op else { return };
        let order = &mut self.orders[usize::from(op.order)];
        let word = order.journal.seen().to;
        order.make_ready(word);
        match op.doing {
            Doing::Orphan(dead) => order.marks &= !(1 << dead),
            _ => order.marks &= !(1 << slot),
        }
        if let (Doing::Advance, Some(hand)) = (op.doing, self.workers[slot].hand) {
            order.reported = order.reported.max(hand.generation);
        }
        if !matches!(op.doing, Doing::Orphan(_)) {
            self.workers[slot].hand = None;
        }
        self.let_go(slot);
    }

    fn now(&mut self, slot: usize, at: At) {
        if let Some(op) = &mut self.workers[slot].op {
            op.at = at;
        }
    }

    fn let_go(&mut self, slot: usize) {
        if let Some(op) = self.workers[slot].op.take() {
            self.orders[usize::from(op.order)].lock = None;
        }
    }

    /// Every order is made right again from its own files, under its lock: as one step, since what it makes is a hint.
    pub(super) fn sweep(&mut self, rules: &Rules, order: usize) {
        let order = &mut self.orders[order];
        match order.find(rules) {
            Finding::Stands(_) => {}
            Finding::Redo(word) => {
                order.journal.sync();
                order.write(word, false);
                order.on_disk = order.file;
            }
            Finding::Edited(word) => {
                if rules.edit_is_synced {
                    order.on_disk = order.file;
                }
                order.journal.append(Entry::Manual { to: word });
                order.journal.sync();
            }
        }
        let seen = order.journal.seen();
        order.markers = 0;
        order.make_ready(seen.to);
        order.marks = seen.open.map_or(0, |open| 1 << open.by);
        order.touched = false;
    }

    /// `kill -9`: locks are free, what it did is as it is, and its agent lives on.
    pub(super) fn crash(&mut self, slot: usize) {
        // Whose turn is over has no agent at work any more.
        let over = self.workers[slot]
            .op
            .is_some_and(|op| op.doing == Doing::Advance || op.doing == Doing::Release);
        if over {
            self.workers[slot].hand = None;
        }
        self.let_go(slot);
        self.workers[slot].life = Life::Dead;
        self.left.crashes -= 1;
    }
}
