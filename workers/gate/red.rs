//! The gate RED: the base passes, the order's new tests fail, fail again, and are frozen.

use super::allowance::Allowance;
use super::baseline::{Known, baseline};
use super::evidence::Notebook;
use super::findings::{bullets, counted, some};
use super::frozen::Frozen;
use super::policy;
use super::record::Basis;
use super::run::{Outcome, Run, Setting};
use super::scene::{Scene, Tools};
use super::showing::{self, Shown};
use super::standing::{Writer, standing};
use super::twice::{Twice, twice};
use crate::check::Check;
use crate::error::Result;
use crate::stop::Stop;
use crate::workspace::{Change, ChangeKind};

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
    let allowance = match Allowance::of(&scene.request) {
        Ok(allowance) => allowance,
        Err(answer) => return Ok(answer),
    };
    let refused = policy::deciding(tools, scene, bench, tree, &changes).await?;
    if let Some(answer) = unfit(&changes).or_else(|| deciding(&refused)) {
        return Ok(answer);
    }
    let known = baseline(tools, &bench.base, stop).await?;
    known.keep(notebook)?;
    if let Some(answer) = known.in_the_way() {
        return Ok(answer);
    }
    let trees = (bench.base.tree.as_str(), tree);
    let old = standing(tools, &known, trees, &changes, Writer::Tests, &allowance).await?;
    if let Some(answer) = old.answer() {
        return Ok(answer);
    }
    let (setting, wanted) = (Setting::tests(tools).read_by(known.adapter()), Outcome::Failed);
    let ran = twice(tools, scene, (bench, tree), &setting, &wanted, notebook, stop).await?;
    let Twice { runs, no_answer, touched } = ran;
    if let Some(answer) = no_answer.or(touched) {
        return Ok(answer);
    }
    let paths: Vec<String> = changes.into_iter().map(|change| change.path).collect();
    let allowed: Vec<String> =
        paths.iter().filter(|path| allowance.covers(path)).cloned().collect();
    let mut shown = match showing::red(&known, &paths, &allowed, &runs) {
        Ok(shown) => shown,
        Err(not_shown) => {
            notebook.failing = not_shown.tests;
            return Ok(not_shown.check);
        }
    };
    shown.remark.push_str(&old.remark());
    freeze(tools, scene, notebook, &known, &shown, paths, &runs).await
}

/// Freezes the files of the order, with what was shown of them.
async fn freeze(
    tools: &Tools,
    scene: &Scene,
    notebook: &mut Notebook<'_>,
    known: &Known,
    shown: &Shown,
    paths: Vec<String>,
    runs: &[Run],
) -> Result<Check> {
    let (bench, tree) = match scene.work() {
        Ok(work) => work,
        Err(answer) => return Ok(answer),
    };
    let mut frozen = match Frozen::of(&tools.workspace, &bench.base, tree, paths).await? {
        Ok(frozen) => frozen,
        Err(path) => {
            return Ok(Check::fail(format!("{path} is no plain file: it can't be frozen")));
        }
    };
    frozen.basis = Some(shown.basis);
    frozen.adapter = runs.last().and_then(|run| run.tests.as_ref()).map(|run| run.adapter);
    frozen.new.clone_from(&shown.new);
    notebook.proof = Some(frozen.write(&scene.papers)?);
    notebook.basis = Some(shown.basis);
    notebook.new.clone_from(&shown.new);
    Ok(Check::pass(line(shown, known, runs, &frozen)))
}

fn line(shown: &Shown, known: &Known, runs: &[Run], frozen: &Frozen) -> String {
    let ended = runs.first().map_or("", |run| run.ended.as_str());
    let Shown { basis, new, remark } = shown;
    let what = match basis {
        Basis::Named => format!("{} fail by themselves, twice", showing::told(new)),
        Basis::RedByBuild => format!("red-by-build, twice ({ended})"),
        Basis::RedByImport if new.is_empty() => format!("red-by-import, twice ({ended})"),
        Basis::RedByImport => {
            format!("red-by-import, twice ({ended}), and {} by themselves", showing::told(new))
        }
        Basis::ExitCode => {
            format!("the tests fail, twice ({ended}) (weaker proof: exit code only)")
        }
    };
    let files = counted(frozen.files.len(), "file");
    format!("{what}{remark}; {}; {files} frozen", known.shown())
}

/// The answer when tests are to decide what a run of them shows.
fn deciding(refused: &[String]) -> Option<Check> {
    let (first, more) = refused.split_first()?;
    let line = match more.len() {
        0 => first.clone(),
        more => format!("{first} (and {more} more)"),
    };
    let list: String = refused.iter().map(|fault| format!("- {fault}\n")).collect();
    let text = format!(
        "Tests may not change what decides whether and how they are run:\n\n{list}\nTake these changes back, and write \
         tests that do without them.\n"
    );
    Some(Check::fail_with(line, text))
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
