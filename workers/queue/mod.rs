//! The queue as a seam: orders, claims and the ten things that can be done with them. Nothing here says "file".
//!
//! Two implementors from day one, one contract suite for both (`tests/contract`): [`files`] and [`memory`].
//! A claim is a value that can't be forged or cloned: moving the order consumes it, dropping it gives it back.
//! Correctness never rests on a clock: an order is taken from a worker only when the worker is dead.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Kind, Result};
use crate::failure::Class;
use crate::history::History;
use crate::holder::{Holder, SessionId, WorkerId};
use crate::order::{OrderId, Request};
use crate::plan::{RollKey, Tally};
use crate::state::State;

mod entries;
mod rest;
pub mod files;
pub mod memory;

/// One order as it stands. A snapshot: it may be old the moment it is read.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its name.
    pub id: OrderId,
    /// Where it stands.
    pub state: State,
    /// What is asked for, or why that can't be read.
    pub request: Result<Request, String>,
    /// What its journal adds up to.
    pub history: History,
    /// Why it is on hold, if it is. An empty reason is a hold too.
    pub hold: Option<String>,
}

/// Everything in the queue's folder: the orders, and what stands there that is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Sorted by id.
    pub orders: Vec<OrderId>,
    /// Names that can't be orders, with the reason. Shown escaped: they may hold anything.
    pub strange: Vec<(String, String)>,
}

/// What became of a wish to make an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Created {
    /// It is there, and survives power loss.
    Made,
    /// There is one of that name; nothing was changed.
    Exists,
}

/// What became of a wish to claim an order.
#[derive(Debug)]
#[must_use]
pub enum Claiming {
    /// It is ours.
    Won(Box<Claim>),
    /// It is not, and that is no error.
    Skipped(Skip),
}

/// Why an order was not claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    /// It is gone.
    Gone,
    /// It is in another state by now.
    Moved(State),
    /// A live worker holds it.
    Claimed(WorkerId),
    /// It is on hold, for this reason (which may just have been found: a corrupt journal, a broken order.json).
    Held(String),
    /// It rests until this unix second.
    NotDue(u64),
    /// Somebody has its lock this very moment; look again in a second.
    Busy,
}

/// What became of a wish to do something under a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Moved {
    /// It is done, and survives power loss.
    Done,
    /// The claim is not ours any more; nothing was changed. The reason, for the log.
    LostClaim(String),
}

/// What became of an order that moved on and is kept.
#[derive(Debug)]
#[must_use]
pub enum Kept {
    /// It moved, and is claimed anew under the next generation.
    Claim(Box<Claim>),
    /// The claim is not ours any more; nothing was changed.
    LostClaim(String),
}

/// One move: where to, why, and what is charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The new state.
    pub to: State,
    /// Why, one line.
    pub why: String,
    /// `None` for a move forward. `Work` when it is sent back by its own fault, `Crash`, `Env`, `Lost` likewise.
    pub class: Option<Class>,
    /// Unix seconds before which nobody claims it.
    pub due: Option<u64>,
}

impl Move {
    /// A move forward.
    pub fn forward(to: State, why: impl Into<String>) -> Self {
        Self { to, why: why.into(), class: None, due: None }
    }
}

/// Giving an order back where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Who is charged.
    pub class: Class,
    /// Why, one line.
    pub why: String,
    /// Unix seconds before which nobody claims it.
    pub due: Option<u64>,
}

impl Release {
    /// Nobody is charged: a shutdown, or a person.
    pub fn lost(why: impl Into<String>) -> Self {
        Self { class: Class::Lost, why: why.into(), due: None }
    }
}

/// A remark in an order's journal that moves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// One of `history::topic`, or a word of one's own.
    pub topic: String,
    /// A proof (a hash), for the topics that have one.
    pub proof: Option<String>,
    /// One line.
    pub why: String,
}

