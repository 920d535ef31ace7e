//! What one gate collects while it looks, until it closes: transcripts, its line of the record, and the page made from all lines.

use std::time::Duration;

use super::frozen::Frozen;
use super::page::page;
use super::papers;
use super::record::{self, Basis, Counts, MOST_NEW, Names, RECORD, RecordLine, RecordRun};
use super::run::Run;
use super::scene::Scene;
use super::transcript;
use crate::check::{Check, GateReport};
use crate::error::Result;
use crate::report::{TestId, TestRun};

const PAGE: &str = "EVIDENCE.md";
const MOST_WHY_BYTES: usize = 16 * 1024;
/// The most names of failing tests on one line.
const MOST_FAILING: usize = 50;

/// What one gate collects while it looks, until it closes with its outcome.
#[derive(Debug)]
pub(super) struct Notebook<'a> {
    scene: &'a Scene,
    gate: &'a str,
    command: Option<String>,
    environment: Option<String>,
    runs: Vec<RecordRun>,
    /// The report of the last run on the order's own work, or on the union's.
    deciding: Option<TestRun>,
    /// What is to be remembered.
    pub(super) proof: Option<String>,
    /// True when a failure is the fault of an earlier stage's work.
    pub(super) goes_back: bool,
    /// The commit it landed as.
    pub(super) landed: Option<String>,
    /// The commit that held its change already.
    pub(super) held_by: Option<String>,
    /// What the outcome stands on.
    pub(super) basis: Option<Basis>,
    /// The tests that the order brings.
    pub(super) new: Vec<TestId>,
    /// The tests that are why it fails. Left empty: all that failed in the deciding run.
    pub(super) failing: Vec<TestId>,
    /// Frozen files that were changed as the order lets them.
    pub(super) allowed: Vec<String>,
}

impl<'a> Notebook<'a> {
    /// An empty one.
    pub(super) fn new(scene: &'a Scene, gate: &'a str) -> Self {
        Self {
            scene,
            gate,
            command: None,
            environment: None,
            runs: Vec::new(),
            deciding: None,
            proof: None,
            goes_back: false,
            landed: None,
            held_by: None,
            basis: None,
            new: Vec::new(),
            failing: Vec::new(),
            allowed: Vec::new(),
        }
    }

    /// Writes a run's transcript at once, and remembers where.
    pub(super) fn keep(&mut self, run: &Run) -> Result<()> {
        let mut recorded = RecordRun {
            place: run.place.kind.to_owned(),
            argv: run.argv.clone(),
            exit: run.exit,
            signal: run.signal,
            ended: run.ended.clone(),
            took_ms: millis(run.took),
            tree: run.place.tree.clone(),
            commit: run.place.commit.clone(),
            counts: run.tests.as_ref().and_then(Counts::of),
            transcript: String::new(),
        };
        let text = transcript::render(self.scene, self.gate, run, &recorded);
        let name = |n| format!("evidence/{}-{}-{n}.txt", self.scene.generation, self.gate);
        recorded.transcript = papers::add(&self.scene.papers, name, &text)?;
        let decides = recorded.decides();
        self.runs.push(recorded);
        if decides {
            self.deciding.clone_from(&run.tests);
        }
        self.command.get_or_insert_with(|| run.command.clone());
        self.environment.get_or_insert_with(|| run.environment.clone());
        Ok(())
    }

    /// Puts the outcome on record and makes the report. What can't be put on record does not count as a pass.
    pub(super) fn close(self, check: Check, took: Duration) -> GateReport {
        let took_ms = millis(took);
        let check = match self.record(&check, took_ms) {
            Ok(()) => check,
            Err(error) => super::scene::unable(&error),
        };
        let Self { gate, runs, proof, goes_back, .. } = self;
        let goes_back = goes_back && matches!(check, Check::Fail { .. });
        let transcripts = runs.into_iter().map(|run| run.transcript).collect();
        let proof = proof.filter(|_| !matches!(check, Check::CouldNotRun { .. }));
        GateReport { gate: gate.to_owned(), check, took_ms, transcripts, goes_back, proof }
    }

    fn record(&self, check: &Check, took_ms: u64) -> Result<()> {
        let scene = self.scene;
        let json = serde_json::to_string(&self.line(check, took_ms)).unwrap_or_default();
        papers::append(&scene.papers, RECORD, &json)?;
        let lines = record::record(&scene.papers)?;
        let frozen = Frozen::current(&scene.papers)?;
        papers::replace(&scene.papers, PAGE, page(scene, &lines, frozen.as_ref()).as_bytes())
    }

    fn line(&self, check: &Check, took_ms: u64) -> RecordLine {
        let scene = self.scene;
        let (why, mend) = match check {
            Check::Pass { .. } => (None, None),
            Check::Fail { why, findings } if why == findings => (None, None),
            Check::Fail { findings, .. } => (Some(beginning(findings)), None),
            Check::CouldNotRun { mend, .. } => (None, Some(mend.clone())),
        };
        let ended: Vec<String> =
            self.runs.iter().map(|run| format!("{}: {}", run.place, run.ended)).collect();
        let deciding = self.deciding.as_ref();
        RecordLine {
            v: record::VERSION,
            order: scene.order.to_string(),
            generation: scene.generation,
            stage: scene.stage.clone(),
            gate: self.gate.to_owned(),
            outcome: check.word().to_owned(),
            line: check.line().to_owned(),
            why,
            mend,
            basis: self.basis,
            adapter: deciding.map(|run| run.adapter),
            strength: deciding.map(|run| run.strength),
            environment: self.environment.clone(),
            counts: deciding.and_then(Counts::of),
            new: Names::of(&self.new, MOST_NEW),
            failing: self.failing(check),
            allowed: self.allowed.clone(),
            runs: self.runs.clone(),
            command: self.command.clone(),
            ended: (!ended.is_empty()).then(|| ended.join(", ")),
            took_ms,
            tree: scene.tree.clone(),
            base: scene.bench.as_ref().map(|bench| bench.base.commit.clone()),
            landed: self.landed.clone(),
            held_by: self.held_by.clone(),
            proof: self.proof.clone(),
            transcripts: self.runs.iter().map(|run| run.transcript.clone()).collect(),
            at: jiff::Timestamp::now().to_string(),
        }
    }

    fn failing(&self, check: &Check) -> Option<Names> {
        if !matches!(check, Check::Fail { .. }) {
            return None;
        }
        let named = self.deciding.as_ref().filter(|run| Counts::of(run).is_some());
        match self.failing.as_slice() {
            [] => named.and_then(|run| Names::of(run.failed(), MOST_FAILING)),
            ids => Names::of(ids, MOST_FAILING),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The first bytes of a text, as many as are worth a line of the record.
fn beginning(text: &str) -> String {
    let end = (0..=MOST_WHY_BYTES.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text[..end.unwrap_or(0)].to_owned()
}
