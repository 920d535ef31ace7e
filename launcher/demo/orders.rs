//! The six orders of the demo, and what must become of each when the simulated agent plays its scenario.

use shopfloor::error::Result;
use shopfloor::order::{Need, OrderId, Priority, Request};

/// What happens to an order on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing out of the ordinary.
    Plain,
    /// Its code is wrong the first time, and is mended by a fix turn in the same warm session.
    FixTurn,
    /// Its playtest sends it back once.
    SentBack,
    /// Its agent says that all is done and has done nothing: it ends FAILED.
    Lie,
}

/// One order.
#[derive(Debug)]
pub(super) struct Part {
    /// Its id, which is the name of its module too.
    pub(super) id: &'static str,
    title: &'static str,
    body: &'static str,
    /// The order it needs.
    pub(super) needs: Option<&'static str>,
    priority: &'static str,
    /// What happens to it.
    pub(super) fate: Fate,
}

/// The orders, in the order in which they are added.
pub(super) const PARTS: [Part; 6] = [
    Part {
        id: "slugify",
        title: "Slugs for addresses",
        body: "slugify(text: &str) -> String: the words of a text in lower case, joined by single dashes, apostrophes \
               left out. \"Don't panic!\" becomes \"dont-panic\"; a text without words becomes \"\".",
        needs: None,
        // Another one waits for it.
        priority: "high",
        fate: Fate::Plain,
    },
    Part {
        id: "reverse",
        title: "Words in reverse order",
        body: "reverse(text: &str) -> String: the words of a text from the last to the first, joined by blanks.",
        needs: None,
        priority: "high",
        fate: Fate::Lie,
    },
    Part {
        id: "shorten",
        title: "Previews of long texts",
        body: "shorten(text: &str, most: usize) -> String: the first `most` words of a text, joined by blanks and followed \
               by \"...\"; a text that has no more words than that stays as it is.",
        needs: None,
        priority: "normal",
        fate: Fate::SentBack,
    },
    Part {
        id: "headline",
        title: "Texts as headlines",
        body: "headline(text: &str) -> String: words begin with a capital and go on in small letters; a, an, and, of, the \
               and to stay small unless they are the first word. \"the LORD of the rings\" becomes \"The Lord of the Rings\".",
        needs: None,
        priority: "normal",
        fate: Fate::FixTurn,
    },
    Part {
        id: "frequency",
        title: "How often words occur",
        body: "frequency(text: &str) -> Vec<(String, usize)>: each word in lower case and how often it occurs, the most \
               frequent first, equals in alphabetical order.",
        needs: None,
        priority: "normal",
        fate: Fate::Plain,
    },
    Part {
        id: "permalink",
        title: "Permalinks of pages",
        body: "permalink(section: &str, title: &str) -> String: the address of a page, made of slugs (use slugify): \
               permalink(\"Guides\", \"Hello, World!\") is \"/guides/hello-world\"; without a section it is \"/hello-world\".",
        needs: Some("slugify"),
        priority: "normal",
        fate: Fate::Plain,
    },
];

impl Part {
    /// The order as it is added to the queue.
    pub(super) fn order(&self) -> Result<(OrderId, Request)> {
        let mut request = Request::titled(self.title);
        let id = self.id;
        request.body = format!(
            "{}\n\nPut it into `src/{id}.rs` as a public module, declared in the section of `src/lib.rs` where it belongs, \
             with tests in `tests/{id}.rs` and a small program that prints its result in `examples/{id}.rs`.\n",
            self.body
        );
        request.priority = Priority::parse(self.priority)?;
        request.needs = self
            .needs
            .into_iter()
            .map(|id| Need::try_from(id.to_owned()))
            .collect::<Result<_>>()?;
        request.source = Some("shopfloor demo".to_owned());
        Ok((OrderId::parse(id)?, request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_can_be_added_and_needs_one_that_was_added_before() {
        let mut before = Vec::new();
        for part in &PARTS {
            let (id, request) = part.order().unwrap();
            assert!(request.needs.iter().all(|need| before.contains(&need.id)), "{id}");
            before.push(id);
        }
    }
}
