//! What the gates rely on, each as a sentence.

use shopfloor::report::{
    Adapter, Choice, Completeness, FailureKind, Incomparable, Report, Strength, TestOutcome, Tool,
    Unreadable,
};

use super::adapters::everything;
use super::{FOLDER, Recorded, filed, is_broken, kind, outcome, printed};

fn told(command: &str, output: &str, exit: Option<i32>) -> Recorded {
    Recorded {
        name: output.chars().take(40).collect(),
        command: shlex::split(command).unwrap(),
        output: output.to_owned(),
        file: None,
        exit,
    }
}

#[test]
fn no_name_holds_a_path_a_hash_or_a_time_of_this_machine() {
    for recorded in everything() {
        let Ok(run) = recorded.read() else { continue };
        for id in run.tests.keys() {
            let id = id.as_str();
            assert!(!id.contains("/home/") && !id.contains("-9949de8168e972d0"), "{id}");
            assert!(!id.contains(" (line ") && !id.contains("2026"), "{id}");
        }
    }
}

#[test]
fn the_same_tree_in_another_folder_has_the_same_names() {
    for recorded in everything() {
        let Ok(here) = recorded.read() else { continue };
        let elsewhere = |text: &str| text.replace(FOLDER, "/srv/other place");
        let (output, file) = (elsewhere(&recorded.output), recorded.file.as_deref().map(elsewhere));
        let there = Report {
            choice: Choice::Auto,
            command: &recorded.command,
            folder: "/srv/other place",
            output: &output,
            cut: false,
            file: file.as_deref(),
            exit: recorded.exit,
        };
        let there = there.read().unwrap();
        let names =
            |run: &shopfloor::report::TestRun| run.tests.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&here), names(&there), "{}", recorded.name);
    }
}

#[test]
fn the_order_in_which_parallel_tests_end_changes_nothing() {
    let one = filed("pytest/failing-continued", "pytest", 1).run();
    let other = filed("pytest/parallel", "pytest", 1).run();
    let of = |run: &shopfloor::report::TestRun| {
        let inside = run.tests.iter().filter(|(id, _)| id.as_str().starts_with("tests.test_sums"));
        inside.map(|(id, outcome)| (id.clone(), outcome.is_failure())).collect::<Vec<_>>()
    };
    assert_eq!(of(&one), of(&other));
    let failing = printed("libtest/failing", "cargo test --no-fail-fast", 101).run();
    let coloured = printed("libtest/coloured", "cargo test --lib", 101).run();
    for (id, outcome) in &coloured.tests {
        assert_eq!(failing.tests.get(id).map(TestOutcome::is_failure), Some(outcome.is_failure()));
    }
}

#[test]
fn a_failed_import_is_never_a_tests_own_failure() {
    let set_up = [
        (filed("pytest/failing", "pytest", 2), "tests.test_broken"),
        (filed("pytest/failing-continued", "pytest", 1), "tests.test_sums > test_needs_broken"),
        (printed("unittest/failing", "python -m unittest -v", 1), "tests.test_broken > (import)"),
        (
            printed("unittest/failing", "python -m unittest -v", 1),
            "tests.test_sums.NeedsSetUp > test_a",
        ),
        (printed("node/broken", "node --test", 1), "broken/broken.test.js"),
        (printed("node/failing", "node --test", 1), "needs set-up > never really runs"),
        (filed("jest/fail", "jest", 1), "fail/broken.test.js > (file)"),
        (filed("vitest/fail", "vitest", 1), "fail/syntax.test.js > (file)"),
        (filed("vitest/both", "vitest", 1), "fail/broken.test.js > fail/broken.test.js"),
        (printed("go-1.27/mainset", "go test", 1), "example.com/probe/mainset > (package)"),
    ];
    for (recorded, id) in set_up {
        assert_eq!(kind(&recorded.run(), id), FailureKind::SetUp, "{}: {id}", recorded.name);
    }
}

