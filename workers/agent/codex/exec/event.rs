//! What `codex exec --json` prints, as events.

use serde_json::Value;

use super::super::super::event::{AgentEvent, Finished, Retry};
use super::super::super::fault::{Fault, Found};
use super::super::super::one_line;
use super::super::limit::Limits;
use super::super::message::{object, text};
use super::super::usage::Meter;
use super::super::{fault, item};

/// Reads the lines of one thread, process after process.
#[derive(Debug, Default)]
pub(super) struct Reader {
    thread: Option<String>,
    words: String,
    denied: usize,
    meter: Meter,
}

impl Reader {
    /// The thread, once it has been named.
    pub(super) fn thread(&self) -> Option<&str> {
        self.thread.as_deref()
    }

    /// A turn is about to begin.
    pub(super) fn begin(&mut self) {
        self.words.clear();
        self.denied = 0;
    }

    /// The events of one line.
    pub(super) fn read(&mut self, line: &[u8]) -> Vec<AgentEvent> {
        let Some(value) = object(line) else {
            return vec![AgentEvent::Unknown("not JSON".to_owned())];
        };
        let mut events = vec![match text(&value, "/type") {
            "thread.started" => {
                self.thread.get_or_insert_with(|| text(&value, "/thread_id").to_owned());
                AgentEvent::Quiet
            }
            "turn.started" => AgentEvent::Started("codex exec".to_owned()),
            "item.started" => item::started(&value["item"]),
            "item.updated" => AgentEvent::Quiet,
            "item.completed" => self.completed(&value["item"]),
            "error" => error(text(&value, "/message")),
            "turn.completed" => {
                self.meter.totals(&value["usage"]);
                self.finished(None)
            }
            "turn.failed" => self.finished(Some(failed(text(&value, "/error/message")))),
            "" => AgentEvent::Unknown("no type".to_owned()),
            other => AgentEvent::Unknown(one_line(other, 60)),
        }];
        events.extend(match (text(&value, "/type"), item::tool(&value["item"])) {
            ("item.started", Some(id)) => Some(AgentEvent::ToolBegan(id)),
            ("item.completed", Some(id)) => Some(AgentEvent::ToolEnded(id)),
            _ => None,
        });
        events
    }

    fn completed(&mut self, completed: &Value) -> AgentEvent {
        self.denied += usize::from(item::denied(completed));
        if let Some(words) = item::words(completed) {
            words.clone_into(&mut self.words);
        }
        item::completed(completed)
    }

    fn finished(&mut self, failed: Option<Found>) -> AgentEvent {
        let words = std::mem::take(&mut self.words);
        let output = item::output(&words);
        AgentEvent::Finished(Box::new(Finished {
            failed,
            words: if output.is_some() { String::new() } else { words },
            output,
            denied: self.denied,
            usage: self.meter.turn(),
        }))
    }
}

/// `error` tells of retries as well, and ends no turn.
fn error(message: &str) -> AgentEvent {
    if message.starts_with("Reconnecting") {
        let found = fault::of_words("error.message", message);
        return AgentEvent::Retrying(Retry { found, delay_ms: None });
    }
    AgentEvent::Remark(message.to_owned())
}

fn failed(message: &str) -> Found {
    let mut found = fault::of_words("turn.failed.error.message", message);
    if found.fault == Fault::UsageLimit {
        found.until = Limits::default().until(message, &jiff::Zoned::now());
    }
    found
}

#[cfg(test)]
mod tests;
