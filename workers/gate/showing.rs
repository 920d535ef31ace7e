//! What runs of an order's work show when they are compared with its base, test by test. Pure.

use std::collections::BTreeSet;

use super::allowance::stands_in;
use super::baseline::Known;
use super::findings::{bullets, counted, fenced, some};
use super::importing;
use super::record::Basis;
use super::run::{Outcome, Run};
use crate::check::Check;
use crate::report::{
    Completeness, Difference, FailureKind, Strength, TestId, TestOutcome, TestRun,
};

/// What was to be shown, and was.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) basis: Basis,
    /// The tests that the order brings.
    pub(super) new: Vec<TestId>,
    /// What a person should know, reading on from the gate's line.
    pub(super) remark: String,
}

/// What was to be shown, and was not: the gate's answer and the tests that are why.
#[derive(Debug)]
pub(super) struct NotShown {
    pub(super) check: Check,
    pub(super) tests: Vec<TestId>,
}

/// A failure that names these tests first, in one line and at length.
pub(super) fn naming(why: &str, tests: Vec<TestId>, advice: &str, runs: &[Run]) -> NotShown {
    let names: Vec<&str> = tests.iter().map(TestId::as_str).collect();
    let list = bullets(&names);
    let line = match names.as_slice() {
        [] => why.to_owned(),
        names => format!("{why}: {}", some(names)),
    };
    let check = Check::fail_with(line, format!("{why}:\n\n{list}\n{advice}\n{}", outputs(runs)));
    NotShown { check, tests }
}

/// The ends of what the runs printed.
pub(super) fn outputs(runs: &[Run]) -> String {
    let shown = runs.iter().enumerate().map(|(at, run)| {
        let (nth, tail) = (at + 1, fenced(&run.tail(60)));
        format!("\nRun {nth}, `{}`, {}:\n\n{tail}", run.command, run.ended)
    });
    shown.collect()
}

/// The label of a run that names no test; nothing for one that does.
pub(super) fn weaker(tests: Option<&TestRun>) -> &'static str {
    match tests.map(|run| run.strength) {
        Some(Strength::Named) => "",
        _ => " (weaker proof: exit code only)",
    }
}

/// The failed tests of a run for the end of a line, and as a list; both empty where none has a name. A test that failed only
/// because tests within it did is left out.
pub(super) fn failed_tests(run: &TestRun) -> (String, String) {
    let failed = guilty(run);
    if failed.is_empty() {
        return (String::new(), String::new());
    }
    let names: Vec<&str> = failed.iter().map(TestId::as_str).collect();
    (format!(": {}", some(&names)), format!("Failing tests:\n\n{}\n", bullets(&names)))
}

fn guilty(run: &TestRun) -> Vec<TestId> {
    let inner = run.failed_by(FailureKind::Inner);
    let named = run.strength != Strength::ExitCode;
    run.failed().into_iter().filter(|id| named && !inner.contains(id)).cloned().collect()
}

