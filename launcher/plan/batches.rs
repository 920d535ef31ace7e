//! The batches that the workers would make of what is ready now, if each stage had one worker and nothing else came.

use std::collections::BTreeSet;

use shopfloor::config::Config;
use shopfloor::order::OrderId;
use shopfloor::plan::{self, Asking, Candidate, Hindrance, Reason};
use shopfloor::queue::Order;

use crate::next::{self, Status};
use crate::outlook::Outlook;

/// One batch.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Its stage.
    pub(crate) stage: &'static str,
    /// Its orders, in the order of their turns.
    pub(crate) orders: Vec<OrderId>,
    /// Why this many.
    pub(crate) share: String,
    /// Why these.
    pub(crate) reasons: Vec<Reason>,
}

/// The batches of every stage.
pub(crate) fn now(outlook: &Outlook, config: &Config) -> Vec<Batch> {
    let mut batches = Vec::new();
    for stage in outlook.pipeline.stages() {
        let tasks = next::tasks(outlook, Some(stage.name), usize::MAX);
        let ready = tasks.iter().filter(|t| matches!(t.status, Status::Ready | Status::Failed));
        let mut left: Vec<Candidate> =
            ready.map(|task| candidate(task.order, task.rank(), outlook)).collect();
        let asking = Asking {
            room: config.batch_for(stage, None),
            most: usize::MAX,
            idle: 1,
            ..Asking::default()
        };
        let mut taken: Vec<Candidate> = Vec::new();
        while !left.is_empty() {
            let common = |path: &str| outlook.survey.common(path);
            let files = |one: &Candidate, _with: &dyn Fn(&OrderId) -> bool| {
                let touches = stage.tree != shopfloor::stage::Tree::None;
                let met = taken.iter().filter(|_| touches).find_map(|other| {
                    Some((other.id.clone(), one.footprint.meets(&other.footprint, &common)?))
                });
                met.map(|(with, overlap)| Hindrance::Files { with, overlap, in_batch: true })
            };
            let chosen = plan::select(&left, &asking, &files, &common);
            if chosen.taken.is_empty() {
                break;
            }
            let orders: Vec<OrderId> = chosen.taken.iter().map(|&at| left[at].id.clone()).collect();
            let ids: BTreeSet<&OrderId> = orders.iter().collect();
            let (now, later): (Vec<Candidate>, Vec<Candidate>) =
                left.iter().cloned().partition(|candidate| ids.contains(&candidate.id));
            (taken, left) = ([taken, now].concat(), later);
            let (share, reasons) = (chosen.share, chosen.reasons);
            batches.push(Batch { stage: stage.name, orders, share, reasons });
        }
    }
    batches
}

fn candidate(order: &Order, rank: plan::Rank, outlook: &Outlook) -> Candidate {
    let mut candidate = Candidate {
        id: order.id.clone(),
        rank,
        weight: 1,
        suspect: order.history.suspect,
        footprint: plan::Footprint::default(),
        needs: Vec::new(),
        before: Vec::new(),
        group: None,
    };
    if let Ok(request) = &order.request {
        candidate.weight = request.weight;
        candidate.footprint = outlook.survey.footprint(&order.id, request);
        candidate.needs = request.needs.iter().map(|need| need.id.clone()).collect();
    }
    candidate
}
