//! The scripted model's answers as OpenAI's chat completions stream them.

use serde_json::{Value, json};

use super::model::{Answer, Reply, event_lines, leave, open_text, response};

/// The answer to the `nth` request, whose body is `body`. None is silence.
pub(super) fn answer(reply: &Reply, nth: usize, body: &str) -> Option<Answer> {
    let whole = match reply {
        Reply::Text(text) => stream(&[say(text), end("stop")]),
        Reply::Bash(command) => stream(&[call(nth, body, command), end("tool_calls")]),
        Reply::Leave(order) => stream(&[call(nth, body, &leave(body, order)), end("tool_calls")]),
        Reply::Error { status, kind } => error(*status, kind, ""),
        Reply::RetryAfter { status, kind, secs } => {
            error(*status, kind, &format!("retry-after: {secs}\r\n"))
        }
        Reply::Truncated => stream(&[say("half"), end("length")]),
        Reply::Filtered => stream(&[say("half"), end("content_filter")]),
        Reply::Cut => response(200, "text/event-stream", "", &event_lines(&[say("half")])),
        Reply::Silence => return Some(open_text(&event_lines(&[say("half")]))),
        Reply::Stall => return None,
        other => error(400, &format!("this interface has no {other:?}"), ""),
    };
    Some(Answer::Whole(whole))
}

fn error(status: u16, kind: &str, headers: &str) -> String {
    let error = json!({"message": format!("scripted {kind}"), "type": kind, "code": kind});
    response(status, "application/json", headers, &json!({"error": error}).to_string())
}

fn stream(pieces: &[Value]) -> String {
    let text = format!("{}data: [DONE]\n\n", event_lines(pieces));
    response(200, "text/event-stream", "", &text)
}

fn say(text: &str) -> Value {
    piece(&json!({"role": "assistant", "content": text}), &Value::Null)
}

/// The tool that runs a command is called differently by different programs.
fn call(nth: usize, body: &str, command: &str) -> Value {
    let (name, input) = match body.contains("run_shell_command") {
        true => (
            "run_shell_command",
            json!({"command": command, "description": "scripted", "is_background": false}),
        ),
        false => ("bash", json!({"command": command, "description": "scripted"})),
    };
    let function = json!({"name": name, "arguments": input.to_string()});
    let call =
        json!({"index": 0, "id": format!("call_{nth}"), "type": "function", "function": function});
    piece(&json!({"role": "assistant", "content": null, "tool_calls": [call]}), &Value::Null)
}

fn end(reason: &str) -> Value {
    let mut last = piece(&json!({}), &reason.into());
    last["usage"] = json!({"prompt_tokens": 110, "completion_tokens": 50, "total_tokens": 160,
        "prompt_tokens_details": {"cached_tokens": 10}});
    last
}

fn piece(delta: &Value, reason: &Value) -> Value {
    json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
}
