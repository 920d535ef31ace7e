//! All pairs of orders that touch the same files, without comparing each with each.

use std::collections::{BTreeSet, HashMap};

use super::footprint::{Footprint, Overlap};
use super::paths::is_pattern;

/// The pairs (by their places in `prints`, the lower first) that have files in common. Nearly linear, unless there are
/// many patterns.
pub fn conflicts(
    prints: &[&Footprint],
    common: &dyn Fn(&str) -> bool,
) -> Vec<(usize, usize, Overlap)> {
    let mut exact: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut patterns: Vec<usize> = Vec::new();
    for (at, print) in prints.iter().enumerate() {
        for name in print.names() {
            if !is_pattern(name) {
                exact.entry(name).or_default().push(at);
            }
            match name.strip_prefix("**/").filter(|rest| !rest.contains('/') && !is_pattern(rest)) {
                None if is_pattern(name) => patterns.push(at),
                Some(bare) => by_name.entry(bare).or_default().push(at),
                None => by_name.entry(last(name)).or_default().push(at),
            }
        }
    }
    patterns.dedup();
    let mut pairs: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut pair = |a: usize, b: usize| {
        if a != b {
            pairs.insert((a.min(b), a.max(b)));
        }
    };
    for (at, print) in prints.iter().enumerate() {
        patterns.iter().for_each(|&other| pair(at, other));
        for name in print.names() {
            // Folders above, and the path itself.
            let mut above = Some(name).filter(|name| !is_pattern(name));
            while let Some(path) = above {
                exact.get(path).into_iter().flatten().for_each(|&other| pair(at, other));
                above = path.rsplit_once('/').map(|(above, _)| above);
            }
            if let Some(bare) = name.strip_prefix("**/") {
                by_name.get(bare).into_iter().flatten().for_each(|&other| pair(at, other));
            }
        }
    }
    let met = pairs.into_iter().filter_map(|(a, b)| {
        let overlap = prints[a].meets(prints[b], common)?;
        (!overlap.files.is_empty()).then_some((a, b, overlap))
    });
    met.collect()
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Request;
    use proptest::prelude::*;

    fn print(files: &[String]) -> Footprint {
        let mut request = Request::titled("t");
        request.files = files.to_vec();
        Footprint::of(&request)
    }

    proptest! {
        #[test]
        fn no_pair_is_missed_and_none_is_made_up(
            all in prop::collection::vec(
                prop::collection::vec("(a|b)|(a|b)/(c|d)|(a|b)/c/x.rs|\\*\\*/(x.rs|c)|a/\\*\\*|(a|b)/\\*.rs|d/x.rs", 0..4), 0..12)
        ) {
            let prints: Vec<Footprint> = all.iter().map(|files| print(files)).collect();
            let refs: Vec<&Footprint> = prints.iter().collect();
            let found: Vec<(usize, usize)> =
                conflicts(&refs, &|_| false).into_iter().map(|(a, b, _)| (a, b)).collect();
            let mut each = Vec::new();
            for a in 0..prints.len() {
                for b in a + 1..prints.len() {
                    if prints[a].meets(&prints[b], &|_| false).is_some() {
                        each.push((a, b));
                    }
                }
            }
            prop_assert_eq!(found, each);
        }
    }
}
