//! What a person does: make, hold, let go, kick, archive. Works on an order in progress as well.

use std::time::Duration;

use super::folder::{HOLD, JOURNAL, LOCK, OrderFolder, REQUEST, STATE, failed};
use super::machine::{Errno, Renaming, SyncPoint};
use super::moves::replacing;
use super::mutex::{self, Locked};
use super::ready::Marker;
use super::reconcile::reconcile;
use super::{FileQueue, claims, disk, hold, journal, liveness, state_file};
use crate::error::{Error, Kind as Fault, Result};
use crate::history::{Entry, History, Kind};
use crate::order::{OrderId, Request};
use crate::queue::{Created, entries};
use crate::state::State;

/// How long a person waits for a busy order.
const PATIENCE: Duration = Duration::from_secs(2);

impl FileQueue {
    /// Makes an order: built aside, synced, and only then renamed into place.
    pub(super) fn make(&self, id: &OrderId, request: &Request) -> Result<Created> {
        disk::check(&*self.site.machine, &self.site.folder, self.options.free_mib)?;
        let (place, machine) = (self.site.place_of(id), &self.site.machine);
        if self.site.is_there(&place) {
            return Ok(Created::Exists);
        }
        let aside = self.site.new_tmp()?;
        let made = self.build(&aside, id, request, None).and_then(|entry| {
            match machine.rename(&aside, &place, Renaming::Keep) {
                Ok(()) => Ok(Some(entry)),
                Err(Errno::EXIST) => Ok(None),
                Err(error) => Err(failed("rename a new order to", &place, error)),
            }
        });
        let Ok(Some(entry)) = made else {
            // Our own, never acknowledged, not in the queue: what stays is reaped by the sweep.
            let _gone = machine.remove_tree(&aside);
            return made.map(|_| Created::Exists);
        };
        self.site.sync_folder(&self.site.folder, SyncPoint::NewName)?;
        let history = History::fold(&[entry]);
        let marker = Marker::of(id, request.priority, request.due, &history, machine.now());
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
        self.site.make_folder(aside)?;
        let opened = OrderFolder::open_at(&self.site.machine, aside.to_owned(), id)?;
        let folder = opened.ok_or_else(|| {
            Error::new(Fault::Failed, format!("failed to open {}: it is gone", aside.display()))
        })?;
        let word = format!("{}\n", State::NEW);
        let stamp = folder.write(STATE, word.as_bytes(), SyncPoint::NewState)?;
        let create = Entry {
            seq: 1,
            to: Some(State::NEW),
            put: Some(stamp.mark()),
            id: Some(id.to_string()),
            at: self.site.machine.now(),
            ..Entry::of(Kind::Create, 0)
        };
        let mut text = serde_json::to_vec_pretty(request).map_err(|error| {
            Error::usage(format!("failed to write the request of order {id}")).caused_by(error)
        })?;
        text.push(b'\n');
        folder.write(LOCK, b"", SyncPoint::NewLock)?;
        folder.write(REQUEST, &text, SyncPoint::NewRequest)?;
        let mut lines = journal::line(&create);
        if let Some(why) = hold {
            let why = why.to_owned();
            let held = Entry { seq: 2, why, at: create.at, ..Entry::of(Kind::Hold, 0) };
            lines.extend(journal::line(&held));
            folder.write(HOLD, format!("{}\n", held.why).as_bytes(), SyncPoint::NewHold)?;
        }
        folder.write(JOURNAL, &lines, SyncPoint::NewJournal)?;
        folder.sync(SyncPoint::NewFolder)?;
        Ok(create)
    }

    fn lock(&self, id: &OrderId) -> Result<Option<Locked>> {
        mutex::take_patiently(&self.site, id, PATIENCE)
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
        folder.sync(SyncPoint::Unhold)?;
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
        let ours = state_file::prepare(folder, to)?;
        let entry = entries::kick(&standing.journal.history, &before, to, why);
        let entry = replacing(&locked, entry, &standing, &ours)?;
        standing.journal.append(folder, vec![entry])?;
        let standing = self.apply(&locked, standing, &ours)?;
        self.index.clear_all(&before, id)?;
        if let Some(standing) = &standing {
            self.make_ready(folder, standing)?;
            self.enroll_again(folder, &standing.state);
        }
        self.stir(id, None);
        if let Some(worker) = holder {
            claims::remove_mark(&self.site, &worker, id);
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
            && liveness::lives(&self.site, &open.worker)?
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
        let month = self.site.floor.archive().join(self.month());
        self.site.make_folder(&month)?;
        // Before anything is in it: the order must not be found in a folder that is lost.
        self.site.sync_folder(&self.site.floor.archive(), SyncPoint::ArchiveMonth)?;
        let mut copy = 1;
        loop {
            let name = if copy == 1 { id.to_string() } else { format!("{id}~{copy}") };
            let place = month.join(name);
            match self.site.machine.rename(&folder.path, &place, Renaming::Keep) {
                Ok(()) => break,
                Err(Errno::EXIST) if copy < 10_000 => copy += 1,
                Err(error) => return Err(failed("rename an order to", &place, error)),
            }
        }
        self.site.sync_folder(&month, SyncPoint::ArchivedName)?;
        self.site.sync_folder(&self.site.folder, SyncPoint::ArchivedFrom)?;
        self.index.clear_all(&standing.state, id)?;
        self.stir(id, None);
        if let Some(open) = open {
            claims::remove_mark(&self.site, &open.worker, id);
        }
        Ok(true)
    }

    /// The present month, as the archive's folders are named.
    fn month(&self) -> String {
        let now = jiff::Timestamp::from_second(self.site.machine.now().cast_signed());
        let now = now.unwrap_or_default().to_zoned(jiff::tz::TimeZone::system());
        now.strftime("%Y-%m").to_string()
    }
}

fn broken(id: &OrderId, why: &str) -> Error {
    Error::new(Fault::BrokenOrder, format!("order {id} is on hold: {why}")).hint(
        "mend that file; a damaged journal may be moved away by hand (mv events.jsonl events.jsonl.bad), and is then \
         begun anew from .state",
    )
}
