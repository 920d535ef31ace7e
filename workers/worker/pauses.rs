//! How long a stage pauses, and how large its next session is after one that was too large. Pure.

use crate::batch::Outcome;
use crate::config::Limits;
use crate::ruling::{Trouble, backoff};

/// How long a stage pauses: doubling from `limits.breaker` to `limits.breaker_cap`, or until the time that was said. A time
/// that has come and changed nothing is not believed a second time: it could be said at every try.
pub(super) fn pause_secs(
    limits: &Limits,
    trouble: &Trouble,
    count: u32,
    now: u64,
    chance: f64,
) -> u64 {
    let doubled = |before: u32| {
        backoff(limits.breaker, limits.breaker_cap, before as usize, chance).as_secs_f64().ceil()
            as u64
    };
    match trouble.until {
        // At most a week: a time beyond that is a mistake, and is asked again.
        Some(until) if until > now => {
            let least = if count > 1 { doubled(count - 2) } else { 1 };
            (until - now).min(7 * 24 * 3600).max(least)
        }
        _ => doubled(count.saturating_sub(1)),
    }
}

/// The most weight of the next session: half of what filled a context, and twice as much after each session that went
/// well, until it is what the stage wants.
pub(super) fn next_size(fewer: Option<usize>, outcome: &Outcome, batch: usize) -> Option<usize> {
    match (outcome.split_after, fewer) {
        (Some(turns), _) => Some((turns as usize / 2).clamp(1, batch)),
        (None, Some(fewer)) if outcome.decided > 0 => Some(fewer * 2).filter(|&size| size < batch),
        (None, fewer) => fewer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ruling::Whose;

    fn trouble(until: Option<u64>) -> Trouble {
        Trouble { why: String::new(), mend: String::new(), until, whose: Whose::Stage }
    }

    #[test]
    fn after_a_full_context_sessions_are_smaller_and_grow_again() {
        let after = |split_after, decided| Outcome { split_after, decided, ..Outcome::default() };
        let mut fewer = next_size(None, &after(Some(6), 6), 8);
        let mut sizes = vec![fewer];
        for _ in 0..2 {
            fewer = next_size(fewer, &after(None, 1), 8);
            sizes.push(fewer);
        }
        assert_eq!(sizes, [Some(3), Some(6), None]);
        assert_eq!(next_size(Some(3), &after(None, 0), 8), Some(3), "nothing was shown");
        assert_eq!(next_size(None, &after(Some(0), 0), 8), Some(1));
    }

    #[test]
    fn a_pause_doubles_and_a_limits_own_time_wins() {
        let limits = Limits::default();
        let secs = |until, count| pause_secs(&limits, &trouble(until), count, 1000, 0.5);
        assert_eq!([secs(None, 1), secs(None, 2), secs(None, 30)], [30, 60, 1800]);
        assert_eq!([secs(Some(1500), 1), secs(Some(1500), 5), secs(Some(1001), 1)], [500, 500, 1]);
    }

    #[test]
    fn a_limit_that_is_always_just_over_is_not_asked_every_second() {
        let limits = Limits::default();
        let secs = |until, count| pause_secs(&limits, &trouble(Some(until)), count, 1000, 0.5);
        assert_eq!([secs(900, 1), secs(900, 3), secs(1001, 2), secs(1001, 4)], [30, 120, 30, 120]);
    }
}
