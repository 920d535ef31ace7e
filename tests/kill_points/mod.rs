//! Kill points: each operation of the file queue, killed at system calls of every kind, and the whole state looked at
//! afterwards.
//!
//! A child (this very binary, with one test and an order of ours in its environment) does one operation between two
//! marks in its list of system calls. A first run is counted; then it is run once for each call, and `strace` kills it
//! there. `SHOPFLOOR_KILL_POINTS=all` takes every call; else a sample is drawn, whose seed is printed and can be given
//! back as `SHOPFLOOR_SEED`.

#![expect(clippy::print_stdout, reason = "how many points were tried is a result")]

pub(crate) mod errors;
mod sizes;
mod operation;
mod trace;
mod verdict;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use operation::{OPERATIONS, Operation};
use trace::{Point, Trace};
use verdict::Scene;

/// Points of a sample, and the longest it may take.
const SAMPLE: usize = 240;
const LIMIT: Duration = Duration::from_secs(45);

/// Children at once: most of their time goes into starting.
const HANDS: usize = 3;

/// How many points are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// All of them, however long it takes.
    All,
    /// So many, drawn by a seed, and for so long at most.
    Sample(usize, Duration),
}

impl Share {
    /// All, where `SHOPFLOOR_KILL_POINTS=all` says so.
    fn wanted(sample: usize, limit: Duration) -> Self {
        match std::env::var("SHOPFLOOR_KILL_POINTS").is_ok_and(|how| how == "all") {
            true => Self::All,
            false => Self::Sample(sample, limit),
        }
    }

    fn until(self) -> Option<Instant> {
        match self {
            Self::All => None,
            Self::Sample(_, limit) => Some(Instant::now() + limit),
        }
    }
}

/// What a run over points came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tried {
    /// Points there are.
    pub(crate) known: usize,
    /// Those that were met inside the operation.
    pub(crate) met: usize,
    /// Runs that went past theirs.
    pub(crate) missed: usize,
    /// What the sample was drawn by.
    pub(crate) seed: u64,
}

fn seed() -> u64 {
    let seed = std::env::var("SHOPFLOOR_SEED").ok().and_then(|seed| seed.parse().ok());
    seed.unwrap_or_else(|| fastrand::u64(..1_000_000))
}

#[test]
fn wherever_an_operation_is_killed_nothing_is_lost_doubled_or_stuck() {
    match kill_at(Share::wanted(SAMPLE, LIMIT)) {
        Err(why) => {
            println!("kill points: 0 tried, {} operations skipped: {why}", OPERATIONS.len());
        }
        Ok(Tried { known, met, missed, .. }) => {
            assert!(met > 50, "hardly anything was killed: {met} of {known}, {missed} missed");
        }
    }
}

/// Kills each operation at its calls and looks at everything afterwards; panics when something is not as promised. The
/// error says why that can't be done here.
pub(crate) fn kill_at(share: Share) -> Result<Tried, String> {
    trace::able()?;
    let seed = seed();
    let begun = Instant::now();
    let mut points: Vec<(Operation, Point)> = Vec::new();
    for operation in OPERATIONS {
        let scene = Scene::set(operation);
        let trace = trace::count(operation, scene.folder());
        assert!(trace.acknowledged.is_some(), "{}: {:?}", trace.what, trace.refused);
        scene.check(&trace);
        points.extend(trace.points().into_iter().map(|point| (operation, point)));
    }
    let known = points.len();
    let mut draw = fastrand::Rng::with_seed(seed);
    if let Share::Sample(sample, _) = share {
        // What changes something on disk first: between two such calls a kill leaves the same.
        draw.shuffle(&mut points);
        points.sort_by_key(|(_, point)| !point.changes_something());
        points.truncate(sample);
        draw.shuffle(&mut points);
    }
    println!("kill points: {known} known, {} to be tried, SHOPFLOOR_SEED={seed}", points.len());
    let (killed, missed) = try_all(points, share.until(), |(operation, point)| {
        let scene = Scene::set(operation);
        let trace: Trace = trace::kill(operation, scene.folder(), &point);
        scene.check(&trace);
        trace.killed_inside()
    });
    println!(
        "kill points: {killed} tried, {missed} missed their call, {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    Ok(Tried { known, met: killed, missed, seed })
}

/// Tries the points by several hands; how many met their call inside the operation, and how many runs went past it.
fn try_all<P: Send>(
    points: Vec<P>,
    until: Option<Instant>,
    attempt: impl Fn(P) -> bool + Sync,
) -> (usize, usize) {
    let points = Mutex::new(points);
    let next = || {
        let late = until.is_some_and(|until| Instant::now() > until);
        points.lock().unwrap().pop().filter(|_| !late)
    };
    let work = || {
        let (mut met, mut missed) = (0, 0);
        while let Some(point) = next() {
            match attempt(point) {
                true => met += 1,
                false => missed += 1,
            }
        }
        (met, missed)
    };
    std::thread::scope(|threads| {
        let hands: Vec<_> = (0..HANDS).map(|_| threads.spawn(work)).collect();
        let counts = hands.into_iter().map(|hand| match hand.join() {
            Ok(count) => count,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        counts.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    })
}

#[test]
fn a_recovery_that_is_killed_again_and_again_recovers_once() {
    if let Err(why) = trace::able() {
        println!("kill points: 0 tried, 1 operation skipped: {why}");
        return;
    }
    let counted = trace::count(Operation::Recover, Scene::set(Operation::Recover).folder());
    let first = |call: &str| counted.points().into_iter().find(|point| point.call == call).unwrap();
    let scene = Scene::set(Operation::Recover);
    // Three times before anything is on record, and once when the entry is written and not yet synced.
    let mut last = None;
    for call in ["openat", "flock", "openat", "fdatasync"] {
        let trace = trace::kill(Operation::Recover, scene.folder(), &first(call));
        assert!(trace.killed_inside(), "{}", trace.what);
        last = Some(trace);
    }
    scene.check(&last.unwrap());
}

#[test]
fn a_move_that_was_committed_and_could_not_be_applied_is_ready_without_a_sweep() {
    if let Err(why) = trace::able() {
        println!("injected errors: 0 tried, 1 operation skipped: {why}");
        return;
    }
    let counted = trace::count(Operation::Advance, Scene::set(Operation::Advance).folder());
    let points = counted.points();
    let rename = points.iter().find(|point| point.call == "renameat").unwrap();
    // The child says what it found: that the move is done, as its record says, and that its order is ready.
    let scene = Scene::set(Operation::Refused);
    let trace = trace::inject(Operation::Refused, scene.folder(), rename, "error=EIO");
    assert!(trace.acknowledged.is_some(), "{}: {:?}", trace.what, trace.refused);
}
