//! `shopfloor why`: why an order waits, in one sentence and then in detail.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::Result;
use serde_json::json;
use shopfloor::error::Error;
use shopfloor::order::OrderId;
use shopfloor::place::Place;
use shopfloor::plan::{Hindrance, Sight as _};
use shopfloor::queue::Order;
use shopfloor::state::State;

use crate::flags::Why;
use crate::naming::{order_called, unknown_order};
use crate::next::{self, Status};
use crate::outlook::Outlook;
use crate::show::stand_told;
use crate::voice::{self, Done, line};
use crate::waits::{self, Stand};

/// The most causes that are told one by one.
const MOST: usize = 10;

/// Tells it.
pub(crate) fn run(flags: &Why, place: &Place) -> Result<Done> {
    let queue = place.open_queue_to_look()?;
    let id = order_called(&*queue, &flags.id)?;
    let outlook = Outlook::of(place)?;
    let Some(order) = outlook.seen.orders.get(&id) else {
        let broken = outlook.seen.broken.iter().find(|(other, _)| *other == id);
        return Err(match broken {
            Some((_, why)) => Error::new(shopfloor::error::Kind::BrokenOrder, why.clone()).into(),
            None => unknown_order(&*queue, &flags.id).into(),
        });
    };
    let (sentence, details) = (sentence(order, &outlook), details(order, &outlook));
    if flags.json {
        let stand = waits::stand(order, &outlook);
        let waits_for: Vec<&OrderId> = match &stand {
            Stand::Waits(hindrance) => hindrance.waits_for(),
            _ => Vec::new(),
        };
        voice::json(&json!({
            "id": id, "state": order.state, "why": sentence, "details": details,
            "waits_for": waits_for,
        }))?;
        return Ok(Done::Well);
    }
    let mut text = sentence;
    for detail in details {
        write!(text, "\n  {detail}")?;
    }
    voice::result(text)?;
    Ok(Done::Well)
}

/// The one sentence.
pub(crate) fn sentence(order: &Order, outlook: &Outlook) -> String {
    let id = &order.id;
    let stage = outlook.pipeline.taker(&order.state).map_or("", |stage| stage.name);
    match waits::stand(order, outlook) {
        Stand::Ended if order.state == State::FAILED => {
            format!("{id} FAILED: {}.", line(&order.history.last_why, 200))
        }
        Stand::Ended => format!("{id} does not wait: it is {}.", order.state),
        Stand::Claimed(worker) => {
            format!("{id} does not wait: worker {} of {stage} has it in hand.", worker.pid())
        }
        Stand::Waits(hindrance) => format!("{id} {hindrance}."),
        Stand::Ready => match place_in_line(order, outlook, stage) {
            Some((1, _)) => format!("{id} is ready, and the next that {stage} takes."),
            Some((nth, all)) => {
                format!("{id} is ready and waits for a free {stage} worker: number {nth} of {all}.")
            }
            None => format!("{id} waits for a free {stage} worker."),
        },
        stand => format!("{id} waits: {}.", stand_told(&stand)),
    }
}

/// Which one of those that its stage would take it is, and of how many.
fn place_in_line(order: &Order, outlook: &Outlook, stage: &str) -> Option<(usize, usize)> {
    let tasks = next::tasks(outlook, Some(stage), usize::MAX);
    let ready: Vec<&OrderId> = tasks
        .iter()
        .filter(|task| matches!(task.status, Status::Failed | Status::Ready))
        .map(|task| &task.order.id)
        .collect();
    let at = ready.iter().position(|id| **id == order.id)?;
    Some((at + 1, ready.len()))
}

/// The details, a line each.
fn details(order: &Order, outlook: &Outlook) -> Vec<String> {
    let mut told = Vec::new();
    if let Stand::Waits(hindrance) = waits::stand(order, outlook) {
        told.extend(causes(&hindrance, outlook));
    }
    if let Ok(request) = &order.request {
        if let Some(phase) = request.phase {
            let override_ =
                if request.waiting_phase().is_some() { "" } else { "; its needs stand above it" };
            told.push(format!("it is in phase {phase}{override_}"));
        }
        if let Some(group) = &request.group {
            let reason = request.group_reason.as_deref().unwrap_or("nobody said why");
            told.push(format!("it is in the group {group}, one after the other ({reason})"));
        }
        let footprint = outlook.survey.footprint(&order.id, request);
        let files: Vec<&str> = footprint.names().collect();
        if !files.is_empty() {
            told.push(format!("it touches {}", line(&files.join(", "), 300)));
        }
    }
    if let Some(place) = outlook.line.place(&order.id) {
        let begun = if place.begun { "has begun" } else { "keeps its place" };
        told.push(format!(
            "it {begun} in the line of those that touch files, with number {}",
            place.turn
        ));
    }
    let dependants: Vec<String> =
        outlook.dependants(&order.id).into_iter().map(|(id, _)| id.to_string()).collect();
    if !dependants.is_empty() {
        told.push(format!(
            "{} wait for it: {}",
            dependants.len(),
            line(&dependants.join(", "), 300)
        ));
    }
    told
}

/// What an order waits for directly, and what all of that comes from in the end.
fn causes(hindrance: &Hindrance, outlook: &Outlook) -> Vec<String> {
    let mut told = Vec::new();
    let mut direct: Vec<OrderId> = hindrance.waits_for().into_iter().cloned().collect();
    if let Hindrance::Phase { key, tally, .. } = hindrance {
        direct = outlook.open_in_phase(key, tally.phase).to_vec();
        let names: Vec<&str> = direct.iter().map(OrderId::as_str).collect();
        told.push(format!(
            "not through in phase {}: {}",
            tally.phase,
            line(&names.join(", "), 300)
        ));
    }
    let mut seen: BTreeSet<OrderId> = BTreeSet::new();
    let mut ends: Vec<OrderId> = Vec::new();
    let mut next = direct.clone();
    while let Some(id) = next.pop() {
        let Some(order) = outlook.seen.orders.get(&id) else { continue };
        if !seen.insert(id.clone()) {
            continue;
        }
        match waits::stand(order, outlook) {
            Stand::Waits(hindrance) if hindrance.may_pass() => match &hindrance {
                Hindrance::Phase { key, tally, .. } => {
                    next.extend_from_slice(outlook.open_in_phase(key, tally.phase));
                }
                hindrance => next.extend(hindrance.waits_for().into_iter().cloned()),
            },
            _ => ends.push(id),
        }
    }
    let told_of = |id: &OrderId| outlook.seen.orders.get(id).map(|order| sentence(order, outlook));
    if !matches!(hindrance, Hindrance::Phase { .. }) {
        told.extend(direct.iter().take(MOST).filter_map(told_of));
    }
    let further: Vec<String> =
        ends.iter().filter(|id| !direct.contains(id)).filter_map(told_of).collect();
    if !further.is_empty() {
        told.push(format!("in the end, by way of {} orders, it waits for:", seen.len()));
        let more = further.len().saturating_sub(MOST);
        told.extend(further.into_iter().take(MOST).map(|sentence| format!("  {sentence}")));
        if more > 0 {
            told.push(format!("  and {more} more"));
        }
    }
    told
}
