//! Takes a job through its stage's gates, beside the session.

use std::sync::Arc;

use crate::batch::job::{Entered, Job};
use crate::check::{Check, GateReport};
use crate::error::Error;
use crate::event::What;
use crate::gate::Scene;
use crate::history::topic;
use crate::queue::{Move, Moved, Note};
use crate::shop::Shop;
use crate::stage::{Gate, Tree};
use crate::state::State;
use crate::stop::Stop;

/// A job whose gates were run.
#[derive(Debug)]
pub(crate) enum Gated {
    /// The gates spoke: all of them, or up to the first that is not green.
    Ruled(Box<Job>, Vec<GateReport>),
    /// It has come as far as it was to go, before its last gate; it was let go there.
    Arrived,
    /// The claim was lost on the way; nothing was moved.
    Lost(crate::order::OrderId, String),
    /// The queue could not do it.
    Broken(Error),
}

/// True when the stage's gate takes several orders at once.
pub(crate) fn grouped(shop: &Shop) -> bool {
    shop.stage.gates.iter().any(|step| step.gate == Gate::Union)
}

/// Runs the gates of these jobs: one after the other, or together where the gate is a union.
pub(crate) async fn run(shop: Arc<Shop>, jobs: Vec<Job>, stop: Stop) -> Vec<Gated> {
    if grouped(&shop) {
        return union(&shop, jobs, &stop).await;
    }
    let mut gated = Vec::new();
    for job in jobs {
        gated.push(single(&shop, job, &stop).await);
    }
    gated
}

async fn ready(shop: &Shop, job: &mut Job) -> Result<(), GateReport> {
    let found = async {
        if job.bench.is_none() {
            job.find_bench(shop).await?;
        }
        if job.turn.tree.is_none() {
            let workspace = &shop.workspace;
            job.turn.tree = match shop.stage.tree {
                Tree::None => None,
                Tree::Read => Some(workspace.tree(job.id()).await?),
                // What passes is looked for later: it is kept as after every turn.
                Tree::Write => {
                    let generation = job.claim.generation();
                    Some(workspace.snapshot(job.id(), generation).await?.tree)
                }
            };
        }
        Ok::<(), Error>(())
    };
    found.await.map_err(|error| GateReport {
        gate: shop.stage.gates.first().map_or("worktree", |step| step.gate.name()).to_owned(),
        check: Check::could_not_run(
            error.to_string(),
            error.next_step().unwrap_or("look at the order's worktree"),
        ),
        took_ms: 0,
        transcripts: Vec::new(),
        goes_back: false,
        proof: None,
    })
}

async fn single(shop: &Shop, mut job: Job, stop: &Stop) -> Gated {
    if let Err(report) = ready(shop, &mut job).await {
        return Gated::Ruled(Box::new(job), vec![report]);
    }
    let mut reports = Vec::new();
    for step in &shop.stage.gates[shop.stage.first_gate(job.claim.state())..] {
        if let Some(state) = step.enters.as_ref().filter(|state| *state != job.claim.state()) {
            let from = job.claim.state().clone();
            let id = job.id().clone();
            let why = reports.last().map_or_else(
                || "its turn ended".to_owned(),
                |report: &GateReport| report.check.line().to_owned(),
            );
            if !shop.may_work_in(state) {
                return arrive(shop, job, state, why);
            }
            match job.enter(&Move::forward(state.clone(), why.clone())) {
                Ok(Entered::Here(moved)) => job = *moved,
                Ok(Entered::Lost(why)) => return Gated::Lost(id, why),
                Err(error) => return Gated::Broken(error),
            }
            shop.tell(What::Moved { order: id, from, to: state.clone(), why });
        }
        let report = shop.gates.check(step.gate, &job.scene(&shop.stage), stop).await;
        tell(shop, &job, &report);
        match remember_proof(&job, &report) {
            Ok(Moved::Done) => {}
            Ok(Moved::LostClaim(why)) => return Gated::Lost(job.id().clone(), why),
            Err(error) => return Gated::Broken(error),
        }
        let passed = report.check.passed();
        reports.push(report);
        if !passed {
            break;
        }
    }
    Gated::Ruled(Box::new(job), reports)
}

/// Lets an order go in the state to which it was to be driven.
fn arrive(shop: &Shop, job: Job, to: &State, why: String) -> Gated {
    let (order, from) = (job.id().clone(), job.claim.state().clone());
    match job.claim.advance(&Move::forward(to.clone(), why.clone())) {
        Ok(Moved::Done) => {
            shop.tell(What::Moved { order, from, to: to.clone(), why });
            Gated::Arrived
        }
        Ok(Moved::LostClaim(why)) => Gated::Lost(order, why),
        Err(error) => Gated::Broken(error),
    }
}

async fn union(shop: &Shop, jobs: Vec<Job>, stop: &Stop) -> Vec<Gated> {
    let mut gated = Vec::new();
    let mut fit = Vec::new();
    for mut job in jobs {
        match ready(shop, &mut job).await {
            Ok(()) => fit.push(job),
            Err(report) => gated.push(Gated::Ruled(Box::new(job), vec![report])),
        }
    }
    let scenes: Vec<_> = fit.iter().map(|job| job.scene(&shop.stage)).collect();
    let ours = |scene: &Scene| lost(shop, scene).is_none();
    let reports = shop.gates.union_of_ours(&scenes, &ours, stop).await;
    for ((job, scene), report) in fit.into_iter().zip(&scenes).zip(reports) {
        tell(shop, &job, &report);
        if let Some(why) = lost(shop, scene) {
            gated.push(Gated::Lost(job.id().clone(), why));
            continue;
        }
        gated.push(match remember_proof(&job, &report) {
            Ok(Moved::Done) => Gated::Ruled(Box::new(job), vec![report]),
            Ok(Moved::LostClaim(why)) => Gated::Lost(job.id().clone(), why),
            Err(error) => Gated::Broken(error),
        });
    }
    gated
}

/// Why the claim of a scene's order is not ours any more, if it is not.
fn lost(shop: &Shop, scene: &Scene) -> Option<String> {
    let order = match shop.queue.look(&scene.order) {
        Ok(Some(order)) => order,
        Ok(None) => return Some("the order is gone: somebody removed it".to_owned()),
        Err(error) => return Some(error.to_string()),
    };
    let ours = order.history.open.is_some_and(|open| {
        open.generation == scene.generation && open.worker == shop.enlisted.worker
    });
    (!ours)
        .then(|| format!("it is in {} now, and not ours: {}", order.state, order.history.last_why))
}

/// Puts on record what the frozen tests are now: RED froze them, or the union put the worktree onto a newer base.
fn remember_proof(job: &Job, report: &GateReport) -> crate::error::Result<Moved> {
    let Some(proof) = report.proof.clone() else { return Ok(Moved::Done) };
    job.claim.note(&Note { proof: Some(proof), ..Note::of(topic::FROZEN, "test files frozen") })
}

fn tell(shop: &Shop, job: &Job, report: &GateReport) {
    shop.tell(What::Gate {
        order: job.id().clone(),
        gate: report.gate.clone(),
        outcome: report.check.word().to_owned(),
        line: report.check.line().to_owned(),
        took_ms: report.took_ms,
    });
}
