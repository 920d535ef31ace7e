//! Headings: which one begins a phase, and which one is followed by checks instead of work.

use super::words;

/// The heading of a phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PhaseHeading {
    /// What stands after the word: `2`, `2.5`, `A`.
    pub(super) label: String,
    /// Its title.
    pub(super) title: String,
    /// It says `[PARALLEL]`.
    pub(super) parallel: bool,
    /// It says `[SEQUENTIAL]`.
    pub(super) sequential: bool,
}

const WORDS: [&str; 12] = [
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
];

/// The phase that a heading's words begin, if they do: `Phase 2: Title`, `2. Phase Two - Title`, `**Phase A** (draft)`.
pub(super) fn phase(words: &str) -> Option<PhaseHeading> {
    let line = words::one_line(words);
    // Hashes, stars, pictures and a number of its own may stand before the word.
    let start = line.trim_start_matches(|c: char| !c.is_alphabetic());
    if line.len() - start.len() > 16 {
        return None;
    }
    let rest =
        start.get(..5).filter(|word| word.eq_ignore_ascii_case("phase")).map(|_| &start[5..])?;
    let rest = rest.strip_prefix(|c: char| c.is_whitespace() || "-#:".contains(c))?;
    let rest = rest.trim_start_matches([' ', '#', ':']);
    let ends = |c: char| !(c.is_alphanumeric() || c == '.');
    let label = rest.split(ends).next()?.trim_end_matches('.');
    let label = known_label(label)?;
    let after = rest.split_once(ends).map_or("", |(word, _)| &rest[word.len()..]);
    // A plural is no heading of one phase: Phase 1-3, Phase 1 and 2.
    let counts_on = |rest: &str| rest.trim_start().starts_with(|c: char| c.is_ascii_digit());
    let tail = after.trim_start();
    let joined = after.strip_prefix(['-', '–']).is_some_and(counts_on);
    if joined || ["and ", "& "].iter().any(|sign| tail.strip_prefix(sign).is_some_and(counts_on)) {
        return None;
    }
    let has = |tag: &str| line.to_ascii_uppercase().contains(tag);
    let (parallel, sequential) = (has("[PARALLEL]"), has("[SEQUENTIAL]"));
    let mut title = after.to_owned();
    for tag in ["[PARALLEL]", "[SEQUENTIAL]"] {
        while let Some(at) = title.to_ascii_uppercase().find(tag) {
            title.replace_range(at..at + tag.len(), "");
        }
    }
    let sign = |c: char| c.is_whitespace() || ":-–—*_#.".contains(c);
    let title = title.trim_start_matches(|c| sign(c) || c == ')').trim_end_matches(sign);
    Some(PhaseHeading { label, title: words::title(title), parallel, sequential })
}

/// A phase's label: a number, a number word, one letter, a Roman number. Other words are no label.
fn known_label(label: &str) -> Option<String> {
    let lower = label.to_ascii_lowercase();
    if let Some(at) = WORDS.iter().position(|word| *word == lower) {
        return Some((at + 1).to_string());
    }
    let number = !label.is_empty()
        && label
            .split('.')
            .all(|part| (1..=6).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
    if number {
        // 01 is 1.
        let parts = label.split('.').map(|part| part.trim_start_matches('0'));
        let parts: Vec<&str> = parts.map(|part| if part.is_empty() { "0" } else { part }).collect();
        return Some(parts.join("."));
    }
    let lettered = number_and_letter(&lower);
    let letters = label.bytes().all(|b| b.is_ascii_uppercase());
    let roman =
        letters && label.bytes().all(|b| b"IVX".contains(&b)) && (1..=5).contains(&label.len());
    (lettered || roman || (letters && label.len() == 1)).then(|| label.to_owned())
}

/// `2a`.
fn number_and_letter(label: &str) -> bool {
    label.strip_suffix(|c: char| c.is_ascii_lowercase()).is_some_and(|number| {
        (1..=6).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit())
    })
}

/// True when unnumbered checkboxes after these words are checks and not work.
pub(super) fn begins_checks(words: &str) -> bool {
    let words = words::one_line(words).to_lowercase();
    let start = words.trim_start_matches(|c: char| !c.is_alphabetic());
    const STARTS: [&str; 12] = [
        "verify",
        "verification",
        "validation",
        "success criteria",
        "acceptance",
        "exit criteria",
        "definition of done",
        "completion criteria",
        "quality gate",
        "checklist",
        "checks",
        "criteria",
    ];
    STARTS.iter().any(|word| start.starts_with(word))
        || ["criteria", "checklist", "definition of done"]
            .iter()
            .any(|word| start.trim_end_matches(|c: char| !c.is_alphabetic()).ends_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &str) -> Option<String> {
        let found = phase(words)?;
        let tag = if found.parallel { " parallel" } else { "" };
        let more = if found.sequential { " sequential" } else { "" };
        Some(format!("{}|{}{tag}{more}", found.label, found.title))
    }

    #[test]
    fn a_phase_is_found_under_odd_headings() {
        for (words, wanted) in [
            ("## Phase 1: Foundation (No Dependencies)", "1|Foundation (No Dependencies)"),
            ("### PHASE 02 – Set up", "2|Set up"),
            ("# 🚀 Phase 3 — Go!", "3|Go!"),
            ("## 4. Phase Four - x", "4|x"),
            ("**Phase A: Core**", "A|Core"),
            ("## Phase 2.5: Bridge [PARALLEL]", "2.5|Bridge parallel"),
            ("## Phase 7 [Sequential]: `x`", "7|`x` sequential"),
            ("##Phase 1", "1|"),
            ("## Phase IV. End", "IV|End"),
            ("## Phase 2a: More", "2a|More"),
            ("## Phase-5: x", "5|x"),
        ] {
            assert_eq!(told(words).as_deref(), Some(wanted), "{words}");
        }
        for none in [
            "## Phases",
            "## Phase-based ordering",
            "## Overview of phase 1",
            "## Phase transitions",
            "## Phase 1-3 overview",
            "## Phase 1 and 2 together",
            "## The plan for every single thing in phase 1",
            "",
        ] {
            assert_eq!(told(none), None, "{none}");
        }
    }

    #[test]
    fn checks_are_told_from_work() {
        for words in [
            "**VERIFY Phase 1:**",
            "### Success Criteria",
            "## Orchestration Readiness Checklist",
            "VERIFY 1: x",
        ] {
            assert!(begins_checks(words), "{words}");
        }
        for words in ["**Tasks:**", "### 4.1 Progress Formatting Module", "## Notes", ""] {
            assert!(!begins_checks(words), "{words}");
        }
    }
}
