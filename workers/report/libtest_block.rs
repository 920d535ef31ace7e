//! What one test binary writes between `running 3 tests` and `test result: ...`.
//!
//! Tests print into this. So the closing line is believed only where its counts fit the results that were read, a result
//! that stands alone belongs to the test that was announced last (its last word counts), and the list of failures at the end
//! weighs more than a result above it.

use std::collections::BTreeMap;

use super::name::TestId;
use super::outcome::{FailureKind, TestOutcome};
use super::run::Strength;
use super::tally::Tally;

/// One block, as far as it was read.
#[derive(Debug)]
pub(super) struct Block {
    announced: u64,
    seen: Vec<(String, TestOutcome)>,
    /// The test whose result has not come yet, or may come again.
    pending: Option<usize>,
    /// Marks of the quiet form: passed, failed, ignored.
    marks: [u64; 3],
    part: Part,
    /// Words of failed tests, by name.
    words: BTreeMap<String, String>,
    /// Names in the list of failures.
    listed: Vec<String>,
    /// Failures that the quiet form named at once; the list names them again.
    quiet_failed: Vec<String>,
    /// The counts of the closing line: passed, failed, ignored.
    closed: Option<[u64; 3]>,
    /// A closing line did not fit.
    misfit: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Results,
    /// The words of failed tests, one section each.
    Words(Option<String>),
    /// The names of failed tests.
    List,
}

impl Block {
    pub(super) fn new(announced: u64) -> Self {
        Self {
            announced,
            seen: Vec::new(),
            pending: None,
            marks: [0; 3],
            part: Part::Results,
            words: BTreeMap::new(),
            listed: Vec::new(),
            quiet_failed: Vec::new(),
            closed: None,
            misfit: false,
        }
    }

    /// True while what is read are the words of failed tests, which may hold anything.
    pub(super) fn quotes(&self) -> bool {
        self.part != Part::Results
    }

    /// Takes a line; true when it closed the block.
    pub(super) fn line(&mut self, line: &str) -> bool {
        match &mut self.part {
            Part::Results => self.result(line),
            Part::Words(current) => {
                if line == "failures:" {
                    self.part = Part::List;
                } else if let Some(name) = section(line) {
                    *current = Some(clean(name).0);
                } else if let Some(name) = current {
                    let words = self.words.entry(name.clone()).or_default();
                    words.push_str(line);
                    words.push('\n');
                }
                false
            }
            Part::List => {
                if let Some(name) = line.strip_prefix("    ") {
                    self.listed.push(name.to_owned());
                } else if let Some(counts) = closing(line) {
                    return self.close(counts);
                } else if !line.is_empty() {
                    // A test had printed the word: its section goes on.
                    self.listed.clear();
                    self.part = Part::Words(section(line).map(|name| clean(name).0));
                }
                false
            }
        }
    }

    fn result(&mut self, line: &str) -> bool {
        if line == "failures:" || line == "successes:" {
            self.part = Part::Words(None);
            return false;
        }
        if let Some(counts) = closing(line) {
            return self.close(counts);
        }
        if let Some((name, rest)) = line.strip_prefix("test ").and_then(|l| l.split_once(" ... ")) {
            let known = result_of(rest);
            self.pending = known.is_none().then_some(self.seen.len());
            let unknown =
                || TestOutcome::failed(FailureKind::Unfinished, "it began and did not end");
            self.seen.push((name.to_owned(), known.unwrap_or_else(unknown)));
        } else if let Some(name) = line.strip_suffix(" --- FAILED") {
            self.marks[1] += 1;
            self.quiet_failed.push(name.to_owned());
        } else if let Some(at) = self.pending {
            if let Some(outcome) = last_word(line) {
                self.seen[at].1 = outcome;
            }
        } else if let Some(marks) = quiet(line) {
            for (sum, count) in self.marks.iter_mut().zip(marks) {
                *sum += count;
            }
        }
        false
    }

    fn counts(&self) -> [u64; 3] {
        let mut counts = self.marks;
        for (_, outcome) in &self.seen {
            counts[match outcome {
                TestOutcome::Passed => 0,
                TestOutcome::Failed { .. } => 1,
                TestOutcome::Skipped { .. } => 2,
            }] += 1;
        }
        counts
    }

    fn close(&mut self, counts: [u64; 3]) -> bool {
        let fits = self.counts() == counts;
        if fits {
            self.closed = Some(counts);
        } else {
            self.misfit = true;
        }
        fits
    }

