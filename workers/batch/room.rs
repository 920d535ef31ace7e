//! Room on the disk for what a batch has come to.
//!
//! What a turn or a gate came to can't be put on record on a full disk. It is waited for, with everything in hand, since
//! nothing that was paid for is to be done again.

use std::time::{Duration, Instant};

use crate::batch::Batch;
use crate::shop::Shop;

/// What the end of a turn needs at most in the usual case: papers, a snapshot, a few lines of journal. Where less is kept
/// free by `[limits] free_mib`, that much.
const NEEDED_MIB: u64 = 4;

/// How often to look whether there is room again.
const LOOK: Duration = Duration::from_millis(500);

impl Shop {
    /// How much is missing for what is under way to be put on record, as a sentence. `None` when there is room.
    pub(super) fn short_of_room(&self) -> Option<String> {
        let needed = self.config.limits.free_mib.min(NEEDED_MIB) * 1024 * 1024;
        let (free, folder) = self.tightest();
        (free < needed).then(|| {
            let (kib, folder) = (free / 1024, folder.display());
            format!("the disk is full: {kib} KiB are free on the file system of {folder}")
        })
    }
}

impl Batch<'_> {
    /// Waits until there is room, or somebody asks to stop. True when there was none for a while: then an agent that
    /// failed meanwhile did not do so by its own or its order's fault. No time-out runs on while it waits.
    pub(super) async fn wait_for_room(&mut self) -> bool {
        let Some(short) = self.shop.short_of_room() else { return false };
        if self.stop.draining() {
            return true;
        }
        self.shop.warn(format!("{short}. What is under way waits until there is room again"));
        self.board.show(|status| status.doing = "waits: the disk is full".to_owned());
        let (begun, shown) = (Instant::now(), self.watch.read());
        while !self.stop.draining() && self.shop.short_of_room().is_some() {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.stop.drain_asked() => {}
            }
        }
        let (waited, shown) = (begun.elapsed(), self.watch.read().saturating_sub(shown));
        self.opened_at += shown;
        self.heard_at += shown;
        self.turn_at += shown;
        self.given.values_mut().for_each(|(_, began)| *began += waited);
        if !self.stop.draining() {
            tracing::info!("there is room on the disk again: the work goes on");
        }
        true
    }
}
