//! Which orders to take, and claiming them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Kind, Result};
use crate::event::What;
use crate::holder::SessionId;
use crate::order::OrderId;
use crate::plan::{self, Known, Wait};
use crate::queue::{Claim, Claiming, Order, Skip};
use crate::shop::Shop;
use crate::state::State;

/// How many more orders than wanted are looked at, since others may be faster.
const SPARE: usize = 16;

/// Orders that were passed over, with the reason that was told. A reason is told once, not at every poll.
#[derive(Debug, Default)]
pub struct PassedOver(HashMap<OrderId, String>);

impl PassedOver {
    fn tell(&mut self, shop: &Shop, order: &OrderId, why: String) {
        if self.0.get(order) == Some(&why) {
            return;
        }
        shop.tell(What::Skipped { order: order.clone(), why: why.clone() });
        self.0.insert(order.clone(), why);
    }
}

/// Orders that were claimed together.
#[derive(Debug)]
pub struct Picked {
    /// The session they are for.
    pub session: SessionId,
    /// The claims, in the order in which they will be given.
    pub claims: Vec<Claim>,
    /// It is a suspect: nothing else may join it.
    pub alone: bool,
}

/// Takes what is ready: a fair share of it, at most `room` by weight. `warm` says that it joins a session under way, where
/// no suspect may come. `only` narrows the choice to these orders.
pub fn pick(
    shop: &Shop,
    session: &SessionId,
    room: usize,
    warm: bool,
    only: Option<&[OrderId]>,
    passed: &mut PassedOver,
) -> Result<Picked> {
    let (wanted, alone) = choose(shop, room, warm, only, passed)?;
    let mut picked = Picked { session: session.clone(), claims: Vec::new(), alone };
    let mut failure = None;
    for (id, claiming) in claim_all(shop, session, &wanted) {
        match claiming {
            Ok(Claiming::Won(claim)) => {
                passed.0.remove(&id);
                picked.claims.push(*claim);
            }
            Ok(Claiming::Skipped(Skip::Held(why))) => {
                passed.tell(shop, &id, format!("on hold: {why}"));
            }
            Ok(Claiming::Skipped(_)) => {}
            // One broken order does not keep the others from being taken.
            Err(error) if error.kind() == Kind::BrokenOrder => {
                passed.tell(shop, &id, error.to_string());
            }
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if picked.claims.is_empty() => Err(error),
        Some(error) => {
            shop.warn(format!("an order could not be claimed: {error}"));
            Ok(picked)
        }
        None => Ok(picked),
    }
}

/// The syncs of a batch's claims are issued together: one thread each.
fn claim_all(
    shop: &Shop,
    session: &SessionId,
    wanted: &[(OrderId, State)],
) -> Vec<(OrderId, Result<Claiming>)> {
    let holder = shop.enlisted.holder(session);
    let claim = |id: &OrderId, state: &State| Arc::clone(&shop.queue).claim(id, state, &holder);
    if let [(id, state)] = wanted {
        return vec![(id.clone(), claim(id, state))];
    }
    std::thread::scope(|threads| {
        let claim = &claim;
        let mut claimed = Vec::new();
        let mut running = Vec::new();
        for (id, state) in wanted {
            let thread = std::thread::Builder::new();
            match thread.spawn_scoped(threads, move || claim(id, state)) {
                Ok(thread) => running.push((id, thread)),
                // No thread to be had: one after the other, then.
                Err(_) => claimed.push((id.clone(), claim(id, state))),
            }
        }
        let joined = running.into_iter().filter_map(|(id, thread)| Some((id, thread.join().ok()?)));
        claimed.extend(joined.map(|(id, claiming)| (id.clone(), claiming)));
        claimed
    })
}

fn choose(
    shop: &Shop,
    room: usize,
    warm: bool,
    only: Option<&[OrderId]>,
    passed: &mut PassedOver,
) -> Result<(Vec<(OrderId, State)>, bool)> {
    let mut candidates = Vec::new();
    // Leftovers of a crash come first: their work is paid for.
    for state in shop.stage.takes.iter().rev() {
        let most = room + SPARE + passed.0.len();
        let ready = shop.queue.ready(state, most)?.into_iter();
        let ready = ready.filter(|id| only.is_none_or(|only| only.contains(id)));
        candidates.extend(ready.map(|id| (id, state.clone())));
    }
    let fit: Vec<(Order, State)> = candidates
        .into_iter()
        .filter_map(|(id, state)| fit_to_take(shop, &id, passed).map(|order| (order, state)))
        .collect();
    let idle = if only.is_some() { 1 } else { 1 + shop.idle_others() };
    let share = plan::share(fit.len(), idle, room);
    let mut wanted = Vec::new();
    let mut weight = 0;
    for (order, state) in fit {
        let heavy = order.request.as_ref().map_or(1, |request| request.weight.max(1) as usize);
        if order.history.suspect {
            if wanted.is_empty() && !warm {
                return Ok((vec![(order.id, state)], true));
            }
            continue;
        }
        if wanted.len() >= share || (weight + heavy > room && (warm || !wanted.is_empty())) {
            continue;
        }
        weight += heavy;
        wanted.push((order.id, state));
    }
    Ok((wanted, false))
}

/// The order, when nothing that can be seen without a lock speaks against taking it.
fn fit_to_take(shop: &Shop, id: &OrderId, passed: &mut PassedOver) -> Option<Order> {
    let order = match shop.queue.look(id) {
        Ok(order) => order?,
        Err(error) => {
            passed.tell(shop, id, error.to_string());
            return None;
        }
    };
    if let Some(why) = &order.hold {
        passed.tell(shop, id, format!("on hold: {why}"));
        return None;
    }
    if let Some(wait) = waits(shop, &order) {
        passed.tell(shop, id, wait.to_string());
        return None;
    }
    Some(order)
}

/// What an order waits for, if anything.
pub fn waits(shop: &Shop, order: &Order) -> Option<Wait> {
    // A request that can't be read waits for nothing: the claim puts it on hold and says why.
    let request = order.request.as_ref().ok()?;
    let known = |other: &OrderId| known(shop, other);
    plan::waits_for(&order.id, request, &shop.pipeline, &known).into_iter().next()
}

fn known(shop: &Shop, id: &OrderId) -> Option<Known> {
    let Ok(Some(order)) = shop.queue.look(id) else {
        let state = shop.floor.archived_state(id)?;
        return Some(Known { state, needs: Vec::new() });
    };
    let needs = order.request.map(|request| request.needs).unwrap_or_default();
    Some(Known { state: order.state, needs: needs.into_iter().map(|need| need.id).collect() })
}
