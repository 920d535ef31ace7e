//! Why an order waits, and whether it can still move by itself. Pure: facts in, answer out.

use std::collections::{BTreeMap, BTreeSet};

use shopfloor::floor::Breaker;
use shopfloor::holder::WorkerId;
use shopfloor::order::OrderId;
use shopfloor::plan::{self, Known, Wait};
use shopfloor::queue::Order;
use shopfloor::stage::Pipeline;

use crate::snapshot::Snapshot;

/// How an order stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stand {
    /// READY_FOR_REVIEW or FAILED: no stage takes it.
    Ended,
    /// A worker holds it.
    Claimed(WorkerId),
    /// It is on hold, for this reason.
    Held(String),
    /// Its request can't be read, or its state is no state: the reason.
    Broken(String),
    /// It waits for other orders.
    Needs(Vec<Wait>),
    /// It rests until this unix second after a failed try.
    Rests(u64),
    /// Its stage pauses until this unix second.
    Paused(u64),
    /// It waits for a free worker.
    Ready,
}

/// The needs of `order` that are not met.
pub(crate) fn unmet(order: &Order, seen: &Snapshot, pipeline: &Pipeline) -> Vec<Wait> {
    let Ok(request) = &order.request else { return Vec::new() };
    let known = |id: &OrderId| {
        let Some(other) = seen.orders.get(id) else {
            let state = seen.archived.get(id)?.clone();
            return Some(Known { state, needs: Vec::new() });
        };
        let needs = other.request.iter().flat_map(|request| &request.needs);
        let needs = needs.map(|need| need.id.clone()).collect();
        Some(Known { state: other.state.clone(), needs })
    };
    plan::waits_for(&order.id, request, pipeline, &known)
}

/// How `order` stands at `now` (unix seconds).
pub(crate) fn stand(
    order: &Order,
    seen: &Snapshot,
    pipeline: &Pipeline,
    breakers: &[Breaker],
    now: u64,
) -> Stand {
    if let Some(open) = &order.history.open {
        return Stand::Claimed(open.worker.clone());
    }
    if let Some(why) = &order.hold {
        return Stand::Held(why.clone());
    }
    let Some(stage) = pipeline.taker(&order.state) else {
        return match pipeline.knows(&order.state) {
            true => Stand::Ended,
            false => Stand::Broken(format!("no stage takes the state {}", order.state)),
        };
    };
    if let Err(why) = &order.request {
        return Stand::Broken(why.clone());
    }
    let unmet = unmet(order, seen, pipeline);
    if !unmet.is_empty() {
        return Stand::Needs(unmet);
    }
    if let Some(due) = order.history.due.filter(|&due| due > now) {
        return Stand::Rests(due);
    }
    match breakers.iter().find(|breaker| breaker.stage == stage.name) {
        Some(breaker) => Stand::Paused(breaker.until),
        None => Stand::Ready,
    }
}

/// The orders that will still move by themselves while the stages in `served` have workers: not those on hold, broken,
/// at their end, or waiting for one that will never get there (missing, failed, or waiting for them in turn).
pub(crate) fn moving<'a>(
    seen: &'a Snapshot,
    pipeline: &Pipeline,
    served: &BTreeSet<String>,
) -> BTreeSet<&'a OrderId> {
    let able = |order: &&Order| {
        let stage = pipeline.taker(&order.state);
        let served = stage.is_some_and(|stage| served.contains(stage.name));
        let claimed = order.history.open.is_some();
        claimed || (served && order.hold.is_none() && order.request.is_ok())
    };
    let mut waiting: BTreeMap<&OrderId, Vec<Wait>> = BTreeMap::new();
    for order in seen.orders.values().filter(able) {
        waiting.insert(&order.id, unmet(order, seen, pipeline));
    }
    // From the ones that need nobody upwards: a circle of needs is never reached.
    let mut moving: BTreeSet<&OrderId> = BTreeSet::new();
    loop {
        let free = |(_, unmet): &(&&OrderId, &Vec<Wait>)| {
            unmet.iter().all(|unmet| moving.contains(&unmet.need.id))
        };
        let fresh: Vec<&OrderId> = waiting.iter().filter(free).map(|(id, _)| *id).collect();
        if fresh.is_empty() {
            return moving;
        }
        for id in fresh {
            waiting.remove(id);
            moving.insert(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shopfloor::history::History;
    use shopfloor::order::{Need, Request};
    use shopfloor::stages::{STAGES, pipeline};
    use shopfloor::state::State;

    /// A line per order: `id STATE needs,needs`; `!` after the id puts it on hold.
    fn scene(lines: &[&str]) -> Snapshot {
        let mut seen = Snapshot::default();
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let id = OrderId::parse(words[0].trim_end_matches('!')).unwrap();
            let mut request = Request::titled("t");
            for need in words.get(2).iter().flat_map(|needs| needs.split(',')) {
                request.needs.push(Need::try_from(need.to_owned()).unwrap());
            }
            let order = Order {
                id: id.clone(),
                state: State::parse(words[1]).unwrap(),
                request: Ok(request),
                history: History::default(),
                hold: words[0].ends_with('!').then(|| "why".to_owned()),
            };
            seen.orders.insert(id, order);
        }
        seen
    }

    fn moves(lines: &[&str]) -> Vec<String> {
        let served = STAGES.iter().map(|stage| stage.name.to_owned()).collect();
        let seen = scene(lines);
        moving(&seen, &pipeline(), &served).into_iter().map(OrderId::to_string).collect()
    }

    #[test]
    fn what_is_held_ended_or_waits_in_vain_moves_no_more() {
        assert_eq!(moves(&["a NEW", "b! NEW", "c READY_FOR_REVIEW", "d FAILED", "e LIMBO"]), ["a"]);
        assert_eq!(moves(&["a NEW gone", "b NEW c", "c FAILED", "d NEW e", "e! IMPL"]), [""; 0]);
        assert_eq!(moves(&["a NEW b", "b NEW c", "c NEW"]), ["a", "b", "c"]);
        assert_eq!(moves(&["a NEW b", "b NEW a", "c NEW c"]), [""; 0]);
        assert_eq!(moves(&["a NEW b@IMPL", "b! PLAYTEST", "c NEW b"]), ["a"]);
    }

    #[test]
    fn a_stage_without_workers_moves_nothing() {
        let seen = scene(&["a NEW", "b IMPL"]);
        let served = BTreeSet::from(["implement".to_owned()]);
        let moving: Vec<&str> =
            moving(&seen, &pipeline(), &served).into_iter().map(OrderId::as_str).collect();
        assert_eq!(moving, ["b"]);
    }

    #[test]
    fn the_reason_to_wait_is_told() {
        let mut seen = scene(&["a NEW b", "b NEW", "c LIMBO"]);
        seen.orders.get_mut(&OrderId::parse("b").unwrap()).unwrap().history.due = Some(50);
        let stands: Vec<Stand> =
            seen.orders.values().map(|o| stand(o, &seen, &pipeline(), &[], 10)).collect();
        assert!(
            matches!(&stands[0], Stand::Needs(unmet) if unmet[0].to_string().contains("is in NEW"))
        );
        assert_eq!(stands[1], Stand::Rests(50));
        assert!(matches!(&stands[2], Stand::Broken(why) if why.contains("LIMBO")));
    }
}
