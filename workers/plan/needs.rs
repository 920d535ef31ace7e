//! Needs: who waits for whom, and why. States are asked of the caller.

use std::collections::{HashMap, VecDeque};

use crate::order::{Need, OrderId, Request};
use crate::stage::Pipeline;
use crate::state::State;

/// A need that is not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// What is needed.
    pub need: Need,
    /// Why it is not met.
    pub why: Why,
}

/// Why a need is not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The other order has come this far, and not far enough.
    Early(State),
    /// There is no such order.
    Missing,
    /// It was buried: it will not come by itself.
    Failed,
    /// They wait for each other: the ring, in order.
    Circle(Vec<OrderId>),
}

impl std::fmt::Display for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Need { id, reached } = &self.need;
        match &self.why {
            Why::Early(now) => write!(f, "waits for {id} to reach {reached} (it is in {now})"),
            Why::Missing => write!(f, "needs {id}, and there is no such order"),
            Why::Failed => write!(f, "needs {id}, which FAILED"),
            Why::Circle(ring) => {
                let ring: Vec<&str> = ring.iter().map(OrderId::as_str).collect();
                write!(f, "its needs go round in a circle: {}", ring.join(" -> "))
            }
        }
    }
}

/// What is known of an order somebody waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Where it is.
    pub state: State,
    /// What it needs itself.
    pub needs: Vec<OrderId>,
}

/// The needs of `id` that are not met; none when it is ready as far as they go.
pub fn waits_for(
    id: &OrderId,
    request: &Request,
    pipeline: &Pipeline,
    known: &dyn Fn(&OrderId) -> Option<Known>,
) -> Vec<Wait> {
    let unmet = |need: &Need| {
        let found = known(&need.id);
        if found.as_ref().is_some_and(|found| far_enough(pipeline, &found.state, &need.reached)) {
            return None;
        }
        let why = match (circle(id, need, known), found) {
            (Some(ring), _) => Why::Circle(ring),
            (None, None) => Why::Missing,
            (None, Some(found)) if found.state == State::FAILED => Why::Failed,
            (None, Some(found)) => Why::Early(found.state),
        };
        Some(Wait { need: need.clone(), why })
    };
    request.needs.iter().filter_map(unmet).collect()
}

fn far_enough(pipeline: &Pipeline, now: &State, wanted: &State) -> bool {
    *now != State::FAILED && pipeline.knows(now) && pipeline.rank(now) >= pipeline.rank(wanted)
}

/// The most orders that are looked at in search of a circle: a look may cost a file, and a circle is named when it is
/// written and by `plan` as well.
const CIRCLE_LIMIT: usize = 1_000;

/// A ring of needs that goes by `need` and comes back to `id`, if there is one.
fn circle(
    id: &OrderId,
    need: &Need,
    known: &dyn Fn(&OrderId) -> Option<Known>,
) -> Option<Vec<OrderId>> {
    // Who was reached, and from where.
    let mut from: HashMap<OrderId, OrderId> = HashMap::from([(need.id.clone(), id.clone())]);
    let mut next = VecDeque::from([need.id.clone()]);
    while let Some(at) = next.pop_front() {
        if at == *id {
            let mut ring = vec![at.clone()];
            let mut back = &from[&at];
            while back != id {
                ring.push(back.clone());
                back = &from[back];
            }
            ring.push(at);
            ring.reverse();
            return Some(ring);
        }
        if from.len() > CIRCLE_LIMIT {
            return None;
        }
        for need in known(&at).map(|found| found.needs).unwrap_or_default() {
            if !from.contains_key(&need) {
                from.insert(need.clone(), at.clone());
                next.push_back(need);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::pipeline;

    fn id(text: &str) -> OrderId {
        OrderId::parse(text).unwrap()
    }

    fn wait(needs: &[&str], others: &[(&str, State, &[&str])]) -> Option<String> {
        let mut request = Request::titled("t");
        request.needs = needs.iter().map(|n| Need::try_from((*n).to_owned()).unwrap()).collect();
        let known = |asked: &OrderId| {
            others.iter().find(|(name, ..)| asked.as_str() == *name).map(|(_, state, needs)| {
                Known { state: state.clone(), needs: needs.iter().map(|n| id(n)).collect() }
            })
        };
        let waits = waits_for(&id("me"), &request, &pipeline(), &known);
        waits.first().map(ToString::to_string)
    }

    #[test]
    fn an_order_waits_until_what_it_needs_has_come_far_enough() {
        let at = |state: State| [("a", state, &[] as &[&str])];
        assert_eq!(wait(&[], &[]), None);
        assert_eq!(wait(&["a"], &at(State::READY_FOR_REVIEW)), None);
        assert_eq!(wait(&["a@IMPL"], &at(State::PLAYTEST)), None);
        let why = wait(&["a"], &at(State::COMMIT)).unwrap();
        assert_eq!(why, "waits for a to reach READY_FOR_REVIEW (it is in COMMIT)");
        assert_eq!(wait(&["a"], &at(State::FAILED)).unwrap(), "needs a, which FAILED");
        assert_eq!(wait(&["b"], &at(State::NEW)).unwrap(), "needs b, and there is no such order");
    }

    #[test]
    fn a_circle_of_needs_is_named() {
        let others: [(&str, State, &[&str]); 2] =
            [("a", State::NEW, &["b"]), ("b", State::NEW, &["me", "a"])];
        assert!(wait(&["a"], &others).unwrap().ends_with("me -> a -> b -> me"));
        assert!(wait(&["me"], &[]).unwrap().ends_with("me -> me"));
    }
}
