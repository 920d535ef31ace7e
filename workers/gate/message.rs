//! The message of an order's commit, from what the agent wrote. Pure.

use crate::order::OrderId;

const SUBJECT_CHARS: usize = 72;
const SUBJECT_MOST_CHARS: usize = 100;
const BODY_BYTES: usize = 8 * 1024;

/// The message made of `written` (the order's `commit-message.md`): a subject of one line, its body, and the trailer
/// `Order: <id>`. Without anything written the title is the subject. Control characters are left out.
pub(super) fn message(written: &str, title: &str, id: &OrderId) -> String {
    let plain = |text: &str| -> String {
        text.chars().filter(|c| *c == '\n' || *c == '\t' || !unwanted(*c)).collect()
    };
    let written = plain(written);
    let mut lines = written.lines().map(str::trim_end).skip_while(|line| line.trim().is_empty());
    let first = lines.next().unwrap_or_default().trim().trim_start_matches('#').trim().to_owned();
    let title = plain(title).replace(['\n', '\t'], " ");
    let wanted = if first.is_empty() { title.trim().to_owned() } else { first };
    let wanted = if wanted.is_empty() { id.to_string() } else { wanted };
    let (subject, rest) = cut(&wanted);
    // The trailer is ours: nobody else's says which order this is.
    let forged = |line: &&str| line.trim_start().to_lowercase().starts_with("order:");
    let body: Vec<&str> = rest.into_iter().chain(lines.filter(|line| !forged(line))).collect();
    let body = body.join("\n");
    let body = limited(body.trim());
    let gap = if body.is_empty() { "" } else { "\n\n" };
    format!("{subject}{gap}{body}\n\nOrder: {id}\n")
}

/// Control characters, and those that turn the direction of text.
fn unwanted(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The subject, and what of the line did not fit.
fn cut(line: &str) -> (String, Option<&str>) {
    if line.chars().count() <= SUBJECT_MOST_CHARS {
        return (line.to_owned(), None);
    }
    let most = line.char_indices().nth(SUBJECT_CHARS).map_or(line.len(), |(at, _)| at);
    let at = line[..most].rfind(' ').filter(|at| *at > 0).unwrap_or(most);
    (line[..at].trim_end().to_owned(), Some(line[at..].trim_start()))
}

fn limited(text: &str) -> &str {
    let mut most = text.len().min(BODY_BYTES);
    while !text.is_char_boundary(most) {
        most -= 1;
    }
    text[..most].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(written: &str) -> String {
        message(written, "The title", &OrderId::parse("a-b").unwrap())
    }

    #[test]
    fn a_message_has_a_subject_a_body_and_our_trailer() {
        let written = "\n# Add stacking\n\nBecause.\nOrder: other\n";
        assert_eq!(made(written), "Add stacking\n\nBecause.\n\nOrder: a-b\n");
        assert_eq!(made(" \n\n"), "The title\n\nOrder: a-b\n");
        assert_eq!(made("a\u{1b}[31m\u{202e}b\r\n"), "a[31mb\n\nOrder: a-b\n");
    }

    #[test]
    fn a_subject_that_is_too_long_goes_on_in_the_body() {
        let long = "word ".repeat(40);
        let text = made(&long);
        let subject = text.lines().next().unwrap();
        assert!(subject.chars().count() <= 72 && text.lines().nth(1) == Some(""), "{text}");
        assert_eq!(text.matches("word").count(), 40);
        assert!(made(&"é".repeat(300)).lines().next().unwrap().chars().count() <= 72);
        assert!(made(&format!("s\n\n{}", "x".repeat(100_000))).len() < 9_000);
    }
}
