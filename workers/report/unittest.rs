//! The verbose text of Python's unittest (`python -m unittest -v`), 3.11 and its neighbours.
//!
//! The suite of an id is the dotted class, `tests.test_sums.Sums`, the name the method. Failed subtests (`subTest`) make their
//! method fail: they have no ids of their own, because subtests that pass are not told. A module that can't be imported is
//! `(import)` of that module, a class or module set-up that failed `setUpClass` of the class: set-up failures both. An
//! error whose first frame is in a set-up method is a set-up failure too. Expected failures count as skipped.
//!
//! It can't tell: the names, without `-v`; the tests of a class whose set-up failed (they are gone).

use std::collections::{BTreeMap, BTreeSet};

use super::input::Input;
use super::name::TestId;
use super::outcome::{FailureKind, TestOutcome};
use super::run::Strength;
use super::tally::Tally;

/// Reads the text; false when there is nothing of the form in it.
pub(super) fn read(input: &Input<'_>, tally: &mut Tally) -> bool {
    let mut reader = Reader::default();
    for line in input.whole_lines(tally) {
        reader.line(line);
    }
    reader.line(input.cut_line());
    reader.tell(tally)
}

/// `Ran 3 tests in 0.001s`
pub(super) fn ran(line: &str) -> Option<u64> {
    let (count, rest) = line.strip_prefix("Ran ")?.split_once(' ')?;
    (rest.starts_with("test in ") || rest.starts_with("tests in ")).then(|| count.parse().ok())?
}

#[derive(Debug)]
struct Entry {
    class: String,
    method: String,
    outcome: Option<TestOutcome>,
}

#[derive(Debug, Default)]
struct Reader {
    entries: Vec<Entry>,
    /// A header was read whose result has not come.
    headed: Option<(String, String)>,
    /// The section of a failed test that is being read, and all that were: header and words.
    sections: Vec<(Entry, String)>,
    ruled: bool,
    ran: Option<u64>,
    verdict: Option<String>,
}

impl Reader {
    fn line(&mut self, line: &str) {
        if line.len() >= 70 && line.bytes().all(|b| b == b'=') {
            self.ruled = true;
            return;
        }
        let ruled = std::mem::take(&mut self.ruled);
        if let Some(section) = section(line).filter(|_| ruled) {
            let unexpected = line.starts_with("UNEXPECTED SUCCESS: ");
            let words = if unexpected { "it passed and was expected to fail\n" } else { "" };
            self.sections.push((section, words.to_owned()));
        } else if let Some(count) = ran(line) {
            self.ran = Some(count);
        } else if self.ran.is_some() {
            if ["OK", "FAILED", "NO TESTS RAN"].iter().any(|word| line.starts_with(word)) {
                self.verdict = Some(line.to_owned());
            }
        } else if let Some((_, words)) = self.sections.last_mut() {
            if !(line.len() >= 70 && line.bytes().all(|b| b == b'-')) {
                words.push_str(line);
                words.push('\n');
            }
        } else {
            self.result(line);
        }
    }

    /// A line before the sections: a header, a result, or what a test printed.
    fn result(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("  ") {
            // A failed subtest: its method failed.
            if let Some((head, outcome)) = ended(rest)
                && let Some((class, method)) = header(head)
                && let Some(last) = self.entries.last_mut()
                && (last.class == class && last.method == method)
            {
                let failed = last.outcome.as_ref().is_some_and(TestOutcome::is_failure);
                if !failed {
                    last.outcome = Some(outcome);
                }
                return;
            }
        }
        if let Some((head, rest)) = line.split_once(" ... ")
            && let Some((class, method)) = header(head)
        {
            self.entries.push(Entry { class, method, outcome: result_of(rest) });
            self.headed = None;
        } else if let Some((class, method)) = header(line.trim_end()) {
            // A test with a doc string has its result behind the string.
            self.headed = Some((class, method));
        } else if let Some((class, method)) = self.headed.take_if(|_| line.contains(" ... ")) {
            let rest = line.rsplit_once(" ... ").map_or("", |(_, rest)| rest);
            self.entries.push(Entry { class, method, outcome: result_of(rest) });
        } else if let (Some(last), Some(outcome)) = (self.entries.last_mut(), result_of(line)) {
            // The test printed something: its last word counts.
            last.outcome = Some(outcome);
        }
    }

