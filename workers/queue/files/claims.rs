//! `workers/<wid>.claims/<id>`: empty markers that say which orders a worker may hold, so that recovery need not read
//! every order. Made before a claim is on record and taken away after it is closed: there may be one too many, never
//! (but for a power cut or a person, which the sweep mends) one too few. They grant nothing.

use std::path::PathBuf;

use super::site::Site;
use crate::error::Result;
use crate::floor::Floor;
use crate::holder::WorkerId;
use crate::order::OrderId;

/// The folder of one worker's markers.
pub(super) fn folder(floor: &Floor, worker: &WorkerId) -> PathBuf {
    floor.workers().join(format!("{worker}.claims"))
}

/// Makes a marker. False when it was there.
pub(super) fn put(site: &Site, worker: &WorkerId, id: &OrderId) -> Result<bool> {
    site.mark_in(&folder(&site.floor, worker), id.as_str())
}

/// Takes a marker away. One that stays does no harm, so this never fails.
pub(super) fn remove_mark(site: &Site, worker: &WorkerId, id: &OrderId) {
    if let Err(error) = site.remove(&folder(&site.floor, worker).join(id.as_str())) {
        tracing::debug!(%error, "a mark of a claim stays");
    }
}

/// The orders a worker may hold.
pub(super) fn of(site: &Site, worker: &WorkerId) -> Result<Vec<OrderId>> {
    let names = site.names(&folder(&site.floor, worker))?;
    Ok(names.iter().filter_map(|name| OrderId::parse(name).ok()).collect())
}
