//! Gates look for themselves: they run commands and read trees, and believe nobody.
//!
//! Every gate has three values ([`Check`]): pass, fail, could not run. What was run is kept as a transcript in the order's
//! `evidence/`, each outcome as a line of `evidence/record.jsonl`, and `EVIDENCE.md` is written from that for people.

mod count;
mod papers;
mod lock;
mod scene;
mod environment;
mod slot;
mod reading;
mod run;
mod transcript;
mod findings;
mod allowance;
mod old_tests;
mod frozen;
mod record;
mod page;
mod evidence;
mod baseline;
mod fault;
mod showing;
mod importing;
mod standing;
mod control;
mod altered;
mod worktree;
mod twice;
mod spec;
mod red;
mod green;
mod policy;
mod playtest;
mod command;
mod message;
mod line;
mod trials;
mod culprit;
mod union;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

pub use record::{Basis, Counts, Names, RecordLine, RecordRun, record};
pub use scene::{Looked, Scene};
pub use spec::declared_files;
pub use verify::{Again, Agreement, Recorded};

use crate::check::{Check, GateReport};
use crate::config::Config;
use crate::floor::Floor;
use crate::stage::Gate;
use crate::stop::Stop;
use crate::workspace::Workspace;
use evidence::Notebook;
use scene::{Tools, unable};

/// The gates of one floor. Clones share everything; several orders may be looked at side by side.
#[derive(Debug, Clone)]
pub struct Gates {
    tools: Tools,
}

impl Gates {
    /// The gates of this project. Those that share the folder `slots` take turns with their commands; `cookie` marks the
    /// processes they start.
    pub fn new(
        config: Arc<Config>,
        workspace: Workspace,
        floor: Floor,
        slots: PathBuf,
        cookie: String,
    ) -> Self {
        Self { tools: Tools { config, workspace, floor, slots, cookie } }
    }

    /// Runs one gate for one order and puts it on record. Never an error: what goes wrong is "could not run".
    /// An order's worktree and papers must be looked at by one gate at a time.
    pub async fn check(&self, gate: Gate, scene: &Scene, stop: &Stop) -> GateReport {
        let begun = Instant::now();
        if gate == Gate::Union {
            let mut reports = self.union(std::slice::from_ref(scene), stop).await;
            if let Some(report) = reports.pop() {
                return report;
            }
        }
        let mut notebook = Notebook::new(scene, gate.name());
        let tools = &self.tools;
        let looked = match gate {
            Gate::Spec => spec::check(tools, scene).await,
            Gate::Red => red::check(tools, scene, &mut notebook, stop).await,
            Gate::Green => green::check(tools, scene, &mut notebook, stop).await,
            Gate::Policy => policy::check(tools, scene).await,
            Gate::Playtest => playtest::check(tools, scene).await,
            Gate::Command(name) => command::check(tools, name, scene, &mut notebook, stop).await,
            Gate::Union => Ok(Check::could_not_run("the union has no order", "nothing to do")),
        };
        let check = looked.unwrap_or_else(|error| unable(&error));
        notebook.close(check, begun.elapsed())
    }

    /// The union gate for several orders at once, in this order: each one's commit on a fresh base, the line of them
    /// tested, and landed if green. Red: the culprits are found by bisection and the rest lands. One report per scene.
    /// A report that fails may carry a proof: its worktree was put onto a newer base, and its frozen tests with it.
    pub async fn union(&self, scenes: &[Scene], stop: &Stop) -> Vec<GateReport> {
        self.union_of_ours(scenes, &|_| true, stop).await
    }

    /// The same, where a person may step in meanwhile: only what is still `ours` when it comes to it is landed.
    pub async fn union_of_ours(
        &self,
        scenes: &[Scene],
        ours: &(dyn Fn(&Scene) -> bool + Sync),
        stop: &Stop,
    ) -> Vec<GateReport> {
        let begun = Instant::now();
        let ruled = union::union(&self.tools, scenes, ours, stop).await;
        let report = |(scene, ruled): (_, union::Ruled)| {
            let mut notebook = Notebook::new(scene, Gate::Union.name());
            let kept = ruled.runs.iter().try_for_each(|run| notebook.keep(run));
            (notebook.proof, notebook.landed) = (ruled.proof, ruled.landed);
            (notebook.held_by, notebook.goes_back) = (ruled.held_by, ruled.rework);
            let check = kept.err().map_or(ruled.check, |error| unable(&error));
            notebook.close(check, begun.elapsed())
        };
        scenes.iter().zip(ruled).map(report).collect()
    }
}

/// True when `path` is inside `folder` after both are resolved.
pub fn inside(path: &Path, folder: &Path) -> bool {
    match (path.canonicalize(), folder.canonicalize()) {
        (Ok(path), Ok(folder)) => path.starts_with(folder),
        _ => false,
    }
}
