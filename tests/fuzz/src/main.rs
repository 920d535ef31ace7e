//! One program for all targets: `SHOPFLOOR_FUZZ_TARGET` says which. The arguments are libFuzzer's.
//!
//! With `SHOPFLOOR_FUZZ_SEEDS` the target's seeds are written to that folder first; `SHOPFLOOR_FUZZ_DATA` is a folder with
//! more of them.

#![no_main]

use std::env::{var, var_os};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use shopfloor::fuzz::{TARGETS, Target, make_ready, memory_bound};

/// What is allocated is counted; above the limit nothing is given, and the program ends.
#[global_allocator]
static MEMORY: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);

/// The most that the tables may take which are made once and kept.
const TABLES: usize = 256 * 1024 * 1024;

static TARGET: OnceLock<Target> = OnceLock::new();

fn begin() {
    let name = var("SHOPFLOOR_FUZZ_TARGET").unwrap_or_default();
    let Some(target) = TARGETS.into_iter().find(|target| target.name == name) else {
        let names = TARGETS.map(|target| target.name).join(" ");
        eprintln!("SHOPFLOOR_FUZZ_TARGET is to be one of: {names}");
        std::process::exit(2);
    };
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let data = var_os("SHOPFLOOR_FUZZ_DATA").map(PathBuf::from);
    if let Some(folder) = var_os("SHOPFLOOR_FUZZ_SEEDS").map(PathBuf::from) {
        std::fs::create_dir_all(&folder).expect("a folder for the seeds");
        for (n, seed) in (target.seeds)(&fixtures, data.as_deref()).iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{n:04}")), seed).expect("a seed");
        }
    }
    TARGET.get_or_init(|| target);
    let before = MEMORY.allocated();
    make_ready();
    let taken = MEMORY.allocated() - before;
    eprintln!("tables that are kept: {} MiB", taken / 1024 / 1024);
    assert!(taken <= TABLES, "tables take {taken} bytes");
}

fuzz_target!(init: begin(), |data: &[u8]| {
    let Some(target) = TARGET.get() else { return };
    let limit = MEMORY.allocated() + memory_bound(data.len());
    MEMORY.set_limit(limit).expect("the limit is above what is taken");
    (target.read)(data);
    // What libFuzzer's own side takes afterwards is not the parser's.
    MEMORY.set_limit(usize::MAX).expect("no limit");
});
