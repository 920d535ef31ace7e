//! One thing a second that ought not to happen: workers and the launcher are killed or stopped, people step in, the
//! account's limit is reached, the disk is full.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use super::gauge;
use super::ledger::{self, Ledger};
use crate::house::House;
use crate::prove::kill;

/// What is put right again after a while.
#[derive(Debug)]
enum Undo {
    Continue(u32),
    Release(String),
    Empty,
}

/// Who does it.
pub(super) struct Chaos {
    draw: fastrand::Rng,
    undo: Vec<(Instant, Undo)>,
    /// How often each thing was done.
    pub(super) done: BTreeMap<&'static str, usize>,
    limits: u32,
}

/// The scenario of the simulated agent: its limit is reached so many times; then some orders in which it is not honest.
pub(super) fn scenario(limits: u32) -> String {
    let mut text = format!(
        "startup_ms = 30\nturn_ms = 150\njitter = 0.5\n\
         [[act]]\norder = \"*\"\nmisbehave = \"usage-limit\"\nreset_in_s = 4\ntimes = {limits}\n"
    );
    let kinds =
        ["lie", "crash", "silent-exit", "garbage", "wrong-order", "grandchild", "no-result"];
    for (at, kind) in kinds.iter().cycle().take(280).enumerate() {
        // Every ninth order of the first 2,500 meets one of these, once, at one of the stages.
        let (order, stage) = (at * 9 + 5, ["spec", "test", "implement", "playtest"][at % 4]);
        text.push_str(&format!(
            "[[act]]\norder = \"{}\"\nstage = \"{stage}\"\nmisbehave = \"{kind}\"\ntimes = 1\n",
            name(order)
        ));
    }
    for at in 0..60 {
        // And one in forty is never done: it ends as FAILED.
        text.push_str(&format!(
            "[[act]]\norder = \"{}\"\nstage = \"implement\"\nverdict = \"blocked\"\nwhy = \"it can't be done\"\n",
            name(at * 40 + 20)
        ));
    }
    text
}

/// The id of the order with this number.
pub(super) fn name(number: usize) -> String {
    format!("order-{number:05}")
}

impl Chaos {
    pub(super) fn new(seed: u64) -> Self {
        let draw = fastrand::Rng::with_seed(seed);
        Self { draw, undo: Vec::new(), done: BTreeMap::new(), limits: 0 }
    }

    fn later(&mut self, seconds: u64, undo: Undo) {
        let after = Duration::from_millis(self.draw.u64(300..seconds * 1000));
        self.undo.push((Instant::now() + after, undo));
    }

    /// Does one thing.
    pub(super) fn strike(&mut self, house: &House, ledger: &mut Ledger) {
        let what = match self.draw.u32(..100) {
            0..54 => self.kill_one(house, false),
            54..62 => self.kill_one(house, true),
            62..70 => self.stop_one(house),
            70..76 => self.hold(house, ledger),
            76..82 => self.edit(house, ledger),
            82..86 => self.rewrite(house, ledger),
            86..88 => self.remove(house, ledger),
            88..90 => lose_the_index(house),
            90..95 => self.limit(house),
            _ => self.fill(house),
        };
        *self.done.entry(what).or_default() += 1;
    }

