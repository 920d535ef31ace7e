//! The floor: the machine's own folder inside the queue's, `.floor/`. Only paths, and the two small files that
//! every program reads: the status of each worker and the breaker of each stage.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::holder::{SessionId, WorkerId};
use crate::order::OrderId;
use crate::state::State;

/// Paths of the machine's own folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Floor {
    root: PathBuf,
}

/// What one worker is doing, as `status` shows it. Written by rename, without fsync: it may be stale or missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// The worker process.
    pub worker: WorkerId,
    /// Its stage's name.
    pub stage: String,
    /// The session it runs, if any.
    pub session: Option<SessionId>,
    /// The order whose turn it is, if any.
    pub order: Option<OrderId>,
    /// Orders it holds.
    pub held: Vec<OrderId>,
    /// What it is doing, one line.
    pub doing: String,
    /// True when it holds nothing and waits for orders.
    pub idle: bool,
    /// True when its agent is a simulation.
    pub simulated: bool,
    /// What stands around its agent: `bwrap`, `landlock`, `none` or `simulated`. Empty where that is not known.
    #[serde(default)]
    pub sandbox: String,
    /// Its batch size.
    pub batch: usize,
    /// Orders it has moved on since it started.
    pub advanced: u64,
    /// Sessions it has opened since it started.
    pub sessions: u64,
    /// Turns it has given since it started.
    pub turns: u64,
    /// Monotonic seconds (`CLOCK_BOOTTIME`) of the last write.
    pub beat: u64,
}

/// A stage that pauses because its machine or set-up failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// The stage's name.
    pub stage: String,
    /// Unix seconds until which nothing of this stage is claimed.
    pub until: u64,
    /// How many times in a row it opened.
    pub count: u32,
    /// What failed, one line.
    pub why: String,
    /// What a person does about it.
    pub mend: String,
}

/// The longest that anything waits for a time that was written down, seconds: a week (the longest usage limit) and a day.
/// A time further away was made by a clock that jumped, or by a hand, and counts as now.
pub const LONGEST_WAIT_SECS: u64 = 8 * 24 * 3600;

