//! Two more runs at GREEN, each on the order's work with something in it altered, in a clean checkout of its own: what a new
//! test leaves in ignored files must not lie there when the old ones run.
//!
//! The **control**: the new tests with a failure put at the end of each (`control`). They must fail. The **old tests**: the
//! order's work with the test files of the base as they were there, and without those that it brings. They must pass:
//! whoever changed an old test, or wrote a new one that touches what an old one looks at, is seen here.

use std::collections::BTreeSet;
use std::time::Duration;

use super::allowance::Allowance;
use super::baseline::Known;
use super::control;
use super::evidence::Notebook;
use super::fault;
use super::frozen::Frozen;
use super::lock;
use super::old_tests::{self, Holds};
use super::record::Basis;
use super::run::{Outcome, Place, Run, Setting};
use super::scene::Tools;
use super::showing::{self, NotShown};
use crate::check::Check;
use crate::error::Result;
use crate::report::{TestId, Tool};
use crate::stop::Stop;
use crate::workspace::{Bench, Change, ChangeKind, Commit};

/// The order's work as GREEN found it passing.
#[derive(Debug)]
pub(super) struct Work<'a> {
    pub(super) bench: &'a Bench,
    pub(super) tree: &'a str,
    /// What it changed since the base.
    pub(super) changes: &'a [Change],
    pub(super) frozen: &'a Frozen,
    pub(super) allowance: &'a Allowance,
    pub(super) known: &'a Known,
}

/// The answer of the gate when something is wrong, or what to say of the two runs, reading on from its line.
pub(super) type Said = Result<String, NotShown>;

