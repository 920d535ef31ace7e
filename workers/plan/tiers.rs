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
    /// Gates that must be open, by their places in the list of gates.
    pub gates: Vec<usize>,
    /// It will never be taken, for a reason outside the graph.
    pub never: bool,
    /// What is left to do on it, in any unit.
    pub effort: u64,
}

/// Opens when so many of its members are through.
#[derive(Debug, Clone)]
pub struct Gate {
    /// Orders that count.
    pub members: Vec<OrderId>,
    /// How many of them must be through.
    pub needed: usize,
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
    /// Orders that wait in a circle, for one that will never be taken, or for one that waits so.
    pub never: Vec<OrderId>,
}

/// Puts orders into tiers. Linear in orders, needs and gates.
pub fn tiers(nodes: &[Node], gates: &[Gate]) -> Tiers {
    let mut layers = Layers::new(nodes, gates);
    let free = |at: &usize| layers.waits[*at] == 0;
    let mut tier: Vec<usize> = (0..nodes.len()).filter(free).collect();
    let mut found = Tiers::default();
    while !tier.is_empty() {
        found.effort += tier.iter().map(|&at| nodes[at].effort).sum::<u64>();
        found.tiers.push(tier.iter().map(|&at| nodes[at].id.clone()).collect());
        tier = layers.after(&tier);
    }
    let never = (0..nodes.len()).filter(|&at| layers.waits[at] > 0);
    found.never = never.map(|at| nodes[at].id.clone()).collect();
    let through = (0..nodes.len()).filter(|&at| layers.waits[at] == 0);
    // Of equals the first.
    let mut last = through.min_by_key(|&at| (std::cmp::Reverse(layers.until[at]), at));
    found.critical_effort = last.map_or(0, |at| layers.until[at]);
    while let Some(at) = last {
        found.critical.push(nodes[at].id.clone());
        last = layers.from[at];
    }
    found.critical.reverse();
    found
}

/// The graph while it is taken apart.
struct Layers<'a> {
    nodes: &'a [Node],
    /// How many things each node still waits for.
    waits: Vec<usize>,
    followers: Vec<Vec<usize>>,
    /// The gates that each node counts for.
    counts_for: Vec<Vec<usize>>,
    /// How many more each gate needs, and who waits for it.
    needed: Vec<usize>,
    behind: Vec<Vec<usize>>,
    /// The effort up to and with each node, and the one before it on that way.
    until: Vec<u64>,
    from: Vec<Option<usize>>,
}

impl<'a> Layers<'a> {
    fn new(nodes: &'a [Node], gates: &[Gate]) -> Self {
        let place: HashMap<&OrderId, usize> =
            nodes.iter().enumerate().map(|(at, node)| (&node.id, at)).collect();
        let mut layers = Self {
            nodes,
            waits: nodes.iter().map(|node| usize::from(node.never)).collect(),
            followers: vec![Vec::new(); nodes.len()],
            counts_for: vec![Vec::new(); nodes.len()],
            needed: gates.iter().map(|gate| gate.needed).collect(),
            behind: vec![Vec::new(); gates.len()],
            until: nodes.iter().map(|node| node.effort).collect(),
            from: vec![None; nodes.len()],
        };
        for (at, node) in nodes.iter().enumerate() {
            for before in node.after.iter().filter_map(|id| place.get(id)) {
                layers.waits[at] += 1;
                layers.followers[*before].push(at);
            }
            for &gate in node.gates.iter().filter(|&&gate| gates[gate].needed > 0) {
                layers.waits[at] += 1;
                layers.behind[gate].push(at);
            }
        }
        for (at, gate) in gates.iter().enumerate() {
            for member in gate.members.iter().filter_map(|id| place.get(id)) {
                layers.counts_for[*member].push(at);
            }
        }
        layers
    }

    /// The nodes that are free once those of this tier are through.
    fn after(&mut self, tier: &[usize]) -> Vec<usize> {
        let mut next = Vec::new();
        for &at in tier {
            for follower in std::mem::take(&mut self.followers[at]) {
                self.let_go(follower, at, &mut next);
            }
            for gate in std::mem::take(&mut self.counts_for[at]) {
                self.needed[gate] = self.needed[gate].saturating_sub(1);
                if self.needed[gate] == 0 {
                    for follower in std::mem::take(&mut self.behind[gate]) {
                        self.let_go(follower, at, &mut next);
                    }
                }
            }
        }
        next
    }

    fn let_go(&mut self, follower: usize, by: usize, next: &mut Vec<usize>) {
        let through = self.until[by] + self.nodes[follower].effort;
        if self.from[follower].is_none() || through > self.until[follower] {
            (self.until[follower], self.from[follower]) = (through, Some(by));
        }
        self.waits[follower] -= 1;
        if self.waits[follower] == 0 {
            next.push(follower);
        }
    }
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
            let effort = words[1].parse().unwrap();
            Node { id: id(words[0]), after, gates: Vec::new(), never: false, effort }
        };
        tiers(&lines.iter().map(node).collect::<Vec<_>>(), &[])
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

    #[test]
    fn a_gate_opens_when_enough_are_through_and_what_never_comes_is_not_counted() {
        let id = |text: &str| OrderId::parse(text).unwrap();
        let node = |name: &str, after: &[&str], gates: &[usize], never| Node {
            id: id(name),
            after: after.iter().map(|name| id(name)).collect(),
            gates: gates.to_vec(),
            never,
            effort: 1,
        };
        let nodes = [
            node("a", &[], &[], false),
            node("b", &["a"], &[], false),
            node("c", &["b"], &[], false),
            node("dead", &[], &[], true),
            node("d", &[], &[0], false),
            node("e", &[], &[1], false),
        ];
        let members = |names: &[&str]| names.iter().map(|name| id(name)).collect::<Vec<_>>();
        let gates = [
            Gate { members: members(&["a", "b", "c"]), needed: 2 },
            Gate { members: members(&["a", "dead"]), needed: 2 },
        ];
        let found = tiers(&nodes, &gates);
        let shown: Vec<String> = found.tiers.iter().map(|tier| names(tier)).collect();
        assert_eq!(shown, ["a", "b", "c d"]);
        assert_eq!(names(&found.never), "dead e");
        assert_eq!(names(&found.critical), "a b c");
    }
}
