//! One thing that is not as it should be: what, where, and what to do about it.

use serde_json::{Value, json};
use shopfloor::error::Error;
use shopfloor::holder::WorkerId;
use shopfloor::order::OrderId;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// Work stands still, or is at risk, until it is mended.
    Wrong,
    /// Good to know; the work goes on.
    Note,
}

/// What `--fix` does about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fix {
    /// Nothing: it is for a person.
    Never,
    /// The index is made again, what was half built is cleared away.
    Index,
    /// The traces of these dead workers go; they hold nothing.
    Forget(Vec<WorkerId>),
    /// Takes an order's worktree away, after keeping its content (of this generation).
    Retire(OrderId, u64),
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// A word for machines, always the same for the same kind of thing.
    pub(crate) kind: &'static str,
    /// How much it matters.
    pub(crate) weight: Weight,
    /// The path, order or process.
    pub(crate) place: String,
    /// What is not as it should be, one sentence.
    pub(crate) what: String,
    /// What a person can do.
    pub(crate) mend: String,
    /// What `--fix` does.
    pub(crate) fix: Fix,
}

impl Finding {
    /// Something that stops work or puts it at risk.
    pub(crate) fn wrong(
        kind: &'static str,
        place: impl Into<String>,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        let (place, what, mend) = (place.into(), what.into(), mend.into());
        Self { kind, weight: Weight::Wrong, place, what, mend, fix: Fix::Never }
    }

    /// Something that is good to know.
    pub(crate) fn note(
        kind: &'static str,
        place: impl Into<String>,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { weight: Weight::Note, ..Self::wrong(kind, place, what, mend) }
    }

    /// What an error says, and the next step that it names.
    pub(crate) fn of_error(kind: &'static str, place: impl Into<String>, error: &Error) -> Self {
        // Advice of several lines is told in one here.
        let mend = error.next_step().unwrap_or("see what the message names");
        let mend = mend.split_whitespace().collect::<Vec<_>>().join(" ");
        Self::wrong(kind, place, error.to_string(), mend)
    }

    /// The same, which `--fix` mends.
    pub(crate) fn fixed_by(self, fix: Fix) -> Self {
        Self { fix, ..self }
    }

    /// True when it is about who may write into a folder.
    pub(crate) fn is_about_rights(&self) -> bool {
        matches!(self.kind, "open-to-others" | "foreign-owner")
    }

    /// True for the same thing, however many of it there are by now.
    pub(crate) fn is_about(&self, other: &Self) -> bool {
        (self.kind, &self.place) == (other.kind, &other.place)
    }

    /// As JSON.
    pub(crate) fn as_json(&self) -> Value {
        json!({
            "kind": self.kind,
            "weight": match self.weight { Weight::Wrong => "wrong", Weight::Note => "note" },
            "where": self.place,
            "what": self.what,
            "do": self.mend,
            "fix": self.fix != Fix::Never,
        })
    }
}
