//! The loop every worker runs: look, claim, run one batch, again; asleep in between. It never asks which stage it is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::batch::{self, Door, Outcome, PassedOver, Picked};
use crate::config::Limits;
use crate::error::{Error, Kind, Result};
use crate::event::What;
use crate::failure::Class;
use crate::floor::{Breaker, unix_now};
use crate::holder::{SessionId, WorkerId};
use crate::permits::{PermitBell, Permits};
use crate::process;
use crate::queue::{Bell, Recovered};
use crate::retention;
use crate::ruling::{Trouble, backoff};
use crate::secrets;
use crate::shop::{Board, Shop};
use crate::stop::Stop;
use crate::survey::Wants;

/// How often an idle worker looks for dead ones.
const RECOVER_EVERY: Duration = Duration::from_secs(2);
/// How often the index is rebuilt: what people did by hand (`mkdir`, `echo IMPL > .state`, `rm -r ready`) is found then. As
/// often as it costs next to nothing, and never more rarely than the second figure.
const SWEEP_EVERY: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(600)];
/// A sweep may take this part of a worker's time.
const SWEEP_SHARE: u32 = 500;
/// How often it is looked whether old sessions are to go.
const TIDY_EVERY: Duration = Duration::from_secs(60);
/// How long the process tree of a dead worker may take to end before it is left for the next look.
const UNDERTAKER_LIMIT: Duration = Duration::from_secs(10);

/// When a worker ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Never: when it is told to stop.
    Stopped,
    /// After one batch, or at once when nothing is ready.
    Once,
    /// When there is nothing more to do for its stage.
    Idle,
}

/// How a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Ended {
    /// Told to, or all done.
    Done,
    /// There was nothing to do at all.
    NothingToDo,
    /// Told to stop at once.
    Interrupted,
}

/// Runs the loop.
pub async fn run(shop: &Arc<Shop>, until: Until, stop: &Stop) -> Result<Ended> {
    let mut board = Board::new(shop);
    board.show(|_| {});
    shop.tell(What::Started {
        stage: shop.stage.name.to_owned(),
        agent: shop.agent.name().to_owned(),
        batch: shop.batch,
        simulated: shop.agent.simulated(),
    });
    let mut floor = Worker {
        shop,
        bell: shop.queue.bell(shop.stage.takes)?,
        passed: PassedOver::default(),
        door: Door::default(),
        freed: shop.permits.as_ref().map(Permits::bell).transpose()?,
        recovered_at: None,
        swept: None,
        tidied: None,
        broken: Vec::new(),
        pause_told: None,
        untidy: false,
        warned: None,
    };
    let ended = floor.work(&mut board, until, stop).await;
    let status = &board.status;
    shop.tell(What::Stopped {
        sessions: status.sessions,
        turns: status.turns,
        advanced: status.advanced,
    });
    if ended.is_ok() {
        // Who went in good order is not to be shown as dead.
        shop.floor.remove_status(&shop.enlisted.worker);
    }
    ended
}

/// Ends what a dead worker left running. True when nothing of it is left.
pub fn undertake(worker: &WorkerId) -> bool {
    process::end_all(&format!("{worker}/"), UNDERTAKER_LIMIT)
}

struct Worker<'a> {
    shop: &'a Arc<Shop>,
    bell: Bell,
    passed: PassedOver,
    /// Our place among those who wait for a permit.
    door: Door,
    /// Rings when a permit may have become free.
    freed: Option<PermitBell>,
    recovered_at: Option<Instant>,
    /// When the index was rebuilt last, and how long that took.
    swept: Option<(Instant, Duration)>,
    /// When old sessions were taken away last.
    tidied: Option<Instant>,
    /// Orders that can't be worked on, as they were told.
    broken: Vec<(String, String)>,
    /// Why the stage pauses, as it was told.
    pause_told: Option<String>,
    /// The queue could not be looked after, and that was told.
    untidy: bool,
    /// The warning that was told last: it is told once, not at every poll.
    warned: Option<String>,
}

