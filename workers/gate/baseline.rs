//! The same tests on the base commit, before any order's work: ours, or there before us?
//!
//! One worker at a time tests a base, and what it found is kept for all, by (tree, command, environment). A pass stays
//! true; a failure is believed for ten minutes only, since it may have been the machine's.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::environment;
use super::evidence::Notebook;
use super::findings::short;
use super::lock;
use super::record::Counts;
use super::run::{self, Outcome, Place, Run, Setting};
use super::scene::Tools;
use crate::check::Check;
use crate::error::{Error, Result};
use crate::floor;
use crate::report::{Adapter, Completeness, Difference, Strength, TestId, TestRun};
use crate::stop::Stop;
use crate::workspace::Commit;

/// The version of what is kept. What an older one kept is found out anew.
const VERSION: u32 = 2;
const FAILURE_HOLDS_SECS: u64 = 600;

/// What is known of a base.
#[derive(Debug)]
pub(super) struct Known {
    /// What its tests showed.
    pub(super) outcome: Outcome,
    /// Its tests by name, where the report could be read.
    tests: Option<TestRun>,
    /// The runs that were made now; none when it was known before.
    pub(super) runs: Vec<Run>,
    base: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    v: u32,
    tree: String,
    command: Vec<String>,
    environment: String,
    passed: bool,
    tests: Option<TestRun>,
    /// Unix seconds.
    at: u64,
}

impl Known {
    /// `None` when the base is in order (an empty one is: nothing in it fails); else the gate's answer, which blames no order.
    pub(super) fn in_the_way(&self) -> Option<Check> {
        let base = short(&self.base);
        match &self.outcome {
            Outcome::Passed | Outcome::NoTests => None,
            Outcome::Failed => Some(Check::could_not_run(
                format!(
                    "the project's own tests fail on the base commit {base}, before any order's work"
                ),
                "mend the tests of the base branch and commit; the orders wait and are not charged",
            )),
            Outcome::NoAnswer { why, mend } | Outcome::CouldNotRun { why, mend } => {
                Some(Check::could_not_run(
                    format!("the project's tests can't be run on the base commit {base}: {why}"),
                    mend,
                ))
            }
        }
    }

    /// The adapter that an order's work on this base is read by; `None` while the base has no tests to be read.
    pub(super) fn adapter(&self) -> Option<Adapter> {
        match self.outcome {
            Outcome::Passed | Outcome::Failed => self.tests.as_ref().map(|run| run.adapter),
            _ => None,
        }
    }

    /// True when the base names its tests, or has none: then those of an order must have names too.
    pub(super) fn names_its_tests(&self) -> bool {
        self.outcome == Outcome::NoTests
            || self.tests.as_ref().is_some_and(|run| run.strength == Strength::Named)
    }

    /// What was counted, where tests have names.
    pub(super) fn counts(&self) -> Option<Counts> {
        self.tests.as_ref().and_then(Counts::of)
    }

    /// What a run of an order's work has that the base has not, and the other way round. `None` where one of the two does
    /// not name its tests.
    pub(super) fn difference(&self, run: &TestRun) -> Option<Difference> {
        if run.strength != Strength::Named || !self.names_its_tests() {
            return None;
        }
        match self.outcome {
            Outcome::NoTests => run.against(&none(run.adapter)).ok(),
            _ => run.against(self.tests.as_ref()?).ok(),
        }
    }

    /// The names of its tests, as far as they have any.
    pub(super) fn names(&self) -> impl Iterator<Item = &TestId> {
        self.tests.iter().flat_map(|run| run.tests.keys())
    }

    /// One line for a gate that passed because of it.
    pub(super) fn shown(&self) -> String {
        let what = match self.outcome {
            Outcome::NoTests => "has no tests yet",
            _ if self.runs.is_empty() => "passes (tested before)",
            _ if self.runs.len() > 1 => "passes (the second time; it failed once)",
            _ => "passes",
        };
        format!("the base {} {what}", short(&self.base))
    }

    /// Puts the runs that were made now into an order's record.
    pub(super) fn keep(&self, notebook: &mut Notebook<'_>) -> Result<()> {
        self.runs.iter().try_for_each(|run| notebook.keep(run))
    }
}

/// Tests `base`, or remembers that it was tested.
pub(super) async fn baseline(tools: &Tools, base: &Commit, stop: &Stop) -> Result<Known> {
    if let Some(known) = recall(tools, base) {
        return Ok(known);
    }
    let _guard = checkout_lock(tools, stop).await?;
    match recall(tools, base) {
        Some(known) => Ok(known),
        None => test(tools, base, stop).await,
    }
}

/// The adapter that work on `base` is read by, as far as the base was tested before.
pub(super) fn known_adapter(tools: &Tools, base: &Commit) -> Option<Adapter> {
    recall(tools, base)?.adapter()
}

/// A run without tests.
fn none(adapter: Adapter) -> TestRun {
    TestRun {
        adapter,
        chosen: String::new(),
        strength: Strength::Named,
        completeness: Completeness::Whole,
        tests: BTreeMap::new(),
        unnamed_passed: 0,
        build_failed: None,
        remarks: Vec::new(),
    }
}

/// Tests `base` now, whatever is remembered of it: what passed an hour ago may fail on a machine that lost something since.
pub(super) async fn anew(tools: &Tools, base: &Commit, stop: &Stop) -> Result<Known> {
    let _guard = checkout_lock(tools, stop).await?;
    test(tools, base, stop).await
}

