//! What became of one test.

use serde::{Deserialize, Serialize};

/// The most bytes of a failure's words that are kept.
const MOST_BYTES: usize = 2_000;

/// What became of one test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[must_use]
pub enum TestOutcome {
    /// It ran, and everything it asserts held.
    Passed,
    /// It did not pass.
    Failed {
        /// By whose fault, as far as the report tells.
        kind: FailureKind,
        /// The beginning and the end of its words.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        message: String,
    },
    /// It did not count: skipped, ignored, to do, or expected to fail.
    Skipped {
        /// Why, where it is said.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
    },
}

/// By whose fault a test failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The test itself ran and failed: an assertion, or an error in its body.
    Own,
    /// The report says "error" and not whether the test's body or what surrounds it is meant.
    Unclear,
    /// What the test stands on failed, and its body may never have run: an import, a fixture, a file that does not load.
    SetUp,
    /// Tests within it failed, and those are told by their own names: nothing says that it failed by itself.
    Inner,
    /// It began and never ended: the process that ran it was gone.
    Unfinished,
}

impl TestOutcome {
    /// A failure of `kind` with its words, cut to what is worth keeping.
    pub fn failed(kind: FailureKind, message: &str) -> Self {
        Self::Failed { kind, message: ends(message) }
    }

    /// A skip with its reason.
    pub fn skipped(why: &str) -> Self {
        Self::Skipped { why: ends(why) }
    }

    /// True for a failure of any kind.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }

    /// True when the test's body was executed: it passed, or failed by something else than its set-up.
    pub fn was_executed(&self) -> bool {
        match self {
            Self::Passed => true,
            Self::Failed { kind, .. } => *kind != FailureKind::SetUp,
            Self::Skipped { .. } => false,
        }
    }

    /// The worst first: a test told twice under one name counts as its worst.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Failed { .. } => 0,
            Self::Skipped { .. } => 1,
            Self::Passed => 2,
        }
    }
}

/// The first line and the last bytes of a text: what failed is said at one of the two.
fn ends(text: &str) -> String {
    let text = text.trim();
    if text.len() <= MOST_BYTES {
        return text.to_owned();
    }
    let first: String = text.lines().next().unwrap_or_default().chars().take(200).collect();
    let mut from = text.len() - MOST_BYTES;
    while !text.is_char_boundary(from) {
        from += 1;
    }
    format!("{first}\n...\n{}", &text[from..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_keeps_its_first_line_and_its_end() {
        let text = format!("first\n{}last", "ü".repeat(5_000));
        let kept = ends(&text);
        assert!(kept.starts_with("first\n...\n") && kept.ends_with("last"));
        assert!(kept.len() < MOST_BYTES + 300);
    }

    #[test]
    fn a_failed_set_up_is_no_executed_test() {
        assert!(!TestOutcome::failed(FailureKind::SetUp, "").was_executed());
        assert!(TestOutcome::failed(FailureKind::Own, "").was_executed());
        assert!(!TestOutcome::skipped("").was_executed());
    }
}
