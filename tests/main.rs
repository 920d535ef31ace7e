//! All tests that need more than one room: one binary, so that it links once and can start every program.

mod cli;
mod contract;
mod queue_files;
mod workspace;
