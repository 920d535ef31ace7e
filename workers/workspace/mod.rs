//! All git is here: worktrees, snapshots, salvage, the fresh base, landing a commit.
//!
//! One worktree per order, outside the project, on branch `shopfloor/<id>`. The agent never commits. git runs through
//! [`crate::process`] with hooks, fsmonitor, external diff and repository discovery above our folders switched off.

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
pub struct Desk {
    /// Its folder.
    pub path: PathBuf,
    /// The commit it was made from.
    pub base: Commit,
}
