//! What a person does: make, hold, let go, kick, archive. Works on an order in progress as well.

use std::time::Duration;

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use super::floor_files::make_folder;
use super::folder::{HOLD, JOURNAL, LOCK, OrderFolder, REQUEST, STATE, failed, sync_folder};
use super::mutex::{self, Locked};
use super::ready::Marker;
use super::reconcile::reconcile;
use super::{FileQueue, claims, disk, hold, journal, liveness, state_file};
use crate::error::{Error, Kind as Fault, Result};
use crate::floor::unix_now;
use crate::history::{Entry, History, Kind};
use crate::order::{OrderId, Request};
use crate::queue::{Created, entries};
use crate::state::State;

/// How long a person waits for a busy order.
const PATIENCE: Duration = Duration::from_secs(2);

impl FileQueue {
    /// Makes an order: built aside, synced, and only then renamed into place.
    pub(super) fn make(&self, id: &OrderId, request: &Request) -> Result<Created> {
        disk::check(&self.folder, self.options.free_mib)?;
        let place = self.folder.join(id.as_str());
        if std::fs::symlink_metadata(&place).is_ok() {
            return Ok(Created::Exists);
        }
        let aside = self.new_tmp()?;
        let made =
            self.build(&aside, id, request, None).and_then(
                |entry| match rustix::fs::renameat_with(
                    CWD,
                    &aside,
                    CWD,
                    &place,
                    RenameFlags::NOREPLACE,
                ) {
                    Ok(()) => Ok(Some(entry)),
                    Err(Errno::EXIST) => Ok(None),
                    Err(error) => Err(failed("rename a new order to", &place, error)),
                },
            );
        let Ok(Some(entry)) = made else {
            // Our own, never acknowledged, not in the queue: what stays is reaped by the sweep.
            drop(std::fs::remove_dir_all(&aside));
            return made.map(|_| Created::Exists);
        };
        sync_folder(&self.folder)?;
        let history = History::fold(&[entry]);
        let marker = Marker::of(id, request.priority, request.due, &history);
        self.enroll(id, request, &State::NEW);
        let marked = match self.first_unmet(request) {
            Some(key) => self.waiting().put(&key, &State::NEW, &marker),
            None => self.index.put(&State::NEW, &marker),
        };
        if let Err(error) = marked {
            tracing::warn!(order = %id, %error, "could not mark an order ready; a sweep will");
        }
        self.stir(id, None);
        Ok(Created::Made)
    }

    /// Builds an order in a folder of its own beside the queue, on hold if a reason is given.
    pub(super) fn build(
        &self,
        aside: &std::path::Path,
        id: &OrderId,
        request: &Request,
        hold: Option<&str>,
    ) -> Result<Entry> {
        make_folder(aside)?;
        let folder = OrderFolder::open_at(aside.to_owned(), id)?.ok_or_else(|| {
            Error::new(Fault::Failed, format!("failed to open {}: it is gone", aside.display()))
        })?;
        let create = Entry {
            seq: 1,
            to: Some(State::NEW),
            id: Some(id.to_string()),
            at: unix_now(),
            ..Entry::of(Kind::Create, 0)
        };
        let mut text = serde_json::to_vec_pretty(request).map_err(|error| {
            Error::usage(format!("failed to write the request of order {id}")).caused_by(error)
        })?;
        text.push(b'\n');
        folder.write(LOCK, b"")?;
        folder.write(REQUEST, &text)?;
        let mut lines = journal::line(&create);
        if let Some(why) = hold {
            let why = why.to_owned();
            let held = Entry { seq: 2, why, at: create.at, ..Entry::of(Kind::Hold, 0) };
            lines.extend(journal::line(&held));
            folder.write(HOLD, format!("{}\n", held.why).as_bytes())?;
        }
        folder.write(JOURNAL, &lines)?;
        folder.write(STATE, format!("{}\n", State::NEW).as_bytes())?;
        folder.sync()?;
        Ok(create)
    }

    fn lock(&self, id: &OrderId) -> Result<Option<Locked>> {
        mutex::take_patiently(&self.folder, id, PATIENCE)
    }

