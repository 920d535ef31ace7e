//! shopfloor turns a folder of work orders into verified commits.
//!
//! The modules stand in floor order, from the ground up: each imports only what stands above it in this list.

// Words: no file, no process, no clock.
pub mod error;
pub mod stop;
pub mod awake;
pub mod state;
pub mod order;
pub mod verdict;
pub mod failure;
pub mod check;
pub mod holder;
pub mod history;
pub mod stage;
pub mod stages;
pub mod report;
pub mod secrets;

// The ground the machine stands on.
pub mod config;
pub mod floor;
pub mod process;
pub mod sandbox;
pub mod ourselves;
pub mod permits;
pub mod accounts;

// Pure decisions.
pub mod plan;
pub mod ruling;
pub mod brief;
pub mod import;

// The seams and what stands behind them.
pub mod queue;
pub mod lifecycle;
pub mod agent;
pub mod ledger;
pub mod workspace;
pub mod gate;
pub mod event;
pub mod papers;
pub mod witness;
pub mod teller;
pub mod survey;
pub mod errand;

// What every worker does.
pub mod shop;
pub mod batch;
pub mod retention;
pub mod worker;

// The doors.
pub mod log;
pub mod place;
pub mod cli;

// What the fuzzer looks at; not in any program.
#[cfg(any(test, fuzzing))]
pub mod fuzz;
