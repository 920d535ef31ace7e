//! The baton: every actor has a thread, and only one of them runs. At each call to the machine the script says whether
//! another one goes on, and what strikes.
//!
//! A thread whose process is dead goes on as well, but every call fails and nothing it does has an effect: so its locks and
//! claims are unwound as they would be, without a trace on the disk.

use std::sync::mpsc::Sender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shopfloor::queue::files::machine::Errno;

use super::kernel::{Kernel, Turn};
use super::script::Strike;

/// What kind of call it is: which errors it can meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Open,
    Make,
    Write,
    Change,
    Sync,
    Look,
    List,
    Lock,
}

/// Who calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) slot: usize,
    pub(crate) process: usize,
}

/// What a thread is given to do.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// A thread that waits for something to do, and what it is to do when its turn comes for the first time.
pub(crate) type Desk = Option<(Sender<Job>, Job)>;

/// Calls after which a dead actor's thread that still goes on is a fault of the harness.
const CALLS_OF_A_GHOST: u32 = 20_000;

/// How much longer a pause is here than it says, so that patience ends after few looks.
const PAUSES_ARE_LONGER: u32 = 40;

/// One history, shared by the threads of its actors.
pub(crate) struct World {
    kernel: Mutex<Kernel>,
    turns: Vec<Condvar>,
    over: Condvar,
    desks: Mutex<Vec<Desk>>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("World")
    }
}

impl World {
    /// A history for at most `most` actors at once.
    pub(crate) fn new(kernel: Kernel, most: usize) -> Self {
        let turns = (0..most).map(|_| Condvar::new()).collect();
        let desks = Mutex::new(Vec::new());
        Self { kernel: Mutex::new(kernel), turns, over: Condvar::new(), desks }
    }

    /// Looks at or changes its state, outside of any call.
    pub(crate) fn with<T>(&self, deed: impl FnOnce(&mut Kernel) -> T) -> T {
        deed(&mut self.locked())
    }

    fn locked(&self) -> MutexGuard<'_, Kernel> {
        self.kernel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets all actors act until none is left. The first one begins.
    pub(crate) fn run(&self, desks: Vec<Desk>) {
        *self.desks.lock().unwrap_or_else(PoisonError::into_inner) = desks;
        let mut kernel = self.locked();
        self.give(&mut kernel, 0);
        while kernel.slots.iter().any(|slot| slot.turn != Turn::Over) {
            kernel = self.over.wait(kernel).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// An actor has done everything.
    pub(crate) fn ended(&self, slot: usize) {
        let mut kernel = self.locked();
        kernel.slots[slot].turn = Turn::Over;
        match kernel.next_after(slot) {
            Some(next) => self.give(&mut kernel, next),
            None => self.over.notify_all(),
        }
    }

    fn give(&self, kernel: &mut Kernel, to: usize) {
        kernel.running = to;
        let mut desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
        match desks.get_mut(to).and_then(Option::take) {
            // A thread that is gone shows as a history that never ends, and as its panic before.
            Some((thread, job)) => drop(thread.send(job)),
            None => self.turns[to].notify_one(),
        }
    }

    fn hand_over<'a>(
        &'a self,
        mut kernel: MutexGuard<'a, Kernel>,
        slot: usize,
        to: usize,
    ) -> MutexGuard<'a, Kernel> {
        if to == slot || kernel.slots[to].turn == Turn::Over {
            return kernel;
        }
        kernel.counts.switches += 1;
        self.give(&mut kernel, to);
        while kernel.running != slot {
            kernel = self.turns[slot].wait(kernel).unwrap_or_else(PoisonError::into_inner);
        }
        kernel
    }

    /// One call to the machine. `deed` is told of an error that it is to come to; it is asked only where something may
    /// have happened all the same.
    pub(crate) fn call<T>(
        &self,
        by: Caller,
        kind: Call,
        about: impl FnOnce(&Kernel) -> String,
        deed: impl FnOnce(&mut Kernel, Option<Errno>) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let mut kernel = self.locked();
        kernel.slots[by.slot].calls += 1;
        kernel.elapsed += 10_000;
        if !kernel.ghost(by) {
            kernel.steps += 1;
            kernel = self.strike(kernel, by);
        }
        if kernel.ghost(by) {
            kernel.elapsed += 1_000_000_000;
            let slot = &mut kernel.slots[by.slot];
            slot.ghostly += 1;
            let for_ever = slot.ghostly > CALLS_OF_A_GHOST && !std::thread::panicking();
            assert!(!for_ever, "a dead actor goes on for ever");
            return Err(Errno::IO);
        }
        let what = kernel.trace.is_some().then(|| about(&kernel));
        kernel.followed = false;
        let fault = kernel.fault(by, kind);
        let answer = match fault {
            Some(error) if !matches!(kind, Call::Write | Call::Sync) => Err(error),
            fault => deed(&mut kernel, fault),
        };
        let error = answer.as_ref().err().map_or(0, |error| error.raw_os_error());
        kernel.mix(by.slot as u64 * 64 + kind as u64);
        kernel.mix(u64::from(error.unsigned_abs()));
        if let Some(what) = what {
            let struck = if fault.is_some() { " (injected)" } else { "" };
            let came = match error {
                0 => String::new(),
                _ => format!(" -> {:?}{struck}", Errno::from_raw_os_error(error)),
            };
            let line = format!("{:5} {}: {what}{came}", kernel.steps, by.slot);
            kernel.trace.iter_mut().for_each(|trace| trace.push(line.clone()));
        }
        if kernel.broken() {
            kernel.off = true;
        }
        answer
    }

