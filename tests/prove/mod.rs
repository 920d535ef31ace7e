//! The promises of the main path, measured on the real programs. Ignored by `cargo test`; `.ci/prove main` runs them.
//!
//! Each prints rows `ROW|what|figure|ok` or `ROW|what|figure|SHORT`. `SHOPFLOOR_PROVE=quick` takes smaller figures.

#![expect(clippy::print_stdout, reason = "the rows are the result")]

mod by_hand;
mod escape;
mod import;
mod model;
mod planning;
mod queue;
mod tree;

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::house::{House, WORKERS, left_over, program};

mod gates;
mod projects;

fn quick() -> bool {
    std::env::var("SHOPFLOOR_PROVE").is_ok_and(|how| how == "quick")
}

fn size(long: usize, short: usize) -> usize {
    if quick() { short } else { long }
}

fn row(what: &str, figure: &str, good: bool) {
    println!("ROW|{what}|{figure}|{}", if good { "ok" } else { "SHORT" });
}

/// Patient limits: what is measured is that nothing is lost, not how soon we lose patience.
const PATIENT: &str = "[limits]\nbackoff = \"1s\"\nbackoff_cap = \"1s\"\nbreaker = \"1s\"\nbreaker_cap = \"1s\"\npoll = \"500ms\"\n\
                       attempts = 1000\ncrashes = 100000\nbounces = 1000\n";

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("order-{n:02}")).collect()
}

fn add(house: &House, ids: &[String]) {
    house.add(&ids.iter().map(String::as_str).collect::<Vec<_>>());
}

/// The launcher, started beside the test; ended with all it started.
struct Launcher {
    child: Child,
}

impl Launcher {
    fn start(house: &House, args: &[&str]) -> Self {
        let mut command = house.command("shopfloor");
        let heard = fs::File::create(house.path("launcher.txt")).unwrap();
        command.arg("start").args(args).stdout(Stdio::null()).stderr(heard);
        Self { child: command.spawn().unwrap() }
    }

    fn signal(&self, name: &str) {
        kill(self.child.id(), name);
    }

    fn end(&mut self, limit: Duration) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < limit, "the launcher did not end in {limit:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal("TERM");
            std::thread::sleep(shopfloor::stop::ECHO * 2);
            self.signal("TERM");
            std::thread::sleep(Duration::from_secs(2));
            let _gone = self.child.kill();
            let _gone = self.child.wait();
        }
    }
}

fn kill(pid: u32, name: &str) {
    let mut sender = Command::new("kill");
    sender.args([format!("-{name}"), pid.to_string()]).stderr(Stdio::null());
    let _gone = sender.status();
}

/// The live process of one of our workers in this house, if there is one.
fn worker(house: &House, name: &str) -> Option<u32> {
    let wanted = house.path("").display().to_string();
    let program = program(name).display().to_string();
    fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let pid = entry.file_name().to_string_lossy().parse::<u32>().ok()?;
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        (line.starts_with(&program) && line.contains(&wanted)).then_some(pid)
    })
}

fn all_ready(house: &House, ids: &[String]) -> bool {
    ids.iter().all(|id| house.state(id) == "READY_FOR_REVIEW")
}

