//! Orders of a plan file, as an import would make them; nothing is made.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use shopfloor::error::Error;
use shopfloor::floor::Floor;
use shopfloor::history::History;
use shopfloor::import::{self, Known, Source};
use shopfloor::order::{OrderId, Request};
use shopfloor::place::Place;
use shopfloor::plan::Line;
use shopfloor::queue::memory::MemoryQueue;
use shopfloor::queue::{Order, Queue};
use shopfloor::stages;
use shopfloor::state::State;
use shopfloor::survey::Survey;

use crate::outlook::Outlook;
use crate::snapshot::Snapshot;
use crate::voice::Voice;

/// An outlook on the orders of `file`: all are new.
pub(super) fn of_file(file: &Path, place: &Place, voice: Voice) -> Result<Outlook> {
    let config = place.read_config()?.unwrap_or_default();
    let order = |(id, request): (OrderId, Request)| {
        let (state, request) = (State::NEW, Ok(request));
        (id.clone(), Order { id, state, request, history: History::default(), hold: None })
    };
    let orders: BTreeMap<OrderId, Order> =
        orders_of(&place.given(file), voice)?.into_iter().map(order).collect();
    let queue: Arc<dyn Queue> = MemoryQueue::new(stages::pipeline(), 0);
    // No order of the file has a folder, so nothing is read there.
    let folder = file.with_extension("orders");
    let floor = Floor::of_queue(&folder);
    let survey = Survey::new(queue, floor, folder, stages::pipeline(), &config);
    let seen = Snapshot { orders, ..Snapshot::default() };
    Ok(Outlook::new(seen, survey, Line::default(), Vec::new()))
}

/// The orders that a plan file would become, with the readers of `import markdown`.
fn orders_of(path: &Path, voice: Voice) -> Result<Vec<(OrderId, Request)>> {
    let bytes = std::fs::read(path).map_err(|error| {
        Error::io("read", path, error).hint("give a plan file, or none for the queue")
    })?;
    let text = String::from_utf8_lossy(&bytes);
    let name = path.display().to_string();
    let key =
        path.file_stem().map_or_else(|| "plan".to_owned(), |s| s.to_string_lossy().into_owned());
    let source = Source { file: &name, origin: &name, key: &key, text: &text };
    let reading = import::markdown::read(&source);
    for told in &reading.unusable {
        voice.remark(format_args!("{}: {}", told.spot, told.why));
    }
    match import::resolve(&[reading], &Known::default(), true) {
        Ok(plan) => Ok(plan.orders),
        Err(faults) => {
            faults
                .iter()
                .for_each(|fault| voice.warn(format_args!("{}: {}", fault.spot, fault.why)));
            let told = format!("{} can't be planned as it is", path.display());
            Err(Error::usage(told).hint("correct what is named above").into())
        }
    }
}
