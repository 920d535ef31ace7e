//! `sandbox` of a stage: what is to stand around its agent.

use serde::Deserialize;

/// What is to stand around an agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sandbox {
    /// The strongest that this machine has: bubblewrap, else Landlock, else nothing (which is told).
    #[default]
    Auto,
    /// bubblewrap, or the worker does not start.
    Bwrap,
    /// Landlock, or the worker does not start.
    Landlock,
    /// Nothing.
    None,
}
