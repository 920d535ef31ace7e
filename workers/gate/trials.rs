//! Test runs on commits of a line, each tree tested once: a failure counts when it comes twice.

use std::collections::BTreeMap;

use super::run::{self, Outcome, Place, Run};
use super::scene::Tools;
use crate::check::Check;
use crate::error::Result;
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

    /// Tests `commit`, unless its tree was tested before.
    pub(super) async fn of(&mut self, commit: &Commit) -> Result<Trial> {
        if !self.runs.contains_key(&commit.tree) {
            let runs = self.run(commit).await?;
            self.runs.insert(commit.tree.clone(), runs);
        }
        let runs = self.on(&commit.tree);
        let Some(last) = runs.last() else { return Ok(Trial::Red) };
        let trial = match last.outcome.unable() {
            Some(answer) => Trial::Unable(answer),
            None if last.outcome == Outcome::Passed => Trial::Green(runs.len() > 1),
            None => Trial::Red,
        };
        if matches!(trial, Trial::Unable(_)) {
            self.runs.remove(&commit.tree);
        }
        Ok(trial)
    }

    /// The runs made on `tree`.
    pub(super) fn on(&self, tree: &str) -> &[Run] {
        self.runs.get(tree).map_or(&[], Vec::as_slice)
    }

    async fn run(&self, commit: &Commit) -> Result<Vec<Run>> {
        let folder = self.tools.workspace.checkout("union", &commit.commit).await?;
        let place = Place {
            kind: "union",
            folder,
            commit: Some(commit.commit.clone()),
            tree: commit.tree.clone(),
        };
        let mut runs = vec![run::tests(self.tools, place.clone(), self.stop).await];
        if runs[0].outcome == Outcome::Failed {
            runs.push(run::tests(self.tools, place, self.stop).await);
        }
        Ok(runs)
    }
}
