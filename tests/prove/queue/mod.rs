//! That nothing is lost, on the real programs and a real file system: kills, cut power, failing calls, and all of it
//! together for as long as one likes. `.ci/prove queue` runs these; `--long` takes the large figures.
//!
//! What is drawn comes from a seed that is printed, and that `SHOPFLOOR_SEED` gives back.

mod chaos;
mod gauge;
mod journal;
mod ledger;
mod soak;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The seed of a run: the one that was given, or a fresh one.
fn seed() -> u64 {
    let given = std::env::var("SHOPFLOOR_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| fastrand::u64(..1_000_000))
}

/// A file system of its own, gone with this value.
struct Mount(PathBuf);

impl Mount {
    /// In memory, of this size in MiB; `None` where nothing may be mounted.
    fn in_memory(at: &Path, mib: u64) -> Option<Self> {
        let size = format!("size={mib}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at);
        let done = mount.output().is_ok_and(|ran| ran.status.success());
        done.then(|| Self(at.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _gone = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}
