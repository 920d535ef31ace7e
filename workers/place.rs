//! Where things are: the project, its configuration, the queue and the logs.
//!
//! Flags win, then the environment (`SHOPFLOOR_QUEUE`, `SHOPFLOOR_LOGS`, `SHOPFLOOR_CONFIG`), then the defaults: the project is the git
//! working tree around the working folder, `work-orders` and `logs` are in it, and `shopfloor.toml` is found by walking up.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::brief::{self, Prompts};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::floor::Floor;
use crate::order::OrderId;
use crate::plan::Rules;
use crate::queue::Queue;
use crate::queue::files::{FileQueue, Options};
use crate::stage::{Pipeline, Stage};
use crate::stages;
use crate::survey::Survey;
use crate::workspace::Workspace;

/// What a person gave on the command line or in the environment; `None` is the default.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Do as if started in this folder.
    pub dir: Option<PathBuf>,
    /// The queue's folder.
    pub queue: Option<PathBuf>,
    /// The logs' folder.
    pub logs: Option<PathBuf>,
    /// The configuration file.
    pub config: Option<PathBuf>,
}

/// Where everything of one project is. All paths are absolute.
#[derive(Debug, Clone)]
pub struct Place {
    /// The folder the person stands in: paths are shown relative to it.
    stands: PathBuf,
    /// The folder the command is for (`-C`).
    folder: PathBuf,
    /// The top of the git working tree around it.
    project: Option<PathBuf>,
    /// The shopfloor.toml that holds, if there is one.
    pub config: Option<PathBuf>,
    /// The queue's folder.
    queue: Option<PathBuf>,
    /// The logs' folder.
    logs: Option<PathBuf>,
}

impl Place {
    /// Finds everything there is; what is missing is told when it is asked for.
    pub fn find(given: &Given) -> Result<Self> {
        let here = Path::new(".");
        let stands = std::env::current_dir()
            .map_err(|error| Error::io("find the working folder", here, error))?;
        let folder = match &given.dir {
            None => stands.clone(),
            Some(dir) => std::fs::canonicalize(stands.join(dir)).map_err(|error| {
                Error::io("change to the folder", dir, error).of_kind(Kind::Usage)
            })?,
        };
        let project = folder.ancestors().find(|above| above.join(".git").exists());
        let project = project.map(Path::to_owned);
        let config = match &given.config {
            Some(path) => Some(folder.join(path)),
            None => Config::find(&folder),
        };
        let queue = given.queue.as_ref().map(|path| folder.join(path));
        let queue = queue.or_else(|| project.as_ref().map(|project| project.join("work-orders")));
        let beside = project.clone().or_else(|| queue.as_ref()?.parent().map(Path::to_owned));
        let logs = given.logs.as_ref().map(|path| folder.join(path));
        let logs = logs.or_else(|| beside.map(|beside| beside.join("logs")));
        Ok(Self { stands, folder, project, config, queue, logs })
    }

