//! A process that is talked to, and its end.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Child;

use super::start::{FIRM, Hold};
use super::{Ended, Program};
use crate::error::Result;

/// A process we talk to. Dropping it kills it and everything that belongs to it.
#[derive(Debug)]
pub struct Running {
    /// The process (its guard, where it is kept) and its pipes.
    pub child: Child,
    hold: Hold,
    ended: bool,
}

impl Program {
    /// Starts it with its three streams as pipes, for a conversation. It dies with the returned value.
    pub fn converse(&self) -> Result<Running> {
        let (child, hold) = self.start(|command| {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        })?;
        Ok(Running { child, hold, ended: false })
    }
}

impl Running {
    /// Kills it and returns at once; `child.wait()` then tells the end. What stands outside of its group, where it has no
    /// keeper, is for [`Running::end`].
    pub fn kill_group(&self) {
        self.hold.kill();
    }

    /// Ends it: close its input and wait `grace`, then TERM, then KILL, then whatever else belongs to it.
    /// Says how it ended and how many processes outlived it (they are dead now).
    pub async fn end(mut self, grace: Duration) -> (Ended, usize) {
        self.hold.count().await;
        drop(self.child.stdin.take());
        let mut ended = tokio::time::timeout(grace, self.child.wait())
            .await
            .ok()
            .map(|status| Ended::of(&status));
        if ended.is_none() {
            self.hold.ask();
            ended =
                tokio::time::timeout(FIRM, self.child.wait()).await.ok().map(|_| Ended::Stopped);
        }
        let left = self.hold.finish(&mut self.child).await;
        self.ended = true;
        (ended.unwrap_or(Ended::Stopped), left)
    }

    /// Kills it and everything that belongs to it, at once.
    pub async fn kill(mut self) -> (Ended, usize) {
        self.hold.count().await;
        drop(self.child.stdin.take());
        let ended = match self.child.try_wait() {
            Ok(Some(status)) => Ended::from_status(status),
            _ => Ended::Stopped,
        };
        let left = self.hold.finish(&mut self.child).await;
        self.ended = true;
        (ended, left)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            self.hold.drop_now();
        }
    }
}
