//! `shopfloor show ID --evidence`: an order's record as a person would want it.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use serde_json::json;
use shopfloor::gate::{Names, RecordLine, RecordRun, record};

use crate::voice::{self, Done, line};

/// The most names of tests that are shown of one line.
const MOST_NAMES: usize = 20;

/// Shows the record in the order's folder.
pub(crate) fn run(id: &str, folder: &Path, as_json: bool) -> Result<Done> {
    let lines = record(folder)?;
    if as_json {
        voice::json(&json!({ "id": id, "folder": folder, "record": lines }))?;
    } else if lines.is_empty() {
        voice::result(format_args!("{id} has no record yet: no gate has looked at it."))?;
    } else {
        voice::result(as_text(id, folder, &lines)?.trim_end())?;
    }
    Ok(Done::Well)
}

fn as_text(id: &str, folder: &Path, lines: &[RecordLine]) -> Result<String> {
    let count = |word: &str| lines.iter().filter(|line| line.outcome == word).count();
    let (passed, failed, unable) = (count("pass"), count("fail"), count("could-not-run"));
    let mut text =
        format!("{id}: {} gates were closed, {passed} passed, {failed} failed", lines.len());
    if unable > 0 {
        write!(text, ", {unable} could not run")?;
    }
    writeln!(text, "\n  folder     {}", folder.display())?;
    let mut commands: Vec<&str> = lines.iter().filter_map(|line| line.command.as_deref()).collect();
    commands.dedup();
    for command in &commands {
        writeln!(text, "  command    {}", line(command, 300))?;
    }
    writeln!(text, "  once more  shopfloor verify {id}")?;
    for entry in lines {
        closing(&mut text, entry, commands.len() > 1)?;
    }
    Ok(text)
}

/// One gate: when, its outcome, what it found, and what was run.
fn closing(text: &mut String, entry: &RecordLine, many_commands: bool) -> Result<()> {
    let label = entry.basis.and_then(|basis| basis.label());
    let label = label.map(|label| format!("  [{label}]")).unwrap_or_default();
    let (outcome, gate) = (entry.outcome.to_uppercase(), entry.gate.to_uppercase());
    writeln!(
        text,
        "\n{} {}{label}   {} in {}, generation {}",
        line(&gate, 40),
        line(&outcome, 20),
        moment(&entry.at),
        seconds(entry.took_ms),
        entry.generation
    )?;
    writeln!(text, "  {}", line(&entry.line, 500))?;
    if let Some(mend) = &entry.mend {
        writeln!(text, "  to mend: {}", line(mend, 500))?;
    }
    if let Some(command) = entry.command.as_ref().filter(|_| many_commands) {
        writeln!(text, "  $ {}", line(command, 300))?;
    }
    for run in &entry.runs {
        writeln!(text, "  {}", told(run))?;
    }
    if entry.runs.is_empty()
        && let Some(ended) = &entry.ended
    {
        writeln!(text, "  {}", line(ended, 300))?;
    }
    let how = match (entry.gate.as_str(), entry.outcome.as_str()) {
        ("red", "pass") => "fail before the work, twice",
        ("green", "pass") => "pass after it, twice",
        _ => "new",
    };
    names(text, how, entry.new.as_ref())?;
    names(text, "failing", entry.failing.as_ref())?;
    for path in &entry.allowed {
        writeln!(text, "  changed as tests_may_change lets: {}", line(path, 300))?;
    }
    Ok(())
}

/// One run: where, how it ended, what was counted, and where its output is.
fn told(run: &RecordRun) -> String {
    let counts = run.counts.map_or(String::new(), |counts| {
        match counts.passed + counts.failed + counts.skipped {
            0 => ", no test ran".to_owned(),
            _ => format!(
                ", {} passed, {} failed, {} skipped",
                counts.passed, counts.failed, counts.skipped
            ),
        }
    });
    let tree = run.tree.get(..10).unwrap_or(&run.tree);
    let told = format!(
        "on {:<9} {} in {}{counts}; tree {tree}; {}",
        run.place,
        run.ended,
        seconds(run.took_ms),
        run.transcript
    );
    line(&told, 500)
}

fn names(text: &mut String, what: &str, names: Option<&Names>) -> Result<()> {
    let Some(names) = names else { return Ok(()) };
    writeln!(text, "  {what}:")?;
    for id in names.ids.iter().take(MOST_NAMES) {
        writeln!(text, "    {}", line(id.as_str(), 300))?;
    }
    let more = names.total.saturating_sub(MOST_NAMES.min(names.ids.len()));
    if more > 0 {
        writeln!(text, "    and {more} more")?;
    }
    Ok(())
}

/// Milliseconds as seconds, `0.04 s`.
pub(crate) fn seconds(ms: u64) -> String {
    format!("{}.{:02} s", ms / 1000, ms % 1000 / 10)
}

/// A moment of the record as local time.
pub(crate) fn moment(at: &str) -> String {
    let stamp = at.parse::<jiff::Timestamp>().ok();
    let unix = stamp.and_then(|stamp| u64::try_from(stamp.as_second()).ok());
    unix.map_or_else(|| line(at, 40), voice::moment)
}
