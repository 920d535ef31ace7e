//! Nothing starves: the pure core, a clock of our own, four workers, and orders that come in for ever.

use std::collections::{BTreeMap, HashSet, VecDeque};

use proptest::prelude::*;
use shopfloor::order::{OrderId, Request};
use shopfloor::plan::{self, Asking, Candidate, Footprint, Hindrance, InTheWay, Line};

const WORKERS: usize = 4;
const AGEING_SECS: u64 = 3600;
/// How long one turn takes.
const TURN_SECS: u64 = 300;

/// One order that waits or is worked on.
#[derive(Debug, Clone)]
struct Waiting {
    id: OrderId,
    request: Request,
    since: u64,
}

/// A floor of one stage that touches files.
struct Floor {
    now: u64,
    ready: BTreeMap<OrderId, Waiting>,
    line: Line,
    /// Each worker's batch: what it still has to do, and until when it is at the first.
    batches: Vec<(VecDeque<OrderId>, u64)>,
    claims: usize,
    longest: u64,
    batch: usize,
}

impl Floor {
    fn new(batch: usize) -> Self {
        let batches = vec![(VecDeque::new(), 0); WORKERS];
        let (ready, line) = (BTreeMap::new(), Line::default());
        Self { now: 0, ready, line, batches, claims: 0, longest: 0, batch }
    }

    fn add(&mut self, name: &str, request: Request) {
        let id = OrderId::parse(name).unwrap();
        self.ready.insert(id.clone(), Waiting { id, request, since: self.now });
    }

    fn in_batch(&self, id: &OrderId) -> bool {
        self.batches.iter().any(|(batch, _)| batch.contains(id))
    }

    fn candidate(&self, waiting: &Waiting) -> Candidate {
        let Waiting { id, request, since } = waiting;
        Candidate {
            id: id.clone(),
            rank: plan::rank(request.priority.digit(), *since, None, self.now, AGEING_SECS),
            weight: request.weight,
            suspect: false,
            footprint: Footprint::of(request),
            needs: Vec::new(),
            before: Vec::new(),
            group: None,
        }
    }

    /// An idle worker takes what it may.
    fn take(&mut self, worker: usize) {
        let candidates: Vec<Candidate> = self.ready.values().map(|w| self.candidate(w)).collect();
        let idle = self.batches.iter().filter(|(batch, _)| batch.is_empty()).count();
        let asking = Asking { room: self.batch, most: usize::MAX, idle, ..Asking::default() };
        let stands = |id: &OrderId| match self.in_batch(id) {
            true => InTheWay::InBatch,
            false => InTheWay::Free,
        };
        let files = |one: &Candidate, with: &dyn Fn(&OrderId) -> bool| {
            self.line.ahead_of(&one.id, &one.footprint, with, &stands, &|_| false)
        };
        let chosen = plan::select(&candidates, &asking, &files, &|_| false);
        let weight: u32 = chosen.taken.iter().map(|&at| candidates[at].weight).sum();
        assert!(weight as usize <= self.batch || chosen.taken.len() == 1, "{chosen:?}");
        for (at, hindrance) in &chosen.waiting {
            let Candidate { id, rank, footprint, .. } = &candidates[*at];
            if hindrance.earns_a_place(*rank) {
                self.line.join(id, footprint.clone());
            }
            assert!(matches!(hindrance, Hindrance::Files { .. }));
        }
        for at in chosen.taken {
            let Candidate { id, footprint, .. } = &candidates[at];
            let waited = self.now - self.ready.remove(id).unwrap().since;
            self.longest = self.longest.max(waited);
            self.claims += 1;
            self.line.join(id, footprint.clone());
            self.line.begin(id);
            self.batches[worker].0.push_back(id.clone());
        }
        self.batches[worker].1 = self.now + TURN_SECS;
        self.nobody_is_beside_another();
    }

    fn nobody_is_beside_another(&self) {
        let print = |id: &OrderId| self.line.place(id).unwrap().footprint.clone();
        for (at, (batch, _)) in self.batches.iter().enumerate() {
            for (other, _) in &self.batches[at + 1..] {
                for (one, two) in batch.iter().flat_map(|a| other.iter().map(move |b| (a, b))) {
                    assert!(print(one).meets(&print(two), &|_| false).is_none(), "{one} {two}");
                }
            }
        }
    }

