//! Permits for sessions, on the real programs: never more agents than permits, whoever is killed.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::patterns::json;
use super::side_by_side::until_idle;
use crate::house::{House, left_over, parent_of, program};

/// The live processes of `program` that work in this house.
fn running(house: &House, name: &str) -> BTreeSet<u32> {
    let wanted = house.path("").display().to_string();
    let path = program(name);
    let processes = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let pid = entry.file_name().to_string_lossy().parse::<u32>().ok()?;
        (fs::read_link(entry.path().join("exe")).ok()? == path).then_some(())?;
        let said = [
            fs::read(entry.path().join("environ")).ok()?,
            fs::read(entry.path().join("cmdline")).ok()?,
        ];
        String::from_utf8_lossy(&said.concat()).contains(&wanted).then_some(pid)
    });
    processes.collect()
}

/// How many of these are agents: what an agent has just forked off, to run a command, still looks like itself.
fn agents(pids: &BTreeSet<u32>) -> usize {
    pids.iter().filter(|&&pid| parent_of(pid).is_some_and(|parent| !pids.contains(&parent))).count()
}

/// Runs `deed` while the agents are counted; the most there were at once, and how often they were counted.
fn counted(house: &House, deed: impl FnOnce()) -> (usize, usize) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let counter = scope.spawn(|| {
            let (mut most, mut looks) = (0, 0);
            while !over.load(Ordering::Relaxed) {
                // Two looks: one that ends and one that begins in the time of a look are not at once.
                let first = running(house, "sim-agent");
                let both = running(house, "sim-agent");
                most = most.max(agents(&first.intersection(&both).copied().collect()));
                looks += 1;
                std::thread::sleep(Duration::from_millis(2));
            }
            (most, looks)
        });
        deed();
        over.store(true, Ordering::Relaxed);
        counter.join().unwrap()
    })
}

const TWO: &str = "[floor]\nsessions = 2\n\
                   [limits]\nbackoff = \"1s\"\npoll = \"200ms\"\ncrashes = 1000\nattempts = 1000\n\
                   [stage.spec]\nparallel = 2\nbatch = 2\n[stage.test]\nparallel = 2\nbatch = 2\n\
                   [stage.implement]\nparallel = 2\nbatch = 2\n";
const SLOW: &str = "[[act]]\norder = \"*\"\nstage = \"*\"\nms = 120\n";

