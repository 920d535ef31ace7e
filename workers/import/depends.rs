//! Needs as plans write them: `(depends: 1.1, 1.2)`, `(depends on Phase 2)`, and a bullet `Depends on: 1.1`.

use std::ops::Range;

use super::number::{self, Named};
use super::spans::prose;

/// What a need names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// Tasks of this plan.
    Tasks(Named),
    /// All tasks of these phases of this plan.
    Phases(Named),
    /// Something elsewhere.
    Other(String),
}

/// One place where needs are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    /// The words in brackets, brackets included: they are no part of a title.
    pub(super) range: Range<usize>,
    /// What is named.
    pub(super) targets: Vec<Target>,
    /// What could not be read of it.
    pub(super) unread: Option<String>,
}

/// The most characters between two brackets.
const NEAR: usize = 2_000;

/// The words that say it, the longer ones first; `true` for those that are ordinary English too, and count only with a colon or
/// before a number.
const KEYWORDS: [(&str, bool); 11] = [
    ("depends on", false),
    ("dependencies", false),
    ("dependency", false),
    ("depends", false),
    ("depend on", false),
    ("blocked by", false),
    ("requires", true),
    ("needs", true),
    ("after", true),
    ("deps", false),
    ("dep", false),
];

/// The needs in brackets in a line or paragraph. Code and crossed-out words say nothing.
pub(super) fn in_brackets(text: &str) -> Vec<Clause> {
    let plain = prose(text);
    let mut clauses = Vec::new();
    let mut from = 0;
    while let Some(open) = plain[from..].find(['(', '[']).map(|at| at + from) {
        let close = if plain.as_bytes()[open] == b'(' { ')' } else { ']' };
        // What is between brackets is short; a bracket that does not end is none.
        let near = plain[open..].char_indices().take(NEAR);
        let Some(end) = near.into_iter().find(|(_, c)| *c == close).map(|(at, _)| at + open) else {
            from = open + 1;
            continue;
        };
        match said(&plain[open + 1..end]) {
            Some((targets, unread)) => {
                clauses.push(Clause { range: open..end + 1, targets, unread });
                from = end + 1;
            }
            None => from = open + 1,
        }
    }
    clauses
}

/// The needs of a bullet that says nothing else: `Depends on: 1.1`, `**Dependencies:** none`.
pub(super) fn in_bullet(text: &str) -> Option<Clause> {
    let plain = prose(text);
    let line = plain.trim();
    let start = line.trim_start_matches(['*', '_']);
    let after = keyword(start)?.0.trim_start_matches(['*', '_']);
    let said = after.strip_prefix(':')?.trim_matches(['*', '_', ' ', '.']);
    let (targets, unread) = targets(said);
    Some(Clause { range: 0..text.len(), targets, unread })
}

/// What the words between two brackets say, if they speak of needs; other words may stand before them: `(P1; depends: 1.1)`.
fn said(words: &str) -> Option<(Vec<Target>, Option<String>)> {
    let parts =
        std::iter::once(0).chain(words.match_indices([',', ';', '|']).map(|(at, _)| at + 1));
    for at in parts {
        let part = words[at..].trim_start();
        let Some((after, plain_english)) = keyword(part) else { continue };
        let colon = after.trim_start().strip_prefix(':');
        let content = colon.unwrap_or(after);
        let content = content.split([';', '|']).next().unwrap_or_default();
        let (targets, unread) = targets(content);
        let numbers = targets.iter().all(|target| !matches!(target, Target::Other(_)));
        let sure = colon.is_some()
            || !plain_english
            || (!targets.is_empty() && numbers && unread.is_none());
        if sure {
            return Some((targets, unread));
        }
    }
    None
}

/// What follows a keyword at the beginning, and whether the word is ordinary English.
fn keyword(text: &str) -> Option<(&str, bool)> {
    KEYWORDS.iter().find_map(|(word, plain_english)| {
        let start = text.get(..word.len())?;
        let after = &text[word.len()..];
        let whole = !after.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-');
        (start.eq_ignore_ascii_case(word) && whole).then_some((after, *plain_english))
    })
}

