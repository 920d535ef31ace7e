//! Carries a ruling out: papers first, then the one move that counts.

use crate::batch::job::Job;
use crate::batch::looking;
use crate::error::{Kind, Result};
use crate::event::What;
use crate::floor::unix_now;
use crate::history::topic;
use crate::order::OrderId;
use crate::papers::{FEEDBACK, REPORT};
use crate::queue::{Move, Moved, Note, Release};
use crate::ruling::Ruling;
use crate::shop::Shop;
use crate::stage::Tree;
use crate::state::State;

/// Carries out any ruling but one more turn (which is the session's affair). True when the order moved on.
pub(crate) async fn settle(shop: &Shop, job: Job, ruling: Ruling) -> Result<bool> {
    let (id, generation) = (job.id().clone(), job.claim.generation());
    let moved_on = Box::pin(carry_out(shop, job, ruling)).await?;
    Box::pin(looking::end(shop, &id, generation)).await;
    Ok(moved_on)
}

async fn carry_out(shop: &Shop, job: Job, ruling: Ruling) -> Result<bool> {
    if let Some(why) = out_of_reach(shop, job.id())? {
        shop.tell(What::LostClaim { order: job.id().clone(), why });
        return Ok(false);
    }
    match ruling {
        Ruling::Advance { to, why } => advance(shop, job, to, why).await,
        Ruling::SendBack { to, why, feedback, due } => {
            put_feedback(shop, &job, &why, &feedback);
            send_back(shop, job, to, why, due)
        }
        Ruling::GiveBack { class, why, due, trouble: _ } => {
            give_back(shop, job, &Release { class, why, due })
        }
        Ruling::Bury { why, feedback } => bury(shop, job, why, &feedback),
        Ruling::FixTurn { gate, .. } => {
            let why = format!("the {gate} gate failed and no turn is left to mend it");
            give_back(shop, job, &Release::lost(why))
        }
        Ruling::Repair { why } => give_back(shop, job, &Release::lost(why)),
    }
}

/// Why an order can't be worked on by anybody: it was removed, or it can't be read at all. `None` when it can.
pub(crate) fn out_of_reach(shop: &Shop, id: &OrderId) -> Result<Option<String>> {
    match shop.queue.look(id) {
        Ok(Some(_)) => Ok(None),
        Ok(None) => Ok(Some("the order is gone: somebody removed it".to_owned())),
        Err(error) if error.kind() == Kind::BrokenOrder => Ok(Some(error.to_string())),
        Err(error) => Err(error),
    }
}

/// Gives a job back where it stands.
pub(crate) fn give_back(shop: &Shop, job: Job, release: &Release) -> Result<bool> {
    let (order, state) = (job.id().clone(), job.claim.state().clone());
    match job.claim.release(release)? {
        Moved::Done => shop.tell(What::Returned {
            order,
            state,
            class: release.class,
            why: release.why.clone(),
            rests_secs: release.due.map_or(0, |due| due.saturating_sub(unix_now())),
        }),
        Moved::LostClaim(why) => shop.tell(What::LostClaim { order, why }),
    }
    Ok(false)
}

async fn advance(shop: &Shop, job: Job, to: State, why: String) -> Result<bool> {
    // The feedback was for this stage; whatever sends the order back writes its own.
    if let Err(error) = job.papers.remove(FEEDBACK) {
        shop.warn(format!("{}: its old feedback stays: {error}", job.id()));
    }
    let (order, from) = (job.id().clone(), job.claim.state().clone());
    if shop.stage.tree == Tree::Write
        && let Some(tree) = job.turn.tree.clone()
    {
        // Later stages only look at it: what they are given, and what lands, is this tree and no other.
        let note = Note { proof: Some(tree), ..Note::of(topic::APPROVED, "its gates have passed") };
        if let Moved::LostClaim(why) = job.claim.note(&note)? {
            shop.tell(What::LostClaim { order, why });
            return Ok(false);
        }
    }
    let generation = job.claim.generation();
    match job.claim.advance(&Move::forward(to.clone(), why.clone()))? {
        Moved::LostClaim(why) => {
            shop.tell(What::LostClaim { order, why });
            return Ok(false);
        }
        Moved::Done => shop.tell(What::Moved { order: order.clone(), from, to: to.clone(), why }),
    }
    if to == State::READY_FOR_REVIEW {
        shop.survey.leave(&order);
    }
    if to == State::READY_FOR_REVIEW
        && let Err(error) = shop.workspace.retire(&order, generation).await
    {
        shop.warn(format!("{order}: its worktree could not be taken away: {error}"));
    }
    Ok(true)
}

