//! The only room that starts processes: cleared environment, a limit, output somewhere, polite then firm.
//!
//! What runs an agent's or a repository's code is kept by the [`shim`]: nothing of it outlives the program, the worker or
//! the shim itself. What else we start (git, a question for a version) has a process group of its own. Every process
//! carries a cookie in its environment besides, `SHOPFLOOR_COOKIE=<worker>/<session>`, by which what a dead worker left
//! is found by whoever comes next.

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

mod capture;
mod fence;
mod nicely;
mod run;
mod running;
mod start;
mod tail;
mod tree;
pub mod shim;
pub use capture::Captured;
pub use fence::Fence;
pub use run::Ran;
pub use running::Running;
pub use tree::{carrying, end_all, start_time};

/// The variable that marks everything we started.
pub const COOKIE: &str = "SHOPFLOOR_COOKIE";

/// Variables a child may inherit. Everything else it is given by name or not at all.
const INHERITED: [&str; 17] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "USER",
    "LOGNAME",
    "SHELL",
    "TMPDIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOCACHE",
    "JAVA_HOME",
    "XDG_CACHE_HOME",
];

/// The variables that every child inherits, as they stand now.
pub fn inherited() -> impl Iterator<Item = (&'static str, OsString)> {
    INHERITED.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)))
}

/// A program and how it is started.
#[derive(Debug, Clone)]
pub struct Program {
    /// Name (looked up in PATH) or path.
    pub program: OsString,
    /// Arguments, as they are: no shell reads them.
    pub args: Vec<OsString>,
    /// The working folder.
    pub dir: PathBuf,
    /// Variables beyond the allowlist; they win over it.
    pub env: BTreeMap<OsString, OsString>,
    /// `<worker>/<session>`, or what else its starter can find it by.
    pub cookie: String,
    /// True when it gives way to everything else on the machine (`nice`).
    pub gives_way: bool,
    /// True when nothing that it starts may outlive it, the worker or the shim: it is started by the [`shim`].
    pub kept: bool,
    /// What it is confined by.
    pub wall: Wall,
}

/// What a program is confined by. Whatever it is, its program is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Wall {
    /// Nothing.
    #[default]
    None,
    /// Another program that makes a sandbox and runs what follows its arguments in it.
    Sandbox(Vec<OsString>),
    /// The kernel's own rules, which the shim takes on before it becomes the program.
    Fence(Fence),
}

impl Program {
    /// `argv` in `dir`. An empty `argv` is a usage error.
    pub fn new(argv: &[String], dir: &Path, cookie: &str) -> Result<Self> {
        let Some((program, args)) = argv.split_first() else {
            return Err(Error::usage("the command is empty"));
        };
        Ok(Self {
            program: program.into(),
            args: args.iter().map(OsString::from).collect(),
            dir: dir.to_owned(),
            env: BTreeMap::new(),
            cookie: cookie.to_owned(),
            gives_way: false,
            kept: false,
            wall: Wall::None,
        })
    }

    /// The same at low priority.
    #[must_use]
    pub fn giving_way(mut self) -> Self {
        self.gives_way = true;
        self
    }

    /// The same, kept by the shim.
    #[must_use]
    pub fn kept(mut self) -> Self {
        self.kept = true;
        self
    }

    /// The same with one more variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// The command line as a person would type it, for transcripts and messages.
    pub fn shown(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.args);
        let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this code.
    Exit(i32),
    /// By a signal that was not ours.
    Signal(i32),
    /// By us: its time was up.
    TimedOut,
    /// By us: we were told to stop at once.
    Stopped,
}

impl Ended {
    /// From what waiting for a process told.
    pub(crate) fn of(status: &std::io::Result<std::process::ExitStatus>) -> Self {
        match status {
            Ok(status) => Self::from_status(*status),
            Err(_) => Self::Signal(0),
        }
    }

    /// From what the kernel says.
    pub fn from_status(status: std::process::ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        match status.code() {
            Some(code) => Self::Exit(code),
            None => Self::Signal(status.signal().unwrap_or(0)),
        }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Stopped => f.write_str("stopped by us"),
        }
    }
}

#[cfg(test)]
mod tests;
