//! The worlds the contract is run in.

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use shopfloor::holder::WorkerId;
use shopfloor::order::OrderId;
use shopfloor::process::start_time;
use shopfloor::queue::files::{FileQueue, Options};
use shopfloor::queue::memory::MemoryQueue;
use shopfloor::queue::{Enlisted, Queue};
use shopfloor::stages;
use shopfloor::state::State;

use super::World;

/// Seconds an order rests after a crash, in both worlds.
const REST_SECS: u64 = 600;

/// The queue in memory.
pub(crate) struct Memory {
    queue: Arc<MemoryQueue>,
    workers: HashMap<WorkerId, Enlisted>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        let queue = MemoryQueue::new(stages::pipeline(), REST_SECS);
        Self { queue, workers: HashMap::new() }
    }
}

impl World for Memory {
    fn queue(&self) -> Arc<dyn Queue> {
        self.queue.clone()
    }

    fn hire(&mut self) -> WorkerId {
        let enlisted = self.queue.enlist("spec").unwrap();
        let worker = enlisted.worker.clone();
        self.workers.insert(worker.clone(), enlisted);
        worker
    }

    fn kill(&mut self, worker: &WorkerId) {
        drop(self.workers.remove(worker).unwrap());
    }

    fn write_state(&mut self, id: &OrderId, state: &State) {
        assert!(self.queue.kick(id, state, "by hand").unwrap());
    }

    fn lose_index(&mut self) {}
}

/// The queue in a folder.
pub(crate) struct Files {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) queue: Arc<FileQueue>,
    workers: HashMap<WorkerId, Child>,
}

impl Files {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        FileQueue::init(folder.path()).unwrap();
        let options = Options { free_mib: 0, crash_backoff_secs: REST_SECS, ..Options::default() };
        let queue = FileQueue::open(folder.path(), options).unwrap();
        Self { folder, queue, workers: HashMap::new() }
    }
}

impl World for Files {
    fn queue(&self) -> Arc<dyn Queue> {
        self.queue.clone()
    }

    /// A worker is a process: the queue knows it by pid and start time.
    fn hire(&mut self) -> WorkerId {
        let mut sleep = Command::new("sleep");
        let child = sleep.arg("600").stdin(Stdio::null()).spawn().unwrap();
        let start = start_time(child.id()).unwrap();
        let worker = WorkerId::new(child.id(), start, 1);
        self.workers.insert(worker.clone(), child);
        worker
    }

    fn kill(&mut self, worker: &WorkerId) {
        end(&mut self.workers.remove(worker).unwrap());
    }

    fn write_state(&mut self, id: &OrderId, state: &State) {
        let path = self.queue.paper_folder(id).join(".state");
        std::fs::write(path, format!("{state}\n")).unwrap();
    }

    fn lose_index(&mut self) {
        std::fs::remove_dir_all(self.queue.floor().ready()).unwrap();
    }
}

fn end(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

impl Drop for Files {
    fn drop(&mut self) {
        self.workers.values_mut().for_each(end);
    }
}
