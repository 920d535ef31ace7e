//! commit: from a tree that was approved to one commit on a fresh base.

use crate::stage::{Gate, Stage, Step, Tree};
use crate::state::State;

pub(super) const STAGE: Stage = Stage {
    name: "commit",
    worker: "commit-worker",
    flag: "commit",
    about: "Commits each order on a fresh base and tests the union of what is to land",
    takes: &[State::COMMIT],
    batch: 5,
    brief: include_str!("commit.md"),
    leaves: &["commit-message.md", "change-note.md"],
    tree: Tree::Read,
    gates: &[Step { enters: None, gate: Gate::Union }],
    then: State::READY_FOR_REVIEW,
    back: State::IMPL,
    needs_work: State::IMPL,
};
