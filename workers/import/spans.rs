//! What is prose in a markdown text: code, quotations, comments and crossed-out words are no instructions.

use pulldown_cmark::{Event, Options, Parser, Tag};

/// The same text with everything blanked that is no prose, byte for byte: places and lines stay the same.
pub(super) fn prose(text: &str) -> String {
    let mut kept = text.as_bytes().to_vec();
    let parser = Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH).into_offset_iter();
    for (event, range) in parser {
        let blank = match &event {
            Event::Code(_) | Event::InlineHtml(_) | Event::Html(_) => true,
            Event::Start(tag) => matches!(
                tag,
                Tag::CodeBlock(_) | Tag::HtmlBlock | Tag::BlockQuote(_) | Tag::Strikethrough
            ),
            _ => false,
        };
        if blank {
            for byte in &mut kept[range] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
        }
    }
    // What is blanked begins and ends at characters, so that it is text still.
    String::from_utf8(kept).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_prose_is_blanked_and_places_stay() {
        let cases = [
            ("a `b` c", "a     c"),
            ("``a ` b`` c", "          c"),
            ("a ` b", "a ` b"),
            ("~~x~~ y", "      y"),
            ("`é`x", "    x"),
            (r"\`a\` `b`", r"\`a\`    "),
            ("a `b\nc` d", "a   \n   d"),
            ("a <!-- b --> c", "a            c"),
            ("a\n\n```\nb\n```\nc", "a\n\n   \n \n   \nc"),
            ("> a\n\nb", "   \n\nb"),
        ];
        for (text, wanted) in cases {
            assert_eq!(prose(text), wanted, "{text:?}");
        }
    }
}
