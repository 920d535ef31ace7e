//! Which orders to take, and claiming them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::accounts::Probe;
use crate::batch::permit::Door;
use crate::error::{Kind, Result};
use crate::event::What;
use crate::holder::SessionId;
use crate::order::OrderId;
use crate::permits::Permit;
use crate::plan::{Footprint, Line, Reason};
use crate::queue::{Claim, Claiming, Skip};
use crate::shop::{Hiring, Shop};
use crate::survey::{Chosen, Ready, Wants};

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
    /// The claims, in the order in which they will be given, with what each order touches.
    pub claims: Vec<(Claim, Footprint)>,
    /// It is a suspect: nothing else may join it.
    pub alone: bool,
    /// The right to open a session, where one is needed.
    pub permit: Option<Permit>,
    /// Which of the stage's agents it is opened with.
    pub hired: usize,
    /// The right to try that agent's account, where it was parked.
    pub probe: Option<Probe>,
    /// The most weight it may take.
    pub most: usize,
    /// Why this many.
    pub share: String,
    /// Why each order was taken or was not.
    pub reasons: Vec<Reason>,
}

/// Takes what is ready for `session`: a fair share of it. `door` gives the permit for a session, where one is needed and
/// none is open.
pub fn pick(
    shop: &Shop,
    session: &SessionId,
    wants: &Wants<'_>,
    door: &mut Door,
    passed: &mut PassedOver,
) -> Result<Picked> {
    let mut picked = Picked {
        session: session.clone(),
        claims: Vec::new(),
        alone: false,
        permit: None,
        hired: 0,
        probe: None,
        most: wants.room,
        share: String::new(),
        reasons: Vec::new(),
    };
    // Nobody else takes orders that touch files while we decide, so that no two take what may not run side by side.
    let deciding = if shop.touches_files() { shop.survey.decide()? } else { None };
    if shop.touches_files() && deciding.is_none() {
        return Ok(picked);
    }
    let mut tell = |order: &OrderId, why: String| passed.tell(shop, order, why);
    let chosen = shop.survey.choose(&shop.stage, wants, &mut tell)?;
    let Chosen { mut taken, alone, share, reasons, mut line } = chosen;
    (picked.alone, picked.share, picked.reasons) = (alone, share, reasons);
    let needs_session = |one: &Ready| one.needs_session(&shop.stage);
    if !wants.warm && taken.iter().any(needs_session) {
        if let Some(why) = no_session(shop, door, &mut picked)? {
            let waits = taken.iter().filter(|one| needs_session(one));
            let waits = waits.map(|one| one.order.id.clone());
            let reason = |order| Reason { order, taken: false, why: why.clone() };
            picked.reasons.extend(waits.map(reason));
            // What needs no more than gates goes on.
            taken.retain(|one| !needs_session(one));
        }
    } else if !wants.warm {
        door.leave();
    }
    claim(shop, &taken, &mut picked, &mut line, passed)?;
    Ok(picked)
}

/// Gets what a session needs: an agent with an account that is open, and a permit. Why there is none, when there is not.
fn no_session(shop: &Shop, door: &mut Door, picked: &mut Picked) -> Result<Option<String>> {
    match shop.hire()? {
        Hiring::With(hired, probe) => (picked.hired, picked.probe) = (hired, probe),
        Hiring::Parked(parked) => {
            door.leave();
            return Ok(Some(format!("the account {}", parked.told())));
        }
    }
    match door.permit(shop)? {
        Some(permit) => picked.permit = permit,
        None => {
            picked.probe = None;
            let why = "all sessions that may run at once are in use: it waits for a permit";
            return Ok(Some(why.to_owned()));
        }
    }
    Ok(None)
}

/// Claims what is wanted. Each order that is won gets its place in the line.
fn claim(
    shop: &Shop,
    wanted: &[Ready],
    picked: &mut Picked,
    line: &mut Line,
    passed: &mut PassedOver,
) -> Result<()> {
    let mut failure = None;
    for (one, claiming) in claim_all(shop, &picked.session, wanted) {
        let id = &one.order.id;
        match claiming {
            Ok(Claiming::Won(claim)) => {
                passed.0.remove(id);
                let footprint = one.footprint.clone();
                if shop.touches_files() {
                    shop.survey.put_place(id, line.join(id, footprint.clone()))?;
                }
                picked.claims.push((*claim, footprint));
            }
            Ok(Claiming::Skipped(Skip::Held(why))) => {
                passed.tell(shop, id, format!("on hold: {why}"));
            }
            Ok(Claiming::Skipped(_)) => {}
            // One broken order does not keep the others from being taken.
            Err(error) if error.kind() == Kind::BrokenOrder => {
                passed.tell(shop, id, error.to_string());
            }
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if picked.claims.is_empty() => Err(error),
        Some(error) => {
            shop.warn(format!("an order could not be claimed: {error}"));
            Ok(())
        }
        None => Ok(()),
    }
}

/// The syncs of a batch's claims are issued together: one thread each.
fn claim_all<'w>(
    shop: &Shop,
    session: &SessionId,
    wanted: &'w [Ready],
) -> Vec<(&'w Ready, Result<Claiming>)> {
    let holder = shop.enlisted.holder(session);
    let claim = |one: &Ready| Arc::clone(&shop.queue).claim(&one.order.id, &one.state, &holder);
    if let [one] = wanted {
        return vec![(one, claim(one))];
    }
    std::thread::scope(|threads| {
        let claim = &claim;
        let mut claimed = Vec::new();
        let mut running = Vec::new();
        for one in wanted {
            let thread = std::thread::Builder::new();
            match thread.spawn_scoped(threads, move || claim(one)) {
                Ok(thread) => running.push((one, thread)),
                // No thread to be had: one after the other, then.
                Err(_) => claimed.push((one, claim(one))),
            }
        }
        let joined =
            running.into_iter().filter_map(|(one, thread)| Some((one, thread.join().ok()?)));
        claimed.extend(joined);
        claimed
    })
}
