//! The bell: it watches the ready folders of some states. Idle workers sleep in it.

use std::sync::Arc;

use tokio::sync::Notify;

use super::ready::Index;
use super::site::Site;
use crate::error::Result;
use crate::queue::Bell;
use crate::state::State;

/// A bell that rings when a marker is made for one of `states`. Where the kernel has no watch left to give it stays
/// silent, which is told; who waits for it polls as well.
pub(super) fn hang(site: &Site, index: &Index, states: &[State]) -> Result<Bell> {
    let rung = Arc::new(Notify::new());
    let folders: Vec<_> = states.iter().map(|state| index.folder(state)).collect();
    folders.iter().try_for_each(|folder| site.make_folder(folder))?;
    let ringer = rung.clone();
    let watch = site.machine.watch(&folders, Arc::new(move || ringer.notify_one()));
    Ok(match watch {
        Ok(watch) => Bell::new(rung, watch),
        Err(error) => {
            tracing::warn!(%error, "no watch on the index could be had; new orders are found by polling");
            Bell::new(rung, Box::new(()))
        }
    })
}
