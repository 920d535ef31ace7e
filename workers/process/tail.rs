//! The end of what a process printed: the last bytes of a stream that may be endless.

use tokio::io::AsyncReadExt as _;

/// The last bytes of a stream.
pub(super) struct Tail {
    bytes: std::collections::VecDeque<u8>,
    keep: usize,
    /// Bytes that came before those.
    pub(super) dropped: u64,
}

impl Tail {
    pub(super) fn new(keep: usize) -> Self {
        Self { bytes: std::collections::VecDeque::new(), keep, dropped: 0 }
    }

    /// Reads to the end.
    pub(super) async fn read_all(&mut self, from: &mut tokio::net::unix::pipe::Receiver) {
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(n) = from.read(&mut chunk).await {
            if n == 0 {
                return;
            }
            self.bytes.extend(&chunk[..n]);
            let over = self.bytes.len().saturating_sub(self.keep);
            self.bytes.drain(..over);
            self.dropped += over as u64;
        }
    }

    /// What is kept.
    pub(super) fn kept(&self) -> Vec<u8> {
        self.bytes.iter().copied().collect()
    }
}
