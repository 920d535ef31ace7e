//! What has been said and asked in one session: a plain state machine from lines to [`Said`], without a process.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;

use serde_json::Value;

use super::super::ration::Ration;
use super::super::{Said, Turn, Usage, one_line};
use super::event::{self, Event, Retry};
use super::outcome::{self, Hints};
use super::usage::Meter;
use crate::failure::{Class, Failure, TurnEnd};
use crate::order::OrderId;
use crate::process::Ended;
use crate::verdict::Testimony;

/// The longest wait before a retry that we sit through. A longer one is ours to spend, with other work.
const LONGEST_RETRY_MS: f64 = 120_000.0;

/// What the process should get after a line.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Then {
    /// Nothing.
    GoOn,
    /// Its end, for this reason: nothing more can come of it.
    Kill(&'static str),
}

/// The turn under way.
#[derive(Debug)]
struct Under {
    order: OrderId,
    generation: u64,
    /// The CLI said that it began.
    began: bool,
    interrupted: bool,
    hints: Hints,
}

/// One session's talk.
#[derive(Debug)]
pub(super) struct Conversation {
    nonce: String,
    turn: Option<Under>,
    given: u64,
    inits: u64,
    proven: bool,
    spoke: bool,
    meter: Meter,
    ration: Ration,
    out: VecDeque<Said>,
    unknown: BTreeMap<String, u64>,
}

impl Conversation {
    pub(super) fn new(nonce: &str) -> Self {
        Self {
            nonce: nonce.to_owned(),
            turn: None,
            given: 0,
            inits: 0,
            proven: false,
            spoke: false,
            meter: Meter::default(),
            ration: Ration::new(),
            out: VecDeque::new(),
            unknown: BTreeMap::new(),
        }
    }

    /// A turn is about to be given. False when one is still under way.
    pub(super) fn begin(&mut self, turn: &Turn) -> bool {
        if self.turn.is_some() {
            return false;
        }
        self.given += 1;
        self.turn = Some(Under {
            order: turn.order.clone(),
            generation: turn.generation,
            began: false,
            interrupted: false,
            hints: Hints { proven: self.proven, ..Hints::default() },
        });
        true
    }

    /// True for the first turn: the brief goes with it.
    pub(super) fn at_first_turn(&self) -> bool {
        self.given == 1
    }

    /// True while a turn is under way.
    pub(super) fn in_turn(&self) -> bool {
        self.turn.is_some()
    }

    /// The turn under way is dropped by us: whatever it says from now on, it is no success. False without one.
    pub(super) fn interrupt(&mut self) -> bool {
        match &mut self.turn {
            Some(turn) => {
                turn.interrupted = true;
                true
            }
            None => false,
        }
    }

    /// The next thing to tell.
    pub(super) fn say(&mut self) -> Option<Said> {
        self.out.pop_front()
    }

    /// What it said that we do not know, by name.
    pub(super) fn unknown(&self) -> &BTreeMap<String, u64> {
        &self.unknown
    }

    /// Something came that is no line.
    pub(super) fn sign_of_life(&mut self) {
        self.out.extend(self.ration.heard(None));
    }

    /// Text that is not for us came (its error stream).
    pub(super) fn remark(&mut self, text: &str) {
        self.out.extend(self.ration.heard(Some(text)));
    }

    /// Counts a thing we have no use for.
    pub(super) fn count(&mut self, name: impl Into<String>) {
        // Names come from outside: a flood of different ones must not grow without a limit.
        let name = name.into();
        let name = match self.unknown.len() < 100 || self.unknown.contains_key(&name) {
            true => name,
            false => "other".to_owned(),
        };
        *self.unknown.entry(name).or_default() += 1;
        self.sign_of_life();
    }

    /// Takes one line of its output.
    pub(super) fn hear(&mut self, line: &[u8]) -> Then {
        let Some(events) = event::read(line) else {
            self.count("not JSON");
            return Then::GoOn;
        };
        self.spoke = true;
        for event in events {
            let then = self.take(event);
            if then != Then::GoOn {
                return then;
            }
        }
        Then::GoOn
    }

    fn take(&mut self, event: Event) -> Then {
        match event {
            Event::Init { shown } => {
                self.inits += 1;
                if let Some(turn) = &mut self.turn {
                    turn.began = true;
                }
                self.remark(if self.inits == 1 { &shown } else { "" });
            }
            Event::Shown(text) => self.remark(&text),
            Event::Synthetic(code) => {
                self.remark(&format!("error {code}"));
                if let Some(turn) = &mut self.turn {
                    turn.hints.code = code;
                }
            }
            Event::Retry(retry) => {
                self.remark(&retry.shown);
                return self.retry(&retry);
            }
            Event::LimitReached { resets_at } => {
                self.remark("the usage limit is reached");
                if let Some(turn) = &mut self.turn {
                    turn.hints.limit = Some(resets_at);
                }
            }
            Event::Result(result) => self.result(&result),
            Event::Quiet => self.sign_of_life(),
            Event::Unknown(name) => self.count(name),
        }
        Then::GoOn
    }

