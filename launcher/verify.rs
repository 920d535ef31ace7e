//! `shopfloor verify`: checks an order's gates again, from clean checkouts.

use std::sync::Arc;

use anyhow::Result;
use serde_json::json;
use shopfloor::error::{Error, Kind};
use shopfloor::gate::{Again, Agreement, Gates, Recorded, record};
use shopfloor::place::Place;
use shopfloor::stop::Stop;

use crate::flags::Verify;
use crate::naming::{Found, order_or_archived};
use crate::voice::{self, Done, Voice, line};
use crate::waiting::{cookie, listen, wait_for};

/// Verifies one order.
pub(crate) fn run(flags: &Verify, place: &Place, voice: Voice) -> Result<Done> {
    let queue = place.open_queue_to_look()?;
    let Found { order, folder: papers } = order_or_archived(&queue, &flags.id)?;
    let (id, state) = (order.id.clone(), order.state.clone());
    let lines = record(&papers)?;
    if order.history.frozen.is_none() && !lines.iter().any(|line| line.gate == "red") {
        let told = format!("{id} has no record to check: it is in {state}");
        return Err(Error::usage(told)
            .hint("an order has one once its tests were looked at")
            .into());
    }
    let request = order.request.map_err(|why| {
        Error::new(Kind::BrokenOrder, format!("the request of {id} can't be read: {why}"))
            .hint("mend its order.json")
    })?;
    let config = place.need_config()?;
    let command = config.project.test.command.join(" ");
    if !flags.json {
        voice.remark(format_args!(
            "Running `{}` again in clean checkouts, about 6 times; nothing that is cached is believed.",
            line(&command, 200)
        ));
    }
    let (frozen, approved) = (order.history.frozen, order.history.approved);
    let recorded =
        Recorded { order: id.clone(), state: state.clone(), request, papers, frozen, approved };
    let stop = Stop::new();
    let told = |again: &Again| {
        if !flags.json && !stop.draining() {
            // Nobody reads any more: the exit code is still right.
            drop(voice::result(as_text(again)));
        }
    };
    let gates = wait_for(async {
        // What is run is stopped at once; our checkouts are taken away all the same.
        listen(&stop, Stop::ask_now)?;
        let workspace = place.open_workspace(&config, &queue, &cookie()).await?;
        let (floor, slots) = (place.floor()?, place.slots()?);
        let gates = Gates::new(Arc::new(config.clone()), workspace, floor, slots, cookie());
        gates.verify(&recorded, &told, &stop).await
    })??;
    if stop.draining() {
        voice.remark("Stopped: nothing follows from what was not run. The checkouts are gone.");
        return Ok(Done::Interrupted);
    }
    let agrees = gates.iter().all(|again| again.outcome == Agreement::Agree);
    if flags.json {
        let told = json!({ "order": id, "state": state, "agrees": agrees, "gates": gates });
        voice::json(&told)?;
    } else {
        voice::result(conclusion(&format!("{id} ({state})"), &gates))?;
    }
    Ok(if agrees { Done::Well } else { Done::Otherwise })
}

fn as_text(again: &Again) -> String {
    format!("{:<9} {:<13}  {}", again.gate, again.outcome.word(), line(&again.line, 400))
}

/// What it comes to, in one line.
fn conclusion(order: &str, gates: &[Again]) -> String {
    let of = |outcome: Agreement| {
        let names = gates.iter().filter(|again| again.outcome == outcome);
        names.map(|again| again.gate).collect::<Vec<_>>().join(", ")
    };
    let (against, unknown) = (of(Agreement::Disagree), of(Agreement::CouldNotRun));
    let unknown_ones = || gates.iter().filter(|again| again.outcome == Agreement::CouldNotRun);
    let never_came = unknown_ones().all(|again| !again.reached);
    let elsewhere = match gates.iter().any(|again| again.elsewhere) {
        true => ", in another environment than recorded",
        false => "",
    };
    let (runs, ms) =
        gates.iter().fold((0, 0), |(runs, ms), again| (runs + again.runs, ms + again.took_ms));
    let cost = format!("{runs} runs of the tests{elsewhere}, {}.{} s", ms / 1000, ms % 1000 / 100);
    let what = match (against.is_empty(), unknown.is_empty()) {
        (true, true) => "its record holds: every gate agrees".to_owned(),
        (false, true) => format!("its record does not hold: {against}"),
        (true, false) if never_came => {
            format!("its record holds as far as it came, which is not {unknown}")
        }
        (true, false) => format!("its record could not be checked whole: {unknown}"),
        (false, false) => {
            format!("its record does not hold: {against}; could not be checked: {unknown}")
        }
    };
    format!("\n{order}: {what} ({cost}).")
}