/// What is named, and what could not be read.
fn targets(content: &str) -> (Vec<Target>, Option<String>) {
    let mut targets = Vec::new();
    let mut rest = content.trim();
    if matches!(rest.to_ascii_lowercase().as_str(), "" | "none" | "-" | "n/a" | "nothing" | "—") {
        return (targets, None);
    }
    loop {
        rest = rest.trim_start_matches([' ', ',', '&', '+', '\n', '\r', '\t']);
        rest = rest.strip_prefix("and ").unwrap_or(rest);
        if rest.is_empty() {
            return (targets, None);
        }
        if let Some(after) = phase_word(rest) {
            let (named, after) = number::list(after);
            if !named.is_empty() {
                // Phases have numbers of one part: `phases 1-2, 3.1` names a task at its end.
                targets.extend(named.into_iter().map(|named| match named.depth() {
                    1 => Target::Phases(named),
                    _ => Target::Tasks(named),
                }));
                rest = after;
                continue;
            }
        }
        let (named, after) = number::list(rest);
        if !named.is_empty() && !after.starts_with(['-', '_', '#', '/']) {
            targets.extend(named.into_iter().map(Target::Tasks));
            rest = after;
            continue;
        }
        let ends = |c: char| !(c.is_alphanumeric() || "-_./#@".contains(c));
        let word = rest.split(ends).next().unwrap_or_default().trim_end_matches('.');
        let another = rest[word.len()..].trim_start();
        // Another thing to tell about the task: `(depends: 1.1, effort: S)`.
        if another.starts_with(':') && !targets.is_empty() {
            return (targets, None);
        }
        let alone = another.is_empty() || another.starts_with(',');
        let like_an_id = word.contains(|c: char| c.is_ascii_digit() || "-#".contains(c));
        if word.is_empty() || !(alone && (like_an_id || targets.is_empty())) {
            return (targets, Some(rest.trim().to_owned()));
        }
        targets.push(Target::Other(word.to_owned()));
        rest = another;
    }
}

fn phase_word(text: &str) -> Option<&str> {
    ["phases", "phase"].iter().find_map(|word| {
        let start = text.get(..word.len())?;
        start.eq_ignore_ascii_case(word).then(|| &text[word.len()..])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(clause: &Clause) -> String {
        let targets = clause.targets.iter().map(|target| match target {
            Target::Tasks(named) => named.to_string(),
            Target::Phases(named) => format!("phase {named}"),
            Target::Other(name) => format!("other {name}"),
        });
        let unread = clause.unread.as_ref().map(|unread| format!(" ?{unread}")).unwrap_or_default();
        targets.collect::<Vec<_>>().join(" ") + &unread
    }

    #[test]
    fn needs_in_brackets_are_read() {
        for (text, wanted) in [
            ("A (depends: 1.1)", "1.1"),
            ("A (Depends on: 1.1, 1.2 and 2.3) b", "1.1 1.2 2.3"),
            ("A (depends 1.1-1.3)", "1.1-1.3"),
            ("A (deps: Task 1.1; effort: S)", "1.1"),
            ("A (P1, depends: 1.1, effort: S)", "1.1"),
            ("A [blocked by: WORK-12, 1.4]", "other WORK-12 1.4"),
            ("A (after 2.1)", "2.1"),
            ("A (depends: Phase 2)", "phase 2"),
            ("A (depends on phases 1-2, 3.1)", "phase 1-2 3.1"),
            ("A (depends: other-plan#2.1)", "other other-plan#2.1"),
            ("A (depends: auth)", "other auth"),
            ("A (depends: none)", ""),
            ("A (depends: the auth module)", " ?the auth module"),
            ("A (depends: 1.1 and the API)", "1.1 ?the API"),
            ("A ((depends: 1.1))", "1.1"),
        ] {
            let clauses = in_brackets(text);
            assert_eq!(clauses.len(), 1, "{text}");
            assert_eq!(told(&clauses[0]), wanted, "{text}");
        }
        for none in [
            "A",
            "A `(depends: 1.1)`",
            "A (after lunch)",
            "A (requires care)",
            "A (dependent: 1.1)",
            "A depends: 1.1",
            "A (x",
            "~~A (depends: 1.1)~~",
        ] {
            assert_eq!(in_brackets(none), [], "{none}");
        }
    }

    #[test]
    fn a_bullet_may_say_it_alone() {
        let told = |text| in_bullet(text).map(|clause| told(&clause));
        assert_eq!(told("**Depends on:** 1.1, 1.2.").as_deref(), Some("1.1 1.2"));
        assert_eq!(told("Dependencies: none").as_deref(), Some(""));
        assert_eq!(told("If 3.1 depends only on 1.1, it can start").as_deref(), None);
        assert_eq!(told("Depends: on luck").as_deref(), Some(" ?on luck"));
    }
}
