//! What a turn's result means. The exit code and the word `success` are not asked: `is_error` comes first.

use serde_json::Value;

use super::super::one_line;
use super::event::text;
use crate::failure::{Class, Failure};

/// What was heard during the turn, before its result.
#[derive(Debug, Default, Clone)]
pub(super) struct Hints {
    /// The account's limit refused a request; the inner value is when it ends (Unix seconds), where that was said.
    pub(super) limit: Option<Option<u64>>,
    /// The last error code the CLI put in the model's place.
    pub(super) code: String,
    /// An earlier turn of the same session came to a good end, so that login, model and flags are right.
    pub(super) proven: bool,
}

/// The failure that `result` tells of, `None` when it tells of none.
pub(super) fn failure(result: &Value, hints: &Hints) -> Option<Failure> {
    let subtype = text(result, "/subtype");
    let plain = matches!(subtype, "success" | "") && text(result, "/stop_reason") != "refusal";
    let failed = result["is_error"].as_bool().unwrap_or(false);
    if !failed && plain {
        return None;
    }
    let evidence = evidence(result, hints);
    let (class, session_over) = charge(result, hints);
    let until = hints.limit.flatten().filter(|_| class == Class::Env);
    Some(Failure { class, evidence, until, session_over })
}

/// Who is charged, and whether the session is of any further use.
fn charge(result: &Value, hints: &Hints) -> (Class, bool) {
    let status = result["api_error_status"].as_u64();
    let code = hints.code.as_str();
    if text(result, "/stop_reason") == "refusal" {
        return (Class::Work, false);
    }
    match text(result, "/subtype") {
        "error_max_turns" | "error_max_structured_output_retries" => return (Class::Work, false),
        // The budget is the whole session's: every further message would be refused at once.
        "error_max_budget_usd" => return (Class::Work, true),
        _ => {}
    }
    // A context that is full stays full.
    if matches!(text(result, "/terminal_reason"), "prompt_too_long" | "blocking_limit") {
        return (Class::Work, true);
    }
    let limit = hints.limit.is_some() || text(result, "/api_error") == "usage_limit_reached";
    match (status, code) {
        _ if limit => (Class::Env, true),
        (Some(401 | 402 | 403 | 404 | 429), _) => (Class::Env, true),
        (_, "authentication_failed" | "billing_error" | "model_not_found" | "rate_limit") => {
            (Class::Env, true)
        }
        (_, "max_output_tokens") => (Class::Work, false),
        // A request the model's server does not understand: the set-up's fault, unless the set-up has been seen to
        // work; then it is what this conversation has grown to.
        (Some(400..=499), _) | (_, "invalid_request") if hints.proven => (Class::Work, true),
        (Some(400..=499), _) | (_, "invalid_request") => (Class::Env, true),
        (Some(500..=599), _) | (_, "server_error" | "overloaded") => (Class::Env, false),
        _ if text(result, "/terminal_reason") == "api_error" => (Class::Env, false),
        (None, "unknown") => (Class::Env, false),
        _ => (Class::Crash, false),
    }
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
    one_line(&format!("{}: {words}", said.join(", ")), 400)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn charged(result: &Value, code: &str) -> Option<(Class, bool)> {
        let hints = Hints { code: code.to_owned(), ..Hints::default() };
        failure(result, &hints).map(|failure| (failure.class, failure.session_over))
    }

    fn api(status: Option<u64>) -> Value {
        json!({"type": "result", "subtype": "success", "is_error": true,
            "terminal_reason": "api_error", "api_error_status": status, "result": "API Error"})
    }

    #[test]
    fn is_error_comes_before_the_word_success() {
        assert_eq!(charged(&json!({"subtype": "success", "is_error": false}), ""), None);
        assert_eq!(charged(&json!({}), ""), None);
        assert!(charged(&json!({"subtype": "success", "is_error": true}), "").is_some());
        assert!(charged(&json!({"subtype": "error_during_execution"}), "").is_some());
    }

    #[test]
    fn every_row_of_the_table_is_charged_to_the_right_party() {
        let (env, work, crash) = (Class::Env, Class::Work, Class::Crash);
        let subtype = |name: &str| json!({"subtype": name, "is_error": true});
        let reason = |name: &str| json!({"is_error": true, "terminal_reason": name});
        let rows = [
            ("overloaded", api(Some(529)), "overloaded", (env, false)),
            ("server error", api(Some(500)), "server_error", (env, false)),
            ("network", api(None), "server_error", (env, false)),
            ("cut stream", api(None), "unknown", (env, false)),
            ("short rate limit", api(Some(429)), "rate_limit", (env, true)),
            ("login", api(Some(401)), "authentication_failed", (env, true)),
            ("forbidden", api(Some(403)), "", (env, true)),
            ("no key", api(None), "authentication_failed", (env, true)),
            ("billing", api(Some(400)), "billing_error", (env, true)),
            ("model", api(Some(404)), "model_not_found", (env, true)),
            ("bad request", api(Some(400)), "invalid_request", (env, true)),
            ("context", reason("prompt_too_long"), "invalid_request", (work, true)),
            ("prompt", reason("blocking_limit"), "", (work, true)),
            ("rounds", subtype("error_max_turns"), "", (work, false)),
            ("budget", subtype("error_max_budget_usd"), "", (work, true)),
            ("schema", subtype("error_max_structured_output_retries"), "", (work, false)),
            ("refusal", json!({"is_error": true, "stop_reason": "refusal"}), "", (work, false)),
            ("truncated", json!({"is_error": true}), "max_output_tokens", (work, false)),
            ("died", subtype("error_during_execution"), "", (crash, false)),
        ];
        for (row, result, code, expected) in rows {
            assert_eq!(charged(&result, code), Some(expected), "{row}");
        }
    }

    #[test]
    fn a_usage_limit_says_when_it_ends() {
        let mut result = api(Some(429));
        result["api_error"] = json!("usage_limit_reached");
        let hints = Hints { limit: Some(Some(1_800_000_000)), ..Hints::default() };
        let failure = failure(&result, &hints).unwrap();
        assert_eq!((failure.class, failure.session_over), (Class::Env, true));
        assert_eq!(failure.until, Some(1_800_000_000));
        assert!(failure.evidence.contains("usage_limit_reached"), "{}", failure.evidence);
    }

    #[test]
    fn a_bad_request_after_a_good_turn_is_not_the_set_ups_fault() {
        let hints = Hints { code: "invalid_request".to_owned(), proven: true, limit: None };
        assert_eq!(failure(&api(Some(400)), &hints).unwrap().class, Class::Work);
    }

    #[test]
    fn evidence_is_one_line_without_control_characters() {
        let result = json!({"is_error": true, "result": "a\n\u{1b}[31mb"});
        let evidence = failure(&result, &Hints::default()).unwrap().evidence;
        assert!(!evidence.chars().any(char::is_control), "{evidence:?}");
    }
}
