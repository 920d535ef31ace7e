//! The scripted model's answers as Gemini's `streamGenerateContent` gives them.

use serde_json::{Value, json};

use super::model::{Answer, Reply, event_lines, leave, open_text, response};

/// The answer to a request whose body is `body`. None is silence.
pub(super) fn answer(reply: &Reply, _nth: usize, body: &str) -> Option<Answer> {
    let whole = match reply {
        Reply::Text(text) => stream(&[say(text, Some("STOP"))]),
        Reply::Bash(command) => stream(&[call(command)]),
        Reply::Leave(order) => stream(&[call(&leave(body, order))]),
        Reply::Error { status, kind } => error(*status, kind),
        Reply::Truncated => stream(&[say("half", Some("MAX_TOKENS"))]),
        Reply::Filtered => stream(&[say("", Some("SAFETY"))]),
        Reply::Cut => stream(&[say("half", None)]),
        Reply::Silence => return Some(open_text(&event_lines(&[say("half", None)]))),
        Reply::Stall => return None,
        other => error(400, &format!("this interface has no {other:?}")),
    };
    Some(Answer::Whole(whole))
}

/// Some faults are told by their details or their words alone: those have to be the real ones.
fn error(status: u16, kind: &str) -> String {
    let (message, details) = match kind {
        "API_KEY_INVALID" => (
            "API key not valid. Please pass a valid API key.",
            json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": kind,
                "domain": "googleapis.com"}]),
        ),
        "PerDay" => (
            "You exceeded your current quota",
            json!([{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [
                {"quotaMetric": "m", "quotaId": "GenerateRequestsPerDayPerProjectPerModel"}]}]),
        ),
        "TOO_LONG" => (
            "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).",
            Value::Null,
        ),
        _ => ("scripted", Value::Null),
    };
    let mut error = json!({"code": status, "message": message, "status": kind});
    if !details.is_null() {
        error["details"] = details;
    }
    response(status, "application/json", "", &json!({"error": error}).to_string())
}

fn stream(pieces: &[Value]) -> String {
    response(200, "text/event-stream", "", &event_lines(pieces))
}

fn say(text: &str, end: Option<&str>) -> Value {
    piece(&json!({"text": text}), end)
}

fn call(command: &str) -> Value {
    let call = json!({"name": "run_shell_command", "args": {"command": command}});
    piece(&json!({"functionCall": call}), Some("STOP"))
}

fn piece(part: &Value, end: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": [part]}, "index": 0});
    if let Some(end) = end {
        candidate["finishReason"] = end.into();
    }
    json!({"candidates": [candidate], "modelVersion": "m", "usageMetadata": {"promptTokenCount": 110,
        "candidatesTokenCount": 50, "totalTokenCount": 160, "cachedContentTokenCount": 10}})
}
