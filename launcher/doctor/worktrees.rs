//! Findings about what orders left in the repository: worktrees and branches that no order needs any more. Pure.

use shopfloor::order::OrderId;
use shopfloor::workspace::Branch;

use super::finding::{Finding, Fix};
use super::index::some;

/// How an order stands, as far as its worktree is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is worked on, or may be: its worktree is needed.
    InWork,
    /// Its work has landed, at this generation.
    Landed(u64),
    /// It is in the archive.
    Archived,
    /// There is no order of that name.
    Gone,
}

/// What stands in the way of taking a worktree away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// Workers run: one of them may still be at it.
    Workers,
    /// The folder was set in the configuration: other queues may use it too.
    SharedRoot,
}

/// What stands in the repository.
#[derive(Debug)]
pub(crate) struct Standings<'a> {
    /// The folder of all worktrees, as it is shown.
    pub(crate) root: String,
    /// The orders that have a worktree.
    pub(crate) worktrees: &'a [OrderId],
    /// The branches of orders.
    pub(crate) branches: &'a [Branch],
    /// Why nothing is taken away now.
    pub(crate) obstacle: Option<Obstacle>,
}

/// Looks at what there is.
pub(crate) fn look(there: &Standings<'_>, standing: &dyn Fn(&OrderId) -> Standing) -> Vec<Finding> {
    let mut findings = Vec::new();
    for id in there.worktrees {
        let (why, generation) = match standing(id) {
            Standing::InWork => continue,
            Standing::Landed(generation) => ("its work has landed", generation),
            Standing::Archived => ("it is in the archive", 0),
            Standing::Gone => ("there is no such order any more", 0),
        };
        let what = format!("the worktree of order {id} was left: {why}");
        let place = format!("{}/{id}", there.root);
        let (mend, fix) = match there.obstacle {
            None => (
                "shopfloor doctor --fix takes it away; what is in it is kept under refs/shopfloor/salvage/",
                Fix::Retire(id.clone(), generation),
            ),
            Some(Obstacle::Workers) => (
                "when no worker runs, shopfloor doctor --fix takes it away and keeps what is in it",
                Fix::Never,
            ),
            Some(Obstacle::SharedRoot) => (
                "if no other queue uses [worktree] root: look what is in it, then git worktree remove --force it",
                Fix::Never,
            ),
        };
        findings.push(Finding::note("leftover-worktree", place, what, mend).fixed_by(fix));
    }
    let nobodys: Vec<&str> = there
        .branches
        .iter()
        .filter(|branch| standing(&branch.order) == Standing::Gone && !branch.landed)
        .map(|branch| branch.name.as_str())
        .collect();
    if !nobodys.is_empty() {
        let what = format!(
            "branches of orders that are gone hold work that never landed: {}",
            some(&nobodys)
        );
        let mend = "look at them (git log -p), and take what is good: then git branch -D them";
        findings.push(Finding::note("leftover-branch", "refs/heads/shopfloor/", what, mend));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_worktrees_that_no_order_needs_are_left_over_and_only_safe_ones_are_taken() {
        let ids = ["a", "b", "c", "d"].map(|id| OrderId::parse(id).unwrap());
        let standing = |id: &OrderId| match id.as_str() {
            "a" => Standing::InWork,
            "b" => Standing::Landed(3),
            "c" => Standing::Archived,
            _ => Standing::Gone,
        };
        let branch = |order: &OrderId, landed| Branch {
            order: order.clone(),
            name: format!("shopfloor/{order}"),
            landed,
        };
        let branches = [branch(&ids[0], false), branch(&ids[2], false), branch(&ids[3], false)];
        let there = |obstacle, branches| Standings {
            root: "w".to_owned(),
            worktrees: &ids,
            branches,
            obstacle,
        };
        let found = look(&there(None, &branches), &standing);
        let fixes: Vec<&Fix> = found.iter().map(|finding| &finding.fix).collect();
        let retire = |n: usize, generation| Fix::Retire(ids[n].clone(), generation);
        assert_eq!(fixes, [&retire(1, 3), &retire(2, 0), &retire(3, 0), &Fix::Never]);
        assert!(found[3].what.contains("shopfloor/d") && !found[3].what.contains("shopfloor/c"));
        for obstacle in [Obstacle::Workers, Obstacle::SharedRoot] {
            let found = look(&there(Some(obstacle), &[]), &standing);
            assert!(found.len() == 3 && found.iter().all(|finding| finding.fix == Fix::Never));
        }
        assert_eq!(look(&there(None, &[branch(&ids[3], true)]), &standing).len(), 3);
    }
}
