//! One run of the tests as its report tells it, and how it differs from an earlier one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::adapter::Adapter;
use super::build::BuildFailure;
use super::name::TestId;
use super::outcome::{FailureKind, TestOutcome};

/// What one run of a test command showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestRun {
    /// Who read it.
    pub adapter: Adapter,
    /// How the adapter was chosen, for people.
    pub chosen: String,
    /// How much its names prove.
    pub strength: Strength,
    /// Whether everything that should have run is told here.
    pub completeness: Completeness,
    /// Every named test.
    pub tests: BTreeMap<TestId, TestOutcome>,
    /// Tests that passed without being named (`FailuresOnly`).
    #[serde(default)]
    pub unnamed_passed: u64,
    /// Set when the tests (or some of them) did not build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_failed: Option<BuildFailure>,
    /// What a person should know about this reading.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// How much the names of a run prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Every test is told by its name.
    Named,
    /// Only the failed tests have names; the others are counted.
    FailuresOnly,
    /// Nothing but the command's exit code: the weaker proof, to be labelled wherever it is shown.
    ExitCode,
}

/// Whether everything that should have run is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Completeness {
    /// Nothing says otherwise.
    Whole,
    /// The tool stopped by its own rule after a failure: what follows was not run.
    StoppedEarly {
        /// What says so, and what to change.
        why: String,
    },
    /// Something broke off: a crash, an exit in the middle, a report that does not fit itself.
    Broken {
        /// What says so.
        why: String,
    },
}

impl Completeness {
    /// Why it is not whole.
    pub fn why_not(&self) -> Option<&str> {
        match self {
            Self::Whole => None,
            Self::StoppedEarly { why } | Self::Broken { why } => Some(why),
        }
    }
}

/// Two runs whose tests have nothing to do with each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Incomparable {
    /// Different adapters name tests in different ways.
    #[error("the earlier run was read by {0} and this one by {1}: their names don't compare")]
    Adapters(&'static str, &'static str),
    /// One of them does not name the tests that passed.
    #[error("one of the two runs names only its failures: let the command name every test")]
    Unnamed,
}

/// How a run differs from an earlier one. Where either run is not whole, `gone` may only mean "not run".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Tests that the earlier run did not have.
    pub new: BTreeSet<TestId>,
    /// Tests that only the earlier run had.
    pub gone: BTreeSet<TestId>,
    /// Executed in the earlier run, skipped in this one.
    pub newly_skipped: BTreeSet<TestId>,
    /// Passed in the earlier run and failed in this one. A test that failed only because tests within it did is left out:
    /// those are here (or in `new`) by their own names.
    pub newly_failing: BTreeSet<TestId>,
}

impl TestRun {
    /// True when nothing says that a test was not run or not told.
    pub fn complete(&self) -> bool {
        self.completeness == Completeness::Whole && self.build_failed.is_none()
    }

    /// How many tests were executed: passed, or failed by more than their set-up.
    pub fn executed(&self) -> u64 {
        let named = self.tests.values().filter(|outcome| outcome.was_executed()).count();
        self.unnamed_passed + named as u64
    }

    /// The tests that passed.
    pub fn passed(&self) -> BTreeSet<&TestId> {
        self.those(|outcome| *outcome == TestOutcome::Passed)
    }

    /// The tests that failed, by whatever fault.
    pub fn failed(&self) -> BTreeSet<&TestId> {
        self.those(TestOutcome::is_failure)
    }

    /// The tests that were skipped.
    pub fn skipped(&self) -> BTreeSet<&TestId> {
        self.those(|outcome| matches!(outcome, TestOutcome::Skipped { .. }))
    }

    /// The tests that failed by the fault of `kind`.
    pub fn failed_by(&self, kind: FailureKind) -> BTreeSet<&TestId> {
        self.those(
            |outcome| matches!(outcome, TestOutcome::Failed { kind: own, .. } if *own == kind),
        )
    }

    fn those(&self, wanted: impl Fn(&TestOutcome) -> bool) -> BTreeSet<&TestId> {
        self.tests.iter().filter(|(_, outcome)| wanted(outcome)).map(|(id, _)| id).collect()
    }

    /// How this run differs from `base`.
    pub fn against(&self, base: &Self) -> Result<Difference, Incomparable> {
        if self.adapter != base.adapter {
            return Err(Incomparable::Adapters(base.adapter.word(), self.adapter.word()));
        }
        if [self.strength, base.strength].contains(&Strength::FailuresOnly) {
            return Err(Incomparable::Unnamed);
        }
        let mut difference = Difference::default();
        for (id, now) in &self.tests {
            let Some(before) = base.tests.get(id) else {
                difference.new.insert(id.clone());
                continue;
            };
            match now {
                TestOutcome::Skipped { .. } if before.was_executed() => {
                    difference.newly_skipped.insert(id.clone());
                }
                TestOutcome::Failed { kind, .. }
                    if *before == TestOutcome::Passed && *kind != FailureKind::Inner =>
                {
                    difference.newly_failing.insert(id.clone());
                }
                TestOutcome::Passed | TestOutcome::Failed { .. } | TestOutcome::Skipped { .. } => {}
            }
        }
        let gone = base.tests.keys().filter(|id| !self.tests.contains_key(*id));
        difference.gone = gone.cloned().collect();
        Ok(difference)
    }

    /// One line for the record: `12 passed, 1 failed, 2 skipped (libtest)`.
    pub fn line(&self) -> String {
        let counts = format!(
            "{} passed, {} failed, {} skipped",
            self.passed().len() as u64 + self.unnamed_passed,
            self.failed().len(),
            self.skipped().len()
        );
        let label = match self.strength {
            Strength::Named => "",
            Strength::FailuresOnly => ", only failures are named",
            Strength::ExitCode => ", exit code only: weaker proof",
        };
        let end = match &self.completeness {
            Completeness::Whole => String::new(),
            Completeness::StoppedEarly { why } => format!(", stopped early: {why}"),
            Completeness::Broken { why } => format!(", incomplete: {why}"),
        };
        format!("{counts} ({}{label}){end}", self.adapter.word())
    }
}