impl Note {
    /// A remark without proof.
    pub fn of(topic: &str, why: impl Into<String>) -> Self {
        Self { topic: topic.to_owned(), proof: None, why: why.into() }
    }
}

/// What one look at the dead brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The order that is ready again.
    pub id: OrderId,
    /// The worker that died with it.
    pub worker: WorkerId,
    /// `Crash` when its turn had begun and its result was not in, else `Lost`.
    pub class: Class,
}

/// What one sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Orders looked at.
    pub orders: usize,
    /// Markers made.
    pub added: usize,
    /// Markers taken away.
    pub removed: usize,
    /// Orders that could not be read, with the reason (they are on hold now, or unreachable).
    pub broken: Vec<(String, String)>,
    /// What was put right and should be known, by order.
    pub remarks: Vec<(String, String)>,
}

/// The queue.
///
/// Every call may block for the milliseconds of one transition. Errors of kind `BrokenOrder` concern one order and
/// leave the others alone; of kind `DiskFull` mean that nothing was changed.
pub trait Queue: Send + Sync + fmt::Debug {
    /// Makes an order in state NEW. Once this returns `Made` it survives power loss.
    fn create(&self, id: &OrderId, request: &Request) -> Result<Created>;

    /// Makes all of these orders in state NEW, on hold for the reason `hold`, or none of them. An id that is taken is an
    /// error (kind `Usage`). A crash in the middle may leave some of them, each on hold.
    fn create_all(&self, orders: &[(OrderId, Request)], hold: &str) -> Result<()>;

    /// Everything that stands in the queue.
    fn list(&self) -> Result<Listing>;

    /// One order as it stands, or `None` when there is none of that name.
    fn look(&self, id: &OrderId) -> Result<Option<Order>>;

    /// At most `most` orders that the index says are in `state` and due now, by rank ([`crate::plan::rank`]), without
    /// those that were set aside. A hint: it grants nothing.
    fn ready(&self, state: &State, most: usize) -> Result<Vec<OrderId>>;

    /// Sets an order aside: `ready` does not tell of it until it is woken. `key` is what it waits for: `<id>` is woken by
    /// whatever happens to that order, `<id>@<STATE>` when that order gets there, any other key ([`RollKey::waiting`])
    /// when its phase opens; and each by [`Queue::wake`]. Whoever sets an order aside looks once more at what it
    /// waits for afterwards, and wakes it when that has just happened. False when the order is not where `order` says, or
    /// nobody told of it.
    fn set_aside(&self, order: &Order, key: &str) -> Result<bool>;

    /// Makes those ready again that were set aside under `key`. How many.
    fn wake(&self, key: &str) -> Result<usize>;

    /// Makes an order ready that was set aside for its phase. False when it was not.
    fn rouse(&self, order: &Order) -> Result<bool>;

    /// True when an order may be set aside for its phase.
    fn anybody_waits_for_a_phase(&self) -> Result<bool>;

    /// The orders that are set aside until something happens to the order `id`.
    fn waiting_for(&self, id: &OrderId) -> Result<Vec<OrderId>>;

    /// How the phases of a plan ([`RollKey::plan`]) stand. Orders in the archive count as done.
    fn phases(&self, plan: &str) -> Result<Vec<Tally>>;

    /// The members of a group that are not through, with their places in it. It may tell of one too many.
    fn members(&self, group: &RollKey) -> Result<Vec<(u32, OrderId)>>;

    /// Takes an order in state `from` for `holder`. Exclusive: of any number of calls at most one wins.
    fn claim(self: Arc<Self>, id: &OrderId, from: &State, holder: &Holder) -> Result<Claiming>;

    /// Moves the order of `grant`, and claims it anew in the same breath when `keep` is set.
    /// Returns the new grant then. Called through [`Claim`].
    fn advance(
        &self,
        grant: &Grant,
        step: &Move,
        keep: bool,
    ) -> Result<Result<Option<Grant>, String>>;