    /// What the script has for this call.
    fn strike<'a>(
        &'a self,
        mut kernel: MutexGuard<'a, Kernel>,
        by: Caller,
    ) -> MutexGuard<'a, Kernel> {
        loop {
            let slot = &mut kernel.slots[by.slot];
            let Some(&(at, strike)) = slot.strikes.get(slot.next_strike) else { return kernel };
            if at > slot.calls {
                return kernel;
            }
            slot.next_strike += 1;
            match strike {
                Strike::Switch(to) => {
                    let to = to % kernel.slots.len();
                    kernel = self.hand_over(kernel, by.slot, to);
                }
                Strike::Stop => {
                    kernel.counts.stops += 1;
                    kernel.slots[by.slot].turn = Turn::Stopped;
                    let next = kernel.next_after(by.slot).unwrap_or(by.slot);
                    kernel = self.hand_over(kernel, by.slot, next);
                    kernel.slots[by.slot].turn = Turn::Waiting;
                }
                other => kernel.struck(by, other),
            }
            if kernel.ghost(by) {
                return kernel;
            }
        }
    }

    /// Lets others go on.
    pub(crate) fn pause(&self, by: Caller, length: Duration) {
        let mut kernel = self.locked();
        let longer = length.saturating_mul(PAUSES_ARE_LONGER).as_nanos();
        kernel.elapsed += u64::try_from(longer).unwrap_or(u64::MAX / 4);
        if !kernel.ghost(by)
            && let Some(next) = kernel.next_after(by.slot)
        {
            drop(self.hand_over(kernel, by.slot, next));
        }
    }
}

impl Kernel {
    /// True for a caller that is dead.
    pub(crate) fn ghost(&self, by: Caller) -> bool {
        self.off || !self.processes[by.process].lives
    }

    fn struck(&mut self, by: Caller, strike: Strike) {
        let slot = &mut self.slots[by.slot];
        match strike {
            Strike::Kill if !self.processes[by.process].by_hand => {
                self.counts.kills += 1;
                self.note(by.slot, "kill -9");
                self.kill(by.process);
            }
            Strike::Cut => {
                self.counts.cuts += 1;
                self.cut(by.slot);
            }
            Strike::Fail(error) => slot.failing = Some(error),
            Strike::Short(bytes) => slot.short = Some(bytes),
            Strike::Full(calls) => {
                slot.full_until = slot.calls + calls;
                self.counts.full += 1;
            }
            Strike::Jump(seconds) => {
                self.wall += seconds;
                self.counts.jumps += 1;
                self.note(by.slot, &format!("the wall clock jumps {seconds} s"));
            }
            Strike::Kill | Strike::Switch(_) | Strike::Stop => {}
        }
    }

    /// The error that this call is to come to, if any.
    fn fault(&mut self, by: Caller, kind: Call) -> Option<Errno> {
        if self.processes[by.process].by_hand {
            return None;
        }
        let slot = &mut self.slots[by.slot];
        if slot.calls < slot.full_until && matches!(kind, Call::Make | Call::Write) {
            self.counts.errors += 1;
            return Some(Errno::NOSPC);
        }
        if slot.short.is_some() && kind == Call::Write {
            self.counts.short += 1;
            return Some(Errno::NOSPC);
        }
        let error = slot.failing.filter(|&error| can_meet(kind, error))?;
        slot.failing = None;
        self.counts.errors += 1;
        self.oracle.sync_failed |= kind == Call::Sync;
        self.oracle.disturbed |= error != Errno::NOSPC;
        Some(error)
    }
}

/// True when such a call can fail so.
fn can_meet(kind: Call, error: Errno) -> bool {
    match error {
        Errno::IO => true,
        Errno::NOSPC | Errno::DQUOT => matches!(kind, Call::Make | Call::Write),
        Errno::ROFS => matches!(kind, Call::Make | Call::Change),
        Errno::MFILE | Errno::ACCESS => matches!(kind, Call::Open | Call::Make),
        Errno::INTR => kind == Call::List,
        Errno::NOLCK => kind == Call::Lock,
        _ => false,
    }
}
