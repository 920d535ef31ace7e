//! What a test is called: the same name in two runs of the same tree, on any machine.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Stands between the suite and the test, and between a test and the tests within it.
pub const WITHIN: &str = " > ";

/// A test's stable name: its suite, then the test with its parameters. Never a hash, a time, a line number, or a path of
/// this machine. What the suite is depends on the tool; each adapter's file says it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TestId(String);

impl TestId {
    /// The test `name` of `suite`; an empty suite leaves the bare name. Control characters are written as escapes, so that
    /// a name is always one line.
    pub fn new(suite: &str, name: &str) -> Self {
        let mut text = String::with_capacity(suite.len() + WITHIN.len() + name.len());
        if !suite.is_empty() {
            push_plain(&mut text, suite);
            text.push_str(WITHIN);
        }
        push_plain(&mut text, name);
        Self(text)
    }

    /// The name of the `nth` test (from 2) that is called the same as this one.
    #[must_use]
    pub fn again(&self, nth: usize) -> Self {
        Self(format!("{} #{nth}", self.0))
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn push_plain(text: &mut String, part: &str) {
    for c in part.trim().chars() {
        match c {
            c if c.is_control() => text.extend(c.escape_default()),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_with_its_suite_before_it() {
        assert_eq!(TestId::new("a/b", "größe [1-2]").as_str(), "a/b > größe [1-2]");
        assert_eq!(TestId::new("", "two\nlines").as_str(), "two\\nlines");
        assert_eq!(TestId::new("", "x").again(2).as_str(), "x #2");
    }
}
