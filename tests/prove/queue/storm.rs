//! A storm: eight hands and a person at one queue, killed with `kill -9` at random moments and begun anew, and everything
//! held against what they had been told. A few of them are stopped for a while instead.

use std::process::Child;
use std::time::{Duration, Instant};

use super::oracle::Oracle;
use super::{Mount, hand, person, seed};
use crate::prove::{kill, row, size};

/// Hands at one queue.
const HANDS: usize = 8;

/// Kills at one queue, until everything is looked at and another one is begun.
const ROUND: usize = 500;

struct Storm<'a> {
    oracle: &'a Oracle,
    draw: &'a mut fastrand::Rng,
    /// The last one is the person.
    at_work: Vec<Child>,
    lives: u64,
    stops: usize,
}

impl Storm<'_> {
    fn begin(&mut self, place: usize) -> Child {
        self.lives += 1;
        let (queue, aside) = (&self.oracle.queue, &self.oracle.aside);
        match place {
            HANDS => person::start(queue, aside, self.lives, None),
            _ => hand::start(queue, aside, self.draw.u64(..), None),
        }
    }

    fn rage(&mut self, kills: usize) {
        self.at_work = Vec::new();
        for place in 0..=HANDS {
            let one = self.begin(place);
            self.at_work.push(one);
        }
        for _ in 0..kills {
            std::thread::sleep(Duration::from_micros(self.draw.u64(0..60_000)));
            let place = self.draw.usize(0..=HANDS);
            if self.draw.u32(..12) == 0 {
                self.stop_one();
            }
            let child = &mut self.at_work[place];
            assert!(child.try_wait().unwrap().is_none(), "one of them died of itself");
            child.kill().unwrap();
            child.wait().unwrap();
            self.at_work[place] = self.begin(place);
        }
    }

    /// Stops one of them for as long as others need to look at it.
    fn stop_one(&mut self) {
        let place = self.draw.usize(0..=HANDS);
        let pid = self.at_work[place].id();
        kill(pid, "STOP");
        std::thread::sleep(Duration::from_millis(self.draw.u64(1..120)));
        kill(pid, "CONT");
        self.stops += 1;
    }

    fn end(&mut self) {
        for child in &mut self.at_work {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        self.at_work.clear();
    }
}

impl Drop for Storm<'_> {
    fn drop(&mut self) {
        for child in &mut self.at_work {
            let _gone = child.kill();
            let _gone = child.wait();
        }
    }
}

#[test]
#[ignore = "a measurement: .ci/prove queue runs it"]
fn hands_are_killed_at_random_moments() {
    let kills = size(10_000, 1_000);
    let seed = seed();
    println!("storm: {kills} kills, SHOPFLOOR_SEED={seed}");
    let mut draw = fastrand::Rng::with_seed(seed);
    let (mut done, mut orders, mut acknowledged, mut stops, mut lives) = (0, 0, 0, 0, 0);
    let mut wrong = Vec::new();
    let mut raged = Duration::ZERO;
    while done < kills {
        let (folder, aside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        // Every second round in memory, where a sync is over at once: other moments are hit.
        let memory = ((done / ROUND) % 2 == 1).then(|| Mount::in_memory(folder.path(), 512));
        let oracle = Oracle::set(&folder.path().join("queue"), aside.path());
        let begun = Instant::now();
        let mut storm =
            Storm { oracle: &oracle, draw: &mut draw, at_work: Vec::new(), lives, stops: 0 };
        let round = ROUND.min(kills - done);
        storm.rage(round);
        storm.end();
        (stops, lives) = (stops + storm.stops, storm.lives);
        drop(storm);
        raged += begun.elapsed();
        done += round;
        wrong.extend(oracle.recover());
        let found = oracle.check(true);
        orders += found.orders;
        acknowledged += found.done;
        wrong.extend(found.wrong);
        drop(memory);
        if !wrong.is_empty() {
            break;
        }
    }
    wrong.iter().take(40).for_each(|what| println!("WRONG {what}"));
    let rate = done as f64 / raged.as_secs_f64();
    row(
        &format!("random kill -9 over {HANDS} workers and a person (seed {seed})"),
        &format!(
            "{done} kills at {rate:.0} a second and {stops} stops; {orders} orders, {acknowledged} acknowledged claims, moves \
             and releases; {} wrong",
            wrong.len()
        ),
        wrong.is_empty() && done >= kills && rate >= 10.0 && acknowledged > kills / 2,
    );
}
