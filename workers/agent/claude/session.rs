//! The process behind a session: its pipes on tasks of their own, its end, and its raw stream as evidence.
//!
//! Tasks read and write, and meet the session in channels. So `next` loses nothing when it is dropped half-way, and
//! `give` never waits for an agent that does not read.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::super::kept::Kept;
use super::super::lines::{Line, Lines};
use super::super::{Said, Session, SessionEnd, SessionPlan, Turn, Waiting, one_line};
use super::conversation::{Conversation, Then};
use crate::error::{Error, Result};
use crate::process::{Ended, Program, Running};

/// After the process ended, how long we wait for more of what it printed: a child of its own may hold the pipe open.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// The longest that this can go on.
const LAST_WORDS_AT_MOST: Duration = Duration::from_secs(10);
/// Lines of the error stream kept for the evidence of a crash.
const COMPLAINTS: usize = 5;

/// What the reading tasks pass on.
#[derive(Debug)]
enum Came {
    Line(Vec<u8>),
    Remark(String),
    Odd(&'static str),
    Sign,
}

/// Where the process is in its life.
#[derive(Debug)]
enum Life {
    Running,
    /// It ended; its last words are read until then.
    Ended {
        ended: Ended,
        quiet_at: Instant,
        at_most: Instant,
    },
    Over(String),
}

/// One running Claude Code.
#[derive(Debug)]
pub(super) struct ClaudeSession {
    running: Running,
    to: mpsc::UnboundedSender<String>,
    from: mpsc::Receiver<Came>,
    conversation: Conversation,
    brief: String,
    life: Life,
    killed: Option<&'static str>,
    complaints: VecDeque<String>,
    // Readers and the writer; they end with the session.
    tasks: JoinSet<()>,
}

impl ClaudeSession {
    /// Starts the process.
    pub(super) fn start(program: &Program, plan: &SessionPlan) -> Result<Self> {
        let stream = Kept::create(&plan.dir.join("stream.jsonl"))?;
        let errors = Kept::create(&plan.dir.join("stderr.txt"))?;
        let mut running = program.converse()?;
        let (to, messages) = mpsc::unbounded_channel();
        let (passed, from) = mpsc::channel(64);
        let mut tasks = JoinSet::new();
        if let Some(pipe) = running.child.stdin.take() {
            tasks.spawn(write(pipe, messages));
        }
        if let Some(pipe) = running.child.stdout.take() {
            tasks.spawn(read_events(pipe, stream, passed.clone()));
        }
        if let Some(pipe) = running.child.stderr.take() {
            tasks.spawn(read_errors(pipe, errors, passed));
        }
        Ok(Self {
            running,
            to,
            from,
            conversation: Conversation::new(&plan.nonce),
            brief: plan.brief.clone(),
            life: Life::Running,
            killed: None,
            complaints: VecDeque::new(),
            tasks,
        })
    }

    fn send(&self, message: &serde_json::Value) {
        // A writer that is gone means a process that is gone: `next` tells that.
        let _gone = self.to.send(format!("{message}\n"));
    }

    fn take(&mut self, came: Came) {
        match came {
            Came::Line(line) => {
                if let Then::Kill(reason) = self.conversation.hear(&line) {
                    self.killed.get_or_insert(reason);
                    self.running.kill_group();
                }
            }
            Came::Remark(text) => {
                self.conversation.remark(&text);
                if self.complaints.len() == COMPLAINTS {
                    self.complaints.pop_front();
                }
                self.complaints.push_back(one_line(text.trim(), 200));
            }
            Came::Odd(name) => self.conversation.count(name),
            Came::Sign => self.conversation.sign_of_life(),
        }
    }

    /// One step of waiting. Everything it changes it changes without waiting in between.
    async fn step(&mut self) {
        let now = Instant::now();
        match &mut self.life {
            Life::Over(_) => std::future::pending().await,
            Life::Running => tokio::select! {
                biased;
                Some(came) = self.from.recv() => self.take(came),
                status = self.running.child.wait() => {
                    let now = Instant::now();
                    self.life = Life::Ended {
                        ended: Ended::of(&status),
                        quiet_at: now + LAST_WORDS,
                        at_most: now + LAST_WORDS_AT_MOST,
                    };
                }
            },
            Life::Ended { at_most, .. } if now > *at_most => self.finish(),
            Life::Ended { quiet_at, .. } => tokio::select! {
                biased;
                came = self.from.recv() => match came {
                    Some(came) => {
                        *quiet_at = now + LAST_WORDS;
                        self.take(came);
                    }
                    None => self.finish(),
                },
                () = tokio::time::sleep_until(*quiet_at) => self.finish(),
            },
        }
    }

