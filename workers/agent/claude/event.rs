//! One line of Claude Code's output as an event. Parsed as JSON, whatever the order of its keys; a type we do not
//! know is only counted.

use serde_json::Value;

/// Something the CLI told.
#[derive(Debug, PartialEq)]
pub(super) enum Event {
    /// A turn begins (the CLI says so at every message).
    Init {
        /// Version and model, for the log.
        shown: String,
    },
    /// The model wrote something.
    Text(String),
    /// The model calls a tool.
    Tool(String),
    /// A tool failed, or was not allowed.
    ToolFailed(String),
    /// The tool call of this id runs.
    ToolBegan(String),
    /// It does not any more.
    ToolEnded(String),
    /// What a request to the model has used so far.
    Tokens(Tokens),
    /// A remark.
    Shown(String),
    /// The CLI's own message in the model's place: an error code such as `authentication_failed`.
    Synthetic(String),
    /// A request to the model failed and will be made again.
    Retry(Retry),
    /// The account's limit is near.
    LimitNear(String),
    /// The account's limit refuses requests.
    LimitReached {
        /// Unix seconds at which it ends.
        resets_at: Option<u64>,
    },
    /// A turn is over.
    Result(Box<Value>),
    /// Known, and nothing to show.
    Quiet,
    /// Not known: its type, and subtype where it has one.
    Unknown(String),
}

/// What a request to the model has used so far.
#[derive(Debug, PartialEq)]
pub(super) struct Tokens {
    /// Whose conversation: the session's own, or a helper's (the call that began it).
    pub(super) of: String,
    /// The message that answers it, where it is named.
    pub(super) message: Option<String>,
    /// Read, cached ones included.
    pub(super) input: Option<u64>,
    /// Written.
    pub(super) output: Option<u64>,
}

/// One retry of the CLI's own.
#[derive(Debug, PartialEq)]
pub(super) struct Retry {
    /// The HTTP status, where there was an answer.
    pub(super) status: Option<u64>,
    /// The CLI's word for it.
    pub(super) error: String,
    /// How long it waits before it tries again, in milliseconds (some versions send fractions).
    pub(super) delay_ms: f64,
    /// How it is shown.
    pub(super) shown: String,
}

const QUIET_SYSTEM: [&str; 12] = [
    "task_started",
    "task_updated",
    "task_notification",
    "task_progress",
    "background_tasks_changed",
    "status",
    "informational",
    "thinking_tokens",
    "hook_started",
    "hook_response",
    "ui_invalidate",
    "compact_boundary",
];
const QUIET: [&str; 4] =
    ["control_response", "command_lifecycle", "conversation_reset", "keep_alive"];

/// The text at `pointer`, empty when there is none.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The events of one line: none when the line is not a JSON object.
pub(super) fn read(line: &[u8]) -> Option<Vec<Event>> {
    if line.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return None;
    }
    let value: Value = serde_json::from_slice(line).ok()?;
    let kind = text(&value, "/type");
    Some(match kind {
        "system" => vec![system(&value)],
        "assistant" => assistant(&value),
        "user" => user(&value),
        "stream_event" => vec![piece(&value)],
        "rate_limit_event" => vec![limit(&value)],
        "result" => vec![Event::Result(Box::new(value))],
        quiet if QUIET.contains(&quiet) => vec![Event::Quiet],
        other => vec![Event::Unknown(name(other))],
    })
}

/// A type's name as a key for counting: an agent's text, so it is kept short.
fn name(kind: &str) -> String {
    match kind {
        "" => "no type".to_owned(),
        kind => super::super::one_line(kind, 60),
    }
}

fn system(value: &Value) -> Event {
    match text(value, "/subtype") {
        "init" => Event::Init {
            shown: format!(
                "claude {} with model {}",
                text(value, "/claude_code_version"),
                text(value, "/model")
            ),
        },
        "api_retry" => Event::Retry(retry(value)),
        "permission_denied" => Event::ToolFailed(format!("denied: {}", text(value, "/tool_name"))),
        "model_fallback" => Event::Shown(format!(
            "falls back from {} to {}",
            text(value, "/original_model"),
            text(value, "/fallback_model")
        )),
        quiet if QUIET_SYSTEM.contains(&quiet) => Event::Quiet,
        other => Event::Unknown(format!("system/{}", name(other))),
    }
}

fn retry(value: &Value) -> Retry {
    let status = value["error_status"].as_u64();
    let error = text(value, "/error").to_owned();
    let number = |name: &str| value[name].as_u64().unwrap_or(0);
    let shown = format!(
        "request failed ({} {error}), try {} of {}",
        status.map_or("no answer".to_owned(), |status| status.to_string()),
        number("attempt"),
        number("max_retries"),
    );
    Retry { status, error, delay_ms: value["retry_delay_ms"].as_f64().unwrap_or(0.0), shown }
}

