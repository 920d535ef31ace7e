//! A raw stream as it is kept in a session's folder: the evidence of what was said, up to a limit.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use crate::error::{Error, Result};
use crate::secrets::Lines;

/// The most bytes kept of one stream.
pub(super) const KEPT_BYTES: u64 = 64 * 1024 * 1024;

/// A file that takes lines until it is full.
#[derive(Debug)]
pub(super) struct Kept {
    file: Option<File>,
    room: u64,
    lines: Lines,
}

impl Kept {
    /// A new file at `path`.
    pub(super) fn create(path: &Path) -> Result<Self> {
        Self::with_room(path, KEPT_BYTES)
    }

    /// The file at `path`, behind what it holds already: a session may take more than one process.
    pub(super) fn append(path: &Path) -> Result<Self> {
        let opened = File::options().append(true).create(true).open(path);
        let file = opened.map_err(|error| Error::io("open", path, error))?;
        let held = file.metadata().map_err(|error| Error::io("look at", path, error))?.len();
        let room = KEPT_BYTES.saturating_sub(held);
        Ok(Self { file: Some(file), room, lines: Lines::default() })
    }

    fn with_room(path: &Path, room: u64) -> Result<Self> {
        let file = File::create(path).map_err(|error| Error::io("create", path, error))?;
        Ok(Self { file: Some(file), room, lines: Lines::default() })
    }

    /// Keeps a line, without the secrets in it. Once there is no room for one, or the disk does not take it, nothing more is kept: the work
    /// goes on without.
    pub(super) fn line(&mut self, line: &[u8]) {
        let Some(file) = &mut self.file else { return };
        let text = String::from_utf8_lossy(line);
        let clean = self.lines.next(&text);
        // What is no text is kept as it came, unless it holds a secret.
        let line = if *clean == *text { line } else { clean.as_bytes() };
        let bytes = line.len() as u64 + 1;
        let fits = bytes <= self.room;
        let written = if fits {
            self.room -= bytes;
            let mut whole = Vec::with_capacity(line.len() + 1);
            whole.extend_from_slice(line);
            whole.push(b'\n');
            file.write_all(&whole)
        } else {
            file.write_all(b"{\"shopfloor\":\"the rest of this stream is not kept\"}\n")
        };
        if !fits || written.is_err() {
            self.file = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_of_a_session_writes_behind_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stream");
        Kept::append(&path).unwrap().line(b"one");
        let mut kept = Kept::append(&path).unwrap();
        kept.line(b"two");
        assert_eq!(kept.room, KEPT_BYTES - 8);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn a_secret_is_not_kept_and_what_is_no_text_is_kept_as_it_came() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stream");
        let mut kept = Kept::create(&path).unwrap();
        let key = ["ghp", "_", "aB3dE5gH7jK9mN1pQ3rS", "5tU7wX9zA1cD3fG5"].concat();
        kept.line(format!("{{\"text\":\"{key}\"}}").as_bytes());
        kept.line(b"\xff\xfe");
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes, b"{\"text\":\"[hidden: github-pat]\"}\n\xff\xfe\n");
    }

    #[test]
    fn a_stream_is_kept_up_to_its_limit_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stream");
        let mut kept = Kept::with_room(&path, 10).unwrap();
        for line in ["one", "two", "three", "x"] {
            kept.line(line.as_bytes());
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("one\ntwo\n{\"shopfloor\"") && !text.contains("three"), "{text}");
        assert_eq!(text.lines().count(), 3);
    }
}
