//! `hold`, `release`, `retry`, `kick`, `archive`: a person's hand on an order. Each counts at once, also while workers run.

use std::sync::Arc;

use anyhow::Result;
use shopfloor::error::{Error, Kind};
use shopfloor::order::OrderId;
use shopfloor::queue::files::FileQueue;
use shopfloor::queue::{Order, Queue};
use shopfloor::stage::Pipeline;
use shopfloor::stages;
use shopfloor::state::State;

use crate::flags::{Archive, Hold, Ids, Kick};
use crate::journal;
use crate::naming::{order_called, unknown_order};
use crate::voice::{self, Done, Voice};
use crate::waiting::{cookie, wait_for};
use shopfloor::place::Place;

/// `shopfloor hold ID [WHY]`
pub(crate) fn hold(flags: &Hold, place: &Place, voice: Voice) -> Result<Done> {
    let queue = place.open_queue()?;
    let id = order_called(&*queue, &flags.id)?;
    if !queue.hold(&id, &flags.why)? {
        return Err(unknown_order(&*queue, &flags.id).into());
    }
    voice::result(format_args!("{id} is on hold; `shopfloor release {id}` lets it go on"))?;
    if let Ok(Some(Order { history, .. })) = queue.look(&id)
        && let Some(open) = history.open
    {
        voice.remark(format_args!(
            "worker {} has it in hand and finishes its turn; nobody claims it after that",
            open.worker.pid()
        ));
    }
    Ok(Done::Well)
}

/// `shopfloor release ID...`
pub(crate) fn release(flags: &Ids, place: &Place, voice: Voice) -> Result<Done> {
    each(flags, place, |queue, id| {
        if queue.unhold(id)? {
            voice::result(format_args!("{id} is no longer on hold"))?;
            return Ok(true);
        }
        voice.remark(format_args!("{id} was not on hold"));
        Ok(false)
    })
}

/// `shopfloor retry ID...`
pub(crate) fn retry(flags: &Ids, place: &Place, voice: Voice) -> Result<Done> {
    let pipeline = stages::pipeline();
    each(flags, place, |queue, id| {
        let Some(order) = queue.look(id)? else {
            return Err(unknown_order(queue, id.as_str()).into());
        };
        if let Some(open) = &order.history.open {
            voice.remark(format_args!("worker {} is at {id} this moment", open.worker.pid()));
            return Ok(false);
        }
        let to = match order.state == State::FAILED {
            true => before_failure(&order, place, &pipeline)?,
            false if pipeline.taker(&order.state).is_some() => order.state.clone(),
            false => {
                voice.remark(format_args!(
                    "{id} is in {}: there is nothing to try again",
                    order.state
                ));
                return Ok(false);
            }
        };
        let moved = moved(queue, &order, &to, "shopfloor retry", voice)?;
        waits(queue, id, place, voice)?;
        Ok(moved)
    })
}

/// Says what an order waits for that was given another chance: it is taken only when that is there.
fn waits(queue: &FileQueue, id: &OrderId, place: &Place, voice: Voice) -> Result<()> {
    let config = place.read_config()?.unwrap_or_default();
    let again: Arc<dyn Queue> = place.open_queue_to_look()?;
    let survey = place.survey(&config, again, &stages::pipeline())?;
    if let Some(order) = queue.look(id)?
        && let Some(hindrance) = survey.waits_now(&order)
    {
        voice.remark(format_args!("it waits: {hindrance}"));
    }
    Ok(())
}

/// `shopfloor kick ID [--to STATE]`
pub(crate) fn kick(flags: &Kick, place: &Place, voice: Voice) -> Result<Done> {
    let pipeline = stages::pipeline();
    if let Some(to) = flags.to.as_ref().filter(|to| !pipeline.knows(to)) {
        let states: Vec<String> = pipeline.states().iter().map(State::to_string).collect();
        return Err(Error::usage(format!("{to} is not a state of this pipeline"))
            .hint(format!("the states are {}", states.join(", ")))
            .into());
    }
    let queue = place.open_queue()?;
    let id = order_called(&*queue, &flags.id)?;
    let Some(order) = queue.look(&id)? else {
        return Err(unknown_order(&*queue, &flags.id).into());
    };
    let to = match &flags.to {
        Some(to) => to.clone(),
        None if order.state == State::FAILED => before_failure(&order, place, &pipeline)?,
        None => {
            return Err(Error::usage(format!("{id} is in {}, not FAILED", order.state))
                .hint("say where to: --to STATE; or `shopfloor retry` to try again where it stands")
                .into());
        }
    };
    moved(&*queue, &order, &to, "shopfloor kick", voice)?;
    waits(&queue, &id, place, voice)?;
    Ok(Done::Well)
}

