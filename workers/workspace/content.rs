//! The content of a folder as a tree, and a tree as the content of a folder, through an index file of our own.
//!
//! The worktree's own index is the agent's: it may be locked, or told to overlook files. Ours lies outside the worktree
//! and remembers what was seen of each file, so that only what changed is read again. Each call works on a copy and
//! renames it into place at its end: a call that dies leaves nothing behind that hinders the next one.

use std::fs::{File, FileTimes};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::Workspace;
use super::registration::is_folder;
use crate::error::{Error, Kind, Result};

/// How often a tree is taken anew when files vanish under git's hands.
const TRIES: usize = 3;

/// How deep repositories may be nested in one another.
const NESTED_MOST: usize = 20;

/// Stands in our index for a moment, in a folder that is a repository of its own: git then looks into it.
const PLACEHOLDER: &str = ".shopfloor-looks-into-this-folder";

impl Workspace {
    /// The folder of ours that belongs to a worktree.
    pub(super) fn drawer(&self, path: &Path) -> PathBuf {
        self.root.join(".bench").join(path.strip_prefix(&self.root).unwrap_or(path))
    }

    /// The tree of what is in the folder: all files that are not ignored. `seed` is a commit or tree that knows the
    /// submodules, and most of the files.
    pub(super) async fn tree_of(&self, path: &Path, seed: &str) -> Result<String> {
        let kept = self.kept_index(path)?;
        let mut last = None;
        for attempt in 0..TRIES {
            if !is_folder(path) {
                return Err(Error::new(
                    Kind::NotFound,
                    format!("the worktree {} is gone", path.display()),
                ));
            }
            let known = kept.exists() && attempt == 0;
            let index = self.index_copy(&kept, known)?;
            let tree = match self.add_all(path, &index, (!known).then_some(seed)).await {
                Ok(tree) => tree,
                Err(error) if error.kind() == Kind::DiskFull => return Err(error),
                // A file vanished meanwhile, or our index is torn: once more, from the beginning.
                Err(error) => {
                    last = Some(error);
                    continue;
                }
            };
            index.persist(&kept).map_err(|error| Error::io("write", &kept, error.error))?;
            return Ok(tree);
        }
        let error = last.unwrap_or_else(|| Error::new(Kind::Failed, "failed to read the worktree"));
        Err(error.hint(format!("see that every file in {} can be read", path.display())))
    }

    async fn add_all(&self, path: &Path, index: &Path, seed: Option<&str>) -> Result<String> {
        let doing = || format!("read the content of {}", path.display());
        let call = |args: &[&str]| self.git.call(doing(), args).on_files(path, index);
        if let Some(seed) = seed {
            call(&["read-tree", seed]).done().await?;
        }
        self.open_nested(path, index).await?;
        let submodules = self.submodules(path, index).await?;
        if submodules.is_empty() {
            call(&["add", "--all", "--", "."]).done().await?;
        } else {
            // Which commit of a submodule is meant is not for an agent to say; and git would run a git in each.
            let args = ["add", "--all", "--pathspec-from-file=-", "--pathspec-file-nul"];
            let mut paths = b".\0".to_vec();
            for path in submodules {
                paths.extend(b":(top,exclude,literal)");
                paths.extend(path);
                paths.push(0);
            }
            call(&args).env("GIT_LITERAL_PATHSPECS", "0").input(paths).done().await?;
        }
        call(&["write-tree"]).line().await
    }

    /// Lets git look into folders that are repositories of their own (an agent ran `git init` or `git clone` there):
    /// by itself it would record only the number of their last commit, and lose the content.
    async fn open_nested(&self, path: &Path, index: &Path) -> Result<()> {
        let args = ["ls-files", "--others", "--exclude-standard", "-z"];
        let doing = || format!("look for nested repositories in {}", path.display());
        let mut empty = None;
        for _ in 0..NESTED_MOST {
            let others = self.git.call(doing(), &args).on_files(path, index).done().await?;
            // A folder is listed as one, with a slash, only when it is a repository.
            let nested: Vec<&[u8]> =
                others.split(|&b| b == 0).filter(|name| name.ends_with(b"/")).collect();
            if nested.is_empty() {
                return Ok(());
            }
            if empty.is_none() {
                let call = self.git.call(doing(), &["hash-object", "-w", "--stdin"]);
                empty = Some(call.line().await?);
            }
            let blob = empty.as_deref().unwrap_or_default();
            let mut entries = Vec::new();
            for name in nested {
                entries.extend(format!("100644 {blob}\t").bytes());
                entries.extend(name);
                entries.extend(PLACEHOLDER.bytes());
                entries.push(0);
            }
            let call = self.git.call(doing(), &["update-index", "-z", "--index-info"]);
            call.on_files(path, index).input(entries).done().await?;
        }
        let message =
            format!("failed to read {}: repositories nested too deep in it", path.display());
        Err(Error::new(Kind::Failed, message))
    }

