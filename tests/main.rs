//! All tests that need more than one module, in one binary, so that each can start every program.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on should say where")]

mod house;
mod tidy;
mod contract;
mod reports;
mod queue_files;
mod faults;
mod crowds;
mod fault_stories;
mod faults_page;
mod kill_points;
mod model;
mod workspace;
mod agents;
mod gates;
mod adversary;
mod cli;
mod planning;
mod flow;
mod import;
mod verify;
mod bad_input;
mod briefing;
mod by_hand;
mod stops;
mod full_disk;
mod readme;
mod kept;
mod walled;
mod steady;
mod sixth_stage;
mod prove;
mod demo;
