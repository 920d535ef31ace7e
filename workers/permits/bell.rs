//! Rings when a permit may have become free: the kernel tells when a file that was open to write is closed, whoever
//! closed it, and a dead process closes all it had.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use crate::error::{Error, Result};

/// The bell. It may ring for nothing and, rarely, not at all: look from time to time as well.
#[derive(Debug)]
pub struct PermitBell {
    rung: Arc<Notify>,
    _watch: Option<RecommendedWatcher>,
}

impl PermitBell {
    pub(super) fn hang(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder.join("waiting"))
            .map_err(|error| Error::io("make", folder, error))?;
        let rung = Arc::new(Notify::new());
        let ringer = rung.clone();
        let heard = move |event: notify::Result<notify::Event>| {
            let rings = match event {
                Ok(event) => {
                    let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
                    let door = event.paths.iter().any(|path| path.ends_with("door"));
                    event.need_rescan()
                        || matches!(event.kind, EventKind::Remove(_))
                        || (event.kind == closed && !door)
                }
                Err(_) => true,
            };
            if rings {
                ringer.notify_one();
            }
        };
        let watch = notify::recommended_watcher(heard).and_then(|mut watch| {
            watch.watch(folder, RecursiveMode::NonRecursive)?;
            watch.watch(&folder.join("waiting"), RecursiveMode::NonRecursive)?;
            Ok(watch)
        });
        if let Err(error) = &watch {
            tracing::warn!(%error, "no watch on the permits could be had; a free one is found by polling");
        }
        Ok(Self { rung, _watch: watch.ok() })
    }

    /// Waits for a ring, at most `limit`. True when it rang.
    pub async fn wait(&self, limit: Duration) -> bool {
        tokio::time::timeout(limit, self.rung.notified()).await.is_ok()
    }
}