#[test]
fn there_are_never_more_agents_than_permits() {
    let house = House::with(TWO, SLOW);
    let ids: Vec<String> = (0..6).map(|n| format!("order-{n}")).collect();
    house.add(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    let (most, looks) = counted(&house, || until_idle(&house, &[]));
    assert!(looks > 10, "{looks}");
    assert_eq!(most, 2, "as many as permits, and no more");
    for id in &ids {
        assert_eq!(house.state(id), "READY_FOR_REVIEW", "{id}:\n{}", house.scene());
    }
}

/// Kills workers while they work; how many. Fewer than would make the launcher give a stage up.
fn kill_some(house: &House, seed: u64) -> usize {
    let mut command = house.command("shopfloor");
    command.args(["start", "--until-idle"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut launcher = command.spawn().unwrap();
    let mut random = fastrand::Rng::with_seed(seed);
    let begun = Instant::now();
    let mut killed = 0;
    while launcher.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(300), "{}", house.scene());
        let names = ["spec-worker", "test-worker", "implement-worker"];
        let workers: Vec<u32> = names
            .iter()
            .flat_map(|name| running(house, name))
            .filter(|_| !running(house, "sim-agent").is_empty())
            .collect();
        if killed < 8 && !workers.is_empty() {
            let pid = workers[random.usize(0..workers.len())];
            let sent = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
            killed += usize::from(sent.unwrap().success());
        }
        std::thread::sleep(Duration::from_millis(random.u64(200..600)));
    }
    killed
}

#[test]
fn there_are_never_more_agents_than_permits_though_workers_are_killed() {
    let (most, killed) = a_round_of_killing(5);
    assert!(killed >= 4, "only {killed} workers were killed");
    assert!(most <= 2, "{most} agents at once");
}

/// Six orders go their way while workers are killed. The most agents at once, and how many workers were killed.
pub(crate) fn a_round_of_killing(seed: u64) -> (usize, usize) {
    let house = House::with(TWO, SLOW);
    let ids: Vec<String> = (0..6).map(|n| format!("order-{n}")).collect();
    house.add(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    let mut killed = 0;
    let (most, _) = counted(&house, || killed = kill_some(&house, seed));
    for id in &ids {
        assert_eq!(house.state(id), "READY_FOR_REVIEW", "{id}:\n{}", house.scene());
    }
    assert_eq!(left_over(&house.path("")), Vec::<String>::new());
    (most, killed)
}

#[test]
fn status_shows_who_has_a_permit_and_who_waits_for_one_and_it_goes_upstream() {
    let one = TWO.replace("sessions = 2", "sessions = 1");
    let slow = "[[act]]\norder = \"*\"\nstage = \"*\"\nms = 1500\n";
    let house = House::with(&one, slow);
    house.add(&["first"]);
    house.run("spec-worker", &["--until-idle"]);
    assert_eq!(json(&house, &["status", "--json"])["permits"]["limit"], 1);
    let permits = |house: &House| json(house, &["status", "--json"])["permits"].clone();
    let stages = |all: &Value| -> Vec<String> {
        all.as_array()
            .unwrap()
            .iter()
            .map(|who| who["stage"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut test = house.start("test-worker", &[]);
    house
        .wait("the test stage has the permit", |house| stages(&permits(house)["held"]) == ["test"]);
    house.add(&["second", "third"]);
    let mut spec = house.start("spec-worker", &[]);
    house.wait("spec waits", |house| stages(&permits(house)["waiting"]) == ["spec"]);
    let text = crate::house::shown(&house.shopfloor(&["status"]));
    assert!(text.contains("Sessions at once: 1 of 1: test (PID"), "{text}");
    assert!(text.contains("waiting for one: spec (PID"), "{text}");
    house.wait("spec has it", |house| stages(&permits(house)["held"]) == ["spec"]);
    for worker in [&mut test, &mut spec] {
        worker.signal("TERM");
    }
    for worker in [&mut test, &mut spec] {
        worker.end(Duration::from_secs(30));
    }
    let after = permits(&house);
    assert_eq!((stages(&after["held"]).len(), stages(&after["waiting"]).len()), (0, 0));
}

#[test]
fn work_that_needs_only_gates_needs_no_permit() {
    let one = TWO.replace("sessions = 2", "sessions = 1");
    let house = House::with(&one, "");
    house.add(&["done"]);
    for worker in ["spec-worker", "test-worker", "implement-worker"] {
        house.run(worker, &["--until-idle"]);
    }
    // As after a crash: its code is there, and only the gates are left.
    assert!(house.shopfloor(&["kick", "done", "--to", "TESTS_POST"]).status.success());
    let calls = house.calls();
    // Somebody else has the only permit.
    let permit = house.project().join("work-orders/.floor/permits/1");
    let held = fs::File::options().write(true).open(&permit).unwrap();
    held.lock().unwrap();
    house.run("implement-worker", &["--once"]);
    assert_eq!(house.state("done"), "PLAYTEST", "{}", house.scene());
    house.add(&["new"]);
    let spec = house.command("spec-worker").arg("--once").output().unwrap();
    assert_eq!(spec.status.code(), Some(4), "{}", crate::house::shown(&spec));
    assert_eq!((house.state("new").as_str(), house.calls()), ("NEW", calls));
    drop(held);
    house.run("spec-worker", &["--once"]);
    assert_eq!(house.state("new"), "TESTS_PRE", "{}", house.scene());
}
