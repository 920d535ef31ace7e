//! What a gate found: three values, never two.

use serde::{Deserialize, Serialize};

/// The outcome of one gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[must_use]
pub enum Check {
    /// What was to be shown was shown.
    Pass {
        /// One line for the record.
        shown: String,
    },
    /// It was not: the order is to blame.
    Fail {
        /// One line.
        why: String,
        /// What the agent is told: markdown, with the end of the failing output.
        findings: String,
    },
    /// It could not be found out: nobody is to blame, nothing passes.
    CouldNotRun {
        /// One line.
        why: String,
        /// What a person does about it.
        mend: String,
    },
}

impl Check {
    /// A pass with its line.
    pub fn pass(shown: impl Into<String>) -> Self {
        Self::Pass { shown: shown.into() }
    }

    /// A failure whose findings are its one line.
    pub fn fail(why: impl Into<String>) -> Self {
        let why = why.into();
        Self::Fail { findings: why.clone(), why }
    }

    /// A failure with findings of its own.
    pub fn fail_with(why: impl Into<String>, findings: impl Into<String>) -> Self {
        Self::Fail { why: why.into(), findings: findings.into() }
    }

    /// Could not run, and what to mend.
    pub fn could_not_run(why: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::CouldNotRun { why: why.into(), mend: mend.into() }
    }

    /// True for a pass.
    pub fn passed(&self) -> bool {
        matches!(self, Self::Pass { .. })
    }

    /// `pass`, `fail` or `could-not-run`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pass { .. } => "pass",
            Self::Fail { .. } => "fail",
            Self::CouldNotRun { .. } => "could-not-run",
        }
    }

    /// The one line.
    pub fn line(&self) -> &str {
        match self {
            Self::Pass { shown: line } | Self::Fail { why: line, .. } => line,
            Self::CouldNotRun { why, .. } => why,
        }
    }
}

/// One gate's outcome with what is needed to find it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateReport {
    /// The gate's name: `spec`, `red`, `green`, `policy`, `playtest`, `union` or a configured one.
    pub gate: String,
    /// What it found.
    #[serde(flatten)]
    pub check: Check,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// Transcripts, relative to the order's folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transcripts: Vec<String>,
    /// True when no turn of this stage's agent can mend what was found: the work of an earlier stage is at fault, and its
    /// worktree may stand on another base by now.
    #[serde(default, skip_serializing_if = "is_false")]
    pub goes_back: bool,
    /// What is to be remembered as `history::topic::FROZEN` whatever the outcome: the SHA-256 of the list of frozen test
    /// files. RED has one, and UNION when it put an order's worktree onto a newer base and its frozen tests with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(value: &bool) -> bool {
    !value
}
