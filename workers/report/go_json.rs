//! The events of `go test -json`, from Go 1.19 on.
//!
//! The suite of an id is the package's import path, the name the test's with its subtests: `TestWords/with_space`. A test
//! that failed and has a failed subtest is `Inner`: go does not say whether it also failed by itself. A package that failed
//! without a failed test (`TestMain`, `init`) is `(package)`, a set-up failure. A test counts only when its beginning was
//! told; up to Go 1.19 a test could print the end of another.
//!
//! It can't tell: which tests of a package were left out after a panic, a time-out or an exit (the package is then told
//! without its closing `FAIL`, and the run is incomplete).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::build::{self, BuildFailure};
use super::input::Input;
use super::name::TestId;
use super::outcome::{FailureKind, TestOutcome};
use super::tally::Tally;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    action: String,
    #[serde(default)]
    package: String,
    #[serde(default)]
    test: String,
    #[serde(default)]
    output: String,
    #[serde(default)]
    import_path: String,
    #[serde(default)]
    failed_build: String,
}

/// Reads the events; false when there are none.
pub(super) fn read(input: &Input<'_>, tally: &mut Tally) -> bool {
    let mut packages: BTreeMap<String, Package> = BTreeMap::new();
    let mut build = BuildFailure::default();
    let mut found = false;
    let mut building = false;
    for line in input.whole_lines(tally) {
        let Some(event) = event(line) else {
            plain_build(line, input.folder, &mut building, &mut build);
            continue;
        };
        found = true;
        building = false;
        match event.action.as_str() {
            "build-output" => {
                let line = event.output.trim_end();
                if !line.starts_with('#') {
                    build::of_go(&mut build, line, input.folder);
                }
                build.targets.insert(event.import_path);
            }
            "build-fail" => {
                build.targets.insert(event.import_path);
            }
            _ => packages.entry(event.package.clone()).or_default().event(event),
        }
    }
    let failed_build = packages.values().any(|package| package.build_failed);
    for (name, package) in packages {
        package.tell(&name, tally);
    }
    if failed_build || !build.targets.is_empty() {
        build.unplaced = build.files.is_empty();
        tally.build_failed = Some(build);
        found = true;
    }
    found
}

fn event(line: &str) -> Option<Event> {
    let line = line.trim_start();
    line.starts_with('{').then(|| serde_json::from_str(line).ok())?
}

/// Before 1.24 the compiler's words stand between the events as they are.
fn plain_build(line: &str, folder: &str, building: &mut bool, build: &mut BuildFailure) {
    if let Some(target) = line.strip_prefix("# ") {
        *building = target.contains('/') || target.contains('.');
        if *building {
            build.targets.insert(target.to_owned());
        }
    } else if let Some(rest) = line.strip_prefix("FAIL\t") {
        *building = false;
        if let Some(package) =
            rest.strip_suffix(" [build failed]").or_else(|| rest.strip_suffix(" [setup failed]"))
        {
            build.targets.insert(package.to_owned());
        }
    } else if *building {
        build::of_go(build, line, folder);
    }
}

#[derive(Default)]
struct Package {
    tests: BTreeMap<String, Test>,
    /// `pass`, `fail` or `skip`, when it came.
    end: Option<String>,
    /// The package's own closing `FAIL` came: its tests went to their end.
    closed: bool,
    build_failed: bool,
    output: String,
    /// Ends of tests that never began.
    strangers: Vec<String>,
}

#[derive(Default)]
struct Test {
    end: Option<String>,
    output: String,
}

impl Package {
    fn event(&mut self, event: Event) {
        let Event { action, test, output, failed_build, .. } = event;
        if test.is_empty() {
            match action.as_str() {
                "output" => {
                    self.closed |= output == "FAIL\n";
                    self.build_failed |= output.ends_with(" [build failed]\n")
                        || output.ends_with(" [setup failed]\n");
                    self.output.push_str(&output);
                }
                "pass" | "fail" | "skip" => {
                    self.build_failed |= !failed_build.is_empty();
                    self.end = Some(action);
                }
                _ => {}
            }
            return;
        }
        match (action.as_str(), self.tests.get_mut(&test)) {
            ("run", _) => {
                self.tests.entry(test).or_default();
            }
            ("output", Some(known)) => known.output.push_str(&output),
            ("pass" | "fail" | "skip", Some(known)) => known.end = Some(action),
            ("pass" | "fail" | "skip", None) => self.strangers.push(test),
            _ => {}
        }
    }

    fn tell(self, name: &str, tally: &mut Tally) {
        let Self { tests, end, closed, build_failed, output, strangers } = self;
        for stranger in strangers {
            tally.remark(format!("{name}: the end of {stranger} was told and not its beginning"));
        }
        let passed = end.as_deref() == Some("pass");
        let failed = end.as_deref() == Some("fail");
        match end {
            None => tally.broken(format!("{name}: the events end in the middle")),
            Some(_) if build_failed => {}
            Some(_) if failed && !closed => {
                tally.broken(format!("{name} ended in the middle: {}", last_words(&output)));
            }
            Some(_) => {}
        }
        let outcomes: BTreeMap<&str, TestOutcome> = tests
            .iter()
            .map(|(test, found)| (test.as_str(), found.outcome(test, passed)))
            .collect();
        let any_failed = outcomes.values().any(TestOutcome::is_failure);
        if failed && !any_failed && !build_failed {
            let outcome = TestOutcome::failed(FailureKind::SetUp, &output);
            tally.test(TestId::new(name, "(package)"), outcome);
        }
        for (test, outcome) in &outcomes {
            let inner = format!("{test}/");
            let inner_failed = outcomes
                .range(inner.as_str()..)
                .take_while(|(other, _)| other.starts_with(&inner))
                .any(|(_, outcome)| outcome.is_failure());
            let outcome = match outcome {
                TestOutcome::Failed { kind: FailureKind::Own, message } if inner_failed => {
                    TestOutcome::failed(FailureKind::Inner, message)
                }
                outcome => outcome.clone(),
            };
            tally.test(TestId::new(name, test), outcome);
        }
    }
}

impl Test {
    fn outcome(&self, name: &str, package_passed: bool) -> TestOutcome {
        match self.end.as_deref() {
            Some("pass") => TestOutcome::Passed,
            Some("skip") => TestOutcome::skipped(&without_frames(&self.output)),
            Some(_) => TestOutcome::failed(FailureKind::Own, &without_frames(&self.output)),
            // Up to 1.19 the end is not told when the test's last words had no end of line. A package that passed has
            // no test that failed, and a test that failed said so.
            None if package_passed && self.output.contains(&format!("--- PASS: {name} (")) => {
                TestOutcome::Passed
            }
            None if package_passed && self.output.contains(&format!("--- SKIP: {name} (")) => {
                TestOutcome::skipped(&without_frames(&self.output))
            }
            None if self.output.contains(&format!("--- FAIL: {name} (")) => {
                TestOutcome::failed(FailureKind::Own, &without_frames(&self.output))
            }
            None => TestOutcome::failed(FailureKind::Unfinished, &without_frames(&self.output)),
        }
    }
}

/// What the test said, without the lines that frame it.
fn without_frames(output: &str) -> String {
    let lines = output.lines().filter(|line| !line.starts_with("=== "));
    lines.collect::<Vec<_>>().join("\n")
}

/// The last words of a package, without go's own.
fn last_words(output: &str) -> &str {
    let mut lines = output.trim_end().lines().rev();
    lines.find(|line| !line.starts_with("FAIL\t")).unwrap_or("a test ended its process")
}
