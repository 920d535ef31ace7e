//! A child's output as lines: split on the byte `\n`, never longer than a limit, and told of while they grow.

use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The most bytes of one line. A longer one is dropped as a whole; the stream goes on.
pub(super) const LONGEST_BYTES: usize = 32 * 1024 * 1024;

/// While a line grows without an end, how often that counts as a sign of life.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// One thing read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line without its end.
    Whole(Vec<u8>),
    /// A line of this many bytes was too long and is gone.
    TooLong(u64),
    /// Bytes came, no end of a line yet.
    Growing,
}

/// Lines of a stream.
pub(super) struct Lines<R> {
    from: R,
    chunk: Vec<u8>,
    // The part of `chunk` that is read and not yet looked at.
    start: usize,
    end: usize,
    line: Vec<u8>,
    skipped: u64,
    longest: usize,
    told: Instant,
    over: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// The lines of `from`.
    pub(super) fn new(from: R) -> Self {
        Self::with_longest(from, LONGEST_BYTES)
    }

    fn with_longest(from: R, longest: usize) -> Self {
        Self {
            from,
            chunk: vec![0; 64 * 1024],
            start: 0,
            end: 0,
            line: Vec::new(),
            skipped: 0,
            longest,
            told: Instant::now(),
            over: false,
        }
    }

    /// The next line, `None` at the end. May be dropped and called again without losing anything.
    pub(super) async fn next(&mut self) -> Option<Line> {
        loop {
            if let Some(line) = self.in_chunk() {
                return Some(line);
            }
            if self.over {
                let last = !self.line.is_empty() || self.skipped > 0;
                return last.then(|| self.finish());
            }
            // A stream that fails has ended.
            let read = self.from.read(&mut self.chunk).await.unwrap_or(0);
            (self.start, self.end) = (0, read);
            self.over = read == 0;
            if read > 0 && self.told.elapsed() > SIGN_OF_LIFE {
                self.told = Instant::now();
                return Some(Line::Growing);
            }
        }
    }

    fn in_chunk(&mut self) -> Option<Line> {
        let fresh = &self.chunk[self.start..self.end];
        let at = fresh.iter().position(|&b| b == b'\n');
        let part = &fresh[..at.unwrap_or(fresh.len())];
        if self.skipped > 0 || self.line.len() + part.len() > self.longest {
            self.skipped += (self.line.len() + part.len()) as u64;
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(part);
        }
        match at {
            Some(at) => {
                self.start += at + 1;
                Some(self.finish())
            }
            None => {
                self.start = self.end;
                None
            }
        }
    }

    fn finish(&mut self) -> Line {
        self.told = Instant::now();
        match std::mem::take(&mut self.skipped) {
            0 => Line::Whole(std::mem::take(&mut self.line)),
            bytes => Line::TooLong(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(bytes: &[u8], longest: usize) -> Vec<Line> {
        let mut lines = Lines::with_longest(bytes, longest);
        let mut found = Vec::new();
        while let Some(line) = lines.next().await {
            found.push(line);
        }
        found
    }

    #[tokio::test]
    async fn lines_are_split_on_newline_only_and_the_last_needs_none() {
        let whole = |text: &str| Line::Whole(text.as_bytes().to_vec());
        assert_eq!(
            all("a\n\nb\u{2028}c\r\nd".as_bytes(), 100).await,
            [whole("a"), whole(""), whole("b\u{2028}c\r"), whole("d")]
        );
        assert_eq!(all(b"", 100).await, []);
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_dropped_and_the_next_one_is_read() {
        let mut text = vec![b'x'; 200_000];
        text.extend_from_slice(b"\nok\n");
        assert_eq!(all(&text, 1000).await, [Line::TooLong(200_000), Line::Whole(b"ok".to_vec())]);
        let mut open = b"ok\n".to_vec();
        open.extend(vec![b'x'; 5000]);
        assert_eq!(all(&open, 1000).await, [Line::Whole(b"ok".to_vec()), Line::TooLong(5000)]);
    }
}
