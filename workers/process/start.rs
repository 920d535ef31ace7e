//! Starting a program, and the hold we have on it until it has ended.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};

use super::nicely::nicely;
use super::shim::{self, Line, Order, Words};
use super::tree::Family;
use super::{COOKIE, Program, Wall, inherited};
use crate::error::{Error, Kind, Result};

/// How long what was killed may take to end.
pub(super) const FIRM: Duration = Duration::from_secs(2);
/// How long a keeper may take to end everything before we do without it.
const KEEPER_LIMIT: Duration = Duration::from_secs(5);

impl Program {
    /// Starts it; `streams` says where they go.
    pub(super) fn start(&self, streams: impl FnOnce(&mut Command)) -> Result<(Child, Hold)> {
        let (mut command, line) = self.command()?;
        command.current_dir(&self.dir).env_clear().process_group(0);
        command.envs(inherited()).envs(&self.env).env(COOKIE, &self.cookie);
        streams(&mut command);
        let started = if self.gives_way { nicely(&mut command) } else { command.spawn() };
        let child = started.map_err(|error| self.not_started(error))?;
        let group = Group::of(&child);
        Ok((child, Hold::new(group, line, &self.cookie)))
    }

    fn command(&self) -> Result<(Command, Option<Line>)> {
        let (mut words, fence) = match &self.wall {
            Wall::None => (Vec::new(), None),
            Wall::Sandbox(argv) => (argv.clone(), None),
            Wall::Fence(fence) => (Vec::new(), Some(fence.clone())),
        };
        let walled = !words.is_empty();
        words.push(self.program.clone());
        words.extend(self.args.iter().cloned());
        let kept = self.kept || self.wall != Wall::None;
        let Some(executable) = shim::executable().filter(|_| kept) else {
            if fence.is_some() {
                let told = format!("failed to start {}", self.program.display());
                return Err(Error::new(Kind::Environment, told)
                    .hint("its sandbox is made by the shim, and this program has none"));
            }
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]);
            return Ok((command, None));
        };
        // The shim would find out later, when nobody can be told as clearly.
        self.find().map_err(|error| self.not_started(error))?;
        let line = Line::new().map_err(|error| self.not_started(error))?;
        let words = Words::new(line.ends(), walled, fence, words);
        let mut command = Command::new(executable);
        command.args(words.args()).arg0("shopfloor-guard");
        Ok((command, Some(line)))
    }

    /// Looks for the program as starting it would.
    fn find(&self) -> std::io::Result<PathBuf> {
        let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
        std::fs::metadata(&self.dir)?;
        let runs = |path: PathBuf| -> std::io::Result<PathBuf> {
            let facts = std::fs::metadata(&path)?;
            if facts.is_file() && facts.permissions().mode() & 0o111 != 0 {
                return Ok(path);
            }
            Err(std::io::Error::from(std::io::ErrorKind::PermissionDenied))
        };
        if self.program.as_encoded_bytes().contains(&b'/') {
            return runs(self.dir.join(&self.program));
        }
        let own = self.env.get(&OsString::from("PATH")).cloned();
        let path = own.or_else(|| std::env::var_os("PATH")).ok_or_else(missing)?;
        let mut last = missing();
        for folder in std::env::split_paths(&path) {
            match runs(self.dir.join(folder).join(&self.program)) {
                Ok(found) => return Ok(found),
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => last = error,
                Err(_) => {}
            }
        }
        Err(last)
    }

    fn not_started(&self, error: std::io::Error) -> Error {
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
        Error::new(Kind::Environment, format!("failed to start {name}")).caused_by(error).hint(hint)
    }
}

/// True when there is no room for one more process.
fn is_too_much(error: &std::io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::AGAIN | Errno::NOMEM))
}