    /// A retry that can't help, or that waits too long, ends the session at once.
    fn retry(&mut self, retry: &Retry) -> Then {
        let login = matches!(retry.status, Some(401 | 403))
            || matches!(retry.error.as_str(), "authentication_failed" | "billing_error");
        let reason = if login {
            "the login is refused"
        } else if retry.delay_ms > LONGEST_RETRY_MS {
            "it would wait too long before the next request"
        } else {
            return Then::GoOn;
        };
        let evidence = format!("{reason}: {}", retry.shown);
        self.turn_over(
            TurnEnd::Failed(Failure::ends_session(Class::Env, one_line(&evidence, 400))),
            Usage::default(),
        );
        Then::Kill(reason)
    }

    fn result(&mut self, result: &Value) {
        let usage = self.meter.read(result);
        let Some(turn) = &self.turn else {
            self.count("result without a turn");
            return;
        };
        if turn.interrupted {
            let lost = Failure::of_turn(Class::Lost, "interrupted by us");
            self.turn_over(TurnEnd::Failed(lost), usage);
            return;
        }
        let testimony = read_testimony(result, turn, &self.nonce);
        // The CLI says at every message that it begins; where it has always done so, a result before that is a
        // late one of the turn before.
        if self.repeats() && !turn.began && !matches!(testimony, Some(Ok(_))) {
            self.count("result of an earlier turn");
            return;
        }
        let failure = outcome::failure(result, &turn.hints);
        self.proven |= failure.is_none();
        let denied = result["permission_denials"].as_array().map_or(0, Vec::len);
        if denied > 0 {
            self.out.push_back(Said::Heard(Some(format!("{denied} tool calls were denied"))));
        }
        let end = match (failure, testimony) {
            (Some(failure), _) => TurnEnd::Failed(failure),
            (None, Some(Ok(testimony))) => TurnEnd::Testified(testimony),
            (None, Some(Err((order, why)))) => {
                self.out.push_back(Said::Refused { order, why: why.clone() });
                TurnEnd::Silent(format!("its result does not count: {why}"))
            }
            (None, None) => TurnEnd::Silent(match event::text(result, "/result") {
                "" => "the turn ended without a structured result".to_owned(),
                words => one_line(
                    &format!("the turn ended without a structured result, and said: {words}"),
                    400,
                ),
            }),
        };
        self.turn_over(end, usage);
    }

    /// True when the CLI has said before every message so far that it begins, the last one perhaps excepted.
    fn repeats(&self) -> bool {
        self.given > 1 && self.inits + 1 >= self.given
    }

    fn turn_over(&mut self, end: TurnEnd, usage: Usage) {
        if let Some(turn) = self.turn.take() {
            self.out.push_back(Said::TurnEnded { order: turn.order, end, usage });
        }
    }

    /// The process ended. `complaint` is the end of its error stream. A turn under way has failed: without a result
    /// there is no success, whatever the exit code.
    pub(super) fn ended(&mut self, how: &dyn Display, ended: Ended, complaint: &str) {
        let started = self.spoke || matches!(ended, Ended::Exit(0) | Ended::Signal(_));
        let class = match &self.turn {
            Some(turn) if turn.interrupted => Class::Lost,
            // It ended between two turns: the next one was given to nobody, and its order is not to blame.
            Some(turn) if self.repeats() && !turn.began => Class::Lost,
            // It never said a word and gave up: a flag it does not know, no permission, no such file.
            _ if !started => Class::Env,
            _ => Class::Crash,
        };
        let evidence = match complaint {
            "" => format!("{how}, without a result"),
            complaint => format!("{how}, without a result: {complaint}"),
        };
        let failure = Failure::ends_session(class, one_line(&evidence, 400));
        self.turn_over(TurnEnd::Failed(failure), Usage::default());
        self.out.push_back(Said::Over { how: one_line(&how.to_string(), 400) });
    }
}

/// The structured output as testimony for this turn: `None` when there is none; an error carries the order it named
/// and why it does not count.
fn read_testimony(
    result: &Value,
    turn: &Under,
    nonce: &str,
) -> Option<Result<Testimony, (String, String)>> {
    let output = result.get("structured_output").filter(|output| !output.is_null())?;
    let named = one_line(event::text(output, "/order"), 80);
    let bytes = output.to_string();
    let read = Testimony::read(bytes.as_bytes(), &turn.order, turn.generation, nonce);
    Some(read.map_err(|refusal| (named, one_line(&refusal.to_string(), 400))))
}

#[cfg(test)]
mod tests;
