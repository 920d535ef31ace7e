//! What a turn used: differences, since the CLI's totals run on over the whole session.

use serde_json::Value;

use super::super::Usage;

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
