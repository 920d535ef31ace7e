//! The gate GREEN: the frozen tests are as they were, and everything passes, twice.

use super::allowance::Allowance;
use super::altered::Work;
use super::baseline::baseline;
use super::evidence::Notebook;
use super::findings::{bullets, counted, fenced, some};
use super::frozen::Frozen;
use super::record::Basis;
use super::run::{Outcome, Run, Setting};
use super::scene::{Scene, Tools};
use super::showing::{self, NotShown};
use super::standing::{Writer, standing};
use super::twice::{Twice, twice};
use crate::check::Check;
use crate::error::Result;
use crate::stop::Stop;

const DIFF_LIMIT_BYTES: usize = 8 * 1024;

/// Looks at the code of the scene's order.
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
    let frozen = match remembered(scene)? {
        Ok(frozen) => frozen,
        Err(answer) => return Ok(answer),
    };
    let allowance = match Allowance::of(&scene.request) {
        Ok(allowance) => allowance,
        Err(answer) => return Ok(answer),
    };
    notebook.allowed = match frozen_touched(tools, &frozen, &allowance, tree).await? {
        Ok(allowed) => allowed,
        Err(answer) => return Ok(answer),
    };
    let touched_frozen = notebook.allowed.len();
    let changes = tools.workspace.changes(&bench.base.tree, tree).await?;
    let known = baseline(tools, &bench.base, stop).await?;
    known.keep(notebook)?;
    let (trees, writer) = ((bench.base.tree.as_str(), tree), Writer::Code(&frozen));
    let old = standing(tools, &known, trees, &changes, writer, &allowance).await?;
    if let Some(answer) = old.answer() {
        return Ok(answer);
    }
    notebook.allowed.extend(old.allowed);
    let work = Work {
        bench,
        tree,
        changes: &changes,
        frozen: &frozen,
        allowance: &allowance,
        known: &known,
    };
    let (setting, wanted) = (Setting::tests(tools).read_by(frozen.adapter), Outcome::Passed);
    let ran = twice(tools, scene, (bench, tree), &setting, &wanted, notebook, stop).await?;
    let Twice { runs, no_answer, touched } = ran;
    let written = tools.workspace.changes(&frozen.tree, tree).await.map(|changes| changes.len());
    let idle = written.as_ref().is_ok_and(|count| *count == 0);
    if let Some(answer) = no_answer.or_else(|| not_green(&runs, idle)).or(touched) {
        return Ok(answer);
    }
    let passing = match passing(tools, &work, &runs, notebook, stop).await? {
        Ok(passing) => passing,
        Err(answer) => return Ok(answer),
    };
    let unchanged = counted(frozen.files.len().saturating_sub(touched_frozen), "frozen file");
    let mut shown = format!("{passing}; {unchanged} unchanged");
    if !notebook.allowed.is_empty() {
        shown.push_str(&format!(", changed as tests_may_change lets: {}", some(&notebook.allowed)));
    }
    if !frozen.thawed.is_empty() {
        shown.push_str(&format!(", {} thawed", counted(frozen.thawed.len(), "file")));
    }
    if let Ok(written) = written {
        shown.push_str(&format!("; {} changed since RED", counted(written, "file")));
    }
    Ok(Check::pass(shown))
}

