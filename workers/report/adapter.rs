//! The forms of report that are understood, and which of them was asked for.

use serde::{Deserialize, Serialize};

/// One form of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Adapter {
    /// The text of `cargo test`, or the JSON lines of libtest (nextest writes them too).
    Libtest,
    /// JUnit XML: pytest, nextest and many others.
    Junit,
    /// TAP, version 13 or 14: node's runner, tap, Perl.
    Tap,
    /// The verbose text of Python's unittest.
    Unittest,
    /// The events of `go test -json`.
    GoJson,
    /// The JSON of jest and vitest.
    Jest,
    /// Nothing but the command's exit code.
    ExitCode,
}

impl Adapter {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Libtest,
        Self::Junit,
        Self::Tap,
        Self::Unittest,
        Self::GoJson,
        Self::Jest,
        Self::ExitCode,
    ];

    /// Its word in shopfloor.toml.
    pub fn word(self) -> &'static str {
        match self {
            Self::Libtest => "libtest",
            Self::Junit => "junit",
            Self::Tap => "tap",
            Self::Unittest => "unittest",
            Self::GoJson => "go-json",
            Self::Jest => "jest",
            Self::ExitCode => "exit-code",
        }
    }
}

/// `[project.test] report`: one form, or look for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Choice {
    /// Look at the command and at what it wrote.
    #[default]
    Auto,
    /// This one and no other.
    Set(Adapter),
}

impl Choice {
    /// Reads its word; `None` for a word that is none.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "auto" => Some(Self::Auto),
            word => Adapter::ALL.into_iter().find(|one| one.word() == word).map(Self::Set),
        }
    }

    /// The words there are, for a message.
    pub fn words() -> String {
        let words = Adapter::ALL.map(Adapter::word);
        format!("auto, {}", words.join(", "))
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::parse(&word).ok_or_else(|| {
            serde::de::Error::custom(format!("{word:?} is no report; there are: {}", Self::words()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_adapter_is_chosen_by_the_word_it_is_recorded_under() {
        for adapter in Adapter::ALL {
            assert_eq!(Choice::parse(adapter.word()), Some(Choice::Set(adapter)));
            let recorded = serde_json::to_string(&adapter).unwrap();
            assert_eq!(recorded, format!("{:?}", adapter.word()));
        }
        assert_eq!(Choice::parse("auto"), Some(Choice::Auto));
        assert_eq!(Choice::parse("xunit"), None);
    }
}
