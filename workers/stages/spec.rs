//! spec: from a request to a spec with acceptance criteria.

use crate::stage::{Gate, Stage, Step, Tree};
use crate::state::State;

pub(super) const STAGE: Stage = Stage {
    name: "spec",
    worker: "spec-worker",
    flag: "spec",
    about: "Writes the spec of each new order: goal, acceptance criteria, files, how to playtest",
    takes: &[State::NEW],
    batch: 5,
    brief: include_str!("spec.md"),
    leaves: &["work-order.md"],
    tree: Tree::None,
    gates: &[Step { enters: None, gate: Gate::Spec }],
    then: State::TESTS_PRE,
    back: State::NEW,
    needs_work: State::NEW,
};
