//! test: from a spec to tests that fail because the work is not there yet.

use crate::stage::{Gate, Stage, Step, Tree};
use crate::state::State;

pub(super) const STAGE: Stage = Stage {
    name: "test",
    worker: "test-worker",
    flag: "test",
    about: "Writes the tests of each order first; they must fail, and are then frozen",
    takes: &[State::TESTS_PRE],
    batch: 5,
    brief: include_str!("test.md"),
    leaves: &[],
    tree: Tree::Write,
    gates: &[Step { enters: None, gate: Gate::Red }],
    then: State::IMPL,
    back: State::TESTS_PRE,
    needs_work: State::NEW,
};