    /// Gives the order of `grant` back where it stands. Called through [`Claim`].
    fn release(&self, grant: &Grant, release: &Release) -> Result<Moved>;

    /// Writes a remark under a claim: only while the claim is ours. Called through [`Claim`].
    fn note(&self, grant: &Grant, note: &Note) -> Result<Moved>;

    /// Puts an order on hold: at once, also while it is in progress. False when there is no such order.
    fn hold(&self, id: &OrderId, why: &str) -> Result<bool>;

    /// Takes the hold away. False when there was none.
    fn unhold(&self, id: &OrderId) -> Result<bool>;

    /// A person moves an order to `to` and pardons it; an open claim is closed. False when there is no such order.
    fn kick(&self, id: &OrderId, to: &State, why: &str) -> Result<bool>;

    /// Puts a finished order into the archive, whole. False when there is no such order.
    /// Refused (kind `Usage`) while a live worker holds it.
    fn archive(&self, id: &OrderId) -> Result<bool>;

    /// Makes this process known as a live worker until the guard is dropped or the process ends.
    fn enlist(&self, stage: &str) -> Result<Enlisted>;

    /// True while that worker lives.
    fn lives(&self, worker: &WorkerId) -> Result<bool>;

    /// Looks for dead workers. For each: `undertaker` ends what is left of its process tree (and says `false` to
    /// leave it for later, when something can't be ended); then every order it held is ready again.
    fn recover(&self, undertaker: &dyn Fn(&WorkerId) -> bool) -> Result<Vec<Recovered>>;

    /// Gives back (class `lost`) whatever this worker still holds on record. Only for a worker that has no [`Claim`] in
    /// hand: what is found then could not be given back when it should have been, since the disk was full or the order
    /// was broken. What can't be given back now either stays for the next call. The orders, and where they stand.
    fn give_back_all(&self, enlisted: &Enlisted) -> Result<Vec<(OrderId, State)>>;

    /// Rebuilds the index from the orders themselves, and reconciles each one. One process at a time; the others
    /// return at once with nothing done.
    fn sweep(&self) -> Result<Swept>;

    /// A bell that rings when one of `states` may have got a new order.
    fn bell(&self, states: &[State]) -> Result<Bell>;
}

/// The facts of a claim, as the queue handed them out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The order.
    pub id: OrderId,
    /// The generation: an effect is accepted only with the current one.
    pub generation: u64,
    /// The state it was claimed in.
    pub state: State,
    /// Who holds it.
    pub holder: Holder,
}

/// The right to move one order. Moving consumes it; dropping it gives the order back (class `lost`).
pub struct Claim {
    grant: Grant,
    request: Request,
    history: History,
    queue: Option<Arc<dyn Queue>>,
}

impl Claim {
    /// Made by implementors of [`Queue`] only, at the moment the claim is on record.
    pub(in crate::queue) fn new(
        grant: Grant,
        request: Request,
        history: History,
        queue: Arc<dyn Queue>,
    ) -> Self {
        Self { grant, request, history, queue: Some(queue) }
    }

    /// The order.
    pub fn id(&self) -> &OrderId {
        &self.grant.id
    }

    /// The generation.
    pub fn generation(&self) -> u64 {
        self.grant.generation
    }

    /// The state it was claimed in.
    pub fn state(&self) -> &State {
        &self.grant.state
    }

    /// Who holds it.
    pub fn holder(&self) -> &Holder {
        &self.grant.holder
    }

    /// What is asked for.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Its history up to, and without, this claim.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Moves the order and lets it go. On an error the order is given back where it stands.
    pub fn advance(mut self, step: &Move) -> Result<Moved> {
        let Some(queue) = self.queue.clone() else { return Ok(Moved::Done) };
        // On an error `self` is dropped with its queue still in it, which gives the order back.
        let moved = unless_broken(queue.advance(&self.grant, step, false), Err)?;
        self.queue = None;
        Ok(moved.map_or_else(Moved::LostClaim, |_| Moved::Done))
    }

