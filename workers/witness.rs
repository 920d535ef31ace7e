//! A witness: how the orders' files stand before an agent's session, and what nobody of ours has changed when it is over.
//!
//! An agent has no business in the queue. Without a sandbox nothing keeps it out, so what was written there by no worker is
//! told. Workers and commands put what they do into the order's journal; what is not in there was done by hand.
//! Whose hand it was can't be told: a person at an editor looks the same. Nor is it seen when an agent uses our own
//! commands, or writes a journal's lines as we do.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::floor::Floor;
use crate::history::{Entry, Kind};
use crate::order::OrderId;

/// Beyond so many orders nothing is compared: the looks would take longer than they are worth.
const MOST_ORDERS: usize = 10_000;

/// A worker needs so long, at most, from a change to the entry about it.
const MOMENT: Duration = Duration::from_millis(300);

/// The most bytes of new entries that are read of one journal.
const MOST_BYTES: u64 = 1024 * 1024;

/// What a file looks like from outside: inode, length, time of its last change.
type Stamp = (u64, u64, i64, i64);

/// The files of one order that say where it stands and what is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Files {
    journal: Option<Stamp>,
    state: Option<Stamp>,
    hold: Option<Stamp>,
    request: Option<Stamp>,
}

impl Files {
    /// The journal is looked at first: what is missing in it then can't be missing in what comes after.
    fn of(order: &Path) -> Self {
        let stamp =
            |name: &str| order.join(name).symlink_metadata().ok().map(|found| stamp(&found));
        Self {
            journal: stamp("events.jsonl"),
            state: stamp(".state"),
            hold: stamp(".hold"),
            request: stamp("order.json"),
        }
    }
}

fn stamp(found: &Metadata) -> Stamp {
    (found.ino(), found.len(), found.mtime(), found.mtime_nsec())
}

/// How the orders stood.
#[derive(Debug)]
pub struct Witness {
    queue: PathBuf,
    orders: BTreeMap<OrderId, Files>,
}

impl Witness {
    /// Looks at every order of the queue in the folder `queue`. `None` where that can't be done, or there are too many.
    pub fn of(queue: &Path) -> Option<Self> {
        let ids = ids(queue)?;
        let orders = ids.into_iter().map(|id| {
            let files = Files::of(&queue.join(id.as_str()));
            (id, files)
        });
        Some(Self { queue: queue.to_owned(), orders: orders.collect() })
    }

    /// What is different now and in no journal: orders, with a sentence each. Blocks for a moment where it finds something.
    pub fn compare(&self) -> Vec<(String, String)> {
        let first = self.differences();
        if first.is_empty() {
            return first;
        }
        // A worker may be in the midst of something; what is done by hand is so after a moment, too.
        std::thread::sleep(MOMENT);
        let again = self.differences();
        first.into_iter().filter(|one| again.contains(one)).collect()
    }

    fn differences(&self) -> Vec<(String, String)> {
        let Some(now) = ids(&self.queue) else { return Vec::new() };
        let mut told = Vec::new();
        for (id, before) in &self.orders {
            let found = self.differs(id, before);
            told.extend(found.into_iter().map(|what| (id.to_string(), what)));
        }
        for id in now.into_iter().filter(|id| !self.orders.contains_key(id)) {
            // Whoever makes an order with a command begins its journal with the order itself.
            let entries = self.entries(&id, 0);
            let first = entries.first();
            if first.is_none_or(|first| first.e != Kind::Create || first.why == BY_HAND) {
                told.push((id.to_string(), "the order was made".to_owned()));
            }
        }
        told
    }

    fn differs(&self, id: &OrderId, before: &Files) -> Vec<String> {
        let folder = self.queue.join(id.as_str());
        // The journal last, as the entry follows the deed or goes before it.
        let now = Files { journal: None, ..Files::of(&folder) };
        if folder.symlink_metadata().is_err() {
            let archived = !Floor::of_queue(&self.queue).archived(id).is_empty();
            return if archived { Vec::new() } else { vec!["the order was removed".to_owned()] };
        }
        let journal =
            folder.join("events.jsonl").symlink_metadata().ok().map(|found| stamp(&found));
        let length = match (before.journal, journal) {
            (None, _) => 0,
            (Some(then), Some(now)) if now.0 == then.0 && now.1 >= then.1 => then.1,
            (Some(_), _) => return vec!["events.jsonl was replaced, cut or removed".to_owned()],
        };
        let kinds: Vec<Kind> = self.entries(id, length).into_iter().map(|entry| entry.e).collect();
        let any = |wanted: &[Kind]| kinds.iter().any(|kind| wanted.contains(kind));
        let mut told = Vec::new();
        let moved = any(&[Kind::Create, Kind::Advance, Kind::Bury, Kind::Kick]);
        if now.state != before.state && (!moved || any(&[Kind::Manual])) {
            told.push(".state was written".to_owned());
        }
        if now.hold != before.hold && !any(&[Kind::Hold, Kind::Unhold]) {
            told.push(".hold was written or removed".to_owned());
        }
        if now.request != before.request {
            told.push("order.json was written or removed".to_owned());
        }
        told
    }

    /// The entries of a journal from the byte `from` on, as far as they are whole.
    fn entries(&self, id: &OrderId, from: u64) -> Vec<Entry> {
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let path = self.queue.join(id.as_str()).join("events.jsonl");
        let opened =
            std::fs::OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path);
        let read = opened.and_then(|mut file| {
            file.seek(SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            file.take(MOST_BYTES).read_to_end(&mut bytes)?;
            Ok(bytes)
        });
        let bytes = read.unwrap_or_default();
        let lines = bytes.split(|&byte| byte == b'\n');
        lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

/// Why the first entry of an order says that it came by itself.
const BY_HAND: &str = "made by hand";

/// The orders by their folders' names; `None` when they can't be listed, or are too many.
fn ids(queue: &Path) -> Option<Vec<OrderId>> {
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(queue).ok()? {
        let entry = entry.ok()?;
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let id = entry.file_name().to_str().and_then(|name| OrderId::parse(name).ok());
        ids.extend(id.filter(|_| is_folder));
        if ids.len() > MOST_ORDERS {
            return None;
        }
    }
    Some(ids)
}
