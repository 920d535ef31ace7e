//! Two runs of an order's tests in its worktree, and what they touched there: RED and GREEN believe nothing that came once.

use super::evidence::Notebook;
use super::fault;
use super::run::{Outcome, Place, Run, Setting};
use super::scene::{Scene, Tools};
use super::worktree::{Suspect, unchanged};
use crate::check::Check;
use crate::error::Result;
use crate::stop::Stop;
use crate::workspace::Bench;

/// What a test run may not do.
const TEST_RUN: Suspect<'static> = Suspect {
    who: "the test run",
    advice: "Let tests write below a temporary folder, or take away what they made. If it is build output, it \
             belongs into the project's .gitignore or .git/info/exclude.",
};

/// What came of it.
#[derive(Debug)]
pub(super) struct Twice {
    /// The runs that came to an answer: two, or one that was not as `wanted`.
    pub(super) runs: Vec<Run>,
    /// What the gate says when one came to none.
    pub(super) no_answer: Option<Check>,
    /// What the gate says when they changed the worktree. It was put back.
    pub(super) touched: Option<Check>,
}

/// Runs `setting` in the order's worktree, which holds `tree`, and once more where the outcome is the one `wanted`.
pub(super) async fn twice(
    tools: &Tools,
    scene: &Scene,
    (bench, tree): (&Bench, &str),
    setting: &Setting<'_>,
    wanted: &Outcome,
    notebook: &mut Notebook<'_>,
    stop: &Stop,
) -> Result<Twice> {
    let place =
        Place { kind: "worktree", folder: bench.path.clone(), commit: None, tree: tree.to_owned() };
    let (mut runs, mut no_answer) = (Vec::<Run>::new(), None);
    while no_answer.is_none() && runs.len() < 2 && runs.iter().all(|run| run.outcome == *wanted) {
        let tried = fault::run(tools, setting, &bench.base, place.clone(), stop).await?;
        match tried.keep(notebook)? {
            Ok(run) => runs.push(run),
            Err(check) => no_answer = Some(check),
        }
    }
    // Whatever the runs did to the worktree is put back before anything is said.
    let touched = unchanged(tools, scene, tree, &TEST_RUN).await?;
    Ok(Twice { runs, no_answer, touched })
}
