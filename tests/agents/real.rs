//! The real Claude Code, when it is named.
