//! Checking an order's gates again, from clean checkouts, with nothing but its record and the repository.
//!
//! Nothing that is cached is believed, and nothing is written but checkouts of our own, which are taken away at the end.

use std::path::PathBuf;

use serde::Serialize;

use super::Gates;
use super::lock;
use super::scene::unable;
use super::verifying::Verifying;
use crate::error::Result;
use crate::order::{OrderId, Request};
use crate::stop::Stop;

/// The checkouts that are used: nobody else's are.
pub(super) const CHECKOUTS: [&str; 4] =
    ["verify-base", "verify-red", "verify-green", "verify-union"];

/// What is known of an order before anything is run again.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The order.
    pub order: OrderId,
    /// What was asked for.
    pub request: Request,
    /// Its folder.
    pub papers: PathBuf,
    /// The SHA-256 of its list of frozen files, as its journal has it.
    pub frozen: Option<String>,
    /// The tree its gates passed on, as its journal has it.
    pub approved: Option<String>,
}

/// Whether what was found again is what the record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Agreement {
    /// It is.
    Agree,
    /// It is not.
    Disagree,
    /// It could not be found out.
    CouldNotRun,
}

/// One gate, looked at again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Again {
    /// `baseline`, `red`, `green` or `union`.
    pub gate: &'static str,
    /// What came of it.
    pub outcome: Agreement,
    /// Why, one line.
    pub line: String,
}

impl Agreement {
    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Agree => "agree",
            Self::Disagree => "disagree",
            Self::CouldNotRun => "could not run",
        }
    }
}

impl Again {
    pub(super) fn new(gate: &'static str, outcome: Agreement, line: impl Into<String>) -> Self {
        Self { gate, outcome, line: line.into() }
    }
}

impl Gates {
    /// Checks baseline, RED, GREEN and UNION of an order again. One answer per gate, in this order.
    pub async fn verify(&self, recorded: &Recorded, stop: &Stop) -> Result<Vec<Again>> {
        let tools = &self.tools;
        let limit = tools.config.project.test.timeout.saturating_mul(20);
        let limit = limit.max(std::time::Duration::from_secs(60));
        let _guard = lock::take(&tools.floor, "verify.lock", limit, stop).await?;
        self.clear();
        let mut verifying = Verifying::new(tools, recorded, stop)?;
        let mut all = Vec::new();
        for gate in ["baseline", "red", "green", "union"] {
            let looked = verifying.look(gate).await;
            all.push(looked.unwrap_or_else(|error| {
                Again::new(gate, Agreement::CouldNotRun, unable(&error).line())
            }));
        }
        self.clear();
        Ok(all)
    }

    /// Takes our checkouts away: what an earlier run built there proves nothing.
    fn clear(&self) {
        for name in CHECKOUTS {
            let folder = self.tools.workspace.root().join(".checkout").join(name);
            let _gone = std::fs::remove_dir_all(folder);
        }
    }
}
