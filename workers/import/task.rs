//! The words of one task: its number, its title, what it needs; and what the bullets under it say.

use std::ops::Range;

use super::depends::{self, Clause};
use super::number::Number;
use super::words;

/// The words after a checkbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// Its number.
    pub(super) number: Option<Number>,
    /// That is its number for sure: a sentence may begin with `Task 3.1` too.
    pub(super) sure: bool,
    /// Its title, without number and needs.
    pub(super) title: String,
    /// All of it is crossed out.
    pub(super) struck: bool,
    /// What it needs, and where in these words that stands.
    pub(super) clauses: Vec<Clause>,
}

/// Reads the words after a checkbox.
pub(super) fn words(text: &str) -> Words {
    let clauses = depends::in_brackets(text);
    let ranges: Vec<Range<usize>> = clauses.iter().map(|clause| clause.range.clone()).collect();
    let told = without(text, &ranges);
    let mut rest = told.trim();
    let mut struck = false;
    if let Some(inside) = rest.strip_prefix("~~").and_then(|inside| inside.strip_suffix("~~"))
        && !inside.contains("~~")
    {
        (rest, struck) = (inside, true);
    }
    let sure = rest.starts_with(|c: char| !c.is_alphabetic());
    let (number, rest) = match numbered(rest) {
        Some((number, rest)) => (Some(number), rest),
        None => (None, rest.to_owned()),
    };
    Words { number, sure, title: words::title(&rest), struck, clauses }
}

/// The text without these parts of it.
fn without(text: &str, parts: &[Range<usize>]) -> String {
    let mut kept = String::new();
    let mut at = 0;
    for part in parts {
        kept.push_str(&text[at..part.start]);
        at = part.end;
    }
    kept.push_str(&text[at..]);
    kept
}

/// The number that a task's words begin with, and the words after it: `2.1 x`, `**2.1:** x`, `Task 3: x`, `3. x`.
pub(super) fn numbered(text: &str) -> Option<(Number, String)> {
    let start = text.trim_start_matches(['*', '_', '`', ' ']);
    let signs = &text[..text.len() - start.len()];
    let (said, word) = ["Task ", "task ", "TASK ", "T"]
        .iter()
        .find_map(|word| start.strip_prefix(word))
        .map_or((start, false), |rest| (rest, true));
    let (number, after) = Number::begins(said.trim_start_matches('#'))?;
    let after = after.trim_start_matches('`');
    let closed = after.trim_start_matches(['*', '_']);
    let sign = closed.starts_with(['.', ')', ':']);
    // 28 items resolved is no task 28.
    if number.depth() == 1 && !word && !sign {
        return None;
    }
    let stars = signs.trim_matches(['`', ' ']);
    let was_closed = closed.len() < after.len();
    let rest = closed.trim_start_matches(['.', ')', ':']);
    let bold_ends_here = !was_closed && !stars.is_empty() && rest.starts_with(stars);
    let rest = if bold_ends_here { &rest[stars.len()..] } else { rest };
    let rest = rest.trim_start();
    let rest =
        ["- ", "– ", "— ", ": "].iter().find_map(|dash| rest.strip_prefix(dash)).unwrap_or(rest);
    // Bold that goes on over the title ends somewhere in it.
    let goes_on = !stars.is_empty() && !was_closed && !bold_ends_here;
    let rest = match goes_on {
        true => rest.replacen(stars, "", 1),
        false => rest.to_owned(),
    };
    Some((number, rest.trim().to_owned()))
}

/// The files of a bullet that names files and nothing else: `Files: a/b.rs, c.rs`. Only a plain list counts; whoever
/// mentions a file in a sentence has not said that it will change.
pub(super) fn declared_files(bullet: &str) -> Vec<String> {
    let line = words::one_line(bullet);
    let start = line.trim_start_matches(['*', '_']);
    let lower = start.to_ascii_lowercase();
    const LABELS: [&str; 7] = [
        "files",
        "files to modify",
        "files to change",
        "files to create",
        "files to touch",
        "modifies",
        "touches",
    ];
    let label =
        LABELS.iter().filter(|label| lower.starts_with(**label)).max_by_key(|label| label.len());
    let Some(after) = label.map(|label| start[label.len()..].trim_start_matches(['*', '_'])) else {
        return Vec::new();
    };
    let Some(list) = after.strip_prefix(':') else { return Vec::new() };
    let list = list.trim_start_matches(['*', '_', ' ']);
    let parts =
        list.split([',', ';']).map(|part| part.trim().trim_matches('`').trim_end_matches('.'));
    let files: Option<Vec<String>> = parts
        .map(|part| (is_file(part) && part.contains(['.', '/'])).then(|| part.to_owned()))
        .collect();
    files.unwrap_or_default()
}

/// A path of a file inside a repository, as a list of files has it.
pub(super) fn is_file(path: &str) -> bool {
    let inside = path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    let plain = !path
        .contains(|c: char| c.is_whitespace() || c.is_control() || "*?<>|\"'`()\\".contains(c));
    inside && plain && (1..=400).contains(&path.len()) && !path.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let read = words(text);
        let number = read.number.map_or("-".to_owned(), |number| number.to_string());
        let struck = if read.struck { " struck" } else { "" };
        format!("{number}|{}{struck} {}", read.title, read.clauses.len())
    }

    #[test]
    fn numbers_and_titles_are_told_apart() {
        for (text, wanted) in [
            (" 2.1 Extend configuration (depends: 1.1)", "2.1|Extend configuration 1"),
            (" **2.1** Extend `x`:", "2.1|Extend `x` 0"),
            (" **2.1: Extend** the rest", "2.1|Extend the rest 0"),
            (" **2.1:** Extend **all** of it", "2.1|Extend **all** of it 0"),
            (" `1.2` - Do", "1.2|Do 0"),
            (" Task 3: Do it", "3|Do it 0"),
            (" T4.1 — Do it", "4.1|Do it 0"),
            (" 3. Do it", "3|Do it 0"),
            (" 28 items resolved", "-|28 items resolved 0"),
            (" ~~2.2 Gone~~", "2.2|Gone struck 0"),
            (" **VERIFY 1:** All is well", "-|**VERIFY 1:** All is well 0"),
            (" Test things", "-|Test things 0"),
            (" 4.1.1 Create `a/b.js` with x", "4.1.1|Create `a/b.js` with x 0"),
            (" 2.1 (depends: 1.1) (after 1.2) Both\n  lines", "2.1|Both lines 2"),
            ("", "-| 0"),
        ] {
            assert_eq!(told(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn only_a_plain_list_declares_files() {
        assert_eq!(declared_files("Files: `src/a.rs`, b.rs"), ["src/a.rs", "b.rs"]);
        assert_eq!(declared_files("**Files to modify:** src/a.rs."), ["src/a.rs"]);
        for none in [
            "File: `src/a.rs`",
            "Files: all of them",
            "Files: ../x.rs",
            "Files: `a.rs` and more",
            "Filesystem: a.rs",
            "Files: /etc/x.y",
        ] {
            assert_eq!(declared_files(none), [""; 0], "{none}");
        }
    }
}
