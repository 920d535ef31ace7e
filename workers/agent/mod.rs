//! Agents as a seam: a session takes orders one turn at a time and tells what it hears.
//!
//! An agent's words move nothing. A driver turns what a program prints into [`Said`]; whether an order moves is for
//! the gates. Timers are not kept here either: whoever listens counts the silence between two things said.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{AgentConfig, DriverName};
use crate::error::Result;
use crate::failure::TurnEnd;
use crate::holder::SessionId;
use crate::order::OrderId;
use crate::sandbox::Walls;
use crate::secrets;

mod driver;
mod enclosed;
mod event;
mod fault;
mod home;
mod kept;
mod lines;
mod oneshot;
mod patience;
mod pipes;
mod ration;
mod schema;
mod setup;
mod speaker;
mod talk;
mod tally;
mod tools;
#[cfg(any(test, fuzzing))]
mod fuzzed;
pub mod claude;
pub mod codex;
pub mod command;
pub mod gemini;
pub mod opencode;
pub mod qwen;

/// A future that a trait object returns.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One kind of coding agent.
pub trait Agent: fmt::Debug + Send + Sync {
    /// Its name in shopfloor.toml.
    fn name(&self) -> &str;

    /// True when its work is simulated.
    fn simulated(&self) -> bool;

    /// False for a one-shot agent: all its orders are given when the session opens, and none later.
    fn takes_turns(&self) -> bool;

    /// Starts a session. An error of kind `Environment` means that the machine or its set-up is at fault.
    fn open(&self, plan: SessionPlan) -> Waiting<'_, Result<Box<dyn Session>>>;
}

/// The agent that `[agent.<name>]` describes; `config_folder` is where shopfloor.toml lies.
///
/// Nothing is started and no variable is read yet: that happens when a session opens, so that a missing program or
/// variable is told as the environment's fault at the moment it matters.
pub fn from_config(
    name: &str,
    config: &AgentConfig,
    config_folder: &Path,
) -> Result<Arc<dyn Agent>> {
    let setup = setup::Setup::new(name, config, config_folder)?;
    Ok(match config.driver {
        DriverName::Claude => Arc::new(claude::Claude::new(setup)),
        DriverName::Codex => Arc::new(codex::Codex::new(setup, false)),
        DriverName::CodexExec => Arc::new(codex::Codex::new(setup, true)),
        DriverName::Opencode => Arc::new(opencode::Opencode::new(setup)),
        DriverName::Gemini => Arc::new(gemini::Gemini::new(setup)),
        DriverName::Qwen => Arc::new(qwen::Qwen::new(setup)),
        DriverName::Command => Arc::new(command::Command::new(setup)),
    })
}

/// The version of its program that a driver was written against; `None` for a driver that speaks to any program.
pub fn written_against(driver: DriverName) -> Option<&'static str> {
    match driver {
        DriverName::Claude => Some(claude::WRITTEN_AGAINST),
        DriverName::Codex | DriverName::CodexExec => Some(codex::WRITTEN_AGAINST),
        DriverName::Opencode => Some(opencode::WRITTEN_AGAINST),
        DriverName::Gemini => Some(gemini::WRITTEN_AGAINST),
        DriverName::Qwen => Some(qwen::WRITTEN_AGAINST),
        DriverName::Command => None,
    }
}

/// What a session is opened with.
#[derive(Debug, Clone)]
pub struct SessionPlan {
    /// Its id.
    pub session: SessionId,
    /// The stage's name.
    pub stage: String,
    /// Its secret word: results count only with it.
    pub nonce: String,
    /// Its folder, which exists; the agent's working folder.
    pub dir: PathBuf,
    /// `<worker>/<session>`, for the environment of everything it starts.
    pub cookie: String,
    /// The stage's brief: who the agent is and what it is to do with every order.
    pub brief: String,
    /// For a one-shot agent all orders; else empty.
    pub orders: Vec<Turn>,
    /// Folders outside its own that it works in.
    pub folders: Vec<PathBuf>,
    /// The HOME of the worker's agents, kept from one session to the next. It need not exist.
    pub home: PathBuf,
    /// What stands around it. `None`: nothing does.
    pub walls: Option<Walls>,
    /// What has to be counted while a turn runs.
    pub caps: Caps,
}

