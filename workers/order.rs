//! A work order: its id and its request, as people write them.

mod due;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::state::State;

pub use due::Due;

/// The name of an order. It becomes a path, a branch name and prompt text, so it is parsed at every door:
/// `^[a-z0-9](?:[a-z0-9-]|[._](?=[a-z0-9])){0,62}$`, not ending in `.lock`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrderId(String);

impl OrderId {
    /// Reads an id, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self> {
        match Self::fault(text) {
            None => Ok(Self(text.to_owned())),
            Some(why) => {
                let shown: String = text.chars().take(80).collect();
                Err(Error::usage(format!("{shown:?} is not an order id: {why}")).hint(
                    "an id has 1 to 63 of a-z 0-9 - . _ and begins with a letter or digit, \
                     for instance item-stacking",
                ))
            }
        }
    }

    fn fault(text: &str) -> Option<&'static str> {
        let bytes = text.as_bytes();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if bytes.is_empty() {
            return Some("it is empty");
        }
        if bytes.len() > 63 {
            return Some("it is longer than 63 bytes");
        }
        if !plain(bytes[0]) {
            return Some("it does not begin with a-z or 0-9");
        }
        for (at, &b) in bytes.iter().enumerate() {
            match b {
                b'-' => {}
                b'.' | b'_' if bytes.get(at + 1).is_some_and(|&next| plain(next)) => {}
                b'.' | b'_' => return Some("a '.' or '_' must stand before a letter or digit"),
                _ if plain(b) => {}
                _ => return Some("it holds a character other than a-z 0-9 - . _"),
            }
        }
        text.ends_with(".lock").then_some("it ends in .lock")
    }

    /// An id made from a title: its letters and digits, joined by dashes, at most 48 bytes.
    /// `None` when nothing of the title can stand in an id.
    pub fn from_title(title: &str) -> Option<Self> {
        let mut slug = String::new();
        for c in title.chars().flat_map(char::to_lowercase) {
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
            if slug.len() >= 48 {
                break;
            }
        }
        Self::parse(slug.trim_end_matches('-')).ok()
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for OrderId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<OrderId> for String {
    fn from(id: OrderId) -> Self {
        id.0
    }
}

/// What is asked for: `order.json`. People may edit it; workers never rewrite it.
/// Fields we do not know are kept as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// One line that names the work.
    pub title: String,
    /// The work in full, markdown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// How soon: `critical`, `high`, `normal`, `low` or 0 (first) to 9 (last).
    #[serde(default)]
    pub priority: Priority,
    /// Orders that must get somewhere first: `id` (to READY_FOR_REVIEW) or `id@STATE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    /// Files it will touch, relative to the repository.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Words of the user's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// How much of a batch it takes; 1 unless said.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub weight: u32,
    /// The phase it belongs to: it waits until the earlier phases are done, as far as `[floor] phase_gate` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<u32>,
    /// Its phase runs beside the phases around it that say the same.
    #[serde(default, skip_serializing_if = "is_false")]
    pub phase_parallel: bool,
    /// How much of its phase was through when it was taken in, and so never became an order.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub phase_over: u32,
    /// What it needed was through when it was taken in. Like needs that are still there, this stands above its phase.
    #[serde(default, skip_serializing_if = "is_false")]
    pub needs_met: bool,
    /// A group of orders that are done one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Why the orders of its group are done one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_reason: Option<String>,
    /// Its place in its group: the lowest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u32>,
    /// Until when it is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Due>,
    /// Its name where it came from: whoever imports it again finds it by this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Everything else that stood in the file.
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_one(weight: &u32) -> bool {
    *weight == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_nothing(count: &u32) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(word: &bool) -> bool {
    !*word
}

impl Request {
    /// A request of which only the title is known.
    pub fn titled(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            body: String::new(),
            priority: Priority::default(),
            needs: Vec::new(),
            files: Vec::new(),
            labels: Vec::new(),
            weight: 1,
            phase: None,
            phase_parallel: false,
            phase_over: 0,
            needs_met: false,
            group: None,
            group_reason: None,
            sequence: None,
            due: None,
            external_id: None,
            source: None,
            more: serde_json::Map::new(),
        }
    }

    /// The phase that it waits for the earlier ones of; none when it said itself what it needs.
    pub fn waiting_phase(&self) -> Option<u32> {
        self.phase.filter(|_| self.needs.is_empty() && !self.needs_met)
    }

    /// Reads an `order.json`. The error names line and column, or says that a newer version wrote it.
    pub fn parse(text: &[u8]) -> Result<Self> {
        refuse_newer(text)?;
        let request: Self = serde_json::from_slice(text).map_err(|error| {
            Error::usage(format!("not a valid order.json: {error}"))
                .hint(r#"the smallest one is {"title": "what is wanted"}"#)
        })?;
        if request.title.trim().is_empty() {
            return Err(Error::usage("not a valid order.json: its title is empty"));
        }
        Ok(request)
    }
}

/// The format of requests that this version reads. Nothing of ours writes it down: a request that says nothing has it.
const FORMAT: u64 = 1;

/// The only field that is read before anything is known of the format. One that holds no number is somebody's own.
#[derive(Deserialize)]
struct Format {
    #[serde(default)]
    format: serde_json::Value,
}

/// What a newer version means by the fields that we know, nobody here can tell: it is not read at all.
fn refuse_newer(text: &[u8]) -> Result<()> {
    let said = serde_json::from_slice::<Format>(text).ok().and_then(|said| said.format.as_u64());
    match said.filter(|format| *format > FORMAT) {
        None => Ok(()),
        Some(format) => Err(Error::usage(format!(
            "it has format {format}, and this shopfloor knows {FORMAT}: a newer one wrote it"
        ))
        .hint("use the newer shopfloor for it, or take \"format\" out if the file is in the older form")),
    }
}

/// How soon an order is wanted: 0 (first) to 9 (last). The words are 0 critical, 2 high, 5 normal, 8 low.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority(u8);

impl Default for Priority {
    fn default() -> Self {
        Self(5)
    }
}

impl Priority {
    /// Reads a word or a digit.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "critical" => Ok(Self(0)),
            "high" => Ok(Self(2)),
            "normal" => Ok(Self(5)),
            "low" => Ok(Self(8)),
            _ => match text.parse::<u8>() {
                Ok(digit) if digit <= 9 => Ok(Self(digit)),
                _ => Err(Error::usage(format!("{text:?} is not a priority"))
                    .hint("use critical, high, normal, low or 0 (first) to 9 (last)")),
            },
        }
    }

    /// 0 (first) to 9 (last).
    pub fn digit(self) -> u8 {
        self.0
    }
}

