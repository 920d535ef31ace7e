//! Where things are: the project, its configuration, the queue and the logs.
//!
//! Flags win, then the environment (`SHOPFLOOR_QUEUE`, `SHOPFLOOR_LOGS`, `SHOPFLOOR_CONFIG`), then the defaults: the project is the git
//! working tree around the working folder, `work-orders` and `logs` are in it, and `shopfloor.toml` is found by walking up.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use shopfloor::config::Config;
use shopfloor::error::{Error, Kind, Result};
use shopfloor::floor::Floor;
use shopfloor::order::OrderId;
use shopfloor::queue::Queue;
use shopfloor::queue::files::{FileQueue, Options};
use shopfloor::workspace::Workspace;

use crate::flags::Places;

/// Where everything of one project is. All paths are absolute.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The folder the person stands in: paths are shown relative to it.
    stands: PathBuf,
    /// The folder the command is for (`-C`).
    folder: PathBuf,
    /// The top of the git working tree around it.
    project: Option<PathBuf>,
    /// The shopfloor.toml that holds, if there is one.
    pub(crate) config: Option<PathBuf>,
    /// The queue's folder.
    queue: Option<PathBuf>,
    /// The logs' folder.
    logs: Option<PathBuf>,
}

impl Place {
    /// Finds everything there is; what is missing is told when it is asked for.
    pub(crate) fn find(given: &Places) -> Result<Self> {
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
    pub(crate) fn given(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// The project's folder.
    pub(crate) fn project(&self) -> Result<&Path> {
        self.project.as_deref().ok_or_else(|| self.no_repository())
    }

    /// The queue's folder.
    pub(crate) fn queue(&self) -> Result<&Path> {
        self.queue.as_deref().ok_or_else(|| self.no_repository())
    }

    /// The logs' folder.
    pub(crate) fn logs(&self) -> Result<&Path> {
        self.logs.as_deref().ok_or_else(|| self.no_repository())
    }

    fn no_repository(&self) -> Error {
        let folder = self.folder.display();
        Error::usage(format!("{folder} is not inside a git repository")).hint(
            "go to your project or give -C DIR; a new one begins with `git init` and a first commit",
        )
    }

    /// The machine's own folder in the queue.
    pub(crate) fn floor(&self) -> Result<Floor> {
        Ok(Floor::of_queue(self.queue()?))
    }

    /// The queue. Told in words of `shopfloor` when there is none.
    pub(crate) fn open_queue(&self) -> Result<Arc<FileQueue>> {
        let folder = self.queue()?;
        if !self.floor()?.identity().is_file() {
            let shown = self.shown(folder);
            return Err(Error::new(Kind::Unfit, format!("there is no queue in {shown}"))
                .hint("run `shopfloor init` in your project, or give --queue DIR"));
        }
        let options = match self.read_config() {
            Ok(Some(config)) => Options {
                free_mib: config.limits.free_mib,
                crash_backoff_secs: config.limits.backoff.as_secs(),
                ..Options::default()
            },
            // A configuration that can't be read is told where it matters.
            Ok(None) | Err(_) => Options::default(),
        };
        FileQueue::open(folder, options)
    }

    /// The configuration, or `None` when there is no file.
    pub(crate) fn read_config(&self) -> Result<Option<Config>> {
        self.config.as_deref().map(Config::load).transpose()
    }

    /// The configuration; an error with the next step when there is none.
    pub(crate) fn need_config(&self) -> Result<Config> {
        self.read_config()?.ok_or_else(|| {
            let folder = self.folder.display();
            Error::usage(format!("there is no shopfloor.toml in {folder} or above it"))
                .hint("run `shopfloor init` in your project, or give --config FILE")
        })
    }

    /// The folder in which `shopfloor.toml` is; relative programs are meant from there.
    pub(crate) fn config_folder(&self) -> &Path {
        self.config.as_deref().and_then(Path::parent).unwrap_or(&self.folder)
    }

    /// An order's folder.
    pub(crate) fn papers(&self, id: &OrderId) -> Result<PathBuf> {
        Ok(self.queue()?.join(id.as_str()))
    }

    /// The folder of all worktrees: `[worktree] root`, else in the person's state folder under the queue's id.
    pub(crate) fn worktrees(&self, config: &Config, queue: &FileQueue) -> Result<PathBuf> {
        if let Some(root) = &config.worktree.root {
            return Ok(self.config_folder().join(root));
        }
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let state = set("XDG_STATE_HOME").map(PathBuf::from);
        let state = state.or_else(|| Some(PathBuf::from(set("HOME")?).join(".local/state")));
        match state {
            Some(state) => Ok(state.join("shopfloor").join(queue.id()).join("worktrees")),
            None => Err(Error::new(Kind::Environment, "neither XDG_STATE_HOME nor HOME is set")
                .hint("set HOME, or `[worktree] root` in shopfloor.toml")),
        }
    }

    /// The git side of the project, as the workers will see it.
    pub(crate) async fn open_workspace(
        &self,
        config: &Config,
        queue: &FileQueue,
    ) -> Result<Workspace> {
        let root = self.worktrees(config, queue)?;
        let base = config.project.base.as_deref();
        let cookie = format!("launcher/{}", std::process::id());
        Workspace::open(self.project()?, &root, base, &self.floor()?.run(), &cookie).await
    }

    /// A path as the person would type it from where they stand.
    pub(crate) fn shown(&self, path: &Path) -> String {
        let near = path.strip_prefix(&self.stands).ok().filter(|near| !near.as_os_str().is_empty());
        near.unwrap_or(path).display().to_string()
    }

    /// Where the person stands.
    pub(crate) fn stands(&self) -> &Path {
        &self.stands
    }
}

/// Waits for a future: `shopfloor` itself needs no more than one thread for that.
pub(crate) fn wait_for<T>(future: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Error::new(Kind::Failed, "failed to start the machinery for waiting").caused_by(error)
    })?;
    Ok(runtime.block_on(future))
}