/// `shopfloor archive ID...`
pub(crate) fn archive(flags: &Archive, place: &Place, voice: Voice) -> Result<Done> {
    let ids = Ids { ids: flags.ids.clone() };
    each(&ids, place, |queue, id| {
        let Some(order) = queue.look(id)? else {
            return Err(unknown_order(queue, id.as_str()).into());
        };
        let ended = order.state == State::READY_FOR_REVIEW || order.state == State::FAILED;
        if !ended && !flags.force {
            return Err(Error::usage(format!("{id} is not finished: it is in {}", order.state))
                .hint("--force puts it away all the same")
                .into());
        }
        if !queue.archive(id)? {
            return Err(unknown_order(queue, id.as_str()).into());
        }
        voice::result(format_args!("{id} is in the archive"))?;
        if let Err(error) = retire(&order, queue, place) {
            voice.warn(format_args!("its worktree was left where it is: {error}"));
        }
        Ok(true)
    })
}

/// Takes away the worktree of an archived order; what is in it is salvaged first, and its branch stays.
fn retire(order: &Order, queue: &FileQueue, place: &Place) -> Result<(), Error> {
    let config = place.read_config()?.unwrap_or_default();
    if !place.worktrees(&config, queue)?.exists() {
        return Ok(());
    }
    wait_for(async {
        let workspace = place.open_workspace(&config, queue, &cookie()).await?;
        match workspace.find(&order.id).await? {
            Some(_) => workspace.retire(&order.id, order.history.generation).await,
            None => Ok(()),
        }
    })?
}

/// Does something to each order. All names are checked before anything is done to any of them.
fn each(
    flags: &Ids,
    place: &Place,
    mut act: impl FnMut(&FileQueue, &OrderId) -> Result<bool>,
) -> Result<Done> {
    let queue = place.open_queue()?;
    let ids = flags.ids.iter().map(|text| order_called(&*queue, text));
    let ids = ids.collect::<Result<Vec<OrderId>, Error>>()?;
    let mut acted = false;
    for id in &ids {
        acted |= act(&queue, id)?;
    }
    Ok(if acted { Done::Well } else { Done::NothingToDo })
}

fn moved(queue: &dyn Queue, order: &Order, to: &State, why: &str, voice: Voice) -> Result<bool> {
    let id = &order.id;
    if !queue.kick(id, to, why)? {
        return Err(unknown_order(queue, id.as_str()).into());
    }
    voice::result(format_args!("{id} is in {to}"))?;
    if let Some(open) = &order.history.open {
        let pid = open.worker.pid();
        voice
            .remark(format_args!("worker {pid} had it in hand: what it does there counts no more"));
    }
    if order.hold.is_some() {
        voice.remark(format_args!("it is still on hold: `shopfloor release {id}`"));
    }
    Ok(true)
}

/// Where a FAILED order goes that gets another chance: to the state in which its stage's agent works.
fn before_failure(order: &Order, place: &Place, pipeline: &Pipeline) -> Result<State, Error> {
    let failed_in = journal::failed_in(&journal::read(&place.papers(&order.id)?));
    let claimed_in = || order.history.sessions.last().map(|(state, _)| state.clone());
    let stage = failed_in.or_else(claimed_in).and_then(|state| pipeline.taker(&state));
    stage.map(|stage| stage.works_in().clone()).ok_or_else(|| {
        Error::new(Kind::Usage, format!("{} does not say in which state it failed", order.id))
            .hint(format!("say where to: shopfloor kick {} --to STATE", order.id))
    })
}
