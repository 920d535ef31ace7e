//! GREEN again: the recorded tree passes, with the frozen files as they were.

use super::super::findings::{counted, short, some};
use super::super::frozen::Frozen;
use super::super::record::{Basis, MOST_NEW, Names, RecordLine};
use super::super::run::{Outcome, Run};
use super::super::showing::{self, NotShown};
use super::ground::{Ground, passes_now};
use super::{Checked, Halt};
use crate::report::TestId;
use crate::workspace::Commit;

pub(super) async fn look(ground: &mut Ground<'_>) -> Checked<String> {
    let claim = ground.claim("green")?;
    let passed = claim.outcome == "pass";
    let frozen = ground.frozen()?.clone();
    let base = ground.base_of(&claim)?.0.clone();
    if base.commit != frozen.base {
        return Err(Halt::disagree("the recorded base is not the one of the frozen tests"));
    }
    let commit = tree_of(ground, &claim, &base).await?;
    let (allowed, broken) = touched(ground, &frozen, &commit.tree).await?;
    if passed && claim.allowed != allowed {
        return Err(Halt::disagree(format!(
            "the record lets {} change, and what changed is {}",
            listed(&claim.allowed),
            listed(&allowed)
        )));
    }
    let found = match broken.is_empty() {
        true => again(ground, &claim, &frozen, &commit).await?,
        false => Err(format!("frozen tests are not as recorded: {}", some(&broken))),
    };
    match (passed, found) {
        (true, Ok((new, runs))) => agrees(ground, &claim, &frozen, new, &runs),
        (true, Err(why)) => Err(Halt::disagree(why)),
        (false, Err(why)) => Ok(format!("fails, as recorded: {why}")),
        (false, Ok(_)) => Err(passes_now(&claim)),
    }
}

fn listed(paths: &[String]) -> String {
    if paths.is_empty() { "nothing".to_owned() } else { some(paths) }
}

/// The recorded tree as a commit on its base. Of a finished order it is the one that the journal approved.
async fn tree_of(ground: &Ground<'_>, claim: &RecordLine, base: &Commit) -> Checked<Commit> {
    let Some(tree) = &claim.tree else { return Err(Halt::unknown("the record names no tree")) };
    let landed = ground.lines.iter().rev().find(|line| line.gate == "union");
    let landed = landed.is_some_and(|line| line.outcome == "pass");
    let approved = ground.recorded.approved.as_ref();
    if landed && approved.is_some_and(|approved| approved != tree) {
        return Err(Halt::disagree("the recorded tree is not the one that the journal approved"));
    }
    ground.kept(tree, base).await?.ok_or_else(|| {
        Halt::unknown(format!("the repository keeps no tree {} of the order", short(tree)))
    })
}

/// The frozen files that are not as they were: those that may be so, and those that may not, with what happened.
async fn touched(
    ground: &Ground<'_>,
    frozen: &Frozen,
    tree: &str,
) -> Checked<(Vec<String>, Vec<String>)> {
    let broken = frozen.broken(&ground.tools.workspace, tree).await?;
    let paths: Vec<String> = broken.iter().map(|broken| broken.path.clone()).collect();
    let allowed = ground.allowed(&paths);
    let broken = broken.iter().filter(|broken| !allowed.contains(&broken.path));
    let lines = broken.map(|broken| format!("{} {}", broken.path, broken.what)).collect();
    Ok((allowed, lines))
}

type Found = Result<(Vec<TestId>, Vec<Run>), String>;

/// The new tests that pass on the tree now, and the runs; the inner error says what is not shown.
async fn again(
    ground: &mut Ground<'_>,
    claim: &RecordLine,
    frozen: &Frozen,
    commit: &Commit,
) -> Checked<Found> {
    let runs = ground.run("verify-green", commit, frozen.adapter, &Outcome::Passed).await?;
    if let Some(run) = runs.iter().find(|run| run.outcome != Outcome::Passed) {
        let tests = run.tests.as_ref();
        let (named, _) = tests.map_or_else(Default::default, showing::failed_tests);
        return Ok(Err(format!("the tests fail on the recorded tree: {}{named}", run.ended)));
    }
    let basis = frozen.basis.unwrap_or(Basis::ExitCode);
    if basis == Basis::ExitCode {
        return Ok(Ok((Vec::new(), runs)));
    }
    let (base, known) = ground.base_of(claim)?;
    let changes = ground.tools.workspace.changes(&base.tree, &commit.tree).await?;
    let changed: Vec<String> = changes.into_iter().map(|change| change.path).collect();
    let mut allowed = ground.allowed(&changed);
    allowed.extend(frozen.thawed.iter().cloned());
    let files: Vec<String> = frozen.files.iter().map(|file| file.path.clone()).collect();
    Ok(match showing::green(known, basis, &frozen.new, &files, &allowed, &runs) {
        Ok(new) => Ok((new, runs)),
        Err(NotShown { check, .. }) => Err(check.line().to_owned()),
    })
}

/// The line of a GREEN that is what the record says.
fn agrees(
    ground: &mut Ground<'_>,
    claim: &RecordLine,
    frozen: &Frozen,
    new: Vec<TestId>,
    runs: &[Run],
) -> Checked<String> {
    let basis = frozen.basis.unwrap_or(Basis::ExitCode);
    if claim.basis != Some(basis) {
        return Err(Halt::disagree("the record stands on something else than the frozen tests do"));
    }
    if claim.new != Names::of(&new, MOST_NEW) {
        let found = showing::told(&new);
        return Err(Halt::disagree(format!("the new tests are not those of the record: {found}")));
    }
    let last = runs.last().and_then(|run| run.tests.as_ref());
    ground.same_report(claim, last, |counts| counts)?;
    if basis == Basis::ExitCode {
        return Ok("the tests pass, twice (weaker proof: exit code only)".to_owned());
    }
    let unchanged = counted(frozen.files.len().saturating_sub(claim.allowed.len()), "frozen file");
    let told = showing::told(&new);
    ground.new = new;
    Ok(format!("the tests pass, twice; {told} among them; {unchanged} unchanged"))
}
