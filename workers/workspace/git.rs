//! The one way git is called.
//!
//! No call looks for its repository: the repository, the working tree and the index are always named, so a `.git`
//! file that was changed or deleted leads nowhere. Calls name the project's shared folder and never a worktree's own
//! (where an agent's settings, index and locks are), and use index files of ours.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::settings::{self, Pairs, Settings};
use crate::error::{Error, Kind, Result};
use crate::process::{Ended, Program};
use crate::stop::Stop;

/// The longest one call may take: adding the files of a very large worktree for the first time.
const LIMIT: Duration = Duration::from_secs(900);

/// Everything a call needs to know.
#[derive(Debug, Clone)]
pub(super) struct Git {
    /// The repository's shared folder, absolute and without symlinks.
    pub(super) common: PathBuf,
    /// An empty folder of ours: the working tree of calls that look at objects and refs only.
    pub(super) nowhere: PathBuf,
    /// The folder above which no repository may be looked for.
    pub(super) ceiling: PathBuf,
    /// Marks our processes.
    pub(super) cookie: String,
    /// The settings of every call.
    pub(super) settings: Settings,
    /// Name and address of our commits.
    pub(super) identity: (String, String),
    /// Major and minor version.
    pub(super) version: (u32, u32),
    /// Ends every call, and every wait for a lock, when an end is wanted at once.
    pub(super) stop: Stop,
}

/// What git answered.
#[derive(Debug)]
pub(super) struct Said {
    /// Its exit code.
    pub(super) code: i32,
    /// Its standard output.
    pub(super) output: Vec<u8>,
    /// Its standard error.
    pub(super) remarks: String,
    doing: String,
}

/// One call to be made.
#[derive(Debug)]
#[must_use]
pub(super) struct Call<'a> {
    git: &'a Git,
    doing: String,
    git_dir: PathBuf,
    work_tree: PathBuf,
    index: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    drivers: bool,
    input: Vec<u8>,
    most: usize,
}

impl Git {
    /// A call that looks at objects and refs only. `doing` reads on from "failed to".
    pub(super) fn call<S: AsRef<OsStr>>(&self, doing: impl Into<String>, args: &[S]) -> Call<'_> {
        Call {
            git: self,
            doing: doing.into(),
            git_dir: self.common.clone(),
            work_tree: self.nowhere.clone(),
            index: self.nowhere.join("no-index"),
            args: args.iter().map(|arg| arg.as_ref().to_owned()).collect(),
            env: Vec::new(),
            drivers: false,
            input: Vec::new(),
            most: usize::MAX,
        }
    }
}

impl Call<'_> {
    /// One more argument.
    pub(super) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// The same call on the files in `work_tree`, which `index` (a file of ours) knows. Only what the operator trusts
    /// filters their content.
    pub(super) fn on_files(mut self, work_tree: &Path, index: &Path) -> Self {
        self.work_tree = work_tree.to_owned();
        self.index = index.to_owned();
        self.with_drivers()
    }

    /// The same call in another of the repository's folders (a worktree's own).
    pub(super) fn in_git_dir(mut self, git_dir: &Path) -> Self {
        self.git_dir = git_dir.to_owned();
        self
    }

    /// The same call, which may use filters or merge drivers.
    pub(super) fn with_drivers(mut self) -> Self {
        self.drivers = true;
        self
    }

    /// One more variable.
    pub(super) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// What it reads.
    pub(super) fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Keep only the first bytes of the answer.
    pub(super) fn most(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// Makes the call. Any exit code is an answer; a signal or a time-out is an error.
    pub(super) async fn said(self) -> Result<Said> {
        let mut pairs = self.git.settings.pairs.clone();
        if self.drivers {
            let list = self.program(&["config", "--list", "-z"].map(OsString::from), &pairs);
            let listed = run(&list, "read git's settings", &[], usize::MAX, &self.git.stop);
            let listed = listed.await?.checked()?;
            pairs.extend(self.git.settings.drivers_off(&settings::parse(&listed)));
        }
        let program = self.program(&self.args, &pairs);
        run(&program, &self.doing, &self.input, self.most, &self.git.stop).await
    }

    /// Makes the call, which must end with code 0.
    pub(super) async fn done(self) -> Result<Vec<u8>> {
        self.said().await?.checked()
    }

    /// Makes the call and gives the one line it answers.
    pub(super) async fn line(self) -> Result<String> {
        let output = self.done().await?;
        Ok(String::from_utf8_lossy(&output).trim_end().to_owned())
    }

    fn program(&self, args: &[OsString], pairs: &Pairs) -> Program {
        let mut words: Vec<OsString> = Vec::with_capacity(args.len() + 2);
        words.push(named("--git-dir=", &self.git_dir));
        words.push(named("--work-tree=", &self.work_tree));
        words.extend(args.iter().cloned());
        let (name, email) = &self.git.identity;
        let mut program = plain(&self.work_tree, &self.git.cookie, words, pairs)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_CEILING_DIRECTORIES", &self.git.ceiling)
            .env("GIT_INDEX_FILE", &self.index)
            .env("GIT_LITERAL_PATHSPECS", "1")
            .env("GIT_AUTHOR_NAME", name)
            .env("GIT_AUTHOR_EMAIL", email)
            .env("GIT_COMMITTER_NAME", name)
            .env("GIT_COMMITTER_EMAIL", email);
        program.env.extend(self.env.iter().cloned());
        program
    }
}