    /// The paths of the submodules that the index knows.
    async fn submodules(&self, path: &Path, index: &Path) -> Result<Vec<Vec<u8>>> {
        let call = self.git.call("look for submodules", &["ls-files", "--stage", "-z"]);
        let listed = call.on_files(path, index).done().await?;
        let entries = listed.split(|&b| b == 0).filter(|entry| entry.starts_with(b"160000 "));
        let paths = entries.filter_map(|entry| {
            let tab = entry.iter().position(|&b| b == b'\t')?;
            Some(entry[tab + 1..].to_vec())
        });
        Ok(paths.collect())
    }

    /// Makes the folder's content that of `tree`: files that are neither in it nor ignored are taken away, ignored ones
    /// (build results) stay. Only for content that is kept elsewhere.
    pub(super) async fn fill(&self, path: &Path, tree: &str) -> Result<()> {
        let kept = self.kept_index(path)?;
        let index = self.index_copy(&kept, kept.exists())?;
        let doing = || format!("check out into {}", path.display());
        let call = |args: &[&str]| self.git.call(doing(), args).on_files(path, &index);
        let mut said = call(&["read-tree", "--reset", "-u", tree]).said().await?;
        if said.code != 0 {
            // Our index may be torn: without it, every file is written anew.
            drop(std::fs::remove_file(&index));
            said = call(&["read-tree", "--reset", "-u", tree]).said().await?;
        }
        said.checked()?;
        call(&["clean", "-ffdq"]).done().await?;
        index.persist(&kept).map_err(|error| Error::io("write", &kept, error.error))
    }

    /// Gives the agent an index of its own that stands at `commit`, and takes away a lock that an earlier one left. To
    /// be called only while no agent works there.
    pub(super) async fn lend_index(&self, path: &Path, admin: &Path, commit: &str) -> Result<()> {
        clear_locks(admin);
        let theirs = admin.join("index");
        let copy = self.index_copy(&self.kept_index(path)?, true)?;
        self.git
            .call("write the worktree's index", &["read-tree", "-m", commit])
            .on_files(path, &copy)
            .done()
            .await?;
        copy_keeping_time(&copy, &theirs).map_err(|error| Error::io("write", &theirs, error))
    }

    /// Our index of the worktree. It may not be there yet; its folder is.
    fn kept_index(&self, path: &Path) -> Result<PathBuf> {
        let drawer = self.drawer(path);
        std::fs::create_dir_all(&drawer)
            .map_err(|error| Error::io("make the folder", &drawer, error))?;
        Ok(drawer.join("index"))
    }

    /// A place for an index, filled from `kept` if that is wanted.
    fn index_copy(&self, kept: &Path, filled: bool) -> Result<TempPath> {
        let folder = kept.parent().unwrap_or(&self.root);
        let file = tempfile::Builder::new().prefix("index-").tempfile_in(folder);
        let copy = file.map_err(|error| Error::io("write in", folder, error))?.into_temp_path();
        let made = match filled {
            true => copy_keeping_time(kept, &copy),
            // git takes an empty file for a torn index, and none for a new one.
            false => std::fs::remove_file(&copy),
        };
        made.map_err(|error| Error::io("copy the index", kept, error))?;
        Ok(copy)
    }
}

/// Copies an index with its time of writing: by it git knows which files could have changed unseen since.
fn copy_keeping_time(from: &Path, to: &Path) -> std::io::Result<()> {
    let time = std::fs::metadata(from)?.modified()?;
    std::fs::copy(from, to)?;
    File::options().write(true).open(to)?.set_times(FileTimes::new().set_modified(time))
}

/// Takes away the lock files that a killed git left in a worktree's admin folder.
pub(super) fn clear_locks(admin: &Path) {
    for name in ["index.lock", "HEAD.lock", "config.worktree.lock"] {
        let _gone = std::fs::remove_file(admin.join(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_an_index_is_as_old_as_the_index() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::write(&from, "DIRC").unwrap();
        let old =
            std::time::UNIX_EPOCH + std::time::Duration::from_nanos(1_000_000_000_000_000_007);
        File::options().write(true).open(&from).unwrap().set_modified(old).unwrap();
        std::fs::write(&to, "something longer").unwrap();
        copy_keeping_time(&from, &to).unwrap();
        assert_eq!(std::fs::metadata(&to).unwrap().modified().unwrap(), old);
        assert_eq!(std::fs::read_to_string(&to).unwrap(), "DIRC");
    }
}