/// Tests `base` in a checkout of the caller's own, `name`, and keeps nothing of it: what is cached proves nothing to a third
/// person.
pub(super) async fn afresh(tools: &Tools, base: &Commit, name: &str, stop: &Stop) -> Result<Known> {
    let folder = tools.workspace.checkout(name, &base.commit).await?;
    let (commit, tree) = (Some(base.commit.clone()), base.tree.clone());
    let place = Place { kind: "base", folder, commit, tree };
    let setting = Setting::tests(tools);
    let mut runs = vec![run::run(tools, &setting, place.clone(), stop).await];
    if runs[0].outcome == Outcome::Failed {
        runs.push(run::run(tools, &setting, place, stop).await);
    }
    let outcome = runs.last().map_or(Outcome::NoTests, |run| run.outcome.clone());
    let tests = runs.last().and_then(|run| run.tests.clone());
    Ok(Known { outcome, tests, runs, base: base.commit.clone() })
}

/// Runs a gate of the user's own on `base`, now.
pub(super) async fn gate_anew(
    tools: &Tools,
    setting: &Setting<'_>,
    base: &Commit,
    stop: &Stop,
) -> Result<Run> {
    let _guard = checkout_lock(tools, stop).await?;
    let place = checkout(tools, base).await?;
    Ok(run::run(tools, setting, place, stop).await)
}

/// There is one folder for the base, and one worker at a time in it.
async fn checkout_lock(tools: &Tools, stop: &Stop) -> Result<lock::Guard> {
    // Two runs of ours, as much for those who stand before us, and each waits for a slot.
    let limit = tools.config.project.test.timeout.saturating_mul(30).max(Duration::from_secs(60));
    lock::take(&tools.floor.run(), "baseline.lock", limit, stop).await
}

async fn checkout(tools: &Tools, base: &Commit) -> Result<Place> {
    let folder = tools.workspace.checkout("base", &base.commit).await?;
    let (commit, tree) = (Some(base.commit.clone()), base.tree.clone());
    Ok(Place { kind: "base", folder, commit, tree })
}

async fn test(tools: &Tools, base: &Commit, stop: &Stop) -> Result<Known> {
    let (setting, place) = (Setting::tests(tools), checkout(tools, base).await?);
    let mut runs = vec![run::run(tools, &setting, place.clone(), stop).await];
    if runs[0].outcome == Outcome::Failed {
        // A base that fails stops everybody: it must fail twice.
        runs.push(run::run(tools, &setting, place, stop).await);
    }
    let outcome = runs.last().map_or(Outcome::NoTests, |run| run.outcome.clone());
    let tests = runs.last().and_then(|run| run.tests.clone());
    remember(tools, &base.tree, &outcome, tests.as_ref())?;
    Ok(Known { outcome, tests, runs, base: base.commit.clone() })
}

/// Keeps a definite outcome of the tests on `tree`. Anything else is found out anew each time.
pub(super) fn remember(
    tools: &Tools,
    tree: &str,
    outcome: &Outcome,
    tests: Option<&TestRun>,
) -> Result<()> {
    let passed = match outcome {
        Outcome::Passed => true,
        Outcome::Failed => false,
        Outcome::NoTests | Outcome::NoAnswer { .. } | Outcome::CouldNotRun { .. } => return Ok(()),
    };
    let command = tools.config.project.test.command.clone();
    let kept = Kept {
        v: VERSION,
        tree: tree.to_owned(),
        command,
        environment: environment::of_tests(&tools.config),
        passed,
        tests: tests.cloned(),
        at: floor::unix_now(),
    };
    let path = path(tools, tree);
    let folder = path.parent().unwrap_or(&path);
    std::fs::create_dir_all(folder).map_err(|error| Error::io("make", folder, error))?;
    floor::replace(&path, &serde_json::to_vec(&kept).unwrap_or_default())
}

fn recall(tools: &Tools, base: &Commit) -> Option<Known> {
    let tree = base.tree.as_str();
    // A cache may be deleted or damaged at any time: then the tests are simply run.
    let kept: Kept = serde_json::from_slice(&std::fs::read(path(tools, tree)).ok()?).ok()?;
    let same = kept.v == VERSION
        && kept.tree == tree
        && kept.command == tools.config.project.test.command
        && kept.environment == environment::of_tests(&tools.config);
    let age = floor::unix_now().checked_sub(kept.at);
    let outcome = match kept.passed {
        _ if !same => None,
        true => Some(Outcome::Passed),
        false => age.is_some_and(|age| age < FAILURE_HOLDS_SECS).then_some(Outcome::Failed),
    };
    Some(Known {
        outcome: outcome?,
        tests: kept.tests,
        runs: Vec::new(),
        base: base.commit.clone(),
    })
}

fn path(tools: &Tools, tree: &str) -> PathBuf {
    let test = &tools.config.project.test;
    tools
        .floor
        .cache()
        .join("baseline")
        .join(format!("{}.json", key(tree, &test.command, &environment::of_tests(&tools.config))))
}

fn key(tree: &str, command: &[String], environment: &str) -> String {
    let parts = serde_json::to_vec(&(tree, command, environment)).unwrap_or_default();
    format!("{:x}", Sha256::digest(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_tree_command_or_environment_is_another_result() {
        let words =
            |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let keys = [
            key("t", &words(&["a", "b"]), "e"),
            key("u", &words(&["a", "b"]), "e"),
            key("t", &words(&["a b"]), "e"),
            key("t", &words(&["a", "b"]), "f"),
        ];
        let distinct: std::collections::BTreeSet<&String> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
        assert_eq!(keys[0], key("t", &words(&["a", "b"]), "e"));
    }
}
