//! playtest: somebody who did not write it uses it as its user would.

use crate::stage::{Gate, Stage, Step, Tree};
use crate::state::State;

pub(super) const STAGE: Stage = Stage {
    name: "playtest",
    worker: "playtest-worker",
    flag: "playtest",
    about: "Uses each order's work as its user would, and reports",
    takes: &[State::PLAYTEST],
    batch: 5,
    brief: include_str!("playtest.md"),
    leaves: &["playtest-report.md"],
    tree: Tree::Read,
    gates: &[Step { enters: None, gate: Gate::Playtest }],
    then: State::COMMIT,
    // A report that is missing is the playtester's own fault; only its verdict blames the code.
    back: State::PLAYTEST,
    needs_work: State::IMPL,
};
