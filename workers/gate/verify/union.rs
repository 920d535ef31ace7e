//! UNION again: the order's commit is the change that GREEN passed on, it has landed, and the line it landed with passes.

use super::super::allowance::stands_in;
use super::super::findings::{short, some};
use super::super::record::RecordLine;
use super::super::run::{Outcome, Run};
use super::ground::Ground;
use super::{Checked, Halt};
use crate::report::{TestId, TestOutcome};
use crate::workspace::Commit;

pub(super) async fn look(ground: &mut Ground<'_>) -> Checked<String> {
    let claim = ground.claim("union")?;
    if claim.outcome != "pass" {
        return Err(Halt::unknown(format!("it did not land: {}", claim.line)));
    }
    let frozen = ground.frozen()?.clone();
    let (base, tree) = same_work(ground, &claim).await?;
    let (told, held) = match &claim.landed {
        Some(landed) => {
            let commit = own_commit(ground, &claim, landed, (&base, &tree)).await?;
            (format!("{} is the order's change and has landed", short(&commit.commit)), commit)
        }
        None => held(ground, &claim, &base, &tree).await?,
    };
    let tip = tip(ground, &claim, &held).await?;
    // Once more when they fail: a flake blamed nobody then, and does not now.
    let runs = ground.run("verify-union", &tip, frozen.adapter, &Outcome::Failed).await?;
    let Some(run) = runs.iter().find(|run| run.outcome == Outcome::Passed) else {
        return Err(Halt::disagree(format!("the tests fail on {}, twice", short(&tip.commit))));
    };
    let loose = |id: &TestId| {
        let files = frozen.files.iter().map(|file| file.path.clone()).collect::<Vec<_>>();
        let allowed = ground.allowed(&files);
        allowed.iter().chain(&frozen.thawed).any(|path| stands_in(id, path))
    };
    let missing = missing(&ground.new, run, loose);
    if !missing.is_empty() {
        let (name, missing) = (short(&tip.commit), some(&missing));
        return Err(Halt::disagree(format!("new tests do not pass on {name}: {missing}")));
    }
    // What was known as a base has its report on no line of this order.
    if claim.runs.last().is_some_and(|run| run.place == "union") {
        ground.same_report(&claim, run.tests.as_ref(), |counts| counts)?;
    }
    let on = match tip.commit == held.commit {
        true => "it".to_owned(),
        false => format!("{}, the line it landed with", short(&tip.commit)),
    };
    Ok(format!("{told}; the tests pass on {on}"))
}

/// What landed was made of the tree that GREEN passed on; its base and the tree.
async fn same_work(ground: &Ground<'_>, claim: &RecordLine) -> Checked<(Commit, String)> {
    let green = ground.lines.iter().rev().find(|line| line.gate == "green");
    let Some((base, tree)) = green.and_then(|line| line.base.as_ref().zip(line.tree.as_ref()))
    else {
        return Err(Halt::unknown("the record has no GREEN to compare it with"));
    };
    if claim.tree.as_ref() != Some(tree) || claim.base.as_ref() != Some(base) {
        return Err(Halt::disagree(
            "the record's tree or base is not the one that GREEN passed on",
        ));
    }
    let Some(base) = ground.tools.workspace.commit(base).await? else {
        return Err(Halt::unknown(format!("the base {} is not in the repository", short(base))));
    };
    Ok((base, tree.clone()))
}

/// The order's own commit: its branch names it, it has landed, it is signed with the order and makes the very change.
async fn own_commit(
    ground: &Ground<'_>,
    claim: &RecordLine,
    landed: &str,
    (base, tree): (&Commit, &str),
) -> Checked<Commit> {
    let (workspace, order) = (&ground.tools.workspace, &ground.recorded.order);
    let branch = workspace.branch_name(order);
    let Some(commit) = workspace.branch_of(order).await? else {
        return Err(Halt::disagree(format!("there is no branch {branch}")));
    };
    let name = short(&commit.commit);
    if commit.commit != landed {
        let landed = short(landed);
        return Err(Halt::disagree(format!(
            "it landed as {landed}, and {branch} is at {name} now"
        )));
    }
    if !claim.line.contains(name) {
        return Err(Halt::disagree(format!("the words of the record do not name {name}")));
    }
    if !workspace.is_landed(landed).await? {
        return Err(Halt::disagree(format!(
            "{name} is neither on shopfloor/ready nor on the base branch"
        )));
    }
    let message = workspace.message_of(landed).await?;
    if message.trim_end().lines().next_back() != Some(&format!("Order: {order}")) {
        return Err(Halt::disagree(format!("the message of {name} does not end with its order")));
    }
    let told = match workspace.deviation(&commit, base, tree).await? {
        Some(paths) if paths.is_empty() => return Ok(commit),
        Some(paths) => format!(": {} differ", some(&paths)),
        None => String::new(),
    };
    Err(Halt::disagree(format!("{name} is not the change that GREEN passed on{told}")))
}

/// The commit that held the order's change before it could land, as the record has it: somebody had made it already.
async fn held(
    ground: &Ground<'_>,
    claim: &RecordLine,
    base: &Commit,
    tree: &str,
) -> Checked<(String, Commit)> {
    let workspace = &ground.tools.workspace;
    let named = claim.held_by.as_deref().unwrap_or_default();
    let found = match named.is_empty() {
        true => None,
        false => workspace.commit(named).await?,
    };
    let Some(commit) = found else {
        return Err(Halt::disagree("the record names no commit with which it landed"));
    };
    let name = short(&commit.commit);
    if !workspace.is_landed(&commit.commit).await?
        || !workspace.contains(&commit, base, tree).await?
    {
        return Err(Halt::disagree(format!("{name} does not hold the order's change")));
    }
    Ok((format!("{name} held the order's change already"), commit))
}

/// The commit that was tested: the end of the line that landed together.
async fn tip(ground: &Ground<'_>, claim: &RecordLine, held: &Commit) -> Checked<Commit> {
    let workspace = &ground.tools.workspace;
    let Some(run) = claim.runs.last() else { return Ok(held.clone()) };
    let Some(named) = &run.commit else { return Err(Halt::unknown("the record names no commit")) };
    let name = short(named);
    let Some(tip) = workspace.commit(named).await? else {
        return Err(Halt::unknown(format!("{name}, which was tested, is not in the repository")));
    };
    if tip.tree != run.tree {
        return Err(Halt::disagree(format!("{name} has another tree than the record says")));
    }
    if !workspace.is_below(&held.commit, named).await? || !workspace.is_landed(named).await? {
        return Err(Halt::disagree(format!("{name}, which was tested, is not what landed")));
    }
    Ok(tip)
}

/// The new tests that do not pass in `run`, but for those that may change.
fn missing(new: &[TestId], run: &Run, loose: impl Fn(&TestId) -> bool) -> Vec<String> {
    let passes = |id: &TestId| {
        let tests = run.tests.as_ref();
        tests.is_some_and(|run| run.tests.get(id) == Some(&TestOutcome::Passed))
    };
    let missing = new.iter().filter(|id| !passes(id) && !loose(id));
    missing.map(|id| id.as_str().to_owned()).collect()
}
