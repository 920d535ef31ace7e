//! All git is here: worktrees, snapshots, salvage, the fresh base, landing a commit.
//!
//! One worktree per order, outside the project, on branch `shopfloor/<id>`. The agent never commits. git runs through
//! [`crate::process`] with hooks, fsmonitor, external diff and repository discovery above our folders switched off.
//!
//! What is finished stands as a line of commits, one per order, on the branch `shopfloor/ready`; `shopfloor/<id>` names
//! each order's commit on it. The freshest base of a new worktree is the tip of that line on top of the project's
//! base branch, so that an order that needs another one finds its work there.
//!
//! In the repository, all of ours is under these names:
//! ```text
//! refs/heads/shopfloor/ready                 the line of finished work
//! refs/heads/shopfloor/<id>                  the order's commit on it, or what its worktree was made from
//! refs/shopfloor/base/<id>                   the order has a whole worktree, made from this commit
//! refs/shopfloor/snapshot/<id>/<generation>  the content after a turn
//! refs/shopfloor/salvage/<id>/...            what was there before something was taken away or put in its place
//! refs/shopfloor/ready/...                   an earlier line that came to conflict with the base branch
//! ```
//! Below the worktrees' root: `<id>/` the worktrees, `.checkout/<name>/` clean checkouts, `.looks/<session>/<id>.<generation>/` what
//! a stage that only looks was given, `.bench/` our index files, `.trash/` what is being deleted.

use std::path::{Path, PathBuf};

mod names;
mod settings;
mod git;
mod lock;
mod refs;
mod open;
mod registration;
mod content;
mod snapshot;
mod worktree;
mod checkout;
mod look;
mod difference;
mod base;
mod compose;
mod land;
mod review;
mod leftovers;

pub use leftovers::Branch;
pub use look::Look;

/// The git side of one project. Cloning it is cheap, and any number of processes may use the same project at once.
#[derive(Debug, Clone)]
pub struct Workspace {
    project: PathBuf,
    /// The project's own git folder: differs from the shared one when the project is a linked worktree itself.
    project_git_dir: PathBuf,
    root: PathBuf,
    locks: PathBuf,
    base_branch: String,
    git: git::Git,
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

impl Workspace {
    /// The project's folder.
    pub fn project(&self) -> &Path {
        &self.project
    }

    /// The repository's own folder (`.git`, of the main checkout where the project is a linked one).
    pub fn common(&self) -> &Path {
        &self.git.common
    }

    /// The folder of all worktrees.
    pub fn root(&self) -> &Path {
        &self.root
    }
}
