//! Tiers: what can run side by side, and the longest way through.

use std::collections::HashMap;

use crate::order::OrderId;

/// One order in the graph.
#[derive(Debug, Clone)]
pub struct Node {
    /// The order.
    pub id: OrderId,
    /// Orders that must be through first. Those that are not in the graph are.
    pub after: Vec<OrderId>,
    /// What is left to do on it, in any unit.
    pub effort: u64,
}

/// The graph in layers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tiers {
    /// Each tier waits only for orders of earlier ones; within a tier nobody waits for anybody.
    pub tiers: Vec<Vec<OrderId>>,
    /// The way through on which most is left to do, first order first.
    pub critical: Vec<OrderId>,
    /// The effort of that way.
    pub critical_effort: u64,
    /// The effort of everything that can be done.
    pub effort: u64,
    /// Orders that wait in a circle, or for one that does.
    pub never: Vec<OrderId>,
}

/// Puts orders into tiers. Linear in orders and needs.
pub fn tiers(nodes: &[Node]) -> Tiers {
    let place: HashMap<&OrderId, usize> =
        nodes.iter().enumerate().map(|(at, node)| (&node.id, at)).collect();
    let mut waits: Vec<usize> = vec![0; nodes.len()];
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        for before in node.after.iter().filter_map(|id| place.get(id)) {
            waits[at] += 1;
            followers[*before].push(at);
        }
    }
    // The effort up to and with each order, and the order before it on that way.
    let mut until: Vec<u64> = nodes.iter().map(|node| node.effort).collect();
    let mut from: Vec<Option<usize>> = vec![None; nodes.len()];
    let mut tier: Vec<usize> = (0..nodes.len()).filter(|&at| waits[at] == 0).collect();
    let mut found = Tiers::default();
    while !tier.is_empty() {
        let mut next = Vec::new();
        for &at in &tier {
            found.effort += nodes[at].effort;
            for &follower in &followers[at] {
                let through = until[at] + nodes[follower].effort;
                if from[follower].is_none() || through > until[follower] {
                    (until[follower], from[follower]) = (through, Some(at));
                }
                waits[follower] -= 1;
                if waits[follower] == 0 {
                    next.push(follower);
                }
            }
        }
        found.tiers.push(tier.iter().map(|&at| nodes[at].id.clone()).collect());
        tier = next;
    }
    let never = (0..nodes.len()).filter(|&at| waits[at] > 0);
    found.never = never.map(|at| nodes[at].id.clone()).collect();
    let through = (0..nodes.len()).filter(|&at| waits[at] == 0);
    // Of equals the first.
    let mut last = through.min_by_key(|&at| (std::cmp::Reverse(until[at]), at));
    found.critical_effort = last.map_or(0, |at| until[at]);
    while let Some(at) = last {
        found.critical.push(nodes[at].id.clone());
        last = from[at];
    }
    found.critical.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `id effort after after`
    fn graph(lines: &[&str]) -> Tiers {
        let id = |text: &str| OrderId::parse(text).unwrap();
        let node = |line: &&str| {
            let words: Vec<&str> = line.split(' ').collect();
            let after = words[2..].iter().map(|text| id(text)).collect();
            Node { id: id(words[0]), after, effort: words[1].parse().unwrap() }
        };
        tiers(&lines.iter().map(node).collect::<Vec<_>>())
    }

    fn names(ids: &[OrderId]) -> String {
        ids.iter().map(OrderId::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_diamond_has_three_tiers_and_its_longer_side_is_critical() {
        let found = graph(&["a 1", "b 1 a", "c 3 a", "d 1 b c", "e 2 gone"]);
        let shown: Vec<String> = found.tiers.iter().map(|tier| names(tier)).collect();
        assert_eq!(shown, ["a e", "b c", "d"]);
        assert_eq!(names(&found.critical), "a c d");
        assert_eq!((found.critical_effort, found.effort), (5, 8));
    }

    #[test]
    fn what_waits_in_a_circle_or_for_one_is_set_apart() {
        let found = graph(&["a 1 b", "b 1 a", "c 1 a", "d 1"]);
        assert_eq!((names(&found.never).as_str(), found.tiers.len()), ("a b c", 1));
        assert_eq!(graph(&[]), Tiers::default());
    }
}
