//! The storm with real workers: eight of them without a launcher, killed at random moments and started anew, a SIMULATED
//! agent at work in each session.

use std::fs;
use std::time::{Duration, Instant};

use super::ledger::{Entry, Ledger};
use super::seed;
use crate::house::{House, Worker, left_over};
use crate::prove::{PATIENT, add, row, size};

/// Who works.
const CREW: [&str; 8] = [
    "spec-worker",
    "spec-worker",
    "test-worker",
    "test-worker",
    "implement-worker",
    "implement-worker",
    "playtest-worker",
    "commit-worker",
];

#[test]
#[ignore = "a measurement: .ci/prove queue runs it"]
fn real_workers_are_killed_at_random_moments() {
    let kills = size(1_000, 60);
    let seed = seed();
    println!("storm of workers: {kills} kills, SHOPFLOOR_SEED={seed}");
    let mut draw = fastrand::Rng::with_seed(seed);
    let house = House::with(PATIENT, "[[act]]\norder = \"*\"\nstage = \"*\"\nms = 60\n");
    fs::create_dir(house.path("alone")).unwrap();
    let mut ledger = Ledger::default();
    let mut crew: Vec<Worker> = CREW.iter().map(|name| house.start(name, &[])).collect();
    let begun = Instant::now();
    let mut fed = 0;
    for _ in 0..kills {
        ledger.look(&house);
        if ledger.open().len() < 6 {
            let id = format!("order-{fed:04}");
            add(&house, std::slice::from_ref(&id));
            ledger.orders.insert(id, Entry::default());
            fed += 1;
        }
        // Some live for long enough to get something done.
        std::thread::sleep(Duration::from_millis(draw.u64(0..240)));
        let at = draw.usize(0..CREW.len());
        crew[at].signal("KILL");
        assert_eq!(crew[at].end(Duration::from_secs(20)), None);
        crew[at] = house.start(CREW[at], &[]);
    }
    let took = begun.elapsed();
    let ended = ledger.look(&house);
    let patience = Duration::from_secs(300);
    while !ledger.open().is_empty() && begun.elapsed() < took + patience {
        ledger.look(&house);
        std::thread::sleep(Duration::from_millis(100));
    }
    for worker in &mut crew {
        worker.signal("TERM");
    }
    for worker in &mut crew {
        let _drained = worker.end(Duration::from_secs(60));
    }
    let found = ledger.conservation(&house);
    let mut wrong = found.violations;
    wrong.extend(ledger.open().iter().map(|id| format!("{id} never came to its end")));
    let twice = fs::read_to_string(house.path("alone/violations")).unwrap_or_default();
    wrong.extend(twice.lines().map(|line| format!("two agents at once: {line}")));
    wrong
        .extend(left_over(&house.path("project")).iter().map(|process| format!("left: {process}")));
    wrong.iter().for_each(|what| println!("WRONG {what}"));
    row(
        &format!("random kill -9 of {} real workers (seed {seed})", CREW.len()),
        &format!(
            "{kills} kills at {:.1} a second; {} orders, {} landed ({ended} under fire), {} FAILED; {} wrong",
            kills as f64 / took.as_secs_f64(),
            ledger.orders.len(),
            found.landed,
            found.failed,
            wrong.len()
        ),
        wrong.is_empty() && found.landed > 0,
    );
}
