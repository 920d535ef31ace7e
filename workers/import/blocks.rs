//! The structure of a markdown text: headings, list items, paragraphs, tables, each with its place. A CommonMark parser says
//! where they stand; the words are then taken from the source itself.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag};

/// One block, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// A heading that begins with `#`.
    Heading { level: u8, range: Range<usize> },
    /// A list item.
    Item(Item),
    /// A paragraph outside every list, or a heading by underlining.
    Text { range: Range<usize> },
    /// A table.
    Table { range: Range<usize> },
}

/// A list item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// The item with all that is in it.
    pub(super) range: Range<usize>,
    /// Its first paragraph, after the bullet.
    pub(super) head: Range<usize>,
    /// The item it is in: its place among the blocks.
    pub(super) parent: Option<usize>,
    /// It stands in a quotation.
    pub(super) quoted: bool,
}

/// The blocks of a text.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut reader =
        Reader { text, blocks: Vec::new(), open: Vec::new(), items: Vec::new(), quotes: 0 };
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Start(tag) => reader.start(&tag, range),
            Event::End(_) => reader.end(),
            _ => {}
        }
    }
    reader.blocks
}

struct Reader<'a> {
    text: &'a str,
    blocks: Vec<Block>,
    open: Vec<Kind>,
    /// The open items: their places among the blocks, and whether their heads have ended.
    items: Vec<(usize, bool)>,
    quotes: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Item,
    Quote,
    Other,
}

impl Reader<'_> {
    fn start(&mut self, tag: &Tag<'_>, range: Range<usize>) {
        let kind = match tag {
            Tag::Item => Kind::Item,
            Tag::BlockQuote(_) => Kind::Quote,
            _ => Kind::Other,
        };
        self.open.push(kind);
        match tag {
            Tag::Item => self.item(range),
            Tag::Paragraph => self.paragraph(range),
            Tag::Heading { level, .. } => self.heading(*level as u8, range),
            Tag::BlockQuote(_) => {
                self.head_ends(range.start);
                self.quotes += 1;
            }
            Tag::List(_) | Tag::CodeBlock(_) | Tag::HtmlBlock => self.head_ends(range.start),
            Tag::Table(_) => {
                self.head_ends(range.start);
                if self.items.is_empty() {
                    self.blocks.push(Block::Table { range });
                }
            }
            _ => {}
        }
    }

    fn end(&mut self) {
        match self.open.pop() {
            Some(Kind::Item) => {
                self.items.pop();
            }
            Some(Kind::Quote) => self.quotes -= 1,
            Some(Kind::Other) | None => {}
        }
    }

    fn item(&mut self, range: Range<usize>) {
        // Where tabs are, the parser counts the end of the line before to it.
        let after = self.text[range.clone()].trim_start_matches([' ', '\t', '>', '\n', '\r']);
        let range = range.end - after.len()..range.end;
        let bullet = after.trim_start_matches(|c: char| c.is_ascii_digit());
        // One sign, after the digits of a numbered one.
        let rest = bullet.get(1..).unwrap_or_default().trim_start_matches([' ', '\t']);
        let from = range.end - rest.len();
        let parent = self.items.last().map(|(at, _)| *at);
        let head = from..range.end;
        self.items.push((self.blocks.len(), false));
        self.blocks.push(Block::Item(Item { range, head, parent, quoted: self.quotes > 0 }));
    }

    /// What begins at `at` is not part of the open item's first paragraph any more.
    fn head_ends(&mut self, at: usize) {
        let Some((item, ended)) = self.items.last_mut() else { return };
        if !std::mem::replace(ended, true)
            && let Some(Block::Item(item)) = self.blocks.get_mut(*item)
        {
            // The blanks before it are its own.
            let before = self.text[..at].trim_end_matches([' ', '\t']).len();
            item.head.end = before.clamp(item.head.start, item.head.end);
        }
    }

    fn paragraph(&mut self, range: Range<usize>) {
        match self.items.last_mut() {
            None => self.blocks.push(Block::Text { range }),
            // The first paragraph of a loose item is its head.
            Some((item, ended)) if !*ended => {
                *ended = true;
                if let Some(Block::Item(item)) = self.blocks.get_mut(*item) {
                    item.head.end = range.end.clamp(item.head.start, item.head.end);
                }
            }
            Some(_) => {}
        }
    }

    fn heading(&mut self, level: u8, range: Range<usize>) {
        self.head_ends(range.start);
        if !self.items.is_empty() {
            return;
        }
        // A line of dashes under a paragraph makes it a heading, which few people mean.
        let by_hash = self.text[range.clone()].trim_start().starts_with('#');
        self.blocks.push(match by_hash {
            true => Block::Heading { level, range },
            false => Block::Text { range },
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let shown = |block: &Block| match block {
            Block::Heading { level, range } => format!("h{level} {:?}", &text[range.clone()]),
            Block::Text { range } => format!("p {:?}", &text[range.clone()]),
            Block::Table { .. } => "table".to_owned(),
            Block::Item(item) => {
                let quoted = if item.quoted { "quoted " } else { "" };
                format!("{quoted}item {:?} in {:?}", &text[item.head.clone()], item.parent)
            }
        };
        blocks(text).iter().map(shown).collect()
    }

    #[test]
    fn heads_of_items_end_where_something_else_begins() {
        assert_eq!(
            shown(
                "# A\n- [ ] one\n  two\n  - three\n\n    more\n* four\n\n  ```\n  - [ ] code\n  ```\n"
            ),
            [
                "h1 \"# A\\n\"",
                "item \"[ ] one\\n  two\\n\" in None",
                "item \"three\\n\" in Some(1)",
                "item \"four\\n\" in None",
            ]
        );
        assert_eq!(
            shown("12. twelve\n> - quoted\n\nText\n---\n\n|a|\n|-|\n\n<!--\n- [ ] no\n-->\n"),
            [
                "item \"twelve\\n\" in None",
                "quoted item \"quoted\\n\" in None",
                "p \"Text\\n---\\n\"",
                "table"
            ]
        );
    }
}
