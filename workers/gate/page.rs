//! `EVIDENCE.md`: the record of an order as a person reads it. Pure.

use super::findings::short;
use super::frozen::Frozen;
use super::record::{Basis, RecordLine};
use super::scene::Scene;
use super::transcript::one_line;

/// The most names of tests in one list.
const MOST_NAMES: usize = 20;

/// The page that a person reads: what was run, in order, with what result, and where its output is.
pub(super) fn page(scene: &Scene, lines: &[RecordLine], frozen: Option<&Frozen>) -> String {
    let mut text = format!("# Evidence for {}\n\n", scene.order);
    text.push_str(&format!("{}\n\n", cell(&scene.request.title)));
    text.push_str(
        "Every line is a check that shopfloor ran itself; nothing here is an agent's word.\n\
         Made from `evidence/record.jsonl`; do not edit.\n",
    );
    text.push_str(&format!("To run all of it once more: `shopfloor verify {}`.\n\n", scene.order));
    text.push_str(
        "\
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
    text.push_str(&named(lines));
    if let Some(frozen) = frozen {
        text.push_str(&frozen.page());
    }
    text
}

/// The tests that the order brings, by name: which failed before and pass after. The last RED and the last GREEN that passed.
fn named(lines: &[RecordLine]) -> String {
    let last = |gate: &str| {
        lines
            .iter()
            .rev()
            .find(|line| line.gate == gate && line.outcome == "pass" && line.basis.is_some())
    };
    let mut text = String::new();
    let told = [
        ("red", "Failed before the work was there, twice, by themselves"),
        ("green", "Pass with the work there, twice"),
    ];
    for (gate, what) in told {
        let Some(line) = last(gate) else { continue };
        let label = line.basis.and_then(Basis::label);
        let label = label.map_or_else(String::new, |label| format!(" ({label})"));
        match &line.new {
            Some(names) => {
                text.push_str(&format!("\n{what}{label}: {} new\n\n", names.total));
                for id in names.ids.iter().take(MOST_NAMES) {
                    text.push_str(&format!("- `{}`\n", cell(id.as_str()).replace('`', "'")));
                }
                if names.total > MOST_NAMES {
                    text.push_str(&format!("- and {} more\n", names.total - MOST_NAMES));
                }
            }
            None if line.basis == Some(Basis::RedByBuild) => {
                text.push_str("\nBefore the work was there, the build failed in the new tests' files, twice (red-by-build).\n");
            }
            None if line.basis == Some(Basis::RedByImport) => {
                text.push_str("\nBefore the work was there, the new tests' files failed by an import or a set-up, twice (red-by-import).\n");
            }
            None => text.push_str(&format!("\nThe gate {gate} names no test{label}.\n")),
        }
    }
    match text.is_empty() {
        true => text,
        false => format!("\n## New tests\n{text}"),
    }
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
        "| {number} | {} | {} (gen {}) | {outcome} | {shown} | {} | {} | {} |\n",
        line.at.get(..19).unwrap_or(&line.at).replace('T', " "),
        line.gate,
        line.generation,
        line.ended.as_deref().map(cell).unwrap_or_default(),
        seconds(line.took_ms),
        output.join(" ")
    )
}

/// Milliseconds as seconds, `0.04 s`.
fn seconds(ms: u64) -> String {
    format!("{}.{:02} s", ms / 1000, ms % 1000 / 10)
}

/// Text that stays inside one cell of a table.
fn cell(text: &str) -> String {
    one_line(text).replace('|', "\\|").replace('<', "&lt;")
}
