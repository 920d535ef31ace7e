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
mod ended;
mod fence;
mod nicely;
mod run;
mod running;
mod start;
mod tail;
mod tree;
pub mod shim;
pub use capture::Captured;
pub use ended::Ended;
pub use fence::Fence;
pub use run::Ran;
pub use running::Running;
pub(crate) use shim::leave_daemon;
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::error::Kind;
    use crate::stop::Stop;

    fn sh(script: &str, cookie: &str) -> Program {
        let argv = ["sh", "-c", script].map(str::to_owned);
        Program::new(&argv, Path::new("/"), cookie).unwrap()
    }

    /// The script is also the cookie: tests run side by side, and one ends what carries its own.
    async fn run(script: &str, limit_ms: u64) -> Ran {
        let program = sh(script, script);
        program.run(b"", Duration::from_millis(limit_ms), 1000, &Stop::new()).await.unwrap()
    }

    #[tokio::test]
    async fn both_streams_are_kept_in_order_and_the_end_of_them() {
        let ran = run("echo a; echo b >&2; echo c; exit 3", 5000).await;
        assert_eq!((ran.ended, ran.text().as_str()), (Ended::Exit(3), "a\nb\nc\n"));
        let long = run("head -c 5000 /dev/zero; echo end", 5000).await;
        assert_eq!((long.output.len(), long.dropped), (1000, 4004));
        assert!(long.output.ends_with(b"end\n"));
    }

    #[tokio::test]
    async fn time_runs_out_and_a_signal_is_told() {
        assert_eq!(run("sleep 60", 100).await.ended, Ended::TimedOut);
        assert_eq!(run("kill -9 $$", 5000).await.ended, Ended::Signal(9));
    }

    #[tokio::test]
    async fn a_grandchild_that_holds_the_pipe_does_not_hold_us() {
        let begun = Instant::now();
        let script = "setsid sleep 30 & exit 0";
        assert_eq!(run(script, 20_000).await.ended, Ended::Exit(0));
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert!(end_all(script, Duration::from_secs(5)));
    }

    #[tokio::test]
    async fn a_missing_program_is_the_environments_fault() {
        let program =
            Program::new(&["no-such-program-here".to_owned()], Path::new("/"), "t/t").unwrap();
        let error = program.run(b"", Duration::from_secs(1), 10, &Stop::new()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Environment);
        assert!(error.next_step().unwrap().contains("no-such-program-here"));
    }

    #[tokio::test]
    async fn what_gives_way_does_so_from_its_first_instruction_on_and_nobody_else_does() {
        let own = rustix::process::getpriority_process(None).unwrap();
        // As a program that is started without a shell: it has asked before it could be told.
        let program = Program::new(&["nice".to_owned()], Path::new("/"), "test/nice").unwrap();
        let program = program.giving_way();
        for _ in 0..20 {
            let ran = program.run(b"", Duration::from_secs(5), 100, &Stop::new()).await.unwrap();
            assert_eq!(ran.text().trim(), (own + nicely::NICE).min(19).to_string());
        }
        assert_eq!(rustix::process::getpriority_process(None).unwrap(), own);
    }

    #[tokio::test]
    async fn the_environment_is_cleared() {
        let program = sh("env", "test/env").env("EXTRA", "1");
        let ran = program.run(b"", Duration::from_secs(5), 9000, &Stop::new()).await.unwrap();
        let names: Vec<String> =
            ran.text().lines().filter_map(|l| Some(l.split_once('=')?.0.to_owned())).collect();
        assert!(names.iter().any(|n| n == "EXTRA") && names.iter().any(|n| n == COOKIE));
        let known = |n: &String| {
            INHERITED.contains(&n.as_str())
                || ["EXTRA", COOKIE, "PWD", "SHLVL", "_", "OLDPWD"].contains(&n.as_str())
        };
        assert!(names.iter().all(known), "{names:?}");
    }

    #[tokio::test]
    async fn what_a_session_leaves_behind_is_found_by_its_cookie_and_ended() {
        let running = sh("setsid sleep 300 & setsid sleep 300 & read line", "test/left/1")
            .converse()
            .unwrap();
        while carrying("test/left/1").len() < 3 {
            tokio::task::yield_now().await;
        }
        let (ended, left) = running.end(Duration::from_secs(5)).await;
        assert!(matches!(ended, Ended::Exit(_)), "{ended:?}");
        assert_eq!(left, 2);
        assert!(carrying("test/left/1").is_empty());
    }

    #[tokio::test]
    async fn a_child_that_cleared_its_environment_dies_with_its_session() {
        let mark = tempfile::NamedTempFile::new().unwrap();
        let path = mark.path().display();
        let script = format!("env -i setsid sh -c 'echo $$ > {path}; exec sleep 300' & read line");
        let running = sh(&script, "test/bare/1").converse().unwrap();
        let pid = loop {
            if let Ok(pid) = std::fs::read_to_string(mark.path()).unwrap().trim().parse() {
                break pid;
            }
            tokio::task::yield_now().await;
        };
        let (_, left) = running.kill().await;
        assert_eq!(start_time(pid), None);
        assert_eq!(left, 1);
    }

    #[test]
    fn our_own_start_time_is_known_and_stays() {
        let own = std::process::id();
        assert!(start_time(own).is_some());
        assert_eq!(start_time(own), start_time(own));
    }
}
