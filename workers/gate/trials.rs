//! Test runs on commits of a line, each tree tested once: what was found on a tree is never looked for again.

use std::collections::{BTreeMap, BTreeSet};

use super::baseline;
use super::fault;
use super::run::{Outcome, Place, Run, Setting};
use super::scene::Tools;
use crate::check::Check;
use crate::error::Result;
use crate::report::{Adapter, Strength, TestId, TestOutcome};
use crate::stop::Stop;
use crate::workspace::Commit;

/// What the tests showed on one tree.
#[derive(Debug)]
#[must_use]
pub(super) enum Trial {
    /// They pass; true when they failed the first time.
    Green(bool),
    /// They fail.
    Red,
    /// Nothing was found out.
    Unable(Check),
}

/// How often a failure must be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// Once: what it points at is looked at again before anybody is blamed.
    Once,
    /// Twice: a failure that does not come again was a flake, and blames nobody.
    Twice,
}

/// Tests that an order on the line brought, by their names.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Who told the names; nothing else is compared with them.
    pub(super) adapter: Option<Adapter>,
    /// The names.
    pub(super) ids: Vec<TestId>,
}

/// The runs made so far, by tree.
#[derive(Debug)]
pub(super) struct Trials<'a> {
    tools: &'a Tools,
    stop: &'a Stop,
    runs: BTreeMap<String, Vec<Run>>,
}

impl<'a> Trials<'a> {
    /// None made yet. Whoever makes them holds the union's lock: there is one folder for all.
    pub(super) fn new(tools: &'a Tools, stop: &'a Stop) -> Self {
        Self { tools, stop, runs: BTreeMap::new() }
    }

    /// Tests `commit`, which stands on `base`, unless enough is known of its tree. A line that comes to no answer is red
    /// when its base does come to one, and so is a line that passes without a test that is `wanted`: one order must not
    /// silence another's tests.
    pub(super) async fn of(
        &mut self,
        base: &Commit,
        commit: &Commit,
        wanted: &[Wanted],
        care: Care,
    ) -> Result<Trial> {
        let enough = match care {
            Care::Once => 1,
            Care::Twice => 2,
        };
        loop {
            if let Some(green) = self.is_green(&commit.tree, wanted)
                && (green || self.reds(&commit.tree, wanted) >= enough)
            {
                return Ok(match green {
                    true => Trial::Green(self.on(&commit.tree).len() > 1),
                    false => Trial::Red,
                });
            }
            let tried = self.run(base, commit).await?;
            if let Some(answer @ Check::CouldNotRun { .. }) = tried.no_answer {
                return Ok(Trial::Unable(answer));
            }
            self.runs.entry(commit.tree.clone()).or_default().extend(tried.runs);
        }
    }

    /// What is known of a tree: true when its last run passed with all tests that are wanted; `None` when it was not tested.
    pub(super) fn is_green(&self, tree: &str, wanted: &[Wanted]) -> Option<bool> {
        let last = self.on(tree).last()?;
        Some(last.outcome == Outcome::Passed && lacking(last, wanted).is_empty())
    }

    /// How many runs on a tree were red.
    pub(super) fn reds(&self, tree: &str, wanted: &[Wanted]) -> usize {
        let ours = self.on(tree).iter().filter(|run| run.place.kind == "union");
        ours.filter(|run| run.outcome != Outcome::Passed || !lacking(run, wanted).is_empty())
            .count()
    }

    /// The runs made on `tree`.
    pub(super) fn on(&self, tree: &str) -> &[Run] {
        self.runs.get(tree).map_or(&[], Vec::as_slice)
    }

    /// The wanted tests that did not pass in the last run on `tree`, where that run passed and names its tests. Empty where
    /// the run failed: it says more.
    pub(super) fn missing(&self, tree: &str, wanted: &[Wanted]) -> Vec<TestId> {
        self.on(tree).last().map_or_else(Vec::new, |last| lacking(last, wanted))
    }

    /// Why the last run on `tree` was red, test by test: what failed and what is wanted and missing. `None` where no names
    /// tell it.
    pub(super) fn why(&self, tree: &str, wanted: &[Wanted]) -> Option<BTreeSet<TestId>> {
        let last = self.on(tree).last()?;
        let tests = last.tests.as_ref()?;
        let told = tests.strength == Strength::Named && tests.complete();
        let failed = tests.failed().into_iter().cloned();
        let why: BTreeSet<TestId> = failed.chain(lacking(last, wanted)).collect();
        (told && !why.is_empty()).then_some(why)
    }

    async fn run(&self, base: &Commit, commit: &Commit) -> Result<fault::Tried> {
        let folder = self.tools.workspace.checkout("union", &commit.commit).await?;
        let (sha, tree) = (Some(commit.commit.clone()), commit.tree.clone());
        let place = Place { kind: "union", folder, commit: sha, tree };
        let setting = Setting::tests(self.tools).read_by(baseline::known_adapter(self.tools, base));
        fault::run(self.tools, &setting, base, place, self.stop).await
    }
}

/// The wanted tests that did not pass in a run that did.
fn lacking(run: &Run, wanted: &[Wanted]) -> Vec<TestId> {
    let passed = run.outcome == Outcome::Passed;
    let Some(tests) = run.tests.as_ref().filter(|_| passed) else { return Vec::new() };
    if tests.strength != Strength::Named {
        return Vec::new();
    }
    let told = wanted.iter().filter(|one| one.adapter == Some(tests.adapter));
    let ids = told.flat_map(|one| &one.ids);
    ids.filter(|id| tests.tests.get(id) != Some(&TestOutcome::Passed)).cloned().collect()
}
