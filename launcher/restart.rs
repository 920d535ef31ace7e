//! What happens after a worker's death: again after a while, or no more. Pure: the clock is an argument.

use std::time::{Duration, Instant};

/// This many deaths within [`WINDOW`] are too many.
pub(crate) const MOST: usize = 5;

/// The time in which deaths are counted together.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);

/// What to do after a death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Start it again after this long.
    Again(Duration),
    /// Leave it: something is wrong that a new start does not mend.
    GiveUp,
}

/// The recent deaths of one worker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deaths {
    recent: Vec<Instant>,
}

impl Deaths {
    /// One more death at `now`. Waits 1, 2, 4 and 8 s; the fifth within a minute is the last.
    pub(crate) fn one_more(&mut self, now: Instant) -> After {
        self.recent.retain(|&then| now.duration_since(then) < WINDOW);
        self.recent.push(now);
        match self.recent.len() {
            n if n >= MOST => After::GiveUp,
            n => After::Again(Duration::from_secs(1 << (n - 1))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_the_fifth_death_in_a_minute_is_the_last() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut deaths = Deaths::default();
        let after: Vec<After> = [0, 1, 3, 7, 15].map(|s| deaths.one_more(at(s))).to_vec();
        let again = |s| After::Again(Duration::from_secs(s));
        assert_eq!(after, [again(1), again(2), again(4), again(8), After::GiveUp]);
    }

    #[test]
    fn old_deaths_are_forgotten() {
        let begun = Instant::now();
        let mut deaths = Deaths::default();
        for n in 0..100 {
            let after = deaths.one_more(begun + Duration::from_secs(16 * n));
            assert_ne!(after, After::GiveUp, "death {n}");
        }
    }
}
