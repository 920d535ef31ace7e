//! What `gemini -o stream-json` prints, as events, and what became of a session.

use serde_json::Value;

use super::super::event::{AgentEvent, Retry};
use super::super::fault::{Fault, Found};
use super::super::one_line;
use super::super::oneshot::{Reader, Told, object, text};
use super::super::pipes::End;
use super::fault;
use crate::process::Ended;

/// Reads the lines of one session.
#[derive(Debug, Default)]
pub(super) struct Gemini {
    told: Told,
    /// The model's answer goes on: its pieces are one text.
    writing: bool,
    /// Something that ends a session and is told before its end, or on the error stream.
    hint: Option<Found>,
    result: Option<Value>,
}

impl Gemini {
    fn message(&mut self, value: &Value) -> AgentEvent {
        if text(value, "/role") != "assistant" {
            return AgentEvent::Quiet;
        }
        let words = text(value, "/content");
        self.told.say(words, !std::mem::replace(&mut self.writing, true));
        AgentEvent::Text(words.to_owned())
    }

    fn tool_result(&mut self, value: &Value) -> AgentEvent {
        if text(value, "/status") != "error" {
            return AgentEvent::Quiet;
        }
        let why = match text(value, "/error/message") {
            "" => text(value, "/output"),
            why => why,
        };
        let kind = text(value, "/error/type");
        // A policy that does not let a tool run, or that would have to ask.
        if ["policy_violation", "execution_denied"].contains(&kind)
            || why.contains("denied by policy")
        {
            self.told.denied += 1;
            return AgentEvent::ToolResult(format!("tool was denied: {why}"));
        }
        AgentEvent::ToolResult(format!("tool failed: {why}"))
    }

    fn error(&mut self, value: &Value) -> AgentEvent {
        let message = text(value, "/message");
        if let Some(found) = fault::of_message("error.message", message) {
            self.hint = Some(found);
        }
        AgentEvent::Remark(format!("{}: {message}", text(value, "/severity")))
    }

    fn finish(&mut self, value: Value) -> AgentEvent {
        let stats = &value["stats"];
        self.told.usage.input_tokens = stats["input_tokens"].as_u64();
        self.told.usage.output_tokens = stats["output_tokens"].as_u64();
        self.told.finished = true;
        self.result = Some(value);
        AgentEvent::Quiet
    }

    /// Without a `result` it has not come to its end, whatever its exit code.
    fn without_end(&self, end: &End) -> Found {
        let End { how, ended, complaint } = end;
        if let Some(hint) = &self.hint {
            return hint.clone();
        }
        let told = match complaint.as_str() {
            "" => format!("{how}, without a result"),
            complaint => format!("{how}, without a result: {complaint}"),
        };
        if let Ended::Exit(code @ 1..) = ended {
            let fault = fault::of_message("", complaint).map(|found| found.fault);
            if let Some(fault) = fault.or_else(|| fault::of_exit(*code)) {
                return Found::new(fault, told);
            }
            if !self.told.began {
                return Found::new(Fault::SetUp, told);
            }
        }
        Found::new(Fault::Died, told)
    }
}

fn by_exit(end: &End, message: &str) -> Option<Found> {
    let Ended::Exit(code) = end.ended else { return None };
    let fault = fault::of_exit(code)?;
    Some(Found::new(fault, format!("exit {code}, result.error.message: {message}")))
}

impl Reader for Gemini {
    fn told(&self) -> &Told {
        &self.told
    }

    fn line(&mut self, line: &[u8]) -> Vec<AgentEvent> {
        let Some(value) = object(line) else {
            return vec![AgentEvent::Unknown("not JSON".to_owned())];
        };
        let kind = text(&value, "/type").to_owned();
        if kind != "message" {
            self.writing = false;
        }
        let mut running = None;
        let event = match kind.as_str() {
            "init" => AgentEvent::Started(format!("gemini, {}", text(&value, "/model"))),
            "message" => self.message(&value),
            "tool_use" => {
                let what = ["/parameters/command", "/parameters/file_path", "/parameters/path"];
                let what = what.iter().map(|at| text(&value, at)).find(|what| !what.is_empty());
                let tool = text(&value, "/tool_name");
                running = Some(AgentEvent::ToolBegan(text(&value, "/tool_id").to_owned()));
                AgentEvent::ToolCall(format!("{tool}: {}", what.unwrap_or_default()))
            }
            "tool_result" => {
                running = Some(AgentEvent::ToolEnded(text(&value, "/tool_id").to_owned()));
                self.tool_result(&value)
            }
            "error" => self.error(&value),
            "result" => self.finish(value),
            "" => return vec![AgentEvent::Unknown("no type".to_owned())],
            other => return vec![AgentEvent::Unknown(one_line(other, 60))],
        };
        self.told.began = true;
        running.into_iter().chain([event]).collect()
    }

    fn complaint(&mut self, line: &str) -> Vec<AgentEvent> {
        if let Some(found) = fault::of_retry(line) {
            return vec![AgentEvent::Retrying(Retry { found, delay_ms: None })];
        }
        // What its server said stands here where the result says it in words of its own.
        if line.contains("Error when talking to Gemini API") {
            self.hint = self.hint.take().or_else(|| fault::of_message("stderr", line));
        }
        vec![AgentEvent::Remark(line.to_owned())]
    }

    fn found(&self, end: &End) -> Option<Found> {
        let Some(result) = &self.result else { return Some(self.without_end(end)) };
        let message = text(result, "/error/message");
        if text(result, "/status") != "success" {
            let told = fault::of_message("result.error.message", message);
            return Some(
                told.or_else(|| self.hint.clone())
                    .or_else(|| by_exit(end, message))
                    .unwrap_or_else(|| {
                        Found::new(
                            Fault::Unknown,
                            format!("result.error.message: {message} ({})", end.how),
                        )
                    }),
            );
        }
        // It ends well when it stops itself because it turns in a circle.
        if let Some(hint) = self.hint.as_ref().filter(|hint| hint.fault == Fault::Rounds) {
            return Some(hint.clone());
        }
        let asked = self.told.usage.input_tokens != Some(0) || !self.told.words.is_empty();
        (!asked)
            .then(|| Found::new(Fault::Unknown, "result.status success, and no model was asked"))
    }
}

#[cfg(test)]
mod tests;
