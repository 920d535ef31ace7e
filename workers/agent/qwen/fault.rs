//! What Qwen Code's errors mean. It tells them in words, `[API Error: 401 ...]`, with the status of its server first.

use super::super::fault::{Fault, Found};

/// The fault of a message; none where it says nothing we know.
pub(super) fn of_message(field: &str, message: &str) -> Option<Found> {
    let fault = by_words(message).or_else(|| status(message).and_then(Fault::of_status))?;
    Some(Found::new(fault, format!("{field}: {message}")))
}

/// Words where there is no status, or where one status stands for more than one fault. The first one counts.
const WORDS: [(&str, Fault); 16] = [
    ("insufficient_quota", Fault::Billing),
    ("exceeded your current quota", Fault::Billing),
    ("Insufficient Balance", Fault::Billing),
    ("usage_limit_reached", Fault::UsageLimit),
    ("context_length_exceeded", Fault::ContextFull),
    ("maximum context length", Fault::ContextFull),
    ("Range of input length", Fault::ContextFull),
    ("Missing API key", Fault::Login),
    ("API key is required", Fault::Login),
    ("max session turns", Fault::Rounds),
    ("Loop detected", Fault::Rounds),
    ("without a finish reason", Fault::Network),
    ("terminated", Fault::Network),
    ("Connection error", Fault::Network),
    ("fetch failed", Fault::Network),
    ("idle timeout", Fault::Network),
];

fn by_words(message: &str) -> Option<Fault> {
    let found = WORDS.iter().find(|(words, _)| message.contains(words));
    // A body that is told whole may hold any words: only those of a fault that shares its status are surer than it.
    match (found, status(message)) {
        (Some((_, Fault::Network | Fault::Rounds)), Some(_)) => None,
        (found, _) => found.map(|(_, fault)| *fault),
    }
}

/// The status in `[API Error: 401 ...]`.
fn status(message: &str) -> Option<u64> {
    let (_, rest) = message.split_once("[API Error: ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().filter(|status| (400..600).contains(status))
}

/// What an exit code says where nothing else was said.
pub(super) fn of_exit(code: i32) -> Option<Fault> {
    Some(match code {
        41 => Fault::Login,
        42 | 44 | 52 => Fault::SetUp,
        53 | 55 => Fault::Rounds,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read_out_of_the_message_and_telling_words_come_before_it() {
        let rows = [
            ("[API Error: 401 Incorrect API key provided]", Fault::Login),
            ("[API Error: 403 m]", Fault::Login),
            ("[API Error: 404 The model does not exist]", Fault::NoSuchModel),
            ("[API Error: 400 m]", Fault::BadRequest),
            (
                "[API Error: 400 This model's maximum context length is 5 tokens.]",
                Fault::ContextFull,
            ),
            ("[API Error: 402 Insufficient Balance]", Fault::Billing),
            ("[API Error: 429 m]", Fault::RateLimit),
            ("[API Error: 429 You exceeded your current quota, please check]", Fault::Billing),
            ("[API Error: 500 upstream connection terminated]", Fault::Overloaded),
            ("[API Error: 529 m]", Fault::Overloaded),
            ("[API Error: terminated (cause: UND_ERR_SOCKET: other side closed)]", Fault::Network),
            ("[API Error: Connection error. (cause: fetch failed)]", Fault::Network),
        ];
        for (message, expected) in rows {
            assert_eq!(of_message("f", message).unwrap().fault, expected, "{message}");
        }
        assert_eq!(of_message("f", "[API Error: 12 apples]"), None);
        assert_eq!(of_message("f", ""), None);
    }
}
