//! `workers/<wid>.claims/<id>`: empty markers that say which orders a worker may hold, so that recovery need not read
//! every order. Made before a claim is on record and taken away after it is closed: there may be one too many, never
//! (but for a power cut or a person, which the sweep mends) one too few. They grant nothing.

use std::io;
use std::path::PathBuf;

use super::floor_files::{make_folder, names, open, remove};
use super::folder::failed;
use crate::error::Result;
use crate::floor::Floor;
use crate::holder::WorkerId;
use crate::order::OrderId;

/// The folder of one worker's markers.
pub(super) fn folder(floor: &Floor, worker: &WorkerId) -> PathBuf {
    floor.workers().join(format!("{worker}.claims"))
}

/// Makes a marker. False when it was there.
pub(super) fn put(floor: &Floor, worker: &WorkerId, id: &OrderId) -> Result<bool> {
    let list = folder(floor, worker);
    let path = list.join(id.as_str());
    let made = match open(&path, true, true) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_folder(&list)?;
            open(&path, true, true)
        }
        made => made,
    };
    match made {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed("create", &path, error)),
    }
}

/// Takes a marker away. One that stays does no harm, so this never fails.
pub(super) fn remove_mark(floor: &Floor, worker: &WorkerId, id: &OrderId) {
    if let Err(error) = remove(&folder(floor, worker).join(id.as_str())) {
        tracing::debug!(%error, "a mark of a claim stays");
    }
}

/// The orders a worker may hold.
pub(super) fn of(floor: &Floor, worker: &WorkerId) -> Result<Vec<OrderId>> {
    let names = names(&folder(floor, worker))?;
    Ok(names.iter().filter_map(|name| OrderId::parse(name).ok()).collect())
}
