//! What each driver says of itself: its set-up, and how a session of it is started. That makes it an agent.

use std::fmt;

use super::setup::Setup;
use super::{Agent, Session, SessionPlan, Waiting};
use crate::error::Result;

/// One driver.
pub(super) trait Driver: fmt::Debug + Send + Sync {
    /// False for a one-shot agent.
    const TAKES_TURNS: bool;

    /// What shopfloor.toml says of it.
    fn setup(&self) -> &Setup;

    /// Starts a session.
    fn start(&self, plan: SessionPlan) -> impl Future<Output = Result<Box<dyn Session>>> + Send;
}

impl<D: Driver> Agent for D {
    fn name(&self) -> &str {
        &self.setup().name
    }

    fn simulated(&self) -> bool {
        self.setup().simulated
    }

    fn takes_turns(&self) -> bool {
        D::TAKES_TURNS
    }

    fn open(&self, plan: SessionPlan) -> Waiting<'_, Result<Box<dyn Session>>> {
        Box::pin(self.start(plan))
    }
}
