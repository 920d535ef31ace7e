//! The folder of result files: looked at again and again, each new thing in it told once.
//!
//! The agent writes there, so everything in it is of unknown origin: only plain files of a modest size are opened,
//! without following links and without waiting for a writer, and a name counts only when it is an order of the batch.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::super::{Said, SessionPlan, Turn, Usage, one_line};
use super::Rest;
use crate::failure::TurnEnd;
use crate::order::OrderId;
use crate::verdict::{RESULT_LIMIT_BYTES, Refusal, Testimony};

/// The folder's name inside the session's.
pub(super) const FOLDER: &str = "results";
/// The most names looked at in one look: an agent that leaves a million files must not hold us up.
const MOST_NAMES: usize = 10_000;
/// The most refusals told in a session.
const MOST_REFUSALS: usize = 1_000;

/// What is known of the results.
#[derive(Debug)]
pub(super) struct Results {
    folder: PathBuf,
    nonce: String,
    orders: Vec<Expected>,
    seen: BTreeMap<String, Seen>,
    refusals: usize,
}

/// One order of the batch, in the batch's order.
#[derive(Debug)]
struct Expected {
    id: OrderId,
    generation: u64,
    taken: Option<Testimony>,
}

/// A file as it was at the last look.
#[derive(Debug, Default)]
struct Seen {
    stamp: Stamp,
    /// It was judged, and so long after its last change that a further change shows in the stamp.
    settled: bool,
    /// Contents that were told about, by hash.
    told: BTreeSet<u64>,
}

/// What changes when a file changes: inode, size, times of content and of entry (seconds, nanoseconds).
type Stamp = (u64, u64, i64, i64, i64, i64);

impl Results {
    pub(super) fn new(plan: &SessionPlan) -> Self {
        let waiting = |turn: &Turn| Expected {
            id: turn.order.clone(),
            generation: turn.generation,
            taken: None,
        };
        Self {
            folder: plan.dir.join(FOLDER),
            nonce: plan.nonce.clone(),
            orders: plan.orders.iter().map(waiting).collect(),
            seen: BTreeMap::new(),
            refusals: 0,
        }
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// True once a result has counted.
    pub(super) fn any_taken(&self) -> bool {
        self.orders.iter().any(|order| order.taken.is_some())
    }

    /// Looks once. A file that does not parse may be half written: unless this is the `last` look, that is told only
    /// when it stands unchanged at the next one.
    pub(super) fn look(&mut self, last: bool) -> Vec<Said> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return Vec::new() };
        let mut names: Vec<_> =
            entries.flatten().take(MOST_NAMES).map(|entry| entry.file_name()).collect();
        names.sort();
        let mut said = Vec::new();
        for name in names {
            // Anything else is a result that is not there yet: written under another name first.
            let Some(stem) = name.to_str().and_then(|name| name.strip_suffix(".json")) else {
                continue;
            };
            if stem.starts_with('.') {
                continue;
            }
            said.extend(self.file(stem, last));
        }
        said
    }

    fn file(&mut self, stem: &str, last: bool) -> Option<Said> {
        let path = self.folder.join(format!("{stem}.json"));
        let stamp = stamp(&path)?;
        let seen = self.seen.entry(stem.to_owned()).or_default();
        let unchanged = seen.stamp == stamp;
        if unchanged && seen.settled && !last {
            return None;
        }
        (seen.stamp, seen.settled) = (stamp, false);
        let waiting = self.orders.iter_mut().find(|order| order.id.as_str() == stem);
        let content = read(&path);
        let hash = hash(&content);
        if seen.told.contains(&hash) {
            seen.settled = settled(stamp);
            return None;
        }
        let judged = match (&content, waiting) {
            (_, None) => Err((false, "no order of this batch has that name".to_owned())),
            (Err(why), _) => Err((false, why.clone())),
            (Ok(bytes), Some(waiting)) => waiting.judge(bytes, &self.nonce),
        };
        let told = match judged {
            Ok(Some(testimony)) => Some(Said::TurnEnded {
                order: OrderId::parse(stem).ok()?,
                end: TurnEnd::Testified(testimony),
                usage: Usage::default(),
            }),
            Ok(None) => None,
            Err((maybe_unfinished, _)) if maybe_unfinished && !unchanged && !last => return None,
            Err((_, why)) => {
                // It may quote what stood there.
                let why = one_line(&why, 400);
                self.refusals += 1;
                let order = one_line(stem, 80);
                (self.refusals <= MOST_REFUSALS).then_some(Said::Refused { order, why })
            }
        };
        seen.told.insert(hash);
        told
    }

    /// Ends every order that has no result.
    pub(super) fn rest(&mut self, rest: &Rest) -> Vec<Said> {
        let without = self.orders.iter().filter(|order| order.taken.is_none());
        let ends = std::iter::once(&rest.first).chain(std::iter::repeat(&rest.behind));
        let said = without.zip(ends).map(|(order, end)| Said::TurnEnded {
            order: order.id.clone(),
            end: end.clone(),
            usage: Usage::default(),
        });
        said.collect()
    }
}

impl Expected {
    /// `Ok(None)`: the same result again. An error says whether the file may still be growing, and why it is refused.
    fn judge(&mut self, bytes: &[u8], nonce: &str) -> Result<Option<Testimony>, (bool, String)> {
        let read = Testimony::read(bytes, &self.id, self.generation, nonce);
        match (read, &self.taken) {
            (Ok(testimony), None) => {
                self.taken = Some(testimony.clone());
                Ok(Some(testimony))
            }
            (Ok(again), Some(taken)) if again == *taken => Ok(None),
            (Ok(_), Some(_)) => Err((
                false,
                "it contradicts the result that was taken before; the first one counts".to_owned(),
            )),
            (Err(refusal), _) => {
                Err((matches!(refusal, Refusal::Unreadable(_)), refusal.to_string()))
            }
        }
    }
}

/// Times are as coarse as the kernel's tick: two changes within one look like one.
fn settled(stamp: Stamp) -> bool {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.is_ok_and(|now| now.as_secs() as i64 > stamp.4 + 1)
}

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = std::fs::symlink_metadata(path).ok()?;
    let times = (meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec());
    Some((meta.ino(), meta.len(), times.0, times.1, times.2, times.3))
}

/// The bytes of a plain file of at most [`RESULT_LIMIT_BYTES`], or why it is none.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let refused = |what: &str| Err(format!("it is {what}, not a plain file"));
    let meta =
        std::fs::symlink_metadata(path).map_err(|error| format!("it can't be read: {error}"))?;
    if meta.file_type().is_symlink() {
        return refused("a link");
    }
    if !meta.is_file() {
        return refused("a folder, a pipe or a device");
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = rustix::fs::open(path, flags, Mode::empty())
        .map_err(|error| format!("it can't be read: {error}"))?;
    let file = std::fs::File::from(fd);
    // What was looked at and what was opened need not be the same.
    if !file.metadata().is_ok_and(|meta| meta.is_file()) {
        return refused("something that was put in its place");
    }
    let mut bytes = Vec::new();
    let limit = RESULT_LIMIT_BYTES as u64;
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("it can't be read: {error}"))?;
    if bytes.len() as u64 > limit {
        return Err(format!("it has more than {RESULT_LIMIT_BYTES} bytes"));
    }
    Ok(bytes)
}

fn hash(content: &Result<Vec<u8>, String>) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
