//! Words and papers whose parsers everybody may use.

use std::path::Path;

use crate::config::{Config, parse_duration};
use crate::holder::{SessionId, WorkerId};
use crate::order::{Due, OrderId, Priority, Request};
use crate::queue::files;
use crate::state::State;
use crate::verdict::{RESULT_LIMIT_BYTES, Testimony};

/// Ids, states, markers, priorities, moments, lengths of time.
pub(super) fn names(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    order_id(&text);
    if let Ok(worker) = WorkerId::parse(&text) {
        assert_eq!(WorkerId::parse(worker.as_str()).ok(), Some(worker.clone()));
        assert!(is_one_name(worker.as_str()), "{worker}");
        let _numbers = (worker.pid(), worker.start_time());
    }
    if let Ok(session) = SessionId::parse(&text) {
        assert!(is_one_name(session.as_str()), "{session}");
        assert_eq!(session.as_str(), text);
    }
    if let Ok(state) = State::parse(&text) {
        assert!(is_one_name(state.as_str()) && state.as_str() == text, "{state}");
    }
    if let Ok(priority) = Priority::parse(&text) {
        assert_eq!(Priority::parse(&priority.digit().to_string()).ok(), Some(priority));
    }
    if let Ok(due) = Due::parse(&text) {
        assert_eq!(Due::parse(&due.to_string()).ok(), Some(due), "{text:?}");
    }
    let _length = parse_duration(&text);
    files::fuzzed::marker(&text);
}

/// An accepted id obeys the grammar, said here in another way than in its parser.
fn order_id(text: &str) {
    if let Some(id) = OrderId::from_title(text) {
        assert_eq!(OrderId::parse(id.as_str()).ok(), Some(id));
    }
    let small = |c: char| matches!(c, 'a'..='z' | '0'..='9');
    let doubled = ["..", "__", "._", "_.", ".-", "_-"].iter().any(|pair| text.contains(pair));
    let legal = text.starts_with(small)
        && text.chars().all(|c| small(c) || "-._".contains(c))
        && !doubled
        && !text.ends_with(['.', '_'])
        && text.len() < 64
        && !text.ends_with(".lock");
    assert_eq!(OrderId::parse(text).is_ok(), legal, "{text:?}");
    assert!(!legal || is_one_name(text), "{text:?}");
}

/// True for what is one name in a folder, wherever it is used.
fn is_one_name(text: &str) -> bool {
    let path = Path::new(text);
    path.components().count() == 1 && path.file_name().is_some_and(|name| name == text)
}

/// `order.json`: what is accepted is the same when it is written and read again.
pub(super) fn request(data: &[u8]) {
    let Ok(request) = Request::parse(data) else { return };
    assert!(!request.title.trim().is_empty());
    let written = serde_json::to_vec(&request).expect("a request can be written");
    let again = Request::parse(&written).expect("what we write can be read");
    assert_eq!(request, again);
}

/// `shopfloor.toml`.
pub(super) fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(config) = Config::parse(&text, Path::new("shopfloor.toml")) {
        for stage in config.stage.values() {
            assert!(stage.batch != Some(0) && stage.parallel != Some(0));
        }
    }
}

/// A result of one order, as an agent leaves it: it counts only for this order, generation and session.
pub(super) fn result(data: &[u8]) {
    let order = OrderId::parse("a").expect("an id");
    if let Ok(said) = Testimony::read(data, &order, 3, "n0nce") {
        assert!(data.len() <= RESULT_LIMIT_BYTES);
        assert_eq!((said.order.as_str(), said.generation, said.nonce.as_str()), ("a", 3, "n0nce"));
        let written = serde_json::to_vec(&said).expect("a testimony can be written");
        assert_eq!(Testimony::read(&written, &order, 3, "n0nce"), Ok(said));
    }
    for (generation, nonce) in [(2, "n0nce"), (3, "nonce")] {
        let other = Testimony::read(data, &order, generation, nonce);
        let counts = Testimony::read(data, &order, 3, "n0nce").is_ok();
        assert!(!(counts && other.is_ok()), "one result counts for two claims");
    }
}
