//! Titles, bodies and slugs made of somebody else's words.

use super::{BODY_LIMIT_BYTES, TITLE_LIMIT};

/// One line: blanks and control characters are single blanks, and what turns the reading direction around is left out.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::new();
    for c in text.chars() {
        match c {
            '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}' => {}
            c if c.is_whitespace() || c.is_control() => {
                if !line.is_empty() && !line.ends_with(' ') {
                    line.push(' ');
                }
            }
            c => line.push(c),
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// The start of a line, for a message.
pub(super) fn shown(text: &str) -> String {
    let line = one_line(text);
    match line.char_indices().nth(100) {
        Some((at, _)) => format!("{}...", &line[..at]),
        None => line,
    }
}

/// A title as a person would say it: one line, links by their text, without the stars around it and the colon after it.
pub(super) fn title(text: &str) -> String {
    let line = without_links(&one_line(text));
    let mut line = line.trim();
    for stars in ["**", "__"] {
        // Stars around the whole, or around its first words.
        if let Some(inside) = line.strip_prefix(stars).and_then(|rest| rest.strip_suffix(stars))
            && !inside.contains(stars)
        {
            line = inside;
        }
    }
    line.trim().trim_end_matches(':').trim_end().to_owned()
}

/// `[text](target)` is `text`.
fn without_links(line: &str) -> String {
    let mut told = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('[') {
        let (before, from) = rest.split_at(at);
        let inside = &from[1..];
        let link = inside.find("](").and_then(|end| {
            let target = &inside[end + 2..];
            Some((&inside[..end], target.find(')').map(|close| &target[close + 1..])?))
        });
        told.push_str(before.strip_suffix('!').unwrap_or(before));
        match link.filter(|(text, _)| !text.contains('[') && !text.contains('`')) {
            Some((text, after)) => {
                told.push_str(text);
                rest = after;
            }
            None => {
                told.push('[');
                rest = inside;
            }
        }
    }
    told.push_str(rest);
    told
}

/// The title cut at a word, when it is too long for one.
pub(super) fn cut_title(title: &str) -> Option<String> {
    let (at, _) = title.char_indices().nth(TITLE_LIMIT)?;
    let room = title[..at].char_indices().nth(TITLE_LIMIT - 4).map_or(at, |(end, _)| end);
    let cut = &title[..room];
    let end = cut.rfind(' ').filter(|end| *end > room / 2).unwrap_or(room);
    Some(format!("{} ...", cut[..end].trim_end()))
}

/// The body cut to what an order may have, when it is longer.
pub(super) fn cut_body(body: &str) -> Option<String> {
    if body.len() <= BODY_LIMIT_BYTES {
        return None;
    }
    let mut end = BODY_LIMIT_BYTES - 100;
    while !body.is_char_boundary(end) {
        end -= 1;
    }
    Some(format!("{}\n\n(the rest was cut off)", &body[..end]))
}

/// Letters and digits of `text`, lower case, joined by dashes, at most `most` bytes; cut at a word where that is near.
pub(super) fn slug(text: &str, most: usize) -> String {
    let mut slug = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() > most {
            break;
        }
    }
    if slug.len() > most {
        let cut = slug[..=most].rfind('-').filter(|at| *at > most / 2).unwrap_or(most);
        slug.truncate(cut);
    }
    slug.trim_matches('-').to_owned()
}

/// Lines without the blanks that all of them begin with, and without blank lines around them.
pub(super) fn dedent(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let blanks = |line: &&str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let filled = lines.iter().filter(|line| !line.trim().is_empty());
    let common = filled.map(blanks).min().unwrap_or(0);
    let cut = lines.iter().map(|line| line.get(common..).unwrap_or_default().trim_end());
    let cut: Vec<&str> = cut.collect();
    cut.join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_one_plain_line() {
        let cases = [
            ("**Item stacking**", "Item stacking"),
            ("**Item** stacking:", "**Item** stacking"),
            ("see [the page](http://x/(y)) now", "see the page) now"),
            ("[SEQUENTIAL] a\n  b\u{202e}\tc", "[SEQUENTIAL] a b c"),
            ("![x](y) [`a`](b)", "x [`a`](b)"),
            ("  ", ""),
        ];
        for (text, wanted) in cases {
            assert_eq!(title(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_at_a_word() {
        assert_eq!(cut_title("short"), None);
        let cut = cut_title(&"é word ".repeat(60)).unwrap();
        assert!(cut.chars().count() <= TITLE_LIMIT && cut.ends_with("word ..."), "{cut}");
        assert!(cut_title(&"x".repeat(300)).unwrap().len() <= TITLE_LIMIT);
        assert!(cut_body(&"é".repeat(BODY_LIMIT_BYTES)).unwrap().len() <= BODY_LIMIT_BYTES);
        assert_eq!(slug("Add a `--json` Flag, now", 12), "add-a-json");
        assert_eq!(slug("ÉÉ¿", 12), "");
        assert_eq!(slug(&"x".repeat(40), 12).len(), 12);
    }

    #[test]
    fn a_body_keeps_its_own_steps() {
        assert_eq!(dedent("\n  - a\n    - b\n\n  c\n\n"), "- a\n  - b\n\nc");
        assert_eq!(dedent("\t- a\r\n\t\t- é\r\n"), "- a\n\t- é");
        assert_eq!(dedent("é\n  b"), "é\n  b");
    }
}
