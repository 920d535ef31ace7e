//! What has been said and asked in one session: a plain state machine from events to [`Said`], without a process.
//!
//! Every driver whose program takes turns listens through it, so that the rules of an outcome stand in one place: a
//! turn is done only when its end is told without a fault and with a result that names this order, this generation
//! and this session's nonce; a turn that we interrupted is never a success.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;

use serde_json::Value;
use tokio::time::Instant;

use super::event::{AgentEvent, Finished, Retry};
use super::fault::{Fault, Found};
use super::patience::{GivenUp, Patience};
use super::ration::Ration;
use super::tally::Tally;
use super::tools::Tools;
use super::{Said, Turn, Usage, one_line};
use crate::failure::{Failure, TurnEnd};
use crate::order::OrderId;
use crate::process::Ended;
use crate::verdict::Testimony;

/// What the process should get after an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// The program said that it began.
    began: bool,
    interrupted: bool,
    /// With its requests that fail and are made again.
    patience: Patience,
    /// That run.
    tools: Tools,
    /// What it has used so far, as it was told last.
    used: Usage,
}

/// One session's talk.
#[derive(Debug)]
pub(super) struct Talk {
    nonce: String,
    turn: Option<Under>,
    given: u64,
    starts: u64,
    proven: bool,
    spoke: bool,
    ration: Ration,
    out: VecDeque<Said>,
    unknown: Tally,
}