/// What two passing runs show, test by test: the beginning of the gate's line. The inner error is its answer.
async fn passing(
    tools: &Tools,
    work: &Work<'_>,
    runs: &[Run],
    notebook: &mut Notebook<'_>,
    stop: &Stop,
) -> Result<Result<String, Check>> {
    let Work { changes, frozen, allowance, known, .. } = work;
    let basis = frozen.basis.unwrap_or(Basis::ExitCode);
    notebook.basis = Some(basis);
    if let Some(answer) = known.in_the_way() {
        return Ok(Err(answer));
    }
    let mut line = "the tests pass, twice (weaker proof: exit code only)".to_owned();
    let mut new = Vec::new();
    if basis != Basis::ExitCode {
        let changed = changes.iter().map(|change| change.path.clone());
        let mut allowed: Vec<String> = changed.filter(|path| allowance.covers(path)).collect();
        allowed.extend(frozen.thawed.iter().cloned());
        let files: Vec<String> = frozen.files.iter().map(|file| file.path.clone()).collect();
        new = match showing::green(known, basis, &frozen.new, &files, &allowed, runs) {
            Ok(new) => new,
            Err(not_shown) => return Ok(Err(not_so(notebook, not_shown))),
        };
        let told = showing::told(&new);
        let label = basis.label().map(|label| format!(" ({label} before)"));
        line = format!("the tests pass, twice; {told} among them{}", label.unwrap_or_default());
        notebook.new.clone_from(&new);
    }
    Ok(match work.look(tools, notebook, &new, stop).await? {
        Ok(said) => Ok(format!("{line}{said}")),
        Err(not_shown) => Err(not_so(notebook, not_shown)),
    })
}

fn not_so(notebook: &mut Notebook<'_>, not_shown: NotShown) -> Check {
    notebook.failing = not_shown.tests;
    not_shown.check
}

/// The answer unless every run passed. `idle` says that nothing was written since the tests were frozen.
fn not_green(runs: &[Run], idle: bool) -> Option<Check> {
    let nth = runs.iter().position(|run| run.outcome != Outcome::Passed)?;
    let run = &runs[nth];
    let (named, list) = run.tests.as_ref().map_or_else(Default::default, showing::failed_tests);
    let why = match nth {
        0 if idle => format!("the tests fail: {}; nothing was written since RED{named}", run.ended),
        0 => format!("the tests fail: {}{named}", run.ended),
        _ => format!("the tests are flaky with this code: passed once, failed once{named}"),
    };
    let (command, ended, shown) = (&run.command, &run.ended, fenced(&run.tail(80)));
    Some(Check::fail_with(
        why,
        format!("{list}\n`{command}`, run {}, {ended}:\n\n{shown}", nth + 1),
    ))
}

/// The list of frozen files that the journal remembers.
fn remembered(scene: &Scene) -> Result<Result<Frozen, Check>> {
    let Some(proof) = &scene.frozen else {
        return Ok(Err(Check::fail_with(
            "no tests were frozen: RED has not passed for this order",
            "There are no frozen tests on record, so nothing can be shown to pass because of this work. \
             The order has to go through TESTS_PRE.",
        )));
    };
    Ok(Frozen::load(&scene.papers, proof)?.map_err(|why| {
        Check::fail_with(
            format!("the record of frozen tests {why}"),
            format!(
                "The record of frozen tests {why}. It is shopfloor's own; put the order back to TESTS_PRE to freeze anew."
            ),
        )
    }))
}

/// The frozen files that are not as they were and may be so. The inner error is the answer when one may not.
async fn frozen_touched(
    tools: &Tools,
    frozen: &Frozen,
    allowance: &Allowance,
    tree: &str,
) -> Result<Result<Vec<String>, Check>> {
    let broken = frozen.broken(&tools.workspace, tree).await?;
    let (allowed, broken): (Vec<_>, Vec<_>) =
        broken.into_iter().partition(|broken| allowance.covers(&broken.path));
    if broken.is_empty() {
        return Ok(Ok(allowed.into_iter().map(|allowed| allowed.path).collect()));
    }
    let paths: Vec<String> = broken.iter().map(|broken| broken.path.clone()).collect();
    let diff = tools.workspace.diff(&frozen.tree, tree, &paths, DIFF_LIMIT_BYTES).await;
    let diff = diff.map_or_else(|_| String::new(), |diff| fenced(&diff));
    let lines: Vec<String> =
        broken.iter().map(|broken| format!("{} {}", broken.path, broken.what)).collect();
    Ok(Err(Check::fail_with(
        format!("frozen tests were touched: {}", some(&lines)),
        format!(
            "Tests are frozen once RED has passed. Put these back as they were and mend the code instead:\n\n{}\n{diff}",
            bullets(&lines)
        ),
    )))
}
