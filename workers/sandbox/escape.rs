//! A real attempt to escape: what an agent should not be able to do is tried from inside, with nothing but harmless marks.
//!
//! A program of ours is started as an agent would be, behind the same walls, and tries. What it says it could is believed;
//! what can be seen from outside (a process that was killed, one that lives on) is looked at from outside.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use super::{Doors, Means, cookie};
use crate::error::{Error, Kind, Result};
use crate::process::{Program, start_time};
use crate::stop::Stop;

/// The first argument of the program that tries.
const WORD: &str = "--escape-attempts";
/// How long it may take.
const LIMIT: Duration = Duration::from_secs(20);
/// How long a daemon that should be dead is watched, and how often it would show itself.
const WATCH: Duration = Duration::from_millis(400);

/// Something that is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attempt {
    /// The one thing that must be possible.
    OwnWorktree,
    /// A new file in the queue.
    Queue,
    /// The word of an order's state.
    OrderState,
    /// A new file in the base checkout.
    BaseCheckout,
    /// A new file in the repository.
    Repository,
    /// A new file in the worktree of an order that is not its own.
    OtherWorktree,
    /// A new file in the person's home.
    Home,
    /// A new file in /etc.
    System,
    /// Keys and logins in the person's home.
    Secrets,
    /// Killing a process that it did not start.
    Kill,
    /// The memory of the process that watches it.
    Memory,
    /// A daemon that lives on: two forks, a session of its own, no environment.
    Outlive,
}

impl Attempt {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::OwnWorktree,
        Self::Queue,
        Self::OrderState,
        Self::BaseCheckout,
        Self::Repository,
        Self::OtherWorktree,
        Self::Home,
        Self::System,
        Self::Secrets,
        Self::Kill,
        Self::Memory,
        Self::Outlive,
    ];

    /// In words that follow "it could".
    pub fn told(self) -> &'static str {
        match self {
            Self::OwnWorktree => "write to its own worktree",
            Self::Queue => "write to the queue",
            Self::OrderState => "change the state of an order",
            Self::BaseCheckout => "write to the base checkout",
            Self::Repository => "write to the project's .git",
            Self::OtherWorktree => "write to another order's worktree",
            Self::Home => "write to your home",
            Self::System => "write to /etc",
            Self::Secrets => "read keys and logins in your home",
            Self::Kill => "kill a process that it did not start",
            Self::Memory => "read the memory of another process",
            Self::Outlive => "leave a daemon behind",
        }
    }

    /// True for what no agent should be able to do.
    pub fn is_escape(self) -> bool {
        self != Self::OwnWorktree
    }
}

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Could {
    /// It could.
    Yes,
    /// It could not.
    No,
    /// There is nothing of the kind here.
    NothingThere,
}

/// Where it tries. Nothing in these places is changed, but for a file that is made and taken away again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Targets {
    /// A folder in the queue.
    pub queue: PathBuf,
    /// The state of some order.
    pub state: Option<PathBuf>,
    /// The project.
    pub project: PathBuf,
    /// Its repository.
    pub git: PathBuf,
    /// The person's home.
    pub home: PathBuf,
    /// Where keys and logins are.
    pub secrets: Vec<PathBuf>,
    /// A folder of the person who asks, for the worktrees of two orders that are none.
    pub scratch: PathBuf,
}

/// What the program that tries is told.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    targets: Targets,
    own: PathBuf,
    other: PathBuf,
    stranger: u32,
    watcher: u32,
}

impl Told {
    /// The file that an attempt makes. Whether it is there is seen from outside: what was written to a folder that stands in
    /// another's place did not get out.
    fn mark(&self, attempt: Attempt) -> Option<PathBuf> {
        let folder = match attempt {
            Attempt::OwnWorktree => &self.own,
            Attempt::Queue => &self.targets.queue,
            Attempt::BaseCheckout => &self.targets.project,
            Attempt::Repository => &self.targets.git,
            Attempt::OtherWorktree => &self.other,
            Attempt::Home => &self.targets.home,
            Attempt::System => Path::new("/etc"),
            Attempt::OrderState
            | Attempt::Secrets
            | Attempt::Kill
            | Attempt::Memory
            | Attempt::Outlive => return None,
        };
        Some(folder.join(format!(".escape-attempt-{}", self.watcher)))
    }
}

/// To be called first in `main`: `Some` when this process was the one that tries.
pub fn serve() -> Option<ExitCode> {
    let mut args = std::env::args().skip(1);
    (args.next()? == WORD).then_some(())?;
    let Some(told) = args.next().and_then(|told| serde_json::from_str::<Told>(&told).ok()) else {
        return Some(ExitCode::from(crate::error::exit::USAGE));
    };
    let tried: Vec<(Attempt, Could)> =
        Attempt::ALL.into_iter().map(|attempt| (attempt, tried(attempt, &told))).collect();
    let text = serde_json::to_string(&tried).unwrap_or_default();
    drop(writeln!(std::io::stdout(), "{text}"));
    Some(ExitCode::from(crate::error::exit::OK))
}

