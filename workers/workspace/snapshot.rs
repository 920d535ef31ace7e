//! Keeping what is in a worktree: its tree, snapshots after each turn, and salvage before anything is taken away.

use super::names::{base_ref, object, salvage_ref, snapshot_ref};
use super::refs::{Moved, Moves};
use super::registration::is_folder;
use super::{Bench, Commit, Workspace};
use crate::error::{Error, Kind, Result};
use crate::order::OrderId;

impl Workspace {
    /// The tree of the worktree's content as it is now: tracked and untracked files, not the ignored ones. The agent's own
    /// commits, branches and index do not matter. A nested repository counts with its content; a submodule of the
    /// project stays at the commit the base has.
    pub async fn tree(&self, id: &OrderId) -> Result<String> {
        let bench = self.bench(id).await?;
        self.tree_of(&bench.path, &bench.base.tree).await
    }

    /// Keeps the worktree's content as `refs/shopfloor/snapshot/<id>/<generation>`: a commit on top of its base.
    pub async fn snapshot(&self, id: &OrderId, generation: u64) -> Result<Commit> {
        let bench = self.bench(id).await?;
        let tree = self.tree_of(&bench.path, &bench.base.tree).await?;
        let name = snapshot_ref(id, generation);
        let message = format!("{id}: snapshot of generation {generation}");
        if let Some(there) = self.tip(&name).await?
            && self.holds(&there, &tree, &bench.base.commit).await?
        {
            return Ok(there);
        }
        let commit = self.commit_tree(&tree, &bench.base.commit, &message).await?;
        let mut moves = Moves::default();
        moves.set(&name, &commit.commit);
        self.must_move_refs(&moves).await?;
        Ok(commit)
    }

    /// The tree as a commit object of its own (parent `parent`), for trees that have none.
    pub async fn commit_tree(&self, tree: &str, parent: &str, message: &str) -> Result<Commit> {
        let args = ["commit-tree", object(tree)?, "-p", object(parent)?, "-F", "-"];
        let call = self.git.call("make a commit", &args).input(message.as_bytes());
        Ok(Commit { commit: call.line().await?, tree: tree.to_owned() })
    }

    /// Keeps everything in the worktree, tracked and untracked, as `refs/shopfloor/salvage/<id>/<generation>` (with `.2`,
    /// `.3` ... when that is taken by other content). The name of the ref, or `None` when there is no worktree or
    /// nothing in it differs from its base.
    pub async fn salvage(&self, id: &OrderId, generation: u64) -> Result<Option<String>> {
        let path = self.place(id);
        if !is_folder(&path) {
            return Ok(None);
        }
        let base = match self.tip(&base_ref(id)).await? {
            Some(base) => base,
            None => self.base().await?,
        };
        let tree = self.tree_of(&path, &base.tree).await?;
        if tree == base.tree {
            return Ok(None);
        }
        let message = format!("{id}: salvaged at generation {generation}");
        let commit = self.commit_tree(&tree, &base.commit, &message).await?;
        let mut count = 1;
        loop {
            let name = match count {
                1 => salvage_ref(id, &generation.to_string()),
                _ => salvage_ref(id, &format!("{generation}.{count}")),
            };
            match self.tip(&name).await? {
                Some(there) if self.holds(&there, &tree, &base.commit).await? => {
                    return Ok(Some(name));
                }
                Some(_) => count += 1,
                None => {
                    let mut moves = Moves::default();
                    moves.swap(&name, &commit.commit, None);
                    match self.move_refs(&moves).await? {
                        Moved::Done => return Ok(Some(name)),
                        // Somebody else made it meanwhile: look again.
                        Moved::Refused(_) if self.tip(&name).await?.is_some() => {}
                        Moved::Refused(error) => return Err(error),
                    }
                }
            }
        }
    }

    /// The snapshot of the highest generation.
    pub(super) async fn newest_snapshot(&self, id: &OrderId) -> Result<Option<Commit>> {
        let folder = format!("refs/shopfloor/snapshot/{id}/");
        let all = self.tips(&[&folder]).await?;
        let numbered = all.into_iter().filter_map(|(name, commit)| {
            Some((name.strip_prefix(&folder)?.parse::<u64>().ok()?, commit))
        });
        Ok(numbered.max_by_key(|(generation, _)| *generation).map(|(_, commit)| commit))
    }

    /// True when the commit has exactly this tree and this one parent.
    async fn holds(&self, commit: &Commit, tree: &str, parent: &str) -> Result<bool> {
        Ok(commit.tree == tree && self.parents(&commit.commit).await? == [parent])
    }

    /// The parents of a commit.
    pub(super) async fn parents(&self, commit: &str) -> Result<Vec<String>> {
        let args = ["rev-list", "--parents", "--max-count=1", object(commit)?];
        let line = self.git.call("read a commit", &args).line().await?;
        Ok(line.split(' ').skip(1).map(str::to_owned).collect())
    }

    async fn bench(&self, id: &OrderId) -> Result<Bench> {
        self.find(id).await?.ok_or_else(|| {
            let message = format!("the order {id} has no worktree at {}", self.place(id).display());
            Error::new(Kind::NotFound, message)
                .hint(format!("it is made anew when {id} is taken up"))
        })
    }
}
