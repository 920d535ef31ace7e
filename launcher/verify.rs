//! `shopfloor verify`: checks an order's gates again, from clean checkouts.

use std::sync::Arc;

use anyhow::Result;
use serde_json::json;
use shopfloor::error::{Error, Kind};
use shopfloor::gate::{Agreement, Gates, Recorded, record};
use shopfloor::place::Place;
use shopfloor::queue::Queue as _;
use shopfloor::stop::Stop;

use crate::flags::Verify;
use crate::naming::{order_called, unknown_order};
use crate::voice::{self, Done, line};
use crate::waiting::{cookie, wait_for};

/// Verifies one order.
pub(crate) fn run(flags: &Verify, place: &Place) -> Result<Done> {
    let queue = place.open_queue_to_look()?;
    let id = order_called(&*queue, &flags.id)?;
    let Some(order) = queue.look(&id)? else {
        return Err(unknown_order(&*queue, &flags.id).into());
    };
    let papers = place.papers(&id)?;
    if !record(&papers)?.iter().any(|line| line.gate == "red") {
        let told = format!("{id} has no record to check: it is in {}", order.state);
        return Err(Error::usage(told).hint("an order has one once its tests were frozen").into());
    }
    let request = order.request.map_err(|why| {
        Error::new(Kind::BrokenOrder, format!("the request of {id} can't be read: {why}"))
            .hint("mend its order.json")
    })?;
    let config = place.need_config()?;
    let (frozen, approved) = (order.history.frozen, order.history.approved);
    let recorded = Recorded { order: id.clone(), request, papers, frozen, approved };
    let gates = wait_for(async {
        let workspace = place.open_workspace(&config, &queue, &cookie()).await?;
        let gates = Gates::new(Arc::new(config.clone()), workspace, place.floor()?, cookie());
        gates.verify(&recorded, &Stop::new()).await
    })??;
    let agrees = gates.iter().all(|again| again.outcome == Agreement::Agree);
    if flags.json {
        voice::json(&json!({ "order": id, "agrees": agrees, "gates": gates }))?;
    } else {
        for again in &gates {
            let word = again.outcome.word();
            voice::result(format_args!(
                "{:<9} {word:<13}  {}",
                again.gate,
                line(&again.line, 300)
            ))?;
        }
    }
    Ok(if agrees { Done::Well } else { Done::Otherwise })
}