fn tried(attempt: Attempt, told: &Told) -> Could {
    let targets = &told.targets;
    match attempt {
        Attempt::OwnWorktree
        | Attempt::Queue
        | Attempt::BaseCheckout
        | Attempt::Repository
        | Attempt::OtherWorktree
        | Attempt::Home
        | Attempt::System => could(told.mark(attempt).is_some_and(|path| make(&path))),
        Attempt::OrderState => match &targets.state {
            Some(path) => could(OpenOptions::new().write(true).open(path).is_ok()),
            None => Could::NothingThere,
        },
        Attempt::Secrets if targets.secrets.is_empty() => Could::NothingThere,
        Attempt::Secrets => could(targets.secrets.iter().any(|path| reads(path))),
        Attempt::Kill => {
            let pid = i32::try_from(told.stranger).ok().and_then(Pid::from_raw);
            could(pid.is_some_and(|pid| rustix::process::kill_process(pid, Signal::KILL).is_ok()))
        }
        Attempt::Memory => could(File::open(format!("/proc/{}/mem", told.watcher)).is_ok()),
        Attempt::Outlive => daemon(&told.own),
    }
}

fn could(it: bool) -> Could {
    if it { Could::Yes } else { Could::No }
}

fn make(path: &Path) -> bool {
    OpenOptions::new().write(true).create_new(true).open(path).is_ok()
}

/// True when there is something to be read there.
fn reads(path: &Path) -> bool {
    match path.is_dir() {
        true => std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()),
        false => std::fs::read(path).is_ok_and(|bytes| !bytes.is_empty()),
    }
}

/// Starts a daemon that writes to `own` for as long as it lives. Whether it lives on is seen from outside.
fn daemon(own: &Path) -> Could {
    could(crate::process::leave_daemon("while :; do echo . >> beat; sleep 0.05; done", own))
}

/// Tries everything from behind walls of this kind (`None`: without any), in the folders of `targets`. `executable` is a
/// program whose `main` begins with [`serve`].
pub async fn attempts(
    means: Option<Means>,
    targets: &Targets,
    executable: &Path,
) -> Result<Vec<(Attempt, Could)>> {
    let name = means.map_or("none", Means::as_str);
    let (own, other) = (targets.scratch.join(name), targets.scratch.join(format!("{name}-other")));
    for folder in [&own, &other] {
        std::fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
    }
    let sleep = ["sleep".to_owned(), "60".to_owned()];
    let stranger = Program::new(&sleep, &own, &cookie("stranger"))?;
    let stranger = stranger.converse()?;
    let told = Told {
        targets: targets.clone(),
        own: own.clone(),
        other: other.clone(),
        stranger: stranger.child.id().unwrap_or(0),
        watcher: std::process::id(),
    };
    let words = serde_json::to_string(&told).map_err(|error| {
        Error::new(Kind::Failed, "failed to tell where to try").caused_by(error)
    })?;
    let argv = [executable.display().to_string(), WORD.to_owned(), words];
    let mut program = Program::new(&argv, &own, &cookie("attempts"))?.kept();
    if let Some(means) = means {
        let read = vec![targets.project.clone(), targets.git.clone(), targets.queue.clone()];
        let read = [read, vec![executable.to_owned(), other]].concat();
        program.wall = means.wall(&Doors { write: vec![own.clone()], read })?;
    }
    let ran = program.run(b"", LIMIT, 100_000, &Stop::new()).await?;
    let text = ran.text();
    let mut tried: Vec<(Attempt, Could)> =
        serde_json::from_str(text.lines().next().unwrap_or_default()).map_err(|_| {
            let told = format!("the attempt to escape came to no end ({}): {text}", ran.ended);
            Error::new(Kind::Environment, told)
        })?;
    for (attempt, came) in &mut tried {
        match attempt {
            Attempt::Kill => *came = killed(&stranger),
            Attempt::Outlive => *came = lives(&own.join("beat")).await,
            _ => {
                if let Some(mark) = told.mark(*attempt) {
                    *came = could(std::fs::remove_file(mark).is_ok());
                }
            }
        }
    }
    let _ended = stranger.kill().await;
    Ok(tried)
}

fn killed(stranger: &crate::process::Running) -> Could {
    let gone = stranger.child.id().is_none_or(|pid| start_time(pid).is_none());
    could(gone)
}

/// True when the daemon still writes.
async fn lives(beat: &Path) -> Could {
    let written = || std::fs::metadata(beat).map_or(0, |facts| facts.len());
    let before = written();
    tokio::time::sleep(WATCH).await;
    could(written() > before)
}