impl Said {
    /// The output of a call that ended with code 0, or the error.
    pub(super) fn checked(self) -> Result<Vec<u8>> {
        if self.code == 0 { Ok(self.output) } else { Err(self.error()) }
    }

    /// The answer as an error.
    pub(super) fn error(&self) -> Error {
        let lines = self.remarks.lines().filter(|line| !line.trim().is_empty());
        let mut lines: Vec<&str> = lines.collect();
        // The reason is among the last lines; before it there may be thousands of warnings.
        lines.drain(..lines.len().saturating_sub(5));
        let why: String = lines.join("; ").chars().take(1000).collect();
        let full = ["No space left on device", "Disk quota exceeded"];
        let full = full.iter().any(|words| self.remarks.contains(words));
        let kind = if full { Kind::DiskFull } else { Kind::Failed };
        let message = format!("failed to {}: git ended with code {}: {why}", self.doing, self.code);
        let error = Error::new(kind, message);
        if full {
            error.hint("free some space on that file system; nothing was lost")
        } else {
            error
        }
    }
}

/// A git call in `dir` with what every call has, before anything is known of a project: it looks for the repository and reads
/// the operator's own settings.
pub(super) fn plain(dir: &Path, cookie: &str, args: Vec<OsString>, pairs: &Pairs) -> Program {
    let mut program = Program {
        program: "git".into(),
        args,
        dir: dir.to_owned(),
        env: std::collections::BTreeMap::new(),
        cookie: cookie.to_owned(),
        gives_way: false,
        kept: false,
        wall: crate::process::Wall::None,
    }
    .env("LC_ALL", "C")
    .env("GIT_TERMINAL_PROMPT", "0")
    .env("GIT_OPTIONAL_LOCKS", "0")
    .env("GIT_ASKPASS", "false")
    .env("SSH_ASKPASS", "false")
    .env("GIT_PAGER", "cat")
    .env("GIT_EDITOR", "true")
    // Wins over every `protocol.<name>.allow`; no protocol has this name.
    .env("GIT_ALLOW_PROTOCOL", "none")
    .env("GIT_NO_LAZY_FETCH", "1")
    // An agent could put other content in an object's place.
    .env("GIT_NO_REPLACE_OBJECTS", "1")
    .env("GIT_GRAFT_FILE", "/dev/null")
    .env("GIT_CONFIG_COUNT", pairs.len().to_string());
    // Not `-c name=value`: that splits at the first `=`, and the name of a driver may hold one.
    for (at, (name, value)) in pairs.iter().enumerate() {
        program = program
            .env(format!("GIT_CONFIG_KEY_{at}"), name)
            .env(format!("GIT_CONFIG_VALUE_{at}"), value);
    }
    program
}

/// True for a program that was not found.
fn is_missing(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref());
    cause.is_some_and(|cause: &std::io::Error| cause.kind() == std::io::ErrorKind::NotFound)
}

/// Runs it. `doing` reads on from "failed to".
pub(super) async fn run(
    program: &Program,
    doing: &str,
    input: &[u8],
    most: usize,
    stop: &Stop,
) -> Result<Said> {
    let captured = program.capture(input, LIMIT, most, stop).await;
    let captured = captured.map_err(|error| match program.dir.is_dir() && is_missing(&error) {
        true => error.hint("install git 2.38 or newer, and see that it is found in PATH"),
        false => error,
    })?;
    let remarks = String::from_utf8_lossy(&captured.remarks).into_owned();
    match captured.ended {
        Ended::Exit(code) => {
            Ok(Said { code, output: captured.output, remarks, doing: doing.to_owned() })
        }
        Ended::TimedOut => {
            let minutes = LIMIT.as_secs() / 60;
            Err(Error::new(
                Kind::TimedOut,
                format!("failed to {doing}: {minutes} minutes were over"),
            ))
        }
        ended @ (Ended::Signal(_) | Ended::Stopped) => {
            Err(Error::new(Kind::Environment, format!("failed to {doing}: git ended by {ended}")))
        }
    }
}

/// `--name=` and a path of any bytes.
fn named(name: &str, path: &Path) -> OsString {
    let mut word = OsString::from(name);
    word.push(path);
    word
}
