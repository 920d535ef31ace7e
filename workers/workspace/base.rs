//! The freshest base: the line of finished work on top of the branch it is meant for.

use super::lock::Lock;
use super::names::READY;
use super::refs::Moves;
use super::{Commit, Workspace};
use crate::error::{Error, Result};

/// What the two branches say together.
pub(super) enum Tips {
    /// One of them holds all of the other.
    Straight(Commit),
    /// Both have commits that the other has not.
    Apart {
        /// The tip of the base branch.
        main: Commit,
        /// The tip of the line of finished work.
        ready: Commit,
    },
}

impl Workspace {
    /// The freshest base: see the head of this module. When the base branch has moved on by itself, the line of finished work
    /// is merged with it; where that conflicts, the base branch alone is the base, and a warning names both.
    pub async fn base(&self) -> Result<Commit> {
        match self.compare_tips().await? {
            Tips::Straight(commit) => Ok(commit),
            Tips::Apart { .. } => {
                let lock = self.land_lock().await?;
                self.base_under(&lock).await
            }
        }
    }

    /// The tip of the base branch alone, without finished work that no person has taken over yet.
    pub async fn approved(&self) -> Result<Commit> {
        let tip = self.tips(&[&self.main_ref()]).await?.pop();
        tip.map(|(_, commit)| commit).ok_or_else(|| self.base_branch_gone())
    }

    fn base_branch_gone(&self) -> Error {
        let (base, project) = (&self.base_branch, self.project.display());
        Error::usage(format!("the base branch {base} is gone from {project}"))
            .hint("name another one: [project] base in shopfloor.toml")
    }

    /// The lock under which the line of finished work moves.
    pub(super) async fn land_lock(&self) -> Result<Lock> {
        Lock::take(&self.locks, "land", &self.git.stop).await
    }

    /// The freshest base, for one who holds the lock.
    pub(super) async fn base_under(&self, _lock: &Lock) -> Result<Commit> {
        let (main, ready) = match self.compare_tips().await? {
            Tips::Straight(commit) => return Ok(commit),
            Tips::Apart { main, ready } => (main, ready),
        };
        let args = ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages"];
        let more = ["--allow-unrelated-histories", &main.commit, &ready.commit];
        let merge = self
            .git
            .call("merge finished work with the base branch", &[&args[..], &more[..]].concat());
        let said = merge.with_drivers().env("GIT_ATTR_SOURCE", &main.commit).said().await?;
        match said.code {
            0 => {}
            1 => {
                tracing::warn!(
                    base = %self.base_branch,
                    "finished work on shopfloor/ready conflicts with the base branch; new work begins on the base \
                     branch alone. Merge shopfloor/ready into it by hand, or take finished orders from their branches"
                );
                return Ok(main);
            }
            _ => return Err(said.error()),
        }
        let output = String::from_utf8_lossy(&said.output).into_owned();
        let tree = output.split('\0').next().unwrap_or_default().to_owned();
        let message = format!("Merge {} into shopfloor/ready", self.base_branch);
        let args = ["commit-tree", &tree, "-p", &main.commit, "-p", &ready.commit, "-F", "-"];
        let call = self.git.call("make the merge commit", &args).input(message);
        let merged = Commit { commit: call.line().await?, tree };
        let mut moves = Moves::default();
        moves.verify(&self.main_ref(), &main.commit);
        moves.swap(READY, &merged.commit, Some(&ready.commit));
        self.must_move_refs(&moves).await?;
        Ok(merged)
    }

    /// The base branch in full.
    pub(super) fn main_ref(&self) -> String {
        format!("refs/heads/{}", self.base_branch)
    }

    /// Looks at both branches.
    pub(super) async fn compare_tips(&self) -> Result<Tips> {
        let main_ref = self.main_ref();
        let mut all = self.tips(&[&main_ref, READY]).await?;
        let mut take = |name: &str| {
            let at = all.iter().position(|(known, _)| known == name)?;
            Some(all.swap_remove(at).1)
        };
        let Some(main) = take(&main_ref) else { return Err(self.base_branch_gone()) };
        let Some(ready) = take(READY) else { return Ok(Tips::Straight(main)) };
        if self.is_ancestor(&main.commit, &ready.commit).await? {
            return Ok(Tips::Straight(ready));
        }
        if self.is_ancestor(&ready.commit, &main.commit).await? {
            return Ok(Tips::Straight(main));
        }
        Ok(Tips::Apart { main, ready })
    }
}