impl Worker<'_> {
    async fn work(&mut self, board: &mut Board, until: Until, stop: &Stop) -> Result<Ended> {
        let mut batches = 0_u64;
        loop {
            if stop.draining() {
                return Ok(if stop.is_now() { Ended::Interrupted } else { Ended::Done });
            }
            match self.keep_house(stop).await {
                Ok(()) if stop.draining() => continue,
                Ok(()) => self.untidy = false,
                Err(error) if may_pass(&error) => {
                    if !std::mem::replace(&mut self.untidy, true) {
                        self.shop.warn(format!("the queue could not be looked after: {error}"));
                    }
                }
                Err(error) => return Err(error),
            }
            let picked = match self.pick() {
                Ok(Some(picked)) => picked,
                Ok(None)
                    if until == Until::Once || (until == Until::Idle && self.nothing_left()?) =>
                {
                    return Ok(if batches == 0 { Ended::NothingToDo } else { Ended::Done });
                }
                Ok(None) => {
                    self.rest(board, stop).await;
                    continue;
                }
                Err(error) if until == Until::Stopped && may_pass(&error) => {
                    self.warn_once(&error);
                    self.rest(board, stop).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            batches += 1;
            // Boxed: the state of a whole session is large, and most of a worker's life is spent without one.
            let run = batch::run(self.shop, board, &mut self.passed, picked, stop);
            let outcome = Box::pin(run).await;
            match outcome {
                Ok(outcome) => self.learn(&outcome)?,
                Err(error) => return Err(self.out_of_order(error, board, stop).await),
            }
            if until == Until::Once {
                return Ok(Ended::Done);
            }
        }
    }

    /// Gives back what could not be given back before, looks for dead workers and rebuilds the index, each in its time.
    /// We have no claim in hand here.
    async fn keep_house(&mut self, stop: &Stop) -> Result<()> {
        let due = |at: Option<Instant>, every| at.is_none_or(|at| at.elapsed() > every);
        if due(self.recovered_at, RECOVER_EVERY) {
            let found = beside(self.shop, stop, |shop| {
                let back = shop.queue.give_back_all(&shop.enlisted)?;
                Ok((back, shop.queue.recover(&undertake)?))
            });
            let Some((back, found)) = found.await? else { return Ok(()) };
            for (order, state) in back {
                let why = "it could not be given back before".to_owned();
                let class = Class::Lost;
                self.shop.tell(What::Returned { order, state, class, why, rests_secs: 0 });
            }
            for Recovered { id, worker, class } in found {
                let worker = worker.to_string();
                self.shop.tell(What::Recovered { order: id, worker, class });
            }
            self.recovered_at = Some(Instant::now());
        }
        let [least, most] = SWEEP_EVERY;
        let pause = |took: Duration| took.saturating_mul(SWEEP_SHARE).clamp(least, most);
        if self.swept.is_none_or(|(at, took)| at.elapsed() > pause(took)) {
            let begun = Instant::now();
            let swept = beside(self.shop, stop, |shop| shop.queue.sweep());
            let Some(swept) = swept.await? else { return Ok(()) };
            for (name, why) in swept.broken.iter().filter(|one| !self.broken.contains(one)) {
                self.shop.warn(format!("{name:?} can't be worked on: {why}"));
            }
            self.broken = swept.broken;
            let mended = beside(self.shop, stop, |shop| match shop.survey.decide()? {
                Some(_deciding) => shop.survey.mend_line(shop.workspace.root()),
                None => Ok(()),
            });
            if mended.await?.is_none() {
                return Ok(());
            }
            self.swept = Some((Instant::now(), begun.elapsed()));
        }
        if due(self.tidied, TIDY_EVERY) {
            let tidied = beside(self.shop, stop, |shop| {
                retention::tidy(&*shop.queue, &shop.floor, &shop.config.floor)
            });
            if tidied.await?.is_none() {
                return Ok(());
            }
            self.tidied = Some(Instant::now());
        }
        Ok(())
    }

    /// Claims what is ready, if the stage may work now.
    fn pick(&mut self) -> Result<Option<Picked>> {
        let shop = self.shop;
        let room = match shop.floor.breaker(shop.stage.name) {
            Some(breaker) if breaker.until > unix_now() => {
                self.tell_pause(&breaker);
                return Ok(None);
            }
            // One order finds out whether the stage works again.
            Some(_) => 1,
            None => shop.batch,
        };
        let session = SessionId::fresh();
        let (most, bounds) = (usize::MAX, Some(&shop.bounds));
        let idle = if shop.bounds.only.is_some() { 1 } else { 1 + shop.idle_others() };
        let wants = Wants { room, most, warm: false, idle, bounds, joined: Vec::new() };
        let (door, passed) = (&mut self.door, &mut self.passed);
        let picked = match batch::pick(shop, &session, &wants, door, passed) {
            Ok(picked) if picked.claims.is_empty() => return Ok(None),
            Ok(picked) => picked,
            Err(error) if matches!(error.kind(), Kind::DiskFull) => {
                self.warn_once(&error);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        self.warned = None;
        let orders = picked.claims.iter().map(|(claim, _)| claim.id().clone()).collect::<Vec<_>>();
        let why = match picked.alone {
            true => "a suspect of a crash runs alone".to_owned(),
            false => format!("{} of at most {room}; {}", orders.len(), picked.share),
        };
        shop.tell(What::Claimed { orders, why });
        Ok(Some(picked))
    }

    /// Says why nothing is taken, when it was another worker, or an earlier one, that found the stage unable to work.
    fn tell_pause(&mut self, breaker: &Breaker) {
        if self.pause_told.as_ref() == Some(&breaker.why) {
            return;
        }
        let Breaker { stage, until, why, mend, .. } = breaker;
        let secs = until.saturating_sub(unix_now());
        self.shop
            .warn(format!("the {stage} stage pauses for {secs} s more: {why}. What to do: {mend}"));
        self.pause_told = Some(why.clone());
    }

    fn warn_once(&mut self, error: &Error) {
        let text = match error.next_step() {
            Some(hint) => format!("nothing new is claimed: {error}; {hint}"),
            None => format!("nothing new is claimed: {error}"),
        };
        // Figures in the text change from look to look; that it is full does not.
        if self.warned.is_none() {
            self.shop.warn(text.clone());
        }
        self.warned = Some(text);
    }

    /// Sleeps until the bell rings, a while has passed, or somebody asks to stop.
    async fn rest(&self, board: &mut Board, stop: &Stop) {
        let limits = &self.shop.config.limits;
        let breaker = self.shop.floor.breaker(self.shop.stage.name);
        let pause = breaker.filter(|breaker| breaker.until > unix_now());
        let doing = match (&pause, &self.warned) {
            (Some(breaker), _) => format!("paused: {}", breaker.why),
            (None, Some(warned)) => warned.clone(),
            (None, None) if self.door.waits() => "waiting for a permit".to_owned(),
            (None, None) => "waiting for orders".to_owned(),
        };
        board.idle(&doing);
        let spread = limits.poll.mul_f64(0.8 + 0.4 * fastrand::f64());
        let wait = async {
            // While the stage pauses, no ring means anything.
            match pause {
                Some(_) => tokio::time::sleep(spread).await,
                None => self.hear(spread).await,
            }
        };
        tokio::select! {
            () = wait => {}
            () = stop.drain_asked() => {}
        }
    }

    /// Waits until one of the bells rings, at most `limit`.
    async fn hear(&self, limit: Duration) {
        let freed = async {
            match self.freed.as_ref().filter(|_| self.door.waits()) {
                Some(freed) => drop(freed.wait(limit).await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _rung = self.bell.wait(limit) => {}
            () = freed => {}
        }
    }

    /// True when no order of this stage can still be worked on without a person.
    fn nothing_left(&self) -> Result<bool> {
        let shop = self.shop;
        for id in shop.queue.list()?.orders {
            if shop.bounds.only.as_ref().is_some_and(|only| !only.contains(&id)) {
                continue;
            }
            let Ok(Some(order)) = shop.queue.look(&id) else { continue };
            if !shop.stage.takes.contains(&order.state) || !shop.may_work_in(&order.state) {
                continue;
            }
            if order.hold.is_some() {
                continue;
            }
            // What waits for another order can't be done by this worker alone; what rests, or is in somebody's hands,
            // may come to us later.
            let free = order.request.is_ok() && shop.survey.waits_now(&order).is_none();
            if free || order.history.open.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Opens or closes the stage's breaker, as a batch has shown.
    fn learn(&mut self, outcome: &Outcome) -> Result<()> {
        let (floor, stage) = (&self.shop.floor, self.shop.stage.name);
        if let Some(trouble) = &outcome.trouble {
            let count = floor.breaker(stage).map_or(0, |breaker| breaker.count) + 1;
            let limits = &self.shop.config.limits;
            let secs = pause_secs(limits, trouble, count, unix_now(), fastrand::f64());
            let why = secrets::hidden(&trouble.why).into_owned();
            let mend = secrets::hidden(&trouble.mend).into_owned();
            let breaker = Breaker {
                stage: stage.to_owned(),
                until: unix_now() + secs,
                count,
                why: why.clone(),
                mend: mend.clone(),
            };
            match floor.open_breaker(&breaker) {
                // Nothing is claimed on a full disk either.
                Err(error) if error.kind() == Kind::DiskFull => self.warn_once(&error),
                opened => opened?,
            }
            self.pause_told = Some(why.clone());
            self.shop.tell(What::Paused { stage: stage.to_owned(), secs, why, mend });
        } else if outcome.decided > 0 && floor.close_breaker(stage) {
            self.pause_told = None;
            self.shop.tell(What::Resumed { stage: stage.to_owned() });
        }
        Ok(())
    }

    /// The queue itself failed in the middle of a batch. A full disk is waited out first, so that whoever starts us
    /// again does not do so in vain; what we held is then found by recovery, and no paid turn is repeated.
    async fn out_of_order(&mut self, error: Error, board: &mut Board, stop: &Stop) -> Error {
        if error.kind() == Kind::DiskFull {
            self.warn_once(&error);
            board.idle("the disk is full");
            let needed = self.shop.config.limits.free_mib.max(1) * 1024 * 1024;
            while !stop.draining() && self.shop.tightest().0 < needed {
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_secs(2)) => {}
                    () = stop.drain_asked() => {}
                }
            }
        }
        error
    }
}

/// Does something that may take long beside the loop, which hears meanwhile when we are asked to stop. `None` then: the
/// deed goes on by itself, and our end may cut it short as a crash would.
async fn beside<T: Send + 'static>(
    shop: &Arc<Shop>,
    stop: &Stop,
    deed: impl FnOnce(&Shop) -> Result<T> + Send + 'static,
) -> Result<Option<T>> {
    let shop = Arc::clone(shop);
    let task = tokio::task::spawn_blocking(move || deed(&shop));
    tokio::select! {
        done = task => match done {
            Ok(done) => done.map(Some),
            Err(error) => Err(Error::new(Kind::Failed, "a look at the queue failed").caused_by(error)),
        },
        () = stop.drain_asked() => Ok(None),
    }
}

/// True for what may be over at the next look (no descriptor left, one file that can't be read): the worker warns and
/// waits. A queue that is gone or unfit ends it.
fn may_pass(error: &Error) -> bool {
    match error.kind() {
        Kind::Failed | Kind::DiskFull | Kind::BrokenOrder | Kind::Environment | Kind::TimedOut => {
            true
        }
        Kind::Usage | Kind::NotFound | Kind::AlreadyRunning | Kind::Unfit => false,
    }
}

/// How long a stage pauses: doubling from `limits.breaker` to `limits.breaker_cap`, or until the time that was said. A time
/// that has come and changed nothing is not believed a second time: it could be said at every try.
fn pause_secs(limits: &Limits, trouble: &Trouble, count: u32, now: u64, chance: f64) -> u64 {
    let doubled = |before: u32| {
        backoff(limits.breaker, limits.breaker_cap, before as usize, chance).as_secs_f64().ceil()
            as u64
    };
    match trouble.until {
        // At most a week: a time beyond that is a mistake, and is asked again.
        Some(until) if until > now => {
            let least = if count > 1 { doubled(count - 2) } else { 1 };
            (until - now).min(7 * 24 * 3600).max(least)
        }
        _ => doubled(count.saturating_sub(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_and_a_limits_own_time_wins() {
        let limits = Limits::default();
        let trouble = |until| Trouble { why: String::new(), mend: String::new(), until };
        let secs = |until, count| pause_secs(&limits, &trouble(until), count, 1000, 0.5);
        assert_eq!([secs(None, 1), secs(None, 2), secs(None, 30)], [30, 60, 1800]);
        assert_eq!([secs(Some(1500), 1), secs(Some(1500), 5), secs(Some(1001), 1)], [500, 500, 1]);
    }

    #[test]
    fn a_limit_that_is_always_just_over_is_not_asked_every_second() {
        let limits = Limits::default();
        let trouble = |until| Trouble { why: String::new(), mend: String::new(), until };
        let secs = |until, count| pause_secs(&limits, &trouble(Some(until)), count, 1000, 0.5);
        assert_eq!([secs(900, 1), secs(900, 3), secs(1001, 2), secs(1001, 4)], [30, 120, 30, 120]);
    }
}
