//! What Codex's errors mean: the app-server's codes, and the words where there is no code.

use serde_json::Value;

use super::super::fault::{Fault, Found};
use super::message::text;

/// The fault of an app-server's error: `{message, codexErrorInfo, additionalDetails}`.
pub(super) fn of_error(error: &Value) -> Found {
    let message = text(error, "/message");
    let details = text(error, "/additionalDetails");
    let said = match details {
        "" => message.to_owned(),
        details => format!("{message} ({details})"),
    };
    let info = &error["codexErrorInfo"];
    let (name, status) = code(info);
    let fault = by_code(name, status, message).unwrap_or_else(|| by_words(&said));
    let shown = match status {
        Some(status) => format!("codexErrorInfo {name} {status}: {said}"),
        None if name.is_empty() => format!("message: {said}"),
        None => format!("codexErrorInfo {name}: {said}"),
    };
    Found::new(fault, shown)
}

/// The fault of an error that is only told in words, as `codex exec` does.
pub(super) fn of_words(field: &str, message: &str) -> Found {
    Found::new(by_words(message), format!("{field}: {message}"))
}

/// The code's name, and the HTTP status that comes with it: `"other"` or `{"name": {"httpStatusCode": 401}}`.
fn code(info: &Value) -> (&str, Option<u64>) {
    match info {
        Value::String(name) => (name, None),
        Value::Object(fields) => match fields.iter().next() {
            Some((name, inner)) => (name, inner["httpStatusCode"].as_u64()),
            None => ("", None),
        },
        _ => ("", None),
    }
}

fn by_code(name: &str, status: Option<u64>, message: &str) -> Option<Fault> {
    Some(match name {
        "contextWindowExceeded" => Fault::ContextFull,
        "sessionBudgetExceeded" => Fault::Budget,
        // One code for an account that must wait and for one that must pay.
        "usageLimitExceeded" if message.starts_with("Quota exceeded") => Fault::Billing,
        "usageLimitExceeded" => Fault::UsageLimit,
        "rateLimitExceeded" => Fault::RateLimit,
        "serverOverloaded"
        | "internalServerError"
        | "flexUnavailable"
        | "policyCapacityUnavailable" => Fault::Overloaded,
        "modelNotFound" => Fault::NoSuchModel,
        "badRequest" => Fault::BadRequest,
        "unauthorized" => Fault::Login,
        "sandboxError" => Fault::SetUp,
        "cyberPolicy"
        | "misalignmentPolicyViolation"
        | "inferenceHookDenied"
        | "tooManyDenials" => Fault::Refusal,
        "httpConnectionFailed"
        | "responseStreamConnectionFailed"
        | "responseStreamDisconnected"
        | "responseTooManyFailedAttempts" => match status {
            Some(status) => Fault::of_status(status)?,
            None => return by_known_words(message).or(Some(Fault::Network)),
        },
        // `other`, and what there may be in later versions.
        _ => return None,
    })
}

fn by_words(message: &str) -> Fault {
    by_known_words(message).unwrap_or(Fault::Unknown)
}

/// Phrases of Codex 0.169.0, the more exact ones first.
const WORDS: [(&str, Fault); 21] = [
    ("usage limit", Fault::UsageLimit),
    ("Quota exceeded", Fault::Billing),
    ("ran out of room", Fault::ContextFull),
    ("input_too_large", Fault::ContextFull),
    ("exceeds the maximum length", Fault::ContextFull),
    ("Missing environment variable", Fault::Login),
    ("at capacity", Fault::Overloaded),
    ("high demand", Fault::Overloaded),
    ("rate limit exceeded", Fault::RateLimit),
    ("Incomplete response returned", Fault::Truncated),
    ("waiting for network", Fault::Network),
    ("idle timeout waiting", Fault::Network),
    ("error sending request", Fault::Network),
    ("connection refused", Fault::Network),
    ("stream disconnected", Fault::Network),
    ("stream closed", Fault::Network),
    ("model_not_found", Fault::NoSuchModel),
    ("does not exist", Fault::NoSuchModel),
    ("invalid_request_error", Fault::BadRequest),
    ("\"error\":", Fault::BadRequest),
    ("sandbox", Fault::SetUp),
];

