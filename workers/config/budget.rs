//! What may be used: tokens and money, per order, per session and per day.

use serde::Deserialize;

use super::{AgentConfig, DriverName};
use crate::error::{Error, Result};

/// `[limits.budget]` (an order in its whole life, any session, the day of the whole floor) and `[stage.NAME.budget]` (an order
/// in this stage, its sessions, the stage's day). What is not named is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// US dollars one order may cost.
    pub order_usd: Option<f64>,
    /// Tokens one order may use, read and written together, cached ones included.
    pub order_tokens: Option<u64>,
    /// US dollars one session may cost.
    pub session_usd: Option<f64>,
    /// Tokens one session may use.
    pub session_tokens: Option<u64>,
    /// US dollars a day may cost (UTC).
    pub day_usd: Option<f64>,
    /// Tokens a day may use (UTC).
    pub day_tokens: Option<u64>,
}

impl Budget {
    /// True when nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The limits of money, by key.
    fn money(&self) -> [(&'static str, Option<f64>); 3] {
        [
            ("order_usd", self.order_usd),
            ("session_usd", self.session_usd),
            ("day_usd", self.day_usd),
        ]
    }

    /// The limits of tokens, by key.
    fn tokens(&self) -> [(&'static str, Option<u64>); 3] {
        [
            ("order_tokens", self.order_tokens),
            ("session_tokens", self.session_tokens),
            ("day_tokens", self.day_tokens),
        ]
    }

    /// True when tokens are limited.
    pub fn limits_tokens(&self) -> bool {
        self.tokens().iter().any(|(_, limit)| limit.is_some())
    }

    /// Refuses a limit that is none. `table` is where it stands.
    pub(super) fn check(&self, table: &str) -> Result<()> {
        let money = self.money().into_iter();
        let bad = |usd: f64| !(usd.is_finite() && usd > 0.0);
        let money = money.filter(|(_, usd)| usd.is_some_and(bad)).map(|(key, _)| key);
        let tokens = self.tokens().into_iter();
        let tokens = tokens.filter(|(_, tokens)| *tokens == Some(0)).map(|(key, _)| key);
        match money.chain(tokens).next() {
            None => Ok(()),
            Some(key) => Err(Error::usage(format!("[{table}] {key} must be more than 0"))
                .hint("correct it, or take the line out: then there is no such limit")),
        }
    }

    /// Refuses a limit that nobody could keep this agent to. `table` is where it stands.
    pub(super) fn enforceable(&self, table: &str, name: &str, agent: &AgentConfig) -> Result<()> {
        let refused = |key: &str, why: &str, step: &str| {
            Err(Error::usage(format!("[{table}] {key} can't be enforced for agent {name}: {why}"))
                .hint(step))
        };
        let money = self.money().into_iter().find(|(_, limit)| limit.is_some());
        let tokens = self.tokens().into_iter().find(|(_, limit)| limit.is_some());
        match agent.driver {
            DriverName::Claude => Ok(()),
            DriverName::Codex => match money {
                None => Ok(()),
                Some((key, _)) => refused(
                    key,
                    "Codex does not say what it costs",
                    "limit tokens instead, or use another agent for this stage",
                ),
            },
            DriverName::CodexExec
            | DriverName::Opencode
            | DriverName::Gemini
            | DriverName::Qwen
            | DriverName::Command => {
                match money.map(|(key, _)| key).or(tokens.map(|(key, _)| key)) {
                    None => Ok(()),
                    Some(key) => refused(
                        key,
                        "its driver is not told what a turn uses while it runs",
                        "take the line out, or use an agent whose driver is claude (or codex, for tokens)",
                    ),
                }
            }
        }
    }
}
