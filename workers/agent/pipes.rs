//! An agent's process and its pipes, each on a task of its own; its end; and its raw stream as evidence.
//!
//! The tasks meet whoever listens in channels. So [`Pipes::next`] loses nothing when it is dropped half-way, and
//! [`Pipes::send`] never waits for an agent that does not read.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::kept::Kept;
use super::lines::{Line, Lines};
use super::one_line;
use crate::error::Result;
use crate::process::{Ended, Program, Running};

/// After the process ended, how long we wait for more of what it printed: a child of its own may hold the pipe open.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// The longest that this can go on.
const LAST_WORDS_AT_MOST: Duration = Duration::from_secs(10);
/// Lines of the error stream kept for the evidence of a crash.
const COMPLAINTS: usize = 5;

/// What came.
#[derive(Debug)]
pub(super) enum Came {
    /// A line of its output that may be a JSON object.
    Line(Vec<u8>),
    /// A line of its error stream.
    Remark(String),
    /// Something without a use: what it was.
    Odd(&'static str),
    /// Bytes without a line.
    Sign,
    /// The process ended. Nothing comes after this.
    End(End),
}

/// How a process ended.
#[derive(Debug, Clone)]
pub(super) struct End {
    /// One line.
    pub(super) how: String,
    /// What the kernel told.
    pub(super) ended: Ended,
    /// The last lines of its error stream.
    pub(super) complaint: String,
}

/// Where the raw streams are kept.
#[derive(Debug)]
pub(super) enum Records {
    /// What it printed, and its error stream.
    Apart(Kept, Kept),
    /// Both in the order they came: the program has no language, and every line is a remark.
    InOne(Kept),
}

impl Records {
    /// `stream.jsonl` and `stderr.txt` in a session's folder; what they hold already stays.
    pub(super) fn open(dir: &std::path::Path) -> Result<Self> {
        let stream = Kept::append(&dir.join("stream.jsonl"))?;
        Ok(Self::Apart(stream, Kept::append(&dir.join("stderr.txt"))?))
    }

    /// `stream.txt` in a session's folder.
    pub(super) fn in_one(dir: &std::path::Path) -> Result<Self> {
        Ok(Self::InOne(Kept::create(&dir.join("stream.txt"))?))
    }
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

/// A running process that is talked to.
#[derive(Debug)]
pub(super) struct Pipes {
    running: Running,
    // None once its input is closed.
    to: Option<mpsc::UnboundedSender<String>>,
    from: mpsc::Receiver<Came>,
    life: Life,
    killed: Option<&'static str>,
    complaints: VecDeque<String>,
    // Readers and the writer; they end with it.
    tasks: JoinSet<()>,
}

impl Pipes {
    /// Starts the process.
    pub(super) fn start(program: &Program, records: Records) -> Result<Self> {
        let mut running = program.converse()?;
        let (to, messages) = mpsc::unbounded_channel();
        let (passed, from) = mpsc::channel(64);
        let mut tasks = JoinSet::new();
        if let Some(pipe) = running.child.stdin.take() {
            tasks.spawn(write(pipe, messages));
        }
        if let (Some(out), Some(err)) = (running.child.stdout.take(), running.child.stderr.take()) {
            match records {
                Records::Apart(stream, errors) => {
                    tasks.spawn(read_events(out, stream, passed.clone()));
                    tasks.spawn(read_errors(err, errors, passed));
                }
                Records::InOne(kept) => {
                    tasks.spawn(read_both(out, err, kept, passed));
                }
            }
        }
        Ok(Self {
            running,
            to: Some(to),
            from,
            life: Life::Running,
            killed: None,
            complaints: VecDeque::new(),
            tasks,
        })
    }

    /// True until the process has ended.
    pub(super) fn alive(&self) -> bool {
        matches!(self.life, Life::Running)
    }

    /// Writes `text` to its input, as it is.
    pub(super) fn send(&self, text: String) {
        if let Some(to) = &self.to {
            // A writer that is gone means a process that is gone: `next` tells that.
            let _gone = to.send(text);
        }
    }

