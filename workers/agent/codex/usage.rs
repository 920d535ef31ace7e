//! What a turn used. Codex counts over the whole thread, so it is a difference.

use serde_json::Value;

use super::super::Usage;

/// Turns the thread's running totals into what one turn used.
#[derive(Debug, Default)]
pub(super) struct Meter {
    before: Option<Totals>,
    now: Option<Totals>,
}

#[derive(Debug, Clone, Copy)]
struct Totals {
    input: Option<u64>,
    output: Option<u64>,
}

impl Meter {
    /// Takes the thread's totals; the names of the fields are those of the app-server or of `codex exec`.
    pub(super) fn totals(&mut self, totals: &Value) {
        let field = |names: [&str; 2]| names.iter().find_map(|name| totals.get(name)?.as_u64());
        // Cached tokens are part of the input, reasoning is part of the output.
        let input = field(["inputTokens", "input_tokens"]);
        let output = field(["outputTokens", "output_tokens"]);
        self.now = Some(Totals { input, output });
    }

    /// What the turn under way has used so far.
    pub(super) fn so_far(&self) -> Usage {
        let mut copy = Self { before: self.before, now: self.now };
        copy.turn()
    }

    /// What was used since this was asked last. Without totals in between it is unknown; money always is.
    pub(super) fn turn(&mut self) -> Usage {
        let Some(now) = self.now.take() else { return Usage::default() };
        let before = self.before.replace(now);
        let since = |now: Option<u64>, before: Option<u64>| {
            // Totals that fell were begun anew.
            Some(now?.checked_sub(before.unwrap_or(0)).unwrap_or(now?))
        };
        let (input, output) = before.map_or((None, None), |before| (before.input, before.output));
        Usage {
            input_tokens: since(now.input, input),
            output_tokens: since(now.output, output),
            cost_usd: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_turn_is_the_difference_of_totals_and_nothing_told_is_unknown() {
        let mut meter = Meter::default();
        assert_eq!(meter.turn(), Usage::default());
        meter.totals(&json!({"inputTokens": 100, "outputTokens": 50, "cachedInputTokens": 10}));
        meter.totals(&json!({"inputTokens": 300, "outputTokens": 70}));
        let used = |meter: &mut Meter| {
            let usage = meter.turn();
            (usage.input_tokens, usage.output_tokens, usage.cost_usd)
        };
        assert_eq!(used(&mut meter), (Some(300), Some(70), None));
        assert_eq!(used(&mut meter), (None, None, None));
        meter.totals(&json!({"input_tokens": 310, "output_tokens": 75}));
        assert_eq!(used(&mut meter), (Some(10), Some(5), None));
        meter.totals(&json!({"inputTokens": 20, "outputTokens": 5}));
        assert_eq!(used(&mut meter), (Some(20), Some(5), None));
    }
}