/// What a session is held to while a turn runs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Caps {
    /// US dollars the whole session may cost, where its program can see to that.
    pub session_usd: Option<f64>,
    /// Tokens are counted while a turn runs: the driver tells [`Said::Used`], or does not open the session.
    pub tokens: bool,
}

/// One order, as it is given.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The order.
    pub order: OrderId,
    /// The generation of its claim.
    pub generation: u64,
    /// Its title.
    pub title: String,
    /// The folder of its papers, for reading and for leaving new ones.
    pub desk: PathBuf,
    /// The order's worktree, where there is one.
    pub worktree: Option<PathBuf>,
    /// What the agent is told.
    pub prompt: String,
}

/// What a session tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// Something came from it: a line for the log (already one line, without control characters), or nothing to show.
    Heard(Option<String>),
    /// A result came that does not count: which order it named, and why. The turn goes on.
    Refused {
        /// The order it named, as text of unknown origin.
        order: String,
        /// Why it does not count.
        why: String,
    },
    /// What the turn under way has used so far, at least.
    Used(Usage),
    /// An order's turn is over.
    TurnEnded {
        /// The order.
        order: OrderId,
        /// How.
        end: TurnEnd,
        /// What it used, where the agent says so.
        usage: Usage,
    },
    /// The session is over: no turn will end any more. Orders that were given and have not ended are silent.
    Over {
        /// How it ended, one line.
        how: String,
    },
}

/// Tokens and money of one turn. `None` is unknown, which is not zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Usage {
    /// Tokens read, cached ones included.
    pub input_tokens: Option<u64>,
    /// Tokens written.
    pub output_tokens: Option<u64>,
    /// US dollars at list price, as the agent computes it.
    pub cost_usd: Option<f64>,
}

impl Usage {
    /// Tokens read and written, as far as they are known.
    pub fn known_tokens(&self) -> u64 {
        self.input_tokens.unwrap_or(0).saturating_add(self.output_tokens.unwrap_or(0))
    }

    /// An equal share of it for each of `of`, the first ones having what does not divide.
    pub fn shares(self, of: u64) -> impl Iterator<Item = Self> {
        let share =
            move |all: Option<u64>, nth| all.map(|all| all / of + u64::from(nth < all % of));
        (0..of).map(move |nth| Self {
            input_tokens: share(self.input_tokens, nth),
            output_tokens: share(self.output_tokens, nth),
            cost_usd: self.cost_usd.map(|all| all / of as f64),
        })
    }

    /// What two turns used: unknown where it is unknown of one of them.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.zip(other.input_tokens).map(|(a, b)| a + b),
            output_tokens: self.output_tokens.zip(other.output_tokens).map(|(a, b)| a + b),
            cost_usd: self.cost_usd.zip(other.cost_usd).map(|(a, b)| a + b),
        }
    }
}

/// One running session. Dropping it kills its process tree.
pub trait Session: Send {
    /// Gives the next order. Only after the turn before has ended, and never to a one-shot agent.
    fn give<'a>(&'a mut self, turn: &'a Turn) -> Waiting<'a, Result<()>>;

    /// Waits for the next thing said. May be dropped and called again without losing anything.
    fn next(&mut self) -> Waiting<'_, Said>;

    /// True while a tool of the turn under way runs, as far as the driver is told: then it may be silent for longer.
    fn in_tool(&mut self) -> bool {
        false
    }

    /// Drops the turn under way, if the agent can do that and stay alive. False when it can't.
    fn interrupt(&mut self) -> Waiting<'_, bool>;

    /// Ends it: politely for at most `grace`, then firmly. Nothing of its process tree is left afterwards.
    fn end(self: Box<Self>, grace: Duration) -> Waiting<'static, SessionEnd>;
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionEnd {
    /// One line.
    pub how: String,
    /// Processes that outlived it and were ended.
    pub left_over: usize,
    /// Things it said that the driver does not know, by their name.
    pub unknown: BTreeMap<String, u64>,
    /// What it used as a whole, where its program tells that and no turn's own share.
    pub usage: Usage,
    /// It was cut before its end: it has used at least `usage`.
    pub partial: bool,
}

/// One line without control characters, at most `most` characters: text from an agent is data, never terminal codes.
pub fn one_line(text: &str, most: usize) -> String {
    // Before it is cut: half a key has no form that anybody would know it by.
    let text = secrets::hidden(text);
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let line: String = plain.take(most + 1).collect();
    match line.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}
