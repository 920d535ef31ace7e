//! A session with one process that takes turn after turn: the process on one side, what a driver makes of its lines on
//! the other.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use super::pipes::{Came, End, Pipes};
use super::talk::{Talk, Then};
use super::{Said, Session, SessionEnd, Turn, Usage, Waiting};
use crate::error::{Error, Result};

/// What a driver knows of its program's language.
pub(super) trait Speaker: fmt::Debug + Send + 'static {
    /// What has been said so far.
    fn talk(&mut self) -> &mut Talk;

    /// Takes one line of its output.
    fn hear(&mut self, line: &[u8]) -> Then;

    /// A turn has begun: what tells the program so.
    fn tell(&mut self, turn: &Turn);

    /// The turn under way is to be dropped: what tells the program so.
    fn tell_interruption(&mut self);

    /// What it wants to be sent by now, whole lines.
    fn to_send(&mut self) -> Option<String>;

    /// The process ended.
    fn ended(&mut self, end: &End) {
        self.talk().ended(&end.how, end.ended, &end.complaint);
    }

    /// When it has waited long enough for something, if it waits.
    fn deadline(&mut self) -> Option<Instant> {
        self.talk().patience_ends()
    }

    /// The deadline is there.
    fn at_deadline(&mut self) -> Then {
        self.talk().out_of_patience()
    }

    /// The session is over and nothing of it runs any more. What it leaves behind is cleared away.
    fn clear(&mut self) {}
}

/// One running session.
#[derive(Debug)]
pub(super) struct Spoken<S> {
    pipes: Pipes,
    speaker: S,
    over: Option<String>,
}

impl<S: Speaker> Spoken<S> {
    /// A session with a process that is ready for its first turn.
    pub(super) fn new(pipes: Pipes, speaker: S) -> Self {
        Self { pipes, speaker, over: None }
    }

    /// Passes on what the speaker wants to be sent.
    fn send(&mut self) {
        while let Some(text) = self.speaker.to_send() {
            self.pipes.send(text);
        }
    }

    fn take(&mut self, came: Came) {
        let then = match came {
            Came::Line(line) => self.speaker.hear(&line),
            Came::Remark(text) => {
                self.speaker.talk().remark(&text);
                Then::GoOn
            }
            Came::Odd(name) => {
                self.speaker.talk().count(name);
                Then::GoOn
            }
            Came::Sign => {
                self.speaker.talk().sign_of_life();
                Then::GoOn
            }
            Came::End(end) => {
                self.speaker.ended(&end);
                self.over = Some(end.how);
                Then::GoOn
            }
        };
        self.then(then);
        self.send();
    }

    fn then(&mut self, then: Then) {
        if let Then::Kill(reason) = then {
            self.pipes.kill(reason);
        }
    }

    async fn wait(&mut self) -> Said {
        loop {
            if let Some(said) = self.speaker.talk().say() {
                return said;
            }
            if let Some(how) = &self.over {
                return Said::Over { how: how.clone() };
            }
            let deadline = self.speaker.deadline();
            tokio::select! {
                biased;
                came = self.pipes.next() => self.take(came),
                () = at(deadline) => {
                    let then = self.speaker.at_deadline();
                    self.then(then);
                }
            }
        }
    }

    async fn close(mut self, grace: Duration) -> SessionEnd {
        if self.speaker.talk().in_turn() && self.pipes.alive() {
            self.speaker.tell_interruption();
            self.send();
        }
        let (how, left_over) = self.pipes.end(grace).await;
        self.speaker.clear();
        SessionEnd {
            how,
            left_over,
            unknown: self.speaker.talk().unknown().clone(),
            usage: Usage::default(),
            partial: false,
        }
    }
}

/// Waits until then, or for ever.
pub(super) async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// The error of a turn that is given before the end of the one before.
pub(super) fn busy(turn: &Turn) -> Error {
    Error::usage(format!("failed to give {}: another turn is under way", turn.order))
}

impl<S: Speaker> Session for Spoken<S> {
    fn give<'a>(&'a mut self, turn: &'a Turn) -> Waiting<'a, Result<()>> {
        let given = if self.speaker.talk().begin(turn) {
            self.speaker.tell(turn);
            self.send();
            Ok(())
        } else {
            Err(busy(turn))
        };
        Box::pin(std::future::ready(given))
    }

    fn next(&mut self) -> Waiting<'_, Said> {
        Box::pin(self.wait())
    }

    fn in_tool(&mut self) -> bool {
        self.speaker.talk().in_tool()
    }

    fn interrupt(&mut self) -> Waiting<'_, bool> {
        let can = self.pipes.alive() && self.speaker.talk().interrupt();
        if can {
            self.speaker.tell_interruption();
            self.send();
        }
        Box::pin(std::future::ready(can))
    }

    fn end(self: Box<Self>, grace: Duration) -> Waiting<'static, SessionEnd> {
        Box::pin(self.close(grace))
    }
}
