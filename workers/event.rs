//! What the world is told: one type with two faces, a line for people and a JSON line for machines.
//!
//! Status, metrics and boards read the same events.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::agent::Usage;
use crate::failure::Class;
use crate::order::OrderId;
use crate::state::State;

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When, RFC 3339 with milliseconds, UTC.
    pub at: String,
    /// Who tells it: the worker's name (and instance), or `launcher`.
    pub by: String,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// A worker is up.
    Started {
        /// The stage's name.
        stage: String,
        /// The agent's name.
        agent: String,
        /// How many orders one session may take.
        batch: usize,
        /// The agent is a simulation.
        simulated: bool,
    },
    /// It was asked to stop.
    Stopping {
        /// True when it is to stop at once.
        now: bool,
    },
    /// It has ended.
    Stopped {
        /// Sessions opened.
        sessions: u64,
        /// Turns given.
        turns: u64,
        /// Orders moved on.
        advanced: u64,
    },
    /// Orders were claimed.
    Claimed {
        /// Which.
        orders: Vec<OrderId>,
        /// Why this many.
        why: String,
    },
    /// An order was not taken. Told once until the reason changes.
    Skipped {
        /// The order.
        order: OrderId,
        /// Why.
        why: String,
    },
    /// An agent session was opened.
    SessionOpened {
        /// Its id.
        session: String,
        /// The agent's name.
        agent: String,
        /// The agent is a simulation.
        simulated: bool,
    },
    /// A session ended.
    SessionEnded {
        /// Its id.
        session: String,
        /// How.
        how: String,
        /// Turns it took.
        turns: u64,
        /// Processes that outlived it and were ended.
        left_over: usize,
        /// What it used as a whole, where its agent tells that and no turn's own share.
        #[serde(default)]
        usage: Usage,
    },
    /// An order's turn began.
    TurnBegan {
        /// The order.
        order: OrderId,
        /// True for a fix turn.
        fix: bool,
        /// The fingerprint (SHA-256) of the prompt it was given; empty in the events of older versions.
        #[serde(default)]
        prompt: String,
    },
    /// The agent said something.
    Heard {
        /// One line.
        line: String,
    },
    /// A result that does not count.
    Refused {
        /// The order it named.
        order: String,
        /// Why it does not count.
        why: String,
    },
    /// Files of the queue were written by no worker while an agent had a session: by a person, or by the agent.
    Disturbed {
        /// The session.
        session: String,
        /// The order.
        order: String,
        /// What is different, one sentence.
        what: String,
    },
    /// An order's turn ended.
    TurnEnded {
        /// The order.
        order: OrderId,
        /// The verdict's word, `silent`, or `failed`.
        verdict: String,
        /// The agent's own words, or the evidence.
        why: String,
        /// How long it took, milliseconds.
        took_ms: u64,
        /// What it used.
        usage: Usage,
    },
    /// A gate was run.
    Gate {
        /// The order.
        order: OrderId,
        /// The gate's name.
        gate: String,
        /// `pass`, `fail`, `could-not-run`.
        outcome: String,
        /// One line.
        line: String,
        /// How long it took, milliseconds.
        took_ms: u64,
    },
    /// An order moved.
    Moved {
        /// The order.
        order: OrderId,
        /// From where.
        from: State,
        /// Where to.
        to: State,
        /// Why.
        why: String,
    },
    /// An order was given back where it stood.
    Returned {
        /// The order.
        order: OrderId,
        /// Where it stands.
        state: State,
        /// Who is charged.
        class: Class,
        /// Why.
        why: String,
        /// Seconds it rests.
        rests_secs: u64,
    },
    /// An order was given up.
    Buried {
        /// The order.
        order: OrderId,
        /// Why.
        why: String,
    },
    /// A claim was lost to a person or another worker; nothing was moved.
    LostClaim {
        /// The order.
        order: OrderId,
        /// Why.
        why: String,
    },
    /// A stage pauses: its machine or set-up failed.
    Paused {
        /// The stage's name.
        stage: String,
        /// Seconds.
        secs: u64,
        /// What failed.
        why: String,
        /// What a person does about it.
        mend: String,
    },
    /// A paused stage works again.
    Resumed {
        /// The stage's name.
        stage: String,
    },
    /// An account is parked: nothing is begun with it.
    Parked {
        /// The account's name.
        account: String,
        /// The words of the fault.
        fault: String,
        /// Unix seconds at which it goes on by itself; without one a person has to say so.
        until: Option<u64>,
        /// How that is told.
        told: String,
        /// What was seen.
        why: String,
    },
    /// A parked account works again.
    Unparked {
        /// The account's name.
        account: String,
    },
    /// A dead worker's order is ready again.
    Recovered {
        /// The order.
        order: OrderId,
        /// The worker that died.
        worker: String,
        /// Who is charged.
        class: Class,
    },
    /// Something a person should know.
    Warning {
        /// One line.
        text: String,
    },
}

