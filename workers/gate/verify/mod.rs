//! Checking an order's gates again, from clean checkouts, with nothing but its record and the repository.
//!
//! Nothing that is cached is believed. No branch moves and no paper changes; what is written are checkouts of our own, which
//! are taken away at the end.
//! What the record says of a gate must hold together by itself ([`claim`]), and must come out the same when its command
//! runs again. A gate that failed agrees when it fails again.

mod claim;
mod ground;
mod bases;
mod red;
mod green;
mod union;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::Gates;
use super::lock;
use super::scene::unable;
use crate::error::{Error, Result};
use crate::order::{OrderId, Request};
use crate::state::State;
use crate::stop::Stop;
use ground::Ground;

/// The checkouts that are used: nobody else's are.
const CHECKOUTS: [&str; 4] = ["verify-base", "verify-red", "verify-green", "verify-union"];

/// The gates that can be checked again, in the order in which an order meets them.
const GATES: [&str; 4] = ["baseline", "red", "green", "union"];

/// What is known of an order before anything is run again.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The order.
    pub order: OrderId,
    /// Where it stands.
    pub state: State,
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
    /// True when the order came so far: its record has a line of the gate.
    pub reached: bool,
    /// True when the tests run in another environment than the recorded one: other variables, or another machine.
    pub elsewhere: bool,
    /// How often the test command was run for it.
    pub runs: usize,
    /// How long it took, milliseconds.
    pub took_ms: u64,
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

/// Why a gate is not agreed with.
#[derive(Debug)]
enum Halt {
    /// It was looked at: the record is not right, or nobody can tell.
    Not(Agreement, String),
    /// It could not be looked at.
    Broken(Error),
}

/// What came of looking at a gate: the line to show, or why it is not agreed with.
type Checked<T> = std::result::Result<T, Halt>;

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Broken(error)
    }
}

impl Halt {
    fn disagree(why: impl Into<String>) -> Self {
        Self::Not(Agreement::Disagree, why.into())
    }

    fn unknown(why: impl Into<String>) -> Self {
        Self::Not(Agreement::CouldNotRun, why.into())
    }
}

impl Gates {
    /// Checks baseline, RED, GREEN and UNION of an order again. One answer per gate, in this order; `told` hears each as it
    /// comes.
    pub async fn verify(
        &self,
        recorded: &Recorded,
        told: &(dyn Fn(&Again) + Sync),
        stop: &Stop,
    ) -> Result<Vec<Again>> {
        let tools = &self.tools;
        let limit = tools.config.project.test.timeout.saturating_mul(20);
        let limit = limit.max(Duration::from_secs(60));
        let _guard = lock::take(&tools.floor.run(), "verify.lock", limit, stop).await?;
        self.clear().await?;
        let mut ground = Ground::new(tools, recorded, stop)?;
        let mut all = Vec::new();
        for gate in GATES.into_iter().filter(|_| !stop.draining()) {
            let begun = std::time::Instant::now();
            ground.runs = 0;
            let looked = match gate {
                "baseline" => bases::look(&mut ground).await,
                "red" => red::look(&mut ground).await,
                "green" => green::look(&mut ground).await,
                _ => union::look(&mut ground).await,
            };
            let (outcome, line) = match looked {
                Ok(line) => (Agreement::Agree, line),
                Err(Halt::Not(outcome, line)) => (outcome, line),
                Err(Halt::Broken(error)) => {
                    (Agreement::CouldNotRun, unable(&error).line().to_owned())
                }
            };
            let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            let (reached, elsewhere) = ground.circumstances(gate);
            let runs = ground.runs;
            let again = Again { gate, outcome, line, reached, elsewhere, runs, took_ms };
            told(&again);
            all.push(again);
        }
        self.clear().await?;
        Ok(all)
    }

    /// Takes our checkouts away: what an earlier run built there proves nothing.
    async fn clear(&self) -> Result<()> {
        for name in CHECKOUTS {
            self.tools.workspace.clear_checkout(name).await?;
        }
        Ok(())
    }
}
