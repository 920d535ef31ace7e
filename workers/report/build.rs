//! Tests that did not build: which files the compiler blames.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::plain::within;

/// The most characters of a compiler's words that are kept.
const MOST_CHARS: usize = 4_000;

/// What the compiler said. A gate may call this red by build only when `unplaced` is false and every file is one that
/// the test stage added or changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildFailure {
    /// The files that errors point at, relative to the folder of the run where they lie in it.
    pub files: BTreeSet<String>,
    /// What did not compile, in the tool's own words: ``probe (test "broken")``, a package.
    pub targets: BTreeSet<String>,
    /// True when an error names no file (a linker, a manifest, a build script): nobody can say whose it is.
    pub unplaced: bool,
    /// True when nothing was to be compiled: a file could not be loaded, since what it imports is not there.
    #[serde(default)]
    pub by_import: bool,
    /// The beginning of the compiler's words.
    pub message: String,
}

impl BuildFailure {
    pub(super) fn word(&mut self, line: &str) {
        let room = MOST_CHARS.saturating_sub(self.message.len());
        if room > line.len() {
            self.message.push_str(line);
            self.message.push('\n');
        }
    }
}

/// Reads what cargo prints when something does not compile: `None` when everything did.
pub(super) fn of_cargo(text: &str, folder: &str) -> Option<BuildFailure> {
    let mut failure = BuildFailure::default();
    let mut open_error = false;
    for line in text.lines() {
        let bare = line.trim_start();
        if let Some(what) = line.strip_prefix("error: could not compile ") {
            close(&mut failure, &mut open_error);
            let what = what.split(" due to ").next().unwrap_or(what);
            failure.targets.insert(what.replace('`', ""));
        } else if let Some(file) = short_error(line) {
            failure.files.insert(within(file, folder).to_owned());
            failure.word(line);
        } else if line.starts_with("error: ") || line.starts_with("error[") {
            close(&mut failure, &mut open_error);
            open_error = true;
            failure.word(line);
        } else if line.starts_with("warning") {
            close(&mut failure, &mut open_error);
        } else if let Some(place) = bare.strip_prefix("--> ").filter(|_| open_error) {
            failure.files.insert(within(file_of(place), folder).to_owned());
            open_error = false;
            failure.word(line);
        } else if open_error {
            failure.word(line);
        } else if is_test_run(bare) {
            break;
        }
    }
    (!failure.targets.is_empty()).then_some(failure)
}

/// An error that ended without a place.
fn close(failure: &mut BuildFailure, open_error: &mut bool) {
    if std::mem::take(open_error) {
        failure.unplaced = true;
    }
}

/// What is built is built before the first test binary runs.
fn is_test_run(bare: &str) -> bool {
    bare.starts_with("Running ") || bare.starts_with("Doc-tests ") || bare.starts_with("Starting ")
}

/// `tests/a.rs:1:25: error[E0425]: ...` (`--message-format short`).
fn short_error(line: &str) -> Option<&str> {
    let (place, rest) = line.split_once(": error")?;
    if !(rest.starts_with(": ") || rest.starts_with('[')) {
        return None;
    }
    let file = file_of(place);
    (file.len() < place.len() && !file.contains(' ')).then_some(file)
}

/// The path of `path:line:column`.
fn file_of(place: &str) -> &str {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mut file = place.trim();
    while let Some((before, number)) = file.rsplit_once(':').filter(|(_, n)| digits(n)) {
        file = before;
        debug_assert!(digits(number), "the filter says so");
    }
    file
}

/// Takes one line of what the go tool prints about a package that does not build; true when it told a file.
pub(super) fn of_go(failure: &mut BuildFailure, line: &str, folder: &str) -> bool {
    failure.word(line);
    let Some((place, _)) = line.split_once(": ") else { return false };
    let file = file_of(place);
    let told = file.len() < place.len();
    if told {
        failure.files.insert(within(file, folder).to_owned());
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_without_a_place_is_nobodys() {
        let text = "error: linking with `cc` failed: exit status: 1\n  = note: x\n\nerror: could not compile `a` (test \"b\") due to 1 previous error\n";
        let failure = of_cargo(text, "").unwrap();
        assert!(failure.unplaced && failure.files.is_empty());
        assert_eq!(failure.targets.first().unwrap(), "a (test \"b\")");
    }

    #[test]
    fn warnings_and_the_words_of_tests_are_no_build_failure() {
        let text = "warning: unused\n --> src/lib.rs:1:1\n     Running tests/a.rs (x)\nerror: could not compile `a`\n";
        assert_eq!(of_cargo(text, ""), None);
        assert_eq!(of_cargo("", ""), None);
    }

    #[test]
    fn a_place_is_a_path_with_numbers_behind_it() {
        assert_eq!(file_of("src/a b.rs:1:2"), "src/a b.rs");
        assert_eq!(file_of("src/a.rs"), "src/a.rs");
        assert_eq!(short_error("a.rs:1:2: error: x"), Some("a.rs"));
        assert_eq!(short_error("thread: error: x"), None);
    }
}
