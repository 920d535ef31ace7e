//! Execution notes: `**Execution Note:** Tasks 3.1-3.4 are [SEQUENTIAL] - all change one file`.

use super::number::{self, Named};
use super::spans::prose;
use super::words;

/// What one note says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    /// One after the other, or side by side.
    pub(super) tag: Tag,
    /// Of whom it speaks.
    pub(super) of: Subject,
    /// Why, in the note's own words.
    pub(super) reason: String,
}

/// The two tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    /// One after the other.
    Sequential,
    /// Side by side.
    Parallel,
}

/// Of whom a note speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// These tasks.
    Tasks(Vec<Named>),
    /// These phases.
    Phases(Vec<Named>),
    /// The phase it stands in.
    Here,
}

/// What follows `Execution Note:` at the beginning of a paragraph or bullet.
pub(super) fn begins(text: &str) -> Option<&str> {
    let start = text.trim_start_matches(['*', '_', '>', ' ', '\t']);
    let rest = start.get(..14).filter(|word| word.eq_ignore_ascii_case("execution note"))?.len();
    let rest = start[rest..].trim_start_matches(['s', 'S']);
    let after = rest.trim_start_matches(['*', '_', ':', ' ']);
    // A sentence about execution notes is none.
    (after.len() < rest.len() && rest.trim_start_matches(['*', '_']).starts_with(':'))
        .then_some(after)
}

/// What a note says; nothing when it has neither tag.
pub(super) fn orders(text: &str) -> Vec<Order> {
    let plain = prose(text);
    let upper = plain.to_ascii_uppercase();
    let mut tags: Vec<(usize, usize, Tag)> = Vec::new();
    for (word, tag) in [("[SEQUENTIAL]", Tag::Sequential), ("[PARALLEL]", Tag::Parallel)] {
        tags.extend(upper.match_indices(word).map(|(at, _)| (at, at + word.len(), tag)));
    }
    tags.sort_by_key(|(at, ..)| *at);
    let mut orders = Vec::new();
    for (nth, (at, end, tag)) in tags.iter().enumerate() {
        let before = nth.checked_sub(1).map_or(0, |nth| tags[nth].1);
        let clause = subject_start(&plain, before, *at);
        let next = tags.get(nth + 1);
        let until = next.map_or(plain.len(), |(next, ..)| subject_start(&plain, *end, *next));
        let reason =
            text[*end..until].trim_matches(|c: char| c.is_whitespace() || "-–—:,;.*".contains(c));
        let of = subject(&plain[clause..*at]);
        orders.push(Order { tag: *tag, of, reason: words::one_line(reason) });
    }
    orders
}

/// Where the words about the tag at `at` begin: after the last end of a sentence between it and the tag before.
fn subject_start(text: &str, before: usize, at: usize) -> usize {
    let between = &text[before..at];
    let ends = [". ", "; ", ";", "\n", ", and ", ", while "];
    let last =
        ends.iter().filter_map(|end| between.rfind(end).map(|found| found + end.len())).max();
    let start = last.unwrap_or(0);
    // The last sentence may not name anybody: then all of it is about the tag.
    match between[start..].contains(|c: char| c.is_ascii_digit()) || before > 0 {
        true => before + start,
        false => before,
    }
}

fn subject(words: &str) -> Subject {
    let lower = words.to_ascii_lowercase();
    let numbers = |from: usize| {
        let rest = &words[from..];
        let first = rest.find(|c: char| c.is_ascii_digit())?;
        let (named, _) = number::list(&rest[first..]);
        (!named.is_empty()).then_some(named)
    };
    let after = |word: &str| lower.find(word).map(|at| at + word.len());
    if let Some(named) = after("task").and_then(numbers) {
        return Subject::Tasks(named);
    }
    if let Some(named) = after("phase").and_then(numbers) {
        return Subject::Phases(named);
    }
    numbers(0).map_or(Subject::Here, Subject::Tasks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let named =
            |all: &[Named]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let one = |order: &Order| {
            let of = match &order.of {
                Subject::Tasks(tasks) => named(tasks),
                Subject::Phases(phases) => format!("phases {}", named(phases)),
                Subject::Here => "here".to_owned(),
            };
            format!("{:?} {of}: {}", order.tag, order.reason)
        };
        orders(begins(text).unwrap()).iter().map(one).collect()
    }

    #[test]
    fn notes_are_read() {
        for (text, wanted) in [
            (
                "**Execution Note:** Tasks 3.1-3.4 are [SEQUENTIAL] - all modify docs/x.md",
                "Sequential 3.1-3.4: all modify docs/x.md",
            ),
            (
                "> **Execution Note**: Tasks 1.1, 1.3 and 1.4 are [sequential].",
                "Sequential 1.1,1.3,1.4: ",
            ),
            (
                "**Execution Notes:** Phases 1-3 are [PARALLEL]: no shared files",
                "Parallel phases 1-3: no shared files",
            ),
            ("*Execution Note:* [SEQUENTIAL] - one file", "Sequential here: one file"),
            ("**Execution Note:** All tasks in this phase are [SEQUENTIAL]", "Sequential here: "),
            ("**Execution Note:** 2.1-2.3 [SEQUENTIAL]", "Sequential 2.1-2.3: "),
        ] {
            assert_eq!(told(text), [wanted], "{text}");
        }
        assert_eq!(
            told(
                "**Execution Note:** Tasks 1.1-1.2 are [SEQUENTIAL] - share a.rs; tasks 1.3-1.4 are [PARALLEL] - apart"
            ),
            ["Sequential 1.1-1.2: share a.rs", "Parallel 1.3-1.4: apart"]
        );
        assert_eq!(
            told("**Execution Note:** Tasks 1.1, 1.3 can run in parallel `[SEQUENTIAL]`"),
            [""; 0]
        );
    }

    #[test]
    fn a_sentence_about_notes_is_none() {
        assert_eq!(begins("Execution notes are fine"), None);
        assert_eq!(begins("Parse `**Execution Note:** x`"), None);
    }
}
