//! What can go wrong with a turn, as one table for all agents: each kind of fault, what is done about it, and whom it
//! is charged to. Pure.

use std::fmt;

use super::Class;

/// Why a turn failed: one row of the table in docs/agents.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
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
    /// What the session may use is used up.
    Budget,
    /// What the order may use is used up.
    OrderBudget,
    /// What the stage, or all stages together, may use in a day is used up.
    DayBudget,
    /// The turn took more rounds than one order may take.
    Rounds,
    /// The agent did not come to a result of the right form.
    BadResult,
    /// Tool calls were not allowed, and the result says nothing of it.
    Denied,
    /// The model, or a policy above it, refuses the work.
    Refusal,
    /// The answer was longer than an answer may be.
    Truncated,
    /// The machine or the set-up does not let the agent work: a sandbox that can't be made, a setting it refuses.
    SetUp,
    /// The disk was full while the agent worked.
    DiskFull,
    /// The turn ended by a fault of the agent's own.
    Died,
    /// The process ended without the turn's end.
    Ended,
    /// It gave no sign of life, or had its time.
    Hung,
    /// We dropped the turn ourselves, by nobody's fault.
    Interrupted,
    /// What it left can't be read.
    Unreadable,
    /// An error that no row knows.
    Unknown,
}

/// What is done about a fault. Every one is carried out by [`crate::ruling`] (what becomes of the order) and by the batch
/// (what becomes of the session and of the orders behind it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The order, and what of its batch was not begun, is tried again after a back-off. What is finished stays finished.
    Retry,
    /// The same after the time that was told, or a time of our policy. Who waits is the account, or the stage's day.
    WaitUntil,
    /// The rest of the batch gets a fresh session, and a smaller one.
    SplitBatch,
    /// The rest of the batch gets a fresh session.
    FreshSession,
    /// One more turn in the same session, for the result alone; then the order is charged.
    RepairOnce,
    /// The order is charged; the session goes on.
    ChargeOrder,
    /// The stage pauses, and then finds out with one order whether it works again.
    StopStage,
    /// Nothing is begun with this account until a person says so.
    AskPerson,
}

impl Action {
    /// The word it is told by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::WaitUntil => "wait until",
            Self::SplitBatch => "split the batch",
            Self::FreshSession => "fresh session",
            Self::RepairOnce => "repair once",
            Self::ChargeOrder => "charge the order",
            Self::StopStage => "stop the stage",
            Self::AskPerson => "ask a person",
        }
    }

    /// True when nothing more can come of the session.
    pub fn ends_session(self) -> bool {
        match self {
            Self::WaitUntil
            | Self::SplitBatch
            | Self::FreshSession
            | Self::StopStage
            | Self::AskPerson => true,
            Self::Retry | Self::RepairOnce | Self::ChargeOrder => false,
        }
    }
}

impl Fault {
    /// Every fault, in the order of the table.
    pub const ALL: [Self; 25] = [
        Self::Overloaded,
        Self::Network,
        Self::RateLimit,
        Self::UsageLimit,
        Self::Billing,
        Self::Login,
        Self::NoSuchModel,
        Self::BadRequest,
        Self::ContextFull,
        Self::Budget,
        Self::OrderBudget,
        Self::DayBudget,
        Self::Rounds,
        Self::BadResult,
        Self::Denied,
        Self::Refusal,
        Self::Truncated,
        Self::SetUp,
        Self::DiskFull,
        Self::Died,
        Self::Ended,
        Self::Hung,
        Self::Interrupted,
        Self::Unreadable,
        Self::Unknown,
    ];

