//! Rest: an order that has to wait is claimed by nobody before its due time.

/// The longest rest, seconds: a week (the longest usage limit) and a day. A due time further away was made by a clock
/// that jumped, and counts as now.
pub(in crate::queue) const LONGEST_SECS: u64 = 8 * 24 * 3600;

/// True while something due at `due` rests, as it is `now` (unix seconds both).
pub(in crate::queue) fn rests(due: u64, now: u64) -> bool {
    due > now && due - now <= LONGEST_SECS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_due_time_of_a_clock_that_jumped_counts_as_now() {
        let now = 1_800_000_000;
        assert!(rests(now + 60, now) && !rests(now, now) && !rests(0, now));
        assert!(!rests(now + LONGEST_SECS + 60, now) && !rests(u64::MAX, now));
    }
}
