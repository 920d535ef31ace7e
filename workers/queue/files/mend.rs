//! Mending what may be deleted at any time: the index, what was half built, traces of dead workers. Unlike a sweep or a
//! recovery nothing here reconciles: no file of any order is touched.

use std::time::Duration;

use super::mutex::{self, Taken};
use super::ready::Marker;
use super::survey::is_right;
use super::sweep::Markers;
use super::waiting::is_set_aside;
use super::{FileQueue, claims, liveness};
use crate::error::Result;
use crate::holder::WorkerId;
use crate::order::OrderId;
use crate::queue::Order;
use crate::state::State;

/// How long to wait for the lock of one order before its markers are left for the next sweep.
const PATIENCE: Duration = Duration::from_millis(200);

impl FileQueue {
    /// Makes the index agree with the orders as they stand, and clears away what was half built. False when a sweep is
    /// under way, which does the same.
    pub fn mend_index(&self) -> Result<bool> {
        let Some(_sweeper) = self.only_sweeper()? else { return Ok(false) };
        self.reap_tmp()?;
        let Markers { mut of, rubbish } = self.markers_there()?;
        self.remove_markers(&rubbish)?;
        self.still_waiting()?;
        let waiting = self.rightly_waiting()?;
        for id in self.listing()?.orders {
            let waits = waiting.get(&id).map_or(&[][..], Vec::as_slice);
            self.mend_one(&id, &of.remove(&id).unwrap_or_default(), waits)?;
        }
        for (id, markers) in of {
            // One may have been made since we listed.
            if !self.site.is_there(&self.site.place_of(&id)) {
                self.remove_markers(&markers)?;
            }
        }
        Ok(true)
    }

    fn mend_one(
        &self,
        id: &OrderId,
        markers: &[(State, String)],
        waits: &[(State, String)],
    ) -> Result<()> {
        // Markers change under the order's lock. One that nobody ever locked is left without: a lock would be a trace.
        let locked = match self.site.is_file(&self.site.place_of(id).join(super::folder::LOCK)) {
            true => match mutex::take(&self.site, id, PATIENCE) {
                Ok(Taken::Locked(locked)) => Some(locked),
                Ok(Taken::Busy | Taken::Gone) | Err(_) => return Ok(()),
            },
            false => None,
        };
        let Ok(Some((order, _))) = self.understood(id) else { return Ok(()) };
        let wanted = self.wanted_marker(&order);
        let now = self.site.machine.now();
        let (right, wrong): (Vec<_>, Vec<_>) = markers
            .iter()
            .cloned()
            .partition(|marker| is_right(marker, &order.state, &wanted, now));
        self.remove_markers(&wrong)?;
        if let Some(marker) = wanted.filter(|_| right.is_empty() && !is_set_aside(&order, waits)) {
            self.index.put(&order.state, &marker)?;
        }
        drop(locked);
        Ok(())
    }

    /// The marker an order should have, as a sweep would make it.
    pub(super) fn wanted_marker(&self, order: &Order) -> Option<Marker> {
        if order.hold.is_some() || !self.is_free(&order.state, &order.history) {
            return None;
        }
        let (priority, due) = order
            .request
            .as_ref()
            .map_or_else(|_| Default::default(), |request| (request.priority, request.due));
        Some(Marker::of(&order.id, priority, due, &order.history, self.site.machine.now()))
    }

    /// Takes the traces of a dead worker away that holds nothing on record. False, and nothing is done, when it lives or
    /// still holds something, as far as can be told. What is left of its processes is the caller's to ask for.
    pub fn forget(&self, worker: &WorkerId) -> Result<bool> {
        if liveness::lives(&self.site, worker)? {
            return Ok(false);
        }
        let marked = claims::of(&self.site, worker)?;
        for id in &marked {
            let holds = match self.understood(id)? {
                None => false,
                // What can't be understood now may be its own once it is mended.
                Some((_, Some(_))) => true,
                Some((order, None)) => {
                    order.history.open.is_some_and(|open| open.worker == *worker)
                }
            };
            if holds {
                return Ok(false);
            }
        }
        marked.iter().for_each(|id| claims::remove_mark(&self.site, worker, id));
        liveness::forget(&self.site, worker)?;
        Ok(true)
    }
}
