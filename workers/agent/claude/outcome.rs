//! What a turn's result means. The exit code and the word `success` are not asked: `is_error` comes first.

use serde_json::Value;

use super::super::event;
use super::super::fault::{Fault, Found};
use super::event::{Retry, text};

/// What was heard during the turn, before its result.
#[derive(Debug, Default, Clone)]
pub(super) struct Hints {
    /// The account's limit refused a request; the inner value is when it ends (Unix seconds), where that was said.
    pub(super) limit: Option<Option<u64>>,
    /// The last error code the CLI put in the model's place.
    pub(super) code: String,
}

/// What `result` tells of that went wrong, `None` when it tells of nothing.
pub(super) fn found(result: &Value, hints: &Hints) -> Option<Found> {
    let subtype = text(result, "/subtype");
    let plain = matches!(subtype, "success" | "") && text(result, "/stop_reason") != "refusal";
    let failed = result["is_error"].as_bool().unwrap_or(false);
    if !failed && plain {
        return None;
    }
    let mut found = Found::new(fault(result, hints), evidence(result, hints));
    found.until = hints.limit.flatten();
    Some(found)
}

/// The same for a request that failed and will be made again.
pub(super) fn retry(retry: &Retry) -> event::Retry {
    let fault = match retry.error.as_str() {
        "authentication_failed" => Fault::Login,
        "billing_error" => Fault::Billing,
        _ => retry.status.and_then(Fault::of_status).unwrap_or(Fault::Network),
    };
    let found = Found::new(fault, retry.shown.clone());
    event::Retry { found, delay_ms: Some(retry.delay_ms) }
}

fn fault(result: &Value, hints: &Hints) -> Fault {
    if text(result, "/stop_reason") == "refusal" {
        return Fault::Refusal;
    }
    match text(result, "/subtype") {
        "error_max_turns" => return Fault::Rounds,
        "error_max_structured_output_retries" => return Fault::BadResult,
        "error_max_budget_usd" => return Fault::Budget,
        _ => {}
    }
    if matches!(text(result, "/terminal_reason"), "prompt_too_long" | "blocking_limit") {
        return Fault::ContextFull;
    }
    if hints.limit.is_some() || text(result, "/api_error") == "usage_limit_reached" {
        return Fault::UsageLimit;
    }
    let by_status = result["api_error_status"].as_u64().and_then(Fault::of_status);
    let exact = match hints.code.as_str() {
        "authentication_failed" => Some(Fault::Login),
        "billing_error" => Some(Fault::Billing),
        "model_not_found" => Some(Fault::NoSuchModel),
        "rate_limit" => Some(Fault::RateLimit),
        "max_output_tokens" => Some(Fault::Truncated),
        _ => None,
    };
    let rough = match hints.code.as_str() {
        "invalid_request" => Some(Fault::BadRequest),
        "overloaded" => Some(Fault::Overloaded),
        _ => None,
    };
    // With a status of its own the server answered; without one its `server_error` is a connection that was lost.
    let by_reason = match (hints.code.as_str(), text(result, "/terminal_reason")) {
        ("server_error" | "unknown", _) | (_, "api_error") => Fault::Network,
        _ => Fault::Died,
    };
    exact.or(by_status).or(rough).unwrap_or(by_reason)
}

/// The codes first, then the words: one line.
fn evidence(result: &Value, hints: &Hints) -> String {
    let mut said = vec![format!("result {}", text(result, "/subtype"))];
    for name in ["api_error_status", "api_error", "terminal_reason", "stop_reason"] {
        match &result[name] {
            Value::Null => {}
            Value::String(word) => said.push(format!("{name} {word}")),
            other => said.push(format!("{name} {other}")),
        }
    }
    if !hints.code.is_empty() {
        said.push(format!("error {}", hints.code));
    }
    let words = match text(result, "/result") {
        "" => text(result, "/errors/0"),
        words => words,
    };
    format!("{}: {words}", said.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fault_of(result: &Value, code: &str) -> Option<Fault> {
        let hints = Hints { code: code.to_owned(), ..Hints::default() };
        found(result, &hints).map(|found| found.fault)
    }

    fn api(status: Option<u64>) -> Value {
        json!({"type": "result", "subtype": "success", "is_error": true,
            "terminal_reason": "api_error", "api_error_status": status, "result": "API Error"})
    }

    #[test]
    fn is_error_comes_before_the_word_success() {
        assert_eq!(fault_of(&json!({"subtype": "success", "is_error": false}), ""), None);
        assert_eq!(fault_of(&json!({}), ""), None);
        assert!(fault_of(&json!({"subtype": "success", "is_error": true}), "").is_some());
        assert!(fault_of(&json!({"subtype": "error_during_execution"}), "").is_some());
    }

    #[test]
    fn every_result_is_the_right_row_of_the_table() {
        let subtype = |name: &str| json!({"subtype": name, "is_error": true});
        let reason = |name: &str| json!({"is_error": true, "terminal_reason": name});
        let rows = [
            ("overloaded", api(Some(529)), "overloaded", Fault::Overloaded),
            ("server error", api(Some(500)), "server_error", Fault::Overloaded),
            ("network", api(None), "server_error", Fault::Network),
            ("cut stream", api(None), "unknown", Fault::Network),
            ("short rate limit", api(Some(429)), "rate_limit", Fault::RateLimit),
            ("login", api(Some(401)), "authentication_failed", Fault::Login),
            ("forbidden", api(Some(403)), "", Fault::Login),
            ("no key", api(None), "authentication_failed", Fault::Login),
            ("billing", api(Some(400)), "billing_error", Fault::Billing),
            ("model", api(Some(404)), "model_not_found", Fault::NoSuchModel),
            ("bad request", api(Some(400)), "invalid_request", Fault::BadRequest),
            ("context", reason("prompt_too_long"), "invalid_request", Fault::ContextFull),
            ("prompt", reason("blocking_limit"), "", Fault::ContextFull),
            ("rounds", subtype("error_max_turns"), "", Fault::Rounds),
            ("budget", subtype("error_max_budget_usd"), "", Fault::Budget),
            ("schema", subtype("error_max_structured_output_retries"), "", Fault::BadResult),
            ("refusal", json!({"is_error": true, "stop_reason": "refusal"}), "", Fault::Refusal),
            ("truncated", json!({"is_error": true}), "max_output_tokens", Fault::Truncated),
            ("died", subtype("error_during_execution"), "", Fault::Died),
        ];
        for (row, result, code, expected) in rows {
            assert_eq!(fault_of(&result, code), Some(expected), "{row}");
        }
    }

    #[test]
    fn a_usage_limit_says_when_it_ends() {
        let mut result = api(Some(429));
        result["api_error"] = json!("usage_limit_reached");
        let hints = Hints { limit: Some(Some(1_800_000_000)), ..Hints::default() };
        let found = found(&result, &hints).unwrap();
        assert_eq!((found.fault, found.until), (Fault::UsageLimit, Some(1_800_000_000)));
        assert!(found.evidence.contains("usage_limit_reached"), "{}", found.evidence);
    }
}
