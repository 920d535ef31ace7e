//! One batch: one agent session, one order per turn, each order moved on as soon as its own gate is through.
//!
//! The loop has three steps that never mix: wait for one piece of news; let plain code act on it; give the next turn.
//! Gates run beside the session, one job at a time (all that wait together, where the gate is a union).

mod accounting;
mod choose;
mod closing;
mod ended;
mod held;
mod gating;
mod instructions;
mod job;
mod looking;
mod news;
mod opening;
mod permit;
mod reach;
mod record;
mod recorder;
mod summary;
mod room;
mod settle;
mod taking;
mod turns;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::accounts::Probe;
use crate::agent::{Session, Usage};
use crate::awake::Watch;
use crate::check::Check;
use crate::error::{Error, Result};
use crate::event::What;
use crate::failure::{Fault, TurnEnd};
use crate::floor::unix_now;
use crate::ledger::{Line, Sum};
use crate::order::OrderId;
use crate::permits::Permit;
use crate::plan::Footprint;
use crate::process;
use crate::queue::Release;
use crate::ruling::{self, Case, Ruling, Trouble, Whose};
use crate::shop::{Board, Hired, Shop};
use crate::stop::Stop;
use crate::witness::Witness;

pub use choose::{PassedOver, Picked, pick};
use gating::Gated;
use held::Held;
use job::Job;
use news::News;
pub use permit::Door;
pub use record::{Decision, Fate, GateRun, RECORD, Record, Work};
use recorder::Recorder;

/// How long a session may take to end by itself once its last turn is over.
const GRACE: Duration = Duration::from_secs(5);

/// How long a gate may take to end once we are told to stop at once.
const GATE_GRACE: Duration = Duration::from_secs(15);

/// What a batch came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Orders that moved on.
    pub advanced: u64,
    /// Orders about which something was decided, for better or worse: the stage's machine works.
    pub decided: u64,
    /// The stage must pause, or an account is parked.
    pub trouble: Option<Trouble>,
    /// The session's context was full after so many turns: the next one is to take fewer orders.
    pub split_after: Option<u64>,
}

/// Why an order gets one more turn in the same session.
#[derive(Debug)]
enum Again {
    /// A gate is red, and this is what it found.
    Fix { gate: String, findings: String },
    /// The turn before ended without a result that counts: this was there instead.
    Repair { instead: String },
}

struct Batch<'a> {
    shop: &'a Arc<Shop>,
    board: &'a mut Board,
    passed: &'a mut PassedOver,
    stop: &'a Stop,
    picked_session: crate::holder::SessionId,
    dir: PathBuf,
    nonce: String,
    alone: bool,
    /// Weight this session has taken.
    used: usize,
    /// What each order it has taken touches.
    members: Vec<(OrderId, Footprint)>,
    /// The right to run a session, until it ends.
    permit: Option<Permit>,
    /// Why it has taken what it has.
    record: Recorder,
    /// The orders whose worktrees its agent can write to. `None`: all, or the stage writes to none.
    within_reach: Option<Vec<OrderId>>,
    /// A further order could not be had, for a reason that was told.
    no_more: bool,
    /// Claimed; their turns have not begun.
    todo: VecDeque<Job>,
    /// They get one more turn.
    again: VecDeque<(Job, Again)>,
    /// The agent is at them (one, unless it is a one-shot agent).
    given: BTreeMap<OrderId, (Job, Instant)>,
    /// Their turns have ended; they wait for their gates.
    waiting: VecDeque<Job>,
    checking: Option<JoinHandle<Vec<Gated>>>,
    open: Option<Box<dyn Session>>,
    /// How the queue stood when the session was opened.
    witness: Option<Witness>,
    /// Counts the time in which we run: limits are not used up while we are stopped.
    watch: Watch,
    /// When the session was opened, by the watch; so are the others.
    opened_at: Duration,
    /// When the agent was heard last.
    heard_at: Duration,
    /// When the last turn began or ended: that is where the time of what is under way counts from.
    turn_at: Duration,
    /// We dropped the running turn: until when the agent may take to say so, and why.
    interrupted: Option<(Duration, Fault, String)>,
    /// Which of the stage's agents it is.
    hired: usize,
    /// The right to try the agent's account, which was parked, until a turn shows that it works.
    probe: Option<Probe>,
    /// The most weight it takes.
    most: usize,
    /// What its turns have used.
    spent: Sum,
    /// Turns of an agent that tells only what its session used, and the folders of their orders.
    unshared: Vec<(Line, PathBuf)>,
    /// What the turn under way has used so far, as far as that is told.
    live: Usage,
    /// What the turn under way is held to.
    held: Vec<Held>,
    /// Until when that counts, unix seconds: the end of the day.
    held_until: u64,
    /// There was no room on the disk for a while in the turn that is under way.
    was_full: bool,
    turns: u64,
    draining: bool,
    outcome: Outcome,
}