    /// Moves the order and keeps it under the next generation.
    pub fn advance_and_keep(mut self, step: &Move) -> Result<Kept> {
        let Some(queue) = self.queue.clone() else {
            return Ok(Kept::LostClaim("the claim was used up".to_owned()));
        };
        let moved = unless_broken(queue.advance(&self.grant, step, true), Err)?;
        self.queue = None;
        match moved {
            Err(why) => Ok(Kept::LostClaim(why)),
            Ok(None) => Ok(Kept::LostClaim("it could not be kept".to_owned())),
            Ok(Some(grant)) => {
                let (request, history) = (self.request.clone(), self.history.clone());
                Ok(Kept::Claim(Box::new(Self { grant, request, history, queue: Some(queue) })))
            }
        }
    }

    /// Gives the order back where it stands.
    pub fn release(mut self, release: &Release) -> Result<Moved> {
        match self.queue.take() {
            Some(queue) => unless_broken(queue.release(&self.grant, release), Moved::LostClaim),
            None => Ok(Moved::Done),
        }
    }

    /// Gives the order up: state FAILED, with the reason.
    pub fn bury(self, why: &str) -> Result<Moved> {
        let step =
            Move { to: State::FAILED, why: why.to_owned(), class: Some(Class::Work), due: None };
        self.advance(&step)
    }

    /// Writes a remark into the order's journal.
    pub fn note(&self, note: &Note) -> Result<Moved> {
        match &self.queue {
            Some(queue) => unless_broken(queue.note(&self.grant, note), Moved::LostClaim),
            None => Ok(Moved::LostClaim("the claim was used up".to_owned())),
        }
    }
}

/// An order that can't be reached any more costs its own claim and nothing else: whoever holds it goes on with the
/// others. The claim stays on record, for `give_back_all` or recovery.
fn unless_broken<T>(done: Result<T>, lost: impl FnOnce(String) -> T) -> Result<T> {
    match done {
        Err(error) if error.kind() == Kind::BrokenOrder => Ok(lost(error.to_string())),
        done => done,
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let Some(queue) = self.queue.take() else { return };
        let release = Release::lost("given back");
        if let Err(error) = queue.release(&self.grant, &release) {
            // Nothing is lost: the claim is on record, and `give_back_all` finds it, or recovery once we are gone.
            tracing::warn!(order = %self.grant.id, %error, "could not give an order back");
        }
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Claim").field(&self.grant).finish()
    }
}

/// A live worker. The process is known as alive until this is dropped or the process ends.
pub struct Enlisted {
    /// Its id.
    pub worker: WorkerId,
    _alive: Box<dyn Any + Send + Sync>,
}

impl Enlisted {
    pub(in crate::queue) fn new(worker: WorkerId, alive: Box<dyn Any + Send + Sync>) -> Self {
        Self { worker, _alive: alive }
    }

    /// This worker in `session`.
    pub fn holder(&self, session: &SessionId) -> Holder {
        Holder { worker: self.worker.clone(), session: session.clone() }
    }
}

impl fmt::Debug for Enlisted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Enlisted").field(&self.worker).finish()
    }
}

/// Rings when something may be ready. It may ring for nothing and, rarely, not at all: poll as well.
pub struct Bell {
    rung: Arc<tokio::sync::Notify>,
    _watch: Box<dyn Any + Send + Sync>,
}

impl Bell {
    pub(in crate::queue) fn new(
        rung: Arc<tokio::sync::Notify>,
        watch: Box<dyn Any + Send + Sync>,
    ) -> Self {
        Self { rung, _watch: watch }
    }

    /// Waits for a ring, at most `limit`. True when it rang. A ring between two waits is not forgotten.
    pub async fn wait(&self, limit: Duration) -> bool {
        tokio::time::timeout(limit, self.rung.notified()).await.is_ok()
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bell")
    }
}
