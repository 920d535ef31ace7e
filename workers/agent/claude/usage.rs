//! What a turn used: differences, since the CLI's totals run on over the whole session.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::Usage;
use super::event::Tokens;

/// Turns running totals into what one turn used.
#[derive(Debug, Default)]
pub(super) struct Meter {
    cost_before: f64,
}

impl Meter {
    /// What was used since the result before this one. What the CLI does not say stays unknown.
    pub(super) fn read(&mut self, result: &Value) -> Usage {
        let since = result.get("model_usage_since_last_result").and_then(Value::as_object);
        let (input_tokens, output_tokens) = match since {
            Some(models) => {
                let sum = |names: &[&str]| {
                    models.values().map(|model| total(model, names)).fold(None, add)
                };
                (
                    sum(&["inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens"]),
                    sum(&["outputTokens"]),
                )
            }
            None => {
                let usage = &result["usage"];
                let input =
                    ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];
                (total(usage, &input), total(usage, &["output_tokens"]))
            }
        };
        Usage { input_tokens, output_tokens, cost_usd: self.cost(result) }
    }

    fn cost(&mut self, result: &Value) -> Option<f64> {
        let now = result.get("total_cost_usd")?.as_f64()?;
        // A total that fell was begun anew.
        let from = if now < self.cost_before { 0.0 } else { self.cost_before };
        self.cost_before = now;
        Some(now - from)
    }
}

/// What the turn under way has used so far: the sum over its requests. The totals that the CLI tells come with its end.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// Tokens by message: read, written.
    messages: BTreeMap<String, (u64, u64)>,
    /// The message that is being written, by conversation.
    current: BTreeMap<String, String>,
}

impl Live {
    /// Takes news of one request; the sum of all.
    pub(super) fn take(&mut self, tokens: Tokens) -> Usage {
        let Tokens { of, message, input, output } = tokens;
        let message = match message {
            Some(message) => {
                self.current.insert(of, message.clone());
                Some(message)
            }
            None => self.current.get(&of).cloned(),
        };
        if let Some(message) = message {
            // One message is told in several events, and each of them has the counts anew.
            let known = self.messages.entry(message).or_default();
            *known = (known.0.max(input.unwrap_or(0)), known.1.max(output.unwrap_or(0)));
        }
        let sum = |part: fn(&(u64, u64)) -> u64| {
            Some(self.messages.values().map(part).fold(0_u64, u64::saturating_add))
        };
        Usage {
            input_tokens: sum(|known| known.0),
            output_tokens: sum(|known| known.1),
            cost_usd: None,
        }
    }
}

fn total(of: &Value, names: &[&str]) -> Option<u64> {
    names.iter().map(|name| of.get(name).and_then(Value::as_u64)).fold(None, add)
}

fn add(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn money_is_the_difference_of_running_totals_and_a_total_that_fell_began_anew() {
        let mut meter = Meter::default();
        let mut cost = |total: f64| meter.read(&json!({"total_cost_usd": total})).cost_usd.unwrap();
        assert!((cost(0.5) - 0.5).abs() < 1e-9);
        assert!((cost(0.7) - 0.2).abs() < 1e-9);
        assert!((cost(0.1) - 0.1).abs() < 1e-9);
    }

    #[test]
    fn what_runs_is_the_sum_over_requests_and_no_event_counts_twice() {
        let mut live = Live::default();
        let mut tell = |of: &str, message: Option<&str>, input, output| {
            let (of, message) = (of.to_owned(), message.map(str::to_owned));
            live.take(Tokens { of, message, input, output }).known_tokens()
        };
        assert_eq!(tell("", Some("a"), Some(100), Some(1)), 101);
        assert_eq!(tell("", Some("a"), Some(100), None), 101);
        assert_eq!(tell("", None, None, Some(50)), 150);
        assert_eq!(tell("", Some("b"), Some(200), Some(1)), 351);
        // A helper writes at the same time.
        assert_eq!(tell("t", Some("c"), Some(10), Some(1)), 362);
        assert_eq!(tell("", None, None, Some(9)), 370);
    }

    #[test]
    fn tokens_since_the_last_result_are_preferred_and_cached_ones_count() {
        let both = json!({
            "usage": {"input_tokens": 1, "output_tokens": 1},
            "model_usage_since_last_result": {
                "a": {"inputTokens": 10, "cacheReadInputTokens": 5, "outputTokens": 3},
                "b": {"inputTokens": 2, "outputTokens": 4},
            },
        });
        let used = Meter::default().read(&both);
        assert_eq!((used.input_tokens, used.output_tokens), (Some(17), Some(7)));
        let plain = json!({"usage": {"input_tokens": 1, "cache_creation_input_tokens": 2}});
        let used = Meter::default().read(&plain);
        assert_eq!((used.input_tokens, used.output_tokens, used.cost_usd), (Some(3), None, None));
    }
}
