//! What `qwen -o stream-json` prints, as events, and what became of a session.

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
pub(super) struct Qwen {
    told: Told,
    result: Option<Value>,
}

impl Qwen {
    fn system(&self, value: &Value) -> AgentEvent {
        match text(value, "/subtype") {
            "init" => {
                let (version, model) = (text(value, "/qwen_code_version"), text(value, "/model"));
                AgentEvent::Started(format!("qwen {version}, {model}"))
            }
            "retry" => retrying(&value["data"]),
            "" => AgentEvent::Unknown("system".to_owned()),
            other => AgentEvent::Unknown(one_line(&format!("system/{other}"), 60)),
        }
    }

    fn assistant(&mut self, value: &Value) -> Vec<AgentEvent> {
        let mut events = Vec::new();
        // A helper's words are not the answer.
        let own = value["parent_tool_use_id"].is_null();
        for block in blocks(value) {
            if text(block, "/type") == "tool_use" {
                events.push(AgentEvent::ToolBegan(text(block, "/id").to_owned()));
            }
            events.push(match text(block, "/type") {
                "text" => {
                    let words = text(block, "/text");
                    if own {
                        self.told.say(words, true);
                    }
                    match words.starts_with("[API Error: ") {
                        true => AgentEvent::Remark(words.to_owned()),
                        false => AgentEvent::Text(words.to_owned()),
                    }
                }
                "tool_use" => {
                    let what = ["/input/command", "/input/file_path", "/input/path"];
                    let what = what.iter().map(|at| text(block, at)).find(|what| !what.is_empty());
                    let tool = text(block, "/name");
                    AgentEvent::ToolCall(format!("{tool}: {}", what.unwrap_or_default()))
                }
                _ => AgentEvent::Quiet,
            });
        }
        events
    }

    fn finish(&mut self, value: Value) -> AgentEvent {
        let usage = &value["usage"];
        self.told.usage.input_tokens = usage["input_tokens"].as_u64();
        self.told.usage.output_tokens = usage["output_tokens"].as_u64();
        self.told.denied = value["permission_denials"].as_array().map_or(0, Vec::len);
        self.told.finished = true;
        self.result = Some(value);
        AgentEvent::Quiet
    }
}

/// Without a `result` it has not come to its end, whatever its exit code.
fn without_end(end: &End, told: &Told) -> Found {
    let End { how, ended, complaint } = end;
    let evidence = match complaint.as_str() {
        "" => format!("{how}, without a result"),
        complaint => format!("{how}, without a result: {complaint}"),
    };
    if let Ended::Exit(1..) = ended {
        let by_words = fault::of_message("", complaint).map(|found| found.fault);
        if let Some(fault) = by_words.or_else(|| by_exit(end)) {
            return Found::new(fault, evidence);
        }
        if !told.began {
            return Found::new(Fault::SetUp, evidence);
        }
    }
    Found::new(Fault::Died, evidence)
}

fn by_exit(end: &End) -> Option<Fault> {
    match end.ended {
        Ended::Exit(code) => fault::of_exit(code),
        _ => None,
    }
}

/// `{attempt, maxRetries, delayMs, message}` where its server is too busy, `{reason, discardedToolCalls}` where an
/// answer was cut.
fn retrying(data: &Value) -> AgentEvent {
    let shown = format!("system/retry.data: {data}");
    let said = ["/error", "/message", "/reason"].map(|at| text(data, at)).join(" ");
    let status = ["/status", "/statusCode"].iter().find_map(|at| data.pointer(at)?.as_u64());
    let fault = status.and_then(Fault::of_status);
    let fault = fault.or_else(|| fault::of_message("", &said).map(|found| found.fault));
    let delay_ms = data["delayMs"].as_f64();
    // Only limits on requests are waited for; a cut answer is asked for again at once.
    let otherwise = if delay_ms.is_some() { Fault::RateLimit } else { Fault::Network };
    AgentEvent::Retrying(Retry { found: Found::new(fault.unwrap_or(otherwise), shown), delay_ms })
}

fn blocks(value: &Value) -> impl Iterator<Item = &Value> {
    value.pointer("/message/content").and_then(Value::as_array).into_iter().flatten()
}

/// Tools that have come to their ends; what failed of them is told.
fn ended_tools(value: &Value) -> Vec<AgentEvent> {
    let ids = blocks(value).map(|block| text(block, "/tool_use_id")).filter(|id| !id.is_empty());
    let ended = ids.map(|id| AgentEvent::ToolEnded(id.to_owned()));
    let failed = blocks(value).filter(|block| block["is_error"] == true);
    let told = failed.map(|block| {
        let why = match &block["content"] {
            Value::String(why) => why.clone(),
            other => other.to_string(),
        };
        AgentEvent::ToolResult(format!("tool failed: {why}"))
    });
    ended.chain(told).chain([AgentEvent::Quiet]).collect()
}

impl Reader for Qwen {
    fn told(&self) -> &Told {
        &self.told
    }

    fn line(&mut self, line: &[u8]) -> Vec<AgentEvent> {
        let Some(value) = object(line) else {
            return vec![AgentEvent::Unknown("not JSON".to_owned())];
        };
        let events = match text(&value, "/type") {
            "system" => vec![self.system(&value)],
            "assistant" => self.assistant(&value),
            "user" => ended_tools(&value),
            "stream_event" => vec![AgentEvent::Quiet],
            "result" => vec![self.finish(value)],
            "" => return vec![AgentEvent::Unknown("no type".to_owned())],
            other => return vec![AgentEvent::Unknown(one_line(other, 60))],
        };
        self.told.began = true;
        events
    }

    fn complaint(&mut self, line: &str) -> Vec<AgentEvent> {
        // What its server said stands here, and not in the event of the retry.
        if let Some(rest) = line.strip_prefix("Retrying in ")
            && let Some(found) = fault::of_message("stderr", rest)
        {
            let secs = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
            let delay_ms = secs.parse().ok().map(|secs: f64| secs * 1000.0);
            return vec![AgentEvent::Retrying(Retry { found, delay_ms })];
        }
        vec![AgentEvent::Remark(line.to_owned())]
    }

    fn found(&self, end: &End) -> Option<Found> {
        let Some(result) = &self.result else { return Some(without_end(end, &self.told)) };
        let subtype = text(result, "/subtype");
        let failed = result["is_error"].as_bool().unwrap_or(false);
        if !failed && matches!(subtype, "success" | "") {
            return None;
        }
        let message = text(result, "/error/message");
        let evidence = format!("result.subtype {subtype}, error.message: {message}");
        let fault = match subtype {
            "error_max_turns" => Some(Fault::Rounds),
            _ => fault::of_message("", message).map(|found| found.fault),
        };
        let fault = fault.or_else(|| by_exit(end)).unwrap_or(Fault::Unknown);
        Some(Found::new(fault, evidence))
    }
}

#[cfg(test)]
mod tests;
