//! The gate SPEC: `work-order.md` has its four sections, and the files it names lie inside the repository.

use super::findings::counted;
use super::papers::{self, Paper};
use super::policy;
use super::scene::{Scene, Tools};
use crate::check::Check;
use crate::error::Result;

/// The spec's name in the order's folder.
pub(super) const SPEC: &str = "work-order.md";
const LIMIT_BYTES: u64 = 256 * 1024;

/// The word that each section's heading holds, and the heading to write.
const SECTIONS: [(&str, &str); 4] = [
    ("goal", "## Goal"),
    ("acceptance", "## Acceptance criteria"),
    ("file", "## Files"),
    ("playtest", "## How to playtest"),
];
const FILES: usize = 2;

/// Looks at the scene's spec.
pub(super) async fn check(tools: &Tools, scene: &Scene) -> Result<Check> {
    let text = match papers::look(&scene.papers, SPEC, LIMIT_BYTES)? {
        Paper::Missing => return Ok(Check::fail(format!("there is no {SPEC} on the desk"))),
        Paper::Unfit(why) => return Ok(Check::fail(format!("{SPEC} {why}"))),
        Paper::Plain { bytes, .. } => match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                return Ok(Check::fail(format!(
                    "{SPEC} is not UTF-8: byte {at} is the first wrong one"
                )));
            }
        },
    };
    let mut faults = faults(&text);
    // REVIEW would refuse them after all the work was done.
    faults.extend(policy::a_persons(tools, scene, &declared_files(&text)).await?);
    Ok(match faults.as_slice() {
        [] => {
            let files = declared(&text).len();
            Check::pass(format!("all four sections are there; {} declared", counted(files, "file")))
        }
        [only] => Check::fail(only),
        [first, ..] => {
            let list: String = faults.iter().map(|fault| format!("- {fault}\n")).collect();
            let why = format!("{first} (and {} more)", counted(faults.len() - 1, "fault"));
            Check::fail_with(why, list)
        }
    })
}

/// The files that a spec says it will touch: the bullets under its files heading, as they are written there.
pub fn declared_files(spec: &str) -> Vec<String> {
    declared(spec).into_iter().map(|(_, path)| path).collect()
}

/// The spec of a scene's order as far as it can be read: later gates do not judge it again.
pub(super) fn declared_of(scene: &Scene) -> Result<Vec<String>> {
    Ok(match papers::look(&scene.papers, SPEC, LIMIT_BYTES)? {
        Paper::Plain { bytes, .. } => declared_files(&String::from_utf8_lossy(&bytes)),
        Paper::Missing | Paper::Unfit(_) => Vec::new(),
    })
}

fn faults(text: &str) -> Vec<String> {
    if text.trim().is_empty() {
        return vec![format!("{SPEC} is empty")];
    }
    let headings = headings(text);
    let mut faults = Vec::new();
    let mut taken = Vec::new();
    for (word, example) in SECTIONS {
        match section(&headings, word) {
            Some(heading) if taken.contains(&heading.line) => faults.push(format!(
                "line {}: one heading can't stand for two sections; write `{example}`",
                heading.line
            )),
            None => faults.push(format!("no heading for `{word}`: write `{example}`")),
            Some(heading) if !heading.filled => faults.push(format!(
                "line {}: nothing stands under the heading `{}`",
                heading.line,
                heading.text.escape_debug()
            )),
            Some(heading) => taken.push(heading.line),
        }
    }
    let named = declared(text);
    if named.is_empty() && section(&headings, SECTIONS[FILES].0).is_some_and(|files| files.filled) {
        faults.push(
            "the files section names no file: one bullet each, the path in back quotes".to_owned(),
        );
    }
    for (line, path) in named {
        if let Some(why) = outside(&path) {
            faults.push(format!("line {line}: the file `{}` {why}", path.escape_debug()));
        }
    }
    faults
}

