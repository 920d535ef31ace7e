//! One look at everything: asks each room in turn, and goes on where one of them can't be asked.

use std::collections::BTreeSet;
use std::path::Path;

use shopfloor::config::Config;
use shopfloor::error::{Error, Kind};
use shopfloor::floor::Floor;
use shopfloor::order::OrderId;
use shopfloor::place::Place;
use shopfloor::queue::files::FileQueue;
use shopfloor::stages::{self, STAGES};
use shopfloor::state::State;
use shopfloor::workspace::{Branch, Workspace};

use super::finding::{Finding, Weight};
use super::sandbox::{self, Tried};
use super::tools::{self, Tool};
use super::worktrees::{self, Obstacle, Standing, Standings};
use super::{folders, index, machine, orders, repository, workers};
use crate::preflight;
use crate::snapshot::{self, Snapshot};
use crate::voice::{line, moment};
use crate::waiting::{cookie, wait_for};

/// What one look found.
#[derive(Debug, Default)]
pub(crate) struct Examined {
    /// What is wrong first.
    pub(crate) findings: Vec<Finding>,
    /// The programs that are needed.
    pub(crate) tools: Vec<Tool>,
    /// What could be done from inside the sandboxes that there are.
    pub(crate) tried: Vec<Tried>,
    /// How many orders were looked at.
    pub(crate) orders: usize,
    /// How many workers live.
    pub(crate) workers: usize,
    /// The queue could not be opened.
    pub(crate) shut: bool,
}

impl Examined {
    /// True when something stops work or puts it at risk.
    pub(crate) fn any_wrong(&self) -> bool {
        self.findings.iter().any(|finding| finding.weight == Weight::Wrong)
    }
}

/// One look at everything.
pub(crate) fn examine(place: &Place) -> Examined {
    let mut seen = Examined::default();
    let config = configuration(place, &mut seen.findings);
    let queue = match place.open_queue_to_look() {
        Ok(queue) => Some(queue),
        Err(error) => {
            seen.shut = true;
            seen.findings.push(shut(place, &error));
            None
        }
    };
    if let Some(queue) = &queue
        && let Err(error) = of_queue(queue, &config, place, &mut seen)
    {
        seen.findings.push(Finding::of_error("unfit-queue", place.shown(queue.folder()), &error));
    }
    if let Ok(project) = place.project() {
        seen.findings.extend(repository::look(project, &|path| place.shown(path)));
    }
    of_machine(queue.as_deref(), &config, place, &mut seen);
    let (tools, findings) = tools::look(&config, place);
    seen.tools = tools;
    seen.findings.extend(findings);
    let (tried, findings) = sandbox::look(&config, place);
    seen.tried = tried;
    seen.findings.extend(findings);
    // Of several that say the same, one.
    let mut told: Vec<Finding> = Vec::new();
    for finding in seen.findings {
        if !told.contains(&finding) {
            told.push(finding);
        }
    }
    told.sort_by_key(|finding| finding.weight);
    Examined { findings: told, ..seen }
}

fn configuration(place: &Place, findings: &mut Vec<Finding>) -> Config {
    let read = place.need_config().and_then(|config| {
        config.check_stages(&stages::pipeline())?;
        Ok(config)
    });
    read.unwrap_or_else(|error| {
        let file =
            place.config.as_deref().map_or("shopfloor.toml".to_owned(), |path| place.shown(path));
        findings.push(Finding::of_error("configuration", file, &error));
        Config::default()
    })
}

/// Why there is no queue to look at.
fn shut(place: &Place, error: &Error) -> Finding {
    let there = place.floor().is_ok_and(|floor| floor.identity().is_file());
    let folder = place.queue().map_or_else(|_| String::new(), |folder| place.shown(folder));
    Finding::of_error(if there { "unfit-queue" } else { "no-queue" }, folder, error)
}

/// Everything about the queue, and what its orders left in the repository.
fn of_queue(
    queue: &FileQueue,
    config: &Config,
    place: &Place,
    seen: &mut Examined,
) -> Result<(), Error> {
    // A trial writes; on a full disk that is told with how full it is.
    let unfit = place.open_queue().err().filter(|error| error.kind() != Kind::DiskFull);
    let shown = |path: &Path| place.shown(path);
    let (floor, folder) = (queue.floor(), queue.folder());
    let survey = index::survey(queue)?;
    let all = Snapshot::of(queue, floor)?;
    seen.orders = survey.orders.len() + all.broken.len();
    seen.findings.extend(orders::look(&survey, &all, &|id, file| {
        shown(&folder.join(id.as_str()).join(file))
    }));
    let (live, findings) = workers::look(queue, &survey, &shown);
    seen.workers = live;
    seen.findings.extend(findings);
    let ids: Vec<OrderId> =
        all.orders.keys().cloned().chain(all.broken.iter().map(|(id, _)| id.clone())).collect();
    let found = folders::look(folder, &ids, &all.strange, &shown);
    // Workers refuse a queue that others may write: that is told once, as what it is.
    let known = |one: &Finding| {
        one.is_about_rights() && [folder, floor.root()].map(&shown).contains(&one.place)
    };
    let unfit = unfit.filter(|_| !found.iter().any(known));
    seen.findings.extend(found);
    seen.findings
        .extend(unfit.map(|error| Finding::of_error("unfit-queue", shown(folder), &error)));
    seen.findings.extend(index::look(&survey, &shown(&floor.ready()), &shown(&floor.tmp())));
    seen.findings.extend(paused(floor));
    if place.project().is_ok() {
        let looked = wait_for(of_repository(queue, config, place, &all, live));
        seen.findings.extend(looked??);
    }
    Ok(())
}

