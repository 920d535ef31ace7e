//! The sandbox around an agent: what it may write, what it may read, and which of the machine's means holds it to that.
//!
//! An agent writes to the batch's worktrees and desks, to a TMPDIR and a HOME of its own, and nowhere else. The queue, the
//! base checkout, the repository and the person's home can be read at most; folders that hold keys can't be. The network
//! stays: agents need it. How it is done is one value of [`Wall`] for the room that starts processes.

mod bwrap;
pub mod escape;
mod hidden;
mod landlock;

use std::path::PathBuf;
use std::time::Duration;

use crate::config::Sandbox;
use crate::error::{Error, Kind, Result};
use crate::process::{Program, Wall};
use crate::stop::Stop;

pub use hidden::secrets;

/// How long a trial may take.
const TRIAL: Duration = Duration::from_secs(10);

/// What can hold an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// bubblewrap: mounts and processes of its own.
    Bwrap,
    /// Landlock: the kernel's rules for files, and for signals where it knows them.
    Landlock,
}

impl Means {
    /// Strongest first.
    pub const ALL: [Self; 2] = [Self::Bwrap, Self::Landlock];

    /// Its word in shopfloor.toml.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bwrap => "bwrap",
            Self::Landlock => "landlock",
        }
    }

    /// Tries it out. Why it can't be had here, in words.
    pub async fn tried(self) -> Result<(), String> {
        let folder = std::env::temp_dir();
        let (argv, cookie) = (["true".to_owned()], cookie("trial"));
        let told = |error: &Error| error.in_one_line();
        let mut program = Program::new(&argv, &folder, &cookie).map_err(|e| told(&e))?;
        program.wall = self.wall(&Doors::default()).map_err(|error| told(&error))?;
        if let Wall::Sandbox(words) = &program.wall {
            // The same, as a program of its own: whether there is one is told most clearly so.
            let words = words.iter().map(|word| word.to_string_lossy().into_owned());
            let words: Vec<String> = words.chain(argv).collect();
            program = Program::new(&words, &folder, &cookie).map_err(|e| told(&e))?;
        }
        let ran = program.run(b"", TRIAL, 2000, &Stop::new()).await.map_err(|e| told(&e))?;
        match ran.ok() {
            true => Ok(()),
            false => Err(format!("{}: {}", ran.ended, ran.text().trim())),
        }
    }

    /// The wall with these doors.
    pub fn wall(self, doors: &Doors) -> Result<Wall> {
        match self {
            Self::Bwrap => Ok(Wall::Sandbox(bwrap::argv(doors))),
            Self::Landlock => landlock::fence(doors).map(Wall::Fence),
        }
    }
}

/// What an agent can reach. Every path is absolute; what is not there is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doors {
    /// What it may write.
    pub write: Vec<PathBuf>,
    /// What it may read, also where it lies in a place that is otherwise hidden (as /tmp is).
    pub read: Vec<PathBuf>,
}

/// What stands around a stage's agent on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// One of the means.
    By(Means),
    /// Nothing, and why.
    Open(String),
    /// Nothing, since no model is at work that anybody would have to hold.
    Simulated,
}

impl Standing {
    /// What stands around an agent for which `wanted` is set. An error when what is asked for by name can't be had: an agent
    /// is never started with less than that.
    pub async fn of(wanted: Sandbox, simulated: bool) -> Result<Self> {
        let named = |means: Means, why: String| {
            let told = format!("sandbox = \"{}\" can't be had here: {why}", means.as_str());
            Err(Error::new(Kind::Environment, told).hint(match means {
                Means::Bwrap => "install bubblewrap and allow user namespaces, or set sandbox = \"auto\" for the stage",
                Means::Landlock => "use a kernel with Landlock (6.2 or newer), or set sandbox = \"auto\" for the stage",
            }))
        };
        match wanted {
            Sandbox::None => Ok(Self::Open("sandbox = \"none\"".to_owned())),
            Sandbox::Auto if simulated => Ok(Self::Simulated),
            Sandbox::Bwrap => match Means::Bwrap.tried().await {
                Ok(()) => Ok(Self::By(Means::Bwrap)),
                Err(why) => named(Means::Bwrap, why),
            },
            Sandbox::Landlock => match Means::Landlock.tried().await {
                Ok(()) => Ok(Self::By(Means::Landlock)),
                Err(why) => named(Means::Landlock, why),
            },
            Sandbox::Auto => {
                let mut missing = Vec::new();
                for means in Means::ALL {
                    match means.tried().await {
                        Ok(()) => return Ok(Self::By(means)),
                        Err(why) => missing.push(format!("{}: {why}", means.as_str())),
                    }
                }
                Ok(Self::Open(missing.join("; ")))
            }
        }
    }

    /// The means, where there is one.
    pub fn means(&self) -> Option<Means> {
        match self {
            Self::By(means) => Some(*means),
            Self::Open(_) | Self::Simulated => None,
        }
    }

    /// One word for the status of a worker: `bwrap`, `landlock`, `none` or `simulated`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::By(means) => means.as_str(),
            Self::Open(_) => "none",
            Self::Simulated => "simulated",
        }
    }
}

/// What stands around one session's agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walls {
    /// What holds it.
    pub means: Means,
    /// What it can reach; its driver adds what it needs itself.
    pub doors: Doors,
}

/// A cookie that is nobody else's: what carries it is ended when a trial is over, and five workers that start together all have
/// theirs at that moment.
fn cookie(who: &str) -> String {
    format!("sandbox/{}-{:016x}/{who}", std::process::id(), fastrand::u64(..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_asked_for_by_name_and_not_there_is_an_error_and_nothing_is_told_with_its_reason()
     {
        // A unit test has no shim, so it has no Landlock either.
        let error = Standing::of(Sandbox::Landlock, true).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Environment);
        assert!(error.to_string().contains("can't be had here"), "{error}");
        assert_eq!(Standing::of(Sandbox::Auto, true).await.unwrap(), Standing::Simulated);
        let open = Standing::of(Sandbox::None, false).await.unwrap();
        assert_eq!((open.word(), open.means()), ("none", None));
    }
}
