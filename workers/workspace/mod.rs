//! All git is here: worktrees, snapshots, salvage, the fresh base, landing a commit.
//!
//! One worktree per order, outside the project, on branch `shopfloor/<id>`. The agent never commits. git runs through
//! [`crate::process`] with hooks, fsmonitor, external diff and repository discovery above our folders switched off.
//!
//! What is finished stands as a line of commits, one per order, on the branch `shopfloor/ready`; `shopfloor/<id>` names
//! each order's commit on it. The freshest base of a new worktree is the tip of that line on top of the project's
//! base branch, so that an order that needs another one finds its work there.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::order::OrderId;

/// The git side of one project.
#[derive(Debug, Clone)]
pub struct Workspace {
    project: PathBuf,
    root: PathBuf,
}

/// A commit and its tree, as hexadecimal object ids.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Commit {
    /// The commit.
    pub commit: String,
    /// Its tree.
    pub tree: String,
}

/// One order's worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bench {
    /// Its folder.
    pub path: PathBuf,
    /// The commit it was made from.
    pub base: Commit,
}

/// One path that differs between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Relative to the repository, with `/`.
    pub path: String,
    /// What happened to it.
    pub kind: ChangeKind,
    /// True when it is a symlink or a submodule now.
    pub special: bool,
    /// Lines added; `None` for a binary file.
    pub added: Option<u64>,
    /// Lines removed; `None` for a binary file.
    pub removed: Option<u64>,
    /// Its size now, bytes; 0 when it is gone.
    pub bytes: u64,
}

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was not there before.
    Added,
    /// Its content or mode is another.
    Modified,
    /// It is gone.
    Deleted,
}

/// What became of putting an order's change on top of another commit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Composed {
    /// One commit, whose parent is the commit it was put onto.
    Clean(Commit),
    /// The same lines were changed by both.
    Conflict {
        /// The paths.
        files: Vec<String>,
        /// A tree in which those paths hold conflict markers.
        tree: String,
    },
}

/// What became of a landing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Landed {
    /// Every branch points where it should.
    Done,
    /// The base moved meanwhile: nothing was changed, begin again from the fresh base.
    BaseMoved,
}

#[expect(clippy::todo, clippy::unused_async, unused_variables, reason = "seams first")]
impl Workspace {
    /// The project in `project`, with its worktrees below `root` (made when missing). `base` is the branch that finished
    /// work is meant for (`None`: the one checked out there). `locks` is the folder of our own lock files. `cookie`
    /// marks the git processes. Errors (kind `Usage`, with a next step): not a git repository, no commit yet, `base`
    /// missing, `root` inside the project without being excluded; (kind `Environment`): git missing or older than 2.38.
    pub async fn open(
        project: &Path,
        root: &Path,
        base: Option<&str>,
        locks: &Path,
        cookie: &str,
    ) -> Result<Self> {
        todo!()
    }

    /// The project's folder.
    pub fn project(&self) -> &Path {
        &self.project
    }

    /// What is uncommitted in the project, one line; `None` when it is clean. (It stays there, untouched and unused.)
    pub async fn dirty(&self) -> Result<Option<String>> {
        todo!()
    }

    /// The freshest base: see the head of this file.
    pub async fn base(&self) -> Result<Commit> {
        todo!()
    }

    /// The order's worktree: found again, or made on the freshest base. A damaged one (its `.git` file gone, its
    /// registration pruned) is salvaged and made anew with its content.
    pub async fn prepare(&self, id: &OrderId) -> Result<Bench> {
        todo!()
    }

    /// The order's worktree if there is one.
    pub async fn find(&self, id: &OrderId) -> Result<Option<Bench>> {
        todo!()
    }

    /// The tree of the worktree's content as it is now: tracked and untracked files, not the ignored ones.
    pub async fn tree(&self, id: &OrderId) -> Result<String> {
        todo!()
    }

    /// Keeps the worktree's content as `refs/shopfloor/snapshot/<id>/<generation>`: a commit on top of its base.
    pub async fn snapshot(&self, id: &OrderId, generation: u64) -> Result<Commit> {
        todo!()
    }

    /// Paths that differ between two trees (or commits). Renames are shown as a deletion and an addition.
    pub async fn changes(&self, from: &str, to: &str) -> Result<Vec<Change>> {
        todo!()
    }

    /// The difference of two trees as text, of these paths only (all when empty); at most `most` bytes.
    pub async fn diff(
        &self,
        from: &str,
        to: &str,
        paths: &[String],
        most: usize,
    ) -> Result<String> {
        todo!()
    }

    /// A file's bytes in a tree; `None` when it is not there or not a plain file.
    pub async fn file(&self, tree: &str, path: &str) -> Result<Option<Vec<u8>>> {
        todo!()
    }

    /// A clean, detached checkout of `commit` in a folder of its own called `name`, below the worktrees' root. The folder is
    /// used again (ignored files, such as build results, stay), so two calls with the same name must not overlap.
    pub async fn checkout(&self, name: &str, commit: &str) -> Result<PathBuf> {
        todo!()
    }

    /// The commit's tree as a commit object of its own (parent `parent`), for trees that have none.
    pub async fn commit_tree(&self, tree: &str, parent: &str, message: &str) -> Result<Commit> {
        todo!()
    }

    /// Puts the change from `base` to `tree` on top of `onto` as one commit with `message`.
    pub async fn compose(
        &self,
        onto: &Commit,
        base: &Commit,
        tree: &str,
        message: &str,
    ) -> Result<Composed> {
        todo!()
    }

    /// Makes the order's worktree stand on `onto` with the content of `tree`: for an order that goes back to be reworked
    /// on a newer base. What was there before is salvaged.
    pub async fn restart(
        &self,
        id: &OrderId,
        generation: u64,
        onto: &Commit,
        tree: &str,
    ) -> Result<()> {
        todo!()
    }

    /// Lands a line of commits, each on top of the one before and the first on top of `base`: every `shopfloor/<id>` and
    /// `shopfloor/ready` are set in one transaction, only if the freshest base is still `base`.
    pub async fn land(&self, base: &Commit, line: &[(OrderId, Commit)]) -> Result<Landed> {
        todo!()
    }

    /// Keeps everything in the worktree, tracked and untracked, as `refs/shopfloor/salvage/<id>/<generation>`. The name of
    /// the ref, or `None` when there is no worktree or nothing in it differs from its base.
    pub async fn salvage(&self, id: &OrderId, generation: u64) -> Result<Option<String>> {
        todo!()
    }

    /// Takes the order's worktree away, after [`Workspace::salvage`]. The branch stays.
    pub async fn retire(&self, id: &OrderId, generation: u64) -> Result<()> {
        todo!()
    }
}
