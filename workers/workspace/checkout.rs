//! Clean checkouts for tests that we run ourselves: one folder per name, used again and again.

use std::path::{Path, PathBuf};

use super::content::clear_locks;
use super::lock::Lock;
use super::names::object;
use super::registration::{Head, is_folder};
use super::{Commit, Workspace};
use crate::error::{Error, Result};

impl Workspace {
    /// A clean, detached checkout of `commit` in a folder of its own called `name`, below the worktrees' root. The folder is
    /// used again (ignored files, such as build results, stay), so two calls with the same name must not overlap.
    pub async fn checkout(&self, name: &str, commit: &str) -> Result<PathBuf> {
        let commit = object(commit)?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if !name.bytes().all(plain)
            || name.starts_with(['.', '-'])
            || !(1..=100).contains(&name.len())
        {
            return Err(Error::usage(format!("{name:?} can't be the name of a checkout")));
        }
        let path = self.checkouts().join(name);
        let _lock = Lock::take(&self.locks, &format!("checkout-{name}"), &self.git.stop).await?;
        self.detach(&path, commit).await?;
        Ok(path)
    }

    /// The tree of what is in that checkout of `commit` now: tracked and untracked files, not the ignored ones.
    pub async fn checkout_tree(&self, name: &str, commit: &Commit) -> Result<String> {
        self.tree_of(&self.checkouts().join(name), &commit.tree).await
    }

    /// Takes that checkout away, with all that is known of it. Nothing there is fine.
    pub async fn clear_checkout(&self, name: &str) -> Result<()> {
        let path = self.checkouts().join(name);
        let lock = Lock::take(&self.locks, &format!("checkout-{name}"), &self.git.stop).await?;
        self.trash(&path)?;
        self.untie(&path).await?;
        self.trash(&self.drawer(&path))?;
        drop(lock);
        self.empty_trash().await;
        Ok(())
    }

    /// The folder of all clean checkouts.
    pub(super) fn checkouts(&self) -> PathBuf {
        self.root.join(".checkout")
    }

    /// Makes the folder a clean, detached checkout of `commit`, whatever it was before; ignored files stay.
    pub(super) async fn detach(&self, path: &Path, commit: &str) -> Result<()> {
        let admin = match self.admin(path).filter(|_| is_folder(path)) {
            Some(admin) => {
                clear_locks(&admin);
                let args = ["update-ref", "--no-deref", "HEAD", commit];
                self.git.call("move the checkout", &args).in_git_dir(&admin).done().await?;
                admin
            }
            None => self.register(path, Head::Commit(commit)).await?,
        };
        self.fill(path, commit).await?;
        self.lend_index(path, &admin, commit).await
    }
}