/// What two runs at RED show against the base: new tests that fail by themselves, twice the same, and nothing else. `changed`
/// are the files of the order, `allowed` those of them whose old tests may change.
pub(super) fn red(
    known: &Known,
    changed: &[String],
    allowed: &[String],
    runs: &[Run],
) -> Result<Shown, NotShown> {
    let reports: Vec<&TestRun> = runs.iter().filter_map(|run| run.tests.as_ref()).collect();
    if reports.iter().any(|run| run.build_failed.is_some()) {
        return by_build(known, changed, allowed, &reports, runs);
    }
    let free = known.adapter().is_none();
    let named = reports.iter().all(|run| run.strength == Strength::Named);
    if !known.names_its_tests() || (free && !named) {
        return weakly_red(runs);
    }
    if let Some(why) = reports.iter().find_map(|run| broken(run)) {
        let unfinished = reports.iter().flat_map(|run| run.failed_by(FailureKind::Unfinished));
        let tests: BTreeSet<TestId> = unfinished.cloned().collect();
        let why = format!("the test run broke off ({why})");
        let advice =
            "Every test must fail by itself; none may end the process that runs the others.";
        return Err(naming(&why, tests.into_iter().collect(), advice, runs));
    }
    let Some(differences) = differences(known, &reports) else {
        return Err(nameless(runs));
    };
    let stopped = reports.iter().any(|run| run.completeness != Completeness::Whole);
    unharmed(&differences, allowed, !stopped, runs)?;
    let mut new = failing_new(&differences, &reports, runs)?;
    let imports = importing::failures(&differences, changed, allowed, &reports, runs)?;
    new.retain(|id| !imports.contains(id));
    let mut remark = String::new();
    if !imports.is_empty() {
        let names = some(imports.iter().map(TestId::as_str));
        remark.push_str(&format!("; fails by an import or its set-up: {names}"));
    }
    if let Some(why) = reports.iter().find_map(|run| run.completeness.why_not()) {
        remark.push_str(&format!("; not all tests of the base were run: {why}"));
    }
    let basis = if imports.is_empty() { Basis::Named } else { Basis::RedByImport };
    Ok(Shown { basis, new, remark })
}

fn broken(run: &TestRun) -> Option<&str> {
    match &run.completeness {
        Completeness::Broken { why } => Some(why),
        Completeness::Whole | Completeness::StoppedEarly { .. } => None,
    }
}

fn differences(known: &Known, reports: &[&TestRun]) -> Option<Vec<Difference>> {
    reports.iter().map(|run| known.difference(run)).collect()
}

fn nameless(runs: &[Run]) -> NotShown {
    let advice = "The tests of the base are told by their names, and those of this work are not. Leave the \
                  runner's settings as they are.";
    naming("the report does not name the tests any more", Vec::new(), advice, runs)
}

/// The new tests, where each of them failed in every run: by itself, by an import or by its set-up.
fn failing_new(
    differences: &[Difference],
    reports: &[&TestRun],
    runs: &[Run],
) -> Result<Vec<TestId>, NotShown> {
    let all: BTreeSet<&TestId> = differences.iter().flat_map(|found| &found.new).collect();
    if all.is_empty() {
        let why = "no new test ran: the base has every test that ran here";
        let advice = "Add tests with names of their own, where the test command finds them.";
        return Err(naming(why, Vec::new(), advice, runs));
    }
    let those = |wanted: &dyn Fn(&[Option<&TestOutcome>]) -> bool| -> Vec<TestId> {
        let outcomes = |id: &TestId| -> Vec<Option<&TestOutcome>> {
            reports.iter().map(|run| run.tests.get(id)).collect()
        };
        all.iter().filter(|id| wanted(&outcomes(id))).map(|id| (*id).clone()).collect()
    };
    let passed = |one: &Option<&TestOutcome>| *one == Some(&TestOutcome::Passed);
    let failed = |one: &Option<&TestOutcome>| one.is_some_and(TestOutcome::is_failure);
    let by = |one: &Option<&TestOutcome>, kinds: &[FailureKind]| match one {
        Some(TestOutcome::Failed { kind, .. }) => kinds.contains(kind),
        _ => false,
    };
    let faults = [
        (
            "the new tests are flaky: failed once, passed once",
            those(&|found| found.iter().any(failed) && !found.iter().all(failed)),
            "The same tests failed in one run and did not in the other. They must fail every time until the work is there.",
        ),
        (
            "the new tests are not the same in both runs",
            those(&|found| found.iter().any(Option::is_none)),
            "Tests must have the same names in every run.",
        ),
        (
            "the new tests pass before the work is there",
            those(&|found| found.iter().all(passed)),
            "These tests pass although the work is not there yet: they test nothing of it. Every new test must fail now.",
        ),
        (
            "the new tests are skipped",
            those(&|found| !found.iter().any(failed)),
            "A test that is skipped shows nothing.",
        ),
        (
            "the new tests end the process that runs them",
            those(&|found| found.iter().any(|one| by(one, &[FailureKind::Unfinished]))),
            "A test must fail and let the others run.",
        ),
    ];
    for (why, tests, advice) in faults {
        if !tests.is_empty() {
            return Err(naming(why, tests, advice, runs));
        }
    }
    Ok(all.into_iter().cloned().collect())
}

