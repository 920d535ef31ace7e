//! Agents that take one prompt for a whole batch: one process a session, results by file.
//!
//! What all of them have in common stands here: the session's folder and HOME, the process, the results as they appear,
//! what ends a session early. What one of them knows of its own program is a [`Reader`].

use std::fmt;

use serde_json::Value;

use super::Usage;
use super::event::AgentEvent;
use super::fault::Found;
use super::patience::GivenUp;
use super::pipes::End;
use crate::failure::{Class, Failure, Fault, TurnEnd};

mod folder;
mod results;
mod rounds;
mod session;
#[cfg(test)]
pub(super) mod played;

pub(super) use folder::{make_tmp, prepare, stop_search, wall_in};
pub(super) use rounds::{Rounds, most_rounds};
pub(super) use session::OneShot;

/// What a driver knows of its program's language. Everything it is told it adds up in [`Told`].
pub(super) trait Reader: fmt::Debug + Send + 'static {
    /// What the program has told so far.
    fn told(&self) -> &Told;

    /// The events of one line of its output, which may be JSON.
    fn line(&mut self, line: &[u8]) -> Vec<AgentEvent>;

    /// The events of one line of its error stream.
    fn complaint(&mut self, line: &str) -> Vec<AgentEvent> {
        vec![AgentEvent::Remark(line.to_owned())]
    }

    /// The process has ended by itself, or after it had told its end: what went wrong, `None` for a good end.
    fn found(&self, end: &End) -> Option<Found>;

    /// What becomes then of the orders without a result. `any_taken`: a result has counted, so that login, model and set-up
    /// are right.
    fn rest(&self, end: &End, any_taken: bool) -> Rest {
        match self.found(end) {
            Some(found) => Rest::failed(&found, any_taken),
            None => Rest::all(TurnEnd::Silent(super::one_line(&self.told().silence(), 400))),
        }
    }
}

/// What a program has told of its session.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What the session has used, where that is told.
    pub(super) usage: Usage,
    /// Tool calls that were not allowed.
    pub(super) denied: usize,
    /// It told its end: nothing is left to wait for but the process.
    pub(super) finished: bool,
    /// Nothing good can come of it any more.
    pub(super) hopeless: Option<GivenUp>,
    /// The last words of the model.
    pub(super) words: String,
    /// Something was told that only a program that has begun can tell.
    pub(super) began: bool,
}

impl Told {
    /// What is told of orders without a result after a good end.
    pub(super) fn silence(&self) -> String {
        let denied = match self.denied {
            0 => String::new(),
            denied => format!(" after {denied} tool calls were denied"),
        };
        match self.words.trim() {
            "" => format!("the session ended{denied} and left no result"),
            words => format!("the session ended{denied} and left no result, and said: {words}"),
        }
    }

    /// The model went on writing; a new answer begins where `fresh`.
    pub(super) fn say(&mut self, words: &str, fresh: bool) {
        if fresh {
            self.words.clear();
        }
        // It is only ever told on one line.
        if self.words.len() < 2000 {
            self.words.push_str(words);
        }
    }
}

/// How the orders without a result end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rest {
    /// The first of them in the batch's order: the one that was being worked on.
    pub(super) first: TurnEnd,
    /// Those behind it.
    pub(super) behind: TurnEnd,
}

impl Rest {
    /// All of them alike.
    pub(super) fn all(end: TurnEnd) -> Self {
        Self { behind: end.clone(), first: end }
    }

    /// The session failed. What is charged to an order is charged to the one that was being worked on: the others were
    /// not come to, and nobody knows what they would have done.
    pub(super) fn failed(found: &Found, proven: bool) -> Self {
        let failure = found.gives_up(proven);
        let behind = match failure.class {
            Class::Env | Class::Lost => failure.clone(),
            Class::Work | Class::Crash => {
                let why = format!("not come to: {}", failure.evidence);
                Failure::of(Fault::Interrupted, proven, super::one_line(&why, 400)).over()
            }
        };
        Self { first: TurnEnd::Failed(failure), behind: TurnEnd::Failed(behind) }
    }
}

/// The line as a JSON object.
pub(super) fn object(line: &[u8]) -> Option<Value> {
    serde_json::from_slice(line).ok().filter(Value::is_object)
}

/// The text at `pointer`, empty when there is none.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Adds what is known: unknown and unknown is unknown.
pub(super) fn add(sum: Option<u64>, more: Option<u64>) -> Option<u64> {
    match (sum, more) {
        (None, None) => None,
        (sum, more) => Some(sum.unwrap_or(0).saturating_add(more.unwrap_or(0))),
    }
}
