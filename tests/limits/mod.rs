//! Stories of limits: an account that is parked, budgets, turns that do not end as they should. The agent is SIMULATED.

#![expect(clippy::print_stdout, reason = "figures are shown by --nocapture")]

mod accounts;
mod answers;
mod budgets;

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::house::{House, program, shown};

/// Limits that do not keep a test waiting.
const QUICK: &str =
    "[limits]\nbackoff = \"1s\"\nbreaker = \"1s\"\npoll = \"100ms\"\nattempts = 3\n";

/// A second agent of this name that does honest work, with its calls in a file of their own.
fn second_agent(name: &str, calls: &std::path::Path) -> String {
    let sim = program("sim-agent").display().to_string();
    let calls = calls.display().to_string();
    format!(
        "[agent.{name}]\ndriver = \"claude\"\nprogram = {sim:?}\nsimulated = true\n\
         env = {{ SIM_AGENT_CALLS = {calls:?}, SIM_AGENT_SPEED = \"100\" }}\n"
    )
}

/// When each model call was made, Unix milliseconds, with its stage and order.
fn calls(path: &std::path::Path) -> Vec<(u128, String, String)> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let call = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        let at = words.next()?.parse().ok()?;
        Some((at, words.next()?, words.next()?))
    };
    text.lines().filter_map(call).collect()
}

fn unix_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()
}

/// Events of a kind for an order.
fn told_of(house: &House, kind: &str, order: &str) -> Vec<serde_json::Value> {
    house.told(kind).into_iter().filter(|event| event["order"] == order).collect()
}

/// How often an order was charged: releases and moves back that count.
fn charged(house: &House, order: &str) -> usize {
    let counts =
        |entry: &&serde_json::Value| matches!(entry["class"].as_str(), Some("work" | "crash"));
    house.journal(order).iter().filter(counts).count()
}

/// Its spec was written, and it was charged with nothing.
#[track_caller]
fn moved_on_uncharged(house: &House, id: &str) {
    let stands = (house.state(id), charged(house, id));
    assert_eq!(stands, ("TESTS_PRE".to_owned(), 0), "{id}: {}", house.scene());
}

fn status(house: &House) -> serde_json::Value {
    let ran = house.shopfloor(&["status", "--json"]);
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", shown(&ran)))
}

const PATIENCE: Duration = Duration::from_secs(60);
