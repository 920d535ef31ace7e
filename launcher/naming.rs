//! Orders by the name a person typed, and which one may have been meant.

use std::path::PathBuf;

use shopfloor::error::{Error, Kind, Result};
use shopfloor::order::OrderId;
use shopfloor::queue::files::FileQueue;
use shopfloor::queue::{Order, Queue};

/// The order that `text` names. An unknown one gets the names that are near to it.
pub(crate) fn order_called(queue: &dyn Queue, text: &str) -> Result<OrderId> {
    // A name that can't be an id can't be an order's either: "not found", with the reason.
    let id = OrderId::parse(text).map_err(|error| error.of_kind(Kind::NotFound))?;
    match queue.look(&id) {
        Ok(Some(_)) => Ok(id),
        // It is there, and broken: whoever asks for it sees how.
        Err(error) if error.kind() == Kind::BrokenOrder => Ok(id),
        Err(error) => Err(error),
        Ok(None) => Err(unknown_order(queue, text)),
    }
}

/// An order that was found, in the queue or in the archive.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) order: Order,
    pub(crate) folder: PathBuf,
}

/// The order that `text` names; where the queue has none, the newest of that name in the archive.
pub(crate) fn order_or_archived(queue: &FileQueue, text: &str) -> Result<Found> {
    let id = OrderId::parse(text).map_err(|error| error.of_kind(Kind::NotFound))?;
    if let Some(order) = queue.look(&id)? {
        return Ok(Found { order, folder: queue.paper_folder(&id) });
    }
    match queue.look_archived(&id)? {
        Some((order, folder)) => Ok(Found { order, folder }),
        None => Err(unknown_order(queue, text)),
    }
}

/// The folder of the order that `text` names, also of a broken one; where the queue has none, that of the newest of that
/// name in the archive.
pub(crate) fn folder_of(queue: &FileQueue, text: &str) -> Result<(OrderId, PathBuf)> {
    let id = OrderId::parse(text).map_err(|error| error.of_kind(Kind::NotFound))?;
    let folder = queue.paper_folder(&id);
    match folder.is_dir() {
        true => Ok((id, folder)),
        false => match queue.floor().archived(&id).pop() {
            Some(folder) => Ok((id, folder)),
            None => Err(unknown_order(queue, text)),
        },
    }
}

/// "There is no order of that name", and which one may have been meant.
pub(crate) fn unknown_order(queue: &dyn Queue, text: &str) -> Error {
    let orders = queue.list().map(|listing| listing.orders).unwrap_or_default();
    let near = nearest(text, orders.iter().map(OrderId::as_str));
    let shown = crate::voice::line(text, 80);
    let error = Error::new(Kind::NotFound, format!("there is no order {shown}"));
    match near.as_slice() {
        [] => error.hint("`shopfloor status` shows what there is"),
        near => error.hint(format!("did you mean {}?", near.join(" or "))),
    }
}

/// At most three of `names` that are close to `text`, the closest first.
fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let close = |name: &'a str| {
        let likeness = strsim::jaro_winkler(text, name);
        let begins = !text.is_empty() && name.starts_with(text);
        (begins || likeness > 0.8).then_some((likeness, name))
    };
    let mut near: Vec<(f64, &str)> = names.filter_map(close).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_order_and_nonsense_finds_none() {
        let names = ["item-stacking", "crafting-queue", "resource-nodes"];
        assert_eq!(nearest("item-staking", names.into_iter()), ["item-stacking"]);
        assert_eq!(nearest("craft", names.into_iter()), ["crafting-queue"]);
        assert!(nearest("zzz", names.into_iter()).is_empty());
    }
}
