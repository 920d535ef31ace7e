//! The gate RED: the base passes, the order's new tests fail, fail again, and are frozen.

use super::baseline::baseline;
use super::evidence::Notebook;
use super::fault;
use super::findings::{bullets, counted, fenced, some};
use super::frozen::Frozen;
use super::run::{Outcome, Place, Run, Setting};
use super::scene::{Scene, Tools};
use super::worktree::{Suspect, unchanged};
use crate::check::Check;
use crate::error::Result;
use crate::stop::Stop;
use crate::workspace::{Change, ChangeKind};

/// What a test run may not do.
pub(super) const TEST_RUN: Suspect<'static> = Suspect {
    who: "the test run",
    advice: "Let tests write below a temporary folder, or take away what they made. If it is build output, it \
             belongs into the project's .gitignore or .git/info/exclude.",
};

/// Looks at the tests of the scene's order.
pub(super) async fn check(
    tools: &Tools,
    scene: &Scene,
    notebook: &mut Notebook<'_>,
    stop: &Stop,
) -> Result<Check> {
    let (bench, tree) = match scene.work() {
        Ok(work) => work,
        Err(answer) => return Ok(answer),
    };
    let changes = tools.workspace.changes(&bench.base.tree, tree).await?;
    if let Some(answer) = unfit(&changes) {
        return Ok(answer);
    }
    let known = baseline(tools, &bench.base, stop).await?;
    known.keep(notebook)?;
    if let Some(answer) = known.in_the_way() {
        return Ok(answer);
    }
    let place =
        Place { kind: "worktree", folder: bench.path.clone(), commit: None, tree: tree.to_owned() };
    let (setting, mut runs, mut no_answer) = (Setting::tests(tools), Vec::<Run>::new(), None);
    while no_answer.is_none()
        && runs.len() < 2
        && runs.iter().all(|run| run.outcome == Outcome::Failed)
    {
        let tried = fault::run(tools, &setting, &bench.base, place.clone(), stop).await?;
        match tried.keep(notebook)? {
            Ok(run) => runs.push(run),
            Err(check) => no_answer = Some(check),
        }
    }
    let touched = unchanged(tools, scene, tree, &TEST_RUN).await?;
    if let Some(answer) = no_answer.or(touched).or_else(|| not_red(&runs)) {
        return Ok(answer);
    }
    let paths = changes.into_iter().map(|change| change.path).collect();
    let frozen = match Frozen::of(&tools.workspace, &bench.base, tree, paths).await? {
        Ok(frozen) => frozen,
        Err(path) => {
            return Ok(Check::fail(format!("{path} is no plain file: it can't be frozen")));
        }
    };
    notebook.proof = Some(frozen.write(&scene.papers)?);
    Ok(Check::pass(format!(
        "the tests fail, twice ({}); {}; {} frozen",
        runs[0].ended,
        known.shown(),
        counted(frozen.files.len(), "file")
    )))
}

/// What can be said before anything is run.
fn unfit(changes: &[Change]) -> Option<Check> {
    let of = |wanted: fn(&Change) -> bool| {
        let found = changes.iter().filter(move |change| wanted(change));
        found.map(|change| change.path.as_str()).collect::<Vec<_>>()
    };
    let deleted = of(|change| change.kind == ChangeKind::Deleted);
    let special = of(|change| change.kind != ChangeKind::Deleted && change.special);
    if changes.is_empty() {
        return Some(Check::fail_with(
            "no tests were written: the worktree is as the base",
            "No tests were written: nothing in the worktree differs from the base. Add tests for the acceptance criteria.",
        ));
    }
    if !deleted.is_empty() {
        return Some(Check::fail_with(
            format!("existing files were deleted: {}", some(&deleted)),
            format!("Existing files were deleted; put them back:\n\n{}", bullets(deleted)),
        ));
    }
    (!special.is_empty()).then(|| {
        Check::fail_with(
            format!("symlinks or submodules can't be frozen: {}", some(&special)),
            format!("Write plain files instead of symlinks or submodules:\n\n{}", bullets(special)),
        )
    })
}

/// The answer unless every run failed.
fn not_red(runs: &[Run]) -> Option<Check> {
    let outputs: String = runs
        .iter()
        .enumerate()
        .map(|(at, run)| {
            format!(
                "\nRun {}, `{}`, {}:\n\n{}",
                at + 1,
                run.command,
                run.ended,
                fenced(&run.tail(60))
            )
        })
        .collect();
    let outcomes: Vec<&Outcome> = runs.iter().map(|run| &run.outcome).collect();
    match outcomes.as_slice() {
        [Outcome::Failed, Outcome::Failed] => None,
        [Outcome::Failed, ..] => Some(Check::fail_with(
            "the new tests are flaky: failed once, passed once",
            format!(
                "The same tests failed once and passed once. They must fail every time until the work is there.\n{outputs}"
            ),
        )),
        _ => Some(Check::fail_with(
            "the new tests pass before the work is there",
            format!(
                "All tests pass although the work is not there yet: the new tests test nothing, or are not run.\n{outputs}"
            ),
        )),
    }
}
