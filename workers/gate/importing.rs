//! RED by import: a new test file that can't be loaded yet, since what it imports is still to be written. Pure.
//!
//! Nothing in such a file ran, so no test of it has a name: the report tells the file, its module, or a test whose set-up
//! failed. What fails so must be the order's own; what was there before must load and run as it did.

use std::collections::BTreeSet;

use super::allowance::stands_in;
use super::run::Run;
use super::showing::{NotShown, naming};
use crate::report::{Difference, FailureKind, TestId, TestRun, WITHIN};

/// The new names that failed before they began, where all of them are of files in `changed`. `allowed` are those files
/// whose old tests may go. Where a name tells no file, every test of the base must have run.
pub(super) fn failures(
    differences: &[Difference],
    changed: &[String],
    allowed: &[String],
    reports: &[&TestRun],
    runs: &[Run],
) -> Result<BTreeSet<TestId>, NotShown> {
    let found: Vec<BTreeSet<&TestId>> =
        reports.iter().map(|run| run.failed_by(FailureKind::SetUp)).collect();
    let all: BTreeSet<&TestId> = found.iter().flatten().copied().collect();
    let unsteady: Vec<TestId> = all
        .iter()
        .filter(|id| !found.iter().all(|one| one.contains(*id)))
        .copied()
        .cloned()
        .collect();
    if !unsteady.is_empty() {
        let why = "an import or a set-up fails in one run and not in the other";
        return Err(naming(why, unsteady, "Tests must fail the same way every time.", runs));
    }
    let excused = |id: &TestId| allowed.iter().any(|path| is_of(id, path));
    let gone: BTreeSet<&TestId> =
        differences.iter().flat_map(|found| &found.gone).filter(|id| !excused(id)).collect();
    let own = |id: &TestId| {
        let new = differences.iter().all(|found| found.new.contains(id));
        let placed = changed.iter().any(|path| is_of(id, path));
        excused(id) || (new && (placed || (!tells_a_path(id) && gone.is_empty())))
    };
    let foreign: Vec<TestId> = all.iter().filter(|id| !own(id)).copied().cloned().collect();
    if !foreign.is_empty() {
        let why = "an import or a set-up fails outside of the new tests' files";
        let advice = "Before the work is there, only test files that you added may fail to load.";
        return Err(naming(why, foreign, advice, runs));
    }
    // What the run did not come to is unknown; what can't be loaded any more is gone.
    let lost = gone.into_iter().filter(|id| all.iter().any(|failed| is_within(id, failed)));
    let lost: Vec<TestId> = lost.cloned().collect();
    if !lost.is_empty() {
        let why = "tests of the base are gone: their file fails to load now";
        let advice = "Write tests that import what is still missing into a file of their own.";
        return Err(naming(why, lost, advice, runs));
    }
    let new = |id: &&TestId| differences.iter().all(|found| found.new.contains(*id));
    Ok(all.into_iter().filter(new).cloned().collect())
}

/// Of the tests that `appeared`, those of the frozen `files`; all of them where no name tells of any file.
pub(super) fn loaded<'a>(
    appeared: &BTreeSet<&'a TestId>,
    files: &[String],
) -> BTreeSet<&'a TestId> {
    if appeared.iter().any(|id| tells_a_file(id)) {
        let of_files = |id: &&TestId| files.iter().any(|file| is_of(id, file));
        return appeared.iter().copied().filter(of_files).collect();
    }
    appeared.clone()
}

/// True when `id` is of the file `path`; Python's modules may be told from a folder further down.
pub(super) fn is_of(id: &TestId, path: &str) -> bool {
    if stands_in(id, path) {
        return true;
    }
    let Some(bare) = path.strip_suffix(".py") else { return false };
    let parts: Vec<&str> = bare.split('/').collect();
    let module: Vec<&str> = suite(id).split('.').collect();
    (1..=parts.len().min(module.len())).any(|n| parts[parts.len() - n..] == module[..n])
}

