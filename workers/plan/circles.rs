//! Circles in a graph of who waits for whom: each is named once.

use std::collections::HashMap;

use crate::order::OrderId;

/// Where a node stands while the graph is walked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Unseen,
    OnPath,
    Done,
}

/// The circles among these orders, each as the orders of it, one waiting for the next and the last for the first. Every
/// order that waits in a circle can be reached from one that is named. Linear in orders and needs, whatever they say.
pub fn circles<'a>(graph: &[(&'a OrderId, Vec<&'a OrderId>)]) -> Vec<Vec<OrderId>> {
    let place: HashMap<&OrderId, usize> =
        graph.iter().enumerate().map(|(at, (id, _))| (*id, at)).collect();
    let mut marks = vec![Mark::Unseen; graph.len()];
    let mut found = Vec::new();
    for start in 0..graph.len() {
        if marks[start] != Mark::Unseen {
            continue;
        }
        // The way from `start` to where we stand: each node, and how many of its needs were followed.
        let mut way: Vec<(usize, usize)> = vec![(start, 0)];
        marks[start] = Mark::OnPath;
        while let Some((at, followed)) = way.last_mut() {
            let Some(need) = graph[*at].1.get(*followed) else {
                marks[*at] = Mark::Done;
                way.pop();
                continue;
            };
            *followed += 1;
            let Some(&next) = place.get(need) else { continue };
            match marks[next] {
                Mark::Done => {}
                Mark::Unseen => {
                    marks[next] = Mark::OnPath;
                    way.push((next, 0));
                }
                Mark::OnPath => {
                    let from = way.iter().position(|(on, _)| *on == next).unwrap_or(0);
                    found.push(way[from..].iter().map(|(on, _)| graph[*on].0.clone()).collect());
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(lines: &[&str]) -> Vec<String> {
        let ids: Vec<Vec<OrderId>> = lines
            .iter()
            .map(|line| line.split(' ').map(|id| OrderId::parse(id).unwrap()).collect())
            .collect();
        let graph: Vec<_> = ids.iter().map(|ids| (&ids[0], ids[1..].iter().collect())).collect();
        let shown =
            |ring: Vec<OrderId>| ring.iter().map(OrderId::as_str).collect::<Vec<_>>().join(" ");
        circles(&graph).into_iter().map(shown).collect()
    }

    #[test]
    fn a_circle_is_named_once_and_a_diamond_is_none() {
        assert_eq!(named(&["a b c", "b d", "c d", "d", "e gone"]), [""; 0]);
        assert_eq!(named(&["a a"]), ["a"]);
        assert_eq!(named(&["x a", "a b", "b c", "c a"]), ["a b c"]);
        assert_eq!(named(&["a b", "b a", "c d", "d c"]), ["a b", "c d"]);
    }

    #[test]
    fn a_long_chain_does_not_exhaust_the_stack() {
        let ids: Vec<OrderId> =
            (0..100_000).map(|n| OrderId::parse(&format!("o{n}")).unwrap()).collect();
        let graph: Vec<_> =
            (0..ids.len()).map(|n| (&ids[n], ids.get(n + 1).into_iter().collect())).collect();
        assert_eq!(circles(&graph), Vec::<Vec<OrderId>>::new());
    }
}
