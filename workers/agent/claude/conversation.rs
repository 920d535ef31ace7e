//! What the lines of Claude Code mean for the turn under way.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::super::event::{AgentEvent, Finished};
use super::super::speaker::Speaker;
use super::super::talk::{Talk, Then};
use super::super::{SessionPlan, Turn};
use super::event::{self, Event};
use super::outcome::{self, Hints};
use super::usage::{Live, Meter};

/// One session's conversation.
#[derive(Debug)]
pub(super) struct Conversation {
    talk: Talk,
    brief: String,
    hints: Hints,
    meter: Meter,
    live: Live,
    to_send: VecDeque<Value>,
}

impl Conversation {
    pub(super) fn new(plan: &SessionPlan) -> Self {
        Self {
            talk: Talk::new(&plan.nonce),
            brief: plan.brief.clone(),
            hints: Hints::default(),
            meter: Meter::default(),
            live: Live::default(),
            to_send: VecDeque::new(),
        }
    }

    fn common(&mut self, event: Event) -> Vec<AgentEvent> {
        match event {
            Event::Init { shown } => vec![AgentEvent::Started(shown)],
            Event::Text(text) => vec![AgentEvent::Text(text)],
            Event::Tool(text) => {
                // The model works again: what refused it before is over.
                self.hints = Hints::default();
                vec![AgentEvent::ToolCall(text)]
            }
            Event::ToolFailed(text) => vec![AgentEvent::ToolResult(text)],
            Event::ToolBegan(id) => vec![AgentEvent::ToolBegan(id)],
            Event::ToolEnded(id) => vec![AgentEvent::ToolEnded(id)],
            Event::Tokens(tokens) => vec![AgentEvent::Used(self.live.take(tokens))],
            Event::Shown(text) => vec![AgentEvent::Remark(text)],
            Event::Synthetic(code) => {
                let shown = AgentEvent::Remark(format!("error {code}"));
                self.hints.code = code;
                vec![shown]
            }
            Event::Retry(retry) => vec![AgentEvent::Retrying(outcome::retry(&retry))],
            Event::LimitReached { resets_at } => {
                self.hints.limit = Some(resets_at);
                vec![AgentEvent::RateLimited("the usage limit is reached".to_owned())]
            }
            Event::LimitNear(text) => vec![AgentEvent::RateLimited(text)],
            Event::Result(result) => vec![self.finished(&result)],
            Event::Quiet => vec![AgentEvent::Quiet],
            Event::Unknown(name) => vec![AgentEvent::Unknown(name)],
        }
    }

    fn finished(&mut self, result: &Value) -> AgentEvent {
        AgentEvent::Finished(Box::new(Finished {
            failed: outcome::found(result, &self.hints),
            output: result.get("structured_output").filter(|output| !output.is_null()).cloned(),
            words: event::text(result, "/result").to_owned(),
            denied: result["permission_denials"].as_array().map_or(0, Vec::len),
            usage: self.meter.read(result),
        }))
    }
}

impl Speaker for Conversation {
    fn talk(&mut self) -> &mut Talk {
        &mut self.talk
    }

    fn hear(&mut self, line: &[u8]) -> Then {
        let Some(events) = event::read(line) else {
            self.talk.count("not JSON");
            return Then::GoOn;
        };
        self.talk.spoke();
        for event in events {
            for event in self.common(event) {
                let then = self.talk.take(event);
                if then != Then::GoOn {
                    return then;
                }
            }
        }
        Then::GoOn
    }

    fn tell(&mut self, turn: &Turn) {
        self.hints = Hints::default();
        self.live = Live::default();
        let content = match self.talk.at_first_turn() {
            true => format!("{}\n\n{}", self.brief, turn.prompt),
            false => turn.prompt.clone(),
        };
        self.to_send.push_back(json!({
            "type": "user",
            "message": {"role": "user", "content": content},
        }));
    }

    fn tell_interruption(&mut self) {
        self.to_send.push_back(json!({
            "type": "control_request",
            "request_id": uuid::Uuid::new_v4().to_string(),
            "request": {"subtype": "interrupt"},
        }));
    }

    fn to_send(&mut self) -> Option<String> {
        Some(format!("{}\n", self.to_send.pop_front()?))
    }
}

#[cfg(test)]
mod tests;