/// True when the test is in what `failed` as a whole.
fn is_within(id: &TestId, failed: &TestId) -> bool {
    let rest = suite(id).strip_prefix(suite(failed));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn suite(id: &TestId) -> &str {
    id.as_str().split_once(WITHIN).map_or(id.as_str(), |(suite, _)| suite)
}

/// True when the name begins with the path of a file.
fn tells_a_path(id: &TestId) -> bool {
    const ENDINGS: [&str; 10] =
        [".py", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".t"];
    let suite = suite(id);
    !suite.contains(' ') && (suite.contains('/') || ENDINGS.iter().any(|end| suite.ends_with(end)))
}

/// True when the name tells of a file at all: by a path, a module, a crate.
fn tells_a_file(id: &TestId) -> bool {
    let suite = suite(id);
    let word = !suite.contains(' ') && (suite.contains('.') || suite.contains("::"));
    tells_a_path(id) || word || suite.ends_with(')')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Choice, Report};

    fn fixture(path: &str) -> String {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reports");
        std::fs::read_to_string(root.join(path)).unwrap()
    }

    fn read(command: &str, output: &str, file: Option<&str>, exit: i32) -> TestRun {
        let command = shlex::split(command).unwrap();
        let report = Report {
            choice: Choice::Auto,
            command: &command,
            folder: "/home/dev/project",
            output,
            cut: false,
            file,
            exit: Some(exit),
        };
        report.read().unwrap()
    }

    /// What is found in a run, twice, of an order that changed `changed`, on a base that had the run's other tests and `base`.
    fn found(run: &TestRun, base: &[&str], changed: &str) -> Result<Vec<String>, String> {
        let failed = run.failed_by(FailureKind::SetUp);
        let mut before = run.clone();
        before.tests.retain(|id, _| !failed.contains(id));
        for name in base {
            let (suite, name) = name.split_once(WITHIN).unwrap_or(("", name));
            before.tests.insert(TestId::new(suite, name), crate::report::TestOutcome::Passed);
        }
        let differences = vec![run.against(&before).unwrap(); 2];
        let ids = failures(&differences, &[changed.to_owned()], &[], &[run, run], &[]);
        let names = |ids: BTreeSet<TestId>| ids.iter().map(TestId::to_string).collect();
        ids.map(names).map_err(|not_shown| not_shown.check.line().to_owned())
    }

    fn pytest() -> TestRun {
        let xml = fixture("pytest/failing.xml");
        read("pytest tests", &fixture("pytest/failing.txt"), Some(&xml), 2)
    }

    #[test]
    fn a_file_that_can_not_be_loaded_is_the_orders_own_only_where_it_changed_it() {
        let unittest = "test_two (unittest.loader._FailedTest.test_two) ... ERROR\n";
        let rule = "=".repeat(70);
        let unittest = format!(
            "{unittest}\n{rule}\nERROR: test_two (unittest.loader._FailedTest.test_two)\nImportError: x\n\nRan 1 test in 0.000s\n\nFAILED (errors=1)\n"
        );
        let node = fixture("node/broken.tap");
        let told = [
            (pytest(), "tests.test_broken", "tests/test_broken.py"),
            (pytest(), "tests.test_broken", "python/tests/test_broken.py"),
            (
                read("python3 -m unittest -v", &unittest, None, 1),
                "test_two > (import)",
                "tests/test_two.py",
            ),
            (read("node --test", &node, None, 1), "broken/broken.test.js", "broken/broken.test.js"),
        ];
        for (run, id, path) in told {
            assert_eq!(found(&run, &["elsewhere.test_x > test_y"], path), Ok(vec![id.to_owned()]));
            let why = found(&run, &["elsewhere.test_x > test_y"], "tests/test_stranger.py");
            assert!(why.unwrap_err().contains(&format!("outside of the new tests' files: {id}")));
        }
    }

    #[test]
    fn a_file_of_the_base_that_can_not_be_loaded_any_more_is_harm_though_the_run_stopped() {
        let base = ["tests.test_broken.Sums > test_a"];
        let why = found(&pytest(), &base, "tests/test_broken.py").unwrap_err();
        assert!(why.contains("fails to load now: tests.test_broken.Sums > test_a"), "{why}");
        assert!(
            found(&pytest(), &["tests.test_broken_too > test_a"], "tests/test_broken.py").is_ok()
        );
    }

    #[test]
    fn a_failure_without_a_file_counts_only_where_the_whole_base_ran() {
        let text = "TAP version 13\nok 1 - adds\nnot ok 2 - two\n  ---\n  failureType: 'hookFailed'\n  ...\n1..2\n";
        let run = read("node --test", text, None, 1);
        assert_eq!(found(&run, &[], "tests/two.test.js"), Ok(vec!["two".to_owned()]));
        assert!(found(&run, &["takes"], "tests/two.test.js").is_err());
    }

    #[test]
    fn what_appears_is_of_the_frozen_files_where_names_tell_files() {
        let of = |names: &[&str]| {
            let ids: Vec<TestId> = names
                .iter()
                .map(|name| name.split_once(WITHIN).unwrap_or(("", name)))
                .map(|(suite, name)| TestId::new(suite, name))
                .collect();
            loaded(&ids.iter().collect(), &["tests/test_two.py".to_owned()]).len()
        };
        assert_eq!(of(&["tests.test_two > test_a", "tests.test_other > test_a"]), 1);
        assert_eq!(of(&["tests.test_other > test_a"]), 0);
        assert_eq!(of(&["two is two", "group > three"]), 2);
    }
}