    /// A path given on the command line.
    pub fn given(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// The project's folder.
    pub fn project(&self) -> Result<&Path> {
        self.project.as_deref().ok_or_else(|| self.no_repository())
    }

    /// The queue's folder.
    pub fn queue(&self) -> Result<&Path> {
        self.queue.as_deref().ok_or_else(|| self.no_repository())
    }

    /// The logs' folder.
    pub fn logs(&self) -> Result<&Path> {
        self.logs.as_deref().ok_or_else(|| self.no_repository())
    }

    fn no_repository(&self) -> Error {
        let folder = self.folder.display();
        let has = |name: &str| self.folder.join(name).exists();
        if has("HEAD") && has("objects") && has("refs") {
            let told = format!("{folder} is a bare git repository: there are no files to work on");
            return Error::usage(told).hint(format!("work in a clone: git clone {folder} FOLDER"));
        }
        Error::usage(format!("{folder} is not inside a git repository")).hint(
            "go to your project or give -C DIR; a new one begins with `git init` and a first commit",
        )
    }

    /// The machine's own folder in the queue.
    pub fn floor(&self) -> Result<Floor> {
        Ok(Floor::of_queue(self.queue()?))
    }

    /// The templates of what agents are told: a project's own lie beside its `shopfloor.toml`.
    pub fn prompts(&self, stages: &[Stage]) -> Result<Prompts> {
        Prompts::load(&self.prompts_folder(), stages)
    }

    /// The folder of a project's own templates.
    pub fn prompts_folder(&self) -> PathBuf {
        self.config_folder().join(brief::FOLDER)
    }

    /// The queue, only to look at it and to clean up: also on a disk that is full or read-only.
    pub fn open_queue_to_look(&self) -> Result<Arc<FileQueue>> {
        self.open_queue_with(Options { trial: false, ..Options::default() })
    }

    /// The queue, with the pipeline that shopfloor comes with.
    pub fn open_queue(&self) -> Result<Arc<FileQueue>> {
        self.open_queue_for(&stages::pipeline())
    }

    /// The queue, with the states of `pipeline`. Told in words of `shopfloor` when there is none.
    pub fn open_queue_for(&self, pipeline: &Pipeline) -> Result<Arc<FileQueue>> {
        self.open_queue_with(Options { pipeline: pipeline.clone(), ..Options::default() })
    }

    fn open_queue_with(&self, mut options: Options) -> Result<Arc<FileQueue>> {
        let folder = self.queue()?;
        if !self.floor()?.identity().is_file() {
            let shown = self.shown(folder);
            return Err(Error::new(Kind::Unfit, format!("there is no queue in {shown}"))
                .hint("run `shopfloor init` in your project, or give --queue DIR"));
        }
        // A configuration that can't be read is told where it matters.
        if let Ok(Some(config)) = self.read_config() {
            options.free_mib = config.limits.free_mib;
            options.crash_backoff_secs = config.limits.backoff.as_secs();
            options.rules = Rules::from(&config.floor);
        }
        FileQueue::open(folder, options)
    }

    /// The configuration, or `None` when there is no file.
    pub fn read_config(&self) -> Result<Option<Config>> {
        self.config.as_deref().map(Config::load).transpose()
    }

    /// The configuration; an error with the next step when there is none.
    pub fn need_config(&self) -> Result<Config> {
        self.read_config()?.ok_or_else(|| {
            let folder = self.folder.display();
            Error::usage(format!("there is no shopfloor.toml in {folder} or above it"))
                .hint("run `shopfloor init` in your project, or give --config FILE")
        })
    }

    /// The folder in which `shopfloor.toml` is; relative programs are meant from there.
    pub fn config_folder(&self) -> &Path {
        self.config.as_deref().and_then(Path::parent).unwrap_or(&self.folder)
    }

    /// An order's folder.
    pub fn papers(&self, id: &OrderId) -> Result<PathBuf> {
        Ok(self.queue()?.join(id.as_str()))
    }

    /// The folder of all worktrees: `[worktree] root`, else in the person's state folder under the queue's id.
    pub fn worktrees(&self, config: &Config, queue: &FileQueue) -> Result<PathBuf> {
        if let Some(root) = &config.worktree.root {
            return Ok(self.config_folder().join(root));
        }
        match state() {
            Some(state) => Ok(state.join(queue.id()).join("worktrees")),
            None => Err(Error::new(Kind::Environment, "neither XDG_STATE_HOME nor HOME is set")
                .hint("set HOME, or `[worktree] root` in shopfloor.toml")),
        }
    }

    /// The folder of the build slots, which all queues of a person on this machine share: in the state folder, or on the
    /// floor where there is none.
    pub fn slots(&self) -> Result<PathBuf> {
        Ok(match state() {
            Some(state) => state.join("slots"),
            None => self.floor()?.run(),
        })
    }

    /// What planning sees of the floor.
    pub fn survey(
        &self,
        config: &Config,
        queue: Arc<dyn Queue>,
        pipeline: &Pipeline,
    ) -> Result<Survey> {
        let folder = self.queue()?.to_owned();
        Ok(Survey::new(queue, self.floor()?, folder, pipeline.clone(), config))
    }

    /// The git side of the project, as the workers will see it.
    pub async fn open_workspace(
        &self,
        config: &Config,
        queue: &FileQueue,
        cookie: &str,
    ) -> Result<Workspace> {
        let root = self.worktrees(config, queue)?;
        let base = config.project.base.as_deref();
        Workspace::open(self.project()?, &root, base, &self.floor()?.run(), cookie).await
    }

    /// A path as the person would type it from where they stand.
    pub fn shown(&self, path: &Path) -> String {
        let near = path.strip_prefix(&self.stands).ok().filter(|near| !near.as_os_str().is_empty());
        near.unwrap_or(path).display().to_string()
    }

    /// Where the person stands.
    pub fn stands(&self) -> &Path {
        &self.stands
    }
}

/// The person's own folder for what shopfloor keeps outside of projects.
fn state() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let state = set("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or_else(|| Some(PathBuf::from(set("HOME")?).join(".local/state")))?;
    Some(state.join("shopfloor"))
}
