//! What a worker does: claim, advance, release, note. Each is one transition under the order's lock.

use std::sync::Arc;
use std::time::Duration;

use super::folder::{HOLD, OrderFolder, Stamp};
use super::mutex::{self, Locked, Taken};
use super::ready::Marker;
use super::reconcile::{Standing, keep_edit, reconcile};
use super::state_file::Found;
use super::swap::Swapped;
use super::{FileQueue, claims, disk, hold, liveness, request, state_file};
use crate::error::{Error, Kind, Result};
use crate::history::{Entry, History};
use crate::holder::Holder;
use crate::order::OrderId;
use crate::queue::rest::rests;
use crate::queue::{Claim, Claiming, Grant, Move, Moved, Note, Release, Skip, entries};
use crate::state::State;

/// How long a worker waits for the lock of an order it holds: paid work hangs on it.
const PATIENCE: Duration = Duration::from_secs(10);

impl FileQueue {
    /// Takes an order in state `from` for `holder`.
    pub(super) fn take(
        self: Arc<Self>,
        id: &OrderId,
        from: &State,
        holder: &Holder,
    ) -> Result<Claiming> {
        disk::check(&*self.site.machine, &self.site.folder, self.options.free_mib)?;
        let locked = match mutex::take(&self.site, id, Duration::ZERO) {
            Ok(Taken::Locked(locked)) => locked,
            Ok(Taken::Busy) => return Ok(Claiming::Skipped(Skip::Busy)),
            Ok(Taken::Gone) => {
                self.index.clear_all(from, id)?;
                return Ok(Claiming::Skipped(Skip::Gone));
            }
            Err(error) if error.kind() == Kind::BrokenOrder => {
                return self.unlockable(id, from, error);
            }
            Err(error) => return Err(error),
        };
        let folder = &locked.folder;
        let mut standing = match reconcile(&self.options.pipeline, &locked)? {
            Ok(standing) => standing,
            Err(why) => return self.skipped(from, folder, Skip::Held(why)),
        };
        if let Some(skip) = self.obstacle(folder, &standing, from)? {
            if matches!(skip, Skip::Moved(_) | Skip::NotDue(_)) {
                self.index.clear_all(from, id)?;
                self.make_ready(folder, &standing)?;
                return Ok(Claiming::Skipped(skip));
            }
            return self.skipped(from, folder, skip);
        }
        let request = match request::read(folder)? {
            Ok(request) => request,
            Err(why) => {
                hold::by_machine(folder, Some(&mut standing.journal), &why);
                return self.skipped(from, folder, Skip::Held(why));
            }
        };
        let history = standing.journal.history.clone();
        let (id, state) = (id.clone(), from.clone());
        let grant = Grant { id, generation: history.generation + 1, state, holder: holder.clone() };
        claims::put(&self.site, &holder.worker, &grant.id)?;
        standing.journal.append(folder, vec![entries::claim(&grant)])?;
        // It is ours and on record: a marker that stays misleads somebody for one look, and no more.
        let now = self.site.machine.now();
        let marker = Marker::of(&grant.id, request.priority, request.due, &history, now);
        if let Err(error) = self.index.clear(from, &marker) {
            tracing::warn!(order = %grant.id, %error, "could not take its marker away");
        }
        drop(locked);
        Ok(Claiming::Won(Box::new(Claim::new(grant, request, history, self))))
    }

    /// An order whose lock can't be had for its own fault is put on hold, so that it is not tried at every look.
    fn unlockable(&self, id: &OrderId, from: &State, error: Error) -> Result<Claiming> {
        let Some(folder) = self.site.order(id)? else { return Err(error) };
        let why = match error.next_step() {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        };
        if !folder.has(HOLD)? {
            hold::without_its_lock(&folder, &why);
        }
        self.skipped(from, &folder, Skip::Held(why))
    }