impl Serialize for Priority {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            0 => serializer.serialize_str("critical"),
            2 => serializer.serialize_str("high"),
            5 => serializer.serialize_str("normal"),
            8 => serializer.serialize_str("low"),
            digit => serializer.serialize_u8(digit),
        }
    }
}

impl<'de> Deserialize<'de> for Priority {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Word(String),
            Digit(u8),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Word(word) => word,
            Written::Digit(digit) => digit.to_string(),
        };
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Another order that must have got somewhere: `id` or `id@STATE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Need {
    /// The order waited for.
    pub id: OrderId,
    /// How far it must have come.
    pub reached: State,
}

impl TryFrom<String> for Need {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        match text.split_once('@') {
            Some((id, state)) => {
                Ok(Self { id: OrderId::parse(id)?, reached: State::parse(state)? })
            }
            None => Ok(Self { id: OrderId::parse(&text)?, reached: State::READY_FOR_REVIEW }),
        }
    }
}

impl From<Need> for String {
    fn from(need: Need) -> Self {
        if need.reached == State::READY_FOR_REVIEW {
            return need.id.into();
        }
        format!("{}@{}", need.id, need.reached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_parsed_at_the_door() {
        for good in ["a", "0", "item-stacking", "v1.2", "a_b", "a-", &"a".repeat(63)] {
            assert!(OrderId::parse(good).is_ok(), "{good:?}");
        }
        let bad = [
            "",
            ".",
            "..",
            "a/b",
            "../x",
            "-rf",
            "a\nb",
            "$(x)",
            "a\0b",
            "A",
            "a.",
            "a..b",
            "a._b",
            "é",
            "x.lock",
            " a",
            "a b",
            "_a",
            "CON",
            "a\u{202e}b",
        ];
        for id in bad.into_iter().chain([&*"a".repeat(64), &*"a".repeat(300)]) {
            assert!(OrderId::parse(id).is_err(), "{id:?}");
        }
    }

    #[test]
    fn a_title_makes_an_id() {
        let slug = |title| OrderId::from_title(title).map(String::from);
        assert_eq!(slug("Add a --json flag!").as_deref(), Some("add-a-json-flag"));
        assert_eq!(slug("  ¿?  "), None);
    }

    #[test]
    fn a_request_of_a_newer_format_is_refused_politely_and_ours_is_read() {
        let error = Request::parse(br#"{"format": 2, "title": {"en": "x"}}"#).unwrap_err();
        assert!(error.to_string().contains("format 2"), "{error}");
        assert!(error.next_step().unwrap().contains("newer shopfloor"));
        for own in [r#""format": 1"#, r#""format": "markdown""#, r#""version": 9"#] {
            let text = format!(r#"{{"title": "x", {own}}}"#);
            let request = Request::parse(text.as_bytes()).unwrap();
            assert_eq!(request.more.len(), 1, "{own} is kept");
        }
    }

    #[test]
    fn unknown_fields_of_a_request_are_kept() {
        let text = br#"{"title":"t","priority":"high","needs":["a","b@IMPL"],"estimate":3}"#;
        let request = Request::parse(text).unwrap();
        assert_eq!(request.priority.digit(), 2);
        assert_eq!(request.needs[1].reached, State::IMPL);
        let back = serde_json::to_value(&request).unwrap();
        assert_eq!(back["estimate"], 3);
        assert_eq!(back["needs"][0], "a");
    }

    #[test]
    fn numbers_of_ones_own_keep_every_digit() {
        let digits = "8".repeat(80);
        let text = format!(r#"{{"title":"t","more":[1{digits}.5,0.1,1e-9,{digits}]}}"#);
        let request = Request::parse(text.as_bytes()).unwrap();
        let written = serde_json::to_vec(&request).unwrap();
        assert_eq!(Request::parse(&written).unwrap(), request);
    }

    #[test]
    fn a_request_says_where_in_a_plan_it_stands() {
        let text = br#"{"title":"t","phase":2,"phase_parallel":true,"group":"db","group_reason":"one schema",
            "sequence":3,"due":"2026-12-01","external_id":"plan.md#4"}"#;
        let request = Request::parse(text).unwrap();
        assert_eq!(
            (request.phase, request.phase_parallel, request.sequence),
            (Some(2), true, Some(3))
        );
        assert_eq!(request.due, Due::parse("2026-12-01T00:00:00Z").ok());
        assert!(request.more.is_empty());
        let back = serde_json::to_vec(&request).unwrap();
        assert_eq!(Request::parse(&back).unwrap(), request);
        let plain = serde_json::to_value(Request::titled("t")).unwrap();
        assert_eq!(plain, serde_json::json!({"title": "t", "priority": "normal"}));
    }

    #[test]
    fn a_broken_request_names_line_and_column() {
        let error = Request::parse(b"{\n  \"title\": 3\n}").unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        assert!(Request::parse(b"{\"title\":\" \"}").is_err());
    }
}