/// The order that `text` names. An unknown one gets the names that are near to it.
pub(crate) fn order_called(queue: &dyn Queue, text: &str) -> Result<OrderId> {
    // A name that can't be an id can't be an order's either: "not found", with the reason.
    let id = OrderId::parse(text).map_err(|error| error.of_kind(Kind::NotFound))?;
    match queue.look(&id) {
        Ok(Some(_)) => Ok(id),
        // It is there, and broken: whoever asks for it sees how.
        Err(error) if error.kind() == Kind::BrokenOrder => Ok(id),
        Err(error) => Err(error),
        Ok(None) => Err(unknown_order(queue, text)),
    }
}

/// "There is no order of that name", and which one may have been meant.
pub(crate) fn unknown_order(queue: &dyn Queue, text: &str) -> Error {
    let orders = queue.list().map(|listing| listing.orders).unwrap_or_default();
    let near = nearest(text, orders.iter().map(OrderId::as_str));
    let shown = crate::voice::line(text, 80);
    let error = Error::new(Kind::NotFound, format!("there is no order {shown}"));
    match near.as_slice() {
        [] => error.hint("`shopfloor status` shows what there is"),
        near => error.hint(format!("did you mean {}?", near.join(" or "))),
    }
}

/// At most three of `names` that are close to `text`, the closest first.
fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let close = |name: &'a str| {
        let likeness = strsim::jaro_winkler(text, name);
        let begins = !text.is_empty() && name.starts_with(text);
        (begins || likeness > 0.8).then_some((likeness, name))
    };
    let mut near: Vec<(f64, &str)> = names.filter_map(close).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_order_and_nonsense_finds_none() {
        let names = ["item-stacking", "crafting-queue", "resource-nodes"];
        assert_eq!(nearest("item-staking", names.into_iter()), ["item-stacking"]);
        assert_eq!(nearest("craft", names.into_iter()), ["crafting-queue"]);
        assert!(nearest("zzz", names.into_iter()).is_empty());
    }
}
