//! One batch: one agent session, one order per turn, each order moved on as soon as its own gate is through.
//!
//! The loop has three steps that never mix: wait for one piece of news; let plain code act on it; give the next turn.
//! Gates run beside the session, one job at a time (all that wait together, where the gate is a union).

mod choose;
mod gating;
mod instructions;
mod job;
mod looking;
mod news;
mod permit;
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

use crate::agent::Session;
use crate::check::Check;
use crate::error::{Error, Result};
use crate::event::What;
use crate::failure::{Class, Failure, TurnEnd};
use crate::floor::unix_now;
use crate::order::OrderId;
use crate::permits::Permit;
use crate::plan::Footprint;
use crate::process;
use crate::queue::Release;
use crate::ruling::{self, Case, Ruling, Trouble};
use crate::shop::{Board, Shop};
use crate::stop::Stop;

pub use choose::{PassedOver, Picked, pick};
use gating::Gated;
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
    /// The stage must pause.
    pub trouble: Option<Trouble>,
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
    /// A further order could not be had, for a reason that was told.
    no_more: bool,
    /// Claimed; their turns have not begun.
    todo: VecDeque<Job>,
    /// Red with a fix turn left: the gate and what it found.
    fixes: VecDeque<(Job, String, String)>,
    /// The agent is at them (one, unless it is a one-shot agent).
    given: BTreeMap<OrderId, (Job, Instant)>,
    /// Their turns have ended; they wait for their gates.
    waiting: VecDeque<Job>,
    checking: Option<JoinHandle<Vec<Gated>>>,
    open: Option<Box<dyn Session>>,
    opened_at: Instant,
    heard_at: Instant,
    /// We dropped the running turn: until when the agent may take to say so, and why.
    interrupted: Option<(Instant, String)>,
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
    let now = Instant::now();
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
        record: Recorder::new(shop, &picked.session, &dir),
        no_more: false,
        todo: VecDeque::new(),
        fixes: VecDeque::new(),
        given: BTreeMap::new(),
        waiting: VecDeque::new(),
        checking: None,
        open: None,
        opened_at: now,
        heard_at: now,
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
    batch.record.close(shop).await;
    ran?;
    Ok(batch.outcome)
}

impl Batch<'_> {
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
                self.drop_turn(format!("its turn took longer than {limit:?}")).await
            }
            News::Silence => {
                let limit = self.shop.config.limits.idle_timeout;
                let why = format!("the agent was silent for {limit:?}");
                self.session_failed(Class::Crash, &why).await
            }
            News::SessionTooLong => {
                let limit = self.shop.config.limits.session_timeout;
                // Whoever comes late in a session has not used its time up.
                let late = self.turns > 1 && self.shop.agent.takes_turns();
                let class = if late { Class::Lost } else { Class::Crash };
                self.session_failed(class, &format!("the session took longer than {limit:?}")).await
            }
            News::NotInterrupted(why) => self.session_failed(Class::Crash, &why).await,
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
        let warm = self.open.is_some() && self.shop.agent.takes_turns() && !self.draining;
        let fix_turns = if warm { job.fix_turns } else { 0 };
        match self.rule(&job, &said, &reports, fix_turns) {
            Ruling::FixTurn { gate, findings } => self.fixes.push_back((job, gate, findings)),
            ruling => self.settle(job, ruling).await?,
        }
        Ok(())
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
            alone: job.alone,
            now: unix_now(),
            chance: fastrand::f64(),
        }
    }

    async fn settle(&mut self, job: Job, ruling: Ruling) -> Result<()> {
        match &ruling {
            Ruling::GiveBack { trouble: Some(trouble), .. } => {
                self.outcome.trouble = Some(trouble.clone());
            }
            Ruling::GiveBack { .. } => {}
            _ => self.outcome.decided += 1,
        }
        if settle::settle(self.shop, job, ruling).await? {
            self.outcome.advanced += 1;
            self.board.show(|status| status.advanced += 1);
        }
        Ok(())
    }

    /// Gives back what waits for a turn, the first one or a fix turn.
    fn give_back_unbegun(&mut self, why: &str) -> Result<()> {
        let fixes = std::mem::take(&mut self.fixes).into_iter().map(|(job, ..)| job);
        for job in std::mem::take(&mut self.todo).into_iter().chain(fixes) {
            settle::give_back(self.shop, job, &Release::lost(why))?;
        }
        Ok(())
    }

    /// Told to stop at once: the agent's tree is ended first, then everything is given back.
    async fn abandon(&mut self) -> Result<()> {
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

    /// Ends the session, if one is open.
    async fn close(&mut self, why: &str) {
        // Given back when the agent has ended, and not before.
        let permit = self.permit.take();
        let Some(session) = self.open.take() else { return };
        let grace = if self.given.is_empty() { GRACE } else { Duration::ZERO };
        let ended = session.end(grace).await;
        for (name, count) in &ended.unknown {
            tracing::info!("the agent sent {count} events of an unknown kind: {name}");
        }
        self.shop.tell(What::SessionEnded {
            session: self.picked_session.to_string(),
            how: format!("{why} ({})", ended.how),
            turns: self.turns,
            left_over: ended.left_over,
            usage: ended.usage,
        });
        drop(permit);
    }

    /// The session can't go on: it is ended, and the orders that were given are charged with `class`.
    async fn session_failed(&mut self, class: Class, why: &str) -> Result<()> {
        self.close(why).await;
        let end = TurnEnd::Failed(Failure::ends_session(class, why));
        for (job, _) in std::mem::take(&mut self.given).into_values() {
            let ruling = self.rule(&job, &end, &[], 0);
            self.settle(job, ruling).await?;
        }
        self.session_gone()
    }

    fn show(&mut self) {
        let order = self.given.keys().next().cloned();
        let held: Vec<OrderId> = self
            .todo
            .iter()
            .chain(self.waiting.iter())
            .chain(self.fixes.iter().map(|(job, ..)| job))
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
