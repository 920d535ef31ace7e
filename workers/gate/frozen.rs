//! The frozen test files of an order: `evidence/frozen.json`, whose SHA-256 the journal remembers.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::findings::{counted, short};
use super::papers::{self, Paper};
use super::record::Basis;
use crate::error::Result;
use crate::report::{Adapter, TestId};
use crate::workspace::{Commit, Workspace};

const NAME: &str = "evidence/frozen.json";
const LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// The list of frozen files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Frozen {
    /// Format version: 1.
    pub(super) v: u32,
    /// The commit that the order's change stands on.
    pub(super) base: String,
    /// The tree in which they were frozen.
    pub(super) tree: String,
    /// The files, sorted by path.
    pub(super) files: Vec<File>,
    /// Files that were frozen and that work of other orders met in the same lines: they may be merged by hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) thawed: Vec<String>,
    /// What RED stood on; unset in lists of before there were names, which prove by the exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) basis: Option<Basis>,
    /// Who read the tests at RED: they are read by the same at GREEN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) adapter: Option<Adapter>,
    /// The tests that failed because the work was not there. None when they did not build, or have no names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) new: Vec<TestId>,
}

/// One frozen file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct File {
    /// Relative to the repository.
    pub(super) path: String,
    /// SHA-256 of its content.
    pub(super) sha256: String,
}

/// A frozen file that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    /// Its path.
    pub(super) path: String,
    /// What happened to it, reading on from its name.
    pub(super) what: &'static str,
}

impl Frozen {
    /// Freezes `paths` as they are in `tree`. The inner error names the first one that is no plain file there.
    pub(super) async fn of(
        workspace: &Workspace,
        base: &Commit,
        tree: &str,
        paths: Vec<String>,
    ) -> Result<Result<Self, String>> {
        let mut files = Vec::new();
        for path in paths {
            match workspace.file(tree, &path).await? {
                Some(bytes) => files.push(File { sha256: hash(&bytes), path }),
                None => return Ok(Err(path)),
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let (base, tree) = (base.commit.clone(), tree.to_owned());
        let (thawed, new) = (Vec::new(), Vec::new());
        Ok(Ok(Self { v: 1, base, tree, files, thawed, basis: None, adapter: None, new }))
    }

    /// The same files in another tree, after shopfloor itself put the order onto a newer base. Those in `met` could not
    /// be merged: they are thawed, and so is what is no plain file there.
    pub(super) async fn moved(
        &self,
        workspace: &Workspace,
        base: &Commit,
        tree: &str,
        met: &[String],
    ) -> Result<Self> {
        let mut thawed = self.thawed.clone();
        let mut files = Vec::new();
        for File { path, .. } in &self.files {
            let merged = !met.contains(path);
            match workspace.file(tree, path).await? {
                Some(bytes) if merged => {
                    files.push(File { path: path.clone(), sha256: hash(&bytes) });
                }
                _ => thawed.push(path.clone()),
            }
        }
        Ok(Self {
            v: 1,
            base: base.commit.clone(),
            tree: tree.to_owned(),
            files,
            thawed,
            basis: self.basis,
            adapter: self.adapter,
            new: self.new.clone(),
        })
    }

    /// True when the file was frozen, whether it still is or was thawed.
    pub(super) fn has(&self, path: &str) -> bool {
        self.files.iter().any(|file| file.path == path) || self.thawed.iter().any(|one| one == path)
    }

    /// Writes the list and returns its SHA-256.
    pub(super) fn write(&self, folder: &std::path::Path) -> Result<String> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        papers::replace(folder, NAME, &bytes)?;
        Ok(hash(&bytes))
    }

    /// The list that hashes to `proof`. The inner error says why there is none, reading on from "the record of frozen tests".
    pub(super) fn load(folder: &std::path::Path, proof: &str) -> Result<Result<Self, String>> {
        let bytes = match papers::look(folder, NAME, LIMIT_BYTES)? {
            Paper::Plain { bytes, .. } => bytes,
            Paper::Missing => return Ok(Err(format!("was removed: there is no {NAME}"))),
            Paper::Unfit(why) => return Ok(Err(format!("was replaced: {NAME} {why}"))),
        };
        if hash(&bytes) != proof {
            return Ok(Err(format!(
                "was changed: {NAME} is not the one whose hash the journal has"
            )));
        }
        Ok(serde_json::from_slice(&bytes).map_err(|error| format!("can't be read: {error}")))
    }

    /// The list as it lies there, for people: nothing is proved by it.
    pub(super) fn current(folder: &std::path::Path) -> Result<Option<Self>> {
        Ok(match papers::look(folder, NAME, LIMIT_BYTES)? {
            Paper::Plain { bytes, .. } => serde_json::from_slice(&bytes).ok(),
            Paper::Missing | Paper::Unfit(_) => None,
        })
    }

    /// The files that are not in `tree` as they were frozen.
    pub(super) async fn broken(&self, workspace: &Workspace, tree: &str) -> Result<Vec<Broken>> {
        let mut broken = Vec::new();
        for File { path, sha256 } in &self.files {
            let what = match workspace.file(tree, path).await? {
                None => "is gone",
                Some(bytes) if hash(&bytes) != *sha256 => "was changed",
                Some(_) => continue,
            };
            broken.push(Broken { path: path.clone(), what });
        }
        for path in &self.thawed {
            if workspace.file(tree, path).await?.is_none() {
                broken.push(Broken { path: path.clone(), what: "is gone" });
            }
        }
        // Content is not all: a test that may not be executed any more is no test. The old tree may be collected by now.
        let changes = workspace.changes(&self.tree, tree).await.unwrap_or_default();
        for change in changes {
            let known = broken.iter().any(|broken| broken.path == change.path);
            if !known && self.files.iter().any(|file| file.path == change.path) {
                broken.push(Broken { path: change.path, what: "has another mode" });
            }
        }
        Ok(broken)
    }

    /// The section of EVIDENCE.md.
    pub(super) fn page(&self) -> String {
        let mut text = format!(
            "\n## Frozen tests\n\n{}, frozen on base `{}`, tree `{}`:\n\n",
            counted(self.files.len(), "file"),
            short(&self.base),
            short(&self.tree)
        );
        for File { path, sha256 } in &self.files {
            text.push_str(&format!("- `{}` sha256 `{sha256}`\n", path.escape_debug()));
        }
        for path in &self.thawed {
            let path = path.escape_debug();
            text.push_str(&format!("- `{path}` thawed: other work changed the same lines\n"));
        }
        text
    }
}

fn hash(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_list_that_was_remembered_counts() {
        let papers = tempfile::tempdir().unwrap();
        let file = File { path: "tests/a.sh".to_owned(), sha256: hash(b"x") };
        let frozen = Frozen {
            v: 1,
            base: "b".to_owned(),
            tree: "t".to_owned(),
            files: vec![file],
            thawed: Vec::new(),
            basis: Some(Basis::Named),
            adapter: Some(Adapter::Tap),
            new: vec![TestId::new("", "tests/a.sh")],
        };
        let proof = frozen.write(papers.path()).unwrap();
        assert_eq!(Frozen::load(papers.path(), &proof).unwrap(), Ok(frozen));
        let path = papers.path().join(NAME);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("a.sh", "b.sh")).unwrap();
        let why = Frozen::load(papers.path(), &proof).unwrap().unwrap_err();
        assert!(why.contains("was changed"), "{why}");
        std::fs::remove_file(&path).unwrap();
        assert!(Frozen::load(papers.path(), &proof).unwrap().unwrap_err().contains("removed"));
    }
}