/// What is wrong with a declared path; `None` when it lies inside the repository.
fn outside(path: &str) -> Option<&'static str> {
    let mut parts = path.split('/');
    if path.starts_with('/') || path.starts_with('~') || path.contains(":\\") {
        return Some("is absolute: write it relative to the repository");
    }
    if path.split(['/', '\\']).any(|part| part == "..") {
        return Some("leaves the repository");
    }
    if path.contains(char::is_control) || path.contains('\\') {
        return Some("is no plain path");
    }
    parts.any(|part| part.eq_ignore_ascii_case(".git")).then_some("lies in .git")
}

#[derive(Debug)]
struct Heading<'a> {
    /// From 1.
    line: usize,
    text: &'a str,
    /// True when text stands under it, subsections included.
    filled: bool,
    /// Lines of its section: from the one after it up to the next heading of its level or above.
    body: std::ops::Range<usize>,
}

/// The headings of a text. Those in code blocks are none.
fn headings(text: &str) -> Vec<Heading<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found: Vec<(usize, usize, &str)> = Vec::new();
    let mut fence: Option<&str> = None;
    for (at, line) in lines.iter().enumerate() {
        let bare = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| bare.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => {
                if let Some((level, title)) = atx(line) {
                    found.push((at, level, title));
                }
            }
            _ => {}
        }
    }
    let is_heading = |line: usize| found.iter().any(|(at, ..)| *at == line);
    let mut headings = Vec::new();
    for (nth, &(at, level, text)) in found.iter().enumerate() {
        let next = found[nth + 1..].iter().find(|(_, other, _)| *other <= level);
        let body = at + 1..next.map_or(lines.len(), |(at, ..)| *at);
        let holds_text = |line: usize| lines[line].contains(char::is_alphanumeric);
        let filled = body.clone().any(|line| !is_heading(line) && holds_text(line));
        headings.push(Heading { line: at + 1, text, filled, body });
    }
    headings
}

/// `## Title ##` is level 2, `Title`.
fn atx(line: &str) -> Option<(usize, &str)> {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let bare = line.trim_start_matches(' ');
    let title = bare.trim_start_matches('#');
    let level = bare.len() - title.len();
    let shaped = (1..=6).contains(&level) && indent < 4;
    let spaced = title.is_empty() || title.starts_with([' ', '\t']);
    (shaped && spaced).then(|| (level, title.trim().trim_end_matches('#').trim()))
}

/// The heading that is meant by `word`: one of its words begins with it (`A profile page` is not about files). Where
/// there are several, the one that begins with it wins, then the shortest.
fn section<'a, 'b>(headings: &'a [Heading<'b>], word: &str) -> Option<&'a Heading<'b>> {
    let place = |heading: &Heading<'_>| {
        let text = heading.text.to_lowercase();
        let number = |part: &&str| part.is_empty() || part.chars().all(|c| c.is_ascii_digit());
        let mut words = text.split(|c: char| !c.is_alphanumeric()).filter(|part| !number(part));
        words.position(|part| part.starts_with(word))
    };
    let meant = headings.iter().filter_map(|heading| Some((place(heading)?, heading)));
    meant
        .min_by_key(|(place, heading)| (*place > 0, heading.text.len()))
        .map(|(_, heading)| heading)
}

/// Declared files with their lines (from 1).
fn declared(text: &str) -> Vec<(usize, String)> {
    let headings = headings(text);
    let Some(files) = section(&headings, SECTIONS[FILES].0) else { return Vec::new() };
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    let mut outer = None;
    for at in files.body.clone() {
        let Some((indent, item)) = bullet(lines[at]) else { continue };
        let nested = indent > *outer.get_or_insert(indent);
        let plain = (!nested).then(|| plain_word(item)).flatten();
        let quoted = quoted_paths(item);
        let paths = if quoted.is_empty() { plain.into_iter().collect() } else { quoted };
        found.extend(paths.into_iter().map(|path| (at + 1, path)));
    }
    found
}

/// The indent and text of a list item.
fn bullet(line: &str) -> Option<(usize, &str)> {
    let bare = line.trim_start();
    let indent = line.len() - bare.len();
    let digits = bare.trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = match bare.strip_prefix(['-', '*', '+']) {
        Some(rest) => rest,
        None if digits.len() < bare.len() => digits.strip_prefix(['.', ')'])?,
        None => return None,
    };
    rest.starts_with([' ', '\t']).then(|| (indent, rest.trim()))
}

