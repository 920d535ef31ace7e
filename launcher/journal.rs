//! An order's journal as a person reads it.

use std::path::Path;

use shopfloor::history::{Entry, Kind};
use shopfloor::state::State;

use crate::voice::line;

/// The name of the journal in an order's folder.
pub(crate) const FILE_NAME: &str = "events.jsonl";

/// The readable entries of the journal in `folder`. A line that can't be read is left out: the queue judges those.
pub(crate) fn read(folder: &Path) -> Vec<Entry> {
    let text = std::fs::read(folder.join(FILE_NAME)).unwrap_or_default();
    let lines = text.split(|&b| b == b'\n').filter(|line| !line.is_empty());
    lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// The state that the order was in when it was last given up.
pub(crate) fn failed_in(entries: &[Entry]) -> Option<State> {
    let buried = |entry: &&Entry| entry.to == Some(State::FAILED);
    entries.iter().rev().find(buried).and_then(|entry| entry.from.clone())
}

/// One entry in words, without its time.
pub(crate) fn told(entry: &Entry) -> String {
    let state = |state: &Option<State>| state.as_ref().map_or("?".to_owned(), State::to_string);
    let (from, to) = (state(&entry.from), state(&entry.to));
    let worker = entry.wid.as_ref().map_or("?".to_owned(), |wid| wid.pid().to_string());
    let class = entry.class.map(|class| format!(" ({class})")).unwrap_or_default();
    let what = match entry.e {
        Kind::Create => "made".to_owned(),
        Kind::Claim => format!("claimed in {from} by worker {worker}"),
        Kind::Orphan => format!("worker {worker} died with it{class}"),
        Kind::Release => format!("given back in {from}{class}"),
        Kind::Advance if entry.class.is_some() => format!("sent back: {from} to {to}{class}"),
        Kind::Advance => format!("{from} to {to}"),
        Kind::Hold => "put on hold".to_owned(),
        Kind::Unhold => "hold taken away".to_owned(),
        Kind::Manual => format!("moved by hand: {from} to {to}"),
        Kind::Note => entry.topic.clone().unwrap_or_else(|| "note".to_owned()),
        Kind::Bury => format!("given up in {from}"),
        Kind::Kick => format!("moved by a person: {from} to {to}"),
        Kind::Archive => "put into the archive".to_owned(),
    };
    match entry.why.is_empty() {
        true => what,
        false => format!("{what}: {}", line(&entry.why, 160)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_failure_says_where_it_failed() {
        let bury = |from: State| Entry {
            from: Some(from),
            to: Some(State::FAILED),
            ..Entry::of(Kind::Advance, 1)
        };
        let entries = [bury(State::NEW), Entry::of(Kind::Kick, 1), bury(State::IMPL)];
        assert_eq!(failed_in(&entries), Some(State::IMPL));
        assert_eq!(failed_in(&[]), None);
    }

    #[test]
    fn an_entry_is_told_on_one_line_without_control_characters() {
        let entry = Entry {
            from: Some(State::IMPL),
            to: Some(State::TESTS_POST),
            why: "done\u{1b}[2J\nnext".to_owned(),
            ..Entry::of(Kind::Advance, 3)
        };
        assert_eq!(told(&entry), "IMPL to TESTS_POST: done [2J next");
    }
}
