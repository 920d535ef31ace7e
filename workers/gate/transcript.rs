//! A run as a text file: what was run, where, on what, how it ended, and what it printed. Pure.

use super::run::Run;
use super::scene::Scene;
use crate::report::TestRun;

/// The transcript of `run`, made for `gate` of the scene's order.
pub(super) fn render(scene: &Scene, gate: &str, run: &Run) -> Vec<u8> {
    let variables = match run.variables.as_slice() {
        [] => "none beyond the allowlist".to_owned(),
        // A value may be a secret; a name is not.
        names => format!("{} (values are not shown)", names.join(", ")),
    };
    let head = [
        ("gate", gate.to_owned()),
        (
            "order",
            format!("{}, generation {}, stage {}", scene.order, scene.generation, scene.stage),
        ),
        ("command", run.command.clone()),
        ("folder", format!("{} ({})", run.place.kind, run.place.folder.display())),
        ("commit", run.place.commit.clone().unwrap_or_else(|| "none".to_owned())),
        ("tree", run.place.tree.clone()),
        ("variables", variables),
        ("started", run.started.to_string()),
        ("ended", run.ended.clone()),
        ("took", format!("{} ms", run.took.as_millis())),
        ("tests", run.tests.as_ref().map_or_else(|| "not read".to_owned(), TestRun::line)),
        ("output", format!("{} bytes kept, {} before them dropped", run.output.len(), run.dropped)),
    ];
    let mut text: String =
        head.iter().map(|(name, value)| format!("{name}: {}\n", one_line(value))).collect();
    text.push_str("\n----- output -----\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(&run.output);
    if !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    bytes
}

/// The text with what would break a line shown instead of done.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