impl Event {
    /// An event of this moment.
    pub fn now(by: &str, what: What) -> Self {
        let at = jiff::Timestamp::now().round(jiff::Unit::Millisecond);
        let at = at.unwrap_or_else(|_| jiff::Timestamp::now()).to_string();
        Self { at, by: by.to_owned(), what }
    }
}

impl What {
    /// True for what a person must not miss.
    pub fn is_bad_news(&self) -> bool {
        matches!(
            self,
            Self::Buried { .. }
                | Self::Paused { .. }
                | Self::Parked { .. }
                | Self::Warning { .. }
                | Self::Refused { .. }
                | Self::Disturbed { .. }
        )
    }
}

/// `1 turn`, `2 turns`, `2 processes`.
fn some(count: u64, noun: &str) -> String {
    let ending = match (count, noun.ends_with('s')) {
        (1, _) => "",
        (_, false) => "s",
        (_, true) => "es",
    };
    format!("{count} {noun}{ending}")
}

fn secs(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1000.0)
}

impl fmt::Display for What {
    #[expect(clippy::too_many_lines, reason = "one arm per event: a table")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { stage, agent, batch, simulated } => {
                let label = if *simulated { " (SIMULATED)" } else { "" };
                write!(f, "up: stage {stage}, agent {agent}{label}, batch {batch}")
            }
            Self::Stopping { now: false } => {
                f.write_str("asked to stop: finishing the running turn, taking nothing new")
            }
            Self::Stopping { now: true } => f.write_str("asked to stop at once: ending the agent"),
            Self::Stopped { sessions, turns, advanced } => {
                let (sessions, turns) = (some(*sessions, "session"), some(*turns, "turn"));
                write!(f, "down: {sessions}, {turns}, {} moved on", some(*advanced, "order"))
            }
            Self::Claimed { orders, why } => {
                let orders: Vec<&str> = orders.iter().map(OrderId::as_str).collect();
                write!(f, "claimed {} ({why})", orders.join(", "))
            }
            Self::Skipped { order, why } => write!(f, "{order}: not taken: {why}"),
            Self::SessionOpened { session, agent, simulated } => {
                let label = if *simulated { " SIMULATED" } else { "" };
                write!(f, "session {session} opened with {agent}{label}")
            }
            Self::SessionEnded { session, how, turns, left_over: 0, .. } => {
                write!(f, "session {session} ended: {how}, {}", some(*turns, "turn"))
            }
            Self::SessionEnded { session, how, turns, left_over, .. } => write!(
                f,
                "session {session} ended: {how}, {}; left behind and ended: {}",
                some(*turns, "turn"),
                some(*left_over as u64, "process")
            ),
            Self::TurnBegan { order, fix: false, .. } => write!(f, "{order}: its turn begins"),
            Self::TurnBegan { order, fix: true, .. } => write!(f, "{order}: a fix turn begins"),
            Self::Heard { line } => write!(f, "  agent: {line}"),
            Self::Refused { order, why } => {
                write!(f, "a result for {order:?} does not count: {why}")
            }
            Self::Disturbed { session, order, what } => write!(
                f,
                "{order}: {what}, by hand, while session {session} was open: if it was none of you, it was the agent"
            ),
            Self::TurnEnded { order, verdict, why, took_ms, .. } => {
                write!(
                    f,
                    "{order}: its turn ended after {}: the agent says {verdict}",
                    secs(*took_ms)
                )?;
                if why.is_empty() { Ok(()) } else { write!(f, ": {why}") }
            }
            Self::Gate { order, gate, outcome, line, took_ms } => {
                write!(f, "{order}: gate {gate}: {outcome} ({}): {line}", secs(*took_ms))
            }
            Self::Moved { order, from, to, why } => write!(f, "{order}: {from} -> {to}: {why}"),
            Self::Returned { order, state, class, why, rests_secs } => {
                write!(f, "{order}: given back to {state} ({class}): {why}")?;
                if *rests_secs > 0 { write!(f, "; rests {rests_secs} s") } else { Ok(()) }
            }
            Self::Buried { order, why } => write!(f, "{order}: FAILED: {why}"),
            Self::LostClaim { order, why } => {
                write!(f, "{order}: let go, nothing was moved: {why}")
            }
            Self::Paused { stage, secs, why, mend } => {
                write!(f, "the {stage} stage pauses for {secs} s: {why}. What to do: {mend}")
            }
            Self::Resumed { stage } => write!(f, "the {stage} stage works again"),
            Self::Parked { told, why, .. } => {
                write!(f, "the account {told}: nothing is begun with it ({why})")
            }
            Self::Unparked { account } => write!(f, "the account {account} works again"),
            Self::Recovered { order, worker, class } => {
                write!(f, "{order}: ready again: worker {worker} died with it ({class})")
            }
            Self::Warning { text } => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_two_faces() {
        let what = What::Skipped { order: OrderId::parse("a").unwrap(), why: "held".to_owned() };
        assert_eq!(what.to_string(), "a: not taken: held");
        let event = Event::now("spec-worker", what);
        let json = serde_json::to_string(&event).unwrap();
        assert!(json.contains(r#""event":"skipped","order":"a""#), "{json}");
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
    }
}
