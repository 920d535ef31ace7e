//! Running a program to its end, with its output as a person would have seen it.

use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;

use super::tail::Tail;
use super::{Ended, Program};
use crate::awake;
use crate::error::{Error, Kind, Result};
use crate::stop::Stop;

/// A program that ran to its end.
#[derive(Debug, Clone)]
pub struct Ran {
    /// How it ended.
    pub ended: Ended,
    /// What it printed on both streams: the last bytes of it.
    pub output: Vec<u8>,
    /// Bytes that came before those and were dropped.
    pub dropped: u64,
    /// How long it took.
    pub took: Duration,
}

impl Ran {
    /// True when it ended by itself with code 0.
    pub fn ok(&self) -> bool {
        self.ended == Ended::Exit(0)
    }

    /// Its output as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }
}

impl Program {
    /// Runs it to its end. Output of both streams is kept in the order it came, the last `keep` bytes of it.
    /// Whatever it leaves running is killed. An error means that it could not be started.
    pub async fn run(
        &self,
        input: &[u8],
        limit: Duration,
        keep: usize,
        stop: &Stop,
    ) -> Result<Ran> {
        let begun = Instant::now();
        let failed = |error: std::io::Error| {
            Error::new(Kind::Environment, "failed to make a pipe").caused_by(error)
        };
        let (reader, writer) = std::io::pipe().map_err(failed)?;
        let other = writer.try_clone().map_err(failed)?;
        let (mut child, mut hold) = self.start(|command| {
            command.stdout(other).stderr(writer);
            command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() });
        })?;
        let fd = OwnedFd::from(reader);
        let mut output = tokio::net::unix::pipe::Receiver::from_owned_fd(fd).map_err(failed)?;
        let mut stdin = child.stdin.take();
        let mut tail = Tail::new(keep);
        let feed = async {
            if let Some(pipe) = &mut stdin {
                // A child that does not read its input is its own affair.
                drop(pipe.write_all(input).await);
            }
            stdin = None;
        };
        let ended = {
            let drain = tail.read_all(&mut output);
            tokio::pin!(drain, feed);
            let (mut fed, mut drained) = (false, false);
            let timer = awake::sleep(limit);
            tokio::pin!(timer);
            loop {
                tokio::select! {
                    status = child.wait() => break Ended::of(&status),
                    () = &mut timer => break Ended::TimedOut,
                    () = stop.now_asked() => break Ended::Stopped,
                    () = &mut feed, if !fed => fed = true,
                    () = &mut drain, if !drained => drained = true,
                }
            }
        };
        match ended {
            Ended::Exit(_) | Ended::Signal(_) if !hold.is_kept() => hold.kill(),
            _ => {
                let _left = hold.finish(&mut child).await;
            }
        }
        // The rest of what it printed; a grandchild outside the group may hold the pipe open for ever.
        drop(tokio::time::timeout(Duration::from_secs(1), tail.read_all(&mut output)).await);
        Ok(Ran { ended, output: tail.kept(), dropped: tail.dropped, took: begun.elapsed() })
    }
}