    /// Puts an order on hold. False when there is none.
    pub(super) fn put_on_hold(&self, id: &OrderId, why: &str) -> Result<bool> {
        let Some(locked) = self.lock(id)? else { return Ok(false) };
        let folder = &locked.folder;
        let standing = reconcile(&self.options.pipeline, &locked)?;
        hold::put(folder, why)?;
        if let Ok(mut standing) = standing {
            let entry = Entry::of(Kind::Hold, standing.journal.history.generation);
            standing.journal.append(folder, vec![Entry { why: why.to_owned(), ..entry }])?;
            self.index.clear_all(&standing.state, id)?;
        }
        self.stir(id, None);
        Ok(true)
    }

    /// Takes the hold away. False when there was none. A broken order is on hold again at once, and that is an error.
    pub(super) fn let_off_hold(&self, id: &OrderId) -> Result<bool> {
        let Some(locked) = self.lock(id)? else { return Ok(false) };
        let folder = &locked.folder;
        if !folder.remove(HOLD)? {
            return Ok(false);
        }
        folder.sync()?;
        let mut standing =
            reconcile(&self.options.pipeline, &locked)?.map_err(|why| broken(id, &why))?;
        let entry = Entry::of(Kind::Unhold, standing.journal.history.generation);
        standing.journal.append(folder, vec![entry])?;
        self.make_ready(folder, &standing)?;
        self.stir(id, None);
        Ok(true)
    }

    /// Moves an order for a person. False when there is none.
    pub(super) fn kick_to(&self, id: &OrderId, to: &State, why: &str) -> Result<bool> {
        self.must_know(to)?;
        let Some(locked) = self.lock(id)? else { return Ok(false) };
        let folder = &locked.folder;
        let mut standing =
            reconcile(&self.options.pipeline, &locked)?.map_err(|why| broken(id, &why))?;
        let before = standing.state.clone();
        let holder = standing.journal.history.open.as_ref().map(|open| open.worker.clone());
        state_file::prepare(folder, to)?;
        let entry = Entry {
            ino: Some(standing.stamp.ino),
            mtime: Some(standing.stamp.mtime),
            ..entries::kick(&standing.journal.history, &before, to, why)
        };
        standing.journal.append(folder, vec![entry])?;
        state_file::apply(folder, to)?;
        standing.state = to.clone();
        self.index.clear_all(&before, id)?;
        self.make_ready(folder, &standing)?;
        self.enroll_again(folder, to);
        self.stir(id, None);
        if let Some(worker) = holder {
            claims::remove_mark(&self.floor, &worker, id);
        }
        Ok(true)
    }

    /// Moves an order's folder into the archive, whole. False when there is none.
    pub(super) fn put_away(&self, id: &OrderId) -> Result<bool> {
        let Some(locked) = self.lock(id)? else { return Ok(false) };
        let folder = &locked.folder;
        let mut standing =
            reconcile(&self.options.pipeline, &locked)?.map_err(|why| broken(id, &why))?;
        let open = standing.journal.history.open.clone();
        if let Some(open) = &open
            && liveness::lives(&self.floor, &open.worker)?
        {
            return Err(Error::usage(format!(
                "failed to archive order {id}: worker {} is at it",
                open.worker
            ))
            .hint("hold it, and archive it when the worker has let go"));
        }
        let entry = Entry::of(Kind::Archive, standing.journal.history.generation);
        standing.journal.append(folder, vec![entry])?;
        self.enroll_again(folder, &State::READY_FOR_REVIEW);
        let month = self.floor.archive().join(jiff::Zoned::now().strftime("%Y-%m").to_string());
        make_folder(&month)?;
        let mut copy = 1;
        loop {
            let name = if copy == 1 { id.to_string() } else { format!("{id}~{copy}") };
            let place = month.join(name);
            match rustix::fs::renameat_with(CWD, &folder.path, CWD, &place, RenameFlags::NOREPLACE)
            {
                Ok(()) => break,
                Err(Errno::EXIST) if copy < 10_000 => copy += 1,
                Err(error) => return Err(failed("rename an order to", &place, error)),
            }
        }
        sync_folder(&month)?;
        sync_folder(&self.floor.archive())?;
        sync_folder(&self.folder)?;
        self.index.clear_all(&standing.state, id)?;
        self.stir(id, None);
        if let Some(open) = open {
            claims::remove_mark(&self.floor, &open.worker, id);
        }
        Ok(true)
    }
}

fn broken(id: &OrderId, why: &str) -> Error {
    Error::new(Fault::BrokenOrder, format!("order {id} is on hold: {why}")).hint(
        "mend that file; a damaged journal may be moved away by hand (mv events.jsonl events.jsonl.bad), and is then \
         begun anew from .state",
    )
}
