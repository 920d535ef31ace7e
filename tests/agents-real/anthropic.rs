//! The scripted model's answers as Anthropic's Messages interface gives them.

use serde_json::{Value, json};

use super::model::{Answer, Reply, events, open_events, response, result};

/// The answer to the `nth` request, whose body is `body`. None is silence.
pub(super) fn answer(reply: &Reply, nth: usize, body: &str) -> Option<Answer> {
    let whole = match reply {
        Reply::Result => use_tool(nth, "StructuredOutput", &result(body, None)),
        Reply::ResultFor(order) => use_tool(nth, "StructuredOutput", &result(body, Some(order))),
        Reply::Bash(command) => use_tool(nth, "Bash", &json!({"command": command})),
        Reply::Work(command) => use_tool(nth, "Bash", &json!({"command": command})),
        Reply::BadResult => use_tool(nth, "StructuredOutput", &json!({"order": 5})),
        Reply::Text(text) => say(nth, text, "end_turn"),
        Reply::Truncated => say(nth, "half", "max_tokens"),
        Reply::Filtered => say(nth, "", "refusal"),
        Reply::Error { status, kind } => error(*status, kind, ""),
        Reply::RetryAfter { status, kind, secs } => {
            error(*status, kind, &format!("retry-after: {secs}\r\n"))
        }
        Reply::UsageLimit { reset } => error(
            429,
            "rate_limit_error",
            &format!(
                "anthropic-ratelimit-unified-status: rejected\r\n\
                 anthropic-ratelimit-unified-reset: {reset}\r\n\
                 anthropic-ratelimit-unified-representative-claim: five_hour\r\n"
            ),
        ),
        Reply::Cut => events(&pieces(nth, &text_block(), &text_delta("half"), "")[..3]),
        Reply::Silence => {
            return Some(open_events(&pieces(nth, &text_block(), &Value::Null, "")[..1]));
        }
        Reply::Stall => return None,
        other => error(400, &format!("this interface has no {other:?}"), ""),
    };
    Some(Answer::Whole(whole))
}

fn error(status: u16, kind: &str, headers: &str) -> String {
    // Two faults have no type of their own: they are told by the message.
    let (kind, message) = match kind {
        "credit_balance_too_low" => ("invalid_request_error", "Your credit balance is too low"),
        "prompt_is_too_long" => {
            ("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum")
        }
        kind => (kind, "scripted"),
    };
    let body = json!({"type": "error", "error": {"type": kind, "message": message}});
    response(status, "application/json", headers, &body.to_string())
}

fn use_tool(nth: usize, name: &str, input: &Value) -> String {
    let block =
        json!({"type": "tool_use", "id": format!("toolu_{nth}"), "name": name, "input": {}});
    let delta = json!({"type": "input_json_delta", "partial_json": input.to_string()});
    events(&pieces(nth, &block, &delta, "tool_use"))
}

fn say(nth: usize, text: &str, stop: &str) -> String {
    events(&pieces(nth, &text_block(), &text_delta(text), stop))
}

fn text_block() -> Value {
    json!({"type": "text", "text": ""})
}

fn text_delta(text: &str) -> Value {
    json!({"type": "text_delta", "text": text})
}

fn pieces(nth: usize, block: &Value, delta: &Value, stop: &str) -> Vec<Value> {
    let usage = json!({"input_tokens": 100, "output_tokens": 1,
        "cache_creation_input_tokens": 0, "cache_read_input_tokens": 10});
    vec![
        json!({"type": "message_start", "message": {"id": format!("msg_{nth}"), "type": "message",
            "role": "assistant", "model": "claude-opus-5-5", "content": [], "stop_reason": null,
            "stop_sequence": null, "usage": usage}}),
        json!({"type": "content_block_start", "index": 0, "content_block": block}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null},
            "usage": {"output_tokens": 50}}),
        json!({"type": "message_stop"}),
    ]
}
