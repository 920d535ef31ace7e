//! Why something did not come off, and whom it is charged to.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::verdict::Testimony;

mod fault;

pub use fault::{Action, Fault};

/// The four classes of failure. The class decides who is charged and what happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The agent said not done, or a gate is red: counts as an attempt of the order.
    Work,
    /// The worker or the agent died or ran out of time: counts, and makes the order a suspect that runs alone next.
    Crash,
    /// The machine or its set-up: binary missing, login, limits, network, disk. Counts for nobody, opens the breaker.
    Env,
    /// Shutdown, or a person stepped in. Counts for nobody.
    Lost,
}

impl Class {
    /// The word as it stands in the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Crash => "crash",
            Self::Env => "env",
            Self::Lost => "lost",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One failure: what it is, what is done about it, what shows it, and when it will pass if that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its row in the table.
    pub fault: Fault,
    /// Who is charged.
    pub class: Class,
    /// What is done about it.
    pub action: Action,
    /// The evidence: the field or text it was read from. One line.
    pub evidence: String,
    /// Unix seconds at which it passes by itself (a usage limit's reset), when that was said.
    pub until: Option<u64>,
    /// True when nothing more can come of this session (the process ended, the login is bad, a limit was hit).
    pub session_over: bool,
}

impl Failure {
    /// A failure as the table answers it. `proven`: see [`Fault::answer`].
    pub fn of(fault: Fault, proven: bool, evidence: impl Into<String>) -> Self {
        let (action, class) = fault.answer(proven);
        let session_over = action.ends_session();
        Self { fault, class, action, evidence: evidence.into(), until: None, session_over }
    }

    /// The same where the session is over, whatever the table says.
    #[must_use]
    pub fn over(self) -> Self {
        Self { session_over: true, ..self }
    }

    /// The same where the session goes on, whatever the table says.
    #[must_use]
    pub fn of_turn(self) -> Self {
        Self { session_over: false, ..self }
    }
}

/// How a turn ended, as the agent's side tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnEnd {
    /// A result that names this order, this generation and this session's nonce.
    Testified(Testimony),
    /// The turn is over and there is no result that counts. The text says what there was instead.
    Silent(String),
    /// It failed.
    Failed(Failure),
}
