//! The table of failures: what the model did, and what a driver and shopfloor make of it.

use super::*;

/// One row.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) reply: Reply,
    /// The words its evidence begins with.
    pub(super) fault: &'static str,
    pub(super) class: Class,
    pub(super) over: bool,
    pub(super) until: Option<u64>,
}

/// A row that is the environment's.
pub(super) fn env(name: &'static str, reply: Reply, fault: &'static str, over: bool) -> Row {
    Row { name, reply, fault, class: Class::Env, over, until: None }
}

/// A row that is the order's.
pub(super) fn work(name: &'static str, reply: Reply, fault: &'static str, over: bool) -> Row {
    Row { name, reply, fault, class: Class::Work, over, until: None }
}

/// Tells what became of a row, for the table that `.ci/prove agents` prints. An error says what is wrong with it.
pub(super) fn check(agent: &str, row: &Row, turn: &TurnEnd, requests: usize) -> Result<(), String> {
    let TurnEnd::Failed(failure) = turn else {
        return Err(format!("{agent} {}: {turn:?}", row.name));
    };
    let told = format!("{}: ", row.fault);
    let right = failure.evidence.starts_with(&told)
        && (failure.class, failure.session_over) == (row.class, row.over)
        && failure.until == row.until;
    println!(
        "FAULT|{agent}: {} ({requests} requests)|{}, {}|{}|{}",
        row.name,
        failure.class,
        then(failure),
        failure.evidence.replace('|', "/"),
        if right { "ok" } else { "SHORT" },
    );
    if right { Ok(()) } else { Err(format!("{agent} {}: {failure:?}", row.name)) }
}

/// What shopfloor does about it.
fn then(failure: &Failure) -> &'static str {
    match failure.until {
        Some(_) => "wait until the time it named",
        None => failure.action.as_str(),
    }
}