    /// What is done about it, and who is charged. `proven`: an earlier turn of the same session came to a good end, so
    /// that login, model and set-up are right, and what the session has grown to is not this order's doing alone.
    pub fn answer(self, proven: bool) -> (Action, Class) {
        match self {
            Self::Overloaded | Self::Network => (Action::Retry, Class::Env),
            Self::RateLimit | Self::UsageLimit | Self::DayBudget => (Action::WaitUntil, Class::Env),
            Self::Billing | Self::Login => (Action::AskPerson, Class::Env),
            Self::NoSuchModel | Self::SetUp | Self::DiskFull => (Action::StopStage, Class::Env),
            // The set-up's fault, unless the set-up has been seen to work: then it is what this conversation has
            // grown to.
            Self::BadRequest if proven => (Action::FreshSession, Class::Work),
            Self::BadRequest => (Action::StopStage, Class::Env),
            // Others have filled it; alone, the order may fit. One that was alone does not.
            Self::ContextFull if proven => (Action::SplitBatch, Class::Lost),
            Self::ContextFull => (Action::SplitBatch, Class::Work),
            Self::Budget if proven => (Action::FreshSession, Class::Lost),
            Self::Budget => (Action::FreshSession, Class::Work),
            Self::BadResult | Self::Denied | Self::Truncated => (Action::RepairOnce, Class::Work),
            Self::OrderBudget | Self::Rounds | Self::Refusal | Self::Unreadable => {
                (Action::ChargeOrder, Class::Work)
            }
            Self::Died => (Action::ChargeOrder, Class::Crash),
            Self::Ended | Self::Hung => (Action::FreshSession, Class::Crash),
            Self::Interrupted => (Action::ChargeOrder, Class::Lost),
            // Before anything has worked it is taken for the set-up's fault: charged to the orders, it would bury them
            // all, one after the other.
            Self::Unknown if proven => (Action::ChargeOrder, Class::Crash),
            Self::Unknown => (Action::StopStage, Class::Env),
        }
    }

    /// True when it is the account that fails, for every stage that uses it.
    pub fn is_the_accounts(self) -> bool {
        matches!(self, Self::RateLimit | Self::UsageLimit | Self::Billing | Self::Login)
    }

    /// True when the model has answered all the same, so that the account works.
    pub fn shows_a_working_account(self) -> bool {
        matches!(
            self,
            Self::ContextFull
                | Self::Budget
                | Self::OrderBudget
                | Self::DayBudget
                | Self::Rounds
                | Self::BadResult
                | Self::Denied
                | Self::Refusal
                | Self::Truncated
        )
    }

    /// The words it is told by, which begin every failure's evidence.
    pub fn as_str(self) -> &'static str {
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
            Self::OrderBudget => "order's budget used up",
            Self::DayBudget => "day's budget used up",
            Self::Rounds => "too many rounds",
            Self::BadResult => "no valid result",
            Self::Denied => "denied without a word",
            Self::Refusal => "refusal",
            Self::Truncated => "truncated",
            Self::SetUp => "set-up",
            Self::DiskFull => "disk full",
            Self::Died => "the turn died",
            Self::Ended => "the process ended",
            Self::Hung => "hung",
            Self::Interrupted => "interrupted",
            Self::Unreadable => "unreadable",
            Self::Unknown => "unknown error",
        }
    }

    /// What an HTTP status of the model's server means, where nothing more exact is told.
    pub fn of_status(status: u64) -> Option<Self> {
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
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_table() {
        let told = |fault: Fault, proven| {
            let (action, class) = fault.answer(proven);
            format!("{}, {class}", action.as_str())
        };
        let mut table = String::new();
        for fault in Fault::ALL {
            let (first, later) = (told(fault, false), told(fault, true));
            let whose = if fault.is_the_accounts() { "account" } else { "" };
            let over = if fault.answer(false).0.ends_session() { "over" } else { "goes on" };
            let later = if later == first { String::new() } else { format!("; later: {later}") };
            table.push_str(&format!("{fault:<24}{over:<9}{whose:<9}{first}{later}\n"));
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn nobodys_order_pays_for_the_machine_or_the_account() {
        for fault in Fault::ALL {
            for proven in [false, true] {
                let (action, class) = fault.answer(proven);
                let outside = matches!(
                    action,
                    Action::Retry | Action::WaitUntil | Action::StopStage | Action::AskPerson
                );
                assert_eq!(outside, class == Class::Env, "{fault}");
                assert!(!fault.is_the_accounts() || outside, "{fault}");
            }
        }
    }
}
