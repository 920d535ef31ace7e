//! What can go wrong with a turn, as one table for all agents: each kind of fault with what is done about it.

use std::fmt;

use super::one_line;
use crate::failure::{Class, Failure};

/// Characters of evidence that are kept.
const EVIDENCE: usize = 400;

/// Why a turn failed: one row of the table in docs/agents.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The model's server has too much to do, or failed by itself (5xx).
    Overloaded,
    /// No connection, or it was cut.
    Network,
    /// Too many requests in a short time.
    RateLimit,
    /// The account has used up what it may use until a certain time.
    UsageLimit,
    /// There is no money left, or no plan that pays for it.
    Billing,
    /// The key or the login is refused, or there is none.
    Login,
    /// There is no such model for this account.
    NoSuchModel,
    /// The server does not take the request.
    BadRequest,
    /// The conversation no longer fits into the model's context.
    ContextFull,
    /// The session's budget is used up.
    Budget,
    /// The turn took more rounds than one order may take.
    Rounds,
    /// The agent did not come to a result of the right form.
    BadResult,
    /// The model, or a policy above it, refuses the work.
    Refusal,
    /// The answer was longer than an answer may be.
    Truncated,
    /// The machine or the set-up does not let the agent work: a sandbox that can't be made, a setting it refuses.
    SetUp,
    /// The turn ended by a fault of the agent's own.
    Died,
    /// An error that no row knows.
    Unknown,
}

/// What is done about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Try again later; the session is good for more.
    Retry,
    /// Wait, until the time that was told or for as long as the breaker says. This session is of no further use.
    Wait,
    /// Stop the stage and say what a person must mend.
    AskPerson,
    /// The order tries again in a session of its own.
    FreshSession,
    /// The order is charged; the session goes on.
    ChargeOrder,
    /// The order is charged as for a crash; the session goes on.
    ChargeCrash,
}

impl Fault {
    /// What is done about it. `proven`: an earlier turn of the same session came to a good end, so that login, model
    /// and set-up are right.
    pub(super) fn action(self, proven: bool) -> Action {
        match self {
            Self::Overloaded | Self::Network => Action::Retry,
            Self::RateLimit | Self::UsageLimit => Action::Wait,
            Self::Billing | Self::Login | Self::NoSuchModel | Self::SetUp => Action::AskPerson,
            // The set-up's fault, unless the set-up has been seen to work: then it is what this conversation has
            // grown to.
            Self::BadRequest if proven => Action::FreshSession,
            Self::BadRequest => Action::AskPerson,
            // A context or a budget that is used up stays so.
            Self::ContextFull | Self::Budget => Action::FreshSession,
            Self::Rounds | Self::BadResult | Self::Refusal | Self::Truncated => Action::ChargeOrder,
            Self::Died => Action::ChargeCrash,
            // Before anything has worked it is taken for the set-up's fault: charged to the orders, it would bury them
            // all, one after the other.
            Self::Unknown if proven => Action::ChargeCrash,
            Self::Unknown => Action::AskPerson,
        }
    }

    /// The words it is told by, which begin every failure's evidence.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::Network => "network",
            Self::RateLimit => "rate limit",
            Self::UsageLimit => "usage limit",
            Self::Billing => "billing",
            Self::Login => "login",
            Self::NoSuchModel => "no such model",
            Self::BadRequest => "bad request",
            Self::ContextFull => "context full",
            Self::Budget => "budget used up",
            Self::Rounds => "too many rounds",
            Self::BadResult => "no valid result",
            Self::Refusal => "refusal",
            Self::Truncated => "truncated",
            Self::SetUp => "set-up",
            Self::Died => "the turn died",
            Self::Unknown => "unknown error",
        }
    }

    /// What an HTTP status of the model's server means, where nothing more exact is told.
    pub(super) fn of_status(status: u64) -> Option<Self> {
        Some(match status {
            401 | 403 => Self::Login,
            402 => Self::Billing,
            404 => Self::NoSuchModel,
            429 => Self::RateLimit,
            400..=499 => Self::BadRequest,
            500..=599 => Self::Overloaded,
            _ => return None,
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Action {
    /// Who is charged, and whether the session is over.
    fn charge(self) -> (Class, bool) {
        match self {
            Self::Retry => (Class::Env, false),
            Self::Wait | Self::AskPerson => (Class::Env, true),
            Self::FreshSession => (Class::Work, true),
            Self::ChargeOrder => (Class::Work, false),
            Self::ChargeCrash => (Class::Crash, false),
        }
    }
}

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
        let (class, session_over) = self.fault.action(proven).charge();
        let evidence = one_line(&format!("{}: {}", self.fault, self.evidence), EVIDENCE);
        let until = self.until.filter(|_| self.fault.action(proven) == Action::Wait);
        Failure { class, evidence, until, session_over }
    }

    /// The same for a session that is given up because of it.
    pub(super) fn gives_up(&self, proven: bool) -> Failure {
        Failure { session_over: true, ..self.failure(proven) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_charged_to_the_right_party() {
        let (env, work, crash) = (Class::Env, Class::Work, Class::Crash);
        let rows = [
            (Fault::Overloaded, env, false),
            (Fault::Network, env, false),
            (Fault::RateLimit, env, true),
            (Fault::UsageLimit, env, true),
            (Fault::Billing, env, true),
            (Fault::Login, env, true),
            (Fault::NoSuchModel, env, true),
            (Fault::SetUp, env, true),
            (Fault::BadRequest, env, true),
            (Fault::ContextFull, work, true),
            (Fault::Budget, work, true),
            (Fault::Rounds, work, false),
            (Fault::BadResult, work, false),
            (Fault::Refusal, work, false),
            (Fault::Truncated, work, false),
            (Fault::Died, crash, false),
            (Fault::Unknown, env, true),
        ];
        for (fault, class, over) in rows {
            let failure = Found::new(fault, "e").failure(false);
            assert_eq!((failure.class, failure.session_over), (class, over), "{fault}");
            assert_eq!(failure.evidence, format!("{fault}: e"));
            assert!(Found::new(fault, "e").gives_up(false).session_over);
        }
    }

    #[test]
    fn what_goes_wrong_after_a_good_turn_is_not_the_set_ups_fault() {
        let failure = Found::new(Fault::BadRequest, "e").failure(true);
        assert_eq!((failure.class, failure.session_over), (Class::Work, true));
        let failure = Found::new(Fault::Unknown, "e").failure(true);
        assert_eq!((failure.class, failure.session_over), (Class::Crash, false));
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