fn limit(value: &Value) -> Event {
    let info = &value["rate_limit_info"];
    match text(info, "/status") {
        "rejected" => {
            Event::LimitReached { resets_at: info["resetsAt"].as_f64().map(|at| at as u64) }
        }
        "allowed_warning" => Event::LimitNear(format!(
            "usage limit {} is near: {} used",
            text(info, "/rateLimitType"),
            info["utilization"]
        )),
        _ => Event::Quiet,
    }
}

fn assistant(value: &Value) -> Vec<Event> {
    let mut events = Vec::new();
    // What is written is only known at its end, and told by the pieces and by the result.
    if let (Some(id), Some(usage)) = (value.pointer("/message/id"), value.pointer("/message/usage"))
    {
        let message = id.as_str().map(str::to_owned);
        events.push(tokens(value, message, usage, false));
    }
    let code = text(value, "/error");
    if !code.is_empty() {
        events.push(Event::Synthetic(code.to_owned()));
    }
    let content = value.pointer("/message/content").and_then(Value::as_array);
    for block in content.into_iter().flatten() {
        events.push(match text(block, "/type") {
            "text" => Event::Text(text(block, "/text").to_owned()),
            "tool_use" => Event::Tool(tool(block)),
            _ => Event::Quiet,
        });
        if text(block, "/type") == "tool_use" {
            events.push(Event::ToolBegan(text(block, "/id").to_owned()));
        }
    }
    events
}

/// A piece of an answer, which is told where tokens are counted.
fn piece(value: &Value) -> Event {
    let event = &value["event"];
    match text(event, "/type") {
        "message_start" => {
            let message = text(event, "/message/id").to_owned();
            tokens(value, Some(message), &event["message"]["usage"], true)
        }
        "message_delta" => tokens(value, None, &event["usage"], true),
        _ => Event::Quiet,
    }
}

fn tokens(value: &Value, message: Option<String>, usage: &Value, written: bool) -> Event {
    let input = ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];
    let input = input.iter().filter_map(|name| usage[name].as_u64());
    let input = input.fold(None, |sum: Option<u64>, n| Some(sum.unwrap_or(0).saturating_add(n)));
    Event::Tokens(Tokens {
        of: text(value, "/parent_tool_use_id").to_owned(),
        message,
        input,
        output: usage["output_tokens"].as_u64().filter(|_| written),
    })
}

/// A tool call in a few words: the tool and the first thing it is given that says what it does.
fn tool(block: &Value) -> String {
    let what = ["/input/command", "/input/file_path", "/input/pattern", "/input/verdict"];
    let what = what.into_iter().map(|at| text(block, at)).find(|text| !text.is_empty());
    format!("{}: {}", text(block, "/name"), what.unwrap_or_default())
}

fn user(value: &Value) -> Vec<Event> {
    let content = value.pointer("/message/content").and_then(Value::as_array);
    let mut events = Vec::new();
    for block in content.into_iter().flatten() {
        if block["is_error"] == true {
            let why = text(block, "/content");
            events.push(Event::ToolFailed(format!("tool failed: {why}")));
        }
        if text(block, "/type") == "tool_result" {
            events.push(Event::ToolEnded(text(block, "/tool_use_id").to_owned()));
        }
    }
    events.push(Event::Quiet);
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_does_not_matter_and_unknown_types_are_named() {
        let line = br#" {"subtype":"init","model":"m","claude_code_version":"2","type":"system"}"#;
        let events = read(line).unwrap();
        let Event::Init { shown } = &events[0] else { panic!("{events:?}") };
        assert_eq!(shown, "claude 2 with model m");
        assert_eq!(
            read(br#"{"type":"system","subtype":"new_thing"}"#),
            Some(vec![Event::Unknown("system/new_thing".to_owned())])
        );
        assert_eq!(read(br#"{"a":1}"#), Some(vec![Event::Unknown("no type".to_owned())]));
    }

    #[test]
    fn what_is_not_a_json_object_is_no_event() {
        for line in [&b"plain text"[..], b"", b"[1]", b"{half", b"\xff\x00", b"\"type\""] {
            assert_eq!(read(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_retry_delay_may_be_a_fraction() {
        let line = br#"{"type":"system","subtype":"api_retry","attempt":1,"max_retries":4,"retry_delay_ms":512.5,"error_status":529,"error":"overloaded"}"#;
        let events = read(line).unwrap();
        let Event::Retry(retry) = &events[0] else { panic!("{events:?}") };
        assert_eq!((retry.status, retry.delay_ms), (Some(529), 512.5));
        assert_eq!(retry.shown, "request failed (529 overloaded), try 1 of 4");
    }
}
