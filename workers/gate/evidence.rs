//! The record: transcripts, one line per gate in `evidence/record.jsonl`, and `EVIDENCE.md` made from those for people.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::findings::short;
use super::frozen::Frozen;
use super::papers::{self, Paper};
use super::run::Run;
use super::scene::Scene;
use super::transcript::{self, one_line};
use crate::check::{Check, GateReport};
use crate::error::Result;

const RECORD: &str = "evidence/record.jsonl";
const PAGE: &str = "EVIDENCE.md";
const RECORD_LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// One line of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    /// Format version: 1.
    pub(super) v: u32,
    /// The order.
    pub(super) order: String,
    /// The generation of its claim.
    #[serde(rename = "gen")]
    pub(super) generation: u64,
    /// The stage's name.
    pub(super) stage: String,
    /// The gate's name.
    pub(super) gate: String,
    /// `pass`, `fail` or `could-not-run`.
    pub(super) outcome: String,
    /// What it found, one line.
    pub(super) line: String,
    /// What to mend, when it could not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) mend: Option<String>,
    /// The command that was run, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) command: Option<String>,
    /// How each run ended, with its place: `base: exit 0, worktree: exit 1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended: Option<String>,
    /// How long the gate took, milliseconds.
    pub(super) took_ms: u64,
    /// The worktree's tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tree: Option<String>,
    /// The commit the worktree was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) base: Option<String>,
    /// What is to be remembered: the SHA-256 of the list of frozen files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) proof: Option<String>,
    /// Transcripts, relative to the order's folder.
    #[serde(default)]
    pub(super) transcripts: Vec<String>,
    /// When, RFC 3339.
    pub(super) at: String,
}

/// What one gate collects while it looks, until it closes with its outcome.
#[derive(Debug)]
pub(super) struct Notebook<'a> {
    scene: &'a Scene,
    gate: &'a str,
    command: Option<String>,
    ended: Vec<String>,
    transcripts: Vec<String>,
    /// What is to be remembered.
    pub(super) proof: Option<String>,
}

impl<'a> Notebook<'a> {
    /// An empty one.
    pub(super) fn new(scene: &'a Scene, gate: &'a str) -> Self {
        let (ended, transcripts) = (Vec::new(), Vec::new());
        Self { scene, gate, command: None, ended, transcripts, proof: None }
    }

    /// Writes a run's transcript at once, and remembers where.
    pub(super) fn keep(&mut self, run: &Run) -> Result<()> {
        let text = transcript::render(self.scene, self.gate, run);
        let name = |n| format!("evidence/{}-{}-{n}.txt", self.scene.generation, self.gate);
        self.transcripts.push(papers::add(&self.scene.papers, name, &text)?);
        self.ended.push(format!("{}: {}", run.place.kind, run.ended));
        self.command.get_or_insert_with(|| run.command.clone());
        Ok(())
    }

    /// Puts the outcome on record and makes the report. What can't be put on record does not count as a pass.
    pub(super) fn close(self, check: Check, took: Duration) -> GateReport {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let check = match self.record(&check, took_ms) {
            Ok(()) => check,
            Err(error) => super::scene::unable(&error),
        };
        let Self { gate, transcripts, proof, .. } = self;
        let proof = proof.filter(|_| !matches!(check, Check::CouldNotRun { .. }));
        GateReport { gate: gate.to_owned(), check, took_ms, transcripts, proof }
    }

    fn record(&self, check: &Check, took_ms: u64) -> Result<()> {
        let scene = self.scene;
        let mend = match check {
            Check::CouldNotRun { mend, .. } => Some(mend.clone()),
            Check::Pass { .. } | Check::Fail { .. } => None,
        };
        let line = Line {
            v: 1,
            order: scene.order.to_string(),
            generation: scene.generation,
            stage: scene.stage.clone(),
            gate: self.gate.to_owned(),
            outcome: check.word().to_owned(),
            line: check.line().to_owned(),
            mend,
            command: self.command.clone(),
            ended: (!self.ended.is_empty()).then(|| self.ended.join(", ")),
            took_ms,
            tree: scene.tree.clone(),
            base: scene.bench.as_ref().map(|bench| bench.base.commit.clone()),
            proof: self.proof.clone(),
            transcripts: self.transcripts.clone(),
            at: jiff::Timestamp::now().to_string(),
        };
        let json = serde_json::to_string(&line).unwrap_or_default();
        papers::append(&scene.papers, RECORD, &json)?;
        let lines = read(scene)?;
        let frozen = Frozen::current(&scene.papers)?;
        papers::replace(&scene.papers, PAGE, page(scene, &lines, frozen.as_ref()).as_bytes())
    }
}

/// The lines of the record that can be read. A torn one is passed over.
fn read(scene: &Scene) -> Result<Vec<Line>> {
    let Paper::Plain { bytes, .. } = papers::look(&scene.papers, RECORD, RECORD_LIMIT_BYTES)?
    else {
        return Ok(Vec::new());
    };
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// The page that a person reads: what was run, in order, with what result, and where its output is.
fn page(scene: &Scene, lines: &[Line], frozen: Option<&Frozen>) -> String {
    let mut text = format!("# Evidence for {}\n\n", scene.order);
    text.push_str(&format!("{}\n\n", cell(&scene.request.title)));
    text.push_str(
        "Every line is a check that shopfloor ran itself; nothing here is an agent's word.\n\
         Made from `evidence/record.jsonl`; do not edit.\n\n\
         | # | when (UTC) | gate | result | what it showed | runs | took | output |\n\
         |--:|---|---|---|---|---|--:|---|\n",
    );
    for (at, line) in lines.iter().enumerate() {
        text.push_str(&row(at + 1, line));
    }
    let passed = lines.iter().filter(|line| line.outcome == "pass").count();
    text.push_str(&format!("\n{passed} of {} checks passed.\n", lines.len()));
    let commands: std::collections::BTreeSet<&str> =
        lines.iter().filter_map(|line| line.command.as_deref()).collect();
    for command in commands {
        text.push_str(&format!("\nCommand: `{}`\n", cell(command)));
    }
    if let Some(frozen) = frozen {
        text.push_str(&frozen.page());
    }
    text
}

fn row(number: usize, line: &Line) -> String {
    let outcome = match line.outcome.as_str() {
        "pass" => "pass",
        "fail" => "**fail**",
        _ => "*could not run*",
    };
    let mut shown = cell(&line.line);
    if let Some(mend) = &line.mend {
        shown.push_str(&format!(" (to mend: {})", cell(mend)));
    }
    if let Some(tree) = &line.tree {
        shown.push_str(&format!(" (tree `{}`)", short(tree)));
    }
    let output: Vec<String> = line
        .transcripts
        .iter()
        .enumerate()
        .map(|(at, path)| format!("[{}]({path})", at + 1))
        .collect();
    format!(
        "| {number} | {} | {} (gen {}) | {outcome} | {shown} | {} | {} ms | {} |\n",
        line.at.get(..19).unwrap_or(&line.at).replace('T', " "),
        line.gate,
        line.generation,
        line.ended.as_deref().map(cell).unwrap_or_default(),
        line.took_ms,
        output.join(" ")
    )
}

/// Text that stays inside one cell of a table.
fn cell(text: &str) -> String {
    one_line(text).replace('|', "\\|").replace('<', "&lt;")
}
