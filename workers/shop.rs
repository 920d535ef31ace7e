//! Everything one worker works with, put together once at its start, and the status it shows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::agent::Agent;
use crate::brief::Prompts;
use crate::config::Config;
use crate::event::What;
use crate::floor::{self, Floor, WorkerStatus};
use crate::gate::Gates;
use crate::holder::SessionId;
use crate::order::OrderId;
use crate::papers::Papers;
use crate::permits::{Permits, Who};
use crate::queue::{Enlisted, Queue};
use crate::sandbox::Standing;
use crate::stage::{Pipeline, Stage, Tree};
use crate::state::State;
use crate::survey::{Bounds, Survey};
use crate::teller::Teller;
use crate::workspace::Workspace;

/// A worker's things. Shared by reference; nothing in it changes.
#[derive(Debug)]
pub struct Shop {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// The worker's stage.
    pub stage: Stage,
    /// What the operator decided.
    pub config: Arc<Config>,
    /// The queue.
    pub queue: Arc<dyn Queue>,
    /// The queue's folder: the orders' papers are in it.
    pub folder: PathBuf,
    /// The machine's own folder.
    pub floor: Floor,
    /// The git side of the project.
    pub workspace: Workspace,
    /// The gates.
    pub gates: Gates,
    /// The agent.
    pub agent: Arc<dyn Agent>,
    /// What stands around it.
    pub standing: Standing,
    /// The HOME of the agent behind walls, kept from session to session.
    pub home: PathBuf,
    /// Tells events.
    pub teller: Teller,
    /// What planning sees of the floor.
    pub survey: Survey,
    /// Permits for agent sessions, where their number is limited.
    pub permits: Option<Permits>,
    /// Our being alive.
    pub enlisted: Enlisted,
    /// How many orders one session may take (the sum of their weights).
    pub batch: usize,
    /// What it is narrowed to.
    pub bounds: Bounds,
    /// The templates of what the agent is told.
    pub prompts: Prompts,
}

impl Shop {
    /// An order's papers.
    pub fn papers(&self, id: &OrderId) -> Papers {
        Papers::at(self.folder.join(id.as_str()))
    }

    /// The mark of everything that is started in `session`.
    pub fn cookie(&self, session: &SessionId) -> String {
        format!("{}/{session}", self.enlisted.worker)
    }

    /// This worker, as one who wants a permit from `since` (unix seconds) on.
    pub fn as_asking(&self, since: u64) -> Who {
        let place = self.pipeline.stages().iter().position(|stage| stage.name == self.stage.name);
        let (stage, worker) = (self.stage.name.to_owned(), self.enlisted.worker.clone());
        Who { stage, place: place.unwrap_or(usize::MAX), worker, since }
    }

    /// True when orders in `state` may be worked on: they have not come as far as they are to go.
    pub fn may_work_in(&self, state: &State) -> bool {
        self.bounds.may_work_in(state, &self.pipeline)
    }

    /// True when the stage has to do with the orders' files.
    pub fn touches_files(&self) -> bool {
        self.stage.tree != Tree::None
    }

    /// Tells an event.
    pub fn tell(&self, what: What) {
        self.teller.tell(what);
    }

    /// Tells a warning.
    pub fn warn(&self, text: impl Into<String>) {
        self.tell(What::Warning { text: text.into() });
    }

    /// The project's test command as a person would type it.
    pub fn test_command(&self) -> String {
        let words = self.config.project.test.command.iter().map(String::as_str);
        shlex::try_join(words).unwrap_or_default()
    }

    /// How many bytes are free where it is tightest - the queue, the project, the worktrees - and which folder that is.
    pub fn tightest(&self) -> (u64, &Path) {
        let folders = [self.folder.as_path(), self.workspace.project(), self.workspace.root()];
        let free = folders.map(|folder| (floor::free_bytes(folder), folder));
        free.into_iter().min_by_key(|(free, _)| *free).unwrap_or((u64::MAX, &self.folder))
    }

    /// Live, idle workers of this stage other than this one.
    pub fn idle_others(&self) -> usize {
        let idle = self.floor.statuses().into_iter().filter(|status| {
            status.idle
                && status.stage == self.stage.name
                && status.worker != self.enlisted.worker
                && self.queue.lives(&status.worker).unwrap_or(false)
        });
        idle.count()
    }
}

/// What a worker shows of itself: kept in memory, put on the floor at each change.
#[derive(Debug)]
pub struct Board {
    floor: Floor,
    /// The status as it was last shown.
    pub status: WorkerStatus,
}

impl Board {
    /// The board of a worker that has just begun.
    pub fn new(shop: &Shop) -> Self {
        let status = WorkerStatus {
            worker: shop.enlisted.worker.clone(),
            stage: shop.stage.name.to_owned(),
            session: None,
            order: None,
            held: Vec::new(),
            doing: "starting".to_owned(),
            idle: false,
            simulated: shop.agent.simulated(),
            sandbox: shop.standing.word().to_owned(),
            batch: shop.batch,
            advanced: 0,
            sessions: 0,
            turns: 0,
            beat: 0,
        };
        Self { floor: shop.floor.clone(), status }
    }

    /// Changes the status and shows it. A status that can't be written is no reason to stop.
    pub fn show(&mut self, change: impl FnOnce(&mut WorkerStatus)) {
        change(&mut self.status);
        self.status.beat = floor::boot_seconds();
        if let Err(error) = self.floor.put_status(&self.status) {
            tracing::debug!(%error, "status not written");
        }
    }

    /// Shows that there is nothing to do.
    pub fn idle(&mut self, doing: &str) {
        if self.status.idle && self.status.doing == doing {
            return;
        }
        self.show(|status| {
            status.session = None;
            status.order = None;
            status.held.clear();
            status.idle = true;
            doing.clone_into(&mut status.doing);
        });
    }
}
