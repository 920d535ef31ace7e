//! The soak: the real launcher and workers with orders coming in all the time, first in peace and then under chaos, and
//! everything looked at in the end.
//!
//! `.ci/soak --minutes M` runs it. A quarter of the time is peace: what grows then is a leak.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::chaos::{self, Chaos};
use super::gauge;
use super::ledger::{Entry, Ledger};
use super::{Mount, seed};
use crate::house::{House, left_over};
use crate::prove::{kill, row};

/// Orders that are on the way at once.
const ON_THE_WAY: usize = 14;

/// How long a launcher runs under chaos until a person starts it anew: its memory of deaths is a minute's.
const TERM: Duration = Duration::from_secs(40);

/// How long it may take to stop.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long the last orders may take when all is quiet again.
const LAST_ORDERS: Duration = Duration::from_secs(600);

/// Sessions that are kept, as the settings say; those that an order still needs come on top.
const KEEP: usize = 60;

/// Old ones are taken away once a minute: so many may have come in the last one.
const SINCE: usize = 200;

/// In MiB.
const DISK: u64 = 2048;

const SETTINGS: &str = "[limits]\nbackoff = \"1s\"\nbackoff_cap = \"1s\"\nbreaker = \"1s\"\nbreaker_cap = \"2s\"\npoll = \"500ms\"\n\
    attempts = 8\ncrashes = 100000\nbounces = 1000\nfree_mib = 16\n[floor]\nkeep_sessions = 60\n[worktree]\nroot = \"../trees\"\n";