    fn kill_one(&mut self, house: &House, launcher: bool) -> &'static str {
        let mut all = gauge::processes(house);
        all.retain(|process| (process.name == "shopfloor") == launcher);
        let Some(process) = self.draw.choice(all) else { return "nobody to kill" };
        kill(process.pid, "KILL");
        if launcher { "launcher killed" } else { "worker killed" }
    }

    fn stop_one(&mut self, house: &House) -> &'static str {
        let mut all = gauge::processes(house);
        all.retain(|process| process.name != "shopfloor");
        let Some(process) = self.draw.choice(all) else { return "nobody to stop" };
        kill(process.pid, "STOP");
        self.later(4, Undo::Continue(process.pid));
        "worker stopped for a while"
    }

    fn one(&mut self, ledger: &Ledger) -> Option<String> {
        self.draw.choice(ledger.open())
    }

    fn hold(&mut self, house: &House, ledger: &Ledger) -> &'static str {
        let Some(id) = self.one(ledger) else { return "no order to hold" };
        if house.shopfloor(&["hold", &id, "soak"]).status.success() {
            self.later(6, Undo::Release(id));
            return "order held for a while";
        }
        "hold refused"
    }

    /// `echo NEW > .state`, as a person does it, and no gentler.
    fn edit(&mut self, house: &House, ledger: &mut Ledger) -> &'static str {
        let Some(id) = self.one(ledger) else { return "no order to edit" };
        let word = self.draw.choice(["NEW\n", "TESTS_PRE\n"]).unwrap_or("NEW\n");
        if let Some(entry) = ledger.orders.get_mut(&id) {
            entry.edited = true;
        }
        let path = house.order(&id).join(".state");
        match path.exists() && fs::write(path, word).is_ok() {
            true => "state edited by hand",
            false => "edit failed",
        }
    }

    /// Another priority, written as an editor does: whole.
    fn rewrite(&mut self, house: &House, ledger: &Ledger) -> &'static str {
        let Some(id) = self.one(ledger) else { return "no order to rewrite" };
        let path = house.order(&id).join("order.json");
        let text = fs::read(&path).unwrap_or_default();
        let Ok(mut request) = serde_json::from_slice::<serde_json::Value>(&text) else {
            return "nothing to rewrite";
        };
        request["priority"] = self.draw.u64(0..9).into();
        let beside = house.order(&id).join("order.json~");
        match fs::write(&beside, request.to_string()).and_then(|()| fs::rename(&beside, &path)) {
            Ok(()) => "request rewritten",
            Err(_) => "rewriting failed",
        }
    }

    fn remove(&mut self, house: &House, ledger: &mut Ledger) -> &'static str {
        let Some(id) = self.one(ledger) else { return "no order to remove" };
        // Somebody may be writing into it: again, until it is gone.
        let begun = Instant::now();
        while house.order(&id).exists() && begun.elapsed() < Duration::from_secs(2) {
            let _again = fs::remove_dir_all(house.order(&id));
        }
        if let Some(entry) = ledger.orders.get_mut(&id) {
            entry.removed = true;
        }
        "order removed by hand"
    }

    fn limit(&mut self, house: &House) -> &'static str {
        self.limits += self.draw.u32(1..4);
        let beside = house.path("scenario.next");
        let path = house.path("scenario.toml");
        match fs::write(&beside, scenario(self.limits)).and_then(|()| fs::rename(beside, path)) {
            Ok(()) => "usage limit reached",
            Err(_) => "no room for a limit",
        }
    }

    fn fill(&mut self, house: &House) -> &'static str {
        let Ok(file) = fs::File::create(house.path("filler")) else { return "filling failed" };
        let flags = rustix::fs::FallocateFlags::empty();
        let (mut at, least) = (0, 4096 << self.draw.u32(0..5));
        // In smaller and smaller pieces: what is free is not known to the byte, and others write too.
        for piece in [16 * 1024 * 1024, 256 * 1024, least] {
            while rustix::fs::fallocate(&file, flags, at, piece).is_ok() {
                at += piece;
            }
        }
        self.later(4, Undo::Empty);
        "disk filled for a while"
    }

    /// Puts right what is due, or everything.
    pub(super) fn put_right(&mut self, house: &House, everything: bool) {
        let now = Instant::now();
        let (due, later): (Vec<_>, Vec<_>) =
            self.undo.drain(..).partition(|(when, _)| everything || *when <= now);
        self.undo = later;
        for (_, undo) in due {
            match undo {
                Undo::Continue(pid) => kill(pid, "CONT"),
                Undo::Empty => drop(fs::remove_file(house.path("filler"))),
                Undo::Release(id) => {
                    let ran = house.shopfloor(&["release", &id]);
                    // 7: the disk is full. Then later.
                    if ran.status.code() == Some(7) {
                        self.later(3, Undo::Release(id));
                    }
                }
            }
        }
    }
}

/// Everything that is an index, away.
fn lose_the_index(house: &House) -> &'static str {
    let _somebody_writes = fs::remove_dir_all(house.project().join("work-orders/.floor/ready"));
    "index removed"
}

/// Takes the holds of the soak away; what is on hold for another reason is told.
pub(super) fn release_all(house: &House, ledger: &Ledger) -> Vec<String> {
    let mut others = Vec::new();
    for id in ledger.open() {
        let Some(place) = ledger::places(house, &id).into_iter().next() else { continue };
        let Ok(why) = fs::read_to_string(place.join(".hold")) else { continue };
        if why.trim() != "soak" {
            others.push(format!("{id} is on hold: {}", why.trim()));
        }
        let _told = house.shopfloor(&["release", &id]);
    }
    others
}
