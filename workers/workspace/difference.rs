//! What differs between two trees, and what a file held.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt as _;

use super::names::{object, path_bytes, path_text};
use super::{Change, ChangeKind, Workspace};
use crate::error::{Error, Kind, Result};

/// The most bytes of paths that one call is given (the kernel's limit for all arguments is 2 MiB).
const PATHS_MOST: usize = 256 * 1024;

impl Workspace {
    /// Paths that differ between two trees (or commits). Renames are shown as a deletion and an addition.
    pub async fn changes(&self, from: &str, to: &str) -> Result<Vec<Change>> {
        let (from, to) = (object(from)?, object(to)?);
        let args = ["diff-tree", "-r", "-z", "--raw", "--numstat", "--no-abbrev", "--no-renames"];
        let more = ["--no-ext-diff", "--no-textconv", "--ignore-submodules=none", from, to, "--"];
        let call = self.git.call("compare two trees", &[&args[..], &more[..]].concat());
        let (mut changes, blobs) = parse(&call.done().await?)?;
        let sizes = self.sizes(&blobs).await?;
        for (change, blob) in changes.iter_mut().zip(&blobs) {
            change.bytes = sizes.get(blob.as_str()).copied().unwrap_or(0);
        }
        Ok(changes)
    }

    /// The difference of two trees as text, of these paths only (all when empty); at most `most` bytes.
    pub async fn diff(
        &self,
        from: &str,
        to: &str,
        paths: &[String],
        most: usize,
    ) -> Result<String> {
        let (from, to) = (object(from)?, object(to)?);
        let args = ["diff-tree", "-r", "-p", "--no-renames", "--no-ext-diff", "--no-textconv"];
        let more = ["--no-color", "--src-prefix=a/", "--dst-prefix=b/", from, to, "--"];
        let args = [&args[..], &more[..]].concat();
        let mut output = Vec::new();
        let mut rest = paths;
        loop {
            let mut call =
                self.git.call("compare two trees", &args).most(most.saturating_sub(output.len()));
            let mut room = PATHS_MOST;
            while let Some((path, after)) = rest.split_first()
                && room > 0
            {
                call = call.arg(path_bytes(path));
                room = room.saturating_sub(path.len() + 1);
                rest = after;
            }
            output.extend(call.done().await?);
            if rest.is_empty() || output.len() >= most {
                break;
            }
        }
        let mut text = String::from_utf8_lossy(&output).into_owned();
        // A replaced byte is longer than it was, and a character may have been cut.
        text.truncate(text.floor_char_boundary(most));
        Ok(text)
    }

    /// All the paths of a tree.
    pub async fn paths(&self, tree: &str) -> Result<Vec<String>> {
        let args = ["ls-tree", "-r", "-z", "--name-only", "--full-tree", object(tree)?];
        let listed = self.git.call("list the files of a tree", &args).done().await?;
        let names = listed.split(|&b| b == 0).filter(|name| !name.is_empty());
        Ok(names.map(path_text).collect())
    }

    /// A file's bytes in a tree; `None` when it is not there or not a plain file.
    pub async fn file(&self, tree: &str, path: &str) -> Result<Option<Vec<u8>>> {
        let args = ["ls-tree", "-z", "--full-tree", object(tree)?, "--"];
        if path.is_empty() || path.ends_with('/') {
            return Ok(None);
        }
        let call = self.git.call(format!("look for {path}"), &args).arg(path_bytes(path));
        let listed = call.said().await?;
        if listed.remarks.contains("is outside repository") {
            return Ok(None);
        }
        let listed = listed.checked()?;
        // `<mode> <type> <object>\t<path>`, and only when it is this very path.
        let tab = listed.iter().position(|&b| b == b'\t').unwrap_or(listed.len());
        let (entry, name) = listed.split_at(tab);
        let wanted = [b"\t", path_bytes(path).as_bytes(), b"\0"].concat();
        let entry = String::from_utf8_lossy(entry).into_owned();
        let words: Vec<&str> = entry.split(' ').collect();
        let ["100644" | "100755" | "100664", "blob", blob] = words[..] else { return Ok(None) };
        if name != wanted {
            return Ok(None);
        }
        let call = self.git.call(format!("read {path}"), &["cat-file", "blob", object(blob)?]);
        Ok(Some(call.done().await?))
    }

    /// The sizes of these blobs; what is not a blob here (a submodule's commit, nothing at all) has none.
    async fn sizes(&self, blobs: &[String]) -> Result<HashMap<String, u64>> {
        let wanted: Vec<&str> = blobs
            .iter()
            .map(String::as_str)
            .filter(|blob| blob.bytes().any(|b| b != b'0'))
            .collect();
        if wanted.is_empty() {
            return Ok(HashMap::new());
        }
        let format = "--batch-check=%(objectname) %(objecttype) %(objectsize)";
        let call = self.git.call("read the sizes of files", &["cat-file", format]);
        let listed = call.input(wanted.join("\n") + "\n").done().await?;
        let text = String::from_utf8_lossy(&listed).into_owned();
        let sizes = text.lines().filter_map(|line| {
            let (blob, rest) = line.split_once(' ')?;
            Some((blob.to_owned(), rest.strip_prefix("blob ")?.parse().ok()?))
        });
        Ok(sizes.collect())
    }
}

/// Reads `--raw --numstat -z`: first `:modes objects letter` and the path of each change, then its line counts, in the
/// same order. The changes, and the object each path has now.
fn parse(output: &[u8]) -> Result<(Vec<Change>, Vec<String>)> {
    let odd =
        || Error::new(Kind::Failed, "failed to read git's list of changes: it has another form");
    let (mut changes, mut blobs): (Vec<Change>, Vec<String>) = (Vec::new(), Vec::new());
    let mut counted = 0;
    let mut fields = output.split(|&b| b == 0).filter(|field| !field.is_empty());
    while let Some(field) = fields.next() {
        if let Some(raw) = field.strip_prefix(b":") {
            let raw = String::from_utf8_lossy(raw).into_owned();
            let words: Vec<&str> = raw.split(' ').collect();
            let [_, mode, _, blob, letter] = words[..] else { return Err(odd()) };
            let kind = match letter {
                "A" => ChangeKind::Added,
                "D" => ChangeKind::Deleted,
                _ => ChangeKind::Modified,
            };
            let path = path_text(fields.next().ok_or_else(odd)?);
            let special = matches!(mode, "120000" | "160000");
            changes.push(Change { path, kind, special, added: None, removed: None, bytes: 0 });
            blobs.push(blob.to_owned());
        } else {
            let mut columns = field.splitn(3, |&b| b == b'\t');
            let mut number = || std::str::from_utf8(columns.next()?).ok()?.parse::<u64>().ok();
            let (added, removed) = (number(), number());
            let path = path_text(columns.next().ok_or_else(odd)?);
            let change = changes.get_mut(counted).filter(|change| change.path == path);
            let change = change.ok_or_else(odd)?;
            (change.added, change.removed) = (added, removed);
            counted += 1;
        }
    }
    Ok((changes, blobs))
}
