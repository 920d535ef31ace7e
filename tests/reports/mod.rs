//! Test reports, read from what the real tools wrote (tests/fixtures/reports/README.md says which).

mod adapters;
mod crowds;
mod mutilation;
mod promises;

use std::fmt::Write as _;
use std::path::PathBuf;

use shopfloor::report::{
    Choice, Completeness, FailureKind, Report, TestOutcome, TestRun, Unreadable,
};

/// The folder that all fixtures were recorded in, as they name it.
const FOLDER: &str = "/home/dev/project";

/// One recorded run.
#[derive(Debug, Clone)]
struct Recorded {
    /// `libtest/passing`
    name: String,
    command: Vec<String>,
    output: String,
    file: Option<String>,
    exit: Option<i32>,
}

fn fixture(path: &str) -> Option<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reports");
    std::fs::read_to_string(root.join(path)).ok()
}

/// The run recorded under `name`, whose report stands in the output.
fn printed(name: &str, command: &str, exit: i32) -> Recorded {
    let endings = ["txt", "jsonl", "tap", "xml"];
    let output = endings.iter().find_map(|ending| fixture(&format!("{name}.{ending}")));
    Recorded {
        name: name.to_owned(),
        command: shlex::split(command).unwrap(),
        output: output.unwrap_or_else(|| panic!("there is no fixture {name}")),
        file: None,
        exit: Some(exit),
    }
}

/// The run recorded under `name`, whose report stands in a file beside its output, where the tool came to write one.
fn filed(name: &str, command: &str, exit: i32) -> Recorded {
    let endings = ["xml", "json"];
    let file = endings.iter().find_map(|ending| fixture(&format!("{name}.{ending}")));
    Recorded { file, ..printed_or_silent(name, command, exit) }
}

fn printed_or_silent(name: &str, command: &str, exit: i32) -> Recorded {
    match fixture(&format!("{name}.txt")) {
        Some(_) => printed(name, command, exit),
        None => Recorded {
            name: name.to_owned(),
            command: shlex::split(command).unwrap(),
            output: String::new(),
            file: None,
            exit: Some(exit),
        },
    }
}

impl Recorded {
    fn read(&self) -> Result<TestRun, Unreadable> {
        self.read_as(Choice::Auto)
    }

    fn read_as(&self, choice: Choice) -> Result<TestRun, Unreadable> {
        let report = Report {
            choice,
            command: &self.command,
            folder: FOLDER,
            output: &self.output,
            cut: false,
            file: self.file.as_deref(),
            exit: self.exit,
        };
        report.read()
    }

    fn run(&self) -> TestRun {
        self.read().unwrap_or_else(|error| panic!("{}: {error}\n{}", self.name, self.output))
    }
}

fn outcome<'a>(run: &'a TestRun, id: &str) -> &'a TestOutcome {
    let found = run.tests.iter().find(|(known, _)| known.as_str() == id);
    found.unwrap_or_else(|| panic!("there is no {id:?} in {:#?}", run.tests)).1
}

fn kind(run: &TestRun, id: &str) -> FailureKind {
    match outcome(run, id) {
        TestOutcome::Failed { kind, .. } => *kind,
        other => panic!("{id} is {other:?}"),
    }
}

/// All that was read of a run, for a snapshot.
fn shown(recorded: &Recorded) -> String {
    let mut text = format!(
        "== {} ({}) exit {}\n",
        recorded.name,
        recorded.command.join(" "),
        recorded.exit.unwrap_or(-1)
    );
    let run = match recorded.read() {
        Ok(run) => run,
        Err(error) => {
            writeln!(text, "unreadable: {error}\n  mend: {}\n", error.mend()).unwrap();
            return text;
        }
    };
    writeln!(text, "{} | {} executed", run.line(), run.executed()).unwrap();
    if let Some(build) = &run.build_failed {
        let files: Vec<&str> = build.files.iter().map(String::as_str).collect();
        let targets: Vec<&str> = build.targets.iter().map(String::as_str).collect();
        let unplaced = if build.unplaced { ", and errors without a place" } else { "" };
        writeln!(text, "  did not build: {files:?} of {targets:?}{unplaced}").unwrap();
    }
    for (id, outcome) in &run.tests {
        let (mark, words) = match outcome {
            TestOutcome::Passed => ("ok  ".to_owned(), ""),
            TestOutcome::Failed { kind, message } => (format!("FAIL {kind:?}"), message.as_str()),
            TestOutcome::Skipped { why } => ("skip".to_owned(), why.as_str()),
        };
        let first = words.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
        let first: String = first.chars().take(60).collect();
        let first = if first.is_empty() { first } else { format!("  -- {first}") };
        writeln!(text, "  {mark} {id}{first}").unwrap();
    }
    for remark in &run.remarks {
        writeln!(text, "  ! {remark}").unwrap();
    }
    text.push('\n');
    text
}

fn all_shown(recorded: &[Recorded]) -> String {
    recorded.iter().map(shown).collect()
}

fn is_broken(run: &TestRun) -> bool {
    matches!(run.completeness, Completeness::Broken { .. })
}
