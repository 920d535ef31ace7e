//! Gates look for themselves: they run commands and read trees, and believe nobody.
//!
//! Every gate has three values ([`Check`]): pass, fail, could not run. What was run is kept as a transcript in the order's
//! `evidence/`, each outcome as a line of `evidence/record.jsonl`, and `EVIDENCE.md` is written from that for people.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::check::GateReport;
use crate::config::Config;
use crate::floor::Floor;
use crate::order::{OrderId, Request};
use crate::stage::Gate;
use crate::stop::Stop;
use crate::verdict::Testimony;
use crate::workspace::{Bench, Workspace};

/// Everything a gate looks at, for one order.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The order.
    pub order: OrderId,
    /// The generation of its claim.
    pub generation: u64,
    /// The stage's name.
    pub stage: String,
    /// What is asked for.
    pub request: Request,
    /// The order's folder: its papers have been taken back from the desk already.
    pub papers: PathBuf,
    /// The desk the agent worked at.
    pub desk: PathBuf,
    /// Its worktree, where there is one.
    pub bench: Option<Bench>,
    /// The worktree's tree after the turn.
    pub tree: Option<String>,
    /// The worktree's tree before the turn.
    pub tree_before: Option<String>,
    /// What the agent said.
    pub testimony: Option<Testimony>,
    /// The proof that RED left (history's `frozen`).
    pub frozen: Option<String>,
    /// When the code was last changed: artifacts must be newer.
    pub code_changed: Option<SystemTime>,
}

/// The gates of one floor.
#[derive(Debug, Clone)]
pub struct Gates {
    config: Arc<Config>,
    workspace: Workspace,
    floor: Floor,
    cookie: String,
}

#[expect(clippy::todo, clippy::unused_async, unused_variables, reason = "seams first")]
impl Gates {
    /// The gates of this project.
    pub fn new(config: Arc<Config>, workspace: Workspace, floor: Floor, cookie: String) -> Self {
        Self { config, workspace, floor, cookie }
    }

    /// Runs one gate for one order and puts it on record. Never an error: what goes wrong is "could not run".
    pub async fn check(&self, gate: Gate, scene: &Scene, stop: &Stop) -> GateReport {
        todo!()
    }

    /// The union gate for several orders at once, in this order: each one's commit on a fresh base, the line of them
    /// tested, and landed if green. Red: the culprits are found by bisection and the rest lands. One report per scene.
    pub async fn union(&self, scenes: &[Scene], stop: &Stop) -> Vec<GateReport> {
        todo!()
    }
}

/// True when `path` is inside `folder` after both are resolved.
pub fn inside(path: &Path, folder: &Path) -> bool {
    match (path.canonicalize(), folder.canonicalize()) {
        (Ok(path), Ok(folder)) => path.starts_with(folder),
        _ => false,
    }
}
