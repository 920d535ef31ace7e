//! The bell: inotify on the ready folders of some states. Idle workers sleep in it.

use std::sync::Arc;

use notify::event::{EventKind, ModifyKind};
use notify::{RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use super::floor_files::make_folder;
use super::ready::Index;
use crate::error::Result;
use crate::queue::Bell;
use crate::state::State;

/// A bell that rings when a marker is made for one of `states`. Where the kernel has no watch left to give it stays
/// silent, which is told; who waits for it polls as well.
pub(super) fn hang(index: &Index, states: &[State]) -> Result<Bell> {
    let rung = Arc::new(Notify::new());
    let ringer = rung.clone();
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let rings = match event {
            Ok(event) => {
                event.need_rescan()
                    || matches!(
                        event.kind,
                        EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(_))
                    )
            }
            // Something was missed: better once too often.
            Err(_) => true,
        };
        if rings {
            ringer.notify_one();
        }
    });
    let mut watcher = match watcher {
        Ok(watcher) => watcher,
        Err(error) => return Ok(silent(rung, &error)),
    };
    for state in states {
        let folder = index.folder(state);
        make_folder(&folder)?;
        if let Err(error) = watcher.watch(&folder, RecursiveMode::NonRecursive) {
            return Ok(silent(rung, &error));
        }
    }
    Ok(Bell::new(rung, Box::new(watcher)))
}

fn silent(rung: Arc<Notify>, error: &notify::Error) -> Bell {
    tracing::warn!(%error, "no watch on the index could be had; new orders are found by polling");
    Bell::new(rung, Box::new(()))
}
