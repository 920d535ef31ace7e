//! An order's worktree: found or made, mended, put on a newer base, taken away.
//!
//! The ref `refs/shopfloor/base/<id>` is written last when a worktree is made and taken away with it, so it says both
//! what the worktree stands on and that it is whole. Who calls these holds the order's claim; a lock per order keeps
//! even a worker that has lost its claim without knowing from working at the same place.

use std::path::PathBuf;

use super::lock::Lock;
use super::names::{base_ref, branch, branch_ref, salvage_ref, short};
use super::refs::Moves;
use super::registration::{Head, is_folder};
use super::{Bench, Commit, Workspace};
use crate::error::Result;
use crate::order::OrderId;

impl Workspace {
    /// The order's worktree: found again, or made on the freshest base. A damaged one (its `.git` file gone, its
    /// registration pruned) is salvaged and made anew with its content; one whose folder is gone gets the content of its
    /// newest snapshot.
    pub async fn prepare(&self, id: &OrderId) -> Result<Bench> {
        let path = self.place(id);
        let lock = self.order_lock(id).await?;
        // An empty one was made for somebody who is to find it here later: it is filled as if it were not there.
        let bench = match (self.tip(&base_ref(id)).await?, is_folder(&path) && !is_empty(&path)) {
            (Some(base), true) => {
                self.mend(id, &base).await?;
                Bench { path, base }
            }
            (Some(base), false) => {
                let content = self.newest_snapshot(id).await?;
                tracing::warn!(order = %id, "the worktree is gone; it is made anew from its newest snapshot");
                let content = content.map_or(base.tree.clone(), |snapshot| snapshot.tree);
                self.stand(id, &base, &content).await?;
                Bench { path, base }
            }
            (None, there) => {
                let base = self.base().await?;
                if there {
                    self.put_leftover_aside(id, &base).await?;
                }
                let tree = base.tree.clone();
                self.stand(id, &base, &tree).await?;
                Bench { path, base }
            }
        };
        drop(lock);
        Ok(bench)
    }

    /// The order's worktree if there is one.
    pub async fn find(&self, id: &OrderId) -> Result<Option<Bench>> {
        let path = self.place(id);
        if !is_folder(&path) {
            return Ok(None);
        }
        Ok(self.tip(&base_ref(id)).await?.map(|base| Bench { path, base }))
    }

    /// Makes the order's worktree stand on `onto` with the content of `tree`: for an order that goes back to be reworked
    /// on a newer base. What was there before is salvaged; ignored files (build results) stay.
    pub async fn restart(
        &self,
        id: &OrderId,
        generation: u64,
        onto: &Commit,
        tree: &str,
    ) -> Result<()> {
        let tree = super::names::object(tree)?;
        let lock = self.order_lock(id).await?;
        self.salvage(id, generation).await?;
        self.stand(id, onto, tree).await?;
        drop(lock);
        Ok(())
    }

    /// Takes the order's worktree away, after [`Workspace::salvage`], and what was made to look at. The branch stays.
    pub async fn retire(&self, id: &OrderId, generation: u64) -> Result<()> {
        let path = self.place(id);
        let lock = self.order_lock(id).await?;
        self.salvage(id, generation).await?;
        self.trash(&path)?;
        self.untie(&path).await?;
        if self.tip(&base_ref(id)).await?.is_some() {
            let mut moves = Moves::default();
            moves.forget_base(id);
            self.must_move_refs(&moves).await?;
        }
        self.trash(&self.drawer(&path))?;
        self.clear_looks(id, u64::MAX).await?;
        lock.remove();
        self.empty_trash().await;
        Ok(())
    }

    /// The order's folder, whether it is there or not.
    pub fn place(&self, id: &OrderId) -> PathBuf {
        self.root.join(id.as_str())
    }

    pub(super) async fn order_lock(&self, id: &OrderId) -> Result<Lock> {
        Lock::take(&self.locks, &format!("order-{id}"), &self.git.stop).await
    }

    /// Makes the worktree stand on `onto` with the content of `tree`, whatever it was before. Each step can be done
    /// again after a crash.
    async fn stand(&self, id: &OrderId, onto: &Commit, tree: &str) -> Result<()> {
        let path = self.place(id);
        let now = self.tip(&branch_ref(id)).await?;
        let mut moves = Moves::default();
        self.salvage_branch(&mut moves, id, now.as_ref(), &onto.commit).await?;
        moves.set(&branch_ref(id), &onto.commit);
        self.must_move_refs(&moves).await?;
        let admin = self.register(&path, Head::Branch(&branch(id))).await?;
        self.fill(&path, tree).await?;
        self.lend_index(&path, &admin, &onto.commit).await?;
        let mut moves = Moves::default();
        moves.set(&base_ref(id), &onto.commit);
        self.must_move_refs(&moves).await
    }

    /// Ties a worktree to the repository again when an agent broke that, and takes away what a killed git left.
    async fn mend(&self, id: &OrderId, base: &Commit) -> Result<()> {
        let path = self.place(id);
        let branch = branch(id);
        if let Some(admin) = self.admin_on(&path, &branch) {
            super::content::clear_locks(&admin);
            return Ok(());
        }
        let tree = self.tree(id).await?;
        let mut moves = Moves::default();
        if tree != base.tree {
            let kept =
                self.commit_tree(&tree, &base.commit, &format!("{id}: a damaged worktree")).await?;
            moves.set(&salvage_ref(id, &format!("damaged-{}", short(&tree))), &kept.commit);
        }
        if self.tip(&branch_ref(id)).await?.is_none() {
            moves.set(&branch_ref(id), &base.commit);
        }
        self.must_move_refs(&moves).await?;
        tracing::warn!(order = %id, "the worktree was no longer tied to the repository; it is now, with its content");
        let admin = self.register(&path, Head::Branch(&branch)).await?;
        self.lend_index(&path, &admin, &base.commit).await
    }

    /// A folder that no base is known of: the making of a worktree that was cut short, or one whose refs were deleted.
    /// It is kept as a commit and put aside, since nobody can say what in it is whole.
    async fn put_leftover_aside(&self, id: &OrderId, base: &Commit) -> Result<()> {
        let path = self.place(id);
        let parent = self.tip(&branch_ref(id)).await?.unwrap_or_else(|| base.clone());
        let tree = self.tree_of(&path, &parent.tree).await?;
        if tree != parent.tree {
            let kept = self
                .commit_tree(&tree, &parent.commit, &format!("{id}: a leftover folder"))
                .await?;
            let mut moves = Moves::default();
            moves.set(&salvage_ref(id, &format!("leftover-{}", short(&tree))), &kept.commit);
            self.must_move_refs(&moves).await?;
        }
        self.trash(&path)?;
        self.empty_trash().await;
        Ok(())
    }
}

fn is_empty(path: &std::path::Path) -> bool {
    std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}
