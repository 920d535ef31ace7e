//! Groups of tasks that run one after the other. Two that share a task are one.

use std::collections::BTreeMap;

use serde::Serialize;

/// A group that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// How it is called: `3.1-3.4`.
    pub name: String,
    /// Why they run one after the other.
    pub reason: String,
    /// Its tasks, as places among the wishes, in their order.
    #[serde(skip)]
    pub members: Vec<usize>,
}

/// The same groups, those with a common task made one.
pub(super) fn merged(groups: Vec<Group>) -> Vec<Group> {
    let mut home: BTreeMap<usize, usize> = BTreeMap::new();
    let mut kept: Vec<Option<Group>> = Vec::new();
    for mut group in groups {
        let mut others: Vec<usize> =
            group.members.iter().filter_map(|task| home.get(task).copied()).collect();
        others.sort_unstable();
        others.dedup();
        for other in others.into_iter().rev() {
            let Some(older) = kept[other].take() else { continue };
            let join = |a: &str, b: &str, by: &str| match (a.is_empty(), b.is_empty()) {
                (true, _) => b.to_owned(),
                (_, true) => a.to_owned(),
                _ if a == b => a.to_owned(),
                _ => format!("{a}{by}{b}"),
            };
            group.name = join(&older.name, &group.name, "+");
            group.reason = join(&older.reason, &group.reason, "; ");
            group.members.extend(older.members);
        }
        group.members.sort_unstable();
        group.members.dedup();
        for task in &group.members {
            home.insert(*task, kept.len());
        }
        kept.push(Some(group));
    }
    kept.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_with_a_common_task_are_one() {
        let group = |name: &str, members: &[usize]| Group {
            name: name.to_owned(),
            reason: "r".to_owned(),
            members: members.to_vec(),
        };
        let all = merged(vec![
            group("a", &[1, 2]),
            group("b", &[4, 5]),
            group("c", &[2, 4]),
            group("d", &[7, 8]),
        ]);
        let told: Vec<(&str, &[usize])> =
            all.iter().map(|g| (g.name.as_str(), g.members.as_slice())).collect();
        assert_eq!(told, [("a+b+c", &[1, 2, 4, 5][..]), ("d", &[7, 8])]);
    }
}
