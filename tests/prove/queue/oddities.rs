//! What else a machine does: its wall clock jumps, somebody starts a second launcher, the number of a dead worker is
//! given to another program.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use shopfloor::holder::{SessionId, WorkerId};
use shopfloor::process::start_time;
use shopfloor::queue::files::{FileQueue, Options};
use shopfloor::queue::{Claiming, Queue as _};
use shopfloor::state::State;

use super::ledger::{Entry, Ledger};
use super::seed;
use crate::contract::id;
use crate::house::{House, WORKERS, Worker};
use crate::prove::{Launcher, add, row, size};

/// libfaketime, where it is installed.
fn faketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten();
    let mut paths = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    paths.find(|path| path.exists())
}

/// Where the wall clock jumps to, as libfaketime is told it.
const JUMPS: [&str; 6] = ["+1d", "-2d", "+400d", "-3600d", "+5m", "+0"];

#[test]
#[ignore = "a measurement: .ci/prove queue runs it"]
fn the_wall_clock_jumps() {
    let what = "the wall clock of five real workers jumps by minutes and years";
    let Some(library) = faketime() else {
        // The area installs it where it may; without it nothing can be said.
        row(what, "skipped: libfaketime is not installed", !super::could_run(&["apt-get"]));
        return;
    };
    let count = size(30, 5);
    let seed = seed();
    let mut draw = fastrand::Rng::with_seed(seed);
    let house = House::with("", "[[act]]\norder = \"*\"\nstage = \"*\"\nms = 300\n");
    let ids: Vec<String> = (0..count).map(|n| format!("order-{n:02}")).collect();
    add(&house, &ids);
    let clock = house.path("clock");
    fs::write(&clock, "+0\n").unwrap();
    let start = |name: &&str| {
        let mut command = house.command(name);
        command.env("LD_PRELOAD", &library).env("DONT_FAKE_MONOTONIC", "1");
        command.env("FAKETIME_TIMESTAMP_FILE", &clock).env("FAKETIME_NO_CACHE", "1");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Worker { child: command.spawn().unwrap() }
    };
    let mut crew: Vec<Worker> = WORKERS.iter().map(start).collect();
    let mut ledger = Ledger::default();
    ledger.orders.extend(ids.iter().map(|id| (id.clone(), Entry::default())));
    let (begun, mut jumps) = (Instant::now(), 0);
    while !ledger.open().is_empty() && begun.elapsed() < Duration::from_secs(240) {
        let next = house.path("clock.next");
        fs::write(&next, format!("{}\n", draw.choice(JUMPS).unwrap_or("+0"))).unwrap();
        fs::rename(&next, &clock).unwrap();
        jumps += 1;
        std::thread::sleep(Duration::from_millis(draw.u64(100..600)));
        ledger.look(&house);
    }
    crew.iter().for_each(|worker| worker.signal("TERM"));
    for worker in &mut crew {
        let _code = worker.end(Duration::from_secs(60));
    }
    let found = ledger.conservation(&house);
    let journals: Vec<_> = ids.iter().flat_map(|id| house.journal(id)).collect();
    let taken = journals.iter().filter(|entry| entry["e"] == "orphan").count();
    let stamps: Vec<u64> = journals.iter().filter_map(|entry| entry["at"].as_u64()).collect();
    let (first, last) = (stamps.iter().min().unwrap_or(&0), stamps.iter().max().unwrap_or(&0));
    let years = (last - first) / (365 * 24 * 3600);
    found.violations.iter().for_each(|what| println!("WRONG {what}"));
    row(
        &format!("{what} (seed {seed})"),
        &format!(
            "{jumps} jumps over {years} years; {} of {count} landed, {taken} taken from the living; {} wrong",
            found.landed,
            found.violations.len()
        ),
        found.violations.is_empty() && found.landed == count && taken == 0 && years > 0,
    );
}

#[test]
#[ignore = "a measurement: .ci/prove queue runs it"]
fn a_second_launcher_is_refused() {
    let rounds = size(20, 3);
    let (mut refused, mut ran) = (0, 0);
    let house = House::new();
    for _ in 0..rounds {
        let mut all: Vec<Launcher> = (0..4).map(|_| Launcher::start(&house, &[])).collect();
        let begun = Instant::now();
        while all.len() > 1 {
            let mut left = Vec::new();
            for mut launcher in all.drain(..) {
                match launcher.child.try_wait().unwrap() {
                    Some(status) => {
                        assert_eq!(status.code(), Some(5), "{}", house.scene());
                        refused += 1;
                    }
                    None => left.push(launcher),
                }
            }
            all = left;
            assert!(begun.elapsed() < Duration::from_secs(60), "{} launchers run", all.len());
            std::thread::sleep(Duration::from_millis(10));
        }
        for mut launcher in all {
            ran += 1;
            launcher.signal("TERM");
            assert_eq!(launcher.end(Duration::from_secs(60)), Some(0));
        }
    }
    row(
        &format!("four launchers at once, {rounds} times"),
        &format!("{ran} ran, {refused} refused with exit code 5"),
        ran == rounds && refused == 3 * rounds,
    );
}

#[test]
#[ignore = "a measurement: .ci/prove queue runs it"]
#[expect(clippy::mem_forget, reason = "a worker that is dead gives nothing back")]
fn a_dead_workers_number_is_taken_by_somebody_else() {
    let count = size(50, 8);
    let house = House::new();
    let ids: Vec<String> = (0..count).map(|n| format!("order-{n:02}")).collect();
    add(&house, &ids);
    let folder = house.project().join("work-orders");
    let mut others: Vec<Worker> = Vec::new();
    for order in &ids {
        let queue = FileQueue::open(&folder, Options::default()).unwrap();
        let mut other = Command::new("sleep");
        let child = other.arg("600").stdin(Stdio::null()).spawn().unwrap();
        // A worker of that number which began earlier: it has left its lock and its list, and died.
        let worker = WorkerId::new(child.id(), start_time(child.id()).unwrap() - 1, 7);
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        fs::write(queue.lock_of(&worker), format!("boot {}\nstage spec\n", boot.trim())).unwrap();
        let holder = shopfloor::holder::Holder { worker, session: SessionId::fresh() };
        match queue.claim(&id(order), &State::NEW, &holder).unwrap() {
            Claiming::Won(claim) => std::mem::forget(claim),
            Claiming::Skipped(skip) => panic!("{skip:?}"),
        }
        others.push(Worker { child });
    }
    house.run("spec-worker", &["--until-idle"]);
    let moved = ids.iter().filter(|id| house.state(id) == "TESTS_PRE").count();
    let alive = others
        .iter_mut()
        .filter_map(|other| other.child.try_wait().unwrap().is_none().then_some(()));
    let alive = alive.count();
    row(
        "dead workers whose numbers other programs have by now",
        &format!(
            "{moved} of {count} orders taken back and done, {alive} of {count} programs unharmed"
        ),
        moved == count && alive == count,
    );
}
