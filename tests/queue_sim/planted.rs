//! Bugs that are planted to see that the oracle sees them.

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plant {}