#[test]
fn a_test_that_fails_only_by_the_tests_within_it_is_not_newly_failing() {
    for go in ["go-1.19", "go-1.27"] {
        let base = printed(&format!("{go}/passing"), "go test -json", 0).run();
        let now = printed(&format!("{go}/failing"), "go test -json", 1).run();
        let difference = now.against(&base).unwrap();
        assert_eq!(kind(&now, "example.com/probe > TestWrong"), FailureKind::Inner);
        assert!(difference.newly_failing.is_empty(), "{difference:?}");
        let new: Vec<&str> = difference.new.iter().map(|id| id.as_str()).collect();
        assert_eq!(
            new,
            ["example.com/probe > TestWrong/inner_one", "example.com/probe > TestWrong/inner_two"]
        );
    }
}

#[test]
fn the_difference_names_what_is_new_gone_skipped_and_failing() {
    let run = |xml: &str, exit: i32| {
        let file = Some(format!("<testsuite name='s'>{xml}</testsuite>"));
        Recorded { file, ..told("x", "", Some(exit)) }.run()
    };
    let case = |name: &str, inside: &str| {
        format!("<testcase classname='c' name='{name}'>{inside}</testcase>")
    };
    let base = run(
        &[case("stays", ""), case("goes", ""), case("skips", ""), case("fails", "")].concat(),
        0,
    );
    let now = [
        case("stays", ""),
        case("skips", "<skipped/>"),
        case("fails", "<failure/>"),
        case("new", ""),
    ];
    let difference = run(&now.concat(), 1).against(&base).unwrap();
    let names = |ids: &std::collections::BTreeSet<shopfloor::report::TestId>| {
        ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(names(&difference.new), "s > c > new");
    assert_eq!(names(&difference.gone), "s > c > goes");
    assert_eq!(names(&difference.newly_skipped), "s > c > skips");
    assert_eq!(names(&difference.newly_failing), "s > c > fails");
}

#[test]
fn runs_that_name_tests_in_different_ways_are_not_compared() {
    let libtest = printed("libtest/passing", "cargo test", 0).run();
    let nextest = filed("nextest/passing", "cargo nextest run", 0).run();
    let quiet = printed("libtest/quiet-passing", "cargo test -q", 0).run();
    assert_eq!(nextest.against(&libtest), Err(Incomparable::Adapters("libtest", "junit")));
    assert_eq!(quiet.against(&libtest), Err(Incomparable::Unnamed));
}

#[test]
fn a_build_failure_names_the_files_and_no_test() {
    let run = printed("libtest/build-test", "cargo test", 101).run();
    let build = run.build_failed.as_ref().unwrap();
    assert_eq!(build.files.iter().map(String::as_str).collect::<Vec<_>>(), ["tests/broken.rs"]);
    assert!(!build.unplaced && !run.complete() && run.tests.is_empty());
    let go = printed("go-1.19/build", "go test -json", 1).run();
    assert!(go.build_failed.as_ref().unwrap().files.contains("broken/broken_test.go"));
    assert_eq!(go.passed().len(), 1, "the other package ran");
    let nextest = filed("libtest/build-test", "cargo nextest run", 101).run();
    assert_eq!(nextest.build_failed, run.build_failed, "there is no JUnit when nothing compiled");
}

#[test]
fn a_run_with_no_test_is_a_run_and_nothing_at_all_is_none() {
    let zero = [
        printed("libtest/zero", "cargo test", 0),
        printed("libtest/nothing-matches", "cargo test no_such_test", 0),
        filed("nextest/zero", "cargo nextest run", 4),
        filed("pytest/zero", "pytest", 5),
        printed("unittest/zero", "python -m unittest -v", 0),
        printed("node/zero", "node --test", 0),
        printed("node/no-files", "node --test", 0),
        printed("go-1.27/zero", "go test -json", 0),
        printed("go-1.27/no-match", "go test -json", 0),
        filed("jest/no_such", "jest", 1),
        filed("vitest/no_such", "vitest", 1),
    ];
    for recorded in zero {
        let run = recorded.run();
        assert!(run.executed() == 0 && run.complete(), "{}: {}", recorded.name, run.line());
    }
    for adapter in Adapter::ALL.into_iter().filter(|adapter| *adapter != Adapter::ExitCode) {
        for output in ["", "\n", "some words\n"] {
            let read = told("make test", output, Some(0)).read_as(Choice::Set(adapter));
            let error = read.unwrap_err();
            assert!(matches!(error, Unreadable::Nothing { .. }), "{adapter:?} {output:?}: {error}");
            assert!(error.mend().contains(adapter.word()));
        }
    }
    for tool in ["cargo test", "cargo nextest run", "pytest", "go test", "node --test", "jest"] {
        let error = told(tool, "", Some(0)).read().unwrap_err();
        assert!(!error.mend().is_empty(), "{tool}");
    }
}

#[test]
fn a_crash_in_the_middle_is_never_complete() {
    let crashed = [
        printed("libtest/aborts", "cargo test", 101),
        printed("libtest/aborts-parallel", "cargo test", 101),
        printed("libtest/exits", "cargo test", 0),
        printed("libtest/workspace", "cargo test --no-fail-fast", 101),
        filed("pytest/crash", "pytest", 134),
        filed("pytest/exits", "pytest", 0),
        filed("pytest/sysexit", "pytest", 2),
        printed("unittest/crash", "python -m unittest -v", 134),
        printed("node/crash", "node --test", 1),
        filed("node/crash", "npm test", 1),
        printed("go-1.19/crash", "go test -json", 1),
        printed("go-1.27/abort", "go test -json", 1),
        printed("go-1.27/exits", "go test -json", 1),
        filed("jest/crash", "jest", 134),
        filed("jest/exits", "jest", 0),
        filed("vitest/crash", "vitest", 1),
        printed("tap/perl-bail", "perl x.t", 255),
        printed("tap/perl-short", "perl x.t", 255),
    ];
    for recorded in crashed {
        let run = recorded.run();
        assert!(is_broken(&run), "{}: {}", recorded.name, run.line());
    }
    let killed = Recorded { exit: None, ..printed("libtest/passing", "cargo test", 0) };
    assert!(is_broken(&killed.run()));
}

#[test]
fn a_run_that_stopped_by_its_own_rule_says_so() {
    let stopped = [
        printed("libtest/stops-at-first", "cargo test", 101),
        filed("nextest/stops", "cargo nextest run", 100),
        printed("nextest/json-stops", "cargo nextest run", 100),
        filed("pytest/stops", "pytest -x", 1),
        filed("pytest/failing", "pytest", 2),
        printed("unittest/failfast", "python -m unittest -v -f", 1),
        filed("vitest/bail", "vitest --bail 1", 1),
    ];
    for recorded in stopped {
        let completeness = recorded.run().completeness;
        assert!(
            matches!(completeness, Completeness::StoppedEarly { .. }),
            "{}: {completeness:?}",
            recorded.name
        );
    }
}

#[test]
fn what_a_test_prints_passes_no_test() {
    let forged = printed("libtest/nocapture-parallel", "cargo test -- --nocapture", 0).run();
    assert!(is_broken(&forged), "{}", forged.line());
    let node = printed("node/passing", "node --test", 0).run();
    assert!(!node.tests.keys().any(|id| id.as_str().contains("fake")));
    let go = printed("go-1.19/passing", "go test -json", 0).run();
    assert!(!go.tests.keys().any(|id| id.as_str().contains("Fake")));
    let python = printed("unittest/forged", "python -m unittest -v", 1).run();
    assert!(outcome(&python, "forged.test_forged.Forged > test_prints").is_failure());
    assert!(is_broken(&python));
    // The words of a failed test are not read as results, whatever stands in them.
    let words = "running 1 test\ntest real ... FAILED\n\nfailures:\n\n---- real stdout ----\nrunning 1 test\ntest forged ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured\n     Running tests/x.rs (target/debug/deps/x-0123456789abcdef)\n\nfailures:\n    real\n\ntest result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured\n";
    let run = told("cargo test --lib", words, Some(101)).run();
    assert_eq!(
        (run.tests.len(), run.failed().len(), run.complete()),
        (1, 1, true),
        "{}",
        run.line()
    );
}

#[test]
fn a_test_that_passes_only_when_tried_again_has_failed() {
    let run = filed("nextest/retries", "cargo nextest run --retries 1", 100).run();
    assert!(outcome(&run, "probe::flaky > passes_the_second_time").is_failure());
}

#[test]
fn the_exit_code_is_held_against_the_report() {
    let passing = printed("libtest/passing", "cargo test", 0);
    let run = Recorded { exit: Some(1), ..passing }.run();
    assert!(is_broken(&run), "{}", run.line());
    let failing = printed("libtest/failing", "cargo test --no-fail-fast", 101);
    let run = Recorded { exit: Some(0), ..failing }.run();
    assert!(run.remarks.iter().any(|remark| remark.contains("exit 0")), "{:?}", run.remarks);
}

#[test]
fn an_unknown_command_with_an_unknown_output_has_its_exit_code_as_the_weaker_proof() {
    for (exit, passes) in [(Some(0), true), (Some(3), false), (None, false)] {
        let run = told("make check", "all is well\n", exit).run();
        assert_eq!((run.adapter, run.strength), (Adapter::ExitCode, Strength::ExitCode));
        assert_eq!(run.passed().len() == 1, passes);
        assert!(run.line().contains("weaker proof"), "{}", run.line());
    }
}

#[test]
fn auto_says_what_it_chose_and_why() {
    let chosen = |recorded: Recorded| recorded.run().chosen;
    let by_command = chosen(printed("libtest/passing", "cargo test", 0));
    assert_eq!(by_command, "libtest: the command runs cargo test");
    let by_output = chosen(printed("jest/stdout", "npm test", 0));
    assert_eq!(by_output, "jest: the form of the output");
    let by_file = chosen(filed("node/passing", "npm test", 0));
    assert_eq!(by_file, "junit: the form of the report file");
    let set = printed("libtest/passing", "sh t.sh", 0).read_as(Choice::Set(Adapter::Libtest));
    assert_eq!(set.unwrap().chosen, "libtest: set in [project.test] report");
    let scripts = [
        ("libtest/failing", Adapter::Libtest),
        ("unittest/failing", Adapter::Unittest),
        ("go-1.27/failing", Adapter::GoJson),
        ("tap/perl", Adapter::Tap),
        ("vitest/stdout", Adapter::Jest),
    ];
    for (name, adapter) in scripts {
        assert_eq!(printed(name, "sh run-tests.sh", 1).run().adapter, adapter, "{name}");
    }
}

#[test]
fn every_tool_is_brought_to_write_a_report_or_says_what_to_add() {
    let tools = [
        Tool::CargoTest,
        Tool::Nextest,
        Tool::Pytest,
        Tool::Unittest,
        Tool::Go,
        Tool::NodeTest,
        Tool::Vitest,
        Tool::Jest,
    ];
    for tool in tools {
        let set = tool.environment(std::path::Path::new("/r/report"));
        assert!(!tool.advice().is_empty());
        let none = [Tool::Unittest, Tool::Vitest, Tool::Jest].contains(&tool);
        assert_eq!(set.is_empty(), none, "{tool:?}: {set:?}");
    }
}

#[test]
fn a_run_survives_the_record() {
    for recorded in everything() {
        let Ok(run) = recorded.read() else { continue };
        let line = serde_json::to_string(&run).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<shopfloor::report::TestRun>(&line).unwrap(), run);
    }
}
