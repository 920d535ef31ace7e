//! Test runs on commits of a line, each tree tested once: a failure counts when it comes twice.

use std::collections::BTreeMap;

use super::baseline;
use super::fault::{self, Tried};
use super::run::{Outcome, Place, Run, Setting};
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

    /// Tests `commit`, which stands on `base`, unless its tree was tested before. A line that comes to no answer is red
    /// when its base does come to one.
    pub(super) async fn of(&mut self, base: &Commit, commit: &Commit) -> Result<Trial> {
        if !self.runs.contains_key(&commit.tree) {
            let tried = self.run(base, commit).await?;
            match tried.no_answer {
                Some(answer @ Check::CouldNotRun { .. }) => return Ok(Trial::Unable(answer)),
                _ => drop(self.runs.insert(commit.tree.clone(), tried.runs)),
            }
        }
        let runs = self.on(&commit.tree);
        Ok(match runs.last() {
            Some(last) if last.outcome == Outcome::Passed => Trial::Green(runs.len() > 1),
            _ => Trial::Red,
        })
    }

    /// The runs made on `tree`.
    pub(super) fn on(&self, tree: &str) -> &[Run] {
        self.runs.get(tree).map_or(&[], Vec::as_slice)
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
