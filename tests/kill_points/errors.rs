//! Errors: each system call of each operation of the file queue that may fail, failing in the ways it may, and the whole
//! state looked at afterwards. Sampled and replayed as the kill points are.

use std::time::{Duration, Instant};

use super::operation::{OPERATIONS, Operation};
use super::trace::{self, Point};
use super::verdict::Scene;
use super::{Share, Tried, seed, try_all};

/// Points of a sample, and the longest it may take.
const SAMPLE: usize = 150;
const LIMIT: Duration = Duration::from_secs(30);

/// How each call may fail. An interrupted call must be tried again, and so goes well in the end.
const ERRORS: [(&str, &[&str]); 17] = [
    (
        "openat",
        &["ENOSPC", "EDQUOT", "EMFILE", "ENFILE", "EACCES", "EIO", "EROFS", "ENOMEM", "EINTR"],
    ),
    ("read", &["EIO", "EACCES", "ENOMEM", "EINTR"]),
    ("getdents64", &["EIO", "ENOMEM"]),
    ("newfstatat", &["EIO", "EACCES", "ENOMEM"]),
    ("fstat", &["EIO", "ENOMEM"]),
    ("statx", &["EIO", "EACCES", "ENOMEM"]),
    ("lseek", &["EIO"]),
    ("write", &["ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS", "EINTR"]),
    ("fsync", &["EIO", "ENOSPC", "EDQUOT", "EROFS", "EINTR"]),
    ("fdatasync", &["EIO", "ENOSPC", "EDQUOT", "EROFS", "EINTR"]),
    ("ftruncate", &["EIO", "EROFS", "EINTR"]),
    ("flock", &["ENOLCK", "EOPNOTSUPP", "ENOMEM", "EINTR"]),
    ("mkdir", &["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EIO"]),
    ("renameat", &["EIO", "ENOSPC", "EROFS", "EDQUOT", "EACCES", "ENOMEM"]),
    ("renameat2", &["EIO", "ENOSPC", "EROFS", "EDQUOT", "EACCES", "ENOMEM"]),
    ("unlink", &["EIO", "EROFS", "EACCES", "ENOMEM"]),
    ("unlinkat", &["EIO", "EROFS", "EACCES", "ENOMEM"]),
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
    match fail_at(Share::wanted(SAMPLE, LIMIT)) {
        Err(why) => println!("errors: 0 tried, {} operations skipped: {why}", OPERATIONS.len()),
        Ok(Tried { known, met, missed, .. }) => {
            assert!(met > 50, "hardly anything failed: {met} of {known}, {missed} missed");
        }
    }
}

/// Lets the calls of each operation fail and looks at everything afterwards; panics when something is not as promised.
/// The error says why that can't be done here.
pub(crate) fn fail_at(share: Share) -> Result<Tried, String> {
    trace::able()?;
    let seed = seed();
    let begun = Instant::now();
    let mut points = all_points();
    let known = points.len();
    fastrand::Rng::with_seed(seed).shuffle(&mut points);
    if let Share::Sample(sample, _) = share {
        points.truncate(sample);
    }
    println!("errors: {known} known, {} to be tried, SHOPFLOOR_SEED={seed}", points.len());
    let (hit, missed) = try_all(points, share.until(), |(operation, point, error)| {
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
    Ok(Tried { known, met: hit, missed, seed })
}
