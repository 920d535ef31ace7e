//! Keeps the record of a batch while it runs: for machines (`record.json`), for people (`summary.md`, `tasks/<id>` links to the orders'
//! folders), and what came of landing several together (`integration.md`).
//!
//! A record that can't be written stops nothing.

use std::path::{Path, PathBuf};

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use super::record::{Decision, RECORD, Record};
use super::summary;
use crate::brief::fingerprint;
use crate::error::Result;
use crate::event::What;
use crate::floor::{self, unix_now, unix_time};
use crate::holder::SessionId;
use crate::order::OrderId;
use crate::plan::Reason;
use crate::queue::Claim;
use crate::shop::{Hired, Shop};
use crate::stage::{Gate, Stage};
use crate::state::State;

/// The most decisions that are kept: a session that finds nothing at its turns goes on asking.
const MOST: usize = 200;

/// The most orders that are looked at for those that may begin now.
const MOST_LOOKS: usize = 5_000;

/// Keeps one record.
#[derive(Debug)]
pub(super) struct Recorder {
    dir: PathBuf,
    record: Record,
    heard: Receiver<What>,
}

impl Recorder {
    /// The record of a batch that begins.
    pub(super) fn new(shop: &Shop, hired: &Hired, session: &SessionId, dir: &Path) -> Self {
        let stage = &shop.stage;
        let now = unix_time();
        let record = Record {
            session: session.clone(),
            stage: stage.name.to_owned(),
            about: stage.about.to_owned(),
            takes: stage.takes.to_vec(),
            then: Some(stage.then.clone()),
            worker: shop.enlisted.worker.clone(),
            agent: hired.shown(),
            simulated: hired.agent.simulated(),
            opening: None,
            batch: shop.batch,
            began: now.as_secs(),
            began_ms: now.subsec_millis(),
            ended: None,
            usage: crate::agent::Usage::default(),
            orders: Vec::new(),
            criteria: criteria(stage),
            work: std::collections::BTreeMap::new(),
            unlocked: None,
            decisions: Vec::new(),
        };
        Self { dir: dir.to_owned(), record, heard: shop.teller.listen() }
    }

    /// Puts down one decision. One that says the same as the one before is not put down again.
    pub(super) fn add(&mut self, when: &str, share: String, reasons: Vec<Reason>) {
        let record = &mut self.record;
        let taken = reasons.iter().filter(|reason| reason.taken).map(|reason| reason.order.clone());
        record.orders.extend(taken);
        let same = |last: &Decision| last.share == share && last.reasons == reasons;
        if record.decisions.last().is_some_and(same) || record.decisions.len() >= MOST {
            return;
        }
        record.decisions.push(Decision { at: unix_now(), when: when.to_owned(), share, reasons });
        self.write();
    }

    /// The session was told this at its start.
    pub(super) fn opened(&mut self, opening: &str) {
        self.record.opening = Some(fingerprint(opening));
        self.write();
    }

    /// Takes an order in.
    pub(super) fn admit(&mut self, claim: &Claim) {
        self.record.admit(claim.id(), claim.request(), claim.state());
        let tasks = self.dir.join("tasks");
        let link = tasks.join(claim.id().as_str());
        // From sessions/<sid>/tasks/ to the queue's folder. It is there already when the order comes a second time.
        let target = Path::new("../../../..").join(claim.id().as_str());
        let made = std::fs::create_dir_all(&tasks)
            .and_then(|()| std::os::unix::fs::symlink(target, &link));
        if let Err(error) = made {
            tracing::debug!(%error, link = %link.display(), "no link to the order");
        }
        self.write();
    }

    /// Takes in what was told since the last call.
    pub(super) fn hear(&mut self) {
        let mut changed = false;
        loop {
            match self.heard.try_recv() {
                Ok(what) => changed |= self.record.hear(&what),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        if changed {
            self.write();
        }
    }

    /// The last word: what landed, and what may begin now.
    pub(super) async fn close(&mut self, shop: &Shop) {
        self.hear();
        for (id, work) in &mut self.record.work {
            if work.to == Some(State::READY_FOR_REVIEW) && work.fate == super::record::Fate::MovedOn
            {
                let landed = shop.workspace.branch_of(id).await.ok().flatten();
                work.commit = landed.map(|commit| commit.commit);
            }
        }
        self.record.close(unix_now());
        self.record.unlocked = unlocked(shop, &self.record);
        self.write();
    }

    fn write(&self) {
        let record = &self.record;
        let json = serde_json::to_vec_pretty(record).unwrap_or_default();
        let written = floor::replace(&self.dir.join(RECORD), &json)
            .and_then(|()| {
                floor::replace(&self.dir.join("summary.md"), summary::page(record).as_bytes())
            })
            .and_then(|()| match summary::integration(record) {
                Some(page) => floor::replace(&self.dir.join("integration.md"), page.as_bytes()),
                None => Ok(()),
            });
        if let Err(error) = written {
            tracing::debug!(%error, "the record of the batch is not written");
        }
    }
}

/// What has to be true of an order before it moves on from this stage.
fn criteria(stage: &Stage) -> Vec<String> {
    let told = stage.gates.iter().map(|step| match step.gate {
        Gate::Spec => "its spec has all its sections".to_owned(),
        Gate::Red => "its new tests fail, twice, and what passed before still passes".to_owned(),
        Gate::Green => {
            "its tests pass, as they were frozen, and nothing that passed before fails".to_owned()
        }
        Gate::Policy => "its changes stay inside what is allowed".to_owned(),
        Gate::Playtest => "its playtest report approves it and shows what was seen".to_owned(),
        Gate::Union => "all that lands together passes every test on a fresh base".to_owned(),
        Gate::Command(name) => format!("the command of [gate.{name}] is content"),
    });
    let named = stage.gates.iter().map(|step| step.gate.name());
    named.zip(told).map(|(name, told)| format!("{name}: {told}")).collect()
}

/// The orders that waited for one of these and wait for nobody now. `None` where the queue is too large to look.
fn unlocked(shop: &Shop, record: &Record) -> Option<Vec<OrderId>> {
    let rank = |state: &State| shop.pipeline.rank(state);
    let moved: Vec<(&OrderId, usize, usize)> = record
        .work
        .iter()
        .filter(|(_, work)| work.fate == super::record::Fate::MovedOn)
        .filter_map(|(id, work)| Some((id, rank(work.from.as_ref()?), rank(work.to.as_ref()?))))
        .collect();
    if moved.is_empty() {
        return Some(Vec::new());
    }
    let orders = shop.queue.list().ok()?.orders;
    if orders.len() > MOST_LOOKS {
        return None;
    }
    let free = |id: &OrderId| -> Result<bool> {
        let Some(order) = shop.queue.look(id)? else { return Ok(false) };
        let Ok(request) = &order.request else { return Ok(false) };
        let waited = request.needs.iter().any(|need| {
            let reached = rank(&need.reached);
            moved
                .iter()
                .any(|(id, from, to)| **id == need.id && (*from < reached && reached <= *to))
        });
        Ok(waited && order.hold.is_none() && shop.survey.waits_now(&order).is_none())
    };
    Some(orders.into_iter().filter(|id| free(id).unwrap_or(false)).collect())
}
