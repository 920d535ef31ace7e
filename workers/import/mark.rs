//! Checkboxes and their marks: `[ ]`, `[x]`, `[~]`, `[-]`, `[!]` and their kin.

use super::Mark;

/// A checkbox that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checkbox<'a> {
    /// What its mark says; `None` when nobody uses that mark.
    pub(super) mark: Option<Mark>,
    /// What follows it.
    pub(super) rest: &'a str,
}

/// The checkbox that an item begins with, if it does.
pub(super) fn checkbox(head: &str) -> Option<Checkbox<'_>> {
    if let Some(inside) = head.strip_prefix('[') {
        let (sign, rest) = inside.split_once(']')?;
        // A link is no checkbox, and neither is a word in brackets.
        if rest.starts_with(['(', '[', ':']) || sign.chars().count() > 2 {
            return None;
        }
        let apart = rest.is_empty() || rest.starts_with(char::is_whitespace);
        let one = sign.trim();
        let known = of_sign(one);
        // [x]1.1 lacks a blank; [o]ne is a word.
        let lacks = matches!(one, "" | "x" | "X")
            && rest.starts_with(|c: char| c.is_ascii_digit() || c == '*');
        if !apart && !lacks {
            return None;
        }
        return Some(Checkbox { mark: known, rest });
    }
    let mut chars = head.chars();
    let mark = of_picture(chars.next()?)?;
    // Some pictures have a mark of their own after them that only says how they are drawn.
    Some(Checkbox { mark: Some(mark), rest: chars.as_str().trim_start_matches('\u{fe0f}') })
}

fn of_sign(sign: &str) -> Option<Mark> {
    Some(match sign {
        "" | "_" => Mark::Open,
        "x" | "X" | "v" | "V" | "+" => Mark::Done,
        "~" | "/" | ">" | "." | "o" | "O" | "*" | "p" | "P" => Mark::InProgress,
        "-" | "s" | "S" => Mark::Skipped,
        "!" | "f" | "F" => Mark::Failed,
        picture => {
            let mut chars = picture.chars();
            return of_picture(chars.next()?).filter(|_| matches!(chars.as_str(), "" | "\u{fe0f}"));
        }
    })
}

fn of_picture(picture: char) -> Option<Mark> {
    Some(match picture {
        '☐' | '⬜' | '◻' | '□' => Mark::Open,
        '✓' | '✔' | '✅' | '☑' => Mark::Done,
        '⏳' | '⌛' | '🔄' | '🚧' | '🔵' => Mark::InProgress,
        '⏭' | '🚫' | '⊘' => Mark::Skipped,
        '✗' | '✘' | '❌' | '☒' | '✖' => Mark::Failed,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_known_and_links_are_none() {
        let mark = |head| checkbox(head).map(|found| found.mark);
        for (head, wanted) in [
            ("[ ] a", Mark::Open),
            ("[] a", Mark::Open),
            ("[x]1.1 a", Mark::Done),
            ("[x] a", Mark::Done),
            ("[X]", Mark::Done),
            ("[✓] a", Mark::Done),
            ("[~] a", Mark::InProgress),
            ("[-] a", Mark::Skipped),
            ("[!] a", Mark::Failed),
            ("✅ a", Mark::Done),
            ("☑\u{fe0f} a", Mark::Done),
            ("[❌] a", Mark::Failed),
        ] {
            assert_eq!(mark(head), Some(Some(wanted)), "{head}");
        }
        assert_eq!(mark("[?] a"), Some(None));
        for none in ["[x](y)", "[SEQUENTIAL] a", "[1]: b", "a [x]", "", "[", "[ab]c", "[o]ne"] {
            assert_eq!(mark(none), None, "{none}");
        }
    }
}
