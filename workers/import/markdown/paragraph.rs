//! Paragraphs of a plan: which one stands for a heading, and its labelled parts.

use super::super::heading::{self, PhaseHeading};
use super::super::note;
use super::super::spans::prose;

/// A heading, or a line that stands for one, that begins a phase. A sentence that begins with the word does not.
pub(super) fn phase_heading(text: &str) -> Option<PhaseHeading> {
    let line = text.trim();
    let heading = line.starts_with('#');
    let bold = line.starts_with("**") && line.ends_with("**") && !line.contains('\n');
    let underlined = line
        .lines()
        .nth(1)
        .is_some_and(|under| !under.is_empty() && under.trim().trim_matches(['=', '-']).is_empty());
    let first = line.lines().next().unwrap_or_default();
    (heading || bold || underlined).then(|| heading::phase(first)).flatten()
}

/// A paragraph cut where a line begins with a bold label, or with a note.
pub(super) fn parts(text: &str) -> Vec<(usize, &str)> {
    let mut starts = vec![0];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = line.trim_start();
        if at > 0
            && (start.starts_with("**") || start.starts_with("__") || note::begins(start).is_some())
        {
            starts.push(at);
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| (*start, &text[*start..end])).collect()
}

/// The bold words that a part begins with.
pub(super) fn label(part: &str) -> Option<&str> {
    let plain = prose(part);
    let start = plain.trim_start();
    let at = plain.len() - start.len();
    let inside = start.strip_prefix("**").or_else(|| start.strip_prefix("__"))?;
    let end = inside.find("**").or_else(|| inside.find("__"))?;
    Some(&part[at + 2..at + 2 + end])
}