impl Floor {
    /// The floor of the queue in `queue`.
    pub fn of_queue(queue: &Path) -> Self {
        Self { root: queue.join(".floor") }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `ready/`: empty markers, an index that may be deleted at any time.
    pub fn ready(&self) -> PathBuf {
        self.root.join("ready")
    }

    /// `workers/`: one lock and one status per worker process.
    pub fn workers(&self) -> PathBuf {
        self.root.join("workers")
    }

    /// `sessions/<sid>/`.
    pub fn session(&self, session: &SessionId) -> PathBuf {
        self.root.join("sessions").join(session.as_str())
    }

    /// `homes/<name>`: the HOME of a worker's agents.
    pub fn home(&self, name: &str) -> PathBuf {
        self.root.join("homes").join(name)
    }

    /// `archive/`: finished orders, moved whole.
    pub fn archive(&self) -> PathBuf {
        self.root.join("archive")
    }

    /// The state in which an order was put into the archive; `None` when it is not there (or only as FAILED).
    pub fn archived_state(&self, id: &OrderId) -> Option<State> {
        let words = self.archived(id).into_iter();
        let words = words.filter_map(|path| std::fs::read_to_string(path.join(".state")).ok());
        words.filter_map(|word| State::parse(word.trim()).ok()).find(|s| *s != State::FAILED)
    }

    /// `line/`: the orders that have begun to touch files and have not landed.
    pub fn line(&self) -> PathBuf {
        self.root.join("line")
    }

    /// `permits/`: how many agent sessions may run at once, and who has one.
    pub fn permits(&self) -> PathBuf {
        self.root.join("permits")
    }

    /// The folders in the archive of orders with this name, the one that was put away first at the beginning.
    pub fn archived(&self, id: &OrderId) -> Vec<PathBuf> {
        let months = std::fs::read_dir(self.archive()).into_iter().flatten().flatten();
        let mut months: Vec<PathBuf> = months.map(|month| month.path()).collect();
        months.sort();
        let of_month = |month: PathBuf| {
            // A second order of the same name is put away as `<id>~2`. Nothing is listed: there may be very many.
            let copies = (2..).map(|copy| format!("{id}~{copy}"));
            let names = std::iter::once(id.to_string()).chain(copies);
            let paths: Vec<PathBuf> =
                names.map(|name| month.join(name)).take_while(|path| path.exists()).collect();
            paths
        };
        months.into_iter().flat_map(of_month).collect()
    }

    /// The folders of all orders in the archive.
    pub fn all_archived(&self) -> Vec<PathBuf> {
        let months = std::fs::read_dir(self.archive()).into_iter().flatten().flatten();
        let orders = months.flat_map(|month| std::fs::read_dir(month.path()).into_iter().flatten());
        orders.flatten().map(|order| order.path()).filter(|path| path.is_dir()).collect()
    }

    /// `tmp/`: where things are built before they are renamed into place.
    pub fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// `run/`: locks and switches of the whole floor.
    pub fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// `cache/`: results that may be deleted at any time (the test results of base commits).
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// `queue.json`.
    pub fn identity(&self) -> PathBuf {
        self.root.join("queue.json")
    }

    /// `events.jsonl`: every event of every worker, one JSON object a line.
    pub fn events(&self) -> PathBuf {
        self.root.join("events.jsonl")
    }

    /// Writes a worker's status by rename.
    pub fn put_status(&self, status: &WorkerStatus) -> Result<()> {
        let path = self.workers().join(format!("{}.json", status.worker));
        replace(&path, &serde_json::to_vec(status).unwrap_or_default())
    }

    /// Takes a worker's status away, at its good end.
    pub fn remove_status(&self, worker: &WorkerId) {
        drop(std::fs::remove_file(self.workers().join(format!("{worker}.json"))));
    }

    /// The status files that are there and readable. Whether their workers live is not asked here.
    pub fn statuses(&self) -> Vec<WorkerStatus> {
        let Ok(entries) = std::fs::read_dir(self.workers()) else { return Vec::new() };
        let json = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "json"));
        let mut all: Vec<WorkerStatus> = json
            .filter_map(|path| serde_json::from_slice(&std::fs::read(path).ok()?).ok())
            .collect();
        all.sort_by(|a, b| (&a.stage, &a.worker).cmp(&(&b.stage, &b.worker)));
        all
    }

    fn breaker_path(&self, stage: &str) -> PathBuf {
        self.run().join(format!("breaker-{stage}.json"))
    }

    /// The breaker of a stage, if it is open. One whose time can't be has had it.
    pub fn breaker(&self, stage: &str) -> Option<Breaker> {
        let text = std::fs::read(self.breaker_path(stage)).ok()?;
        let mut breaker: Breaker = serde_json::from_slice(&text).ok()?;
        let now = unix_now();
        if breaker.until.saturating_sub(now) > LONGEST_WAIT_SECS {
            breaker.until = now;
        }
        Some(breaker)
    }

    /// Opens a breaker.
    pub fn open_breaker(&self, breaker: &Breaker) -> Result<()> {
        let path = self.breaker_path(&breaker.stage);
        replace(&path, &serde_json::to_vec(breaker).unwrap_or_default())
    }

    /// Closes a breaker; true if it was open.
    pub fn close_breaker(&self, stage: &str) -> bool {
        std::fs::remove_file(self.breaker_path(stage)).is_ok()
    }
}

/// Replaces a small file whole, by rename from a file we created. Not synced: for files that may be lost.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        std::io::Write::write_all(&mut file, bytes)?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|error| Error::io("write", path, error))
}

/// Bytes that are free for us where `folder` is; without limit where that can't be found out.
pub fn free_bytes(folder: &Path) -> u64 {
    rustix::fs::statvfs(folder)
        .map_or(u64::MAX, |facts| facts.f_bavail.saturating_mul(facts.f_frsize))
}

/// Seconds of wall-clock time since 1970.
pub fn unix_now() -> u64 {
    unix_time().as_secs()
}

/// Wall-clock time since 1970; none before it.
pub fn unix_time() -> std::time::Duration {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap_or_default()
}

/// Seconds since boot, suspend included.
pub fn boot_seconds() -> u64 {
    rustix::time::clock_gettime(rustix::time::ClockId::Boottime).tv_sec.try_into().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breaker_opens_and_closes() {
        let folder = tempfile::tempdir().unwrap();
        let floor = Floor::of_queue(folder.path());
        std::fs::create_dir_all(floor.run()).unwrap();
        let breaker = Breaker {
            stage: "spec".to_owned(),
            until: 5,
            count: 1,
            why: "w".to_owned(),
            mend: "m".to_owned(),
        };
        assert_eq!(floor.breaker("spec"), None);
        floor.open_breaker(&breaker).unwrap();
        assert_eq!(floor.breaker("spec"), Some(breaker));
        assert!(floor.close_breaker("spec") && !floor.close_breaker("spec"));
    }
}
