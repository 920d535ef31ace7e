//! The file queue: one folder per order, `.state` is the truth, a person with `cat` and `echo` is a supported user.
//!
//! `docs/queue-on-disk.md` tells the layout and what may be done by hand. In short: an order moves under its own lock
//! (`mutex`), after `.state` and journal were made to agree (`reconcile`); a move is committed by its journal entry
//! (`journal`) and then applied by a rename (`state_file`). Markers (`ready`, `claims`) are hints that grant nothing.
//! Who lives is asked of locks and processes (`liveness`), never of a clock.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::ready::Index;
use crate::config::Limits;
use crate::error::{Error, Result};
use crate::floor::Floor;
use crate::holder::{Holder, WorkerId};
use crate::order::{OrderId, Request};
use crate::plan::{RollKey, Rules, Tally};
use crate::queue::{
    Bell, Claiming, Created, Enlisted, Grant, Listing, Move, Moved, Note, Order, Queue, Recovered,
    Release, Swept,
};
use crate::stage::Pipeline;
use crate::stages;
use crate::state::State;

// What a file system gives.
mod lock;
mod folder;
mod floor_files;
mod disk;
mod fitness;
mod rights;
mod identity;

// What is in an order's folder.
mod mutex;
mod journal;
mod state_file;
mod hold;
mod request;
mod reconcile;

// What is on the floor.
mod ready;
mod waiting;
mod rolls;
mod claims;
mod liveness;
mod bell;

// What is done with an order.
mod list;
mod persons;
mod several;
mod moves;
mod sweep;
mod survey;
mod mend;
mod recover;

pub use rights::Opening;
pub use survey::Survey;

/// What the queue has to be told.
#[derive(Debug, Clone)]
pub struct Options {
    /// The stages, and so the states that are legal.
    pub pipeline: Pipeline,
    /// Free space in MiB below which nothing new is claimed or made.
    pub free_mib: u64,
    /// Seconds an order rests after a crash.
    pub crash_backoff_secs: u64,
    /// What planning goes by.
    pub rules: Rules,
    /// Try the file system out when the queue is opened. Not for those who only look: a trial writes.
    pub trial: bool,
}

impl Default for Options {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            pipeline: stages::pipeline(),
            free_mib: limits.free_mib,
            crash_backoff_secs: limits.backoff.as_secs(),
            rules: Rules::default(),
            trial: true,
        }
    }
}

/// A queue in a folder.
#[derive(Debug)]
pub struct FileQueue {
    folder: PathBuf,
    floor: Floor,
    id: String,
    index: Index,
    options: Options,
}

impl FileQueue {
    /// Makes a queue in `folder`, or what is missing of one, and opens it. What stands in the folder stays.
    pub fn init(folder: &Path) -> Result<Arc<Self>> {
        floor_files::make_folder(folder)?;
        let floor = Floor::of_queue(folder);
        for part in [floor.ready(), floor.workers(), floor.archive(), floor.tmp(), floor.run()] {
            floor_files::make_folder(&part)?;
        }
        floor_files::make_folder(&floor.root().join("sessions"))?;
        identity::Identity::make(&floor)?;
        folder::sync_folder(floor.root())?;
        folder::sync_folder(folder)?;
        Self::open(folder, Options::default())
    }

    /// Opens the queue in `folder`. Kind `NotFound` when there is none; kind `Unfit` when its format is newer than
    /// this program, its file system can't carry a queue, or others may write it (asked with [`Options::trial`] only).
    pub fn open(folder: &Path, options: Options) -> Result<Arc<Self>> {
        let folder =
            std::path::absolute(folder).map_err(|error| Error::io("find", folder, error))?;
        let floor = Floor::of_queue(&folder);
        let identity = identity::Identity::read(&floor)?;
        if options.trial {
            rights::check(&folder, &floor)?;
        }
        fitness::check(&floor, options.trial)?;
        let index = Index::new(floor.ready(), options.rules.ageing_secs);
        Ok(Arc::new(Self { folder, floor, id: identity.queue, index, options }))
    }

    /// Refuses (kind `DiskFull`) when `folder` has less room than is to be kept free. `folder` exists.
    pub fn check_room(folder: &Path, free_mib: u64) -> Result<()> {
        disk::check(folder, free_mib)
    }