/// Waits until every order is ready, at most `limit`.
fn until_ready(house: &House, ids: &[String], limit: Duration) {
    let begun = Instant::now();
    while !all_ready(house, ids) {
        assert!(begun.elapsed() < limit, "not ready in {limit:?}:\n{}", house.scene());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Orders lost or doubled: each must be ready, with one commit, and its journal must never move on twice under one
/// generation, nor hold two claims open at once.
fn conservation(house: &House, ids: &[String]) -> (usize, usize) {
    let mut lost = 0;
    let mut doubled = 0;
    for id in ids {
        if house.state(id) != "READY_FOR_REVIEW" {
            lost += 1;
        }
        let mut moved: BTreeMap<u64, usize> = BTreeMap::new();
        let mut open: Option<u64> = None;
        for entry in house.journal(id) {
            let generation = entry["gen"].as_u64().unwrap();
            match entry["e"].as_str().unwrap() {
                "claim" => {
                    doubled += usize::from(open.is_some());
                    open = Some(generation);
                }
                "advance" | "bury" => {
                    *moved.entry(generation).or_default() += 1;
                    doubled += usize::from(open != Some(generation));
                    open = None;
                }
                "release" | "orphan" => open = None,
                _ => {}
            }
        }
        doubled += moved.values().filter(|&&times| times > 1).count();
    }
    let log = house.git(&["log", "--format=%s%n%b", "main..shopfloor/ready"]);
    for id in ids {
        let commits = log.lines().filter(|line| *line == format!("Order: {id}")).count();
        lost += usize::from(commits == 0);
        doubled += commits.saturating_sub(1);
    }
    (lost, doubled)
}

#[test]
#[ignore = "a measurement: .ci/prove main runs it"]
fn thirty_orders_and_two_workers_of_a_stage() {
    let count = size(30, 10);
    let house = House::with(PATIENT, "");
    let ids = ids(count);
    add(&house, &ids);
    let begun = Instant::now();
    let mut launcher = Launcher::start(
        &house,
        &["--parallel", "implement=2", "--parallel", "test=2", "--until-idle"],
    );
    let code = launcher.end(Duration::from_secs(500));
    let took = begun.elapsed();
    let straight = ids.iter().filter(|id| {
        let moves = house.moves(id);
        let mut once = moves.clone();
        once.sort();
        once.dedup();
        moves.len() == 7 && once.len() == 7
    });
    let straight = straight.count();
    let (lost, doubled) = conservation(&house, &ids);
    row(
        &format!("{count} orders, 2 test and 2 implement workers: advanced exactly once per state"),
        &format!(
            "{straight} of {count}, {lost} lost, {doubled} doubled, {:.0} s",
            took.as_secs_f64()
        ),
        code == Some(0) && straight == count && lost == 0 && doubled == 0,
    );
    let turns = house.told("turn_began").len();
    let sessions = house.told("session_opened").len();
    row(
        "the same run: sessions opened for how many turns",
        &format!("{sessions} for {turns}"),
        sessions < turns,
    );
}

/// Claims that were taken back from dead workers.
fn orphaned(house: &House, ids: &[String]) -> usize {
    ids.iter().flat_map(|id| house.journal(id)).filter(|entry| entry["e"] == "orphan").count()
}

#[test]
#[ignore = "a measurement: .ci/prove main runs it"]
fn every_worker_is_killed_in_turn() {
    let kills = size(100, 15);
    let count = size(30, 8);
    // Slow enough that there is work under way until the last kill.
    let ms = 6_000;
    let house =
        House::with(PATIENT, &format!("[[act]]\norder = \"*\"\nstage = \"*\"\nms = {ms}\n"));
    let ids = ids(count);
    add(&house, &ids);
    let mut launcher = Launcher::start(&house, &[]);
    let mut killed = 0;
    let begun = Instant::now();
    // A stage dies less often than every 15 s: five deaths in a minute stop a stage, on purpose.
    for name in WORKERS.iter().cycle() {
        assert!(begun.elapsed() < Duration::from_secs(540), "{killed} kills:\n{}", house.scene());
        if let Some(pid) = worker(&house, name) {
            kill(pid, "KILL");
            killed += 1;
        }
        if killed == kills {
            break;
        }
        // Not always at the same moment of a turn.
        std::thread::sleep(Duration::from_millis(3_200 + (killed as u64 * 37) % 400));
    }
    let unfinished = ids.iter().filter(|id| house.state(id) != "READY_FOR_REVIEW").count();
    until_ready(&house, &ids, Duration::from_secs(900));
    let (lost, doubled) = conservation(&house, &ids);
    launcher.signal("TERM");
    let code = launcher.end(Duration::from_secs(60));
    let orphans = left_over(&house.path(""));
    if code != Some(0) {
        println!("{}", fs::read_to_string(house.path("launcher.txt")).unwrap_or_default());
    }
    row(
        &format!("kill -9 of every worker in turn, {killed} times, {count} orders"),
        &format!(
            "{lost} lost, {doubled} doubled, {} orphan processes ({} claims taken back from the dead, {unfinished} \
             unfinished at the last kill, launcher's exit {code:?})",
            orphans.len(),
            orphaned(&house, &ids),
        ),
        lost == 0 && doubled == 0 && orphans.is_empty() && code == Some(0),
    );
}

#[test]
#[ignore = "a measurement: .ci/prove main runs it"]
fn people_step_in() {
    let house = House::with(PATIENT, "[[act]]\norder = \"*\"\nstage = \"spec\"\nms = 1500\n");
    let ids = ["edited", "held", "removed"].map(str::to_owned);
    for id in &ids {
        house.add(&[id]);
        let mut worker = house.start("spec-worker", &["--once"]);
        house.wait("the turn", |house| {
            house.told("turn_began").iter().any(|e| e["order"] == id.as_str())
        });
        match id.as_str() {
            "edited" => fs::write(house.order(id).join(".state"), "IMPL\n").unwrap(),
            "held" => fs::write(house.order(id).join(".hold"), "").unwrap(),
            _ => fs::remove_dir_all(house.order(id)).unwrap(),
        }
        let code = worker.end(Duration::from_secs(30));
        let lost = house.told("lost_claim").iter().any(|e| e["order"] == id.as_str());
        let (figure, good) = match id.as_str() {
            "edited" => (format!("stays {}", house.state(id)), house.state(id) == "IMPL" && lost),
            "held" => {
                let next = house.command("test-worker").arg("--once").output().unwrap();
                let untouched = house.state(id) == "TESTS_PRE" && next.status.code() == Some(4);
                (
                    format!("finishes its turn ({}), then nobody takes it", house.state(id)),
                    untouched,
                )
            }
            _ => ("stays gone, the worker goes on".to_owned(), !house.order(id).exists() && lost),
        };
        let what = match id.as_str() {
            "edited" => "echo IMPL > .state of an order in progress",
            "held" => "touch .hold of an order in progress",
            _ => "rm -rf of an order in progress",
        };
        row(what, &figure, good && code == Some(0));
    }
}

fn cpu_ms(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some((_, rest)) = stat.rsplit_once(") ") else { return 0 };
    let fields: Vec<u64> = rest.split(' ').map(|field| field.parse().unwrap_or(0)).collect();
    // utime and stime, in ticks of 10 ms.
    (fields[11] + fields[12]) * 10
}

#[test]
#[ignore = "a measurement: .ci/prove main runs it"]
fn an_idle_floor_wakes_at_once_and_sleeps_otherwise() {
    let parked = size(10_000, 1_000);
    let idle_secs = size(60, 10) as u64;
    let samples = size(100, 20);
    // As the product comes: the poll is its own default.
    let house = House::with("[limits]\nfree_mib = 64\n", "");
    let queue = house.project().join("work-orders");
    for n in 0..parked {
        let order = queue.join(format!("parked-{n:05}"));
        fs::create_dir(&order).unwrap();
        fs::write(order.join(".state"), "READY_FOR_REVIEW\n").unwrap();
        fs::write(order.join("order.json"), format!("{{\"title\":\"parked {n}\"}}")).unwrap();
    }
    let mut launcher = Launcher::start(&house, &[]);
    let all_idle = |house: &House| {
        let status = house.shopfloor(&["status", "--json"]);
        let json: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
        let rows = json["workers"].as_array().cloned().unwrap_or_default();
        rows.len() == 5 && rows.iter().all(|row| row["idle"] == true)
    };
    house.wait("five idle workers", all_idle);
    let pids: Vec<u32> = WORKERS.iter().filter_map(|name| worker(&house, name)).collect();
    assert_eq!(pids.len(), 5);
    // The first sweep reconciles what was made by hand; what is measured is the idle floor after it.
    let mut before: u64 = pids.iter().map(|pid| cpu_ms(*pid)).sum();
    let begun = Instant::now();
    loop {
        std::thread::sleep(Duration::from_secs(2));
        let now: u64 = pids.iter().map(|pid| cpu_ms(*pid)).sum();
        if now - before < 200 || begun.elapsed() > Duration::from_secs(60) {
            break;
        }
        before = now;
    }
    let before: u64 = pids.iter().map(|pid| cpu_ms(*pid)).sum();
    std::thread::sleep(Duration::from_secs(idle_secs));
    let used = pids.iter().map(|pid| cpu_ms(*pid)).sum::<u64>() - before;
    let share = used as f64 / (idle_secs as f64 * 1000.0) * 100.0;
    row(
        &format!("CPU of five idle workers over {idle_secs} s, {parked} parked orders"),
        &format!("{share:.2} % of one core together"),
        share < 5.0,
    );
    row("model calls of an idle floor", &house.calls().to_string(), house.calls() == 0);
    first_claims(&house, samples);
    launcher.signal("TERM");
    let _code = launcher.end(Duration::from_secs(60));
}

/// When the order was first told to be claimed, milliseconds since 1970.
fn claimed_at(house: &House, id: &str) -> Option<f64> {
    let told = house.told("claimed");
    let event = told.iter().find(|event| {
        event["orders"].as_array().is_some_and(|orders| orders.iter().any(|order| order == id))
    })?;
    let at: jiff::Timestamp = event["at"].as_str()?.parse().ok()?;
    Some(at.as_millisecond() as f64)
}

/// From the making of the order's folder (the time of its `.lock`, which nothing touches again) to the event that says
/// that its claim is on record: both by the wall clock of this machine.
fn first_claims(house: &House, samples: usize) {
    let mut waits: Vec<f64> = Vec::new();
    for n in 0..samples {
        let id = format!("fresh-{n:03}");
        house.add(&[&id]);
        house.wait("the claim", |house| claimed_at(house, &id).is_some());
        let made = fs::metadata(house.order(&id).join(".lock")).unwrap().modified().unwrap();
        let made = made.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64() * 1000.0;
        waits.push(claimed_at(house, &id).unwrap() - made);
        house.wait("the spec", |house| house.state(&id) != "NEW");
        // Out of the way of the stages that follow, so that the floor is idle again.
        fs::write(house.order(&id).join(".state"), "READY_FOR_REVIEW\n").unwrap();
    }
    waits.sort_by(f64::total_cmp);
    let at = |part: f64| waits[((waits.len() - 1) as f64 * part).round() as usize];
    row(
        &format!("from `add` making the order to its claim, idle floor, {samples} samples"),
        &format!("p50 {:.0} ms, p99 {:.0} ms", at(0.5), at(0.99)),
        at(0.99) < 1000.0,
    );
}
