//! What a stage that only looks is given: a clean checkout of its own, never the worktree in which the order is worked on.
//!
//! The folder is new: nothing that git ignores, such as the build results and local settings of whoever wrote the code,
//! can be seen from it. It is called after the order and the generation of the claim, so no two sessions share one.

use std::path::PathBuf;

use super::names::object;
use super::{Commit, Workspace};
use crate::error::{Error, Result};
use crate::order::OrderId;

/// A clean checkout that one stage looks at.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Look {
    /// Its folder.
    pub folder: PathBuf,
    /// What it was made from: a commit that no branch names, of exactly the tree that is to be looked at.
    pub commit: Commit,
}

impl Workspace {
    /// A new checkout of `tree`, as a commit on top of `base`, for the order's claim of this `generation`. What earlier
    /// claims of the order left of theirs is taken away.
    pub async fn look(
        &self,
        id: &OrderId,
        generation: u64,
        base: &Commit,
        tree: &str,
        session: &str,
    ) -> Result<Look> {
        let message = format!("{id}: what is looked at under claim {generation}\n");
        let commit = self.commit_tree(object(tree)?, &base.commit, &message).await?;
        let folder = self.looks_of(session).join(format!("{id}.{generation}"));
        let lock = self.order_lock(id).await?;
        self.clear_looks(id, generation).await?;
        std::fs::create_dir_all(self.looks_of(session))
            .map_err(|error| Error::io("make the folder", &self.looks_of(session), error))?;
        self.detach(&folder, &commit.commit).await?;
        drop(lock);
        self.empty_trash().await;
        Ok(Look { folder, commit })
    }

    /// The folder of all that a session looks at. It stays the same folder while the session runs.
    pub fn looks_of(&self, session: &str) -> PathBuf {
        self.all_looks().join(session)
    }

    /// Takes that folder away, if nothing is in it any more.
    pub fn close_looks(&self, session: &str) {
        let _in_use = std::fs::remove_dir(self.looks_of(session));
    }

    fn all_looks(&self) -> PathBuf {
        self.root.join(".looks")
    }

    /// The tree of what is in the checkout now: tracked and untracked files, not the ignored ones.
    pub async fn look_tree(&self, look: &Look) -> Result<String> {
        self.tree_of(&look.folder, &look.commit.tree).await
    }

    /// Makes the checkout what it was again, for another turn in the same session.
    pub async fn look_again(&self, id: &OrderId, look: &Look) -> Result<()> {
        let lock = self.order_lock(id).await?;
        self.detach(&look.folder, &look.commit.commit).await?;
        drop(lock);
        Ok(())
    }

    /// Takes away the order's checkouts of this claim and of earlier ones. Nothing in them is kept: they hold no work.
    pub async fn end_looks(&self, id: &OrderId, generation: u64) -> Result<()> {
        if self.looks(id, generation)?.is_empty() {
            return Ok(());
        }
        let lock = self.order_lock(id).await?;
        self.clear_looks(id, generation).await?;
        drop(lock);
        self.empty_trash().await;
        Ok(())
    }

    /// The same under the order's lock; the trash is left to be emptied.
    pub(super) async fn clear_looks(&self, id: &OrderId, generation: u64) -> Result<()> {
        for folder in self.looks(id, generation)? {
            self.trash(&folder)?;
            self.untie(&folder).await?;
            self.trash(&self.drawer(&folder))?;
        }
        Ok(())
    }

    /// The order's checkouts up to this generation.
    fn looks(&self, id: &OrderId, generation: u64) -> Result<Vec<PathBuf>> {
        let all = self.all_looks();
        let entries = match std::fs::read_dir(&all) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("read the folder", &all, error)),
        };
        let ours = |name: &str| -> Option<bool> {
            let (order, made) = name.rsplit_once('.')?;
            Some(order == id.as_str() && made.parse::<u64>().ok()? <= generation)
        };
        // One folder for each session, and in it one for each order.
        let sessions = entries.flatten().map(|entry| entry.path());
        let folders = sessions.flat_map(|session| std::fs::read_dir(session).into_iter().flatten());
        let folders = folders.flatten().map(|entry| entry.path());
        Ok(folders
            .filter(|path| path.file_name().and_then(|name| ours(name.to_str()?)).unwrap_or(false))
            .collect())
    }
}
