//! The JSON of jest and of vitest: one form with small differences.
//!
//! The suite of an id is the test file relative to the folder of the run, with the titles around the test:
//! `src/sums.test.js > group > deeper`, the name the test's title with its parameters. A file that failed without a failed
//! test (an import, a syntax error, a hook) is `(file)`, a set-up failure. jest says `pending` for a skipped test; vitest
//! says it for one that never ran, and says `skipped` for a skipped one.
//!
//! It can't tell: a failed `beforeAll` from the tests' own failures (jest tells them as failed, vitest as skipped), and
//! with jest, a process that left with exit 0 (there is no report then).

use serde::Deserialize;

use super::input::Input;
use super::name::{TestId, WITHIN};
use super::outcome::{FailureKind, TestOutcome};
use super::plain::{plain, within};
use super::tally::Tally;
use super::tool::Tool;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    num_total_tests: u64,
    /// Only jest has it.
    num_runtime_error_test_suites: Option<u64>,
    #[serde(default)]
    was_interrupted: bool,
    test_results: Vec<File>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(alias = "testFilePath")]
    name: String,
    status: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    assertion_results: Vec<Assertion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assertion {
    #[serde(default)]
    ancestor_titles: Vec<String>,
    title: String,
    status: String,
    #[serde(default)]
    failure_messages: Option<Vec<String>>,
}

/// Reads the JSON; `Ok(false)` when there is none, an error's words when it can't be read.
pub(super) fn read(input: &Input<'_>, tally: &mut Tally) -> Result<bool, String> {
    let Some(summary) = find(input.text)? else { return Ok(false) };
    let is_jest = summary.num_runtime_error_test_suites.is_some();
    if summary.was_interrupted {
        tally.broken("jest says that it was interrupted");
    }
    let mut told = 0;
    for file in summary.test_results {
        told += file.assertion_results.len() as u64;
        tell(file, is_jest, input, tally);
    }
    if told != summary.num_total_tests {
        tally.broken(format!("{told} tests were told and {} summed up", summary.num_total_tests));
    }
    Ok(true)
}

/// The report in a text: the whole of it, or the last line that is one.
fn find(text: &str) -> Result<Option<Summary>, String> {
    let begins = text.trim_start().starts_with('{');
    let whole = begins.then(|| serde_json::from_str(text.trim()));
    if let Some(Ok(summary)) = whole {
        return Ok(Some(summary));
    }
    let lines = text.lines().rev().map(str::trim).filter(|line| line.starts_with('{'));
    let mut summaries = lines.filter_map(|line| serde_json::from_str(line).ok());
    if let Some(summary) = summaries.next() {
        return Ok(Some(summary));
    }
    let looks = text.contains("\"testResults\"") || text.contains("\"numTotalTests\"");
    match whole {
        Some(Err(error)) => Err(error.to_string()),
        _ if looks => Err("the JSON in the output is not whole".to_owned()),
        _ => Ok(None),
    }
}

fn tell(file: File, is_jest: bool, input: &Input<'_>, tally: &mut Tally) {
    let name = within(&file.name, input.folder).to_owned();
    let stops = Tool::of(input.command).is_some_and(|tool| tool.stops_early(input.command));
    if name.starts_with('/') {
        tally.remark(format!(
            "{name} lies outside the folder of the run: its name is this machine's"
        ));
    }
    let mut any_failed = false;
    let empty = file.assertion_results.is_empty();
    for test in file.assertion_results {
        let words = test.failure_messages.unwrap_or_default().join("\n");
        let outcome = match test.status.as_str() {
            "passed" => TestOutcome::Passed,
            "failed" => TestOutcome::failed(FailureKind::Own, &plain(&words)),
            "skipped" | "disabled" => TestOutcome::skipped(""),
            "todo" => TestOutcome::skipped("to do"),
            "pending" if is_jest => TestOutcome::skipped(""),
            _ => {
                let why = format!("{name} has tests that never ran");
                if stops {
                    tally.stopped(why);
                } else {
                    tally.broken(why);
                }
                TestOutcome::skipped("it never ran")
            }
        };
        any_failed |= outcome.is_failure();
        let mut suite = name.clone();
        for title in &test.ancestor_titles {
            suite.push_str(WITHIN);
            suite.push_str(title);
        }
        tally.test(TestId::new(&suite, &test.title), outcome);
    }
    match file.status.as_str() {
        "failed" if !any_failed => {
            let outcome = TestOutcome::failed(FailureKind::SetUp, &plain(&file.message));
            tally.test(TestId::new(&name, "(file)"), outcome);
        }
        "passed" if empty => tally.stopped(format!("{name} was not run")),
        _ => {}
    }
}
