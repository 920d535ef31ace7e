//! A thousand tests, told in the order that parallel runs tell them, under names that are no identifiers.

use std::fmt::Write as _;

use shopfloor::report::{Adapter, FailureKind, TestOutcome, TestRun};

use super::{FOLDER, Recorded};

const CROWD: usize = 1_000;

/// Names with spaces, slashes, other scripts and parameters; every tenth test fails.
fn name(n: usize) -> String {
    match n % 5 {
        0 => format!("plain_{n}"),
        1 => format!("with spaces {n}"),
        2 => format!("a/b/{n}"),
        3 => format!("größe 数 {n}"),
        _ => format!("pair[{n}-x::y]"),
    }
}

fn fails(n: usize) -> bool {
    n.is_multiple_of(10)
}

/// The order in which they end: every number once, far from sorted.
fn order() -> impl Iterator<Item = usize> {
    (0..CROWD).map(|n| n * 617 % CROWD)
}

fn read(command: &str, output: String, file: Option<String>) -> TestRun {
    let command = shlex::split(command).unwrap();
    Recorded { name: "a crowd".to_owned(), command, output, file, exit: Some(1) }.run()
}

/// Every test is there under its own name with its own outcome.
fn check(run: &TestRun, adapter: Adapter, id: impl Fn(usize) -> String) {
    assert_eq!(run.adapter, adapter);
    assert!(run.complete(), "{}", run.line());
    assert_eq!((run.tests.len(), run.executed(), run.failed().len()), (CROWD, 1_000, 100));
    for n in 0..CROWD {
        match super::outcome(run, &id(n)) {
            TestOutcome::Passed => assert!(!fails(n), "{n} failed"),
            TestOutcome::Failed { kind, .. } => assert!(fails(n) && *kind == FailureKind::Own),
            TestOutcome::Skipped { .. } => panic!("{n} is skipped"),
        }
    }
}

#[test]
fn a_thousand_tests_of_cargo_test_keep_their_names() {
    let mut text =
        String::from("     Running tests/it.rs (target/debug/deps/it-0123456789abcdef)\n\n");
    writeln!(text, "running {CROWD} tests").unwrap();
    for n in order() {
        writeln!(text, "test {} ... {}", name(n), if fails(n) { "FAILED" } else { "ok" }).unwrap();
    }
    text.push_str("\nfailures:\n\n");
    for n in order().filter(|n| fails(*n)) {
        writeln!(text, "---- {} stdout ----\nran {n}\n", name(n)).unwrap();
    }
    text.push_str("\nfailures:\n");
    (0..CROWD).filter(|n| fails(*n)).for_each(|n| writeln!(text, "    {}", name(n)).unwrap());
    text.push_str("\ntest result: FAILED. 900 passed; 100 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.06s\n\n");
    text.push_str("error: test failed, to rerun pass `--test it`\n");
    let run = read("cargo test --test it", text, None);
    check(&run, Adapter::Libtest, |n| format!("it (tests/it.rs) > {}", name(n)));
    let TestOutcome::Failed { message, .. } = super::outcome(&run, "it (tests/it.rs) > plain_10")
    else {
        panic!("it failed");
    };
    assert_eq!(message, "ran 10", "each failure has its own words");
}

#[test]
fn a_thousand_tests_of_junit_keep_their_names() {
    let mut xml = String::from(
        "<?xml version=\"1.0\"?><testsuites><testsuite name=\"pytest\" tests=\"1000\">",
    );
    for n in order() {
        let name = name(n).replace('ö', "&#246;");
        write!(xml, "<testcase classname=\"tests.test_it\" name=\"{name}\" time=\"0.1\">").unwrap();
        if fails(n) {
            write!(xml, "<failure message=\"no\">it &lt;failed&gt;</failure>").unwrap();
        }
        xml.push_str("</testcase>");
    }
    xml.push_str("</testsuite></testsuites>");
    let run = read("pytest", String::new(), Some(xml));
    check(&run, Adapter::Junit, |n| format!("tests.test_it > {}", name(n)));
}

#[test]
fn a_thousand_tests_of_tap_keep_their_names() {
    let mut text = String::from("TAP version 13\n");
    for (at, n) in order().enumerate() {
        let ok = if fails(n) { "not ok" } else { "ok" };
        writeln!(
            text,
            "# Subtest: {0}\n{ok} {1} - {0}\n  ---\n  duration_ms: 1\n  ...",
            name(n),
            at + 1
        )
        .unwrap();
    }
    writeln!(text, "1..{CROWD}").unwrap();
    check(&read("node --test", text, None), Adapter::Tap, name);
}

#[test]
fn a_thousand_tests_of_go_keep_their_names_while_they_run_at_once() {
    let event = |action: &str, n: usize| {
        let test = serde_json::Value::from(format!("Test/{}", name(n).replace(' ', "_")));
        format!("{{\"Action\":\"{action}\",\"Package\":\"p\",\"Test\":{test}}}\n")
    };
    let mut text: String = (0..CROWD).map(|n| event("run", n)).collect();
    for n in order() {
        text.push_str(&event(if fails(n) { "fail" } else { "pass" }, n));
    }
    text.push_str("{\"Action\":\"output\",\"Package\":\"p\",\"Output\":\"FAIL\\n\"}\n");
    text.push_str("{\"Action\":\"fail\",\"Package\":\"p\"}\n");
    let run = read("go test -json", text, None);
    check(&run, Adapter::GoJson, |n| format!("p > Test/{}", name(n).replace(' ', "_")));
}

#[test]
fn a_thousand_tests_of_unittest_keep_their_names() {
    let mut text = String::new();
    for n in order() {
        let outcome = if fails(n) { "FAIL" } else { "ok" };
        writeln!(text, "test_größe_{n} (tests.t.C.test_größe_{n}) ... {outcome}").unwrap();
    }
    writeln!(text, "\nRan {CROWD} tests in 1.0s\n\nFAILED (failures=100)").unwrap();
    let run = read("python -m unittest -v", text, None);
    check(&run, Adapter::Unittest, |n| format!("tests.t.C > test_größe_{n}"));
}

#[test]
fn a_thousand_tests_of_jest_keep_their_names() {
    let tests: Vec<serde_json::Value> = order()
        .map(|n| {
            let status = if fails(n) { "failed" } else { "passed" };
            serde_json::json!({"ancestorTitles": ["group"], "title": name(n), "status": status})
        })
        .collect();
    let report = serde_json::json!({
        "numTotalTests": CROWD, "numRuntimeErrorTestSuites": 0, "success": false,
        "testResults": [{
            "name": format!("{FOLDER}/src/it.test.js"), "status": "failed", "assertionResults": tests,
        }],
    });
    let run = read("jest --json", format!("some words\n{report}\n"), None);
    check(&run, Adapter::Jest, |n| format!("src/it.test.js > group > {}", name(n)));
}
