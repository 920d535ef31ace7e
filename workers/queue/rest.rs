//! Rest: an order that has to wait is claimed by nobody before its due time.

use crate::floor::LONGEST_WAIT_SECS;

/// True while something due at `due` rests, as it is `now` (unix seconds both). A due time further away than the longest
/// rest was made by a clock that jumped, or by a hand, and counts as now.
pub(in crate::queue) fn rests(due: u64, now: u64) -> bool {
    due > now && due - now <= LONGEST_WAIT_SECS
}

/// A sentence about a due time (unix seconds) that no rest of ours can have, and so counts as now.
pub(in crate::queue) fn beyond(due: u64, now: u64) -> Option<String> {
    if due.saturating_sub(now) <= LONGEST_WAIT_SECS {
        return None;
    }
    let seconds = i64::try_from(due).ok().and_then(|due| jiff::Timestamp::from_second(due).ok());
    let until = seconds
        .map_or_else(|| format!("the year 9999 or later (second {due})"), |time| time.to_string());
    let days = LONGEST_WAIT_SECS / (24 * 3600);
    Some(format!(
        "it was to rest until {until}, and no rest is longer than {days} days: that time is from a clock that jumped, or \
         from a hand, and counts as over"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_due_time_of_a_clock_that_jumped_counts_as_now() {
        let now = 1_700_000_000;
        assert!(rests(now + 60, now) && !rests(now, now) && !rests(0, now));
        assert!(!rests(now + LONGEST_WAIT_SECS + 60, now) && !rests(u64::MAX, now));
    }

    #[test]
    fn a_due_time_that_can_not_be_is_told_with_its_date() {
        let now = 1_700_000_000;
        assert_eq!((beyond(now + 60, now), beyond(0, now), beyond(now, now)), (None, None, None));
        assert!(beyond(now + 10 * 24 * 3600, now).unwrap().contains("until 2023-11-24"));
        assert!(beyond(253_402_300_799, now).unwrap().contains("until the year 9999"));
        assert!(beyond(u64::MAX, now).unwrap().contains("second 18446744073709551615"));
    }
}
