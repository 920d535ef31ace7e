//! `shopfloor gates`: the health of each gate, folded from the records of all orders.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};
use shopfloor::gate::{RecordLine, RecordRun, record};
use shopfloor::place::Place;
use shopfloor::queue::Queue as _;
use shopfloor::stages::STAGES;

use crate::evidence::{moment, seconds};
use crate::flags;
use crate::table::Rows;
use crate::voice::{self, Done, Voice};

/// The base's own tests: no gate of a stage, and what all others rest on.
const BASELINE: &str = "baseline";

/// What the records say of one gate.
#[derive(Debug, Default)]
struct Health {
    passed: usize,
    failed: usize,
    unable: usize,
    took_ms: Vec<u64>,
    /// Moment and outcome of every closing.
    closings: Vec<(String, String)>,
}

impl Health {
    fn add(&mut self, outcome: &str, took_ms: u64, at: &str) {
        match outcome {
            "pass" => self.passed += 1,
            "fail" => self.failed += 1,
            _ => self.unable += 1,
        }
        self.took_ms.push(took_ms);
        self.closings.push((at.to_owned(), outcome.to_owned()));
    }

    fn runs(&self) -> usize {
        self.passed + self.failed + self.unable
    }

    /// The time in which `percent` of its runs were over, milliseconds.
    fn within(&self, percent: usize) -> u64 {
        let mut times = self.took_ms.clone();
        times.sort_unstable();
        let rank = (times.len() * percent).div_ceil(100).max(1);
        times.get(rank - 1).copied().unwrap_or(0)
    }

    /// When its outcome was last another than before, and which it became.
    fn last_change(&self) -> Option<(String, String)> {
        let mut closings = self.closings.clone();
        closings.sort();
        let mut changes = closings.windows(2).filter(|pair| pair[0].1 != pair[1].1);
        changes.next_back().map(|pair| pair[1].clone())
    }

    fn flag(&self) -> Option<&'static str> {
        match (self.passed, self.failed) {
            (0, 0) if self.runs() == 0 => Some("never ran"),
            (0, 0) => Some("never came to an answer"),
            (_, 0) => Some("never failed: would it notice?"),
            (0, _) => Some("never passed: can it?"),
            _ => None,
        }
    }
}

/// All gates, in the order in which an order meets them; those that are in no stage any more stand at the end.
#[derive(Debug)]
struct Gates(Vec<(String, Health)>);

impl Default for Gates {
    fn default() -> Self {
        let steps = STAGES.into_iter().flat_map(|stage| stage.gates);
        let mut names: Vec<String> = steps.map(|step| step.gate.name().to_owned()).collect();
        let red = names.iter().position(|name| name == "red").unwrap_or(0);
        names.insert(red, BASELINE.to_owned());
        Self(names.into_iter().map(|name| (name, Health::default())).collect())
    }
}

impl Gates {
    fn add(&mut self, line: &RecordLine) {
        self.of(&line.gate).add(&line.outcome, line.took_ms, &line.at);
        for run in line.runs.iter().filter(|run| run.place == "base") {
            self.of(BASELINE).add(outcome(run), run.took_ms, &line.at);
        }
    }

    fn of(&mut self, name: &str) -> &mut Health {
        let at = self.0.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.0.push((name.to_owned(), Health::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }
}

/// What the run of a base came to. It has no line of its own: the gate that needed it has.
fn outcome(run: &RecordRun) -> &'static str {
    let failed = run.counts.is_some_and(|counts| counts.failed > 0);
    match run.exit {
        Some(0) if !failed => "pass",
        Some(126 | 127) | None => "could-not-run",
        Some(_) => "fail",
    }
}

/// Shows the gates.
pub(crate) fn run(flags: &flags::Gates, place: &Place, voice: Voice) -> Result<Done> {
    let mut gates = Gates::default();
    let folders = folders(place)?;
    for folder in &folders {
        // A record that can't be read is the order's own trouble, and `show` tells of it.
        for line in record(folder).unwrap_or_default() {
            gates.add(&line);
        }
    }
    let Gates(gates) = gates;
    if flags.json {
        let all: Vec<Value> = gates.iter().map(|(name, health)| as_json(name, health)).collect();
        voice::json(&json!({ "orders": folders.len(), "gates": all }))?;
        return Ok(Done::Well);
    }
    if gates.iter().all(|(_, health)| health.runs() == 0) {
        voice::result("No gate was closed yet.")?;
        return Ok(Done::Well);
    }
    let heads =
        ["GATE", "RUNS", "PASS", "FAIL", "COULD NOT RUN", "P50", "P95", "LAST CHANGE", "REMARK"];
    let mut rows = Rows::new(&heads);
    for (name, health) in &gates {
        let change = health.last_change();
        let change =
            change.map_or("none".to_owned(), |(at, to)| format!("{} to {to}", moment(&at)));
        rows.add([
            voice::line(name, 40),
            health.runs().to_string(),
            health.passed.to_string(),
            health.failed.to_string(),
            health.unable.to_string(),
            seconds(health.within(50)),
            seconds(health.within(95)),
            voice::line(&change, 60),
            health.flag().unwrap_or_default().to_owned(),
        ]);
    }
    voice::result(rows.text())?;
    let (orders, runs) =
        (folders.len(), gates.iter().map(|(_, health)| health.runs()).sum::<usize>());
    voice.remark(format_args!(
        "\n{runs} runs over {orders} order(s); waiting for a slot is part of a gate's time."
    ));
    Ok(Done::Well)
}

/// The folders of all orders, also of those in the archive.
fn folders(place: &Place) -> Result<Vec<PathBuf>> {
    let queue = place.open_queue_to_look()?;
    let orders = queue.list()?.orders;
    let mut folders = Vec::new();
    for id in &orders {
        folders.push(place.papers(id)?);
    }
    folders.extend(place.floor()?.all_archived());
    Ok(folders)
}

fn as_json(name: &str, health: &Health) -> Value {
    json!({
        "gate": name, "runs": health.runs(), "pass": health.passed, "fail": health.failed,
        "could_not_run": health.unable, "p50_ms": health.within(50), "p95_ms": health.within(95),
        "last_change": health.last_change().map(|(at, to)| json!({ "at": at, "to": to })),
        "flag": health.flag(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_the_last_change_are_those_of_the_closings() {
        let mut health = Health { took_ms: (1..=100).rev().collect(), ..Health::default() };
        assert_eq!((health.within(50), health.within(95)), (50, 95));
        let closing = |at: &str, to: &str| (at.to_owned(), to.to_owned());
        health.closings = vec![closing("3", "pass"), closing("1", "pass"), closing("2", "fail")];
        assert_eq!(health.last_change(), Some(closing("3", "pass")));
    }

    #[test]
    fn a_gate_that_only_ever_says_one_thing_is_flagged() {
        let flag = |outcomes: &[&str]| {
            let mut health = Health::default();
            outcomes.iter().for_each(|outcome| health.add(outcome, 1, "2026-01-01T00:00:00Z"));
            health.flag().map(|flag| flag.split(':').next().unwrap_or(flag))
        };
        assert_eq!(flag(&[]), Some("never ran"));
        assert_eq!(flag(&["could-not-run"]), Some("never came to an answer"));
        assert_eq!(flag(&["pass", "could-not-run"]), Some("never failed"));
        assert_eq!(flag(&["fail"]), Some("never passed"));
        assert_eq!(flag(&["fail", "pass"]), None);
    }
}
