//! Where an adapter puts what it reads, test by test; it becomes a run.

use std::collections::BTreeMap;

use super::adapter::Adapter;
use super::build::BuildFailure;
use super::name::TestId;
use super::outcome::TestOutcome;
use super::run::{Completeness, Strength, TestRun};

/// What was read so far.
#[derive(Debug)]
pub(super) struct Tally {
    told: BTreeMap<TestId, Vec<Told>>,
    completeness: Completeness,
    pub(super) strength: Strength,
    pub(super) unnamed_passed: u64,
    pub(super) build_failed: Option<BuildFailure>,
    remarks: Vec<String>,
}

/// One telling of a name, with its place among tests of the same name where the report has one (a line number).
#[derive(Debug)]
struct Told {
    place: Option<u64>,
    outcome: TestOutcome,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            told: BTreeMap::new(),
            completeness: Completeness::Whole,
            strength: Strength::Named,
            unnamed_passed: 0,
            build_failed: None,
            remarks: Vec::new(),
        }
    }
}

impl Tally {
    /// A test and what became of it.
    pub(super) fn test(&mut self, id: TestId, outcome: TestOutcome) {
        self.told.entry(id).or_default().push(Told { place: None, outcome });
    }

    /// A test that stands at `place` among those of the same name.
    pub(super) fn test_at(&mut self, id: TestId, place: Option<u64>, outcome: TestOutcome) {
        self.told.entry(id).or_default().push(Told { place, outcome });
    }

    /// Says of a test that was told before that it failed after all; tells it where it was not.
    pub(super) fn failed_after_all(&mut self, id: TestId, outcome: TestOutcome) {
        match self.told.get_mut(&id).and_then(|told| told.last_mut()) {
            Some(told) => told.outcome = outcome,
            None => self.test(id, outcome),
        }
    }

    /// True when no test was told.
    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty() && self.unnamed_passed == 0
    }

    /// True when a test was executed.
    pub(super) fn has_executed(&self) -> bool {
        self.unnamed_passed > 0
            || self.told.values().flatten().any(|told| told.outcome.was_executed())
    }

    /// True when a test failed.
    pub(super) fn has_failures(&self) -> bool {
        self.told.values().flatten().any(|told| told.outcome.is_failure())
    }

    /// The run broke off or does not fit itself; the first reason stays.
    pub(super) fn broken(&mut self, why: impl Into<String>) {
        if !matches!(self.completeness, Completeness::Broken { .. }) {
            self.completeness = Completeness::Broken { why: why.into() };
        }
    }

    /// The tool stopped by its own rule; a break weighs more.
    pub(super) fn stopped(&mut self, why: impl Into<String>) {
        if self.completeness == Completeness::Whole {
            self.completeness = Completeness::StoppedEarly { why: why.into() };
        }
    }

    /// True when nothing says that something is missing.
    pub(super) fn is_whole(&self) -> bool {
        self.completeness == Completeness::Whole
    }

    /// Something a person should know.
    pub(super) fn remark(&mut self, remark: impl Into<String>) {
        const MOST: usize = 20;
        let remark = remark.into();
        if self.remarks.len() < MOST && !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    /// The run. Tests of one name are told apart as `x`, `x #2`, in the order of their places where all have one, else the
    /// worst first, so that the order in which parallel tests end changes nothing.
    pub(super) fn into_run(mut self, adapter: Adapter, chosen: String) -> TestRun {
        let mut tests = BTreeMap::new();
        for (id, mut told) in std::mem::take(&mut self.told) {
            if told.iter().all(|one| one.place.is_some()) {
                told.sort_by_key(|one| one.place);
            } else if told.len() > 1 {
                self.remark(format!("{} tests are called {id}", told.len()));
                told.sort_by_key(|one| one.outcome.rank());
            }
            for (at, one) in told.into_iter().enumerate() {
                let id = if at == 0 { id.clone() } else { id.again(at + 1) };
                // A test may be called "x #2" by itself: nothing overwrites a failure.
                let kept = tests.entry(id).or_insert_with(|| one.outcome.clone());
                if one.outcome.rank() < TestOutcome::rank(kept) {
                    *kept = one.outcome;
                }
            }
        }
        TestRun {
            adapter,
            chosen,
            strength: self.strength,
            completeness: self.completeness,
            tests,
            unnamed_passed: self.unnamed_passed,
            build_failed: self.build_failed,
            remarks: self.remarks,
        }
    }
}