    fn finish(&mut self) {
        let Life::Ended { ended, .. } = self.life else { return };
        let how = match self.killed {
            Some(reason) => format!("ended by us: {reason}"),
            None => ended.to_string(),
        };
        let complaint = Vec::from(std::mem::take(&mut self.complaints)).join(" | ");
        self.conversation.ended(&how, ended, &complaint);
        self.life = Life::Over(how);
    }

    async fn wait(&mut self) -> Said {
        loop {
            if let Some(said) = self.conversation.say() {
                return said;
            }
            if let Life::Over(how) = &self.life {
                return Said::Over { how: how.clone() };
            }
            self.step().await;
        }
    }

    async fn close(self, grace: Duration) -> SessionEnd {
        let Self { running, to, from, conversation, killed, life, mut tasks, .. } = self;
        if conversation.in_turn() && matches!(life, Life::Running) {
            let _gone = to.send(format!("{}\n", interruption()));
        }
        // The writer closes the process's input behind the last message; the readers read on.
        drop((to, from));
        let (ended, left_over) = running.end(grace).await;
        // What is still in the pipes goes into the records.
        let rest = async { while tasks.join_next().await.is_some() {} };
        drop(tokio::time::timeout(LAST_WORDS, rest).await);
        let how = match (life, killed) {
            (Life::Over(how), _) => how,
            (_, Some(reason)) => format!("ended by us: {reason}"),
            _ => ended.to_string(),
        };
        SessionEnd { how, left_over, unknown: conversation.unknown().clone() }
    }
}

fn interruption() -> serde_json::Value {
    serde_json::json!({
        "type": "control_request",
        "request_id": uuid::Uuid::new_v4().to_string(),
        "request": {"subtype": "interrupt"},
    })
}

impl Session for ClaudeSession {
    fn give<'a>(&'a mut self, turn: &'a Turn) -> Waiting<'a, Result<()>> {
        if !self.conversation.begin(turn) {
            let order = &turn.order;
            let busy = Error::usage(format!("failed to give {order}: another turn is under way"));
            return Box::pin(std::future::ready(Err(busy)));
        }
        let content = match self.conversation.at_first_turn() {
            true => format!("{}\n\n{}", self.brief, turn.prompt),
            false => turn.prompt.clone(),
        };
        self.send(&serde_json::json!({
            "type": "user",
            "message": {"role": "user", "content": content},
        }));
        Box::pin(std::future::ready(Ok(())))
    }

    fn next(&mut self) -> Waiting<'_, Said> {
        Box::pin(self.wait())
    }

    fn interrupt(&mut self) -> Waiting<'_, bool> {
        let can = matches!(self.life, Life::Running) && self.conversation.interrupt();
        if can {
            self.send(&interruption());
        }
        Box::pin(std::future::ready(can))
    }

    fn end(self: Box<Self>, grace: Duration) -> Waiting<'static, SessionEnd> {
        Box::pin(self.close(grace))
    }
}

/// Writes messages until there are no more; then its input is closed.
async fn write(mut pipe: ChildStdin, mut messages: mpsc::UnboundedReceiver<String>) {
    while let Some(message) = messages.recv().await {
        if pipe.write_all(message.as_bytes()).await.is_err() || pipe.flush().await.is_err() {
            return;
        }
    }
}

/// Reads events to the end, whether or not anybody still listens: a full pipe would block the process.
async fn read_events(pipe: ChildStdout, mut kept: Kept, to: mpsc::Sender<Came>) {
    let mut lines = Lines::new(pipe);
    while let Some(line) = lines.next().await {
        let came = match line {
            Line::Whole(line) => {
                kept.line(&line);
                // Junk by the gigabyte is not worth carrying around.
                match line.iter().find(|b| !b.is_ascii_whitespace()) {
                    Some(b'{') => Came::Line(line),
                    Some(_) => Came::Odd("not JSON"),
                    None => Came::Sign,
                }
            }
            Line::TooLong(_) => Came::Odd("line over the limit"),
            Line::Growing => Came::Sign,
        };
        let _nobody = to.send(came).await;
    }
}

/// Reads the error stream to the end.
async fn read_errors(pipe: ChildStderr, mut kept: Kept, to: mpsc::Sender<Came>) {
    let mut lines = Lines::new(pipe);
    while let Some(line) = lines.next().await {
        let came = match line {
            Line::Whole(line) => {
                kept.line(&line);
                Came::Remark(one_line(&String::from_utf8_lossy(&line), 400))
            }
            Line::TooLong(_) => Came::Odd("error line over the limit"),
            Line::Growing => Came::Sign,
        };
        let _nobody = to.send(came).await;
    }
}
