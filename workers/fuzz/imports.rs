//! Backlogs of every shape, and what becomes of their wishes.

use crate::import::{
    BODY_LIMIT_BYTES, Known, Reading, Source, TITLE_LIMIT, github, jsonl, markdown, resolve,
    roadmap, work_item,
};
use crate::order::{OrderId, Request};

/// A plan of phases and checkboxes.
pub(super) fn plan(data: &[u8]) {
    looked_at(&String::from_utf8_lossy(data), markdown::read);
}

/// The other shapes; the first byte says which.
pub(super) fn backlog(data: &[u8]) {
    let Some((shape, text)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    match shape % 4 {
        0 => looked_at(&text, work_item::read),
        1 => looked_at(&text, github::read),
        2 => looked_at(&text, jsonl::read),
        _ => looked_at(&text, roadmap::read),
    }
}

/// Whatever is read keeps to its limits, names places that are there, and becomes orders that can be read again.
fn looked_at(text: &str, read: fn(&Source<'_>) -> Reading) {
    let source = Source { file: "plan.md", origin: "docs/plan.md", key: "plan", text };
    let reading = read(&source);
    let lines = text.lines().count().max(1) + 1;
    let told = reading.unusable.iter().chain(&reading.set_aside).chain(&reading.remarks);
    let spots = told.map(|told| &told.spot).chain(reading.wishes.iter().map(|wish| &wish.spot));
    for spot in spots {
        assert!((1..=lines).contains(&spot.line) && spot.column >= 1, "{spot} of {lines} lines");
    }
    for wish in &reading.wishes {
        assert!(wish.title.chars().count() <= TITLE_LIMIT + 1, "{}", wish.title);
        assert!(wish.body.len() <= BODY_LIMIT_BYTES + 1024, "{}", wish.body.len());
    }
    let Ok(plan) = resolve(&[reading], &Known::default(), true) else { return };
    for (id, request) in &plan.orders {
        assert_eq!(OrderId::parse(id.as_str()).ok().as_ref(), Some(id));
        let written = serde_json::to_vec(request).expect("a request can be written");
        assert_eq!(Request::parse(&written).ok().as_ref(), Some(request), "{id}");
    }
}
