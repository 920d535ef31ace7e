//! The file queue on a machine that is watched: a person acts between two calls, a process dies at one of them, the power
//! goes.
#![expect(clippy::unwrap_used, reason = "a test that can't set its scene fails")]

mod edits;
mod power;
mod power_cuts;
mod watched;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shopfloor::queue::files::machine::Linux;
use shopfloor::queue::files::{FileQueue, Options};
use shopfloor::queue::{Move, Queue};
use shopfloor::state::State;

use watched::{Watch, Watched};

/// A queue in a folder of its own, with the order `a` in it.
struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    /// An empty queue.
    fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        FileQueue::init(&folder.path().join("queue")).unwrap();
        Self { folder }
    }

    fn queue_folder(&self) -> PathBuf {
        self.folder.path().join("queue")
    }

    /// The queue as somebody sees it whose calls `watch` sees.
    fn seen_by(&self, watch: Arc<dyn Watch>) -> Arc<dyn Queue> {
        let machine = Arc::new(Watched::new(Arc::new(Linux), watch));
        FileQueue::open_on(&self.queue_folder(), options(), machine).unwrap()
    }

    /// The queue as anybody sees it.
    fn queue(&self) -> Arc<dyn Queue> {
        FileQueue::open(&self.queue_folder(), options()).unwrap()
    }

    fn paper(&self, name: &str) -> PathBuf {
        self.queue_folder().join("a").join(name)
    }

    /// What `cat .state` shows.
    fn word(&self) -> String {
        fs::read_to_string(self.paper(".state")).unwrap_or_default().trim().to_owned()
    }

    fn journal(&self) -> String {
        fs::read_to_string(self.paper("events.jsonl")).unwrap()
    }
}

fn options() -> Options {
    Options { free_mib: 0, trial: false, ..Options::default() }
}

fn forward(to: State) -> Move {
    Move::forward(to, "test")
}

/// True for a path that ends in `name`.
fn is(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|found| found == name)
}
