//! What a turn is held to: each budget with what was used of it before. Pure.

use crate::config::Budget;
use crate::failure::Fault;
use crate::ledger::Sum;

/// One limit and how much of it was used before the turn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Held {
    /// Where it is written: table and key, without the unit.
    key: String,
    /// What it means to have used it up.
    fault: Fault,
    usd: Option<f64>,
    tokens: Option<u64>,
    before: Sum,
}

/// What was used before a turn, as one table of budgets counts it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Before {
    /// By the order.
    pub(super) order: Sum,
    /// By the session.
    pub(super) session: Sum,
    /// On this day.
    pub(super) day: Sum,
}

/// The limits of one table.
pub(super) fn held(table: &str, budget: &Budget, before: &Before) -> Vec<Held> {
    let Budget { order_usd, order_tokens, session_usd, session_tokens, day_usd, day_tokens } =
        *budget;
    let rows = [
        ("order", Fault::OrderBudget, order_usd, order_tokens, before.order),
        ("session", Fault::Budget, session_usd, session_tokens, before.session),
        ("day", Fault::DayBudget, day_usd, day_tokens, before.day),
    ];
    let set = rows.into_iter().filter(|(_, _, usd, tokens, _)| usd.is_some() || tokens.is_some());
    let held = set.map(|(name, fault, usd, tokens, before)| Held {
        key: format!("[{table}] {name}"),
        fault,
        usd,
        tokens,
        before,
    });
    held.collect()
}

/// The first limit that is used up, with `live` tokens more than before, and how that is told. What the widest limit
/// says comes last: an order that has used up its own is not charged to the day.
pub(super) fn used_up(held: &[Held], live: u64) -> Option<(Fault, String)> {
    held.iter().find_map(|held| {
        let Held { key, fault, usd, tokens, before } = held;
        let used = before.tokens.saturating_add(live);
        if let Some(most) = tokens.filter(|&most| used >= most) {
            return Some((*fault, format!("{fault}: {used} of {most} tokens ({key}_tokens)")));
        }
        let most = usd.filter(|&most| before.usd >= most)?;
        let used = before.usd;
        Some((*fault, format!("{fault}: ${used:.4} of ${most:.4} ({key}_usd)")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(tokens: u64, usd: f64) -> Sum {
        Sum { tokens, usd, ..Sum::default() }
    }

    #[test]
    fn a_limit_is_used_up_when_it_is_reached_and_live_tokens_count() {
        let budget =
            Budget { order_tokens: Some(100), session_usd: Some(1.0), ..Budget::default() };
        let told = |order, session, live| {
            let before = Before { order, session, day: Sum::default() };
            used_up(&held("limits.budget", &budget, &before), live)
        };
        assert_eq!(told(spent(99, 5.0), spent(9_000, 0.99), 0), None);
        let order = "order's budget used up: 100 of 100 tokens ([limits.budget] order_tokens)";
        assert_eq!(
            told(spent(60, 0.0), Sum::default(), 40),
            Some((Fault::OrderBudget, order.to_owned()))
        );
        let session = "budget used up: $1.5000 of $1.0000 ([limits.budget] session_usd)";
        assert_eq!(
            told(Sum::default(), spent(0, 1.5), 0),
            Some((Fault::Budget, session.to_owned()))
        );
    }

    #[test]
    fn nothing_is_held_to_what_is_not_set() {
        assert!(held("x", &Budget::default(), &Before::default()).is_empty());
        let day = Budget { day_tokens: Some(5), ..Budget::default() };
        let before = Before { day: spent(5, 0.0), ..Before::default() };
        let (fault, told) = used_up(&held("stage.spec.budget", &day, &before), 0).unwrap();
        assert_eq!(fault, Fault::DayBudget);
        assert!(told.contains("[stage.spec.budget] day_tokens"), "{told}");
    }
}
