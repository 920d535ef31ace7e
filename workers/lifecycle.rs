//! Lifecycles: the four stretches of an order's way that people plan by. A batch that is put together by hand stays within one.

use crate::error::{Error, Result};
use crate::order::OrderId;
use crate::queue::Queue;
use crate::stage::Pipeline;
use crate::state::State;

/// A stretch of the way: from its first state to its last, both included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifecycle {
    /// Its name.
    pub name: &'static str,
    /// Its first state.
    pub first: State,
    /// Its last state.
    pub last: State,
}

/// The four, in the order in which an order meets them.
pub const LIFECYCLES: [Lifecycle; 4] = [
    Lifecycle { name: "design", first: State::NEW, last: State::TESTS_PRE },
    Lifecycle { name: "build", first: State::IMPL, last: State::REVIEW },
    Lifecycle { name: "verify", first: State::PLAYTEST, last: State::PLAYTEST },
    Lifecycle { name: "release", first: State::COMMIT, last: State::READY_FOR_REVIEW },
];

impl Lifecycle {
    /// The one of this name.
    pub fn called(name: &str) -> Result<Self> {
        let names = LIFECYCLES.map(|one| one.name).join(", ");
        LIFECYCLES.into_iter().find(|one| one.name == name).ok_or_else(|| {
            Error::usage(format!("there is no lifecycle {name:?}"))
                .hint(format!("the lifecycles are {names}"))
        })
    }

    /// The one that an order in `state` is in. None for FAILED: it is on no way.
    pub fn of(state: &State, pipeline: &Pipeline) -> Option<Self> {
        LIFECYCLES.into_iter().find(|one| one.has(state, pipeline))
    }

    /// True when `state` belongs to it. A state that a stage of somebody's own brings belongs to where it stands.
    pub fn has(&self, state: &State, pipeline: &Pipeline) -> bool {
        let rank = |state| pipeline.rank(state);
        let known = pipeline.knows(state) && *state != State::FAILED;
        known && (rank(&self.first)..=rank(&self.last)).contains(&rank(state))
    }

    /// The state an order is in when it is through: the one after the last, or the last where there is none.
    pub fn end(&self, pipeline: &Pipeline) -> State {
        let mut after =
            pipeline.states().into_iter().skip_while(|state| *state != self.last).skip(1);
        after.next().filter(|state| *state != State::FAILED).unwrap_or_else(|| self.last.clone())
    }
}

/// The orders that are in a lifecycle, or in one phase of it: in one of its states. Several may be in one phase at once.
pub fn in_lifecycle(
    queue: &dyn Queue,
    pipeline: &Pipeline,
    lifecycle: &Lifecycle,
    phase: Option<&State>,
) -> Result<Vec<OrderId>> {
    if let Some(phase) = phase.filter(|phase| !lifecycle.has(phase, pipeline)) {
        let told = format!("{phase} is no phase of the lifecycle {}", lifecycle.name);
        return Err(Error::usage(told));
    }
    let mut orders = Vec::new();
    for id in queue.list()?.orders {
        // One broken order does not hide the others.
        let Ok(Some(order)) = queue.look(&id) else { continue };
        let there = phase.is_none_or(|phase| *phase == order.state);
        if there && lifecycle.has(&order.state, pipeline) {
            orders.push(id);
        }
    }
    Ok(orders)
}

/// How many orders are active in a lifecycle: those that are in it and not on hold.
pub fn count_active(
    queue: &dyn Queue,
    pipeline: &Pipeline,
    lifecycle: &Lifecycle,
) -> Result<usize> {
    let orders = in_lifecycle(queue, pipeline, lifecycle, None)?;
    let active = |id: &&OrderId| matches!(queue.look(id), Ok(Some(order)) if order.hold.is_none());
    Ok(orders.iter().filter(active).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Request;
    use crate::queue::memory::MemoryQueue;
    use crate::stages::pipeline;

    #[test]
    fn every_state_on_the_way_is_in_one_lifecycle() {
        let pipeline = pipeline();
        let of = |state: &State| Lifecycle::of(state, &pipeline).map(|one| one.name);
        let told: Vec<_> = pipeline.states().iter().map(of).collect();
        let [design, build] = [Some("design"), Some("build")];
        let release = Some("release");
        assert_eq!(
            told,
            [design, design, build, build, build, Some("verify"), release, release, None]
        );
        let ends = LIFECYCLES.map(|one| one.end(&pipeline));
        assert_eq!(ends, [State::IMPL, State::PLAYTEST, State::COMMIT, State::READY_FOR_REVIEW]);
        assert!(Lifecycle::called("desing").unwrap_err().next_step().unwrap().contains("design"));
    }

    #[test]
    fn several_orders_are_active_in_one_phase_at_once() {
        let (pipeline, design) = (pipeline(), &LIFECYCLES[0]);
        let queue = MemoryQueue::new(pipeline.clone(), 0);
        for (name, state) in [
            ("a", State::NEW),
            ("b", State::TESTS_PRE),
            ("c", State::TESTS_PRE),
            ("d", State::IMPL),
        ] {
            let id = OrderId::parse(name).unwrap();
            let _made = queue.create(&id, &Request::titled(name)).unwrap();
            queue.kick(&id, &state, "test").unwrap();
        }
        queue.hold(&OrderId::parse("c").unwrap(), "why").unwrap();
        let there = |phase: Option<&State>| {
            let orders = in_lifecycle(&*queue, &pipeline, design, phase).unwrap();
            orders.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(there(None), ["a", "b", "c"]);
        assert_eq!(there(Some(&State::TESTS_PRE)), ["b", "c"]);
        assert_eq!(count_active(&*queue, &pipeline, design).unwrap(), 2);
        assert!(in_lifecycle(&*queue, &pipeline, design, Some(&State::IMPL)).is_err());
    }
}
