//! Recovery: what a dead worker held is made ready again, once its process tree is gone. And what a live one could not
//! give back.

use std::time::Duration;

use super::mutex::{self, Taken};
use super::reconcile::reconcile;
use super::{FileQueue, claims, liveness};
use crate::error::Result;
use crate::failure::Class;
use crate::history::OpenClaim;
use crate::holder::{Holder, WorkerId};
use crate::order::OrderId;
use crate::queue::{Grant, Recovered, Release, entries};
use crate::state::State;

/// How long recovery waits for the lock of one order before it leaves it for its next round.
const PATIENCE: Duration = Duration::from_millis(500);

impl FileQueue {
    /// Looks for dead workers and brings back what they held.
    pub(super) fn bring_back(
        &self,
        undertaker: &dyn Fn(&WorkerId) -> bool,
    ) -> Result<Vec<Recovered>> {
        self.after_a_boot()?;
        let mut recovered = Vec::new();
        for worker in liveness::known(&self.site)? {
            // One worker whose traces can't be read does not keep the others' orders from coming back.
            if let Err(error) = self.bring_back_from(&worker, undertaker, &mut recovered) {
                tracing::warn!(%worker, %error, "could not be looked at");
            }
        }
        Ok(recovered)
    }

    fn bring_back_from(
        &self,
        worker: &WorkerId,
        undertaker: &dyn Fn(&WorkerId) -> bool,
        recovered: &mut Vec<Recovered>,
    ) -> Result<()> {
        if liveness::lives(&self.site, worker)? || !undertaker(worker) {
            return Ok(());
        }
        let mut left = false;
        for id in claims::of(&self.site, worker)? {
            match self.orphan(worker, &id) {
                Ok(Some(class)) => {
                    claims::remove_mark(&self.site, worker, &id);
                    let worker = worker.clone();
                    recovered.extend(class.map(|class| Recovered { id, worker, class }));
                }
                Ok(None) => left = true,
                Err(error) => {
                    // One broken order does not keep the others from coming back.
                    tracing::warn!(order = %id, %worker, %error, "could not be recovered yet");
                    left = true;
                }
            }
        }
        if left { Ok(()) } else { liveness::forget(&self.site, worker) }
    }

    /// Ends the claim of a dead worker on one order, if it still has one, and makes the order ready. `None` when the
    /// order is busy and must be looked at again; else the class that was recorded, if anything had to be.
    fn orphan(&self, worker: &WorkerId, id: &OrderId) -> Result<Option<Option<Class>>> {
        let locked = match mutex::take(&self.site, id, PATIENCE)? {
            Taken::Locked(locked) => locked,
            Taken::Busy => return Ok(None),
            Taken::Gone => return Ok(Some(None)),
        };
        // An order on hold for damage is for a person now. Once it is mended its claim may stand there again, and nobody
        // but us would know: it is looked at again.
        let Ok(mut standing) = reconcile(&self.options.pipeline, &locked)? else { return Ok(None) };
        let due = self.site.machine.now().saturating_add(self.options.crash_backoff_secs);
        let history = &standing.journal.history;
        let class = match entries::orphan(history, worker, due) {
            Some((entry, class)) => {
                standing.journal.append(&locked.folder, vec![entry])?;
                Some(class)
            }
            None => None,
        };
        // Also when the claim was closed: the worker may have died between its last move and the marker.
        self.make_ready(&locked.folder, &standing)?;
        self.stir(id, None);
        Ok(Some(class))
    }

    /// Gives back what `worker`, which lives and has no claim in hand, still holds on record.
    pub(super) fn give_back_left(&self, worker: &WorkerId) -> Result<Vec<(OrderId, State)>> {
        let mut back = Vec::new();
        for id in claims::of(&self.site, worker)? {
            match self.give_back_one(worker, &id) {
                Ok(state) => back.extend(state.map(|state| (id, state))),
                // It was told when it could not be given back the first time.
                Err(error) => tracing::debug!(order = %id, %error, "still can't be given back"),
            }
        }
        Ok(back)
    }

    /// The state of an order that was given back; `None` when there was nothing to give back, or it can't be yet.
    fn give_back_one(&self, worker: &WorkerId, id: &OrderId) -> Result<Option<State>> {
        let locked = match mutex::take(&self.site, id, PATIENCE)? {
            Taken::Locked(locked) => locked,
            Taken::Busy => return Ok(None),
            Taken::Gone => {
                claims::remove_mark(&self.site, worker, id);
                return Ok(None);
            }
        };
        let Ok(mut standing) = reconcile(&self.options.pipeline, &locked)? else { return Ok(None) };
        let open = standing.journal.history.open.clone().filter(|open| open.worker == *worker);
        let given_back = open.is_some();
        if let Some(OpenClaim { generation, worker, session, state, .. }) = open {
            let holder = Holder { worker, session };
            let grant = Grant { id: id.clone(), generation, state, holder };
            let release = Release::lost("it could not be given back before");
            standing.journal.append(&locked.folder, vec![entries::release(&grant, &release)])?;
        }
        self.make_ready(&locked.folder, &standing)?;
        self.stir(id, None);
        claims::remove_mark(&self.site, worker, id);
        Ok(given_back.then_some(standing.state))
    }

    /// The marks of claims are not synced: after a power cut some may be missing. The first recovery after a boot
    /// sweeps, which makes them again.
    fn after_a_boot(&self) -> Result<()> {
        let path = self.site.floor.run().join("boot");
        let now = self.site.machine.boot();
        if self.site.read(&path).is_ok_and(|then| then.trim() == now) {
            return Ok(());
        }
        if self.sweep_all()?.is_some() {
            self.site.replace(&path, now.as_bytes())?;
        }
        Ok(())
    }
}
