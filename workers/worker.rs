//! The loop every worker runs: look, claim, run one batch, again; asleep in between. It never asks which stage it is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::accounts::Parked;
use crate::batch::{self, Door, Outcome, PassedOver, Picked, Record};
use crate::error::{Error, Kind, Result};
use crate::event::What;
use crate::failure::Class;
use crate::floor::{Breaker, unix_now};
use crate::holder::{SessionId, WorkerId};
use crate::order::OrderId;
use crate::permits::{PermitBell, Permits};
use crate::process;
use crate::queue::{Bell, Recovered};
use crate::retention;
use crate::ruling::{Trouble, Whose};
use crate::sandbox::Standing;
use crate::secrets;
use crate::shop::{Board, Shop};
use crate::stop::Stop;
use crate::survey::Wants;

mod pauses;

use pauses::{next_size, pause_secs};

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
    /// A usage limit lasts longer than we are to wait. The orders stay where they are.
    LimitTooLong,
    /// Told to stop at once.
    Interrupted,
}

/// Runs the loop.
pub async fn run(shop: &Arc<Shop>, until: Until, stop: &Stop) -> Result<Ended> {
    let mut board = Board::new(shop);
    board.show(|_| {});
    shop.tell(What::Started {
        stage: shop.stage.name.to_owned(),
        agent: shop.agents_shown(),
        batch: shop.batch,
        simulated: shop.simulated(),
    });
    if let Standing::Open(why) = &shop.standing {
        shop.warn(format!(
            "no sandbox stands around the agent of this stage: it may write wherever you may ({why})"
        ));
    }
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
        parked_told: None,
        fewer: None,
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
    /// How the stage's accounts are parked, as it was told.
    parked_told: Option<String>,
    /// The most weight of the next session, after one whose context was full.
    fewer: Option<usize>,
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
                Ok(None) if self.limit_too_long() => return Ok(Ended::LimitTooLong),
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
                if class == Class::Crash {
                    self.book_cut_short(&worker, &id);
                }
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
            None => self.fewer.unwrap_or(shop.batch),
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

    /// Writes down the turn that a worker who died had under way.
    fn book_cut_short(&self, worker: &WorkerId, id: &OrderId) {
        let shop = self.shop;
        for line in Record::cut_short(&shop.floor, worker, id, unix_now()) {
            if let Err(error) = shop.ledger.add(&line, &shop.folder.join(id.as_str())) {
                shop.warn(format!("{id}: what its turn used is not written down: {error}"));
            }
        }
    }

    /// True when all accounts of the stage are parked for longer than we are to wait, which is told.
    fn limit_too_long(&self) -> bool {
        let Some(most) = self.shop.config.limits.max_limit_wait else { return false };
        let Some(parked) = self.shop.parked() else { return false };
        // What waits for a person has no end that could be waited for.
        let secs = parked.until.map_or(u64::MAX, |until| until.saturating_sub(unix_now()));
        if secs <= most.as_secs() {
            return false;
        }
        let (stage, told) = (self.shop.stage.name, parked.told());
        self.shop.warn(format!(
            "the {stage} stage ends: the account {told}, and that is longer than max_limit_wait ({most:?}). Its orders stay where they are"
        ));
        true
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

    /// Says once that nothing can be begun, when it was another worker that found the account's limit.
    fn tell_parked(&mut self, parked: Option<&Parked>) {
        let told = parked.map(Parked::told);
        if let Some(told) = told.as_ref().filter(|told| self.parked_told.as_ref() != Some(*told)) {
            self.shop.warn(format!("nothing is begun with the account {told}"));
        }
        self.parked_told = told;
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
    async fn rest(&mut self, board: &mut Board, stop: &Stop) {
        let limits = &self.shop.config.limits;
        let breaker = self.shop.floor.breaker(self.shop.stage.name);
        let pause = breaker.filter(|breaker| breaker.until > unix_now());
        let parked = self.shop.parked();
        self.tell_parked(parked.as_ref());
        let doing = match (&pause, &parked, &self.warned) {
            (Some(breaker), ..) => format!("paused: {}", breaker.why),
            (None, Some(parked), _) => parked.told(),
            (None, None, Some(warned)) => warned.clone(),
            (None, None, None) if self.door.waits() => "waiting for a permit".to_owned(),
            (None, None, None) => "waiting for orders".to_owned(),
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
            let order = match shop.queue.look(&id) {
                Ok(Some(order)) => order,
                Ok(None) => continue,
                Err(error) if error.kind() == Kind::BrokenOrder => continue,
                // It may be there all the same.
                Err(_) => return Ok(false),
            };
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
        self.fewer = next_size(self.fewer, outcome, self.shop.batch);
        // An account was parked when the turn ended.
        let of_stage = |trouble: &&Trouble| trouble.whose == Whose::Stage;
        if let Some(trouble) = outcome.trouble.as_ref().filter(of_stage) {
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
