//! Errors: each system call of each operation of the file queue that may fail, failing in the ways it may, and the whole
//! state looked at afterwards. Sampled and replayed as the kill points are.

use std::time::{Duration, Instant};

use super::operation::{OPERATIONS, Operation};
use super::trace::{self, Point};
use super::try_all;
use super::verdict::Scene;

/// Points of a sample, and the longest it may take.
const SAMPLE: usize = 150;
const LIMIT: Duration = Duration::from_secs(30);

/// How each call may fail. An interrupted call must be tried again, and so goes well in the end.
const ERRORS: [(&str, &[&str]); 13] = [
    ("openat", &["ENOSPC", "EMFILE", "EACCES", "EIO", "EROFS", "ENOMEM", "EINTR"]),
    ("read", &["EIO", "EINTR"]),
    ("getdents64", &["EIO"]),
    ("write", &["ENOSPC", "EDQUOT", "EFBIG", "EIO", "EINTR"]),
    ("fsync", &["EIO", "ENOSPC", "EDQUOT", "EINTR"]),
    ("fdatasync", &["EIO", "ENOSPC", "EDQUOT", "EINTR"]),
    ("ftruncate", &["EIO"]),
    ("flock", &["ENOLCK", "EOPNOTSUPP", "EINTR"]),
    ("mkdir", &["ENOSPC", "EDQUOT", "EROFS"]),
    ("renameat", &["EIO", "ENOSPC", "EROFS"]),
    ("renameat2", &["EIO", "ENOSPC", "EROFS"]),
    ("unlink", &["EIO", "EROFS"]),
    ("unlinkat", &["EIO", "EROFS"]),
];

/// Every way in which every call of every operation may fail.
fn all_points() -> Vec<(Operation, Point, &'static str)> {
    let mut all = Vec::new();
    for operation in OPERATIONS {
        let counted = trace::count(operation, Scene::set(operation).folder());
        for point in counted.points() {
            let known = ERRORS.iter().find(|(call, _)| *call == point.call);
            let errors = known.map_or(&[][..], |(_, errors)| errors);
            all.extend(errors.iter().map(|error| (operation, point.clone(), *error)));
        }
    }
    all
}

#[test]
fn however_a_call_of_an_operation_fails_nothing_is_lost_doubled_or_stuck() {
    if let Err(why) = trace::able() {
        println!("errors: 0 tried, {} operations skipped: {why}", OPERATIONS.len());
        return;
    }
    let all = std::env::var("SHOPFLOOR_KILL_POINTS").is_ok_and(|how| how == "all");
    let seed = std::env::var("SHOPFLOOR_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let begun = Instant::now();
    let mut points = all_points();
    let known = points.len();
    fastrand::Rng::with_seed(seed).shuffle(&mut points);
    if !all {
        points.truncate(SAMPLE);
    }
    println!("errors: {known} known, {} to be tried, SHOPFLOOR_SEED={seed}", points.len());
    let until = (!all).then(|| begun + LIMIT);
    let (hit, missed) = try_all(points, until, |(operation, point, error)| {
        let scene = Scene::set(operation);
        let trace = trace::inject(operation, scene.folder(), &point, &format!("error={error}"));
        let what = &trace.what;
        // It says either that it was done, or why not.
        assert_ne!(trace.acknowledged.is_some(), trace.refused.is_some(), "{what}: no word of it");
        if error == "EINTR" {
            assert!(trace.acknowledged.is_some(), "{what}: not tried again: {:?}", trace.refused);
        }
        if ["EIO", "EACCES"].contains(&error) {
            // A `.hold` that can't be read counts as one, and nothing is said of it: a sweep makes up for that.
            assert!(scene.swept().broken.is_empty(), "{what}");
        }
        scene.check(&trace);
        trace.hit
    });
    println!("errors: {hit} met, {missed} missed, {:.1} s", begun.elapsed().as_secs_f64());
    assert!(hit > 50, "hardly anything failed: {hit} of {known}, {missed} missed");
}