    /// The clock goes on to the end of the next turn; what is through lands.
    fn step(&mut self) {
        let busy = self.batches.iter().filter(|(batch, _)| !batch.is_empty());
        let Some(next) = busy.map(|(_, until)| *until).min() else {
            self.now += TURN_SECS;
            return;
        };
        self.now = next;
        for (batch, until) in &mut self.batches {
            if !batch.is_empty() && *until <= next {
                let landed = batch.pop_front().unwrap();
                self.line.leave(&landed);
                *until = next + TURN_SECS + fastrand::u64(0..TURN_SECS);
            }
        }
    }

    fn work(&mut self) {
        for worker in 0..WORKERS {
            if self.batches[worker].0.is_empty() {
                self.take(worker);
            }
        }
        self.step();
    }
}

fn request(priority: &str, files: &[String], weight: u32) -> Request {
    let mut request = Request::titled("t");
    request.priority = shopfloor::order::Priority::parse(priority).unwrap();
    request.files = files.to_vec();
    request.weight = weight;
    request
}

/// A day's work of low orders, some of which need every file, while urgent ones come in without end.
#[test]
fn nothing_ready_starves_over_ten_thousand_claims_with_four_workers() {
    fastrand::seed(1);
    let mut floor = Floor::new(3);
    let all: Vec<String> = (0..8).map(|n| format!("src/{n}.rs")).collect();
    for n in 0..20 {
        let files = if n % 2 == 0 { &all[..] } else { &all[n % 8..=n % 8] };
        floor.add(&format!("low-{n}"), request("9", files, 1));
    }
    let mut made = 0;
    while floor.claims < 10_000 {
        if floor.claims % 1_000 < 8 && !floor.ready.keys().any(|id| id.as_str().starts_with("low-"))
        {
            floor.add(&format!("low-again-{made}"), request("9", &all, 1));
        }
        // Urgent ones never run out, and each needs a file that the low ones need as well.
        while floor.ready.len() < 24 {
            let files = [all[made % 8].clone()];
            let weight = [1, 1, 2, 3, 5][fastrand::usize(0..5)];
            floor.add(&format!("urgent-{made}"), request("0", &files, weight));
            made += 1;
        }
        floor.work();
        let oldest = floor.ready.values().map(|waiting| waiting.since).min();
        let waited = oldest.map_or(0, |since| floor.now - since);
        assert!(waited < 40 * AGEING_SECS, "one has waited {} h", waited / 3600);
    }
    assert!(!floor.ready.keys().any(|id| id.as_str().starts_with("low-1")));
    tell(&floor);
}

#[expect(clippy::print_stdout, reason = "the figure is told by .ci/prove plan")]
fn tell(floor: &Floor) {
    let hours = floor.longest as f64 / 3600.0;
    println!("FIGURE|{} claims, the longest wait was {hours:.1} h of simulated time", floor.claims);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everything_is_taken_once_and_never_beside_what_touches_its_files(
        orders in prop::collection::vec((0..10_u8, prop::collection::vec(0..6_usize, 0..4), 0..5_usize), 1..60),
        batch in 1..8_usize,
    ) {
        let mut floor = Floor::new(batch);
        for (nth, (priority, files, weight)) in orders.iter().enumerate() {
            let files: Vec<String> = files.iter().map(|n| format!("src/{n}.rs")).collect();
            let weight = [1, 2, 3, 5, 8][*weight];
            floor.add(&format!("o{nth}"), request(&priority.to_string(), &files, weight));
        }
        let mut rounds = 0;
        while !floor.ready.is_empty() || floor.batches.iter().any(|(batch, _)| !batch.is_empty()) {
            floor.work();
            rounds += 1;
            prop_assert!(rounds < 1_000, "nothing goes on: {:?}", floor.ready.keys().collect::<HashSet<_>>());
        }
        prop_assert_eq!(floor.claims, orders.len());
    }
}