/// Runs one batch to its end. An error is the queue's: what could not be given back is found by recovery.
pub async fn run(
    shop: &Arc<Shop>,
    board: &mut Board,
    passed: &mut PassedOver,
    picked: Picked,
    stop: &Stop,
) -> Result<Outcome> {
    let dir = shop.floor.session(&picked.session);
    std::fs::create_dir_all(&dir).map_err(|error| Error::io("make", &dir, error))?;
    let mut batch = Batch {
        shop,
        board,
        passed,
        stop,
        nonce: format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)),
        alone: picked.alone,
        used: 0,
        members: Vec::new(),
        permit: picked.permit,
        record: Recorder::new(shop, &shop.agents[picked.hired], &picked.session, &dir),
        within_reach: None,
        no_more: false,
        todo: VecDeque::new(),
        again: VecDeque::new(),
        hired: picked.hired,
        probe: picked.probe,
        most: picked.most,
        spent: Sum::default(),
        unshared: Vec::new(),
        live: Usage::default(),
        held: Vec::new(),
        held_until: 0,
        given: BTreeMap::new(),
        waiting: VecDeque::new(),
        checking: None,
        open: None,
        witness: None,
        watch: Watch::start(),
        opened_at: Duration::ZERO,
        heard_at: Duration::ZERO,
        turn_at: Duration::ZERO,
        interrupted: None,
        was_full: false,
        turns: 0,
        draining: false,
        outcome: Outcome::default(),
        picked_session: picked.session,
        dir,
    };
    batch.record.add("at the start", picked.share, picked.reasons);
    for (claim, footprint) in picked.claims {
        batch.admit(claim, footprint);
    }
    batch.bury_worn_out().await?;
    let ran = Box::pin(batch.work()).await;
    batch.close("done").await;
    shop.workspace.close_looks(batch.picked_session.as_str());
    batch.record.close(shop).await;
    ran?;
    Ok(batch.outcome)
}

