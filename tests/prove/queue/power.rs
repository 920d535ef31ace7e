//! The measures of cut power: every kind of cut with nothing left out, and every sync left out by its name.

use std::time::Duration;

use shopfloor::queue::files::machine::SyncPoint;

use super::cuts::{Disk, KINDS, Kind, run_of};
use super::{could_run, seed};
use crate::prove::{quick, row, size};

/// A disk to cut the power of, or a row that says why there is none.
fn disk(what: &str, cuts: usize) -> Option<Disk> {
    match Disk::make() {
        Ok(disk) => Some(disk),
        Err(why) => {
            let told = format!("{cuts} skipped: {why}");
            row(what, &told, !could_run(&["losetup", "mkfs.ext4", "mount", "perl"]));
            None
        }
    }
}

#[test]
#[ignore = "a measurement: .ci/prove queue runs it"]
fn what_was_acknowledged_outlives_a_power_cut() {
    let cuts = size(2_000, 120);
    let Some(mut disk) = disk("power cuts of ext4", cuts) else { return };
    let seed = seed();
    println!("power cuts: {cuts}, SHOPFLOOR_SEED={seed}");
    let mut draw = fastrand::Rng::with_seed(seed);
    for kind in KINDS {
        let run = run_of(&mut disk, kind, cuts / KINDS.len(), &mut draw, None);
        run.wrong.iter().take(20).for_each(|what| println!("WRONG {what}"));
        row(
            &format!("power cuts, ext4 {} (seed {seed})", kind.name()),
            &format!(
                "{} cuts at {:.1} a second, {} torn journals, {} orders, {} acknowledged claims and moves; {} wrong",
                run.cuts,
                run.cuts as f64 / run.took.max(Duration::from_millis(1)).as_secs_f64(),
                run.torn,
                run.orders,
                run.acknowledged,
                run.wrong.len()
            ),
            run.wrong.is_empty() && run.cuts >= cuts / KINDS.len() && run.acknowledged > run.cuts,
        );
    }
}

/// The page that says which syncs no cut was seen to need, and why they are there all the same.
const PAGE: &str = include_str!("../../../docs/reliability.md");

/// The reason on the page, where there is one.
fn reason(point: SyncPoint) -> Option<&'static str> {
    let begin = format!("| `{point}` | ");
    PAGE.lines().find_map(|line| line.strip_prefix(&begin)).map(|rest| rest.trim_end_matches(" |"))
}

/// Those that the small figures try: without each of them a few cuts are enough.
const SURE: [SyncPoint; 3] = [SyncPoint::Journal, SyncPoint::StateNext, SyncPoint::NewRequest];

#[test]
#[ignore = "a measurement: .ci/prove queue runs it"]
fn a_sync_that_is_left_out_is_found_out() {
    let wanted = std::env::var("SHOPFLOOR_CUTS").ok().and_then(|cuts| cuts.parse().ok());
    let most = wanted.unwrap_or(size(200, 60));
    let Some(mut disk) = disk("syncs left out", most) else { return };
    let seed = seed();
    println!("syncs left out: at most {most} cuts each, SHOPFLOOR_SEED={seed}");
    let mut draw = fastrand::Rng::with_seed(seed);
    let kind = Kind { data: "writeback", flag: 2 };
    let points = if quick() { &SURE[..] } else { SyncPoint::ALL };
    for &point in points {
        let run = run_of(&mut disk, kind, most, &mut draw, Some(point.name()));
        let (figure, good) = match (run.wrong.first(), reason(point)) {
            (Some(what), _) => (format!("found out after {} cuts: {what}", run.cuts), true),
            (None, Some(why)) => (
                format!("not found out in {} cuts, as docs/reliability.md says: {why}", run.cuts),
                true,
            ),
            (None, None) => (format!("NOT found out in {} cuts", run.cuts), false),
        };
        row(&format!("without the sync {point} (seed {seed})"), &figure, good);
    }
}
