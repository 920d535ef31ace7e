//! What of orders stands in a project: their worktrees and branches, and whether what a branch holds is landed.

use super::names::READY;
use super::registration::is_folder;
use super::{Commit, Workspace};
use crate::error::{Error, Result};
use crate::order::OrderId;

/// A branch `shopfloor/<id>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// The order it is called after.
    pub order: OrderId,
    /// Its name, short.
    pub name: String,
    /// True when its commit is in the line of finished work or in the base branch.
    pub landed: bool,
}

impl Workspace {
    /// The orders that have a worktree's folder, sorted. Nothing is touched.
    pub fn worktrees(&self) -> Result<Vec<OrderId>> {
        let failed = |error| Error::io("list", &self.root, error);
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.root).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let id = name.to_str().and_then(|name| OrderId::parse(name).ok());
            found.extend(id.filter(|id| is_folder(&self.place(id))));
        }
        found.sort();
        Ok(found)
    }

    /// The branches of orders, by name.
    pub async fn branches(&self) -> Result<Vec<Branch>> {
        let own = "refs/heads/shopfloor/";
        let main_ref = self.main_ref();
        let all = self.tips(&[own, &main_ref]).await?;
        let tip = |name: &str| all.iter().find(|(known, _)| known == name).map(|(_, tip)| tip);
        let lines: Vec<&Commit> = [READY, &main_ref].into_iter().filter_map(tip).collect();
        let mut branches = Vec::new();
        for (name, commit) in &all {
            let Some(short) = name.strip_prefix(own).filter(|_| name != READY) else { continue };
            // An order called `ready` makes way for the line of finished work.
            let called = if short == "_ready" { "ready" } else { short };
            let Ok(order) = OrderId::parse(called) else { continue };
            let mut landed = false;
            for line in &lines {
                landed = landed || self.is_ancestor(&commit.commit, &line.commit).await?;
            }
            branches.push(Branch { order, name: format!("shopfloor/{short}"), landed });
        }
        Ok(branches)
    }
}