/// The hold we have on a program that was started: on its process group, or on its keeper. Dropping it kills.
#[derive(Debug)]
pub(super) struct Hold {
    group: Group,
    line: Option<Line>,
    cookie: String,
    /// What belonged to it when it was counted last, where no keeper does.
    family: Family,
    keeper: Option<u32>,
    left: usize,
}

impl Hold {
    fn new(group: Group, line: Option<Line>, cookie: &str) -> Self {
        let (cookie, family) = (cookie.to_owned(), Family::none());
        Self { group, line, cookie, family, keeper: None, left: 0 }
    }

    /// Looks who belongs to it, where no keeper does that. Once it knows that it is to end it may be gone at once, and a
    /// child that cleared its environment is found by nothing then.
    pub(super) async fn count(&mut self) {
        if self.line.is_some() {
            return;
        }
        let cookie = self.cookie.clone();
        let looked = tokio::task::spawn_blocking(move || Family::of(&cookie)).await;
        self.family.join(looked.unwrap_or_else(|_| Family::none()));
    }

    /// Asks it to end.
    pub(super) fn ask(&self) {
        match &self.line {
            Some(line) => line.tell(Order::Ask),
            None => self.group.signal(Signal::TERM),
        }
    }

    /// Kills it and returns at once. What a keeper keeps ends with it.
    pub(super) fn kill(&self) {
        match &self.line {
            Some(line) => line.tell(Order::End),
            None => self.group.signal(Signal::KILL),
        }
    }

    /// Kills what is left of it and waits until that is so. How many processes outlived the program.
    pub(super) async fn finish(&mut self, child: &mut Child) -> usize {
        if self.line.is_none() {
            self.count().await;
            self.group.signal(Signal::KILL);
            drop(child.wait().await);
            return self.left_by().await;
        }
        self.kill();
        if tokio::time::timeout(KEEPER_LIMIT, child.wait()).await.is_err() {
            // Somebody stopped the keeper, or the guard. Each does the other's work.
            self.hear();
            self.kill_keeper();
            drop(tokio::time::timeout(KEEPER_LIMIT, child.wait()).await);
            self.group.signal(Signal::KILL);
            drop(child.wait().await);
        }
        self.hear();
        self.swept().await;
        self.left
    }

    /// Waits until nothing carries its cookie any more: a keeper whose guard was killed is still at work.
    async fn swept(&self) {
        let cookie = self.cookie.clone();
        let swept = tokio::task::spawn_blocking(move || super::end_all(&cookie, 2 * KEEPER_LIMIT));
        drop(swept.await);
    }

    fn hear(&mut self) {
        let Some(line) = &self.line else { return };
        let report = line.report();
        self.keeper = report.keeper.or(self.keeper);
        self.left = self.left.max(report.left);
    }

    fn kill_keeper(&self) {
        let keeper = self.keeper.filter(|&pid| shim::is_stage(pid));
        if let Some(keeper) = keeper.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            let _gone = rustix::process::kill_process(keeper, Signal::KILL);
        }
    }

    async fn left_by(&mut self) -> usize {
        let (cookie, family) = (self.cookie.clone(), std::mem::take(&mut self.family));
        let left = tokio::task::spawn_blocking(move || {
            let left = super::carrying(&cookie).len();
            super::end_all(&cookie, Duration::from_secs(10));
            left + family.end(FIRM)
        });
        left.await.unwrap_or(0)
    }

    /// Lets go without waiting for anything longer than need be.
    pub(super) fn drop_now(&mut self) {
        match self.line.take() {
            // Its end tells the keeper.
            Some(line) => drop(line),
            None => self.group.signal(Signal::KILL),
        }
        super::end_all(&self.cookie, FIRM);
    }

    /// True when a keeper sees to what the program leaves.
    pub(super) fn is_kept(&self) -> bool {
        self.line.is_some()
    }
}

/// A process group that dies with this value.
#[derive(Debug)]
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(id as i32)))
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.0 {
            // A group that is gone is what we want.
            let _gone = rustix::process::kill_process_group(pid, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
