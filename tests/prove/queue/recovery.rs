//! How long it takes until what a dead worker held is ready again.

use std::fs;
use std::time::{Duration, Instant};

use shopfloor::holder::WorkerId;
use shopfloor::queue::files::FileQueue;
use shopfloor::queue::{Claiming, Queue as _};
use shopfloor::state::State;

use super::{Mount, gauge, hand, journal, ledger};
use crate::contract::{holder, id};
use crate::house::{House, WORKERS, parent_of};
use crate::prove::{Launcher, PATIENT, add, kill, row, size};

/// The middle and the worst but for one in a hundred, in seconds.
fn parts(times: &mut [Duration]) -> (f64, f64) {
    times.sort();
    let at = |part: f64| times[((times.len() - 1) as f64 * part).round() as usize].as_secs_f64();
    (at(0.5), at(0.99))
}

/// A worker that is at a turn, with the order it holds.
fn busy(house: &House) -> Option<(u32, String)> {
    let folder = house.project().join("work-orders/.floor/workers");
    let statuses = gauge::names(&folder).into_iter().filter(|name| name.ends_with(".json"));
    let mut busy = statuses.filter_map(|name| {
        let status: serde_json::Value =
            serde_json::from_slice(&fs::read(folder.join(name)).ok()?).ok()?;
        let order = status["order"].as_str()?.to_owned();
        let pid: u32 = status["worker"].as_str()?.split('-').next()?.parse().ok()?;
        let claims =
            |id: &str| house.journal_whole(id).iter().filter(|e| e["e"] == "claim").count();
        (claims(&order) > 0).then_some((pid, order))
    });
    busy.next()
}

/// True while the last claim of an order is that of a worker, and open.
fn holds(house: &House, id: &str, pid: u32) -> bool {
    let entries = house.journal_whole(id);
    let holder = journal::open_claim(&entries).and_then(|claim| claim["wid"].as_str());
    holder.is_some_and(|worker| worker.starts_with(&format!("{pid}-")))
}

/// How many of an order's claims were taken back from the dead.
fn orphaned(house: &House, id: &str) -> usize {
    house.journal_whole(id).iter().filter(|entry| entry["e"] == "orphan").count()
}

fn tell(what: &str, times: &mut [Duration]) {
    let (p50, p99) = parts(times);
    let what = format!("{what}, {} times", times.len());
    row(&what, &format!("p50 {p50:.2} s, p99 {p99:.2} s"), p99 <= 5.0);
}

#[test]
#[ignore = "a measurement: .ci/prove queue runs it"]
fn after_the_death_of_a_worker_and_of_the_launcher() {
    let samples = size(100, 12);
    let house = House::with(PATIENT, "[[act]]\norder = \"*\"\nstage = \"*\"\nms = 1500\n");
    let mut fed = 0;
    let mut launcher = Launcher::start(&house, &[]);
    let mut since = Instant::now();
    // Those of a launcher that was killed before finish their turns: nobody is told when they die.
    let (mut workers, mut strays, mut launchers) = (Vec::new(), Vec::new(), Vec::new());
    let begun = Instant::now();
    while workers.len() < samples || strays.len() < samples || launchers.len() < samples {
        assert!(begun.elapsed() < Duration::from_secs(3000), "{}", house.scene());
        let open = (0..fed).map(|n| format!("order-{n:04}"));
        let open = open.filter(|id| !ledger::is_end(&house.state(id))).count();
        if open < 3 {
            add(&house, &[format!("order-{fed:04}")]);
            fed += 1;
        }
        let Some((pid, order)) = busy(&house) else {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        };
        let before = orphaned(&house, &order);
        let is_stray = parent_of(pid) != Some(launcher.child.id());
        let (dead, wanted) = match is_stray {
            true => (&mut strays, launchers.len()),
            false => (&mut workers, launchers.len() + 1),
        };
        if dead.len() < wanted {
            kill(pid, "KILL");
            let died = Instant::now();
            house.wait("the order of a dead worker", |house| !holds(house, &order, pid));
            // It may have given the order on in the moment before.
            if orphaned(&house, &order) > before {
                dead.push(died.elapsed());
            }
        } else {
            // Its workers see that it is gone and end in good order; another launcher is started at once.
            launcher.signal("KILL");
            let _killed = launcher.end(Duration::from_secs(20));
            let died = Instant::now();
            let started = house.told("started").len();
            launcher = Launcher::start(&house, &[]);
            house.wait("workers of the next launcher", |house| {
                house.told("started").len() >= started + WORKERS.len()
            });
            launchers.push(died.elapsed());
            since = Instant::now();
        }
        // A launcher that has seen five deaths of one worker in a minute gives it up.
        if since.elapsed() > Duration::from_secs(20) && workers.len() >= samples {
            since = Instant::now();
        }
    }
    tell("from kill -9 of a worker in its turn to its order being free", &mut workers);
    tell("the same for a worker whose launcher was killed before", &mut strays);
    tell("from kill -9 of the launcher to the five workers of the next one", &mut launchers);
    launcher.signal("TERM");
    let _code = launcher.end(Duration::from_secs(60));
}