impl Work<'_> {
    /// Both runs. `new` are the tests that the order brings and that pass.
    pub(super) async fn look(
        &self,
        tools: &Tools,
        notebook: &mut Notebook<'_>,
        new: &[TestId],
        stop: &Stop,
    ) -> Result<Said> {
        // One order at a time: there is one folder for each of the two.
        let limit = tools.config.project.test.timeout.saturating_mul(30);
        let limit = limit.max(Duration::from_secs(60));
        let _guard = lock::take(&tools.floor.run(), "altered.lock", limit, stop).await?;
        let control = match self.control(tools, notebook, new, stop).await? {
            Ok(said) => said,
            Err(not_shown) => return Ok(Err(not_shown)),
        };
        let old = match self.old_tests(tools, notebook, stop).await? {
            Ok(said) => said,
            Err(not_shown) => return Ok(Err(not_shown)),
        };
        Ok(Ok(format!("{control}{old}")))
    }

    /// The new tests must be able to fail.
    async fn control(
        &self,
        tools: &Tools,
        notebook: &mut Notebook<'_>,
        new: &[TestId],
        stop: &Stop,
    ) -> Result<Said> {
        const NONE: &str =
            "; no control: the tests are of no language that we know how to make fail";
        if self.frozen.basis.unwrap_or(Basis::ExitCode) == Basis::ExitCode {
            return Ok(Ok(String::new()));
        }
        let tool = Tool::of(&tools.config.project.test.command);
        let mut files = Vec::new();
        for file in &self.frozen.files {
            let content = tools.workspace.file(self.tree, &file.path).await?;
            files.extend(content.map(|content| (file.path.as_str(), content)));
        }
        let controls = control::of_files(&files, tool);
        let covered = control::covered(&controls, new);
        if covered.is_empty() {
            return Ok(Ok(NONE.to_owned()));
        }
        let texts: Vec<(String, Vec<u8>)> =
            controls.into_iter().map(|one| (one.path, one.text.into_bytes())).collect();
        // Tests that came with the code are not in question; where names tell no file, they may be taken for those that are.
        let added = self.changes.iter().filter(|change| change.kind == ChangeKind::Added);
        let added = added.map(|change| change.path.clone());
        let others: Vec<String> = added
            .filter(|path| !self.frozen.has(path) && control::is_nameless_test(path))
            .collect();
        let base = &self.bench.base;
        let commit = tools.workspace.altered(base, self.tree, &others, &texts).await?;
        let run = match self.run(tools, notebook, "control", &commit, stop).await? {
            Ok(run) => run,
            Err(check) => return Ok(Err(NotShown { check, tests: Vec::new() })),
        };
        let passing = run.tests.as_ref().map(|tests| control::passing(&covered, tests));
        let passing = passing.unwrap_or_default();
        if run.outcome == Outcome::Passed || !passing.is_empty() {
            let tests = if passing.is_empty() { covered } else { passing };
            let why = "the new tests can't fail: they pass with a failure put at their end";
            let advice = "Something ends them early or says that they passed: code that ends the process, a report \
                          that is printed, an assertion that never fails, a hook. The code must return to the test.";
            return Ok(Err(showing::naming(why, tests, advice, &[run])));
        }
        let built = run.tests.as_ref().is_none_or(|tests| tests.build_failed.is_none());
        Ok(Ok(match built {
            true => "; the control fails, as it must".to_owned(),
            false => "; no control: the tests do not build with a failure in them".to_owned(),
        }))
    }

    /// The tests of the base, in the files of the base.
    async fn old_tests(
        &self,
        tools: &Tools,
        notebook: &mut Notebook<'_>,
        stop: &Stop,
    ) -> Result<Said> {
        if self.known.outcome == Outcome::NoTests {
            return Ok(Ok(String::new()));
        }
        let (back, contents) = self.put_back(tools).await?;
        let base = &self.bench.base;
        let commit = tools.workspace.altered(base, self.tree, &back, &contents).await?;
        if commit.tree == base.tree {
            return Ok(Ok(String::new()));
        }
        let mut runs = Vec::new();
        // What fails once and passes then is no order's fault.
        while runs.len() < 2 && runs.iter().all(|run: &Run| run.outcome == Outcome::Failed) {
            match self.run(tools, notebook, "old-tests", &commit, stop).await? {
                Ok(run) => runs.push(run),
                Err(check) => return Ok(Err(NotShown { check, tests: Vec::new() })),
            }
        }
        if let Some(run) = runs.last().filter(|run| run.outcome == Outcome::Failed) {
            let tests =
                run.tests.as_ref().map(|tests| tests.failed().into_iter().cloned().collect());
            let why = "tests of the base fail with this code, in the files of the base";
            let advice = "These are the old tests as they were, without those of this order. What they want must still \
                          hold; where it must not, a person says so by `tests_may_change` in order.json.";
            return Ok(Err(showing::naming(why, tests.unwrap_or_default(), advice, &runs)));
        }
        let allowed: Vec<String> = self
            .changes
            .iter()
            .map(|change| change.path.clone())
            .filter(|path| self.allowance.covers(path))
            .collect();
        match showing::old(self.known, &allowed, &runs) {
            Ok(()) => Ok(Ok("; so do the old ones alone".to_owned())),
            Err(not_shown) => Ok(Err(not_shown)),
        }
    }

    /// The test files that are to be as on the base, and code whose tests are.
    async fn put_back(&self, tools: &Tools) -> Result<(Vec<String>, Vec<(String, Vec<u8>)>)> {
        let workspace = &tools.workspace;
        let (mut back, mut contents) = (BTreeSet::new(), Vec::new());
        for change in self.changes.iter().filter(|change| !self.allowance.covers(&change.path)) {
            let path = &change.path;
            let frozen = self.frozen.has(path);
            if change.kind == ChangeKind::Added {
                match old_tests::is_test_path(path) {
                    // A manifest or a module may name it: an empty file of Rust is a file without tests.
                    true if path.ends_with(".rs") => contents.push((path.clone(), Vec::new())),
                    true => {
                        back.insert(path.clone());
                    }
                    false => {}
                }
                continue;
            }
            let before = workspace.file(&self.bench.base.tree, path).await?.unwrap_or_default();
            match old_tests::holds(path, &before, &mut self.known.names()) {
                Holds::Parts => {
                    let now = workspace.file(self.tree, path).await?.unwrap_or_default();
                    contents.extend(
                        old_tests::with_old_parts(&before, &now).map(|put| (path.clone(), put)),
                    );
                }
                // What else the test stage changed is the frame of its tests: manifests, settings.
                Holds::Nothing if !frozen || path.ends_with(".rs") => {}
                Holds::All | Holds::Nothing => {
                    back.insert(path.clone());
                }
            }
        }
        Ok((back.into_iter().collect(), contents))
    }

    /// One run on `commit`. The inner error is the gate's answer when it comes to no answer.
    async fn run(
        &self,
        tools: &Tools,
        notebook: &mut Notebook<'_>,
        kind: &'static str,
        commit: &Commit,
        stop: &Stop,
    ) -> Result<Result<Run, Check>> {
        let folder = tools.workspace.checkout(kind, &commit.commit).await?;
        let (sha, tree) = (Some(commit.commit.clone()), commit.tree.clone());
        let place = Place { kind, folder, commit: sha, tree };
        let setting = Setting::tests(tools).read_by(self.frozen.adapter);
        fault::run(tools, &setting, &self.bench.base, place, stop).await?.keep(notebook)
    }
}
