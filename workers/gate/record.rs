//! The record of an order, `evidence/record.jsonl`: one line per gate, enough for somebody else to check it again. What
//! each field means is told in docs/gates.md, "Record".

use std::borrow::Borrow;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::papers::{self, Paper};
use crate::error::Result;
use crate::report::{Adapter, Strength, TestId, TestRun};

/// The file, relative to the order's folder.
pub(super) const RECORD: &str = "evidence/record.jsonl";
const RECORD_LIMIT_BYTES: u64 = 64 * 1024 * 1024;
/// The version that is written. Version 1 had none of the fields that may be missing here, and is still read.
pub(super) const VERSION: u32 = 2;
/// The most names of new tests on one line. The list of frozen tests has them all.
pub(super) const MOST_NEW: usize = 1_000;

/// One line of the record: what one gate found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordLine {
    /// Format version: 2; 1 in old lines.
    pub v: u32,
    /// The order.
    pub order: String,
    /// The generation of its claim.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// The stage's name.
    pub stage: String,
    /// The gate's name.
    pub gate: String,
    /// `pass`, `fail` or `could-not-run`.
    pub outcome: String,
    /// What it found, one line.
    pub line: String,
    /// What was found, at length: what the agent was told, cut to 16 KiB. Missing where `line` says it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What to mend, when it could not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
    /// What the outcome of RED and GREEN stands on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// Who read the report of the deciding run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<Adapter>,
    /// How much the names in it prove.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<Strength>,
    /// SHA-256 of what the command was given beside the tree: variables, form of the report, machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// What the deciding run (the last one on the order's own tree) counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// The tests that the order brings: RED saw them fail, GREEN saw them pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Names>,
    /// The tests that are why the gate failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<Names>,
    /// Frozen files that were changed because the order's `tests_may_change` lets them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
    /// Every run, in the order they were made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RecordRun>,
    /// The command that was run, if one was, as a person would type it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// How each run ended, with its place: `base: exit 0, worktree: exit 1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// How long the gate took, milliseconds.
    pub took_ms: u64,
    /// The worktree's tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
    /// The commit the worktree was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The order's own commit, where UNION landed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landed: Option<String>,
    /// The commit that held the order's whole change already, so that UNION had nothing to land.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
    /// What is to be remembered: the SHA-256 of the list of frozen files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// Transcripts, relative to the order's folder.
    #[serde(default)]
    pub transcripts: Vec<String>,
    /// When, RFC 3339.
    pub at: String,
}

/// One run of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordRun {
    /// `base`, `worktree`, `union`; or `control` and `old-tests`: the work with something in it altered.
    pub place: String,
    /// The command, word by word.
    pub argv: Vec<String>,
    /// Its exit code, where it ended by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// How it ended, in words: `exit 1`, `signal 9`, `timed out`, `stopped by us`, `not started`.
    pub ended: String,
    /// How long it took, milliseconds; waiting for its turn is not counted.
    pub took_ms: u64,
    /// The tree it ran on.
    pub tree: String,
    /// The commit it ran on, where one stood there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// What its report counted, where it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// Its transcript, relative to the order's folder.
    pub transcript: String,
}

impl RecordRun {
    /// True for a run on the order's work as it is, whose counts are the gate's; false for one on the base, or on the work
    /// with something in it altered.
    pub(super) fn decides(&self) -> bool {
        matches!(self.place.as_str(), "worktree" | "union")
    }
}

/// What the outcome of RED and GREEN stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Tests by their names.
    Named,
    /// The tests did not build before the work was there, and the compiler blamed only files that hold them.
    RedByBuild,
    /// Test files of the order could not be loaded before the work was there, by an import or a set-up; nothing else failed.
    RedByImport,
    /// Nothing but exit codes: the weaker proof.
    ExitCode,
}

/// How many tests came out how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// They passed.
    pub passed: u64,
    /// They failed.
    pub failed: u64,
    /// They did not count.
    pub skipped: u64,
}

/// Names of tests: the first ones, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// How many there are.
    pub total: usize,
    /// The first of them, in the order of their names.
    pub ids: Vec<TestId>,
}

impl Basis {
    /// What is said wherever the proof is shown; `None` when there is nothing to say.
    pub fn label(self) -> Option<&'static str> {
        match self {
            Self::Named => None,
            Self::RedByBuild => Some("red-by-build"),
            Self::RedByImport => Some("red-by-import"),
            Self::ExitCode => Some("weaker proof: exit code only"),
        }
    }
}

impl Counts {
    /// The counts of a run; `None` when only its exit code is known.
    pub fn of(run: &TestRun) -> Option<Self> {
        let count = |names: usize| u64::try_from(names).unwrap_or(u64::MAX);
        (run.strength != Strength::ExitCode).then(|| Self {
            passed: count(run.passed().len()).saturating_add(run.unnamed_passed),
            failed: count(run.failed().len()),
            skipped: count(run.skipped().len()),
        })
    }
}

impl Names {
    /// The first `most` of `ids`; `None` when there are none.
    pub fn of<N: Borrow<TestId>>(ids: impl IntoIterator<Item = N>, most: usize) -> Option<Self> {
        let all: Vec<N> = ids.into_iter().collect();
        let ids = all.iter().take(most).map(|id| id.borrow().clone()).collect();
        (!all.is_empty()).then_some(Self { total: all.len(), ids })
    }
}

/// The lines of an order's record that can be read, the oldest first; `papers` is the order's folder. None when there is
/// no record. A torn line is passed over.
pub fn record(papers: &Path) -> Result<Vec<RecordLine>> {
    let Paper::Plain { bytes, .. } = papers::look(papers, RECORD, RECORD_LIMIT_BYTES)? else {
        return Ok(Vec::new());
    };
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line as version 1 wrote it.
    const OLD: &str = r#"{"v":1,"order":"a","gen":3,"stage":"test","gate":"red","outcome":"pass","line":"the tests fail, twice (exit 1)","command":"sh t","ended":"base: exit 0, worktree: exit 1, worktree: exit 1","took_ms":5,"tree":"t","base":"b","proof":"p","transcripts":["evidence/3-red-1.txt"],"at":"2026-01-01T00:00:00Z"}"#;

    #[test]
    fn an_old_line_is_still_read() {
        let line: RecordLine = serde_json::from_str(OLD).unwrap();
        assert_eq!((line.v, line.generation, line.runs.len()), (1, 3, 0));
        assert_eq!(line.basis, None);
        // What it did not say is not made up when it is written again.
        assert_eq!(serde_json::to_string(&line).unwrap(), OLD);
    }

    #[test]
    fn a_list_of_names_is_cut_and_keeps_its_count() {
        let ids: Vec<TestId> = (0..60).map(|n| TestId::new("s", &format!("{n:02}"))).collect();
        let names = Names::of(&ids, 50).unwrap();
        assert_eq!((names.total, names.ids.len()), (60, 50));
        assert_eq!(Names::of::<TestId>([], 50), None);
    }
}
