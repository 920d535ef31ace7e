//! What Gemini CLI's errors mean: the error of its server inside a message, then the message's words, then its exit code,
//! which is the HTTP status modulo 256 where it is nothing of its own.

use serde_json::Value;

use super::super::fault::{Fault, Found};

/// The fault of a message, `[API Error: {"error":{"code":401,...}}]` or words. None where it says nothing we know.
pub(super) fn of_message(field: &str, message: &str) -> Option<Found> {
    let inner = inner(message);
    let status = inner.as_ref().and_then(|inner| inner.pointer("/error/code")?.as_u64());
    let by_status = status.and_then(Fault::of_status);
    let fault = by_words(message).or(by_status)?;
    Some(Found::new(fault, format!("{field}: {message}")))
}

/// The server's answer, where the message holds it whole.
fn inner(message: &str) -> Option<Value> {
    let (start, end) = (message.find('{')?, message.rfind('}')?);
    serde_json::from_str(message.get(start..=end)?).ok()
}

/// Words where there is no code, or where one code stands for more than one fault. The first one that is found counts.
const WORDS: [(&str, Fault); 21] = [
    ("API_KEY_INVALID", Fault::Login),
    ("API key not valid", Fault::Login),
    ("exceeds the maximum number of tokens", Fault::ContextFull),
    ("exhausted your daily quota", Fault::UsageLimit),
    ("TerminalQuotaError", Fault::UsageLimit),
    ("BILLING_DISABLED", Fault::Billing),
    ("ModelNotFoundError", Fault::NoSuchModel),
    ("is not found for API version", Fault::NoSuchModel),
    ("Requested entity was not found", Fault::NoSuchModel),
    ("model response was blocked", Fault::Refusal),
    ("exceeded the token limit", Fault::Truncated),
    ("without a finish reason", Fault::Network),
    ("empty response with no text", Fault::Network),
    ("Loop detected", Fault::Rounds),
    ("max session turns", Fault::Rounds),
    ("Please set an Auth method", Fault::Login),
    ("must specify the GEMINI_API_KEY", Fault::Login),
    ("fetch failed", Fault::Network),
    ("terminated]", Fault::Network),
    ("ECONNREFUSED", Fault::Network),
    ("ECONNRESET", Fault::Network),
];

fn by_words(message: &str) -> Option<Fault> {
    WORDS.iter().find(|(words, _)| message.contains(words)).map(|(_, fault)| *fault)
}

/// `Attempt 2 failed with status 429. Retrying with backoff...` on its error stream.
pub(super) fn of_retry(line: &str) -> Option<Found> {
    let (_, rest) = line.strip_prefix("Attempt ")?.split_once(" failed")?;
    let status = rest
        .strip_prefix(" with status ")
        .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
    let fault = status.and_then(Fault::of_status).or_else(|| by_words(rest));
    Some(Found::new(fault.unwrap_or(Fault::Network), format!("stderr: {line}")))
}

/// What an exit code says where nothing else was said.
pub(super) fn of_exit(code: i32) -> Option<Fault> {
    Some(match code {
        41 => Fault::Login,
        42 | 52 => Fault::SetUp,
        53 => Fault::Rounds,
        44 => Fault::SetUp,
        144..=255 => Fault::of_status(u64::try_from(code).ok()? + 256)?,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_code_is_read_out_of_the_message_and_telling_words_come_before_it() {
        let api = |code: u64, message: &str| {
            format!(
                r#"[API Error: {{"error":{{"code":{code},"message":"{message}","status":"X"}}}}]"#
            )
        };
        let rows = [
            (api(401, "m"), Fault::Login),
            (api(403, "m"), Fault::Login),
            (api(400, "m"), Fault::BadRequest),
            (api(400, "API key not valid. Please pass a valid API key."), Fault::Login),
            (
                api(
                    400,
                    "The input token count (9) exceeds the maximum number of tokens allowed (5).",
                ),
                Fault::ContextFull,
            ),
            (api(404, "models/x is not found for API version v1beta"), Fault::NoSuchModel),
            (api(429, "Resource exhausted"), Fault::RateLimit),
            (api(503, "The model is overloaded."), Fault::Overloaded),
            (
                "[API Error: You have exhausted your daily quota on this model.]".to_owned(),
                Fault::UsageLimit,
            ),
            (
                "[API Error: exception TypeError: fetch failed sending request]".to_owned(),
                Fault::Network,
            ),
            ("[API Error: terminated]".to_owned(), Fault::Network),
        ];
        for (message, expected) in rows {
            let found = of_message("f", &message).unwrap();
            assert_eq!(found.fault, expected, "{message}");
            assert_eq!(found.evidence, format!("f: {message}"));
        }
        assert_eq!(of_message("f", "[API Error: scripted]"), None);
        assert_eq!(of_message("f", "} {"), None);
    }

    #[test]
    fn retries_are_read_from_the_error_stream() {
        let line = "Attempt 1 failed with status 429. Retrying with backoff... _ApiError: {";
        assert_eq!(of_retry(line).unwrap().fault, Fault::RateLimit);
        let line = "Attempt 10 failed with status 503. Max attempts reached";
        assert_eq!(of_retry(line).unwrap().fault, Fault::Overloaded);
        let line = "Attempt 2 failed: exception TypeError: fetch failed. Retrying";
        assert_eq!(of_retry(line).unwrap().fault, Fault::Network);
        assert_eq!(of_retry("Attempting to connect"), None);
    }

    #[test]
    fn an_exit_code_is_its_own_or_the_status_modulo_256() {
        let rows = [
            (41, Some(Fault::Login)),
            (42, Some(Fault::SetUp)),
            (53, Some(Fault::Rounds)),
            (144, Some(Fault::BadRequest)),
            (145, Some(Fault::Login)),
            (147, Some(Fault::Login)),
            (148, Some(Fault::NoSuchModel)),
            (173, Some(Fault::RateLimit)),
            (244, Some(Fault::Overloaded)),
            (247, Some(Fault::Overloaded)),
            (0, None),
            (1, None),
            (-1, None),
        ];
        for (code, expected) in rows {
            assert_eq!(of_exit(code), expected, "{code}");
        }
    }
}
