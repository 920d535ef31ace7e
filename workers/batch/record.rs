//! The record of a batch, `.floor/sessions/<sid>/batch.json`: which orders it took, when, and why these and no others.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::Result;
use crate::floor::{self, unix_now};
use crate::holder::{SessionId, WorkerId};
use crate::order::OrderId;
use crate::plan::Reason;
use crate::shop::Shop;

/// The most decisions that are kept: a session that finds nothing at its turns goes on asking.
const MOST: usize = 200;

/// The record.
#[derive(Debug, Serialize)]
pub(super) struct Record {
    #[serde(skip)]
    path: PathBuf,
    session: SessionId,
    stage: String,
    worker: WorkerId,
    /// The most it may take, by weight.
    batch: usize,
    /// Orders it took, in the order of their turns.
    orders: Vec<OrderId>,
    decisions: Vec<Decision>,
}

/// One decision.
#[derive(Debug, PartialEq, Serialize)]
struct Decision {
    /// Unix seconds.
    at: u64,
    /// At the start, or at which turn.
    when: String,
    /// Why this many.
    share: String,
    reasons: Vec<Reason>,
}

impl Record {
    /// The record of a batch that begins.
    pub(super) fn new(shop: &Shop, session: &SessionId, dir: &Path) -> Self {
        Self {
            path: dir.join("batch.json"),
            session: session.clone(),
            stage: shop.stage.name.to_owned(),
            worker: shop.enlisted.worker.clone(),
            batch: shop.batch,
            orders: Vec::new(),
            decisions: Vec::new(),
        }
    }

    /// Puts down one decision. One that says the same as the one before is not put down again.
    pub(super) fn add(&mut self, when: &str, share: String, reasons: Vec<Reason>) -> Result<()> {
        let taken = reasons.iter().filter(|reason| reason.taken).map(|reason| reason.order.clone());
        self.orders.extend(taken);
        let same = |last: &Decision| last.share == share && last.reasons == reasons;
        if self.decisions.last().is_some_and(same) || self.decisions.len() >= MOST {
            return Ok(());
        }
        self.decisions.push(Decision { at: unix_now(), when: when.to_owned(), share, reasons });
        floor::replace(&self.path, &serde_json::to_vec_pretty(self).unwrap_or_default())
    }
}
