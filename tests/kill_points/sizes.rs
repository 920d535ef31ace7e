//! Short writes: a limit of file size that a write meets in its midst. The kernel takes the bytes that still fit, and fails
//! the rest. Whatever was written must be completed or taken back.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::operation::OPERATIONS;
use super::trace;
use super::try_all;
use super::verdict::Scene;

/// Sizes that cut small files (a word of state, a request, a reason) and a journal's next line, at several places.
const SIZES: [&str; 12] =
    ["0", "1", "4", "7", "20", "45", "+0", "+1", "+40", "+90", "+150", "+230"];

#[test]
fn a_write_that_takes_a_part_of_its_bytes_is_completed_or_taken_back() {
    let points: Vec<_> =
        OPERATIONS.into_iter().flat_map(|operation| SIZES.map(|size| (operation, size))).collect();
    let known = points.len();
    let refused = AtomicUsize::new(0);
    let (_, _) = try_all(points, None, |(operation, size)| {
        let scene = Scene::set(operation);
        let trace = trace::limited(operation, scene.folder(), size);
        let what = &trace.what;
        assert_ne!(trace.acknowledged.is_some(), trace.refused.is_some(), "{what}: no word of it");
        if let Some(why) = &trace.refused {
            assert!(why.contains("File too large") && why.contains("/a"), "{what}: {why}");
            refused.fetch_add(1, Ordering::Relaxed);
        }
        scene.check(&trace);
        true
    });
    let refused = refused.into_inner();
    println!("short writes: {known} tried, {refused} refused");
    assert!(refused > 60, "hardly any write was cut short: {refused} of {known}");
}
