//! What stands in the queue and its archive already, by the names it has elsewhere.

use shopfloor::error::Result;
use shopfloor::floor::Floor;
use shopfloor::import::{Known, Standing};
use shopfloor::order::{OrderId, Request};
use shopfloor::queue::Queue;

/// Looks at every order. One that can't be read counts by its id alone.
pub(super) fn look(queue: &dyn Queue, floor: &Floor) -> Result<Known> {
    let mut known = Known::default();
    // The archive first: an order that stands in the queue again is the one that counts.
    for (id, request) in archived(floor) {
        take(&mut known, id, Some(request));
    }
    for id in queue.list()?.orders {
        let request = queue.look(&id).ok().flatten().and_then(|order| order.request.ok());
        take(&mut known, id, request);
    }
    Ok(known)
}

fn take(known: &mut Known, id: OrderId, request: Option<Request>) {
    let needs = request.iter().flat_map(|request| &request.needs).map(|need| need.id.clone());
    known.orders.insert(id.clone(), needs.collect());
    if let Some(Request { title, source, external_id: Some(name), .. }) = request {
        known.by_external.insert(name, Standing { id, title, source });
    }
}

/// The orders in the archive. Their folders are called by their ids, the second one of a name `<id>~2`.
fn archived(floor: &Floor) -> Vec<(OrderId, Request)> {
    let months = std::fs::read_dir(floor.archive()).into_iter().flatten().flatten();
    let orders =
        months.flat_map(|month| std::fs::read_dir(month.path()).into_iter().flatten().flatten());
    let read = orders.filter_map(|order| {
        let name = order.file_name();
        let id = OrderId::parse(name.to_str()?.split('~').next()?).ok()?;
        let text = std::fs::read(order.path().join("order.json")).ok()?;
        Some((id, Request::parse(&text).ok()?))
    });
    read.collect()
}
