//! Why an order waits, and whether it can still move by itself. Pure: facts in, answer out.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use shopfloor::floor::Breaker;
use shopfloor::holder::WorkerId;
use shopfloor::order::OrderId;
use shopfloor::plan::{self, Hindrance, Sight as _, Tally};
use shopfloor::queue::Order;
use shopfloor::stage::Pipeline;

use crate::outlook::Outlook;

/// How an order stands.
#[derive(Debug, Clone, PartialEq)]
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
    Waits(Hindrance),
    /// It rests until this unix second after a failed try.
    Rests(u64),
    /// Its stage pauses until this unix second.
    Paused(u64),
    /// It waits for a free worker.
    Ready,
}

/// How `order` stands.
pub(crate) fn stand(order: &Order, outlook: &Outlook) -> Stand {
    stand_of(order, &outlook.pipeline, &outlook.breakers, outlook.now, &|order| {
        outlook.hindrance(order)
    })
}

/// How `order` stands at `now` (unix seconds), when `waits` tells what it waits for.
pub(crate) fn stand_of(
    order: &Order,
    pipeline: &Pipeline,
    breakers: &[Breaker],
    now: u64,
    waits: &dyn Fn(&Order) -> Option<Hindrance>,
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
    if let Some(hindrance) = waits(order) {
        return Stand::Waits(hindrance);
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
pub(crate) fn moving<'a>(outlook: &'a Outlook, served: &BTreeSet<String>) -> BTreeSet<&'a OrderId> {
    let able = |order: &&Order| {
        let stage = outlook.pipeline.taker(&order.state);
        let served = stage.is_some_and(|stage| served.contains(stage.name));
        let claimed = order.history.open.is_some();
        claimed || (served && order.hold.is_none() && order.request.is_ok())
    };
    let mut waiting: BTreeMap<&OrderId, Option<Hindrance>> = BTreeMap::new();
    for order in outlook.seen.orders.values().filter(able) {
        let claimed = order.history.open.is_some();
        waiting.insert(&order.id, outlook.hindrance(order).filter(|_| !claimed));
    }
    // From the ones that wait for nobody upwards: a circle is never reached.
    let mut moving: BTreeSet<&OrderId> = BTreeSet::new();
    loop {
        // Whether a phase will open is the same question for all that wait for it.
        let opens: RefCell<HashMap<(String, u32), bool>> = RefCell::default();
        let free = |(_, waits): &(&&OrderId, &Option<Hindrance>)| match waits {
            None => true,
            Some(Hindrance::Phase { key, of, gate, .. }) => {
                let asked = (key.plan.clone(), *of);
                if let Some(known) = opens.borrow().get(&asked) {
                    return *known;
                }
                let tallies = outlook.phases(&key.plan);
                let earlier = plan::earlier_phases(*of, &tallies);
                let earlier = tallies.iter().filter(|tally| earlier.contains(&tally.phase));
                let will_open = earlier.into_iter().all(|tally| {
                    let open = outlook.open_in_phase(key, tally.phase);
                    let more = open.iter().filter(|id| moving.contains(id)).count();
                    let open = tally.open.saturating_sub(more);
                    Tally { done: tally.done + more, open, ..*tally }.opens(*gate)
                });
                opens.borrow_mut().insert(asked, will_open);
                will_open
            }
            Some(waits) => waits.waits_for().iter().all(|id| moving.contains(id)),
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
    use crate::snapshot::Snapshot;
    use shopfloor::config::Config;
    use shopfloor::floor::Floor;
    use shopfloor::history::History;
    use shopfloor::order::{Need, Request};
    use shopfloor::plan::Line;
    use shopfloor::queue::memory::MemoryQueue;
    use shopfloor::stages::{STAGES, pipeline};
    use shopfloor::state::State;
    use shopfloor::survey::Survey;
    use std::path::Path;

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

    fn outlook(seen: Snapshot) -> Outlook {
        let (queue, folder) = (MemoryQueue::new(pipeline(), 0), Path::new("nowhere"));
        let floor = Floor::of_queue(folder);
        let config = Config::default();
        let survey = Survey::new(queue, floor, folder.to_owned(), pipeline(), &config);
        Outlook::new(seen, survey, Line::default(), Vec::new())
    }

    fn all_served() -> BTreeSet<String> {
        STAGES.iter().map(|stage| stage.name.to_owned()).collect()
    }

    fn moves(lines: &[&str]) -> Vec<String> {
        let outlook = outlook(scene(lines));
        moving(&outlook, &all_served()).into_iter().map(OrderId::to_string).collect()
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
        let outlook = outlook(scene(&["a NEW", "b IMPL"]));
        let served = BTreeSet::from(["implement".to_owned()]);
        let moving: Vec<&str> =
            moving(&outlook, &served).into_iter().map(OrderId::as_str).collect();
        assert_eq!(moving, ["b"]);
    }

    #[test]
    fn the_reason_to_wait_is_told() {
        let mut seen = scene(&["a NEW b", "b NEW", "c LIMBO"]);
        seen.orders.get_mut(&OrderId::parse("b").unwrap()).unwrap().history.due = Some(50);
        let mut outlook = outlook(seen);
        outlook.now = 10;
        let stands: Vec<Stand> =
            outlook.seen.orders.values().map(|order| stand(order, &outlook)).collect();
        assert!(matches!(&stands[0], Stand::Waits(why) if why.to_string().contains("is in NEW")));
        assert_eq!(stands[1], Stand::Rests(50));
        assert!(matches!(&stands[2], Stand::Broken(why) if why.contains("LIMBO")));
    }

    #[test]
    fn a_phase_that_will_open_and_a_file_that_will_be_free_are_waited_for() {
        let mut seen = scene(&["a NEW", "b NEW", "c! NEW", "d NEW"]);
        let mut set = |id: &str, phase| {
            let order = seen.orders.get_mut(&OrderId::parse(id).unwrap()).unwrap();
            order.request.as_mut().unwrap().phase = Some(phase);
        };
        for (id, phase) in [("a", 1), ("b", 2), ("c", 2), ("d", 3)] {
            set(id, phase);
        }
        let outlook = outlook(seen);
        let moving: Vec<&str> =
            moving(&outlook, &all_served()).into_iter().map(OrderId::as_str).collect();
        assert_eq!(moving, ["a", "b"], "c is on hold, so phase 2 gets to half at most");
    }
}
