//! All tests that need more than one module, in one binary, so that each can start every program.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on should say where")]

mod house;
mod tidy;
mod contract;
mod reports;
mod queue_files;
mod workspace;
mod agents;
mod gates;
mod cli;
mod flow;
mod readme;
mod prove;
mod demo;
