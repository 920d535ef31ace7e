//! A run as a text file: what was run, where, on what, how it ended, and what it printed. Pure.

use std::collections::BTreeMap;

use super::record::{RecordLine, RecordRun};
use super::run::Run;
use super::scene::Scene;
use crate::report::TestRun;

/// What ends the head.
const OUTPUT: &str = "----- output -----";
/// No head is longer.
const MOST_HEAD_BYTES: usize = 64 * 1024;

/// Whose run it was, as the head says it.
struct Whose<'a> {
    gate: &'a str,
    order: &'a str,
    generation: u64,
    stage: &'a str,
}

/// The transcript of `run`, made for `gate` of the scene's order; `recorded` is what the record says of it.
pub(super) fn render(scene: &Scene, gate: &str, run: &Run, recorded: &RecordRun) -> Vec<u8> {
    let variables = match run.variables.as_slice() {
        [] => "none beyond the allowlist".to_owned(),
        // A value may be a secret; a name is not.
        names => format!("{} (values are not shown)", names.join(", ")),
    };
    let (generation, stage) = (scene.generation, scene.stage.as_str());
    let whose = Whose { gate, order: scene.order.as_str(), generation, stage };
    let more = [
        ("folder", format!("{} ({})", run.place.kind, run.place.folder.display())),
        ("variables", variables),
        ("started", run.started.to_string()),
        ("tests", run.tests.as_ref().map_or_else(|| "not read".to_owned(), TestRun::line)),
        ("output", format!("{} bytes kept, {} before them dropped", run.output.len(), run.dropped)),
    ];
    let head = shared(&whose, recorded).into_iter().chain(more);
    let mut text: String =
        head.map(|(name, value)| format!("{name}: {}\n", one_line(&value))).collect();
    text.push_str(&format!("\n{OUTPUT}\n"));
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(&run.output);
    if !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    bytes
}

/// What record and transcript both say, in the same words.
fn shared(whose: &Whose<'_>, run: &RecordRun) -> Vec<(&'static str, String)> {
    let Whose { gate, order, generation, stage } = whose;
    let counts = run.counts.map_or_else(
        || "none by name".to_owned(),
        |counts| {
            let (passed, failed, skipped) = (counts.passed, counts.failed, counts.skipped);
            format!("{passed} passed, {failed} failed, {skipped} skipped")
        },
    );
    vec![
        ("gate", (*gate).to_owned()),
        ("order", format!("{order}, generation {generation}, stage {stage}")),
        ("command", typed(&run.argv)),
        ("place", run.place.clone()),
        ("commit", run.commit.clone().unwrap_or_else(|| "none".to_owned())),
        ("tree", run.tree.clone()),
        ("ended", run.ended.clone()),
        ("took", format!("{} ms", run.took_ms)),
        ("counts", counts),
    ]
}

/// The head of a transcript: its values by their names.
pub(super) fn head(bytes: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MOST_HEAD_BYTES)]);
    let lines = text.lines().take_while(|line| !line.is_empty());
    lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The first thing that a transcript's head says otherwise than the record does.
pub(super) fn differs(
    head: &BTreeMap<String, String>,
    line: &RecordLine,
    run: &RecordRun,
) -> Option<&'static str> {
    let RecordLine { gate, order, generation, stage, .. } = line;
    let whose = Whose { gate, order, generation: *generation, stage };
    let mut facts = shared(&whose, run).into_iter();
    let (name, _) = facts.find(|(name, value)| head.get(*name) != Some(&one_line(value)))?;
    Some(name)
}

/// A command as a person would type it.
pub(super) fn typed(argv: &[String]) -> String {
    let words = shlex::try_join(argv.iter().map(String::as_str));
    words.unwrap_or_else(|_| argv.join(" "))
}

/// The text with what would break a line shown instead of done.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
