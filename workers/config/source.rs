//! The configuration's file as it stood when it was read. Settings hold until a program is started again, and whoever edits
//! the file has to be told that.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What a file looks like from outside: inode, length, and time of the last change in nanoseconds.
type Stamp = (u64, u64, i64, i64);

/// A file as it stood at some moment.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    stamp: Option<Stamp>,
}

impl Source {
    /// How the file at `path` stands now.
    pub fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), stamp: stamp(path) }
    }

    /// A sentence when the file is another one than it was at the last look, told once.
    pub fn changed(&mut self) -> Option<String> {
        let now = stamp(&self.path);
        if now == self.stamp {
            return None;
        }
        let how = match (&self.stamp, &now) {
            (_, None) => "is gone",
            (None, Some(_)) => "is there again",
            (Some(_), Some(_)) => "was changed",
        };
        self.stamp = now;
        let path = self.path.display();
        Some(format!(
            "{path} {how}: this worker goes on with what it read at its start, until it is started again"
        ))
    }
}

/// `None` when there is no file that can be looked at.
fn stamp(path: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.ino(), found.len(), found.mtime(), found.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_a_removal_and_a_return_are_each_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shopfloor.toml");
        std::fs::write(&path, "one").unwrap();
        let mut source = Source::of(&path);
        assert_eq!(source.changed(), None);
        let told = |source: &mut Source, word: &str| {
            assert!(source.changed().is_some_and(|told| told.contains(word)), "{word}");
            assert_eq!(source.changed(), None, "told twice");
        };
        std::fs::write(&path, "two and more").unwrap();
        told(&mut source, "was changed");
        std::fs::remove_file(&path).unwrap();
        told(&mut source, "is gone");
        std::fs::write(&path, "one").unwrap();
        told(&mut source, "is there again");
    }
}
