//! That nothing is lost, on the real programs and a real file system: kills, cut power, failing calls, and all of it
//! together for as long as one likes. `.ci/prove queue` runs these; `--long` takes the large figures.
//!
//! What is drawn comes from a seed that is printed, and that `SHOPFLOOR_SEED` gives back.

mod careless;
mod chaos;
mod cuts;
mod gauge;
mod hand;
mod journal;
mod ledger;
mod oddities;
mod oracle;
mod person;
mod points;
mod power;
mod recovery;
mod soak;
mod storm;
mod workers;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The seed of a run: the one that was given, or a fresh one.
fn seed() -> u64 {
    let given = std::env::var("SHOPFLOOR_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| fastrand::u64(..1_000_000))
}

/// Nanoseconds on a clock that all processes of this boot share, and that never jumps.
fn now() -> u128 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u128 * 1_000_000_000 + now.tv_nsec as u128
}

/// True where we are root and have these programs: what is skipped all the same has fallen short.
fn could_run(programs: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |name: &&str| std::env::split_paths(&path).any(|folder| folder.join(name).exists());
    rustix::process::geteuid().is_root() && programs.iter().all(there)
}

/// A file system of its own, gone with this value.
struct Mount(PathBuf);

impl Mount {
    /// In memory, of this size in MiB; `None` where nothing may be mounted.
    fn in_memory(at: &Path, mib: u64) -> Option<Self> {
        // Nobody else may write into it, as into any folder of a queue.
        let size = format!("size={mib}m,mode=0755");
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