    /// Closes its input behind what was sent.
    pub(super) fn close_input(&mut self) {
        self.to = None;
    }

    /// Kills its process group, for this reason.
    pub(super) fn kill(&mut self, reason: &'static str) {
        self.killed.get_or_insert(reason);
        self.running.kill_group();
    }

    /// The next thing that comes; for ever nothing after the end. May be dropped and called again without losing
    /// anything.
    pub(super) async fn next(&mut self) -> Came {
        loop {
            if let Some(came) = self.step().await {
                return came;
            }
        }
    }

    /// One step of waiting. Everything it changes it changes without waiting in between.
    async fn step(&mut self) -> Option<Came> {
        let now = Instant::now();
        match &mut self.life {
            Life::Over(_) => std::future::pending().await,
            Life::Running => tokio::select! {
                biased;
                Some(came) = self.from.recv() => Some(self.passed(came)),
                status = self.running.child.wait() => {
                    let now = Instant::now();
                    self.life = Life::Ended {
                        ended: Ended::of(&status),
                        quiet_at: now + LAST_WORDS,
                        at_most: now + LAST_WORDS_AT_MOST,
                    };
                    None
                }
            },
            Life::Ended { at_most, .. } if now > *at_most => self.finish(),
            Life::Ended { quiet_at, .. } => tokio::select! {
                biased;
                came = self.from.recv() => match came {
                    Some(came) => {
                        *quiet_at = now + LAST_WORDS;
                        Some(self.passed(came))
                    }
                    None => self.finish(),
                },
                () = tokio::time::sleep_until(*quiet_at) => self.finish(),
            },
        }
    }

    fn passed(&mut self, came: Came) -> Came {
        if let Came::Remark(text) = &came {
            if self.complaints.len() == COMPLAINTS {
                self.complaints.pop_front();
            }
            self.complaints.push_back(one_line(text.trim(), 200));
        }
        came
    }

    fn finish(&mut self) -> Option<Came> {
        let Life::Ended { ended, .. } = self.life else { return None };
        let how = self.told(ended);
        let complaint = Vec::from(std::mem::take(&mut self.complaints)).join(" | ");
        self.life = Life::Over(how.clone());
        Some(Came::End(End { how, ended, complaint }))
    }

    fn told(&self, ended: Ended) -> String {
        match self.killed {
            Some(reason) => format!("ended by us: {reason}"),
            None => ended.to_string(),
        }
    }

    /// Ends it: its input is closed behind what was sent, it has `grace`, then firmly. Says how it ended and how many
    /// processes outlived it.
    pub(super) async fn end(mut self, grace: Duration) -> (String, usize) {
        // The readers read on, whether or not anybody listens.
        self.to = None;
        self.from.close();
        let Self { running, life, killed, mut tasks, .. } = self;
        let (ended, left_over) = running.end(grace).await;
        // What is still in the pipes goes into the records.
        let rest = async { while tasks.join_next().await.is_some() {} };
        drop(tokio::time::timeout(LAST_WORDS, rest).await);
        let how = match (life, killed) {
            (Life::Over(how), _) => how,
            (_, Some(reason)) => format!("ended by us: {reason}"),
            _ => ended.to_string(),
        };
        (how, left_over)
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

/// Reads both streams to their ends, as lines for a person.
async fn read_both(out: ChildStdout, err: ChildStderr, mut kept: Kept, to: mpsc::Sender<Came>) {
    let (mut out, mut err) = (Lines::new(out), Lines::new(err));
    let (mut out_open, mut err_open) = (true, true);
    while out_open || err_open {
        let line = tokio::select! {
            line = out.next(), if out_open => { out_open = line.is_some(); line }
            line = err.next(), if err_open => { err_open = line.is_some(); line }
        };
        let came = match line {
            Some(Line::Whole(line)) => {
                kept.line(&line);
                let shown = &line[..line.len().min(1000)];
                Came::Remark(one_line(&String::from_utf8_lossy(shown), 400))
            }
            Some(Line::TooLong(_) | Line::Growing) => Came::Sign,
            None => continue,
        };
        let _nobody = to.send(came).await;
    }
}