    /// What stands between an order and a claim, if anything does.
    fn obstacle(
        &self,
        folder: &OrderFolder,
        standing: &Standing,
        from: &State,
    ) -> Result<Option<Skip>> {
        if let Some(why) = hold::read(folder)? {
            return Ok(Some(Skip::Held(why)));
        }
        if standing.state != *from {
            return Ok(Some(Skip::Moved(standing.state.clone())));
        }
        if let Some(open) = &standing.journal.history.open {
            // A dead worker's process tree may live on: `recover` ends it first, and then hands the order on.
            return Ok(Some(match liveness::lives(&self.site, &open.worker)? {
                true => Skip::Claimed(open.worker.clone()),
                false => Skip::Busy,
            }));
        }
        Ok(standing
            .journal
            .history
            .due
            .filter(|&due| rests(due, self.site.machine.now()))
            .map(Skip::NotDue))
    }

    /// The index sent a worker here for nothing: not again.
    fn skipped(&self, from: &State, folder: &OrderFolder, skip: Skip) -> Result<Claiming> {
        if skip != Skip::Busy {
            self.index.clear_all(from, &folder.id)?;
        }
        Ok(Claiming::Skipped(skip))
    }

    /// Moves the order of `grant`.
    pub(super) fn step(
        &self,
        grant: &Grant,
        step: &Move,
        keep: bool,
    ) -> Result<Result<Option<Grant>, String>> {
        self.must_know(&step.to)?;
        let (locked, mut standing) = match self.under(grant)? {
            Ok(under) => under,
            Err(why) => return Ok(Err(why)),
        };
        let folder = &locked.folder;
        let next = keep.then(|| Grant {
            generation: standing.journal.history.generation + 1,
            state: step.to.clone(),
            ..grant.clone()
        });
        let ours = state_file::prepare(folder, &step.to)?;
        let moved = replacing(&locked, entries::step(grant, step), &standing, &ours)?;
        let written = std::iter::once(moved).chain(next.as_ref().map(entries::claim)).collect();
        // This is the commit: what follows is done again by the next one to lock the order, should we die or fail here.
        standing.journal.append(folder, written)?;
        let Some(standing) = self.settle(&locked, standing, &ours) else { return Ok(Ok(next)) };
        if standing.journal.history.open.is_none() {
            self.let_go(&locked, &standing, grant);
        }
        self.enroll_ended(folder, &standing.state);
        self.stir(&grant.id, Some(&standing.state));
        Ok(Ok(next))
    }

    /// The same as [`Self::apply`] for a move whose mover must not be told that it failed: it is on record. Tried once more,
    /// and then left, with the worker's mark, to whoever locks the order next.
    fn settle(&self, locked: &Locked, standing: Standing, ours: &Found) -> Option<Standing> {
        let order = locked.folder.id.clone();
        let tried = self.apply(locked, standing, ours).or_else(|error| {
            tracing::warn!(%order, %error, "a move is on record and was not applied; trying once more");
            Ok::<_, Error>(reconcile(&self.options.pipeline, locked)?.ok())
        });
        tried.unwrap_or_else(|error| {
            tracing::warn!(%order, %error, "a move is on record and is applied later");
            None
        })
    }

    /// Applies a move that is on record: `ours` takes the place of the `.state` that `standing` was read from. What stands
    /// then: when a person was faster theirs, put on record after the move. `None` when theirs can't be understood, and the
    /// order is on hold.
    pub(super) fn apply(
        &self,
        locked: &Locked,
        standing: Standing,
        ours: &Found,
    ) -> Result<Option<Standing>> {
        let before = Found::Word(standing.state.clone(), standing.stamp);
        match (state_file::apply(&locked.folder, ours, &before)?, ours) {
            (Swapped::Ours, Found::Word(state, stamp)) => {
                Ok(Some(Standing { state: state.clone(), stamp: *stamp, ..standing }))
            }
            _ => Ok(reconcile(&self.options.pipeline, locked)?.ok()),
        }
    }

    /// Gives the order of `grant` back where it stands.
    pub(super) fn give_back(&self, grant: &Grant, release: &Release) -> Result<Moved> {
        let (locked, mut standing) = match self.under(grant)? {
            Ok(under) => under,
            Err(why) => return Ok(Moved::LostClaim(why)),
        };
        standing.journal.append(&locked.folder, vec![entries::release(grant, release)])?;
        self.let_go(&locked, &standing, grant);
        self.stir(&grant.id, Some(&standing.state));
        Ok(Moved::Done)
    }

