//! Old sessions are taken away: their folders would fill the disk in the end. The newest stay, as far as they fit; what is
//! still needed stays in any case.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::batch::Record;
use crate::config::FloorConfig;
use crate::error::{Error, Result};
use crate::floor::Floor;
use crate::holder::{SessionId, WorkerId};
use crate::order::OrderId;
use crate::process;
use crate::queue::Queue;

/// One session's folder.
#[derive(Debug)]
struct Kept {
    session: SessionId,
    path: PathBuf,
    /// When the last thing was put into it.
    touched: SystemTime,
    bytes: u64,
}

/// Takes away what is older than the newest `keep_sessions`, or does not fit into `keep_mib` with the newer ones, unless
/// it is still needed. How many went.
///
/// Each is renamed into `tmp/` and removed there, so that a death in between leaves nothing that looks whole. Two
/// processes may do this at once.
pub fn tidy(queue: &dyn Queue, floor: &Floor, config: &FloorConfig) -> Result<usize> {
    let mut all = sessions(floor)?;
    all.sort_by(|a, b| (b.touched, &b.session).cmp(&(a.touched, &a.session)));
    let room = config.keep_mib.saturating_mul(1024 * 1024);
    let (mut count, mut bytes, mut gone) = (0, 0_u64, 0);
    for kept in &all {
        count += 1;
        bytes = bytes.saturating_add(kept.bytes);
        if (count > config.keep_sessions || bytes > room) && !needed(queue, floor, kept)? {
            gone += usize::from(take_away(floor, kept)?);
        }
    }
    Ok(gone)
}

fn sessions(floor: &Floor) -> Result<Vec<Kept>> {
    let folder = floor.root().join("sessions");
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(|error| Error::io("read", &folder, error))?,
    };
    let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir()));
    let kept = folders.filter_map(|entry| {
        // What is no session is not ours to take away.
        let session = SessionId::parse(&entry.file_name().to_string_lossy()).ok()?;
        let path = entry.path();
        let (touched, bytes) = measure(&path);
        Some(Kept { session, path, touched, bytes })
    });
    Ok(kept.collect())
}

/// When anything in a folder was written last, and the bytes of its files. Links are not followed.
fn measure(folder: &Path) -> (SystemTime, u64) {
    let files = walkdir::WalkDir::new(folder).into_iter().flatten();
    let facts = files.filter_map(|file| file.metadata().ok());
    facts.fold((SystemTime::UNIX_EPOCH, 0), |(touched, bytes), facts| {
        let written = facts.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        (touched.max(written), bytes + if facts.is_file() { facts.len() } else { 0 })
    })
}

/// True while somebody may still look into it: the worker that runs it, or one that goes on with an order of it.
fn needed(queue: &dyn Queue, floor: &Floor, kept: &Kept) -> Result<bool> {
    let record = Record::read(&kept.path);
    let (worker, over) = match &record {
        Some(record) => (Some(record.worker.clone()), record.ended.is_some()),
        // It has just begun, or was damaged: then the worker that runs it shows it.
        None => {
            let runs = |status: &crate::floor::WorkerStatus| {
                status.session.as_ref() == Some(&kept.session)
            };
            (floor.statuses().into_iter().find(runs).map(|status| status.worker), false)
        }
    };
    if let Some(worker) = worker.filter(|_| !over)
        && queue.lives(&worker)?
    {
        return Ok(true);
    }
    let orders = orders_of(kept, record);
    for id in &orders {
        // An order that can't be read can't be worked on; what it needs stays until somebody mends it.
        let order = match queue.look(id) {
            Ok(Some(order)) => order,
            Ok(None) => continue,
            Err(_) => return Ok(true),
        };
        let history = &order.history;
        let waits = history.ended_turn.as_ref().is_some_and(|turn| turn.session == kept.session);
        let was_in = history.sessions.iter().any(|(_, session)| *session == kept.session);
        if waits || (was_in && history.open.is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The orders it has had to do with, by its record and by what lies in it.
fn orders_of(kept: &Kept, record: Option<Record>) -> BTreeSet<OrderId> {
    let mut orders: BTreeSet<OrderId> = record.into_iter().flat_map(|r| r.orders).collect();
    for part in ["tasks", "desks"] {
        let entries = std::fs::read_dir(kept.path.join(part)).into_iter().flatten().flatten();
        orders.extend(entries.filter_map(|e| OrderId::parse(&e.file_name().to_string_lossy()).ok()));
    }
    orders
}

/// Away with it; false when somebody else was faster.
fn take_away(floor: &Floor, kept: &Kept) -> Result<bool> {
    // Named as everything there is: should we die now, the next sweep takes it for what a dead process has left.
    let own = std::process::id();
    let name = WorkerId::new(own, process::start_time(own).unwrap_or(0), fastrand::u32(..));
    let aside = floor.tmp().join(name.as_str());
    match std::fs::rename(&kept.path, &aside) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        renamed => renamed.map_err(|error| Error::io("put away", &kept.path, error))?,
    }
    std::fs::remove_dir_all(&aside).map_err(|error| Error::io("remove", &aside, error))?;
    Ok(true)
}
