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
    /// What the program is started with besides.
    pub(super) args: &'static [&'static str],
    /// What the model answers from its second request on, where that is another thing.
    pub(super) then: Option<Reply>,
}

/// A row that is the environment's.
pub(super) fn env(name: &'static str, reply: Reply, fault: &'static str, over: bool) -> Row {
    Row { name, reply, fault, class: Class::Env, over, until: None, args: &[], then: None }
}

/// A row that is the order's.
pub(super) fn work(name: &'static str, reply: Reply, fault: &'static str, over: bool) -> Row {
    Row { class: Class::Work, ..env(name, reply, fault, over) }
}

/// A row that is nobody's doing: the program was killed.
pub(super) fn killed() -> Row {
    Row { class: Class::Crash, ..env("killed", Reply::Stall, "the process ended", true) }
}

/// A program that has no key.
pub(super) fn no_key() -> Row {
    env("no-key", Reply::Result, "login", true)
}

/// Tells of a turn that came to a good end without a result that counts.
pub(super) fn check_silent(agent: &str, name: &str, turn: &TurnEnd, requests: usize) {
    let TurnEnd::Silent(why) = turn else { panic!("{agent} {name}: {turn:?}") };
    let why = why.replace('|', "/");
    println!("FAULT|{agent}: {name} ({requests} requests)|work, repair once|silent: {why}|ok");
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
