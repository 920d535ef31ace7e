//! The contract of the queue: one suite that every implementor runs.
#![expect(clippy::unwrap_used, reason = "a test that can't set its scene fails")]
#![expect(clippy::panic, reason = "a test that meets something else fails")]

mod planning;
mod scenarios;
pub(crate) mod worlds;

use std::sync::Arc;

use shopfloor::holder::{Holder, SessionId, WorkerId};
use shopfloor::order::{OrderId, Request};
use shopfloor::queue::{Claim, Claiming, Created, Order, Queue, Skip};
use shopfloor::state::State;

/// All scenarios.
mod scenario {
    pub(super) use super::planning::*;
    pub(super) use super::scenarios::*;
}

/// A queue and the people and workers around it.
pub(crate) trait World {
    /// The queue.
    fn queue(&self) -> Arc<dyn Queue>;
    /// Starts a worker.
    fn hire(&mut self) -> WorkerId;
    /// Kills a worker as `kill -9` would.
    fn kill(&mut self, worker: &WorkerId);
    /// A person changes the state of an order by hand.
    fn write_state(&mut self, id: &OrderId, state: &State);
    /// Somebody deletes the index, where there is one.
    fn lose_index(&mut self);
}

/// The id `text`.
pub(crate) fn id(text: &str) -> OrderId {
    OrderId::parse(text).unwrap()
}

/// `worker` in a session of its own.
pub(crate) fn holder(worker: &WorkerId) -> Holder {
    Holder { worker: worker.clone(), session: SessionId::fresh() }
}

/// Makes an order in state NEW.
pub(crate) fn make(queue: &Arc<dyn Queue>, name: &str) -> OrderId {
    let made = queue.create(&id(name), &Request::titled(name)).unwrap();
    assert_eq!(made, Created::Made);
    id(name)
}

/// Claims an order.
pub(crate) fn claim(queue: &Arc<dyn Queue>, id: &OrderId, from: &State, by: &WorkerId) -> Claim {
    match queue.clone().claim(id, from, &holder(by)).unwrap() {
        Claiming::Won(claim) => *claim,
        Claiming::Skipped(skip) => panic!("{id} was not claimed: {skip:?}"),
    }
}

/// Tries to claim an order, which must not come off.
pub(crate) fn skip(queue: &Arc<dyn Queue>, id: &OrderId, from: &State, by: &WorkerId) -> Skip {
    match queue.clone().claim(id, from, &holder(by)).unwrap() {
        Claiming::Won(claim) => panic!("{claim:?} was won"),
        Claiming::Skipped(skip) => skip,
    }
}

/// An order that is there.
pub(crate) fn look(queue: &Arc<dyn Queue>, id: &OrderId) -> Order {
    queue.look(id).unwrap().unwrap()
}

/// The ids that the index says are ready in `state`.
pub(crate) fn ready(queue: &Arc<dyn Queue>, state: &State) -> Vec<String> {
    queue.ready(state, 100).unwrap().into_iter().map(String::from).collect()
}

/// Every scenario, in every world.
macro_rules! contract {
    ($($scenario:ident),* $(,)?) => {
        mod memory {
            $(#[test]
            fn $scenario() {
                super::scenario::$scenario(&mut super::worlds::Memory::new());
            })*
        }

        mod files {
            $(#[test]
            fn $scenario() {
                super::scenario::$scenario(&mut super::worlds::Files::new());
            })*
        }
    };
}

contract![
    of_many_claims_at_once_exactly_one_wins,
    many_workers_take_every_order_exactly_once,
    a_second_order_of_one_name_changes_nothing,
    of_several_orders_all_are_made_on_hold_or_none,
    an_order_is_ready_in_its_state_only,
    a_stale_generation_moves_nothing,
    a_persons_edit_of_the_state_wins,
    an_order_in_progress_can_be_held_and_nobody_claims_it_after,
    an_order_is_advanced_once_per_generation,
    a_kept_order_is_never_free_in_between,
    dropping_a_claim_gives_the_order_back_and_charges_nobody,
    a_rest_keeps_an_order_away_until_it_is_over,
    a_dead_workers_orders_come_back_once,
    only_a_death_in_the_orders_turn_is_a_crash,
    nothing_of_a_dead_worker_is_handed_on_before_the_undertaker,
    a_remark_is_written_only_under_the_claim,
    a_buried_order_is_dug_out_and_pardoned_by_a_kick,
    an_archived_order_is_gone_and_a_claimed_one_is_not_archived,
    what_is_ready_comes_by_priority,
    what_is_wanted_sooner_comes_first_among_equals,
    what_is_set_aside_is_ready_again_when_what_it_waits_for_is_there,
    whatever_happens_to_an_order_wakes_those_that_wait_for_it,
    a_phase_that_opens_wakes_those_that_wait_for_it,
    an_order_an_earlier_phase_waits_for_can_be_roused,
    rolls_tell_how_phases_and_groups_stand,
    only_what_is_ready_is_set_aside,
    a_sweep_leaves_those_aside_that_still_wait_and_wakes_the_others,
    a_lost_index_is_made_again_by_a_sweep,
    a_state_nobody_knows_is_refused,
    a_worker_lives_until_its_guard_is_dropped,
    what_a_worker_could_not_give_back_it_gives_back_later,
    what_a_person_does_twice_is_done_once,
    the_bell_rings_for_its_states_only,
];