/// The first text in back quotes, and those that follow it in a list: `a`, `b` and `c`.
fn quoted_paths(item: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut rest = item;
    while let Some((between, after)) = rest.split_once('`') {
        let joined = [",", "and", "&", "", ", and"].contains(&between.trim());
        if !paths.is_empty() && !joined {
            break;
        }
        let Some((path, after)) = after.split_once('`') else { break };
        if !path.trim().is_empty() {
            paths.push(tidy(path));
        }
        rest = after;
    }
    paths
}

/// The first word of an item without quotes, if it can be a path: `New:` is none.
fn plain_word(item: &str) -> Option<String> {
    let word = item.split_whitespace().next()?.trim_matches(['*', '"', '\'', '(', ')', '[', ']']);
    let path = word.trim_end_matches([':', ',', ';']);
    let label = path.len() < word.len() && !path.contains(['.', '/']);
    (!path.is_empty() && !label).then(|| tidy(path))
}

fn tidy(path: &str) -> String {
    let path = path.trim();
    path.strip_prefix("./").unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# A profile page\n\n## Goal\n\nPeople see it.\n\n## Acceptance criteria\n\n### One\n\n- it is there\n\n\
        ## Files\n\n- `src/profile.rs`: the page, uses `foo()`\n- `a.rs`, `b.rs` and `c.rs`\n* ./tests/profile.rs (new)\n- Docs:\n  \
        - `docs/x.md`\n  - says how\n\n## How to playtest\n\n1. Open it.\n";

    #[test]
    fn a_whole_spec_has_no_faults_and_its_files_are_read() {
        assert_eq!(faults(GOOD), Vec::<String>::new());
        let files = ["src/profile.rs", "a.rs", "b.rs", "c.rs", "tests/profile.rs", "docs/x.md"];
        assert_eq!(declared_files(GOOD), files);
    }

    #[test]
    fn what_is_missing_is_named_with_its_line() {
        let cases = [
            ("## Goal\n\nPeople see it.\n", "", "no heading for `goal`"),
            ("People see it.", "", "line 3: nothing stands under the heading `Goal`"),
            ("## How to playtest", "## Trying it", "no heading for `playtest`"),
            ("## Files", "```\n## Files\n```", "no heading for `file`"),
            ("- `src/profile.rs`", "Some text. `src/profile.rs`", ""),
            ("## Files", "## Files\n\nNone.\n\n## More", "the files section names no file"),
            ("## Acceptance criteria", "### More", "no heading for `acceptance`"),
            ("## Files", "## Where", "no heading for `file`"),
            ("## Goal", "## Goal and how to playtest", ""),
            ("`src/profile.rs`", "`../profile.rs`", "line 15: the file `../profile.rs` leaves"),
            ("`src/profile.rs`", "`/etc/passwd`", "is absolute"),
            ("`src/profile.rs`", "`src/../../x`", "leaves the repository"),
            ("`src/profile.rs`", "`.git/hooks/x`", "lies in .git"),
            ("`src/profile.rs`", "`C:\\x`", "is absolute"),
        ];
        for (from, to, expected) in cases {
            let text = GOOD.replacen(from, to, 1);
            let told = faults(&text).join("\n");
            assert!(told.contains(expected), "{from:?} -> {to:?}: {told}");
        }
        assert_eq!(faults(" \n"), ["work-order.md is empty"]);
        let one = "# Goal, acceptance, files, playtest\n- `a`\n";
        assert!(faults(one).iter().any(|fault| fault.contains("two sections")), "{one}");
    }

    #[test]
    fn a_heading_in_a_code_block_is_none_and_any_level_will_do() {
        let text = "#### GOAL\nx\n# 2. Acceptance\nx\n###### The files it changes\n- Makefile\n## Playtesting\nx\n";
        assert_eq!(faults(text), Vec::<String>::new());
        assert_eq!(declared_files(text), ["Makefile"]);
        assert_eq!(atx("#hashtag"), None);
        assert_eq!(atx("## Files ##"), Some((2, "Files")));
    }
}
