//! The one word that says where an order stands.
//!
//! A state is an open word, not an enum: a sixth stage brings its own. Which words are legal is what
//! the pipeline's table says (`stages`).

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A state: one upper-case word of at most 32 bytes, for instance `TESTS_PRE`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct State(Cow<'static, str>);

impl State {
    /// Waits for its spec.
    pub const NEW: Self = Self::word("NEW");
    /// Waits for its tests.
    pub const TESTS_PRE: Self = Self::word("TESTS_PRE");
    /// Waits for its code.
    pub const IMPL: Self = Self::word("IMPL");
    /// Its code is written; waits for the GREEN gate.
    pub const TESTS_POST: Self = Self::word("TESTS_POST");
    /// Its tests pass; waits for the policy gate.
    pub const REVIEW: Self = Self::word("REVIEW");
    /// Waits to be used as its user would.
    pub const PLAYTEST: Self = Self::word("PLAYTEST");
    /// Waits to be committed.
    pub const COMMIT: Self = Self::word("COMMIT");
    /// A verified commit on its own branch: a person's turn.
    pub const READY_FOR_REVIEW: Self = Self::word("READY_FOR_REVIEW");
    /// Buried, with a report; `kick` digs it out.
    pub const FAILED: Self = Self::word("FAILED");

    /// A state known when the program is written.
    pub const fn word(word: &'static str) -> Self {
        Self(Cow::Borrowed(word))
    }

    /// Reads a state as a person or a file gives it: exactly one word of `[A-Z][A-Z0-9_]*`, at most 32 bytes.
    pub fn parse(text: &str) -> Result<Self> {
        let letters =
            text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        let starts_well = text.bytes().next().is_some_and(|b| b.is_ascii_uppercase());
        if text.len() <= 32 && letters && starts_well {
            return Ok(Self(Cow::Owned(text.to_owned())));
        }
        let shown: String = text.chars().take(40).collect();
        Err(Error::usage(format!("{shown:?} is not a state"))
            .hint("a state is one word such as NEW, IMPL or PLAYTEST"))
    }

    /// The word itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for State {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<State> for String {
    fn from(state: State) -> Self {
        state.0.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_one_upper_case_word() {
        assert_eq!(State::parse("TESTS_PRE").unwrap(), State::TESTS_PRE);
        for bad in ["", "impl", "IMPL\n", "A B", "../X", "_A", "1A", &"A".repeat(33), "É"] {
            assert!(State::parse(bad).is_err(), "{bad:?}");
        }
    }
}
