//! One line of the app-server as a JSON-RPC message. Codex leaves the field `jsonrpc` out.

use serde_json::Value;

use super::super::one_line;

/// Something it sent.
#[derive(Debug, PartialEq)]
pub(super) enum Message {
    /// The answer to a request of ours.
    Reply {
        /// The request's number.
        id: u64,
        /// What it is answered with, or what went wrong.
        answer: Result<Value, String>,
    },
    /// It tells something.
    Notice {
        /// What it is about.
        method: String,
        /// What it says.
        params: Value,
    },
    /// It asks for something and waits for the answer.
    Request {
        /// Its number, as it is to be repeated.
        id: Value,
        /// What it asks for.
        method: String,
    },
    /// None of these.
    Odd,
}

/// The text at `pointer`, empty when there is none.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The line as a JSON object.
pub(super) fn object(line: &[u8]) -> Option<Value> {
    serde_json::from_slice(line).ok().filter(Value::is_object)
}

/// The message of one line: none when it is not a JSON object.
pub(super) fn read(line: &[u8]) -> Option<Message> {
    let mut value = object(line)?;
    let method = value.get("method").and_then(Value::as_str).map(str::to_owned);
    let id = value.get("id").filter(|id| !id.is_null()).cloned();
    Some(match (method, id) {
        (Some(method), Some(id)) => Message::Request { id, method },
        (Some(method), None) => Message::Notice { method, params: value["params"].take() },
        (None, Some(id)) => match (id.as_u64(), value.get("error")) {
            (Some(id), Some(error)) => Message::Reply { id, answer: Err(told(error)) },
            (Some(id), None) => Message::Reply { id, answer: Ok(value["result"].take()) },
            (None, _) => Message::Odd,
        },
        (None, None) => Message::Odd,
    })
}

fn told(error: &Value) -> String {
    one_line(&format!("error {}: {}", error["code"], text(error, "/message")), 400)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn replies_notices_and_requests_are_told_apart_by_their_fields() {
        let reply = Message::Reply { id: 3, answer: Ok(json!({"a": 1})) };
        assert_eq!(read(br#"{"result":{"a":1},"id":3}"#), Some(reply));
        let failed = read(br#"{"id":3,"error":{"code":-32600,"message":"no\nthread"}}"#);
        let answer = Err("error -32600: no thread".to_owned());
        assert_eq!(failed, Some(Message::Reply { id: 3, answer }));
        let notice = read(br#"{"params":{"x":1},"method":"warning","emittedAtMs":1}"#);
        let params = json!({"x": 1});
        assert_eq!(notice, Some(Message::Notice { method: "warning".to_owned(), params }));
        let request = read(br#"{"id":"a","method":"item/tool/call","params":{}}"#);
        let method = "item/tool/call".to_owned();
        assert_eq!(request, Some(Message::Request { id: json!("a"), method }));
        assert_eq!(read(br#"{"id":"a","result":{}}"#), Some(Message::Odd));
    }

    #[test]
    fn what_is_not_a_json_object_is_no_message() {
        for line in [&b"text"[..], b"", b"[1]", b"{half", b"\xff\x00", b"{}}"] {
            assert_eq!(read(line), None, "{line:?}");
        }
    }
}
