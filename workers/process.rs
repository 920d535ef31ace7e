//! The only room that starts processes: own group, cleared environment, a limit, output somewhere, polite then firm.
//!
//! Every process we start carries a cookie in its environment, `SHOPFLOOR_COOKIE=<worker>/<session>`. What a dead
//! worker left behind is found by it: killing a process group is not enough, since agents start each shell command in
//! a session of its own. A process that clears its environment *and* loses its parents escapes this; a sandbox is the
//! answer to that.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal};
use tokio::io::AsyncWriteExt as _;

use crate::awake;
use crate::error::{Error, Kind, Result};
use crate::stop::Stop;

mod capture;
mod ended;
mod nicely;
mod tail;
mod tree;
pub use capture::Captured;
pub use ended::Ended;
use nicely::nicely;
use tail::Tail;
use tree::Family;
pub use tree::{carrying, end_all, start_time};

/// The variable that marks everything we started.
pub const COOKIE: &str = "SHOPFLOOR_COOKIE";

/// How long what was told to end may take.
const FIRM: Duration = Duration::from_secs(2);

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
        })
    }

    /// The same at low priority.
    #[must_use]
    pub fn giving_way(mut self) -> Self {
        self.gives_way = true;
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

    fn command(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.program);
        command.args(&self.args).current_dir(&self.dir).env_clear();
        command.envs(inherited()).envs(&self.env).env(COOKIE, &self.cookie).process_group(0);
        command
    }

    fn spawn(&self, mut command: tokio::process::Command) -> Result<tokio::process::Child> {
        let started = if self.gives_way { nicely(&mut command) } else { command.spawn() };
        started.map_err(|error| {
            let name = self.program.to_string_lossy();
            let missing = error.kind() == std::io::ErrorKind::NotFound;
            let hint = if missing && !self.dir.is_dir() {
                format!("its working folder {} is gone", self.dir.display())
            } else if missing {
                format!("install {name}, or correct its name in shopfloor.toml")
            } else if is_too_much(&error) {
                "the machine can start nothing more: look at the limit of processes (ulimit -u) and at memory"
                    .to_owned()
            } else {
                format!("check that {name} is a program this machine can run")
            };
            Error::new(Kind::Environment, format!("failed to start {name}"))
                .caused_by(error)
                .hint(hint)
        })
    }

    /// Starts it with its three streams as pipes, for a conversation. It dies with the returned value.
    pub fn converse(&self) -> Result<Running> {
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.spawn(command)?;
        let group = Group::of(&child);
        Ok(Running { child, group, cookie: self.cookie.clone(), ended: false })
    }

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
        let mut command = self.command();
        command.stdout(writer.try_clone().map_err(failed)?).stderr(writer);
        command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() });
        let mut child = self.spawn(command)?;
        let group = Group::of(&child);
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
        let family = match ended {
            Ended::TimedOut | Ended::Stopped => Some(family(&self.cookie).await),
            Ended::Exit(_) | Ended::Signal(_) => None,
        };
        group.kill();
        drop(child.wait().await);
        if let Some(family) = family {
            drop(tokio::task::spawn_blocking(move || family.end(FIRM)).await);
        }
        // The rest of what it printed; a grandchild outside the group may hold the pipe open for ever.
        drop(tokio::time::timeout(Duration::from_secs(1), tail.read_all(&mut output)).await);
        Ok(Ran { ended, output: tail.kept(), dropped: tail.dropped, took: begun.elapsed() })
    }
}

/// True when there is no room for one more process.
fn is_too_much(error: &std::io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::AGAIN | Errno::NOMEM))
}

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

/// A process we talk to. Dropping it kills its group and everything that carries its cookie.
#[derive(Debug)]
pub struct Running {
    /// The process and its pipes.
    pub child: tokio::process::Child,
    group: Group,
    cookie: String,
    ended: bool,
}

impl Running {
    /// Kills its process group and returns at once; `child.wait()` then tells the end. What stands outside the
    /// group is for [`Running::end`].
    pub fn kill_group(&self) {
        self.group.kill();
    }

    /// Ends it: close its input and wait `grace`, then TERM, then KILL, then whatever else carries its cookie.
    /// Says how it ended and how many processes outlived it (they are dead now).
    pub async fn end(self, grace: Duration) -> (Ended, usize) {
        let family = family(&self.cookie).await;
        self.end_with(family, grace).await
    }

    async fn end_with(mut self, family: Family, grace: Duration) -> (Ended, usize) {
        drop(self.child.stdin.take());
        let mut ended = tokio::time::timeout(grace, self.child.wait())
            .await
            .ok()
            .map(|status| Ended::of(&status));
        if ended.is_none() {
            self.group.signal(Signal::TERM);
            ended =
                tokio::time::timeout(FIRM, self.child.wait()).await.ok().map(|_| Ended::Stopped);
        }
        self.group.kill();
        let ended = match ended {
            Some(ended) => ended,
            None => {
                drop(self.child.wait().await);
                Ended::Stopped
            }
        };
        let cookie = self.cookie.clone();
        let left = tokio::task::spawn_blocking(move || {
            let left = carrying(&cookie).len();
            end_all(&cookie, Duration::from_secs(10));
            left + family.end(FIRM)
        });
        let left = left.await.unwrap_or(0);
        self.ended = true;
        (ended, left)
    }

    /// Kills it and everything that carries its cookie, at once.
    pub async fn kill(self) -> (Ended, usize) {
        let family = family(&self.cookie).await;
        self.group.kill();
        self.end_with(family, Duration::ZERO).await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            self.group.kill();
            end_all(&self.cookie, Duration::from_secs(2));
        }
    }
}

async fn family(cookie: &str) -> Family {
    let cookie = cookie.to_owned();
    let looked = tokio::task::spawn_blocking(move || Family::of(&cookie));
    looked.await.unwrap_or_else(|_| Family::none())
}

/// A process group that dies with this value.
#[derive(Debug)]
struct Group(Option<Pid>);

impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(id as i32)))
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.0 {
            // A group that is gone is what we want.
            let _gone = rustix::process::kill_process_group(pid, signal);
        }
    }

    fn kill(&self) {
        self.signal(Signal::KILL);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
