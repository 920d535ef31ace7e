//! What a session's agent can reach, where walls stand around it.
//!
//! Walls are built when a session opens and have the doors that they were built with. One agent does the whole batch, so the
//! doors lead to the worktrees of the batch: of the orders it begins with, and of as many further ones as the batch has room
//! for, which are those that workers before us have in hand right now. An order joins the warm session only if there is a
//! door to its worktree; a stage that does not write to worktrees takes whatever comes.

use std::path::PathBuf;

use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::order::OrderId;
use crate::sandbox::{Doors, Walls};
use crate::stage::Tree;
use crate::survey::Bounds;

impl Batch<'_> {
    /// Chooses the orders that are within reach of the session to be opened, and makes the folders to which the doors
    /// will lead.
    pub(super) fn reach(&mut self) -> Result<()> {
        if self.shop.standing.means().is_none() || self.shop.stage.tree != Tree::Write {
            return Ok(());
        }
        let mut within: Vec<OrderId> = self.members.iter().map(|(id, _)| id.clone()).collect();
        let room = self.shop.batch.saturating_sub(self.used);
        let room = if self.alone || !self.takes_turns() { 0 } else { room };
        let coming = self.coming().into_iter().filter(|id| !within.contains(id));
        within.extend(coming.take(room).collect::<Vec<_>>());
        for id in &within {
            let folder = self.shop.workspace.place(id);
            std::fs::create_dir_all(&folder)
                .map_err(|error| Error::io("make the folder", &folder, error))?;
        }
        self.within_reach = Some(within);
        Ok(())
    }

    /// Orders that live workers have in hand whose stage leads to ours.
    fn coming(&self) -> Vec<OrderId> {
        let stage = &self.shop.stage;
        let before = |name: &str| {
            let other = self.shop.pipeline.stage(name).filter(|other| other.name != stage.name);
            other.is_some_and(|other| stage.takes.contains(&other.then))
        };
        let statuses = self.shop.floor.statuses().into_iter();
        let statuses = statuses.filter(|status| before(&status.stage));
        let mut coming = Vec::new();
        for status in statuses {
            if !self.shop.queue.lives(&status.worker).unwrap_or(false) {
                continue;
            }
            let held = status.held.into_iter().chain(status.order);
            coming.extend(held.filter(|id| !coming.contains(id)).collect::<Vec<_>>());
        }
        coming
    }

    /// What the session may still take: no order to whose worktree there is no door.
    pub(super) fn bounds_within_reach(&self) -> Bounds {
        let mut bounds = self.shop.bounds.clone();
        if let Some(within) = &self.within_reach {
            let wanted = |id: &OrderId| bounds.only.as_ref().is_none_or(|only| only.contains(id));
            bounds.only = Some(within.iter().filter(|id| wanted(id)).cloned().collect());
        }
        bounds
    }

    /// What stands around the session's agent.
    pub(super) fn walls(&self) -> Result<Option<Walls>> {
        let Some(means) = self.shop.standing.means() else { return Ok(None) };
        let workspace = &self.shop.workspace;
        let mut write = vec![self.dir.join("desks")];
        match self.shop.stage.tree {
            Tree::None => {}
            Tree::Read => write.push(workspace.looks_of(self.picked_session.as_str())),
            Tree::Write => {
                let within = self.within_reach.iter().flatten();
                write.extend(within.map(|id| workspace.place(id)));
            }
        }
        for folder in &write {
            std::fs::create_dir_all(folder)
                .map_err(|error| Error::io("make the folder", folder, error))?;
        }
        let read: Vec<PathBuf> = vec![
            workspace.project().to_owned(),
            workspace.common().to_owned(),
            self.shop.folder.clone(),
            workspace.root().to_owned(),
        ];
        Ok(Some(Walls { means, doors: Doors { write, read } }))
    }
}