/// Stages that pause, as `status` shows them.
fn paused(floor: &Floor) -> Vec<Finding> {
    let open = snapshot::breakers(floor).into_iter().map(|breaker| {
        let until = moment(breaker.until);
        let what =
            format!("stage {} pauses until {until}: {}", breaker.stage, line(&breaker.why, 200));
        Finding::note("paused-stage", breaker.stage, what, breaker.mend)
    });
    open.collect()
}

/// What the git side of the project says.
async fn of_repository(
    queue: &FileQueue,
    config: &Config,
    place: &Place,
    all: &Snapshot,
    live: usize,
) -> Result<Vec<Finding>, Error> {
    let workspace = match place.open_workspace(config, queue, &cookie()).await {
        Ok(workspace) => workspace,
        Err(error) => {
            return Ok(vec![repository::unopened(&place.shown(place.project()?), &error)]);
        }
    };
    let (worktrees, branches) = left_there(&workspace).await?;
    let archived = archived(queue.floor());
    let landed = |id: &OrderId| branches.iter().any(|branch| branch.order == *id && branch.landed);
    let standing = |id: &OrderId| match all.orders.get(id) {
        Some(order) if order.state == State::READY_FOR_REVIEW && landed(id) => {
            Standing::Landed(order.history.generation)
        }
        Some(_) => Standing::InWork,
        // Whatever stands under that name may be brought to order again.
        None if queue.folder().join(id.as_str()).symlink_metadata().is_ok() => Standing::InWork,
        None if archived.contains(id) => Standing::Archived,
        None => Standing::Gone,
    };
    let obstacle = match () {
        () if config.worktree.root.is_some() => Some(Obstacle::SharedRoot),
        () if live > 0 => Some(Obstacle::Workers),
        () => None,
    };
    let root = place.shown(workspace.root());
    let there = Standings { root, worktrees: &worktrees, branches: &branches, obstacle };
    Ok(worktrees::look(&there, &standing))
}

async fn left_there(workspace: &Workspace) -> Result<(Vec<OrderId>, Vec<Branch>), Error> {
    Ok((workspace.worktrees()?, workspace.branches().await?))
}

/// The orders in the archive, however they ended.
fn archived(floor: &Floor) -> BTreeSet<OrderId> {
    let months = std::fs::read_dir(floor.archive()).into_iter().flatten().flatten();
    let orders = months.flat_map(|month| std::fs::read_dir(month.path()).into_iter().flatten());
    let names = orders.flatten().filter_map(|order| {
        // A second order of the same name is put away as `<id>~2`.
        OrderId::parse(order.file_name().to_str()?.split('~').next()?).ok()
    });
    names.collect()
}

/// Room, watches, and logs.
fn of_machine(queue: Option<&FileQueue>, config: &Config, place: &Place, seen: &mut Examined) {
    let worktrees = queue.and_then(|queue| place.worktrees(config, queue).ok());
    let folders =
        [place.queue().ok(), place.project().ok(), worktrees.as_deref(), place.logs().ok()];
    let folders: Vec<&Path> = folders.into_iter().flatten().collect();
    let shown = |path: &Path| place.shown(path);
    seen.findings.extend(machine::rooms(&folders, config.limits.free_mib, &shown));
    let wanted: usize = STAGES.iter().map(|stage| config.parallel_for(stage.name)).sum();
    let more = wanted.saturating_sub(seen.workers) as u64;
    let inotify = machine::Inotify::read(Path::new("/proc/sys/fs/inotify"));
    seen.findings.extend(inotify.and_then(|inotify| inotify.judge(more)));
    if let Some(logs) = place.logs().ok().filter(|logs| logs.exists())
        && let Err(error) = preflight::logs_are_writable(logs)
    {
        let what = format!("logs can't be written ({error}); the work goes on without them");
        let mend = "make it a folder that you may write, or give --logs DIR";
        seen.findings.push(Finding::note("logs", place.shown(logs), what, mend));
    }
}
