//! What `opencode run --format json` prints, as events, and what became of a session that told no end of its own.

use serde_json::Value;

use super::super::event::AgentEvent;
use super::super::fault::{Fault, Found};
use super::super::one_line;
use super::super::oneshot::{Reader, Rounds, Told, add, object, text};
use super::super::patience::GivenUp;
use super::super::pipes::End;
use super::fault;
use crate::process::Ended;

/// Context overflows without a tool call in between: the first one is answered by a summary of the conversation, which
/// is a good step, and when that does not help, it goes on for ever.
const MOST_OVERFLOWS: usize = 2;
/// Answers in a row that were cut. It asks again at once and for ever.
const MOST_CUTS: usize = 3;

/// What a step without tokens is told as.
const CUT: &str = "0 tokens: the answer was cut";

/// Reads the lines of one session.
#[derive(Debug)]
pub(super) struct Opencode {
    told: Told,
    rounds: Rounds,
    /// The last error, and nothing good since.
    error: Option<Found>,
    overflows: usize,
    cuts: usize,
    /// How the last step ended; none while one is under way.
    step: Option<Step>,
    steps: usize,
    /// Some step told the tokens it used.
    counts: bool,
}

/// The end of a step.
#[derive(Debug)]
struct Step {
    reason: String,
    tokens: u64,
}

impl Opencode {
    /// Nothing has been told. The session has so many orders.
    pub(super) fn new(orders: usize) -> Self {
        Self {
            told: Told::default(),
            rounds: Rounds::new(orders),
            error: None,
            overflows: 0,
            cuts: 0,
            step: None,
            steps: 0,
            counts: false,
        }
    }

    fn step_start(&mut self) -> AgentEvent {
        self.steps += 1;
        self.step = None;
        self.told.finished = false;
        self.hopeless_if(|rounds| rounds.round());
        match self.steps {
            1 => AgentEvent::Started("opencode".to_owned()),
            _ => AgentEvent::Quiet,
        }
    }

    fn tool(&mut self, part: &Value) -> AgentEvent {
        (self.error, self.overflows) = (None, 0);
        let tool = text(part, "/tool");
        let state = &part["state"];
        let call = format!("{tool} {}", state["input"]);
        self.hopeless_if(|rounds| rounds.call(&one_line(&call, 300)));
        let why = text(state, "/error");
        if text(state, "/status") != "error" {
            let what = ["/input/command", "/input/filePath", "/title"];
            let what = what.iter().map(|at| text(state, at)).find(|what| !what.is_empty());
            return AgentEvent::ToolCall(format!("{tool}: {}", what.unwrap_or_default()));
        }
        if why.contains("rejected permission") {
            self.told.denied += 1;
            return AgentEvent::ToolResult(format!("{tool} was denied: {why}"));
        }
        AgentEvent::ToolResult(format!("{tool} failed: {why}"))
    }

    fn words(&mut self, part: &Value) -> AgentEvent {
        let words = text(part, "/text");
        // Its own words to the model, after a summary: it goes on.
        if part["synthetic"] == true {
            self.told.finished = false;
            return AgentEvent::Remark(words.to_owned());
        }
        self.told.say(words, true);
        AgentEvent::Text(words.to_owned())
    }