    fn tell(self, tally: &mut Tally) -> bool {
        let Self { entries, headed, sections, ran, verdict, .. } = self;
        if entries.is_empty() && ran.is_none() && headed.is_none() {
            return false;
        }
        if ran.is_none() || verdict.is_none() {
            tally.broken("it ended without its sum: the process left in the middle");
        }
        let mut words: BTreeMap<TestId, (FailureKind, String)> = BTreeMap::new();
        for (entry, text) in &sections {
            let id = entry.id();
            let kind = kind(entry, text);
            words.entry(id).or_insert_with(|| (kind, text.clone()));
        }
        let named = entries.iter().filter(|entry| entry.counts()).count() as u64;
        if entries.is_empty() && ran.is_some_and(|ran| ran > 0) {
            tally.strength = Strength::FailuresOnly;
            let failed: BTreeSet<TestId> = sections
                .iter()
                .filter(|(entry, _)| entry.counts())
                .map(|(entry, _)| entry.id())
                .collect();
            let skipped = skips(verdict.as_deref().unwrap_or_default());
            let others = failed.len() as u64 + skipped;
            tally.unnamed_passed = ran.unwrap_or(0).saturating_sub(others);
            tally.remark("unittest names only the failures; add -v to the command");
        } else if ran.is_some_and(|ran| ran != named) {
            let ran = ran.unwrap_or(0);
            tally.broken(format!("{named} tests have names and {ran} ran"));
        }
        for entry in entries {
            let id = entry.id();
            let outcome = match (words.remove(&id), entry.outcome) {
                (Some((kind, text)), _) => TestOutcome::failed(kind, &text),
                (None, Some(outcome)) => outcome,
                (None, None) => {
                    TestOutcome::failed(FailureKind::Unfinished, "it began and did not end")
                }
            };
            tally.test(id, outcome);
        }
        if let Some((class, method)) = headed {
            let outcome = TestOutcome::failed(FailureKind::Unfinished, "it began and did not end");
            tally.test(TestId::new(&class, &method), outcome);
        }
        for (id, (kind, text)) in words {
            tally.test(id, TestOutcome::failed(kind, &text));
        }
        true
    }
}

impl Entry {
    fn id(&self) -> TestId {
        match self.class.strip_prefix("unittest.loader.") {
            Some(_) => TestId::new(&self.method, "(import)"),
            None => TestId::new(&self.class, &self.method),
        }
    }

    /// True for what "Ran N tests" counts: set-ups are none.
    fn counts(&self) -> bool {
        let fixtures = ["setUpClass", "tearDownClass", "setUpModule", "tearDownModule"];
        !fixtures.contains(&self.method.as_str())
    }
}

/// The tests that a verdict like `OK (skipped=2, expected failures=1)` counts as skipped.
fn skips(verdict: &str) -> u64 {
    let counts = verdict.split_once('(').map_or("", |(_, counts)| counts).trim_end_matches(')');
    let counted = counts.split(", ").filter_map(|count| count.split_once('='));
    let skips = counted.filter(|(word, _)| ["skipped", "expected failures"].contains(word));
    skips.filter_map(|(_, count)| count.parse::<u64>().ok()).sum()
}

fn kind(entry: &Entry, words: &str) -> FailureKind {
    let frame = words.lines().find(|line| line.trim_start().starts_with("File \""));
    let of_set_up = frame.is_some_and(|frame| {
        let method = frame.rsplit_once(", in ").map_or("", |(_, method)| method);
        ["setUp", "asyncSetUp", "tearDown", "asyncTearDown"].contains(&method)
    });
    let of_loader = entry.class.starts_with("unittest.loader.");
    match of_set_up || of_loader || !entry.counts() {
        true => FailureKind::SetUp,
        false => FailureKind::Own,
    }
}

/// `FAIL: test_a (tests.test_sums.Sums.test_a) (word='ü')` behind a ruled line.
fn section(line: &str) -> Option<Entry> {
    let kinds = ["FAIL: ", "ERROR: ", "UNEXPECTED SUCCESS: "];
    let head = kinds.iter().find_map(|kind| line.strip_prefix(kind))?;
    let (class, method) = header(head)?;
    Some(Entry { class, method, outcome: None })
}

/// `test_a (tests.test_sums.Sums.test_a)`, before 3.11 `test_a (tests.test_sums.Sums)`: the class and the method. What
/// stands behind is a subtest's.
fn header(text: &str) -> Option<(String, String)> {
    let (method, rest) = text.split_once(" (")?;
    let (place, _) = rest.split_once(')')?;
    let word = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || ['_', '.'].contains(&c))
    };
    if !word(method) || !word(place) {
        return None;
    }
    let class = place.strip_suffix(method).and_then(|class| class.strip_suffix('.'));
    Some((class.unwrap_or(place).to_owned(), method.to_owned()))
}

/// A line that holds a header and its result.
fn ended(line: &str) -> Option<(&str, TestOutcome)> {
    let (head, rest) = line.rsplit_once(" ... ")?;
    Some((head, result_of(rest)?))
}

fn result_of(text: &str) -> Option<TestOutcome> {
    match text.trim() {
        "ok" => Some(TestOutcome::Passed),
        "FAIL" | "ERROR" | "unexpected success" => Some(TestOutcome::failed(FailureKind::Own, "")),
        "expected failure" => Some(TestOutcome::skipped("expected to fail")),
        text => {
            let why = text.strip_prefix("skipped ")?.trim_matches(['\'', '"']);
            Some(TestOutcome::skipped(why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_a_class_and_a_method_in_old_and_new_pythons() {
        let both = Some(("a.b.C".to_owned(), "test_x".to_owned()));
        assert_eq!(header("test_x (a.b.C.test_x)"), both);
        assert_eq!(header("test_x (a.b.C)"), both);
        assert_eq!(header("test_x (a.b.C.test_x) (i=1)"), both);
        assert_eq!(header("some words (a.b)"), None);
        assert_eq!(header("f(x)"), None);
    }
}
