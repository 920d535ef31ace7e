//! What a gate looks at, and what it works with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use crate::check::Check;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::floor::Floor;
use crate::order::{OrderId, Request};
use crate::verdict::Testimony;
use crate::workspace::{Bench, Look, Workspace};

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
    /// Its worktree, where there is one: what is worked on, and what lands. A looking stage's agent is not given it.
    pub bench: Option<Bench>,
    /// The worktree's tree after the turn.
    pub tree: Option<String>,
    /// The worktree's tree before the turn.
    pub tree_before: Option<String>,
    /// What a looking stage's agent was given in place of the worktree; `None` in other stages.
    pub looked: Option<Looked>,
    /// What the agent said.
    pub testimony: Option<Testimony>,
    /// The proof that the last freeze left (history's `frozen`).
    pub frozen: Option<String>,
    /// When the code was last changed: artifacts must be newer.
    pub code_changed: Option<SystemTime>,
}

/// The clean checkout that a looking stage's agent was given, and how it left it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Looked {
    /// The checkout. It may be gone by now.
    pub at: Look,
    /// Its tree after the turn.
    pub left: String,
}

impl Scene {
    /// The worktree and its tree. The inner error is the gate's answer when there is none, or when it is gone.
    pub(super) fn work(&self) -> Result<(&Bench, &str), Check> {
        let (Some(bench), Some(tree)) = (&self.bench, &self.tree) else {
            return Err(Check::could_not_run(
                format!("the order {} has no worktree", self.order),
                "put the order back to TESTS_PRE: its worktree is made there",
            ));
        };
        if !bench.path.is_dir() {
            return Err(Check::fail(format!(
                "the order's worktree is gone: {} is no folder",
                bench.path.display()
            )));
        }
        Ok((bench, tree))
    }
}

/// What every gate works with.
#[derive(Debug, Clone)]
pub(super) struct Tools {
    pub(super) config: Arc<Config>,
    pub(super) workspace: Workspace,
    pub(super) floor: Floor,
    /// The folder of the machine's build slots.
    pub(super) slots: PathBuf,
    /// Marks the processes that gates start; each run adds a number of its own.
    pub(super) cookie: String,
}

/// An error as a gate's answer: the check could not be made, and nobody is to blame.
pub(super) fn unable(error: &Error) -> Check {
    let mend =
        error.next_step().unwrap_or("mend what the message names; the order waits meanwhile");
    Check::could_not_run(error.to_string(), mend)
}