/// Nothing of the base is harmed: what passed passes, nothing is gone or skipped. A test that fails in one run only was
/// flaky before, and is not this order's. `whole` says that what is not told was not run.
fn unharmed(
    differences: &[Difference],
    allowed: &[String],
    whole: bool,
    runs: &[Run],
) -> Result<(), NotShown> {
    let always = |of: fn(&Difference) -> &BTreeSet<TestId>| -> Vec<TestId> {
        let Some((first, others)) = differences.split_first() else { return Vec::new() };
        let all = of(first).iter().filter(|id| others.iter().all(|other| of(other).contains(id)));
        all.filter(|id| !allowed.iter().any(|path| stands_in(id, path))).cloned().collect()
    };
    let harms = [
        ("tests that passed on the base fail now", always(|found| &found.newly_failing)),
        ("tests that ran on the base are skipped now", always(|found| &found.newly_skipped)),
        (
            "tests of the base are gone",
            if whole { always(|found| &found.gone) } else { Vec::new() },
        ),
    ];
    for (why, tests) in harms {
        if !tests.is_empty() {
            let advice = "Leave the tests that were there before as they are, and what they test.";
            return Err(naming(why, tests, advice, runs));
        }
    }
    Ok(())
}

/// A build that fails in every run, and only in files of the order's tests.
fn by_build(
    known: &Known,
    changed: &[String],
    allowed: &[String],
    reports: &[&TestRun],
    runs: &[Run],
) -> Result<Shown, NotShown> {
    let failures: Vec<_> = reports.iter().filter_map(|run| run.build_failed.as_ref()).collect();
    let advice = "Before the work is there, a build may fail only inside the test files that you added or changed.";
    if failures.len() != runs.len() {
        return Err(naming(
            "the build fails in one run and not in the other",
            Vec::new(),
            advice,
            runs,
        ));
    }
    let files: BTreeSet<&String> = failures.iter().flat_map(|failure| &failure.files).collect();
    let foreign: Vec<&str> = files
        .iter()
        .map(|file| file.as_str())
        .filter(|file| !changed.iter().any(|own| own == file))
        .collect();
    if !foreign.is_empty() {
        let why = format!("the build fails outside of the tests' files: {}", some(&foreign));
        return Err(naming(&why, Vec::new(), advice, runs));
    }
    if files.is_empty() || failures.iter().any(|failure| failure.unplaced) {
        let why = "the build fails and the compiler names no file";
        return Err(naming(why, Vec::new(), advice, runs));
    }
    if let Some(differences) = differences(known, reports) {
        unharmed(&differences, allowed, false, runs)?;
    }
    let by_import = failures.iter().any(|failure| failure.by_import);
    let basis = match known.names_its_tests() {
        false => Basis::ExitCode,
        true if by_import => Basis::RedByImport,
        true => Basis::RedByBuild,
    };
    let names: Vec<&str> = files.iter().map(|file| file.as_str()).collect();
    let what = if by_import { "an import fails" } else { "the build fails" };
    Ok(Shown { basis, new: Vec::new(), remark: format!("; {what} in {}", some(&names)) })
}