    fn step_finish(&mut self, part: &Value) -> AgentEvent {
        let tokens = &part["tokens"];
        let number = |at: &str| tokens.pointer(at).and_then(Value::as_u64);
        let usage = &mut self.told.usage;
        let input = [number("/input"), number("/cache/read"), number("/cache/write")];
        usage.input_tokens =
            add(usage.input_tokens, input.into_iter().flatten().reduce(u64::saturating_add));
        let output = [number("/output"), number("/reasoning")];
        usage.output_tokens =
            add(usage.output_tokens, output.into_iter().flatten().reduce(u64::saturating_add));
        // A model without a price costs 0 here: that is unknown, and not nothing.
        if let Some(cost) = part["cost"].as_f64().filter(|cost| *cost > 0.0) {
            usage.cost_usd = Some(usage.cost_usd.unwrap_or(0.0) + cost);
        }
        let all = input.into_iter().chain(output).flatten().fold(0, u64::saturating_add);
        self.counts |= all > 0;
        let reason = text(part, "/reason").to_owned();
        if all > 0 {
            self.error = None;
        }
        self.cuts = if reason == "unknown" && all == 0 { self.cuts + 1 } else { 0 };
        if self.cuts >= MOST_CUTS {
            let cut = Found::new(Fault::Network, format!("step_finish.reason {reason}: {CUT}"));
            let again = GivenUp::new("its answers are cut again and again", cut);
            self.told.hopeless.get_or_insert(again);
        }
        self.told.finished = reason == "stop";
        self.step = Some(Step { reason, tokens: all });
        AgentEvent::Quiet
    }

    fn error(&mut self, error: &Value) -> AgentEvent {
        let found = fault::of_error(error);
        let told = AgentEvent::Remark(format!("error: {}", found.evidence));
        if found.fault == Fault::ContextFull {
            self.overflows += 1;
            if self.overflows >= MOST_OVERFLOWS {
                let again = GivenUp::new("it overflows again and again", found.clone());
                self.told.hopeless.get_or_insert(again);
            }
        }
        self.error = Some(found);
        told
    }

    fn hopeless_if(&mut self, look: impl FnOnce(&mut Rounds) -> Option<GivenUp>) {
        if let Some(given_up) = look(&mut self.rounds) {
            self.told.hopeless.get_or_insert(given_up);
        }
    }
}

impl Reader for Opencode {
    fn told(&self) -> &Told {
        &self.told
    }

    fn line(&mut self, line: &[u8]) -> Vec<AgentEvent> {
        let Some(value) = object(line) else {
            return vec![AgentEvent::Unknown("not JSON".to_owned())];
        };
        let part = &value["part"];
        let event = match text(&value, "/type") {
            "step_start" => self.step_start(),
            "text" => self.words(part),
            "reasoning" => AgentEvent::Quiet,
            "tool_use" => self.tool(part),
            "step_finish" => self.step_finish(part),
            "error" => self.error(&value["error"]),
            "" => return vec![AgentEvent::Unknown("no type".to_owned())],
            other => return vec![AgentEvent::Unknown(one_line(other, 60))],
        };
        self.told.began = true;
        vec![event]
    }

    fn found(&self, end: &End) -> Option<Found> {
        if let Some(found) = &self.error {
            return Some(found.clone());
        }
        let how = &end.how;
        let Some(step) = &self.step else {
            return Some(match (self.told.began, end.ended) {
                (false, Ended::Exit(1..)) => Found::new(
                    Fault::SetUp,
                    format!("{how} before its first word: {}", end.complaint),
                ),
                _ => Found::new(Fault::Died, format!("{how} in the middle of a step")),
            });
        };
        let told = |fault, why: &str| {
            Some(Found::new(fault, format!("step_finish.reason {}: {why}", step.reason)))
        };
        match step.reason.as_str() {
            "length" => told(Fault::Truncated, "the answer was too long"),
            "content-filter" => told(Fault::Refusal, "the provider's filter"),
            // Where the provider never counts, nothing follows from a step without tokens.
            "stop" if step.tokens == 0 && (self.counts || self.steps == 1) => {
                told(Fault::Network, CUT)
            }
            "unknown" if step.tokens == 0 => told(Fault::Network, CUT),
            "stop" => None,
            // A tool call that was not allowed ends the run.
            "tool-calls" if self.told.denied > 0 && end.ended == Ended::Exit(0) => None,
            _ => told(Fault::Died, &format!("{how} in the middle of its work")),
        }
    }
}

#[cfg(test)]
mod tests;
