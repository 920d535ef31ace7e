//! What opencode's errors mean: `{name, data: {message, statusCode, isRetryable, responseHeaders, responseBody}}`.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::super::fault::{Fault, Found};
use super::super::oneshot::text;

/// A wait that is longer than this is no short limit on requests any more.
const LONG_WAIT_SECS: u64 = 15 * 60;

/// The fault of an error event's `error`.
pub(super) fn of_error(error: &Value) -> Found {
    let name = text(error, "/name");
    let message = text(error, "/data/message");
    let status = error.pointer("/data/statusCode").and_then(Value::as_u64);
    let wait = retry_after(error);
    let fault = by_name(name, message)
        .or_else(|| by_body(text(error, "/data/responseBody")))
        .or_else(|| status.and_then(Fault::of_status))
        .unwrap_or_else(|| without_status(error, message));
    let fault = match fault {
        Fault::RateLimit if wait.is_some_and(|secs| secs >= LONG_WAIT_SECS) => Fault::UsageLimit,
        fault => fault,
    };
    let status = status.map(|status| format!(" {status}")).unwrap_or_default();
    let waits = wait.map(|secs| format!(" (retry-after: {secs})")).unwrap_or_default();
    let mut found = Found::new(fault, format!("error.name {name}{status}: {message}{waits}"));
    found.until = wait.and_then(|secs| now()?.checked_add(secs));
    found
}

fn by_name(name: &str, message: &str) -> Option<Fault> {
    Some(match name {
        "ContextOverflowError" => Fault::ContextFull,
        "ProviderAuthError" => Fault::Login,
        "MessageOutputLengthError" => Fault::Truncated,
        "ContentFilterError" => Fault::Refusal,
        "MessageAbortedError" => Fault::Died,
        "ProviderModelNotFoundError" => Fault::NoSuchModel,
        "UnknownError" if message.contains("Model not found") => Fault::NoSuchModel,
        _ => return None,
    })
}

/// The code in the body of the provider's answer, where it is more exact than the status.
fn by_body(body: &str) -> Option<Fault> {
    let body: Value = serde_json::from_str(body).ok()?;
    let codes = [text(&body, "/error/code"), text(&body, "/error/type")];
    let one_of = |names: &[&str]| codes.iter().any(|code| names.contains(code));
    if one_of(&["insufficient_quota", "billing_error", "billing_hard_limit_reached"]) {
        return Some(Fault::Billing);
    }
    if one_of(&["usage_limit_reached"]) {
        return Some(Fault::UsageLimit);
    }
    one_of(&["context_length_exceeded"]).then_some(Fault::ContextFull)
}

fn without_status(error: &Value, message: &str) -> Fault {
    let retryable = error.pointer("/data/isRetryable") == Some(&Value::Bool(true));
    match retryable || message.contains("connect") || message.contains("Connection") {
        true => Fault::Network,
        false => Fault::Unknown,
    }
}

/// Seconds to wait, as the provider's headers say.
fn retry_after(error: &Value) -> Option<u64> {
    text(error, "/data/responseHeaders/retry-after").trim().parse().ok()
}

fn now() -> Option<u64> {
    Some(SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_and_codes_are_asked_before_the_status_and_the_status_before_words() {
        let api = |status: u64, body: &str| {
            json!({"name": "APIError", "data": {"message": "m",
            "statusCode": status, "isRetryable": status >= 429, "responseBody": body}})
        };
        let quota = r#"{"error":{"type":"x","code":"insufficient_quota"}}"#;
        let rows = [
            (api(401, ""), Fault::Login),
            (api(403, "{}"), Fault::Login),
            (api(404, ""), Fault::NoSuchModel),
            (api(400, ""), Fault::BadRequest),
            (api(402, ""), Fault::Billing),
            (api(429, ""), Fault::RateLimit),
            (api(429, quota), Fault::Billing),
            (api(500, ""), Fault::Overloaded),
            (api(529, "not json"), Fault::Overloaded),
            (
                json!({"name": "APIError", "data": {"message": "m", "isRetryable": true}}),
                Fault::Network,
            ),
            (json!({"name": "ContextOverflowError", "data": {"message": "m"}}), Fault::ContextFull),
            (json!({"name": "ContentFilterError", "data": {"message": "m"}}), Fault::Refusal),
            (json!({"name": "ProviderAuthError", "data": {"message": "m"}}), Fault::Login),
            (
                json!({"name": "UnknownError", "data": {"message": "Model not found: a/b."}}),
                Fault::NoSuchModel,
            ),
            (json!({"name": "UnknownError", "data": {"message": "m"}}), Fault::Unknown),
            (json!({"name": "OfTomorrow"}), Fault::Unknown),
            (json!("odd"), Fault::Unknown),
        ];
        for (error, expected) in rows {
            assert_eq!(of_error(&error).fault, expected, "{error}");
        }
    }

    #[test]
    fn a_long_wait_is_a_usage_limit_with_its_end_and_a_short_one_is_none() {
        let waits = |secs: &str| {
            of_error(&json!({"name": "APIError", "data": {"message": "m",
            "statusCode": 429, "responseHeaders": {"retry-after": secs}}}))
        };
        let (long, short, odd) = (waits("7200"), waits("20"), waits("tomorrow"));
        assert_eq!((long.fault, short.fault), (Fault::UsageLimit, Fault::RateLimit));
        let ends = |found: &Found| found.until.unwrap().abs_diff(now().unwrap());
        assert!(ends(&long).abs_diff(7200) < 60 && ends(&short).abs_diff(20) < 60);
        assert_eq!((odd.fault, odd.until), (Fault::RateLimit, None));
        assert_eq!(waits(&u64::MAX.to_string()).until, None);
        assert!(long.evidence.contains("APIError 429: m (retry-after: 7200)"), "{long:?}");
    }
}