    /// Tells what was read, as tests of `suite`.
    pub(super) fn tell(self, suite: &str, tally: &mut Tally) {
        let counts = self.counts();
        if self.closed.is_none() {
            tally.broken(match self.misfit {
                true => format!("{}: its results and their sum don't fit", named(suite)),
                false => format!("{}: ended without a test result", named(suite)),
            });
        } else if counts.iter().sum::<u64>() != self.announced {
            let told = counts.iter().sum::<u64>();
            tally.broken(format!("{}: {told} of {} tests told", named(suite), self.announced));
        }
        if self.marks[0] > 0 || self.marks[2] > 0 {
            tally.strength = Strength::FailuresOnly;
            tally.unnamed_passed += self.marks[0];
            tally.remark("cargo test -q names only the failures; leave -q out of the command");
        }
        let told = if self.listed.is_empty() { &self.quiet_failed } else { &self.listed };
        let mut listed: Vec<(String, Option<u64>)> = told.iter().map(|name| clean(name)).collect();
        for (name, outcome) in self.seen {
            let (name, line) = clean(&name);
            let at = listed.iter().position(|other| *other == (name.clone(), line));
            let in_list = at.map(|at| listed.remove(at)).is_some();
            let outcome = match outcome {
                TestOutcome::Failed { kind: FailureKind::Own, .. } => own(&self.words, &name),
                _ if in_list => own(&self.words, &name),
                outcome => outcome,
            };
            tally.test_at(TestId::new(suite, &name), line, outcome);
        }
        for (name, line) in listed {
            tally.test_at(TestId::new(suite, &name), line, own(&self.words, &name));
        }
    }
}

fn own(words: &BTreeMap<String, String>, name: &str) -> TestOutcome {
    TestOutcome::failed(FailureKind::Own, words.get(name).map_or("", String::as_str))
}

fn named(suite: &str) -> &str {
    if suite.is_empty() { "a test binary" } else { suite }
}

/// `---- tests::adds stdout ----`
fn section(line: &str) -> Option<&str> {
    line.strip_prefix("---- ")?.strip_suffix(" stdout ----")
}

/// The name without what libtest adds to it, and the line of a doc test.
fn clean(name: &str) -> (String, Option<u64>) {
    let name = name.trim();
    if let Some((item, rest)) = name.rsplit_once(" (line ") {
        let number = rest.split(')').next().and_then(|number| number.parse().ok());
        if number.is_some() {
            return (item.to_owned(), number);
        }
    }
    (name.strip_suffix(" - should panic").unwrap_or(name).to_owned(), None)
}

/// `ok`, `FAILED`, `ignored, why`, each with what `--report-time` puts behind it.
fn result_of(text: &str) -> Option<TestOutcome> {
    let text = text.trim_end();
    let text = text.split_once(" <").filter(|(_, time)| time.ends_with('>')).map_or(text, |t| t.0);
    match text {
        "ok" => Some(TestOutcome::Passed),
        "FAILED" | "FAILED (time limit exceeded)" => {
            Some(TestOutcome::failed(FailureKind::Own, ""))
        }
        "ignored" => Some(TestOutcome::skipped("")),
        text => text.strip_prefix("ignored, ").map(TestOutcome::skipped),
    }
}

/// A result that follows what the test printed, perhaps without an end of line.
fn last_word(line: &str) -> Option<TestOutcome> {
    match line {
        line if line.ends_with("FAILED") => Some(TestOutcome::failed(FailureKind::Own, "")),
        line if line.ends_with("ok") => Some(TestOutcome::Passed),
        _ => None,
    }
}

/// `..F.ii` or `..F. 4/9`: passed, failed, ignored.
fn quiet(line: &str) -> Option<[u64; 3]> {
    let marks = line.split_once(' ').map_or(line, |(marks, _)| marks);
    let count = |mark: char| marks.chars().filter(|c| *c == mark).count() as u64;
    let known = !marks.is_empty() && marks.chars().all(|c| ['.', 'F', 'i'].contains(&c));
    known.then(|| [count('.'), count('F'), count('i')])
}

/// The counts of `test result: ok. 4 passed; 0 failed; 2 ignored; 0 measured; ...`.
fn closing(line: &str) -> Option<[u64; 3]> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |word: &str| -> Option<u64> {
        let part = counts.split(';').find_map(|part| part.trim().strip_suffix(word))?;
        part.trim().parse().ok()
    };
    Some([count("passed")?, count("failed")?, count("ignored")?])
}
