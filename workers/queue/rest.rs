//! Rest: an order that has to wait is claimed by nobody before its due time.

use crate::floor::{LONGEST_WAIT_SECS, unix_now};

/// True while something due at `due` (unix seconds) rests.
pub(in crate::queue) fn rests(due: u64) -> bool {
    let now = unix_now();
    due > now && due - now <= LONGEST_WAIT_SECS
}

/// A sentence about a due time (unix seconds) that no rest of ours can have, and so counts as now.
pub(in crate::queue) fn beyond(due: u64) -> Option<String> {
    if due.saturating_sub(unix_now()) <= LONGEST_WAIT_SECS {
        return None;
    }
    let seconds = i64::try_from(due).ok().and_then(|due| jiff::Timestamp::from_second(due).ok());
    let until = seconds.map_or_else(|| format!("second {due}"), |time| time.to_string());
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
        let now = unix_now();
        assert!(rests(now + 60) && !rests(now) && !rests(0));
        assert!(!rests(now + LONGEST_WAIT_SECS + 60) && !rests(u64::MAX));
    }

    #[test]
    fn a_due_time_that_can_not_be_is_told_with_its_date() {
        let now = unix_now();
        assert_eq!((beyond(now + 60), beyond(0), beyond(now)), (None, None, None));
        assert!(beyond(253_402_300_799).unwrap().contains("until 9999-12-"));
        assert!(beyond(u64::MAX).unwrap().contains("until second 18446744073709551615"));
    }
}
