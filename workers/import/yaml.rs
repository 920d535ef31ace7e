//! Front matter: the small part of YAML that people write there, as a tree in which every value is text and knows its place.
//!
//! Plain words stay words: `no` is no truth value, `005` no number, a date no date. References (`&a`, `*a`) are refused: nobody needs
//! them there, and a few lines of them can stand for more text than any memory holds.

use std::collections::HashSet;

use saphyr_parser::{Event, Parser, ScalarStyle};

/// How deep lists and tables may be nested.
const DEPTH_LIMIT: usize = 32;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// What it is.
    pub(super) value: Value,
    /// Where it begins: how many characters stand before it.
    pub(super) at: usize,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing: empty, `~` or `null`.
    Null,
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A table, in its own order.
    Table(Vec<(Node, Node)>),
}

/// Why a text can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The reason.
    pub(super) why: String,
    /// Where: how many characters stand before it.
    pub(super) at: usize,
}

impl Node {
    /// The value of this key of a table.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Table(rows) = &self.value else { return None };
        rows.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// Its text, if it is one and not empty.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) if !text.trim().is_empty() => Some(text.trim()),
            _ => None,
        }
    }

    /// The texts of a list; one text alone is a list of one.
    pub(super) fn texts(&self) -> Vec<&Self> {
        match &self.value {
            Value::List(items) => items.iter().filter(|item| item.text().is_some()).collect(),
            Value::Text(_) if self.text().is_some() => vec![self],
            _ => Vec::new(),
        }
    }
}

/// A list or table that is being read: its place, the key that waits for its value, and what is in it.
struct Open {
    at: usize,
    table: bool,
    key: Option<Node>,
    items: Vec<Node>,
    rows: Vec<(Node, Node)>,
    keys: HashSet<String>,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    whole: Option<Node>,
}

/// Reads one document.
pub(super) fn read(text: &str) -> Result<Node, Fault> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event
            .map_err(|error| Fault { why: error.info().to_owned(), at: error.marker().index() })?;
        builder.hear(event, span.start.index())?;
    }
    Ok(builder.whole.unwrap_or(Node { value: Value::Null, at: 0 }))
}

impl Builder {
    fn hear(&mut self, event: Event<'_>, at: usize) -> Result<(), Fault> {
        let fault = |why: &str| Err(Fault { why: why.to_owned(), at });
        match event {
            Event::Scalar(_, _, 1.., _)
            | Event::SequenceStart(1.., _)
            | Event::MappingStart(1.., _) => fault("a name for a value (&) is not read here"),
            Event::Alias(_) => fault("a reference (*) is not read here; write the value out"),
            Event::Scalar(text, style, ..) => {
                let plain = matches!(style, ScalarStyle::Plain);
                let null = plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if null { Value::Null } else { Value::Text(text.into_owned()) };
                self.put(Node { value, at })
            }
            Event::SequenceStart(..) | Event::MappingStart(..)
                if self.open.len() == DEPTH_LIMIT =>
            {
                fault("it is nested too deeply")
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                let table = matches!(event, Event::MappingStart(..));
                let (items, rows, keys) = (Vec::new(), Vec::new(), HashSet::new());
                self.open.push(Open { at, table, key: None, items, rows, keys });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { at, table, items, rows, .. }) = self.open.pop() else {
                    return Ok(());
                };
                let value = if table { Value::Table(rows) } else { Value::List(items) };
                self.put(Node { value, at })
            }
            Event::DocumentStart(_) if self.whole.is_some() => {
                fault("a second document is not read")
            }
            _ => Ok(()),
        }
    }

    fn put(&mut self, node: Node) -> Result<(), Fault> {
        let Some(above) = self.open.last_mut() else {
            self.whole = Some(node);
            return Ok(());
        };
        match (above.table, above.key.take()) {
            (false, _) => above.items.push(node),
            (true, None) => above.key = Some(node),
            (true, Some(key)) => {
                let name = key.text().unwrap_or_default().to_owned();
                if !name.is_empty() && above.keys.contains(&name) {
                    let why = format!("{name:?} stands here twice");
                    return Err(Fault { why, at: key.at });
                }
                above.keys.insert(name);
                above.rows.push((key, node));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(node: &Node) -> serde_json::Value {
        match &node.value {
            Value::Null => serde_json::Value::Null,
            Value::Text(text) => text.clone().into(),
            Value::List(items) => items.iter().map(json).collect(),
            Value::Table(rows) => {
                let rows = rows
                    .iter()
                    .filter_map(|(key, value)| Some((key.text()?.to_owned(), json(value))));
                serde_json::Value::Object(rows.collect())
            }
        }
    }

    #[test]
    fn words_stay_words_and_know_their_places() {
        let text = "id: 005\non: no\nwhen: 2026-01-21\nlist:\n- a\n- 'b: c'\ntext: |\n  x\n  y\nnone: ~\nempty: []\nlong: one\n  two\n";
        let read = read(text).unwrap();
        let json = json(&read);
        assert_eq!(
            json,
            serde_json::json!({"id": "005", "on": "no", "when": "2026-01-21", "list": ["a", "b: c"], "text": "x\ny\n",
                "none": null, "empty": [], "long": "one two"})
        );
        let second = &read.get("list").unwrap().texts()[1].clone();
        assert_eq!(second.at, text.find("'b").unwrap());
        assert_eq!(read.get("none").unwrap().texts().len(), 0);
    }

    #[test]
    fn what_is_broken_or_a_trap_is_refused_with_its_place() {
        let fault = |text: &str| {
            let fault = read(text).unwrap_err();
            format!("{} {}", fault.at, fault.why)
        };
        assert!(fault("a: 1\nb: [1, 2\nc: 3\n").starts_with(|c: char| c.is_ascii_digit()));
        assert_eq!(fault("a: 1\na: 2\n"), "5 \"a\" stands here twice");
        assert!(fault("a: &x [1]\nb: *x\n").contains("&"));
        assert!(fault(&"- ".repeat(40)).contains("nested too deeply"));
        assert!(read(&"[".repeat(100_000)).is_err());
        assert!(fault("a: 1\n---\nb: 2\n").contains("second document"));
    }
}
