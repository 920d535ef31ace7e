//! The JSON lines of libtest, as nextest writes them with `NEXTEST_MESSAGE_FORMAT=libtest-json`.

use serde::Deserialize;

use super::input::Input;
use super::name::TestId;
use super::outcome::{FailureKind, TestOutcome};
use super::tally::Tally;

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    of: String,
    event: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    stdout: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    passed: u64,
    #[serde(default)]
    failed: u64,
    #[serde(default)]
    ignored: u64,
}

/// Reads the lines; false when there are none.
pub(super) fn read(input: &Input<'_>, tally: &mut Tally) -> bool {
    let mut events = Events::default();
    let mut found = false;
    for line in input.whole_lines(&mut Tally::default()) {
        let Some(event) = event(line) else {
            stopped_early(line, tally);
            continue;
        };
        found = true;
        match (event.of.as_str(), event.event.as_str()) {
            ("suite", "started") => events.open_suites += 1,
            ("suite", _) => {
                events.open_suites -= 1;
                events.summed_ran += event.passed + event.failed;
                events.summed_ignored += event.ignored;
            }
            (_, "started") => events.begun.push(event.name),
            _ => events.told(&event, tally),
        }
    }
    if found {
        events.end(tally);
    }
    found
}

/// What was told so far. A suite may be told in several pieces, and a test may begin in one and end in the next.
#[derive(Default)]
struct Events {
    begun: Vec<String>,
    /// Told as passed or failed, and told as ignored; the same as the suites sum it up.
    ran: u64,
    ignored: u64,
    summed_ran: u64,
    summed_ignored: u64,
    open_suites: i64,
}

impl Events {
    fn told(&mut self, event: &Event, tally: &mut Tally) {
        // The last try of a test that was tried again ends in `#2`.
        let again = event.name.rsplit_once('#').filter(|(name, nth)| {
            nth.parse::<u32>().is_ok() && self.begun.iter().any(|begun| begun == name)
        });
        let name = again.map_or(event.name.as_str(), |(name, _)| name);
        self.begun.retain(|begun| begun != name);
        let words = if event.stdout.is_empty() { &event.message } else { &event.stdout };
        let outcome = match event.event.as_str() {
            "ignored" => TestOutcome::skipped(words),
            "ok" if again.is_none() => TestOutcome::Passed,
            "ok" => {
                let words = "it failed, and passed when it was tried again";
                TestOutcome::failed(FailureKind::Own, words)
            }
            _ => TestOutcome::failed(FailureKind::Own, words),
        };
        match outcome {
            TestOutcome::Skipped { .. } => self.ignored += 1,
            TestOutcome::Passed | TestOutcome::Failed { .. } => self.ran += 1,
        }
        tally.test(id(name), outcome);
    }

    fn end(self, tally: &mut Tally) {
        // Ignored tests that no run came to are announced, counted, and not told.
        let unended = self.begun.len() as u64;
        let explained = self.ignored + unended <= self.summed_ignored;
        for name in &self.begun {
            let outcome = match explained {
                true => TestOutcome::skipped(""),
                false => TestOutcome::failed(FailureKind::Unfinished, "it began and did not end"),
            };
            tally.test(id(name), outcome);
        }
        if self.open_suites != 0 || (unended > 0 && !explained) {
            tally.broken("the events end in the middle");
        } else if self.ran != self.summed_ran {
            let Self { ran, summed_ran, .. } = self;
            tally.broken(format!("{ran} tests were told and {summed_ran} summed up"));
        }
    }
}

fn event(line: &str) -> Option<Event> {
    line.starts_with('{').then(|| serde_json::from_str(line).ok())?
}

/// `probe::it$adds` and `probe::probe$tests::adds`: the library, which nextest's JUnit calls `probe`. The binary `probe` of
/// the package `probe` is called the same here, so tests of one name in both are told apart by number only.
fn id(name: &str) -> TestId {
    match name.split_once('$') {
        Some((suite, test)) => match suite.split_once("::") {
            Some((package, binary)) if package == binary => TestId::new(package, test),
            _ => TestId::new(suite, test),
        },
        None => TestId::new("", name),
    }
}

/// `Summary [   0.168s] 3/10 tests run: ...`: nextest stopped after a failure.
pub(super) fn stopped_early(line: &str, tally: &mut Tally) {
    let Some((_, rest)) = line.split_once("Summary [").and_then(|(_, rest)| rest.split_once(']'))
    else {
        return;
    };
    let counts = rest.trim_start().split(' ').next().and_then(|counts| counts.split_once('/'));
    if let Some((ran, all)) = counts.filter(|(ran, all)| ran != all) {
        tally.stopped(format!(
            "nextest ran {ran} of {all} tests and stopped; add --no-fail-fast to the command"
        ));
    }
}
