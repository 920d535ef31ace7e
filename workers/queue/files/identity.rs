//! `queue.json`: which format the queue has, its id, and on which machine it lives.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::folder::failed;
use super::machine::{Errno, Opening, Renaming, SyncPoint};
use super::site::Site;
use crate::error::{Error, Kind, Result};

/// The format of queues that this version makes and reads.
const FORMAT: u64 = 1;

/// The most bytes of the file.
const LIMIT_BYTES: u64 = 64 * 1024;

/// What stands in `queue.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Identity {
    format: u64,
    /// A UUID: the name under which the queue's worktrees are kept.
    pub(super) queue: String,
    /// The machine it was last used on. Process ids in it mean something there only.
    host: String,
}

/// The only field that is read before anything is known of the format.
#[derive(Deserialize)]
struct Format {
    format: u64,
}

impl Identity {
    /// Writes `queue.json` unless there is one.
    pub(super) fn make(site: &Site) -> Result<()> {
        let path = site.floor.identity();
        if site.is_there(&path) {
            return Ok(());
        }
        let (queue, host) = (site.machine.new_id(), site.machine.host());
        let fresh = Self { format: FORMAT, queue, host };
        fresh.put(site, Renaming::Keep)
    }

    /// Reads `queue.json`, and refuses a queue of a newer format.
    ///
    /// A queue that was moved to another machine is taken over, and that is told: on a local file system only one
    /// kernel can have it mounted, the boot's id in every worker's lock says that those workers are gone, and a container
    /// has a new name at every start. File systems that several machines can share are refused before (see `fitness`).
    pub(super) fn read(site: &Site) -> Result<Self> {
        let path = site.floor.identity();
        let read = site.machine.open(&path, Opening::Read).and_then(|file| file.read(LIMIT_BYTES));
        let text = read.map_err(|error| match error {
            Errno::NOENT | Errno::NOTDIR => {
                let folder = site.floor.root().parent().unwrap_or(Path::new("."));
                Error::new(Kind::NotFound, format!("there is no queue in {}", folder.display()))
                    .hint("`shopfloor init` makes one")
            }
            _ => failed("read", &path, error),
        })?;
        let mut identity = Self::parse(&text, &path)?;
        let now = site.machine.host();
        if identity.host != now {
            tracing::warn!(before = %identity.host, %now, "the queue was used on another machine before");
            identity.host = now;
            identity.put(site, Renaming::Replace)?;
        }
        Ok(identity)
    }

    /// Reads the text of `queue.json`; `path` is only for messages.
    pub(super) fn parse(text: &[u8], path: &Path) -> Result<Self> {
        let unreadable = |error: serde_json::Error| {
            Error::new(Kind::Unfit, format!("failed to read {}", path.display()))
                .caused_by(error)
                .hint("it holds the queue's id: bring it back from a backup, or remove it and run `shopfloor init`")
        };
        let Format { format } = serde_json::from_slice(text).map_err(unreadable)?;
        if format > FORMAT {
            return Err(Error::new(
                Kind::Unfit,
                format!(
                    "failed to open {}: the queue has format {format}, and this version of shopfloor knows formats up \
                     to {FORMAT}",
                    path.display()
                ),
            )
            .hint("use the newer shopfloor that made it; nothing was changed"));
        }
        let identity: Self = serde_json::from_slice(text).map_err(unreadable)?;
        uuid::Uuid::parse_str(&identity.queue).map_err(|error| {
            unreadable(serde::de::Error::custom(format!("its id is no UUID: {error}")))
        })?;
        Ok(identity)
    }

    /// Written aside and synced before it takes its place: without it nobody opens the queue.
    fn put(&self, site: &Site, how: Renaming) -> Result<()> {
        let path = site.floor.identity();
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        let aside = site.put_aside(&text, Some(SyncPoint::Identity))?;
        match site.machine.rename(&aside, &path, how) {
            Ok(()) => site.sync_folder(site.floor.root(), SyncPoint::IdentityName),
            // Another process made one at the same time: that one counts.
            Err(Errno::EXIST) => site.remove(&aside).map(drop),
            Err(error) => Err(failed("rename a file to", &path, error)),
        }
    }
}
