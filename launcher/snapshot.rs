//! One look at everything: the orders, the workers, the breakers. What is read may be old the moment it is read.

use std::collections::BTreeMap;

use shopfloor::accounts::{Accounts, Parked};
use shopfloor::config::Config;
use shopfloor::error::Result;
use shopfloor::floor::{Breaker, Floor, WorkerStatus, unix_now};
use shopfloor::order::OrderId;
use shopfloor::queue::{Order, Queue};
use shopfloor::stages::STAGES;
use shopfloor::state::State;

/// Everything in the queue's folder.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// Orders that can be read.
    pub(crate) orders: BTreeMap<OrderId, Order>,
    /// Orders that can't, with the reason.
    pub(crate) broken: Vec<(OrderId, String)>,
    /// Names that can't be orders, with the reason.
    pub(crate) strange: Vec<(String, String)>,
    /// Orders in the archive that somebody waits for, with the state they were put away in.
    pub(crate) archived: BTreeMap<OrderId, State>,
}

impl Snapshot {
    /// Looks at every order.
    pub(crate) fn of(queue: &dyn Queue, floor: &Floor) -> Result<Self> {
        let listing = queue.list()?;
        let mut seen = Self { strange: listing.strange, ..Self::default() };
        for id in listing.orders {
            seen.look(queue, id);
        }
        seen.find_archived(floor);
        Ok(seen)
    }

    fn look(&mut self, queue: &dyn Queue, id: OrderId) {
        match queue.look(&id) {
            Ok(Some(order)) => {
                self.orders.insert(id, order);
            }
            // Archived or removed while we looked.
            Ok(None) => {}
            // One broken order never hides the others.
            Err(error) => self.broken.push((id, error.to_string())),
        }
    }

    fn find_archived(&mut self, floor: &Floor) {
        let requests = self.orders.values().filter_map(|order| order.request.as_ref().ok());
        let needed = requests.flat_map(|request| &request.needs).map(|need| &need.id);
        let missing = needed.filter(|id| !self.orders.contains_key(*id));
        let archived = missing.filter_map(|id| Some((id.clone(), floor.archived_state(id)?)));
        self.archived = archived.collect();
    }
}

/// A worker and whether it lives.
#[derive(Debug)]
pub(crate) struct Seen {
    /// What it last said.
    pub(crate) status: WorkerStatus,
    /// True while its process lives.
    pub(crate) alive: bool,
}

/// Every worker that has said something, dead ones included.
pub(crate) fn workers(queue: &dyn Queue, floor: &Floor) -> Vec<Seen> {
    let seen = floor.statuses().into_iter().map(|status| {
        let alive = queue.lives(&status.worker).unwrap_or(false);
        Seen { status, alive }
    });
    let mut workers: Vec<Seen> = seen.collect();
    let place = |seen: &Seen| STAGES.iter().position(|stage| stage.name == seen.status.stage);
    workers.sort_by_key(|seen| (place(seen), seen.status.worker.clone()));
    workers
}

/// The stages whose accounts are all parked, as breakers: their orders wait all the same. They have opened 0 times.
pub(crate) fn parked(floor: &Floor, config: &Config) -> Vec<Breaker> {
    let accounts = Accounts::of(floor);
    let pauses = STAGES.into_iter().filter_map(|stage| {
        let mut first: Option<Parked> = None;
        for hire in config.agents_for(stage.name, None).ok()? {
            let parked = accounts.shut(&hire.account, unix_now())?;
            let at = |one: &Parked| one.until.unwrap_or(u64::MAX);
            first = first.filter(|first| at(first) <= at(&parked)).or(Some(parked));
        }
        let parked = first?;
        let (stage, why) = (stage.name.to_owned(), format!("the account {}", parked.told()));
        let until = parked.until.unwrap_or(u64::MAX);
        Some(Breaker { stage, until, count: 0, why, mend: String::new() })
    });
    pauses.collect()
}

/// Breakers that are open now, in the order of the stages.
pub(crate) fn breakers(floor: &Floor) -> Vec<Breaker> {
    let all = STAGES.into_iter().filter_map(|stage| floor.breaker(stage.name));
    all.filter(|breaker| breaker.until > unix_now()).collect()
}
