//! What a worker may be narrowed to: a batch that was put together by hand.

use crate::order::OrderId;
use crate::stage::Pipeline;
use crate::state::State;

/// What a worker is narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    /// These orders and no others, in this order.
    pub only: Option<Vec<OrderId>>,
    /// No order goes further than this.
    pub until: Option<State>,
}

impl Bounds {
    /// True when orders in `state` may be worked on: they have not come as far as they are to go.
    pub fn may_work_in(&self, state: &State, pipeline: &Pipeline) -> bool {
        let rank = |state| pipeline.rank(state);
        self.until.as_ref().is_none_or(|until| rank(state) < rank(until))
    }

    /// True when orders stop before they land: what they touch stays theirs after the batch.
    pub fn stop_early(&self) -> bool {
        self.until.as_ref().is_some_and(|until| *until != State::READY_FOR_REVIEW)
    }
}
