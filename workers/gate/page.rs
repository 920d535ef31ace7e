//! `EVIDENCE.md`: the record of an order as a person reads it. Pure.

use super::findings::short;
use super::frozen::Frozen;
use super::record::RecordLine;
use super::scene::Scene;
use super::transcript::one_line;

/// The page that a person reads: what was run, in order, with what result, and where its output is.
pub(super) fn page(scene: &Scene, lines: &[RecordLine], frozen: Option<&Frozen>) -> String {
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

fn row(number: usize, line: &RecordLine) -> String {
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
