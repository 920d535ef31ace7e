//! `queue.json`: which format the queue has, its id, and on which machine it lives.

use std::io;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::floor_files::{make_folder, remove};
use super::folder::{failed, sync_folder};
use crate::error::{Error, Kind, Result};
use crate::floor::{Floor, replace};

/// The format of queues that this version makes and reads.
const FORMAT: u64 = 1;

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
    pub(super) fn make(floor: &Floor) -> Result<()> {
        let path = floor.identity();
        if path.exists() {
            return Ok(());
        }
        let fresh = Self { format: FORMAT, queue: uuid::Uuid::new_v4().to_string(), host: host() };
        make_folder(&floor.tmp())?;
        let aside = floor.tmp().join(format!("queue.json.{:08x}", fastrand::u32(..)));
        put(&aside, &fresh)?;
        let renamed = rustix::fs::renameat_with(CWD, &aside, CWD, &path, RenameFlags::NOREPLACE);
        match renamed {
            Ok(()) => sync_folder(floor.root()),
            // Another process made one at the same time: that one counts.
            Err(Errno::EXIST) => remove(&aside).map(drop),
            Err(error) => Err(failed("rename a file to", &path, error)),
        }
    }

    /// Reads `queue.json`, and refuses a queue of a newer format.
    ///
    /// A queue that was moved to another machine is taken over, and that is told: on a local file system only one
    /// kernel can have it mounted, the boot's id in every worker's lock says that those workers are gone, and a container
    /// has a new name at every start. File systems that several machines can share are refused before (see `fitness`).
    pub(super) fn read(floor: &Floor) -> Result<Self> {
        let path = floor.identity();
        let text = std::fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                let folder = floor.root().parent().unwrap_or(Path::new("."));
                Error::new(Kind::NotFound, format!("there is no queue in {}", folder.display()))
                    .hint("`shopfloor init` makes one")
            }
            _ => failed("read", &path, error),
        })?;
        let unreadable = |error: serde_json::Error| {
            Error::new(Kind::Unfit, format!("failed to read {}", path.display()))
                .caused_by(error)
                .hint("it holds the queue's id: bring it back from a backup, or remove it and run `shopfloor init`")
        };
        let Format { format } = serde_json::from_slice(&text).map_err(unreadable)?;
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
        let mut identity: Self = serde_json::from_slice(&text).map_err(unreadable)?;
        uuid::Uuid::parse_str(&identity.queue).map_err(|error| {
            unreadable(serde::de::Error::custom(format!("its id is no UUID: {error}")))
        })?;
        if identity.host != host() {
            let (before, now) = (&identity.host, host());
            tracing::warn!(%before, %now, "the queue was used on another machine before");
            identity.host = now;
            put(&path, &identity)?;
        }
        Ok(identity)
    }
}

fn put(path: &Path, identity: &Identity) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(identity).unwrap_or_default();
    text.push(b'\n');
    replace(path, &text)?;
    let file = std::fs::File::open(path).map_err(|error| failed("open", path, error))?;
    super::folder::sync(&file, path)
}

/// This machine: its id where it has one, else its name.
fn host() -> String {
    let id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    match id.trim() {
        "" => rustix::system::uname().nodename().to_string_lossy().into_owned(),
        id => id.to_owned(),
    }
}
