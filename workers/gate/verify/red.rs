//! RED again: the order's tests on the base it was given, before its work was there.

use std::collections::BTreeSet;

use super::super::findings::{counted, short, some};
use super::super::frozen::Frozen;
use super::super::record::{Basis, Counts, MOST_NEW, Names, RecordLine};
use super::super::run::Outcome;
use super::super::showing::{self, NotShown, Shown};
use super::ground::{Ground, passes_now};
use super::{Checked, Halt, bases};
use crate::report::{TestId, TestRun};
use crate::workspace::{ChangeKind, Commit, Composed};

pub(super) async fn look(ground: &mut Ground<'_>) -> Checked<String> {
    let claim = ground.claim("red")?;
    let passed = claim.outcome == "pass";
    let (base, _) = ground.base_of(&claim)?;
    let base = base.clone();
    let commit = tree_of(ground, &claim, &base).await?;
    if passed {
        remembered(ground, &claim)?;
        still_frozen(ground, &claim, &base).await?;
    }
    let found = again(ground, &claim, &base, &commit).await?;
    match (passed, found) {
        (true, Ok((shown, last))) => {
            agrees(ground, &claim, &shown, last.as_ref())?;
            Ok(line(ground, &shown))
        }
        (true, Err(why)) => Err(Halt::disagree(why)),
        (false, Err(why)) => Ok(format!("fails, as recorded: {why}")),
        (false, Ok(_)) => Err(passes_now(&claim)),
    }
}

/// The last list of frozen tests on record is the one that the journal remembers.
fn remembered(ground: &Ground<'_>, claim: &RecordLine) -> Checked<()> {
    let last = ground.lines.iter().rev().find_map(|line| line.proof.as_ref());
    if claim.proof.is_none() || last != ground.recorded.frozen.as_ref() {
        return Err(Halt::disagree("the record's list of frozen tests is not the journal's"));
    }
    Ok(())
}

/// The frozen files are those of RED, or what became of them when shopfloor put the order onto newer bases.
async fn still_frozen(ground: &Ground<'_>, claim: &RecordLine, base: &Commit) -> Checked<()> {
    let frozen = ground.frozen()?;
    let workspace = &ground.tools.workspace;
    let red = ground.lines.iter().rposition(|line| line.gate == "red").unwrap_or_default();
    let later = ground.lines[red..].iter().filter_map(|line| line.base.as_deref());
    let mut tree = claim.tree.clone().unwrap_or_default();
    let mut below = base.clone();
    let mut met = Vec::new();
    for next in later.chain([frozen.base.as_str()]) {
        if next == below.commit {
            continue;
        }
        let next = bases::named(ground, next).await?;
        tree = match workspace.compose(&next, &below, &tree, "verify").await? {
            Composed::Clean(commit) => commit.tree,
            Composed::Conflict { files, tree } => {
                met.extend(files);
                tree
            }
        };
        below = next;
    }
    let here = Frozen { tree: tree.clone(), ..frozen.clone() };
    let mut wrong: Vec<String> = Vec::new();
    for broken in here.broken(workspace, &tree).await? {
        // A thawed file that is gone was taken away by what landed meanwhile.
        if !frozen.thawed.contains(&broken.path) {
            wrong.push(format!("{} {}", broken.path, broken.what));
        }
    }
    for path in frozen.thawed.iter().filter(|path| !met.contains(path)) {
        if workspace.file(&tree, path).await?.is_some() {
            wrong.push(format!("{path} was thawed, and nothing met it"));
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(Halt::disagree(format!(
            "the frozen tests are not those that RED saw: {}",
            some(&wrong)
        ))),
    }
}

/// The recorded tree as a commit on the base: as it was kept, or the base with the frozen files of what landed.
async fn tree_of(ground: &Ground<'_>, claim: &RecordLine, base: &Commit) -> Checked<Commit> {
    let workspace = &ground.tools.workspace;
    let Some(tree) = &claim.tree else { return Err(Halt::unknown("the record names no tree")) };
    if let Some(kept) = ground.kept(tree, base).await? {
        return Ok(kept);
    }
    if let (Ok(frozen), Some(landed)) =
        (ground.frozen(), workspace.branch_of(&ground.recorded.order).await?)
    {
        let paths: Vec<String> = frozen.files.iter().map(|file| file.path.clone()).collect();
        let commit = workspace.graft(base, &landed.tree, &paths).await?;
        if commit.tree == *tree {
            return Ok(commit);
        }
    }
    Err(Halt::unknown(format!("the repository keeps no tree {} of the order", short(tree))))
}

type Found = Result<(Shown, Option<TestRun>), String>;

/// What the tree shows now; the inner error says what it does not show.
async fn again(
    ground: &mut Ground<'_>,
    claim: &RecordLine,
    base: &Commit,
    commit: &Commit,
) -> Checked<Found> {
    let changes = ground.tools.workspace.changes(&base.tree, &commit.tree).await?;
    if changes.is_empty() {
        return Ok(Err("the tree is as the base: no tests were written".to_owned()));
    }
    let gone = changes.iter().filter(|change| change.kind == ChangeKind::Deleted);
    let gone: Vec<&String> = gone.map(|change| &change.path).collect();
    if !gone.is_empty() {
        return Ok(Err(format!("existing files were deleted: {}", some(&gone))));
    }
    let paths: Vec<String> = changes.into_iter().map(|change| change.path).collect();
    let adapter = ground.base_of(claim)?.1.adapter();
    let runs = ground.run("verify-red", commit, adapter, &Outcome::Failed).await?;
    let allowed = ground.allowed(&paths);
    let (_, known) = ground.base_of(claim)?;
    Ok(match showing::red(known, &paths, &allowed, &runs) {
        Ok(shown) => Ok((shown, runs.into_iter().next_back().and_then(|run| run.tests))),
        Err(NotShown { check, .. }) => Err(check.line().to_owned()),
    })
}

/// What is shown must be what the record and the list of frozen tests name.
fn agrees(
    ground: &Ground<'_>,
    claim: &RecordLine,
    shown: &Shown,
    last: Option<&TestRun>,
) -> Checked<()> {
    let frozen = ground.frozen()?;
    let named = |new: &[TestId]| new.iter().cloned().collect::<BTreeSet<_>>();
    let basis = frozen.basis.unwrap_or(Basis::ExitCode);
    if shown.basis != basis || claim.basis != Some(basis) {
        let label = |basis: Basis| basis.label().unwrap_or("named tests");
        return Err(Halt::disagree(format!(
            "the record stands on {}, and it fails by {}",
            claim.basis.map_or("nothing", label),
            label(shown.basis)
        )));
    }
    if named(&shown.new) != named(&frozen.new) || claim.new != Names::of(&shown.new, MOST_NEW) {
        let found = showing::told(&shown.new);
        return Err(Halt::disagree(format!("the new tests are not those of the record: {found}")));
    }
    // A test of the base that fails now and then may have failed in one run and not in the other: all are counted.
    let all = |counts: Counts| Counts {
        passed: counts.passed + counts.failed,
        failed: 0,
        skipped: counts.skipped,
    };
    ground.same_report(claim, last, all)
}

fn line(ground: &Ground<'_>, shown: &Shown) -> String {
    let what = match shown.basis {
        Basis::Named => format!("{} fail on the base, twice", showing::told(&shown.new)),
        basis => {
            format!("the tests fail on the base, twice ({})", basis.label().unwrap_or("named"))
        }
    };
    let frozen = ground.frozen().map_or(0, |frozen| frozen.files.len());
    let files = counted(frozen, "frozen file");
    format!("{what}; {files} as recorded")
}
