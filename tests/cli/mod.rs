//! `shopfloor` as a person at a terminal meets it: what it prints, where, and with which exit code.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod scene;

mod setup;
mod orders;
mod launch;
mod endings;
mod watching;
mod script;
mod doctor;
mod prompts;
mod versions;
