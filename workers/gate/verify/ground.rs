//! What stands under the gates that are looked at again: record, frozen tests, bases, and runs in clean checkouts.

use std::collections::BTreeMap;

use super::super::allowance::Allowance;
use super::super::baseline::Known;
use super::super::environment;
use super::super::findings::some;
use super::super::frozen::Frozen;
use super::super::record::{self, Counts, RecordLine};
use super::super::run::{self, Outcome, Place, Run, Setting};
use super::super::scene::Tools;
use super::{Checked, Halt, Recorded, claim};
use crate::error::Result;
use crate::report::{Adapter, TestId, TestRun};
use crate::state::State;
use crate::stop::Stop;
use crate::workspace::Commit;

/// One order under verification: what was found so far.
pub(super) struct Ground<'a> {
    pub(super) tools: &'a Tools,
    pub(super) recorded: &'a Recorded,
    pub(super) stop: &'a Stop,
    /// The lines of its record, the oldest first.
    pub(super) lines: Vec<RecordLine>,
    frozen: std::result::Result<Frozen, String>,
    /// The bases that were tested again, by their commit.
    pub(super) bases: BTreeMap<String, (Commit, Known)>,
    /// The tests that the order brings, as GREEN saw them again.
    pub(super) new: Vec<TestId>,
    /// Runs made for the gate that is looked at.
    pub(super) runs: usize,
}

impl<'a> Ground<'a> {
    pub(super) fn new(tools: &'a Tools, recorded: &'a Recorded, stop: &'a Stop) -> Result<Self> {
        let lines = record::record(&recorded.papers)?;
        let frozen = match &recorded.frozen {
            Some(proof) => Frozen::load(&recorded.papers, proof)?,
            None => Err("is not there: the journal remembers none".to_owned()),
        };
        let frozen = frozen.map_err(|why| format!("the list of frozen tests {why}"));
        let (bases, new, runs) = (BTreeMap::new(), Vec::new(), 0);
        Ok(Self { tools, recorded, stop, lines, frozen, bases, new, runs })
    }

    /// What the record claims of a gate: its last line, if nothing speaks against it before anything is run.
    pub(super) fn claim(&self, gate: &str) -> Checked<RecordLine> {
        let mut lines = self.lines.iter().filter(|line| line.gate == gate);
        let Some(last) = lines.clone().next_back() else {
            return Err(self.not_reached(gate));
        };
        let (order, papers) = (self.recorded.order.as_str(), &self.recorded.papers);
        if let Some(fault) = lines.find_map(|line| claim::fault(line, order, papers)) {
            return Err(Halt::disagree(fault));
        }
        if last.v < record::VERSION {
            return Err(Halt::unknown(format!(
                "the record's line is of version {}, which says too little to be checked",
                last.v
            )));
        }
        let finished = self.recorded.state == State::READY_FOR_REVIEW;
        match last.outcome.as_str() {
            "pass" => {}
            word if finished => {
                let told =
                    format!("the order is finished, and the record says {word}: {}", last.line);
                return Err(Halt::disagree(told));
            }
            "fail" => {}
            word => return Err(Halt::unknown(format!("the record says {word}: {}", last.line))),
        }
        let command = &self.tools.config.project.test.command;
        if let Some(run) = last.runs.iter().find(|run| run.argv != *command) {
            return Err(Halt::unknown(format!(
                "it was tested by `{}`, and shopfloor.toml names another command now",
                run.argv.join(" ")
            )));
        }
        Ok(last.clone())
    }

    fn not_reached(&self, gate: &str) -> Halt {
        let state = &self.recorded.state;
        match *state == State::READY_FOR_REVIEW {
            true => Halt::disagree(format!(
                "the order is {state}, and its record has no line of the gate {gate}"
            )),
            false => Halt::unknown(format!("the order never came to this gate: it is {state}")),
        }
    }

    /// The list of frozen tests, which must be the one that the journal remembers.
    pub(super) fn frozen(&self) -> Checked<&Frozen> {
        self.frozen.as_ref().map_err(|why| Halt::disagree(why.clone()))
    }

    /// The list as far as it can be believed.
    pub(super) fn frozen_base(&self) -> Option<&str> {
        self.frozen.as_ref().ok().map(|frozen| frozen.base.as_str())
    }

    /// The base that a line names, tested again.
    pub(super) fn base_of(&self, line: &RecordLine) -> Checked<(&Commit, &Known)> {
        let named = line.base.as_deref().unwrap_or_default();
        let found = self.bases.get(named).map(|(commit, known)| (commit, known));
        found.ok_or_else(|| Halt::unknown("its base could not be tested again"))
    }