impl Talk {
    /// Nothing has been said. A result counts only with this nonce.
    pub(super) fn new(nonce: &str) -> Self {
        Self {
            nonce: nonce.to_owned(),
            turn: None,
            given: 0,
            starts: 0,
            proven: false,
            spoke: false,
            ration: Ration::new(),
            out: VecDeque::new(),
            unknown: Tally::default(),
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
            patience: Patience::default(),
            tools: Tools::default(),
            used: Usage::default(),
        });
        true
    }

    /// True for the first turn.
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
        self.unknown.all()
    }

    /// Something came that is no line.
    pub(super) fn sign_of_life(&mut self) {
        self.out.extend(self.ration.heard(None));
    }

    /// Text that is not for us came (its error stream).
    pub(super) fn remark(&mut self, text: &str) {
        self.out.extend(self.ration.heard(Some(text)));
    }

    /// Something a person must not miss, whatever else was shown in this second.
    pub(super) fn warn(&mut self, text: &str) {
        self.out.push_back(Said::Heard(Some(one_line(text, 400))));
    }

    /// Counts a thing we have no use for.
    pub(super) fn count(&mut self, name: impl Into<String>) {
        self.unknown.count(name);
        self.sign_of_life();
    }

    /// It has said something in the language of its driver.
    pub(super) fn spoke(&mut self) {
        self.spoke = true;
    }

    /// Takes one event.
    pub(super) fn take(&mut self, event: AgentEvent) -> Then {
        match event {
            AgentEvent::Started(who) => {
                self.starts += 1;
                if let Some(turn) = &mut self.turn {
                    turn.began = true;
                }
                self.remark(if self.starts == 1 { &who } else { "" });
            }
            AgentEvent::Text(text) | AgentEvent::ToolCall(text) | AgentEvent::ToolResult(text) => {
                self.progress();
                self.remark(&text);
            }
            AgentEvent::ToolBegan(id) => self.tool(id, true),
            AgentEvent::ToolEnded(id) => self.tool(id, false),
            AgentEvent::Used(usage) => self.used(usage),
            AgentEvent::Remark(text) | AgentEvent::RateLimited(text) => self.remark(&text),
            AgentEvent::Retrying(retry) => return self.retry(retry),
            AgentEvent::Finished(finished) => self.finished(*finished),
            AgentEvent::Quiet => self.sign_of_life(),
            AgentEvent::Unknown(name) => self.count(name),
        }
        Then::GoOn
    }

    fn tool(&mut self, id: String, runs: bool) {
        self.sign_of_life();
        let Some(turn) = &mut self.turn else { return };
        match runs {
            true => turn.tools.began(id),
            false => turn.tools.ended(&id),
        }
    }

    /// True while a tool runs.
    pub(super) fn in_tool(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.tools.any())
    }

    fn used(&mut self, usage: Usage) {
        match self.turn.as_mut().filter(|turn| turn.used != usage) {
            Some(turn) => {
                turn.used = usage;
                self.out.push_back(Said::Used(usage));
            }
            None => self.sign_of_life(),
        }
    }

    /// A request came off: what failed before it is over.
    pub(super) fn progress(&mut self) {
        if let Some(turn) = &mut self.turn {
            turn.patience.progress();
        }
    }

    /// A retry that can't help, or that waits too long, ends the session at once.
    fn retry(&mut self, retry: Retry) -> Then {
        self.remark(&retry.found.evidence);
        let given_up = match &mut self.turn {
            Some(turn) => turn.patience.retry(retry),
            None => Patience::default().retry(retry),
        };
        self.give_up(given_up)
    }

    /// When the patience with retries of unknown length is over, if there are such.
    pub(super) fn patience_ends(&self) -> Option<Instant> {
        self.turn.as_ref()?.patience.ends()
    }

    /// The patience is over.
    pub(super) fn out_of_patience(&mut self) -> Then {
        let given_up = self.turn.as_mut().and_then(|turn| turn.patience.over());
        self.give_up(given_up)
    }

    fn give_up(&mut self, given_up: Option<GivenUp>) -> Then {
        let Some(GivenUp { reason, found }) = given_up else { return Then::GoOn };
        let failure = found.gives_up(self.proven);
        self.turn_over(TurnEnd::Failed(failure), Usage::default());
        Then::Kill(reason)
    }

    fn finished(&mut self, finished: Finished) {
        let Finished { failed, output, words, denied, usage } = finished;
        let Some(turn) = &self.turn else {
            self.count("result without a turn");
            return;
        };
        if turn.interrupted {
            let lost = Failure::of(Fault::Interrupted, false, "interrupted by us");
            self.turn_over(TurnEnd::Failed(lost), usage);
            return;
        }
        let testimony = output.map(|output| read_testimony(&output, turn, &self.nonce));
        // The program says at every message that it begins; where it has always done so, a result before that is a
        // late one of the turn before.
        if self.repeats() && !turn.began && !matches!(testimony, Some(Ok(_))) {
            self.count("result of an earlier turn");
            return;
        }
        if denied > 0 {
            self.out.push_back(Said::Heard(Some(format!("{denied} tool calls were denied"))));
        }
        let failure = failed.map(|found| found.failure(self.proven));
        self.proven |= failure.is_none();
        let end = match (failure, testimony) {
            (Some(failure), _) => TurnEnd::Failed(failure),
            (None, Some(Ok(said))) if denied > 0 && !said.explains_denials() => {
                let told = format!(
                    "{denied} tool calls were not allowed, and its result does not say in `denied` what became of the work without them"
                );
                TurnEnd::Failed(Found::new(Fault::Denied, told).failure(self.proven))
            }
            (None, Some(Ok(testimony))) => TurnEnd::Testified(testimony),
            (None, Some(Err((order, why)))) => {
                self.out.push_back(Said::Refused { order, why: why.clone() });
                TurnEnd::Silent(format!("its result does not count: {why}"))
            }
            (None, None) => TurnEnd::Silent(silence(&words)),
        };
        self.turn_over(end, usage);
    }

    /// True when the program has said before every message so far that it begins, the last one perhaps excepted.
    fn repeats(&self) -> bool {
        self.given > 1 && self.starts + 1 >= self.given
    }

    fn turn_over(&mut self, end: TurnEnd, usage: Usage) {
        if let Some(turn) = self.turn.take() {
            self.out.push_back(Said::TurnEnded { order: turn.order, end, usage });
        }
    }

    /// The process ended. `complaint` is the end of its error stream. A turn under way has failed: without a result
    /// there is no success, whatever the exit code.
    pub(super) fn ended(&mut self, how: &dyn Display, ended: Ended, complaint: &str) {
        let failure = self.without_result(how, ended, complaint);
        self.turn_over(TurnEnd::Failed(failure), Usage::default());
        self.over(&how.to_string());
    }

    /// No turn will end any more.
    pub(super) fn over(&mut self, how: &str) {
        self.out.push_back(Said::Over { how: one_line(how, 400) });
    }

    fn without_result(&self, how: &dyn Display, ended: Ended, complaint: &str) -> Failure {
        let started = self.spoke || matches!(ended, Ended::Exit(0) | Ended::Signal(_));
        let fault = match &self.turn {
            Some(turn) if turn.interrupted => Fault::Interrupted,
            // It ended between two turns: the next one was given to nobody, and its order is not to blame.
            Some(turn) if self.repeats() && !turn.began => Fault::Interrupted,
            // It never said a word and gave up: a flag it does not know, no permission, no such file.
            _ if !started => Fault::SetUp,
            _ => Fault::Ended,
        };
        let evidence = match complaint {
            "" => format!("{how}, without a result"),
            complaint => format!("{how}, without a result: {complaint}"),
        };
        Found::new(fault, evidence).gives_up(self.proven)
    }
}

/// What stands in the place of a result.
fn silence(words: &str) -> String {
    match words {
        "" => "the turn ended without a structured result".to_owned(),
        words => {
            one_line(&format!("the turn ended without a structured result, and said: {words}"), 400)
        }
    }
}

/// A structured output as testimony for this turn. An error carries the order it named and why it does not count.
fn read_testimony(
    output: &Value,
    turn: &Under,
    nonce: &str,
) -> Result<Testimony, (String, String)> {
    let named = output.get("order").and_then(Value::as_str).unwrap_or_default();
    let named = one_line(named, 80);
    let bytes = output.to_string();
    let read = Testimony::read(bytes.as_bytes(), &turn.order, turn.generation, nonce);
    read.map_err(|refusal| (named, one_line(&refusal.to_string(), 400)))
}
