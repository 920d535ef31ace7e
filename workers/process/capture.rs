//! Running a program whose answer is read by a program: its two streams are kept apart, and from the beginning.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use super::{Ended, Program};
use crate::awake;
use crate::error::Result;
use crate::stop::Stop;

/// The most bytes of remarks (standard error) that are kept.
const REMARKS_MOST: usize = 64 * 1024;

/// A program that ran to its end, with its streams apart.
#[derive(Debug, Clone)]
pub struct Captured {
    /// How it ended.
    pub ended: Ended,
    /// The first bytes of its standard output.
    pub output: Vec<u8>,
    /// The first bytes of its standard error.
    pub remarks: Vec<u8>,
}

impl Program {
    /// Runs it to its end and keeps the first `most` bytes of its standard output, apart from its remarks.
    /// Whatever it leaves running in its group is killed. An error means that it could not be started.
    pub async fn capture(
        &self,
        input: &[u8],
        limit: Duration,
        most: usize,
        stop: &Stop,
    ) -> Result<Captured> {
        let (mut child, mut hold) = self.start(|command| {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        })?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (mut output, mut remarks) = (Vec::new(), Vec::new());
        let ended = {
            let feed = async move {
                if let Some(mut pipe) = stdin {
                    // A child that does not read its input is its own affair.
                    drop(pipe.write_all(input).await);
                }
            };
            let talk = async {
                tokio::join!(
                    feed,
                    read_head(stdout, &mut output, most),
                    read_head(stderr, &mut remarks, REMARKS_MOST)
                )
            };
            let timer = awake::sleep(limit);
            tokio::pin!(talk, timer);
            let mut talked = false;
            let ended = loop {
                tokio::select! {
                    status = child.wait() => break Ended::of(&status),
                    () = &mut timer => break Ended::TimedOut,
                    () = stop.now_asked() => break Ended::Stopped,
                    _ = &mut talk, if !talked => talked = true,
                }
            };
            hold.kill();
            drop(child.wait().await);
            if hold.is_kept() {
                let _left = hold.finish(&mut child).await;
            }
            if !talked {
                // A grandchild outside the group may hold the pipes open for ever.
                drop(tokio::time::timeout(Duration::from_secs(1), talk).await);
            }
            ended
        };
        Ok(Captured { ended, output, remarks })
    }
}

/// Reads a stream to its end and keeps the first `most` bytes of it.
async fn read_head(from: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>, most: usize) {
    let Some(mut from) = from else { return };
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(n) = from.read(&mut chunk).await {
        if n == 0 {
            return;
        }
        let room = most.saturating_sub(into.len());
        into.extend_from_slice(&chunk[..n.min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[tokio::test]
    async fn the_streams_are_apart_and_the_beginning_is_kept() {
        let argv = ["sh", "-c", "echo remark >&2; cat; head -c 300000 /dev/zero; exit 3"];
        let program =
            Program::new(&argv.map(str::to_owned), Path::new("/"), "test/capture").unwrap();
        let input = vec![b'i'; 200_000];
        let limit = Duration::from_secs(20);
        let captured = program.capture(&input, limit, 200_010, &Stop::new()).await.unwrap();
        assert_eq!(captured.ended, Ended::Exit(3));
        assert_eq!(captured.remarks, b"remark\n");
        assert_eq!(captured.output.len(), 200_010);
        assert!(captured.output.starts_with(b"iii") && captured.output.ends_with(&[0; 10]));
    }

    #[tokio::test]
    async fn a_silent_program_runs_out_of_time() {
        let argv = ["sleep".to_owned(), "60".to_owned()];
        let program = Program::new(&argv, Path::new("/"), "test/capture").unwrap();
        let limit = Duration::from_millis(50);
        let captured = program.capture(b"", limit, 10, &Stop::new()).await.unwrap();
        assert_eq!(captured.ended, Ended::TimedOut);
    }
}
