//! Which of two orders comes first: priority, then ageing so that nothing starves, then due, then age.

/// An order's place among those that wait, the lowest first; the id decides between equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// Its priority digit, less one for each step it has waited. Falls without end, so that an order that waits is once
    /// in front of every newer one.
    pub level: i64,
    /// Until when it is wanted (unix seconds); the greatest number when nobody said.
    pub due: u64,
    /// Since when it waits, unix seconds.
    pub since: u64,
}

impl Rank {
    /// In front of everything: the work is paid for, and only gates are left.
    pub const PAID: Self = Self { level: i64::MIN, due: 0, since: 0 };
}

/// The rank at `now` of an order of this priority (0 first, 9 last) that has waited `since` then and is wanted until
/// `due`. Waiting `ageing_secs` is worth one step of priority. All in unix seconds.
pub fn rank(priority: u8, since: u64, due: Option<u64>, now: u64, ageing_secs: u64) -> Rank {
    let steps = now.saturating_sub(since) / ageing_secs.max(1);
    let level = i64::from(priority) - i64::try_from(steps).unwrap_or(i64::MAX / 2);
    Rank { level, due: due.unwrap_or(u64::MAX), since }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;

    #[test]
    fn priority_comes_first_then_due_then_age() {
        let now = 100 * HOUR;
        let fresh = |priority, due, since| rank(priority, since, due, now, HOUR);
        let mut all = [
            ("low", fresh(8, None, now - 3)),
            ("older", fresh(5, None, now - 9)),
            ("newer", fresh(5, None, now - 3)),
            ("due", fresh(5, Some(now + 1), now)),
            ("due sooner", fresh(5, Some(now), now)),
            ("critical", fresh(0, None, now)),
        ];
        all.sort_by_key(|(_, rank)| *rank);
        let names = all.map(|(name, _)| name);
        assert_eq!(names, ["critical", "due sooner", "due", "older", "newer", "low"]);
    }

    #[test]
    fn who_waits_long_enough_is_in_front_of_every_newer_order() {
        let old = rank(9, 0, None, 10 * HOUR, HOUR);
        assert!(old < rank(0, 10 * HOUR, Some(0), 10 * HOUR, HOUR));
        let not_yet = rank(9, 0, None, 9 * HOUR - 1, HOUR);
        assert!(not_yet > rank(0, 9 * HOUR - 1, None, 9 * HOUR - 1, HOUR));
    }

    #[test]
    fn no_clock_makes_it_fail() {
        assert_eq!(rank(5, u64::MAX, None, 0, 0).level, 5);
        assert!(rank(5, 0, None, u64::MAX, 1).level < -1_000_000);
    }
}
