//! A fault as a driver finds it: which one, and what shows it.

use super::one_line;
pub(super) use crate::failure::Fault;
use crate::failure::{Action, Failure};

/// Characters of evidence that are kept.
const EVIDENCE: usize = 400;

/// A fault that was found, and what shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Which.
    pub(super) fault: Fault,
    /// The fields and texts it was read from, fields first.
    pub(super) evidence: String,
    /// Unix seconds at which it passes by itself, when that was said.
    pub(super) until: Option<u64>,
}

impl Found {
    /// A fault with its evidence.
    pub(super) fn new(fault: Fault, evidence: impl Into<String>) -> Self {
        Self { fault, evidence: evidence.into(), until: None }
    }

    /// The failure of the turn in which it was found.
    pub(super) fn failure(&self, proven: bool) -> Failure {
        let evidence = one_line(&format!("{}: {}", self.fault, self.evidence), EVIDENCE);
        let mut failure = Failure::of(self.fault, proven, evidence);
        failure.until = self.until.filter(|_| failure.action == Action::WaitUntil);
        failure
    }

    /// The same for a session that is given up because of it.
    pub(super) fn gives_up(&self, proven: bool) -> Failure {
        self.failure(proven).over()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_begins_with_the_faults_words_and_giving_up_ends_the_session() {
        for fault in Fault::ALL {
            let failure = Found::new(fault, "e").failure(false);
            assert_eq!(failure.evidence, format!("{fault}: e"));
            assert!(Found::new(fault, "e").gives_up(false).session_over);
        }
    }

    #[test]
    fn only_what_passes_by_itself_has_a_time() {
        let at = |fault| Found { until: Some(5), ..Found::new(fault, "e") }.failure(false).until;
        assert_eq!((at(Fault::UsageLimit), at(Fault::RateLimit)), (Some(5), Some(5)));
        assert_eq!((at(Fault::Login), at(Fault::Refusal)), (None, None));
    }

    #[test]
    fn evidence_is_one_line_without_control_characters() {
        let evidence = Found::new(Fault::Died, "a\n\u{1b}[31mb").failure(false).evidence;
        assert!(!evidence.chars().any(char::is_control), "{evidence:?}");
    }
}
