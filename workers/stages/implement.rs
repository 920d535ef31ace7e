//! implement: from failing tests to code that makes them pass.

use crate::stage::{Gate, Stage, Step, Tree};
use crate::state::State;

pub(super) const STAGE: Stage = Stage {
    name: "implement",
    worker: "implement-worker",
    flag: "impl",
    about: "Writes the code that makes the frozen tests of each order pass",
    takes: &[State::IMPL, State::TESTS_POST, State::REVIEW],
    batch: 3,
    brief: include_str!("implement.md"),
    leaves: &[],
    tree: Tree::Write,
    gates: &[
        Step { enters: Some(State::TESTS_POST), gate: Gate::Green },
        Step { enters: Some(State::REVIEW), gate: Gate::Policy },
    ],
    then: State::PLAYTEST,
    back: State::IMPL,
    needs_work: State::IMPL,
};
