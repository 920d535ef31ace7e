//! Putting an order's change on top of another commit, without a working tree.

use super::names::{object, path_text};
use super::{Commit, Composed, Workspace};
use crate::error::{Error, Kind, Result};

/// The first version that can be told the common ancestor of a merge.
const TELLS_ANCESTOR: (u32, u32) = (2, 40);

impl Workspace {
    /// Puts the change from `base` to `tree` on top of `onto` as one commit with `message`.
    pub async fn compose(
        &self,
        onto: &Commit,
        base: &Commit,
        tree: &str,
        message: &str,
    ) -> Result<Composed> {
        if onto.tree == base.tree {
            return Ok(Composed::Clean(self.commit_tree(tree, &onto.commit, message).await?));
        }
        let theirs = self.commit_tree(tree, &base.commit, message).await?;
        let mut call = self.git.call(
            "merge the order's change with the newer base",
            &["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages"],
        );
        // Below that version git looks for it, and finds `base` wherever `onto` was made from it.
        if self.git.version >= TELLS_ANCESTOR {
            call = call.arg(format!("--merge-base={}", object(&base.commit)?));
        }
        let call = call.arg(object(&onto.commit)?).arg(&theirs.commit);
        // The attributes are those of the newer base: the user decided what is merged how.
        let said = call.with_drivers().env("GIT_ATTR_SOURCE", &onto.commit).said().await?;
        if !matches!(said.code, 0 | 1) {
            return Err(said.error());
        }
        let mut fields = said.output.split(|&b| b == 0).filter(|field| !field.is_empty());
        let merged = String::from_utf8_lossy(fields.next().unwrap_or_default()).into_owned();
        object(&merged).map_err(|error| {
            Error::new(Kind::Failed, "failed to read the merged tree").caused_by(error)
        })?;
        if said.code == 0 {
            return Ok(Composed::Clean(self.commit_tree(&merged, &onto.commit, message).await?));
        }
        Ok(Composed::Conflict { files: fields.map(path_text).collect(), tree: merged })
    }
}
