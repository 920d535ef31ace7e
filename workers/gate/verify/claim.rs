//! What the record claims of a gate: its last line, which must hold together with its own runs and with their transcripts.

use std::path::Path;

use super::super::papers::{self, Paper};
use super::super::record::{self, Counts, RecordLine, RecordRun};
use super::super::transcript;

const TRANSCRIPT_LIMIT_BYTES: u64 = 128 * 1024 * 1024;

/// What is wrong with a line by itself; `None` when it holds together. `papers` is the order's folder.
pub(super) fn fault(line: &RecordLine, order: &str, papers: &Path) -> Option<String> {
    if line.order != order {
        return Some(format!("the record's line is of the order {}", line.order));
    }
    if line.v < record::VERSION {
        // It says too little to be held against anything.
        return None;
    }
    if !matches!(line.outcome.as_str(), "pass" | "fail" | "could-not-run") {
        return Some(format!("the record says {:?}, which is no outcome", line.outcome));
    }
    let runs = &line.runs;
    let told = runs.iter().find_map(|run| run_fault(line, run, papers));
    told.or_else(|| sums_fault(line)).or_else(|| {
        let ended = line.ended.as_deref().unwrap_or("nothing was run");
        let short = line.outcome == "pass" && !carried(line);
        short.then(|| format!("the record says pass, and its own runs do not: {ended}"))
    })
}

/// One run must be told by its transcript as it is told by the record.
fn run_fault(line: &RecordLine, run: &RecordRun, papers: &Path) -> Option<String> {
    let name = &run.transcript;
    let found = papers::look(papers, name, TRANSCRIPT_LIMIT_BYTES);
    let Ok(Paper::Plain { bytes, .. }) = found else {
        return Some(format!("the transcript {name} is not there"));
    };
    let head = transcript::head(&bytes);
    let field = transcript::differs(&head, line, run)?;
    Some(format!("the record and the transcript {name} differ: {field}"))
}

/// What the line says of its runs in brief must be what they say.
fn sums_fault(line: &RecordLine) -> Option<String> {
    let runs = &line.runs;
    let own = runs.iter().rev().find(|run| run.decides());
    let transcripts: Vec<&String> = runs.iter().map(|run| &run.transcript).collect();
    let ended: Vec<String> =
        runs.iter().map(|run| format!("{}: {}", run.place, run.ended)).collect();
    let of_line = |run: &&RecordRun| run.place == "worktree";
    let command = runs.first().map(|run| transcript::typed(&run.argv));
    let words = |run: &RecordRun| match (run.exit, run.signal) {
        (Some(code), None) => run.ended == format!("exit {code}"),
        (None, Some(signal)) => run.ended == format!("signal {signal}"),
        (None, None) => !run.ended.starts_with("exit ") && !run.ended.starts_with("signal "),
        (Some(_), Some(_)) => false,
    };
    let wrong = [
        ("command", line.command != command),
        ("counts", line.counts != own.and_then(|run| run.counts)),
        ("ended", line.ended != (!ended.is_empty()).then(|| ended.join(", "))),
        ("exit", !runs.iter().all(words)),
        ("transcripts", line.transcripts.iter().collect::<Vec<_>>() != transcripts),
        ("tree", runs.iter().filter(of_line).any(|run| Some(&run.tree) != line.tree.as_ref())),
    ];
    let (field, _) = wrong.into_iter().find(|(_, wrong)| *wrong)?;
    Some(format!("the record's line is not what its own runs say: {field}"))
}

/// True when the runs of a line came out as a pass of its gate needs.
fn carried(line: &RecordLine) -> bool {
    let failed = |run: &RecordRun| {
        run.exit.is_some_and(|code| !matches!(code, 0 | 126 | 127))
            || run.exit == Some(0) && run.counts.is_some_and(|counts| counts.failed > 0)
    };
    let passed = |run: &RecordRun| {
        run.exit == Some(0) && run.counts.is_none_or(|Counts { failed, .. }| failed == 0)
    };
    let own = || line.runs.iter().filter(|run| run.place == "worktree");
    match line.gate.as_str() {
        "red" => own().filter(|run| failed(run)).count() >= 2,
        "green" => own().filter(|run| passed(run)).count() >= 2,
        // What was tested as a base before needs no run.
        "union" => line.runs.last().is_none_or(passed),
        _ => true,
    }
}

/// True when the recorded runs on the order's own tree all came out as a pass of its gate needs: then nothing but the tests by
/// their names, which are the same every time, can be why the gate failed.
pub(super) fn steady(line: &RecordLine) -> bool {
    let own = line.runs.iter().filter(|run| run.place == "worktree").count();
    own == 2 && carried(line)
}
