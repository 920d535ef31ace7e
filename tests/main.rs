//! All tests that need more than one module, in one binary, so that each can start every program.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on should say where")]

mod tidy;