fn send_back(shop: &Shop, job: Job, to: State, why: String, due: Option<u64>) -> Result<bool> {
    let class = crate::failure::Class::Work;
    if to == *job.claim.state() {
        return give_back(shop, job, &Release { class, why, due });
    }
    let (order, from) = (job.id().clone(), job.claim.state().clone());
    let step = Move { to: to.clone(), why: why.clone(), class: Some(class), due };
    match job.claim.advance(&step)? {
        Moved::Done => shop.tell(What::Moved { order, from, to, why }),
        Moved::LostClaim(why) => shop.tell(What::LostClaim { order, why }),
    }
    Ok(false)
}

fn bury(shop: &Shop, job: Job, why: String, feedback: &str) -> Result<bool> {
    let order = job.id().clone();
    let text = report(shop, &job, &why, feedback);
    if let Err(error) = job.papers.put(REPORT, &text) {
        shop.warn(format!("{order}: its report could not be written: {error}"));
    }
    match job.claim.bury(&why)? {
        Moved::Done => shop.tell(What::Buried { order, why }),
        Moved::LostClaim(why) => shop.tell(What::LostClaim { order, why }),
    }
    Ok(false)
}

fn put_feedback(shop: &Shop, job: &Job, why: &str, findings: &str) {
    let from = shop.stage.name;
    let mut text = format!("# Why this order came back\n\nFrom the {from} stage: {why}\n");
    if !findings.is_empty() && findings != why {
        text.push_str(&format!("\n## What was found\n\n{findings}\n"));
    }
    for paper in shop.stage.leaves.iter().filter(|name| name.ends_with("-report.md")) {
        if let Some(report) = job.papers.read(paper) {
            text.push_str(&format!("\n## {paper}\n\n{report}\n"));
        }
    }
    if let Err(error) = job.papers.put(FEEDBACK, &text) {
        shop.warn(format!("{}: its feedback could not be written: {error}", job.id()));
    }
}

fn report(shop: &Shop, job: &Job, why: &str, findings: &str) -> String {
    let id = job.id();
    let mut text = format!("# {id} FAILED in the {} stage\n\n{why}\n", shop.stage.name);
    if let Some(said) = &job.turn.testimony {
        // Testimony, quoted: beside what was found it shows a lie for what it is.
        let why = crate::agent::one_line(&said.why, 300);
        text.push_str(&format!("\nIts agent had said `{}`: {why}\n", said.verdict.as_str()));
    }
    let setbacks = &job.claim.history().setbacks;
    if !setbacks.is_empty() {
        text.push_str("\n## Earlier tries\n\n");
        for (at, setback) in setbacks.iter().enumerate() {
            text.push_str(&format!("{}. in {}: {}\n", at + 1, setback.from, setback.why));
        }
    }
    if !findings.is_empty() {
        text.push_str(&format!("\n## What was found last\n\n{findings}\n"));
    }
    if let Some(bench) = &job.bench {
        text.push_str(&format!("\nIts worktree is still there: {}\n", bench.path.display()));
    }
    text.push_str(&format!(
        "\nEvery command that was run is under `evidence/`. `shopfloor kick {id}` gives it another chance.\n"
    ));
    text
}