const RUN_TESTS: &str = "#!/bin/sh
# Runs every tests/*.sh in one shell; red when one of them is.
status=0
for test in tests/*.sh; do
  if (. \"./$test\"); then echo \"ok $test\"; else echo \"FAILED $test\"; status=1; fi
done
exit $status
";

struct Soak {
    house: House,
    aside: tempfile::TempDir,
    ledger: Ledger,
    launcher: Option<(Child, Instant)>,
    stopping: Option<Instant>,
    fed: usize,
    starts: usize,
    refused: usize,
    violations: Vec<String>,
}

impl Soak {
    fn set() -> Option<(Mount, Self)> {
        let folder = tempfile::tempdir().unwrap();
        let aside = tempfile::tempdir().unwrap();
        let disk = Mount::in_memory(folder.path(), DISK)?;
        let house = House::at(folder, SETTINGS, "");
        fs::write(house.path("scenario.toml"), chaos::scenario(0)).unwrap();
        fs::write(house.project().join("run-tests.sh"), RUN_TESTS).unwrap();
        house.git(&["commit", "-q", "-am", "one shell for all tests"]);
        // What tells of two agents at one order lies where there is always room.
        let alone = aside.path().join("alone");
        fs::create_dir(&alone).unwrap();
        std::os::unix::fs::symlink(alone, house.path("alone")).unwrap();
        fs::create_dir(house.path("tmp")).unwrap();
        let soak = Self {
            house,
            aside,
            ledger: Ledger::default(),
            launcher: None,
            stopping: None,
            fed: 0,
            starts: 0,
            refused: 0,
            violations: Vec::new(),
        };
        Some((disk, soak))
    }

    fn launch(&mut self) {
        let heard = self.aside.path().join("launcher.txt");
        let heard = fs::File::options().create(true).append(true).open(heard).unwrap();
        let mut command = self.house.command("shopfloor");
        command.args(["start", "--parallel", "implement=2", "--parallel", "test=2"]);
        command.env("TMPDIR", self.house.path("tmp")).stdout(Stdio::null()).stderr(heard);
        self.launcher = Some((command.spawn().unwrap(), Instant::now()));
        self.stopping = None;
        self.starts += 1;
    }

    /// Sees to it that a launcher runs, and that under chaos it is a fresh one now and then.
    fn look_after_launcher(&mut self, chaos: bool) {
        let Some((child, since)) = &mut self.launcher else { return self.launch() };
        if child.try_wait().unwrap().is_some() {
            if since.elapsed() > Duration::from_secs(1) {
                self.launch();
            }
            return;
        }
        let pid = child.id();
        match self.stopping {
            None if chaos && since.elapsed() > TERM => {
                kill(pid, "TERM");
                self.stopping = Some(Instant::now());
            }
            Some(asked) if asked.elapsed() > PATIENCE => {
                self.violations.push(format!("the launcher did not stop in {PATIENCE:?}"));
                kill(pid, "KILL");
                self.stopping = Some(Instant::now());
            }
            _ => {}
        }
    }

    fn feed(&mut self) {
        let open = self.ledger.open().len();
        for _ in open..ON_THE_WAY {
            let id = chaos::name(self.fed);
            let added = self.house.shopfloor(&["add", &format!("Do {id}"), "--id", &id]);
            if !added.status.success() {
                // Of a full disk. It may be there or not; the next one gets another number.
                self.refused += 1;
                self.fed += 1;
                return;
            }
            self.fed += 1;
            self.ledger.orders.insert(id, Entry::default());
        }
    }

    /// Runs for a while; orders that came to their end in it.
    fn run(&mut self, limit: Duration, mut chaos: Option<&mut Chaos>) -> usize {
        let before = self.ledger.look(&self.house);
        let begun = Instant::now();
        let (mut struck, mut looked, mut told) = (begun, begun, begun);
        while begun.elapsed() < limit {
            self.look_after_launcher(chaos.is_some());
            if let Some(chaos) = chaos.as_deref_mut() {
                chaos.put_right(&self.house, false);
                if struck.elapsed() >= Duration::from_secs(1) {
                    struck = Instant::now();
                    chaos.strike(&self.house, &mut self.ledger);
                }
            }
            if looked.elapsed() >= Duration::from_secs(2) {
                looked = Instant::now();
                self.ledger.look(&self.house);
                self.feed();
            }
            if told.elapsed() >= Duration::from_secs(60) {
                told = Instant::now();
                self.tell();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.ledger.look(&self.house) - before
    }

    fn tell(&self) {
        let floor = self.house.project().join("work-orders/.floor");
        let ended = self.ledger.orders.values().filter(|entry| entry.ended).count();
        let (sessions, (files, bytes)) =
            (gauge::names(&floor.join("sessions")).len(), gauge::below(&floor));
        println!(
            "soak: {} acknowledged, {ended} at their end, {} starts; .floor: {sessions} sessions, {files} files, {} KiB",
            self.ledger.orders.len(),
            self.starts,
            bytes / 1024
        );
    }

    /// Lets the last orders come to their end, and stops everything.
    fn close(&mut self) {
        let begun = Instant::now();
        self.violations.extend(chaos::release_all(&self.house, &self.ledger));
        while !self.ledger.open().is_empty() && begun.elapsed() < LAST_ORDERS {
            self.look_after_launcher(false);
            let _held_by_chaos = chaos::release_all(&self.house, &self.ledger);
            self.ledger.look(&self.house);
            std::thread::sleep(Duration::from_millis(500));
        }
        for id in self.ledger.open() {
            let state = super::ledger::state(&self.house, &id);
            self.violations.push(format!("{id} is in {state} after {LAST_ORDERS:?} of quiet"));
        }
        let Some((mut child, _)) = self.launcher.take() else { return };
        kill(child.id(), "TERM");
        let asked = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if asked.elapsed() > PATIENCE {
                self.violations.push("the launcher did not stop at the end".to_owned());
                kill(child.id(), "KILL");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let left = left_over(&self.house.path("project"));
        self.violations.extend(left.iter().map(|process| format!("left over: {process}")));
    }

    /// Descriptors and memory of those that live, by process.
    fn usage(&self) -> Vec<(gauge::Process, usize, u64)> {
        let all = gauge::processes(&self.house).into_iter();
        all.filter_map(|process| gauge::of(process.pid).map(|(fds, kib)| (process, fds, kib)))
            .collect()
    }

    /// Keeps everything for who wants to see why.
    fn keep(&self) {
        let Some(to) = std::env::var_os("SHOPFLOOR_SOAK_KEEP") else { return };
        let mut copy = std::process::Command::new("cp");
        copy.arg("-a").arg(self.house.path("")).arg(self.aside.path()).arg(&to);
        let copied = copy.status().is_ok_and(|status| status.success());
        println!("soak: the scene is kept in {}: {copied}", to.display());
    }
}

/// The most that one process may use more after a while of peace: descriptors, and memory in KiB.
const GROWTH: (usize, u64) = (16, 24 * 1024);

fn growth(before: &[(gauge::Process, usize, u64)], after: &[(gauge::Process, usize, u64)]) {
    let (mut descriptors, mut memory, mut seen) = (0, 0, 0);
    for (process, fds, kib) in before {
        let Some((_, fds_now, kib_now)) = after.iter().find(|(p, ..)| p.pid == process.pid) else {
            continue;
        };
        seen += 1;
        descriptors = descriptors.max(fds_now.saturating_sub(*fds));
        memory = memory.max(kib_now.saturating_sub(*kib));
    }
    row(
        "soak: growth of the launcher and each worker in peace, the worst of them",
        &format!("{descriptors} descriptors, {memory} KiB ({seen} processes)"),
        seen >= 6 && descriptors <= GROWTH.0 && memory <= GROWTH.1,
    );
}

fn per_hour(count: usize, time: Duration) -> f64 {
    count as f64 * 3600.0 / time.as_secs_f64()
}

/// What lies in the floor when all is over.
fn floor_is_clean(soak: &Soak) {
    let floor = soak.house.project().join("work-orders/.floor");
    let names = |part: &str| gauge::names(&floor.join(part)).len();
    let (sessions, workers, tmp) = (names("sessions"), names("workers"), names("tmp"));
    let orders = soak.ledger.orders.len().max(1) as u64;
    let bytes = |part: &str| gauge::below(&floor.join(part)).1;
    let all = gauge::below(&floor).1 - bytes("archive");
    row(
        "soak: left in .floor: sessions, traces of workers, things half built",
        &format!("{sessions}, {workers}, {tmp}"),
        sessions <= KEEP + SINCE && workers <= 8 && tmp == 0,
    );
    row(
        "soak: bytes of .floor without the archive, per order (the event log grows by design)",
        &format!(
            "{} of them {} events, {} sessions, {} cache",
            all / orders,
            fs::metadata(floor.join("events.jsonl")).map_or(0, |facts| facts.len()) / orders,
            bytes("sessions") / orders,
            bytes("cache") / orders
        ),
        all / orders < 512 * 1024,
    );
    let (trees, tmp) =
        (gauge::names(&soak.house.path("tmp")).len(), gauge::below(&soak.house.path("trees")).1);
    row(
        "soak: left in the temporary folder, and bytes of worktrees",
        &format!("{trees}, {tmp}"),
        trees <= 5,
    );
}

#[test]
#[ignore = "a measurement: .ci/soak runs it for as long as you like"]
fn nothing_is_lost_or_doubled_and_nothing_grows() {
    let minutes = std::env::var("SHOPFLOOR_SOAK_MINUTES").ok().and_then(|text| text.parse().ok());
    let total = Duration::from_secs_f64(minutes.unwrap_or(3.0_f64) * 60.0);
    let seed = seed();
    println!("soak: {:.1} minutes, SHOPFLOOR_SEED={seed}", total.as_secs_f64() / 60.0);
    let Some((disk, mut soak)) = Soak::set() else {
        row("soak", "skipped: a file system of its own can't be mounted here", false);
        return;
    };
    let (peace, war) = (total / 4, total * 3 / 4);
    soak.feed();
    let mut ended = soak.run(peace / 3, None);
    let before = soak.usage();
    ended += soak.run(peace * 2 / 3, None);
    growth(&before, &soak.usage());
    let calm = per_hour(ended, peace);
    let mut chaos = Chaos::new(seed);
    let under = soak.run(war, Some(&mut chaos));
    chaos.put_right(&soak.house, true);
    soak.close();
    let mut found = soak.ledger.conservation(&soak.house);
    found.violations.append(&mut soak.violations);
    let twice = fs::read_to_string(soak.aside.path().join("alone/violations")).unwrap_or_default();
    found.violations.extend(twice.lines().map(|line| format!("two agents at once: {line}")));
    found.violations.iter().for_each(|violation| println!("VIOLATION {violation}"));
    println!(
        "soak: chaos: {:?}; {} starts, {} adds refused",
        chaos.done, soak.starts, soak.refused
    );
    row(
        &format!(
            "soak of {:.0} min: orders acknowledged, landed, FAILED, removed by hand",
            total.as_secs_f64() / 60.0
        ),
        &format!(
            "{}, {}, {}, {}; {} violations",
            soak.ledger.orders.len(),
            found.landed,
            found.failed,
            found.removed,
            found.violations.len()
        ),
        found.violations.is_empty() && found.unfinished == 0 && found.landed > 0,
    );
    row(
        "soak: orders per hour in peace, and under one fault a second",
        &format!("{calm:.0}, {:.0}", per_hour(under, war)),
        calm > 0.0 && under > 0,
    );
    floor_is_clean(&soak);
    if !found.violations.is_empty() {
        soak.keep();
    }
    drop(soak);
    drop(disk);
}