#[test]
#[ignore = "a measurement: .ci/prove queue runs it"]
#[expect(clippy::mem_forget, reason = "a worker that dies gives nothing back")]
fn after_a_reboot() {
    let (claimed, parked) = (1_000, size(100_000, 10_000));
    let folder = tempfile::tempdir().unwrap();
    // So many folders are made in memory within seconds, on some disks within the hour.
    let memory = Mount::in_memory(folder.path(), 4096);
    drop(FileQueue::init(folder.path()).unwrap());
    for n in 0..parked {
        let order = folder.path().join(format!("parked-{n:06}"));
        fs::create_dir(&order).unwrap();
        fs::write(order.join(".state"), "READY_FOR_REVIEW\n").unwrap();
        fs::write(order.join("order.json"), format!("{{\"title\":\"parked {n}\"}}")).unwrap();
    }
    let queue = hand::open(folder.path(), None).unwrap();
    // What was made by hand is on record: it has stood here for long.
    let swept = queue.sweep().unwrap();
    assert_eq!(swept.orders, parked);
    let ids: Vec<_> = (0..claimed).map(|n| id(&format!("order-{n:04}"))).collect();
    for (n, order) in ids.iter().enumerate() {
        fs::create_dir(queue.paper_folder(order)).unwrap();
        // Workers of the boot before: no process has their numbers.
        let ghost = WorkerId::new(4_194_304 + n as u32 % 8, 1, 7);
        match queue.clone().claim(order, &State::NEW, &holder(&ghost)).unwrap() {
            Claiming::Won(claim) => std::mem::forget(claim),
            Claiming::Skipped(skip) => panic!("{skip:?}"),
        }
    }
    // What is never synced is gone, and the boot is another one.
    let floor = queue.floor().clone();
    fs::remove_dir_all(floor.workers()).unwrap();
    fs::remove_dir_all(floor.ready()).unwrap();
    fs::write(floor.run().join("boot"), "of-yesterday").unwrap();
    drop(queue);
    let mut times: Vec<Duration> = Vec::new();
    let begun = Instant::now();
    let queue = hand::open(folder.path(), None).unwrap();
    let back = queue.recover(&|_| true).unwrap();
    times.push(begun.elapsed());
    let ready = queue.ready(&State::NEW, 2 * claimed).unwrap().len();
    row(
        &format!(
            "after a reboot with {claimed} claimed and {parked} parked orders, until all are ready"
        ),
        &format!("{:.1} s, {} back, {ready} ready", times[0].as_secs_f64(), back.len()),
        times[0] <= Duration::from_secs(30) && back.len() == claimed && ready == claimed,
    );
    drop(memory);
}
