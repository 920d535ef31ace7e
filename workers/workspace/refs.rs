//! Reading and moving refs: many in one transaction, each only from the value we know.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::names::{base_ref, object, salvage_ref, short};
use super::{Commit, Workspace};
use crate::error::{Error, Result};
use crate::order::OrderId;

/// A set of moves that all happen or none.
#[derive(Debug, Default)]
pub(super) struct Moves(Vec<u8>);

/// What became of a set of moves.
#[derive(Debug)]
#[must_use]
pub(super) enum Moved {
    /// All refs moved.
    Done,
    /// None did: one of them was not where we thought.
    Refused(Error),
}

impl Moves {
    /// Sets a ref whatever it was.
    pub(super) fn set(&mut self, name: &str, new: &str) {
        self.0.extend(format!("update {name}\0{new}\0\0").bytes());
    }

    /// Sets a ref that is still at `old`; `None`: that is not there yet.
    pub(super) fn swap(&mut self, name: &str, new: &str, old: Option<&str>) {
        let line = match old {
            Some(old) => format!("update {name}\0{new}\0{old}\0"),
            None => format!("create {name}\0{new}\0"),
        };
        self.0.extend(line.bytes());
    }

    /// Goes on only if a ref is at `old`.
    pub(super) fn verify(&mut self, name: &str, old: &str) {
        self.0.extend(format!("verify {name}\0{old}\0").bytes());
    }

    /// Takes away the note on which commit the order's worktree was made from. It is the only ref that is ever taken away:
    /// no branch is, so none has to be shown to have landed first.
    pub(super) fn forget_base(&mut self, id: &OrderId) {
        self.0.extend(format!("delete {}\0\0", base_ref(id)).bytes());
    }
}

impl Workspace {
    /// The commit a ref names; `None` when there is no such ref.
    pub(super) async fn tip(&self, name: &str) -> Result<Option<Commit>> {
        let found = self.tips(&[name]).await?;
        Ok(found.into_iter().find(|(known, _)| known == name).map(|(_, commit)| commit))
    }

    /// The refs with these names or below these folders, and the commits they name.
    pub(super) async fn tips(&self, names: &[&str]) -> Result<Vec<(String, Commit)>> {
        let mut call = self
            .git
            .call("read refs", &["for-each-ref", "--format=%(refname) %(objectname) %(tree)"]);
        for name in names {
            call = call.arg(*name);
        }
        let text = String::from_utf8_lossy(&call.done().await?).into_owned();
        let commits = text.lines().filter_map(|line| {
            let mut words = line.split(' ');
            let (name, commit, tree) = (words.next()?, words.next()?, words.next()?);
            // A tag object or a blob has no tree here: not a commit.
            object(tree).ok()?;
            Some((name.to_owned(), Commit { commit: commit.to_owned(), tree: tree.to_owned() }))
        });
        Ok(commits.collect())
    }

    /// True when `older` is `newer` or one of its ancestors.
    pub(super) async fn is_ancestor(&self, older: &str, newer: &str) -> Result<bool> {
        if older == newer {
            return Ok(true);
        }
        let args = ["merge-base", "--is-ancestor", older, newer];
        let said = self.git.call("compare two commits", &args).said().await?;
        match said.code {
            0 => Ok(true),
            1 => Ok(false),
            _ => Err(said.error()),
        }
    }

    /// Moves refs, all or none. Symbolic refs are replaced and never followed: an agent could point one of ours at the
    /// user's branch.
    pub(super) async fn move_refs(&self, moves: &Moves) -> Result<Moved> {
        let args = ["update-ref", "--no-deref", "--stdin", "-z", "-m", "shopfloor"];
        let call = || self.git.call("move refs", &args).input(moves.0.clone()).said();
        let mut said = call().await?;
        if said.code != 0
            && let Some((lock, wait)) = self.locked(&said.remarks)
        {
            remove_if_stale(&lock, wait).await;
            said = call().await?;
        }
        Ok(if said.code == 0 { Moved::Done } else { Moved::Refused(said.error()) })
    }

    /// Moves refs, or says why not.
    pub(super) async fn must_move_refs(&self, moves: &Moves) -> Result<()> {
        match self.move_refs(moves).await? {
            Moved::Done => Ok(()),
            Moved::Refused(error) => Err(error),
        }
    }

    /// Where the order's branch will be set to `new` (or was): keeps what it names now, if that would be lost.
    pub(super) async fn salvage_branch(
        &self,
        moves: &mut Moves,
        id: &OrderId,
        now: Option<&Commit>,
        new: &str,
    ) -> Result<()> {
        let Some(now) = now else { return Ok(()) };
        if !self.is_ancestor(&now.commit, new).await? {
            moves.set(&salvage_ref(id, &format!("branch-{}", short(&now.commit))), &now.commit);
        }
        Ok(())
    }

    /// The lock file that git complained about, and how long the same one must be seen there before it counts as left
    /// behind. The lock of a ref of ours is held for milliseconds; that of all packed refs for as long as it takes the
    /// user's git to write them.
    fn locked(&self, remarks: &str) -> Option<(PathBuf, Duration)> {
        let (_, rest) = remarks.split_once("Unable to create '")?;
        let path = PathBuf::from(rest.split_once("': File exists")?.0);
        let common = &self.git.common;
        if path == common.join("packed-refs.lock") {
            return Some((path, Duration::from_secs(20)));
        }
        let ours = ["refs/shopfloor", "refs/heads/shopfloor"];
        let ours = ours.iter().any(|folder| path.starts_with(common.join(folder)));
        ours.then_some((path, Duration::from_secs(2)))
    }
}

/// Takes away the lock file of a git that was killed: one that is still the very same after `wait`.
async fn remove_if_stale(lock: &Path, wait: Duration) {
    let seen = || {
        let file = std::fs::symlink_metadata(lock).ok()?;
        Some((file.ino(), file.mtime(), file.mtime_nsec(), file.size()))
    };
    let before = seen();
    tokio::time::sleep(wait).await;
    if before.is_some() && seen() == before {
        tracing::warn!(path = %lock.display(), "took away the lock file of a git that was killed");
        let _gone = std::fs::remove_file(lock);
    }
}
