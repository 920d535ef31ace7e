//! A session's own CODEX_HOME, and what Codex leaves behind.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Folders that Codex makes in every place it may write to, so that its sandbox can cover them. When a command is
/// killed they stay behind, empty.
const COVERS: [&str; 4] = [".git", ".codex", ".agents", ".aws"];

/// Where Codex keeps its state.
#[derive(Debug)]
pub(super) struct Home {
    /// The folder.
    pub(super) path: PathBuf,
    /// Made for this session, and removed with it. False: the operator's, with its login and its settings.
    pub(super) own: bool,
    /// Folders it could write to.
    reached: Vec<PathBuf>,
}

impl Home {
    /// The operator's, where one is named; else a fresh one in the session's folder.
    pub(super) fn new(dir: &Path, named: Option<PathBuf>) -> Result<Self> {
        if let Some(path) = named {
            return Ok(Self { path, own: false, reached: Vec::new() });
        }
        // What lies here is no part of what the agent may write to, so that it can't change its own settings.
        let path = dir.join("codex-home");
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(|error| Error::io("create", &path, error))?;
        Ok(Self { path, own: true, reached: Vec::new() })
    }

    /// Codex may write to this folder.
    pub(super) fn reaches(&mut self, folder: &Path) {
        if !self.reached.iter().any(|known| known == folder) {
            self.reached.push(folder.to_owned());
        }
    }

    /// Removes what has no use once the session is over. What can't be removed stays: it is in nobody's way.
    pub(super) fn clear(&self) {
        for folder in &self.reached {
            for cover in COVERS {
                // Removes it only if it is an empty folder.
                let _used = std::fs::remove_dir(folder.join(cover));
            }
        }
        if self.own {
            let _gone = std::fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_empty_covers_and_the_own_home_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let worktree = folder.path().join("worktree");
        for name in [".codex", ".aws/x"] {
            std::fs::create_dir_all(worktree.join(name)).unwrap();
        }
        std::fs::write(worktree.join(".git"), "gitdir: elsewhere").unwrap();
        let theirs = folder.path().join("theirs");
        std::fs::create_dir(&theirs).unwrap();
        let mut own = Home::new(folder.path(), None).unwrap();
        own.reaches(&worktree);
        assert!(own.path.is_dir());
        own.clear();
        assert!(!own.path.exists() && !worktree.join(".codex").exists());
        assert!(worktree.join(".aws/x").is_dir() && worktree.join(".git").is_file());
        Home::new(folder.path(), Some(theirs.clone())).unwrap().clear();
        assert!(theirs.is_dir());
    }
}
