//! The scripted model's answers as OpenAI's Responses interface streams them.

use serde_json::{Value, json};

use super::model::{Answer, Reply, events, open_events, response, result};

/// The answer to the `nth` request, whose body is `body`. None is silence.
pub(super) fn answer(reply: &Reply, nth: usize, body: &str) -> Option<Answer> {
    let whole = match reply {
        Reply::Result => items(nth, &[message(nth, &result(body, None).to_string())]),
        Reply::ResultFor(order) => {
            items(nth, &[message(nth, &result(body, Some(order)).to_string())])
        }
        Reply::Text(text) => items(nth, &[message(nth, text)]),
        Reply::Bash(command) => items(nth, &[command_call(nth, command)]),
        Reply::Work(command) => items(nth, &[command_call(nth, command)]),
        Reply::Patch(patch) => items(nth, &[patch_call(nth, patch)]),
        Reply::Error { status, kind } => error(*status, kind, &Value::Null, ""),
        Reply::RetryAfter { status, kind, secs } => {
            error(*status, kind, &Value::Null, &format!("retry-after: {secs}\r\n"))
        }
        Reply::UsageLimit { reset } => {
            let headers = format!(
                "x-codex-primary-used-percent: 100\r\n\
                 x-codex-primary-window-minutes: 300\r\n\
                 x-codex-primary-reset-at: {reset}\r\n"
            );
            error(429, "usage_limit_reached", &(*reset).into(), &headers)
        }
        Reply::UsageLimitInWords { reset } => {
            error(429, "usage_limit_reached", &(*reset).into(), "")
        }
        Reply::Failed { code } => events(&[created(nth), failed(nth, code)]),
        Reply::Truncated => events(&[created(nth), incomplete(nth)]),
        Reply::Cut => events(&pieces(nth, &[message(nth, "half")])[..3]),
        Reply::Silence => return Some(open_events(&[created(nth)])),
        Reply::Stall => return None,
        other => error(400, &format!("this interface has no {other:?}"), &Value::Null, ""),
    };
    Some(Answer::Whole(whole))
}

fn error(status: u16, kind: &str, resets_at: &Value, headers: &str) -> String {
    // Where Codex passes on nothing but these words, they have to be the real ones.
    let message = match kind {
        "model_not_found" => "The model `gpt-5.5` does not exist or you do not have access to it.",
        _ => "scripted",
    };
    let error = json!({"message": message, "type": kind, "code": kind, "plan_type": "pro",
        "resets_at": resets_at});
    response(status, "application/json", headers, &json!({"error": error}).to_string())
}

fn message(nth: usize, text: &str) -> Value {
    json!({"type": "message", "role": "assistant", "id": format!("msg_{nth}"),
        "content": [{"type": "output_text", "text": text}]})
}

fn command_call(nth: usize, command: &str) -> Value {
    json!({"type": "function_call", "id": format!("fc_{nth}"), "call_id": format!("call_{nth}"),
        "name": "exec_command", "arguments": json!({"cmd": command}).to_string()})
}

fn patch_call(nth: usize, patch: &str) -> Value {
    json!({"type": "custom_tool_call", "id": format!("ct_{nth}"),
        "call_id": format!("call_{nth}"), "name": "apply_patch", "input": patch})
}

fn created(nth: usize) -> Value {
    json!({"type": "response.created", "response": {"id": format!("resp_{nth}")}})
}

fn failed(nth: usize, code: &str) -> Value {
    json!({"type": "response.failed", "response": {"id": format!("resp_{nth}"),
        "status": "failed", "error": {"code": code, "message": "scripted"}}})
}

fn incomplete(nth: usize) -> Value {
    json!({"type": "response.incomplete", "response": {"id": format!("resp_{nth}"),
        "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}})
}

fn items(nth: usize, items: &[Value]) -> String {
    events(&pieces(nth, items))
}

fn pieces(nth: usize, items: &[Value]) -> Vec<Value> {
    let usage = json!({"input_tokens": 110, "input_tokens_details": {"cached_tokens": 10},
        "output_tokens": 50, "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 160});
    let mut pieces = vec![created(nth)];
    for (at, item) in items.iter().enumerate() {
        for kind in ["response.output_item.added", "response.output_item.done"] {
            pieces.push(json!({"type": kind, "output_index": at, "item": item}));
        }
    }
    pieces.push(json!({"type": "response.completed", "response": {"id": format!("resp_{nth}"),
        "status": "completed", "output": [], "usage": usage}}));
    pieces
}