    /// Writes a remark while the claim is ours.
    pub(super) fn remark(&self, grant: &Grant, note: &Note) -> Result<Moved> {
        let (locked, mut standing) = match self.under(grant)? {
            Ok(under) => under,
            Err(why) => return Ok(Moved::LostClaim(why)),
        };
        standing.journal.append(&locked.folder, vec![entries::note(grant, note)])?;
        Ok(Moved::Done)
    }

    /// Locks the order of `grant` and checks that the claim is still ours. The inner error says why it is not.
    fn under(&self, grant: &Grant) -> Result<Result<(Locked, Standing), String>> {
        // A lock that is never given back (its holder was stopped) concerns this order and no other.
        let locked =
            mutex::take_patiently(&self.site, &grant.id, PATIENCE).map_err(|error| match error
                .kind()
            {
                Kind::TimedOut => error.of_kind(Kind::BrokenOrder),
                _ => error,
            })?;
        let Some(locked) = locked else {
            claims::remove_mark(&self.site, &grant.holder.worker, &grant.id);
            return Ok(Err("the order is gone".to_owned()));
        };
        let standing = match reconcile(&self.options.pipeline, &locked)? {
            Ok(standing) => standing,
            Err(why) => return Ok(Err(why)),
        };
        let history = &standing.journal.history;
        let Some(lost) = entries::lost(history, &standing.state, grant) else {
            return Ok(Ok((locked, standing)));
        };
        if history.open.as_ref().is_none_or(|open| open.worker != grant.holder.worker) {
            // A move that was committed and then failed ends here: its marker is still to be made.
            self.let_go(&locked, &standing, grant);
        }
        Ok(Err(lost))
    }

    /// A claim was closed: the order is ready for the next. The move is on record already, so a failure here is only
    /// told; the worker's mark stays then, and recovery or a sweep makes up for it.
    fn let_go(&self, locked: &Locked, standing: &Standing, grant: &Grant) {
        match self.make_ready(&locked.folder, standing) {
            Ok(_) => claims::remove_mark(&self.site, &grant.holder.worker, &grant.id),
            Err(error) => {
                tracing::warn!(order = %grant.id, %error, "could not mark an order ready");
            }
        }
    }

    /// The marker a locked order should have in the folder of its state: none while it is held or claimed, or when no
    /// stage takes it.
    pub(super) fn due_marker(
        &self,
        folder: &OrderFolder,
        standing: &Standing,
    ) -> Result<Option<Marker>> {
        let history = &standing.journal.history;
        if !self.is_free(&standing.state, history) || hold::read(folder)?.is_some() {
            return Ok(None);
        }
        let (priority, wanted) = request::wanted(folder)?;
        Ok(Some(Marker::of(&folder.id, priority, wanted, history, self.site.machine.now())))
    }

    /// True for an order that somebody may claim, unless it is on hold.
    pub(super) fn is_free(&self, state: &State, history: &History) -> bool {
        history.open.is_none() && self.options.pipeline.taker(state).is_some()
    }

    /// Makes the marker of a locked order, if it should have one. True when it was not there.
    pub(super) fn make_ready(&self, folder: &OrderFolder, standing: &Standing) -> Result<bool> {
        match self.due_marker(folder, standing)? {
            Some(marker) => self.index.put(&standing.state, &marker),
            None => Ok(false),
        }
    }

    /// Refuses a state that no stage knows.
    pub(super) fn must_know(&self, state: &State) -> Result<()> {
        if self.options.pipeline.knows(state) {
            return Ok(());
        }
        let known = self.options.pipeline.states();
        let known: Vec<&str> = known.iter().map(State::as_str).collect();
        Err(Error::usage(format!("no stage knows the state {state}"))
            .hint(format!("the states are {}", known.join(", "))))
    }
}

/// The entry of a move, with the `.state` that it replaces and the one that it puts there. One that a person wrote is made
/// to survive power loss first: an older one that came back would be in no entry, and would look like another edit.
pub(super) fn replacing(
    locked: &Locked,
    entry: Entry,
    standing: &Standing,
    ours: &Found,
) -> Result<Entry> {
    if !standing.journal.has_put(standing.stamp) {
        keep_edit(locked)?;
    }
    let Stamp { ino, mtime, born } = standing.stamp;
    Ok(Entry { ino: Some(ino), mtime: Some(mtime), born, put: ours.mark(), ..entry })
}
