//! Old sessions are taken away: their folders would fill the disk in the end. The newest stay, as far as they fit; what is
//! still needed stays in any case.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::batch::Record;
use crate::config::FloorConfig;
use crate::error::{Error, Result};
use crate::floor::Floor;
use crate::holder::{SessionId, WorkerId};
use crate::order::OrderId;
use crate::process;
use crate::queue::Queue;

/// So long a folder may stand without a record while its session begins.
const JUST_BEGUN: Duration = Duration::from_secs(60);

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
        // It has just begun, or its record was damaged: then the worker that runs it shows it soon.
        None if kept.touched.elapsed().is_ok_and(|since| since < JUST_BEGUN) => return Ok(true),
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
        orders
            .extend(entries.filter_map(|e| OrderId::parse(&e.file_name().to_string_lossy()).ok()));
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::history::topic;
    use crate::order::Request;
    use crate::queue::files::{FileQueue, Options};
    use crate::queue::{Claim, Claiming, Enlisted, Note};
    use crate::state::State;

    struct Scene {
        _folder: tempfile::TempDir,
        queue: Arc<FileQueue>,
        enlisted: Enlisted,
    }

    impl Scene {
        fn set() -> Self {
            let folder = tempfile::tempdir().unwrap();
            FileQueue::init(folder.path()).unwrap();
            let options = Options { free_mib: 0, ..Options::default() };
            let queue = FileQueue::open(folder.path(), options).unwrap();
            let enlisted = queue.enlist("spec").unwrap();
            Self { _folder: folder, queue, enlisted }
        }

        fn path(&self, session: &SessionId) -> PathBuf {
            self.queue.floor().session(session)
        }

        /// A session of an hour ago or more, the higher `age` the older, with a file of this length.
        fn session(&self, age: u64, bytes: usize) -> SessionId {
            let session = SessionId::fresh();
            let path = self.path(&session);
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join("stream.jsonl"), vec![b'x'; bytes]).unwrap();
            let then = SystemTime::now() - Duration::from_secs(3600 + age * 60);
            for name in ["stream.jsonl", ""] {
                let file = std::fs::File::open(path.join(name)).unwrap();
                file.set_modified(then).unwrap();
            }
            session
        }

        /// An order that is claimed in `session`, whose folder knows of it.
        fn claimed(&self, name: &str, session: &SessionId) -> Claim {
            let id = OrderId::parse(name).unwrap();
            assert!(matches!(
                self.queue.create(&id, &Request::titled(name)).unwrap(),
                crate::queue::Created::Made
            ));
            std::fs::create_dir_all(self.path(session).join("desks").join(name)).unwrap();
            let (queue, holder) = (self.queue.clone(), self.enlisted.holder(session));
            match queue.claim(&id, &State::NEW, &holder).unwrap() {
                Claiming::Won(claim) => *claim,
                Claiming::Skipped(skip) => panic!("{skip:?}"),
            }
        }

        /// Makes everything in these sessions old.
        fn age(&self, sessions: &[&SessionId]) {
            let then = SystemTime::now() - Duration::from_secs(3600);
            for entry in
                sessions.iter().flat_map(|session| walkdir::WalkDir::new(self.path(session)))
            {
                let file = std::fs::File::open(entry.unwrap().path()).unwrap();
                file.set_modified(then).unwrap();
            }
        }

        fn tidy(&self, keep_sessions: usize, keep_mib: u64) -> usize {
            let config = FloorConfig { keep_sessions, keep_mib, ..FloorConfig::default() };
            tidy(&*self.queue, self.queue.floor(), &config).unwrap()
        }

        fn there(&self, sessions: &[&SessionId]) -> Vec<bool> {
            sessions.iter().map(|session| self.path(session).exists()).collect()
        }
    }

    #[test]
    fn the_oldest_go_and_those_that_are_kept_fit_into_their_room() {
        let scene = Scene::set();
        let [a, b, c, d] = [4, 3, 2, 1].map(|age| scene.session(age, 400 * 1024));
        assert_eq!(scene.tidy(4, 10), 0);
        assert_eq!(scene.tidy(3, 10), 1);
        assert_eq!(scene.there(&[&a, &b, &c, &d]), [false, true, true, true]);
        assert_eq!(scene.tidy(3, 1), 1, "three of 400 KiB are more than a MiB");
        assert_eq!(scene.there(&[&b, &c, &d]), [false, true, true]);
        let tmp = std::fs::read_dir(scene.queue.floor().tmp()).unwrap();
        assert_eq!(tmp.count(), 0, "it is gone for good");
    }

    #[test]
    fn what_an_order_still_needs_stays_however_old_it_is() {
        let scene = Scene::set();
        let [worked_on, paid, over] = [3, 2, 1].map(|age| scene.session(age, 1));
        let held = scene.claimed("worked-on", &worked_on);
        let other = scene.claimed("paid", &paid);
        let noted = other.note(&Note::of(topic::TURN_ENDED, "done")).unwrap();
        assert_eq!(noted, crate::queue::Moved::Done);
        // Given back: its gates are to come, and they need what lies in that session.
        drop(other);
        drop(scene.claimed("over", &over));
        scene.tidy(0, 0);
        assert_eq!(scene.there(&[&worked_on, &paid]), [true, true]);
        drop(held);
        scene.age(&[&worked_on, &over]);
        scene.tidy(0, 0);
        assert_eq!(scene.there(&[&worked_on, &paid, &over]), [false, true, false]);
    }

    #[test]
    fn the_session_of_a_live_worker_stays() {
        let scene = Scene::set();
        let session = scene.session(1, 1);
        let floor = scene.queue.floor();
        let mut status = crate::floor::WorkerStatus {
            worker: scene.enlisted.worker.clone(),
            stage: "spec".to_owned(),
            session: Some(session.clone()),
            order: None,
            held: Vec::new(),
            doing: String::new(),
            idle: false,
            simulated: true,
            sandbox: String::new(),
            batch: 1,
            advanced: 0,
            sessions: 1,
            turns: 0,
            beat: 0,
        };
        floor.put_status(&status).unwrap();
        assert_eq!((scene.tidy(0, 0), scene.there(&[&session])), (0, vec![true]));
        status.session = None;
        floor.put_status(&status).unwrap();
        assert_eq!((scene.tidy(0, 0), scene.there(&[&session])), (1, vec![false]));
    }

    #[test]
    fn what_is_no_session_is_left_alone() {
        let scene = Scene::set();
        let own = scene.queue.floor().root().join("sessions/notes-of-mine");
        std::fs::create_dir(&own).unwrap();
        assert_eq!(scene.tidy(0, 0), 0);
        assert!(own.exists());
    }
}
