//! A stage is a value, not a type: everything the loop, the queue and the agent need to know of it.

use crate::error::{Error, Result};
use crate::state::State;

/// One stage of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Its name: `spec`, `test`, `implement`, `playtest`, `commit`.
    pub name: &'static str,
    /// The worker's name: `spec-worker`, and so on; also its log's.
    pub worker: &'static str,
    /// The short word of the launcher's flags: `--impl-batch` has `impl`.
    pub flag: &'static str,
    /// One sentence for `--help`.
    pub about: &'static str,
    /// The states it takes. The agent works on orders in the first one; an order in any other is a leftover
    /// of a crash whose session is not repeated: it starts at the gate that `enters` that state.
    pub takes: &'static [State],
    /// How many orders one session may take, unless said otherwise.
    pub batch: usize,
    /// The brief: a minijinja template in markdown, told once when a session opens.
    pub brief: &'static str,
    /// Papers the agent may leave on the desk that go into the order's folder.
    pub leaves: &'static [&'static str],
    /// What it does with the order's worktree.
    pub tree: Tree,
    /// The gates, in order.
    pub gates: &'static [Step],
    /// Where an order goes whose gates are green.
    pub then: State,
    /// Where a red gate sends it when no fix turn is left.
    pub back: State,
    /// Where the verdict `needs_work` sends it.
    pub needs_work: State,
}

/// A stage's use of the order's worktree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tree {
    /// There is none yet.
    None,
    /// The agent changes it; shopfloor takes a snapshot after the turn.
    Write,
    /// The agent may look and run, and must leave it as it was.
    Read,
}

/// One gate of a stage and the state that says an order is being checked by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The order moves to this state before the gate runs (and a worker that finds it there starts here).
    pub enters: Option<State>,
    /// What is checked.
    pub gate: Gate,
}

/// What can be checked. `gate` knows how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gate {
    /// The spec has its sections.
    Spec,
    /// The new tests fail, twice, and the base passes.
    Red,
    /// The same tests pass; frozen files are unchanged.
    Green,
    /// The changes stay inside what is allowed.
    Policy,
    /// The playtest's report and artifacts are there; the worktree is unchanged.
    Playtest,
    /// Our commit on a fresh base, and the union of what is to land, pass the tests.
    Union,
    /// A command of the user's: `[gate.NAME] command = [...]`, green when it exits 0 in the worktree.
    Command(&'static str),
}

impl Gate {
    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spec => "spec",
            Self::Red => "red",
            Self::Green => "green",
            Self::Policy => "policy",
            Self::Playtest => "playtest",
            Self::Union => "union",
            Self::Command(name) => name,
        }
    }
}

impl Stage {
    /// The state in which the agent works on an order.
    pub fn works_in(&self) -> &State {
        &self.takes[0]
    }

    /// The first gate that an order in `state` still has to pass: 0 when the agent's turn comes first.
    pub fn first_gate(&self, state: &State) -> usize {
        self.gates.iter().position(|step| step.enters.as_ref() == Some(state)).unwrap_or(0)
    }
}

/// All stages in the order in which an order meets them, and what follows from them.
#[derive(Debug, Clone)]
pub struct Pipeline {
    stages: Vec<Stage>,
}

impl Pipeline {
    /// A pipeline of these stages. Refused when two take the same state, when a stage takes none, or when one
    /// leads to a state nobody takes that is not an end.
    pub fn new(stages: Vec<Stage>) -> Result<Self> {
        let pipeline = Self { stages };
        for (at, stage) in pipeline.stages.iter().enumerate() {
            let fault = |what: &str| Err(Error::usage(format!("stage {} {what}", stage.name)));
            if stage.takes.is_empty() {
                return fault("takes no state");
            }
            let others = pipeline.stages[at + 1..].iter().flat_map(|other| other.takes);
            if let Some(twice) = others.into_iter().find(|state| stage.takes.contains(state)) {
                return fault(&format!("takes {twice}, and so does a later stage"));
            }
            for to in [&stage.then, &stage.back, &stage.needs_work] {
                if !pipeline.knows(to) {
                    return fault(&format!("leads to {to}, which no stage takes"));
                }
            }
        }
        Ok(pipeline)
    }

    /// The stages in order.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The stage called `name` (its name, its worker's name or its flag's word).
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|s| s.name == name || s.worker == name || s.flag == name)
    }

    /// The stage that takes `state`.
    pub fn taker(&self, state: &State) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.takes.contains(state))
    }

    /// True for every state that a stage takes, and for the two ends.
    pub fn knows(&self, state: &State) -> bool {
        *state == State::READY_FOR_REVIEW || *state == State::FAILED || self.taker(state).is_some()
    }

    /// Every state an order can be in, in pipeline order, the ends last.
    pub fn states(&self) -> Vec<State> {
        let taken = self.stages.iter().flat_map(|stage| stage.takes.iter().cloned());
        taken.chain([State::READY_FOR_REVIEW, State::FAILED]).collect()
    }

    /// How far along `state` is: its place in [`Pipeline::states`].
    pub fn rank(&self, state: &State) -> usize {
        self.states().iter().position(|known| known == state).unwrap_or(0)
    }
}
