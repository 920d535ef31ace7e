//! Rest: an order that has to wait is claimed by nobody before its due time.

use crate::floor::unix_now;

/// The longest rest, seconds: a week (the longest usage limit) and a day. A due time further away was made by a clock
/// that jumped, and counts as now.
pub(in crate::queue) const LONGEST_SECS: u64 = 8 * 24 * 3600;

/// True while something due at `due` (unix seconds) rests.
pub(in crate::queue) fn rests(due: u64) -> bool {
    let now = unix_now();
    due > now && due - now <= LONGEST_SECS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_due_time_of_a_clock_that_jumped_counts_as_now() {
        let now = unix_now();
        assert!(rests(now + 60) && !rests(now) && !rests(0));
        assert!(!rests(now + LONGEST_SECS + 60) && !rests(u64::MAX));
    }
}
