//! Getting the right to open a session.

use std::time::Duration;

use crate::error::Result;
use crate::floor::unix_now;
use crate::holder::WorkerId;
use crate::permits::{Permit, Waiting};
use crate::process;
use crate::shop::Shop;

/// How long what a dead holder left running may take to end before its permit is left for the next look.
const END_LIMIT: Duration = Duration::from_secs(10);

/// A worker's place at the door of the permits.
#[derive(Debug, Default)]
pub struct Door {
    waiting: Option<Waiting>,
    since: u64,
}

impl Door {
    /// A permit, if one can be had; `Some(None)` where sessions have no limit. Else we wait from here on.
    pub(super) fn permit(&mut self, shop: &Shop) -> Result<Option<Option<Permit>>> {
        let Some(permits) = &shop.permits else { return Ok(Some(None)) };
        if self.waiting.is_none() {
            self.since = unix_now();
        }
        let who = shop.as_asking(self.since);
        let end = |dead: &WorkerId| process::end_all(&format!("{dead}/"), END_LIMIT);
        if let Some(permit) = permits.take(&who, &end)? {
            self.leave();
            return Ok(Some(Some(permit)));
        }
        if self.waiting.is_none() {
            self.waiting = Some(permits.wait(&who)?);
        }
        Ok(None)
    }

    /// We want none any more.
    pub fn leave(&mut self) {
        self.waiting = None;
    }

    /// True while we wait for one.
    pub fn waits(&self) -> bool {
        self.waiting.is_some()
    }
}
