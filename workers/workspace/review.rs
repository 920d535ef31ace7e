//! Looking back at what was kept of an order: commits, snapshots, messages. Moves no ref.

use std::os::unix::ffi::OsStrExt as _;

use super::names::{EARLIER_READY, READY, branch, branch_ref, object, path_bytes};
use super::{Commit, Composed, Workspace};
use crate::error::{Error, Result};
use crate::order::OrderId;

impl Workspace {
    /// The commit of this id with its tree; `None` when the repository has none.
    pub async fn commit(&self, id: &str) -> Result<Option<Commit>> {
        let wanted = format!("{}^{{tree}}", object(id)?);
        let args = ["rev-parse", "-q", "--verify", "--end-of-options", &wanted];
        let said = self.git.call("read a commit", &args).said().await?;
        let tree = String::from_utf8_lossy(&said.output).trim().to_owned();
        let found = said.code == 0 && object(&tree).is_ok() && tree != id;
        Ok(found.then(|| Commit { commit: id.to_owned(), tree }))
    }

    /// The order's commit, as its branch names it.
    pub async fn branch_of(&self, id: &OrderId) -> Result<Option<Commit>> {
        self.tip(&branch_ref(id)).await
    }

    /// The contents that were kept of the order after its turns.
    pub async fn snapshots(&self, id: &OrderId) -> Result<Vec<Commit>> {
        let all = self.tips(&[&format!("refs/shopfloor/snapshot/{id}/")]).await?;
        Ok(all.into_iter().map(|(_, commit)| commit).collect())
    }

    /// The order's branch, short.
    pub fn branch_name(&self, id: &OrderId) -> String {
        branch(id)
    }

    /// True when `older` is `newer` or below it.
    pub async fn is_below(&self, older: &str, newer: &str) -> Result<bool> {
        self.is_ancestor(object(older)?, object(newer)?).await
    }

    /// True when `commit` stands on `parent` alone.
    pub async fn is_only_parent(&self, parent: &str, commit: &str) -> Result<bool> {
        Ok(self.parents(commit).await? == [parent])
    }

    /// True when putting the change from `base` to `tree` onto `onto` changes nothing.
    pub async fn contains(&self, onto: &Commit, base: &Commit, tree: &str) -> Result<bool> {
        let put = self.compose(onto, base, tree, "is it there?").await?;
        Ok(matches!(put, Composed::Clean(commit) if commit.tree == onto.tree))
    }

    /// The paths in which `commit` is another change to its parent than the one from `base` to `tree`; none: it is that very
    /// change. `None` when that change can't be made there, or `commit` has not one parent.
    pub async fn deviation(
        &self,
        commit: &Commit,
        base: &Commit,
        tree: &str,
    ) -> Result<Option<Vec<String>>> {
        let parents = self.parents(&commit.commit).await?;
        let [parent] = &parents[..] else { return Ok(None) };
        let Some(parent) = self.commit(parent).await? else { return Ok(None) };
        Ok(match self.compose(&parent, base, tree, "again").await? {
            Composed::Conflict { .. } => None,
            Composed::Clean(again) => {
                let changes = self.changes(&again.tree, &commit.tree).await?;
                Some(changes.into_iter().map(|change| change.path).collect())
            }
        })
    }

    /// True when the line of finished work, an earlier one that was set aside, or the base branch holds the commit.
    pub async fn is_landed(&self, commit: &str) -> Result<bool> {
        for (_, tip) in self.tips(&[READY, EARLIER_READY, &self.main_ref()]).await? {
            if self.is_ancestor(object(commit)?, &tip.commit).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A commit's whole message.
    pub async fn message_of(&self, commit: &str) -> Result<String> {
        let args = ["cat-file", "commit", object(commit)?];
        let bytes = self.git.call("read a commit", &args).done().await?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(text.split_once("\n\n").map(|(_, message)| message.to_owned()).unwrap_or_default())
    }

    /// `base` with only these paths as they are in `tree`, as a commit on top of it.
    pub async fn graft(&self, base: &Commit, tree: &str, paths: &[String]) -> Result<Commit> {
        let folder = tempfile::tempdir()
            .map_err(|error| Error::io("make a folder in", &std::env::temp_dir(), error))?;
        let index = folder.path().join("index");
        let call = |args: &[&str]| {
            self.git.call("put files onto a tree", args).on_files(&self.git.nowhere, &index)
        };
        call(&["read-tree", object(&base.tree)?]).done().await?;
        if !paths.is_empty() {
            let entries = self.entries(tree, paths.iter()).await?;
            call(&["update-index", "-z", "--index-info"]).input(entries).done().await?;
        }
        let tree = call(&["write-tree"]).line().await?;
        self.commit_tree(&tree, &base.commit, "the base with the tests of an order").await
    }

    /// `tree` with the paths in `back` as they are in `base` (gone, where it has none of that name), and with these
    /// contents in files that are there, as a commit on top of `base`.
    pub async fn altered(
        &self,
        base: &Commit,
        tree: &str,
        back: &[String],
        contents: &[(String, Vec<u8>)],
    ) -> Result<Commit> {
        let folder = tempfile::tempdir()
            .map_err(|error| Error::io("make a folder in", &std::env::temp_dir(), error))?;
        let index = folder.path().join("index");
        let call = |args: &[&str]| {
            self.git.call("alter files of a tree", args).on_files(&self.git.nowhere, &index)
        };
        call(&["read-tree", object(tree)?]).done().await?;
        let mut entries = Vec::new();
        for path in back {
            // An entry without a mode takes the path away, whatever stands there.
            entries.extend(format!("0 {}\t", "0".repeat(base.tree.len())).bytes());
            entries.extend(path_bytes(path).as_bytes());
            entries.push(0);
        }
        if !back.is_empty() {
            entries.extend(self.entries(&base.tree, back.iter()).await?);
        }
        for (path, content) in contents {
            let blob = call(&["hash-object", "-w", "--stdin"]).input(content.clone());
            let blob = blob.line().await?;
            let entry = self.entries(tree, std::iter::once(path)).await?;
            let mode = String::from_utf8_lossy(&entry).split(' ').next().map(str::to_owned);
            entries.extend(format!("{} {blob}\t", mode.unwrap_or_default()).bytes());
            entries.extend(path_bytes(path).as_bytes());
            entries.push(0);
        }
        call(&["update-index", "-z", "--index-info"]).input(entries).done().await?;
        let tree = call(&["write-tree"]).line().await?;
        self.commit_tree(&tree, &base.commit, "the work of an order with some of its tests altered")
            .await
    }

    /// The entries of a tree for these paths, each ended by a zero byte. A folder of that name is none.
    async fn entries(&self, tree: &str, paths: impl Iterator<Item = &String>) -> Result<Vec<u8>> {
        let args = ["ls-tree", "-z", "--full-tree", object(tree)?, "--"];
        let list = self.git.call("list files of a tree", &args);
        let listed = paths.fold(list, |list, path| list.arg(path_bytes(path))).done().await?;
        let entries = listed.split_inclusive(|&b| b == 0);
        Ok(entries.filter(|entry| !entry.starts_with(b"040000 ")).flatten().copied().collect())
    }
}
