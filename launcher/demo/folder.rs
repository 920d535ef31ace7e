//! The demo's temporary folder: the project (a real git repository with a small crate), its queue, the worktrees, and
//! what the simulated agent plays from.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use shopfloor::error::{Error, Kind, Result};
use shopfloor::place::{Given, Place};
use shopfloor::process::{Program, Ran};
use shopfloor::stop::Stop;
use tempfile::TempDir;

use super::settings::{Agent, TEST};
use crate::waiting::cookie;

/// The crate, file by file.
const CRATE: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("wordcraft/Cargo.toml")),
    ("Cargo.lock", include_str!("wordcraft/Cargo.lock")),
    (".gitignore", include_str!("wordcraft/.gitignore")),
    ("src/lib.rs", include_str!("wordcraft/src/lib.rs")),
    ("tests/words.rs", include_str!("wordcraft/tests/words.rs")),
];

const SCENARIO: &str = include_str!("scenario.toml");

/// The longest one command may take while the folder is furnished.
const LIMIT: Duration = Duration::from_secs(120);

/// The folder. It is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    temporary: TempDir,
    root: PathBuf,
}

impl Folder {
    /// An empty one.
    pub(super) fn make() -> Result<Self> {
        let parent = std::env::temp_dir();
        let failed = |error| Error::io("make a folder in", &parent, error);
        let temporary = tempfile::Builder::new()
            .prefix("shopfloor-demo-")
            .tempdir_in(&parent)
            .map_err(failed)?;
        let root = temporary.path().canonicalize().map_err(failed)?;
        if root.to_str().is_none() {
            let told = format!("the path {} is not UTF-8 text", root.display());
            return Err(Error::usage(told).hint("set TMPDIR to another folder"));
        }
        Ok(Self { temporary, root })
    }

    /// The project.
    pub(super) fn project(&self) -> PathBuf {
        self.root.join("wordcraft")
    }

    /// The folder of all worktrees.
    pub(super) fn worktrees(&self) -> PathBuf {
        self.root.join("worktrees")
    }

    /// What the simulated agent plays.
    pub(super) fn scenario(&self) -> PathBuf {
        self.root.join("scenario.toml")
    }

    /// The file to which each simulated model call adds a line.
    pub(super) fn calls(&self) -> PathBuf {
        self.root.join("model-calls")
    }

    /// The folder itself.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where everything of the project is; nothing of it is taken from the person's environment.
    pub(super) fn place(&self) -> Result<Place> {
        let project = self.project();
        Place::find(&Given {
            queue: Some(project.join("work-orders")),
            logs: Some(project.join("logs")),
            config: Some(project.join("shopfloor.toml")),
            dir: Some(project),
        })
    }

    /// `shopfloor` for this project, ready to be started.
    pub(super) fn shopfloor(&self, args: &[&str]) -> Result<Command> {
        let own = std::env::current_exe().map_err(|error| {
            Error::new(Kind::Environment, "failed to find where shopfloor itself is")
                .caused_by(error)
        })?;
        let mut command = Command::new(own);
        for name in ["SHOPFLOOR_QUEUE", "SHOPFLOOR_LOGS", "SHOPFLOOR_CONFIG"] {
            command.env_remove(name);
        }
        command.args(args).current_dir(self.project());
        Ok(command)
    }

    /// Puts everything into it: the crate, whose tests must pass, its first commit, and what `shopfloor init` makes.
    /// Nothing more is begun once somebody asked to stop.
    pub(super) async fn furnish(&self, agent: &Agent, stop: &Stop) -> Result<()> {
        for (name, text) in CRATE {
            write(&self.project().join(name), text)?;
        }
        write(&self.project().join("shopfloor.toml"), &agent.config(self))?;
        write(&self.scenario(), SCENARIO)?;
        let tested = self
            .run(&TEST, "install Rust (https://rustup.rs), or put its cargo on PATH", stop)
            .await?;
        if !tested.ok() && !stop.is_now() {
            let told = format!(
                "the tests of the demo's crate do not run on this machine: `{}` ended with {}:\n{}",
                TEST.join(" "),
                tested.ended,
                tested.text().trim_end()
            );
            return Err(Error::new(Kind::Environment, told).hint(
                "mend what it says: the demo needs a Rust that works (cargo, rustc, a linker)",
            ));
        }
        self.git(&["init", "--quiet", "--template=", "--initial-branch=main"], stop).await?;
        self.git(&["config", "user.name", "The demo"], stop).await?;
        self.git(&["config", "user.email", "demo@localhost"], stop).await?;
        self.git(&["add", "--all"], stop).await?;
        self.git(&["commit", "--quiet", "--message=wordcraft: what is a word"], stop).await?;
        if stop.draining() { Ok(()) } else { self.init() }
    }

    fn init(&self) -> Result<()> {
        let ran = self.shopfloor(&["init"])?.output().map_err(|error| {
            Error::new(Kind::Environment, "failed to start `shopfloor init`").caused_by(error)
        })?;
        if ran.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&ran.stderr);
        Err(Error::new(Kind::Failed, format!("`shopfloor init` failed in the demo: {said}")))
    }

    /// Runs git in the project with nothing of the person's settings; its output.
    pub(super) async fn git(&self, args: &[&str], stop: &Stop) -> Result<String> {
        let words: Vec<&str> = ["git"].iter().chain(args).copied().collect();
        let ran =
            self.run(&words, "install git 2.38 or newer, and see that it is on PATH", stop).await?;
        if ran.ok() || stop.is_now() {
            return Ok(ran.text());
        }
        let told = format!("`git {}` ended with {}: {}", args.join(" "), ran.ended, ran.text());
        Err(Error::new(Kind::Environment, told.trim_end()))
    }

    async fn run(&self, words: &[&str], hint: &str, stop: &Stop) -> Result<Ran> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let program = Program::new(&words, &self.project(), &cookie())?
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        program.run(b"", LIMIT, 16 * 1024, stop).await.map_err(|error| error.hint(hint))
    }

    /// Removes it.
    pub(super) fn remove(self) -> Result<()> {
        let root = self.root;
        self.temporary.close().map_err(|error| Error::io("remove", &root, error))
    }

    /// Leaves it where it is; its path.
    pub(super) fn keep(self) -> PathBuf {
        let _path = self.temporary.keep();
        self.root
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(|error| Error::io("make", folder, error))?;
    std::fs::write(path, text).map_err(|error| Error::io("write", path, error))
}