/// By the exit code alone: every run failed.
fn weakly_red(runs: &[Run]) -> Result<Shown, NotShown> {
    let outcomes: Vec<&Outcome> = runs.iter().map(|run| &run.outcome).collect();
    let (why, told) = match outcomes.as_slice() {
        [Outcome::Failed, Outcome::Failed] => {
            return Ok(Shown { basis: Basis::ExitCode, new: Vec::new(), remark: String::new() });
        }
        [Outcome::Failed, ..] => (
            "the new tests are flaky: failed once, passed once",
            "The same tests failed once and passed once. They must fail every time until the work is there.",
        ),
        _ => (
            "the new tests pass before the work is there",
            "All tests pass although the work is not there yet: the new tests test nothing, or are not run.",
        ),
    };
    let check = Check::fail_with(why, format!("{told}\n{}", outputs(runs)));
    Err(NotShown { check, tests: Vec::new() })
}

/// What two passing runs at GREEN show: the tests that failed by themselves at RED (`new`) exist and pass, and nothing of the
/// base is harmed. Where RED stood on a build or an import, tests that had no name then appear. `files` are the frozen ones, `allowed` those whose tests may have changed.
pub(super) fn green(
    known: &Known,
    basis: Basis,
    new: &[TestId],
    files: &[String],
    allowed: &[String],
    runs: &[Run],
) -> Result<Vec<TestId>, NotShown> {
    let reports: Vec<&TestRun> = runs.iter().filter_map(|run| run.tests.as_ref()).collect();
    let found = differences(known, &reports).filter(|found| found.len() == runs.len());
    let Some(differences) = found else { return Err(nameless(runs)) };
    unharmed(&differences, allowed, true, runs)?;
    let passes =
        |id: &TestId| reports.iter().all(|run| run.tests.get(id) == Some(&TestOutcome::Passed));
    let excused = |id: &TestId| allowed.iter().any(|path| stands_in(id, path));
    let missing: Vec<TestId> =
        new.iter().filter(|id| !passes(id) && !excused(id)).cloned().collect();
    if !missing.is_empty() {
        let why = "tests that failed at RED do not pass now: they are gone or skipped";
        let advice = "Exactly these tests must run and pass.";
        return Err(naming(why, missing, advice, runs));
    }
    let mut tests: BTreeSet<&TestId> = new.iter().filter(|id| passes(id)).collect();
    if matches!(basis, Basis::RedByBuild | Basis::RedByImport) {
        let nameless = differences.iter().flat_map(|found| &found.new);
        let nameless: BTreeSet<&TestId> =
            nameless.filter(|id| passes(id) && !new.contains(id)).collect();
        let (appeared, mended): (BTreeSet<&TestId>, _) = match basis {
            Basis::RedByImport => (importing::loaded(&nameless, files), "what it imports is there"),
            _ => {
                let stands = |id: &&TestId| files.iter().any(|file| stands_in(id, file));
                (nameless.into_iter().filter(stands).collect(), "the build is mended")
            }
        };
        if appeared.is_empty() {
            let why = format!("no test of the frozen files appears now that {mended}");
            let advice = "The frozen test files must be built and run by the test command.";
            return Err(naming(&why, Vec::new(), advice, runs));
        }
        tests.extend(appeared);
    }
    Ok(tests.into_iter().cloned().collect())
}

/// What runs of the base's own tests on the order's work show: nothing of the base is harmed.
pub(super) fn old(known: &Known, allowed: &[String], runs: &[Run]) -> Result<(), NotShown> {
    let reports: Vec<&TestRun> = runs.iter().filter_map(|run| run.tests.as_ref()).collect();
    match differences(known, &reports) {
        Some(differences) => unharmed(&differences, allowed, true, runs),
        // Where the base names no test, the exit code is all there is.
        None if !known.names_its_tests() => Ok(()),
        None => Err(nameless(runs)),
    }
}

/// `3 new tests`, with the names of the first ones.
pub(super) fn told(new: &[TestId]) -> String {
    let names: Vec<&str> = new.iter().map(TestId::as_str).collect();
    format!("{} ({})", counted(new.len(), "new test"), some(&names))
}
