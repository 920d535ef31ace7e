//! `shopfloor show ID --evidence`: an order's record as a person would want it.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use serde_json::json;
use shopfloor::gate::{Names, RecordLine, record};

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
    let mut text =
        format!("{id}: {} gates were closed\nfolder: {}\n", lines.len(), folder.display());
    for entry in lines {
        let label = entry.basis.and_then(|basis| basis.label());
        let label = label.map(|label| format!("  [{label}]")).unwrap_or_default();
        let (outcome, gate) = (entry.outcome.to_uppercase(), entry.gate.to_uppercase());
        writeln!(text, "\n{} {}{label}", line(&gate, 40), line(&outcome, 20))?;
        let mut fact =
            |name: &str, value: &str| writeln!(text, "  {name:<11} {}", line(value, 500));
        fact("found", &entry.line)?;
        fact(
            "when",
            &format!(
                "{}, generation {}, stage {}, {} ms",
                entry.at, entry.generation, entry.stage, entry.took_ms
            ),
        )?;
        if let Some(mend) = &entry.mend {
            fact("to mend", mend)?;
        }
        if let Some(command) = &entry.command {
            fact("command", command)?;
        }
        if let Some(adapter) = entry.adapter {
            fact("read by", adapter.word())?;
        }
        for run in &entry.runs {
            let counts = run.counts.map_or(String::new(), |counts| {
                format!(
                    ", {} passed, {} failed, {} skipped",
                    counts.passed, counts.failed, counts.skipped
                )
            });
            let tree = run.tree.get(..10).unwrap_or(&run.tree);
            fact(
                &format!("on {}", run.place),
                &format!(
                    "{} in {} ms{counts}; tree {tree}; {}",
                    run.ended, run.took_ms, run.transcript
                ),
            )?;
        }
        if entry.runs.is_empty()
            && let Some(ended) = &entry.ended
        {
            fact("ended", ended)?;
        }
        let how = match (entry.gate.as_str(), entry.outcome.as_str()) {
            ("red", "pass") => "fails before the work, twice",
            ("green", "pass") => "passes after it, twice",
            _ => "new",
        };
        names(&mut text, how, entry.new.as_ref())?;
        names(&mut text, "failing", entry.failing.as_ref())?;
        for path in &entry.allowed {
            writeln!(text, "  changed as tests_may_change lets: {}", line(path, 300))?;
        }
    }
    Ok(text)
}

fn names(text: &mut String, what: &str, names: Option<&Names>) -> Result<()> {
    let Some(names) = names else { return Ok(()) };
    for id in names.ids.iter().take(MOST_NAMES) {
        writeln!(text, "    {what}: {}", line(id.as_str(), 300))?;
    }
    let more = names.total.saturating_sub(MOST_NAMES.min(names.ids.len()));
    if more > 0 {
        writeln!(text, "    and {more} more")?;
    }
    Ok(())
}
