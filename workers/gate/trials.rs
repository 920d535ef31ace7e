//! Test runs on commits of a line, each tree tested once: a failure counts when it comes twice.

use std::collections::BTreeMap;

use super::baseline;
use super::fault::{self, Tried};
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
    /// They fail, twice.
    Red,
    /// Nothing was found out.
    Unable(Check),
}

/// Tests that an order on the line brought: RED froze their names.
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

    /// Tests `commit`, which stands on `base`, unless its tree was tested before. A line that comes to no answer is red
    /// when its base does come to one, and so is a line that passes without a test that is `wanted`: one order must not
    /// silence another's tests.
    pub(super) async fn of(
        &mut self,
        base: &Commit,
        commit: &Commit,
        wanted: &[Wanted],
    ) -> Result<Trial> {
        if !self.runs.contains_key(&commit.tree) {
            let tried = self.run(base, commit).await?;
            match tried.no_answer {
                Some(answer @ Check::CouldNotRun { .. }) => return Ok(Trial::Unable(answer)),
                _ => drop(self.runs.insert(commit.tree.clone(), tried.runs)),
            }
        }
        if self.on(&commit.tree).len() == 1 && !self.missing(&commit.tree, wanted).is_empty() {
            let again = self.run(base, commit).await?;
            match again.no_answer {
                Some(answer @ Check::CouldNotRun { .. }) => return Ok(Trial::Unable(answer)),
                _ => self.runs.entry(commit.tree.clone()).or_default().extend(again.runs),
            }
        }
        let missing = !self.missing(&commit.tree, wanted).is_empty();
        let runs = self.on(&commit.tree);
        Ok(match runs.last() {
            Some(last) if last.outcome == Outcome::Passed && !missing => {
                Trial::Green(runs.len() > 1)
            }
            _ => Trial::Red,
        })
    }

    /// The runs made on `tree`.
    pub(super) fn on(&self, tree: &str) -> &[Run] {
        self.runs.get(tree).map_or(&[], Vec::as_slice)
    }

    /// The wanted tests that did not pass in the last run on `tree`, where that run passed and names its tests. Empty where
    /// the run failed: it says more.
    pub(super) fn missing(&self, tree: &str, wanted: &[Wanted]) -> Vec<TestId> {
        let last = self.on(tree).last().filter(|run| run.outcome == Outcome::Passed);
        let Some(tests) = last.and_then(|run| run.tests.as_ref()) else { return Vec::new() };
        if tests.strength != Strength::Named {
            return Vec::new();
        }
        let told = wanted.iter().filter(|one| one.adapter == Some(tests.adapter));
        let ids = told.flat_map(|one| &one.ids);
        ids.filter(|id| tests.tests.get(id) != Some(&TestOutcome::Passed)).cloned().collect()
    }

    async fn run(&self, base: &Commit, commit: &Commit) -> Result<Tried> {
        let folder = self.tools.workspace.checkout("union", &commit.commit).await?;
        let (sha, tree) = (Some(commit.commit.clone()), commit.tree.clone());
        let place = Place { kind: "union", folder, commit: sha, tree };
        let setting = Setting::tests(self.tools).read_by(baseline::known_adapter(self.tools, base));
        let mut tried = fault::run(self.tools, &setting, base, place.clone(), self.stop).await?;
        if tried.came_to(&Outcome::Failed) {
            let again = fault::run(self.tools, &setting, base, place, self.stop).await?;
            tried.runs.extend(again.runs);
            tried.no_answer = again.no_answer;
        }
        Ok(tried)
    }
}