impl Batch<'_> {
    /// The agent it works with.
    fn hired(&self) -> &Hired {
        &self.shop.agents[self.hired]
    }

    fn takes_turns(&self) -> bool {
        self.hired().agent.takes_turns()
    }

    fn admit(&mut self, claim: crate::queue::Claim, footprint: Footprint) {
        self.used += claim.request().weight.max(1) as usize;
        self.record.admit(&claim);
        self.members.push((claim.id().clone(), footprint));
        let job = Job::new(self.shop, claim, &self.dir, self.alone);
        if job.gates_only(&self.shop.stage) {
            self.waiting.push_back(job);
        } else {
            self.todo.push_back(job);
        }
    }

    /// An order that has killed too many workers is given up before it kills another.
    async fn bury_worn_out(&mut self) -> Result<()> {
        for job in std::mem::take(&mut self.todo) {
            let history = job.claim.history();
            match ruling::worn_out(history, &self.shop.config.limits, unix_now()) {
                Some(ruling) => self.settle(job, ruling).await?,
                None => self.todo.push_back(job),
            }
        }
        Ok(())
    }

    async fn work(&mut self) -> Result<()> {
        if !self.todo.is_empty() {
            self.open_session().await?;
        }
        loop {
            self.start_check();
            if self.stop.is_now() {
                return self.abandon().await;
            }
            if self.stop.draining() && !self.draining {
                self.draining = true;
                self.give_back_unbegun("shutting down")?;
            }
            if !self.give_next().await? {
                return Ok(());
            }
            self.show();
            self.record.hear();
            let news = news::wait(self).await;
            self.was_full |= self.wait_for_room().await;
            self.act(news).await?;
        }
    }

    /// Whether anything is under way: a turn, a gate, or a gate that waits.
    fn busy(&self) -> bool {
        !self.given.is_empty() || self.checking.is_some() || !self.waiting.is_empty()
    }

    fn start_check(&mut self) {
        if self.checking.is_some() || self.waiting.is_empty() {
            return;
        }
        let most = if gating::grouped(self.shop) { self.waiting.len() } else { 1 };
        let jobs: Vec<Job> = self.waiting.drain(..most).collect();
        let (shop, stop) = (Arc::clone(self.shop), self.stop.clone());
        self.checking = Some(tokio::spawn(gating::run(shop, jobs, stop)));
    }

    async fn act(&mut self, news: News) -> Result<()> {
        match news {
            News::Said(said) => self.hear(said).await,
            News::Checked(gated) => {
                self.checking = None;
                for one in gated {
                    self.gated(one).await?;
                }
                Ok(())
            }
            News::TurnTooLong => {
                let limit = self.shop.config.limits.turn_timeout;
                self.drop_turn(Fault::Hung, format!("its turn took longer than {limit:?}")).await
            }
            News::Silence(limit) => {
                let why = format!("the agent was silent for {limit:?}");
                self.session_failed(Fault::Hung, &why).await
            }
            News::SessionTooLong => {
                let limit = self.shop.config.limits.session_timeout;
                // Whoever comes late in a session has not used its time up.
                let late = self.turns > 1 && self.takes_turns();
                let fault = if late { Fault::Interrupted } else { Fault::Hung };
                self.session_failed(fault, &format!("the session took longer than {limit:?}")).await
            }
            News::NotInterrupted(fault, why) => self.session_failed(fault, &why).await,
            News::Stop => Ok(()),
        }
    }

    async fn gated(&mut self, gated: Gated) -> Result<()> {
        let (job, reports) = match gated {
            Gated::Ruled(job, reports) => (*job, reports),
            Gated::Arrived => {
                self.outcome.decided += 1;
                self.outcome.advanced += 1;
                self.board.show(|status| status.advanced += 1);
                return Ok(());
            }
            Gated::Lost(order, why) => {
                self.shop.tell(What::LostClaim { order, why });
                return Ok(());
            }
            Gated::Broken(error) => return Err(error),
        };
        let passed = reports.iter().all(|report| report.check.passed());
        let unable = reports.iter().any(|report| matches!(report.check, Check::CouldNotRun { .. }));
        if (self.stop.is_now() && !passed) || (self.stop.draining() && unable) {
            // It could not be finished because we stop: nobody is to blame, and no stage pauses for it.
            settle::give_back(
                self.shop,
                job,
                &Release::lost("stopped before its gate was through"),
            )?;
            return Ok(());
        }
        let said = TurnEnd::Testified(job.testimony());
        let warm = self.open.is_some() && self.takes_turns() && !self.draining;
        let fix_turns = if warm { job.fix_turns } else { 0 };
        let ruling = self.rule(&job, &said, &reports, fix_turns);
        self.settle(job, ruling).await
    }

    fn rule(
        &self,
        job: &Job,
        said: &TurnEnd,
        gates: &[crate::check::GateReport],
        fix_turns: u32,
    ) -> Ruling {
        ruling::rule(&self.case(job, said, gates, fix_turns))
    }

    fn case<'c>(
        &'c self,
        job: &'c Job,
        said: &'c TurnEnd,
        gates: &'c [crate::check::GateReport],
        fix_turns: u32,
    ) -> Case<'c> {
        Case {
            pipeline: &self.shop.pipeline,
            stage: &self.shop.stage,
            history: job.claim.history(),
            limits: &self.shop.config.limits,
            said,
            gates,
            fix_turns,
            repairs: if self.is_warm() { job.repairs } else { 0 },
            alone: job.alone,
            now: unix_now(),
            chance: fastrand::f64(),
        }
    }

    /// True while the session could take one more turn of an order that it has had.
    fn is_warm(&self) -> bool {
        self.open.is_some() && self.takes_turns() && !self.draining
    }

    async fn settle(&mut self, mut job: Job, ruling: Ruling) -> Result<()> {
        match ruling {
            Ruling::FixTurn { gate, findings } => {
                self.again.push_back((job, Again::Fix { gate, findings }));
                return Ok(());
            }
            Ruling::Repair { why } => {
                job.repairs = job.repairs.saturating_sub(1);
                self.again.push_back((job, Again::Repair { instead: why }));
                return Ok(());
            }
            Ruling::GiveBack { trouble: Some(ref trouble), .. } => {
                // The stage's trouble opens its breaker; an account has been parked already.
                let known = self.outcome.trouble.as_ref();
                if known.is_none_or(|known| known.whose != Whose::Stage) {
                    self.outcome.trouble = Some(trouble.clone());
                }
            }
            Ruling::GiveBack { .. } => {}
            Ruling::Advance { .. } | Ruling::SendBack { .. } | Ruling::Bury { .. } => {
                self.outcome.decided += 1;
            }
        }
        if settle::settle(self.shop, job, ruling).await? {
            self.outcome.advanced += 1;
            self.board.show(|status| status.advanced += 1);
        }
        Ok(())
    }

    /// Gives back what waits for a turn, the first one or a fix turn.
    fn give_back_unbegun(&mut self, why: &str) -> Result<()> {
        let again = std::mem::take(&mut self.again).into_iter().map(|(job, _)| job);
        for job in std::mem::take(&mut self.todo).into_iter().chain(again) {
            settle::give_back(self.shop, job, &Release::lost(why))?;
        }
        Ok(())
    }

    /// Told to stop at once: the agent's tree is ended first, then everything is given back.
    async fn abandon(&mut self) -> Result<()> {
        self.book_given();
        self.close("stopped at once").await;
        self.give_back_unbegun("stopped at once")?;
        let given = std::mem::take(&mut self.given).into_values().map(|(job, _)| job);
        for job in given.chain(std::mem::take(&mut self.waiting)) {
            settle::give_back(self.shop, job, &Release::lost("stopped at once"))?;
        }
        if let Some(mut checking) = self.checking.take() {
            let gated = match tokio::time::timeout(GATE_GRACE, &mut checking).await {
                Ok(gated) => gated.unwrap_or_default(),
                Err(_) => self.cut_short(checking).await,
            };
            for one in gated {
                self.gated(one).await?;
            }
        }
        Ok(())
    }

    /// A gate that does not hear us: it is dropped, which gives its orders back, and what it started is ended.
    async fn cut_short(&self, checking: JoinHandle<Vec<Gated>>) -> Vec<Gated> {
        checking.abort();
        let gated = checking.await.unwrap_or_default();
        let cookie = format!("{}/", self.shop.enlisted.worker);
        let ended = tokio::task::spawn_blocking(move || process::end_all(&cookie, GATE_GRACE));
        if !ended.await.unwrap_or(false) {
            self.shop.warn("a process that a gate started could not be ended");
        }
        gated
    }

    fn show(&mut self) {
        let order = self.given.keys().next().cloned();
        let held: Vec<OrderId> = self
            .todo
            .iter()
            .chain(self.waiting.iter())
            .chain(self.again.iter().map(|(job, _)| job))
            .map(|job| job.id().clone())
            .chain(self.given.keys().cloned())
            .collect();
        let doing = match (&order, self.checking.is_some()) {
            (Some(order), true) => format!("turn of {order}; a gate runs beside it"),
            (Some(order), false) => format!("turn of {order}"),
            (None, true) => "a gate runs".to_owned(),
            (None, false) => "between turns".to_owned(),
        };
        let session = self.picked_session.clone();
        self.board.show(|status| {
            status.session = Some(session);
            status.order = order;
            status.held = held;
            status.doing = doing;
            status.idle = false;
        });
    }
}