fn by_known_words(message: &str) -> Option<Fault> {
    let phrase = WORDS.iter().find(|(words, _)| message.contains(words));
    // A body that is told whole may hold any words: a status that stands before it is surer.
    status(message).and_then(Fault::of_status).or(phrase.map(|(_, fault)| *fault))
}

/// The status in `unexpected status 401 Unauthorized: ...` or `last status: 429 Too Many Requests`.
fn status(message: &str) -> Option<u64> {
    let after = |before: &str| Some(message.split_once(before)?.1);
    let rest = after("unexpected status ").or_else(|| after("last status: "))?;
    rest.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_code_is_the_right_row_of_the_table() {
        let http = |name: &str, status: Option<u64>| json!({name: {"httpStatusCode": status}});
        let rows = [
            (json!("contextWindowExceeded"), "m", Fault::ContextFull),
            (json!("usageLimitExceeded"), "You’ve hit your usage limit.", Fault::UsageLimit),
            (json!("usageLimitExceeded"), "Quota exceeded. Check your plan", Fault::Billing),
            (json!("rateLimitExceeded"), "m", Fault::RateLimit),
            (json!("serverOverloaded"), "m", Fault::Overloaded),
            (json!("internalServerError"), "m", Fault::Overloaded),
            (json!("modelNotFound"), "m", Fault::NoSuchModel),
            (json!("badRequest"), "m", Fault::BadRequest),
            (json!("unauthorized"), "m", Fault::Login),
            (json!("cyberPolicy"), "m", Fault::Refusal),
            (http("httpConnectionFailed", Some(401)), "m", Fault::Login),
            (http("httpConnectionFailed", Some(403)), "m", Fault::Login),
            (http("httpConnectionFailed", Some(404)), "m", Fault::NoSuchModel),
            (http("httpConnectionFailed", Some(529)), "m", Fault::Overloaded),
            (http("httpConnectionFailed", None), "m", Fault::Network),
            (http("responseStreamDisconnected", None), "at capacity", Fault::Overloaded),
            (http("responseTooManyFailedAttempts", Some(429)), "m", Fault::RateLimit),
            (json!("other"), "stream disconnected before completion: x", Fault::Network),
            (json!("other"), "Incomplete response returned, reason: x", Fault::Truncated),
            (json!("other"), "Missing environment variable: `KEY`.", Fault::Login),
            (json!("other"), r#"{"error":{"message":"bad"}}"#, Fault::BadRequest),
            (json!("other"), "something new", Fault::Unknown),
            (json!("aCodeOfTomorrow"), "something new", Fault::Unknown),
            (json!({"tomorrow": {"x": 1}}), "unexpected status 500 x: y", Fault::Overloaded),
            (Value::Null, "m", Fault::Unknown),
        ];
        for (info, message, expected) in rows {
            let error = json!({"message": message, "codexErrorInfo": info});
            assert_eq!(of_error(&error).fault, expected, "{error}");
        }
    }

    #[test]
    fn words_without_a_code_are_read_as_well_as_they_can_be() {
        let rows = [
            ("exceeded retry limit, last status: 429 Too Many Requests", Fault::RateLimit),
            ("unexpected status 401 Unauthorized: usage limit", Fault::Login),
            ("We’re currently experiencing high demand, which may", Fault::Overloaded),
            ("Reconnecting... waiting for network (error)", Fault::Network),
            ("You’ve hit your usage limit. Try again at 5:51 AM.", Fault::UsageLimit),
        ];
        for (message, expected) in rows {
            let found = of_words("turn.failed", message);
            assert_eq!(found.fault, expected, "{message}");
            assert_eq!(found.evidence, format!("turn.failed: {message}"));
        }
    }

    #[test]
    fn evidence_names_the_field_before_the_words() {
        let error = json!({"message": "Reconnecting... 1/1",
            "codexErrorInfo": {"responseStreamDisconnected": {"httpStatusCode": 401}},
            "additionalDetails": "unexpected status 401"});
        let expected = "codexErrorInfo responseStreamDisconnected 401: \
            Reconnecting... 1/1 (unexpected status 401)";
        assert_eq!(of_error(&error).evidence, expected);
    }
}
