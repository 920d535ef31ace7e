//! How long we sit through a program's own retries: one that can't help, or that waits too long, ends the session.

use std::time::Duration;

use tokio::time::Instant;

use super::event::Retry;
use super::fault::{Fault, Found};
use crate::floor::unix_now;

/// The longest wait before a retry that we sit through. A longer one is ours to spend, with other work.
const LONGEST_RETRY_MS: f64 = 120_000.0;
/// How long a program may go on retrying one request when it does not say how long it waits.
const RETRY_PATIENCE: Duration = Duration::from_secs(60);

/// A session that is given up.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub(super) struct GivenUp {
    /// Why, in a few words.
    pub(super) reason: &'static str,
    /// What went wrong in it; the evidence begins with the reason.
    pub(super) found: Found,
}

impl GivenUp {
    /// For this reason, because of this.
    pub(super) fn new(reason: &'static str, mut found: Found) -> Self {
        found.evidence = format!("{reason}: {}", found.evidence);
        Self { reason, found }
    }
}

/// The retries of one request.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// A request has failed and nothing has come off since: when that began, and why.
    retrying: Option<(Instant, Found)>,
}

impl Patience {
    /// The program tries a request once more.
    pub(super) fn retry(&mut self, retry: Retry) -> Option<GivenUp> {
        let Retry { mut found, delay_ms } = retry;
        match found.fault {
            Fault::Login => return Some(GivenUp::new("the login is refused", found)),
            Fault::Billing => return Some(GivenUp::new("there is no money left", found)),
            _ => {}
        }
        match delay_ms {
            Some(delay) if delay > LONGEST_RETRY_MS => {
                // It was told when it makes sense to ask again, and that is when we do.
                let told = unix_now().saturating_add((delay / 1000.0).ceil() as u64);
                found.until = found.until.or(Some(told));
                Some(GivenUp::new("it would wait too long before the next request", found))
            }
            Some(_) => None,
            None => {
                let since = self.retrying.take().map_or_else(Instant::now, |(since, _)| since);
                self.retrying = Some((since, found));
                None
            }
        }
    }

    /// A request came off: what failed before it is over.
    pub(super) fn progress(&mut self) {
        self.retrying = None;
    }

    /// When the patience with retries of unknown length is over, if there are such.
    pub(super) fn ends(&self) -> Option<Instant> {
        self.retrying.as_ref().map(|(since, _)| *since + RETRY_PATIENCE)
    }

    /// It is over.
    pub(super) fn over(&mut self) -> Option<GivenUp> {
        let (_, found) = self.retrying.take()?;
        Some(GivenUp::new("it went on retrying without success", found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given_up(fault: Fault, delay_ms: Option<f64>) -> Option<GivenUp> {
        Patience::default().retry(Retry { found: Found::new(fault, "e"), delay_ms })
    }

    #[test]
    fn a_login_and_a_bill_are_given_up_at_the_first_retry_and_told_apart() {
        let told = |fault| given_up(fault, Some(1.0)).unwrap().found.evidence;
        assert_eq!(told(Fault::Login), "the login is refused: e");
        assert_eq!(told(Fault::Billing), "there is no money left: e");
        assert_eq!(given_up(Fault::RateLimit, Some(LONGEST_RETRY_MS)), None);
        assert_eq!(given_up(Fault::Overloaded, None), None);
    }

    #[test]
    fn a_wait_that_is_too_long_for_us_is_the_time_at_which_the_account_is_tried_again() {
        let before = unix_now();
        let until = given_up(Fault::RateLimit, Some(3_600_000.0)).unwrap().found.until.unwrap();
        assert!((before + 3600..=unix_now() + 3600).contains(&until), "{until}, asked at {before}");
    }
}