    /// A snapshot of the order that has this tree on this base; `None` where no snapshot has the tree.
    pub(super) async fn kept(&self, tree: &str, base: &Commit) -> Checked<Option<Commit>> {
        let workspace = &self.tools.workspace;
        let mut elsewhere = false;
        for snapshot in workspace.snapshots(&self.recorded.order).await? {
            if snapshot.tree == tree {
                elsewhere = true;
                if workspace.is_only_parent(&base.commit, &snapshot.commit).await? {
                    return Ok(Some(snapshot));
                }
            }
        }
        match elsewhere {
            true => Err(Halt::disagree("its tree was kept on another base than the recorded one")),
            false => Ok(None),
        }
    }

    /// Runs the tests in a clean checkout of a commit, and once more if they came out as `wanted`. A run that comes to no
    /// answer ends it, and so does one that changes the checkout.
    pub(super) async fn run(
        &mut self,
        name: &'static str,
        commit: &Commit,
        adapter: Option<Adapter>,
        wanted: &Outcome,
    ) -> Checked<Vec<Run>> {
        let workspace = &self.tools.workspace;
        let folder = workspace.checkout(name, &commit.commit).await?;
        let (sha, tree) = (Some(commit.commit.clone()), commit.tree.clone());
        let place = Place { kind: "verify", folder, commit: sha, tree };
        let setting = Setting::tests(self.tools).read_by(adapter);
        let mut runs = Vec::new();
        while runs.len() < 2 && runs.iter().all(|run: &Run| run.outcome == *wanted) {
            let run = run::run(self.tools, &setting, place.clone(), self.stop).await;
            self.runs += 1;
            if let Some(check) = run.outcome.unable() {
                return Err(Halt::unknown(check.line().to_owned()));
            }
            runs.push(run);
        }
        let left = workspace.checkout_tree(name, commit).await?;
        if left != commit.tree {
            let changes = workspace.changes(&commit.tree, &left).await?;
            let paths = some(changes.iter().map(|change| &change.path));
            return Err(Halt::disagree(format!("the test run changes its checkout: {paths}")));
        }
        Ok(runs)
    }

    /// The paths that the order's `tests_may_change` covers.
    pub(super) fn allowed(&self, paths: &[String]) -> Vec<String> {
        let allowance = Allowance::of(&self.recorded.request).ok();
        let covers = |path: &&String| allowance.as_ref().is_some_and(|all| all.covers(path));
        paths.iter().filter(covers).cloned().collect()
    }

    /// Whether the order came to this gate, and whether it was in another environment then. The baseline is RED's ground.
    pub(super) fn circumstances(&self, gate: &str) -> (bool, bool) {
        let gate = if gate == "baseline" { "red" } else { gate };
        let last = self.lines.iter().rev().find(|line| line.gate == gate);
        (last.is_some(), last.is_some_and(|line| self.elsewhere(line)))
    }

    /// True when variables or the machine are others than then.
    pub(super) fn elsewhere(&self, line: &RecordLine) -> bool {
        let now = environment::of_tests(&self.tools.config);
        line.environment.as_ref().is_some_and(|then| *then != now)
    }

    /// What the record says of the report must be what it was again: who read it, what it proves, how many there were.
    /// `by` compares the counts; where not all was run they may differ.
    pub(super) fn same_report(
        &self,
        line: &RecordLine,
        run: Option<&TestRun>,
        by: fn(Counts) -> Counts,
    ) -> Checked<()> {
        let read = (run.map(|run| run.adapter), run.map(|run| run.strength));
        if read != (line.adapter, line.strength) {
            let told = |adapter: Option<Adapter>| adapter.map_or("nothing", Adapter::word);
            return Err(Halt::disagree(format!(
                "the record's report was read by {}, this one by {}",
                told(line.adapter),
                told(read.0)
            )));
        }
        let counts = run.and_then(Counts::of);
        if !run.is_some_and(TestRun::complete) || line.counts.map(by) == counts.map(by) {
            return Ok(());
        }
        let told =
            format!("the record counts {}, and there are {}", told(line.counts), told(counts));
        Err(self.otherwise(line, told))
    }

    /// Other tests than recorded: a lie, unless the environment is another one, which may leave some out.
    pub(super) fn otherwise(&self, line: &RecordLine, told: String) -> Halt {
        match self.elsewhere(line) {
            true => Halt::unknown(format!("{told}, in another environment")),
            false => Halt::disagree(told),
        }
    }
}

fn told(counts: Option<Counts>) -> String {
    counts.map_or_else(
        || "nothing".to_owned(),
        |Counts { passed, failed, skipped }| {
            format!("{passed} passed, {failed} failed, {skipped} skipped")
        },
    )
}

/// A gate that failed and passes now: a lie, where the same runs are on record; else it may have been a flake.
pub(super) fn passes_now(line: &RecordLine) -> Halt {
    let told = format!("the record says fail ({}), and it passes now", line.line);
    match claim::steady(line) {
        true => Halt::disagree(told),
        false => Halt::unknown(format!("{told}: what failed once may have been a flake")),
    }
}
