//! What a turn is made of, as events: messages, commands, patches. The app-server and `codex exec` name the same
//! things in two spellings.

use serde_json::Value;

use super::super::event::AgentEvent;
use super::message::text;

/// An item began.
pub(super) fn started(item: &Value) -> AgentEvent {
    match kind(item).as_str() {
        "commandexecution" => AgentEvent::ToolCall(format!("command: {}", text(item, "/command"))),
        "filechange" => AgentEvent::ToolCall(format!("patch: {}", changed(item))),
        "mcptoolcall" | "dynamictoolcall" => {
            AgentEvent::ToolCall(format!("tool: {} {}", text(item, "/server"), text(item, "/tool")))
        }
        "websearch" => AgentEvent::ToolCall(format!("search: {}", text(item, "/query"))),
        "contextcompaction" => AgentEvent::Remark("the context is summed up".to_owned()),
        _ => AgentEvent::Quiet,
    }
}

/// An item is complete. What a message says stands in [`words`].
pub(super) fn completed(item: &Value) -> AgentEvent {
    let status = text(item, "/status");
    let code = item.get("exitCode").or_else(|| item.get("exit_code")).and_then(Value::as_i64);
    match (kind(item).as_str(), status, code) {
        ("agentmessage", ..) => AgentEvent::Text(text(item, "/text").to_owned()),
        ("error", ..) => AgentEvent::Remark(text(item, "/message").to_owned()),
        ("commandexecution" | "filechange", "declined", _) => {
            AgentEvent::ToolResult("denied".to_owned())
        }
        ("commandexecution", _, Some(code)) if code != 0 => {
            AgentEvent::ToolResult(format!("the command failed: exit {code}"))
        }
        ("filechange", "failed", _) => {
            AgentEvent::ToolResult(format!("the patch failed: {}", changed(item)))
        }
        _ => AgentEvent::Quiet,
    }
}

/// The id of a command, a patch or another tool, which runs until it is complete.
pub(super) fn tool(item: &Value) -> Option<String> {
    let tools = ["commandexecution", "filechange", "mcptoolcall", "dynamictoolcall", "websearch"];
    tools.contains(&kind(item).as_str()).then(|| text(item, "/id").to_owned())
}

/// True for a tool call that was not allowed.
pub(super) fn denied(item: &Value) -> bool {
    text(item, "/status") == "declined"
}

/// The text of a message of the model.
pub(super) fn words(item: &Value) -> Option<&str> {
    (kind(item) == "agentmessage").then(|| text(item, "/text"))
}

/// The structured result in the model's last words, if they are one.
pub(super) fn output(words: &str) -> Option<Value> {
    serde_json::from_str(words).ok().filter(Value::is_object)
}

/// `commandExecution` and `command_execution` alike.
fn kind(item: &Value) -> String {
    let letters = text(item, "/type").chars().filter(|&c| c != '_').take(60);
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

fn changed(item: &Value) -> String {
    let changes = item["changes"].as_array().into_iter().flatten();
    let paths: Vec<&str> = changes.map(|change| text(change, "/path")).collect();
    paths.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_spellings_are_the_same_event() {
        for kind in ["commandExecution", "command_execution"] {
            let item = json!({"type": kind, "command": "ls", "exitCode": 3, "exit_code": 3});
            assert_eq!(started(&item), AgentEvent::ToolCall("command: ls".to_owned()));
            let failed = "the command failed: exit 3".to_owned();
            assert_eq!(completed(&item), AgentEvent::ToolResult(failed));
        }
        for kind in ["agentMessage", "agent_message"] {
            assert_eq!(words(&json!({"type": kind, "text": "hi"})), Some("hi"));
        }
        assert_eq!(words(&json!({"type": "reasoning", "text": "hm"})), None);
    }

    #[test]
    fn only_words_that_are_a_json_object_are_a_structured_result() {
        assert_eq!(output(r#" {"order":"a"} "#), Some(json!({"order": "a"})));
        for words in ["", "done", "[1]", "\"a\"", "```json\n{}\n```", "{} and more"] {
            assert_eq!(output(words), None, "{words}");
        }
    }
}