    /// The lock file that a live worker holds.
    pub fn lock_of(&self, worker: &WorkerId) -> PathBuf {
        liveness::lock_path(&self.floor, worker)
    }

    /// The queue's id, a UUID: its worktrees are kept under this name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The folder of the orders.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The machine's own folder in it.
    pub fn floor(&self) -> &Floor {
        &self.floor
    }

    /// The folder of one order, where its papers are. It need not exist.
    pub fn paper_folder(&self, id: &OrderId) -> PathBuf {
        self.folder.join(id.as_str())
    }

    /// An error as it leaves the queue: one about a full disk says how full.
    fn told<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| disk::told(error, &self.folder))
    }
}

impl Queue for FileQueue {
    fn create(&self, id: &OrderId, request: &Request) -> Result<Created> {
        self.told(self.make(id, request))
    }

    fn create_all(&self, orders: &[(OrderId, Request)], hold: &str) -> Result<()> {
        self.told(self.make_all(orders, hold))
    }

    fn list(&self) -> Result<Listing> {
        self.listing()
    }

    fn look(&self, id: &OrderId) -> Result<Option<Order>> {
        self.snapshot(id)
    }

    fn ready(&self, state: &State, most: usize) -> Result<Vec<OrderId>> {
        self.index.due(state, most)
    }

    fn set_aside(&self, order: &Order, key: &str) -> Result<bool> {
        self.told(Self::set_aside(self, order, key))
    }

    fn wake(&self, key: &str) -> Result<usize> {
        self.told(self.wake_all(key))
    }

    fn rouse(&self, order: &Order) -> Result<bool> {
        self.told(self.rouse_from_phase(order))
    }

    fn anybody_waits_for_a_phase(&self) -> Result<bool> {
        self.phase_keys().map(|keys| !keys.is_empty())
    }

    fn waiting_for(&self, id: &OrderId) -> Result<Vec<OrderId>> {
        self.set_aside_for(id)
    }

    fn phases(&self, plan: &str) -> Result<Vec<Tally>> {
        self.tallies(plan)
    }

    fn members(&self, group: &RollKey) -> Result<Vec<(u32, OrderId)>> {
        self.members_of(group)
    }

    fn claim(self: Arc<Self>, id: &OrderId, from: &State, holder: &Holder) -> Result<Claiming> {
        let folder = self.folder.clone();
        self.take(id, from, holder).map_err(|error| disk::told(error, &folder))
    }

    fn advance(
        &self,
        grant: &Grant,
        step: &Move,
        keep: bool,
    ) -> Result<Result<Option<Grant>, String>> {
        self.told(self.step(grant, step, keep))
    }

    fn release(&self, grant: &Grant, release: &Release) -> Result<Moved> {
        self.told(self.give_back(grant, release))
    }

    fn note(&self, grant: &Grant, note: &Note) -> Result<Moved> {
        self.told(self.remark(grant, note))
    }

    fn hold(&self, id: &OrderId, why: &str) -> Result<bool> {
        self.told(self.put_on_hold(id, why))
    }

    fn unhold(&self, id: &OrderId) -> Result<bool> {
        self.told(self.let_off_hold(id))
    }

    fn kick(&self, id: &OrderId, to: &State, why: &str) -> Result<bool> {
        self.told(self.kick_to(id, to, why))
    }

    fn archive(&self, id: &OrderId) -> Result<bool> {
        self.told(self.put_away(id))
    }

    fn enlist(&self, stage: &str) -> Result<Enlisted> {
        self.told(liveness::enlist(&self.floor, stage))
    }

    fn lives(&self, worker: &WorkerId) -> Result<bool> {
        liveness::lives(&self.floor, worker)
    }

    fn recover(&self, undertaker: &dyn Fn(&WorkerId) -> bool) -> Result<Vec<Recovered>> {
        self.told(self.bring_back(undertaker))
    }

    fn give_back_all(&self, enlisted: &Enlisted) -> Result<Vec<(OrderId, State)>> {
        self.told(self.give_back_left(&enlisted.worker))
    }

    fn sweep(&self) -> Result<Swept> {
        self.told(self.sweep_all()).map(Option::unwrap_or_default)
    }

    fn bell(&self, states: &[State]) -> Result<Bell> {
        bell::hang(&self.index, states)
    }
}
