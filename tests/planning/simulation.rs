//! Workers that choose as the real ones do, over the queue in memory: the whole pipeline, without agents and gates.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use shopfloor::config::Config;
use shopfloor::floor::Floor;
use shopfloor::holder::{Holder, SessionId};
use shopfloor::order::{Need, OrderId, Request};
use shopfloor::plan::{Footprint, Hindrance, RollKey, Sight as _};
use shopfloor::queue::memory::MemoryQueue;
use shopfloor::queue::{Claim, Claiming, Enlisted, Move, Moved, Queue, Release};
use shopfloor::stage::{Stage, Tree};
use shopfloor::stages::{STAGES, pipeline};
use shopfloor::state::State;
use shopfloor::survey::{Survey, Wants};

/// Looks in which nobody finds anything, after which nobody will.
const POLLS: usize = 3;

/// One worker and its batch.
struct Worker {
    stage: Stage,
    enlisted: Enlisted,
    session: SessionId,
    batch: Vec<(Claim, Footprint)>,
    used: usize,
}

struct Shop {
    queue: Arc<dyn Queue>,
    survey: Survey,
    workers: Vec<Worker>,
    random: fastrand::Rng,
    /// Of a hundred turns so many go wrong.
    mishaps: usize,
    claims: usize,
    _folder: tempfile::TempDir,
}

impl Shop {
    fn new(requests: &[(OrderId, Request)], parallel: usize, mishaps: usize, seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let queue: Arc<dyn Queue> = MemoryQueue::new(pipeline(), 0);
        // The last first: whoever needs one that is not there yet waits until it is.
        for (id, request) in requests.iter().rev() {
            let _made = queue.create(id, request).unwrap();
        }
        let floor = Floor::of_queue(folder.path());
        let root = folder.path().to_owned();
        let survey = Survey::new(queue.clone(), floor, root, pipeline(), &Config::default());
        let mut workers = Vec::new();
        for stage in STAGES.iter().flat_map(|stage| std::iter::repeat_n(stage, parallel)) {
            let enlisted = queue.enlist(stage.name).unwrap();
            let (session, batch) = (SessionId::fresh(), Vec::new());
            workers.push(Worker { stage: stage.clone(), enlisted, session, batch, used: 0 });
        }
        let random = fastrand::Rng::with_seed(seed);
        Self { queue, survey, workers, random, mishaps, claims: 0, _folder: folder }
    }

    /// Worker `at` looks for work: a batch, or one more order for the session it has. True when it got some.
    fn look_for_work(&mut self, at: usize) -> bool {
        let idle = |worker: &&Worker| worker.batch.is_empty();
        let stage = self.workers[at].stage.clone();
        let same = self.workers.iter().filter(|worker| worker.stage.name == stage.name);
        let worker = &self.workers[at];
        let warm = !worker.batch.is_empty();
        let joined: Vec<(OrderId, Footprint)> =
            worker.batch.iter().map(|(claim, print)| (claim.id().clone(), print.clone())).collect();
        let wants = Wants {
            room: stage.batch.saturating_sub(worker.used),
            most: if warm { 1 } else { usize::MAX },
            warm,
            idle: same.filter(idle).count().max(1),
            bounds: None,
            joined,
        };
        if wants.room == 0 {
            return false;
        }
        let chosen = self.survey.choose(&stage, &wants, &mut |_, _| {}).unwrap();
        let weight: usize = chosen.taken.iter().map(|one| weight(&one.order)).sum();
        assert!(
            weight <= wants.room || (chosen.taken.len() == 1 && !warm),
            "{weight} for {}",
            wants.room
        );
        let mut line = chosen.line;
        let got = !chosen.taken.is_empty();
        for one in chosen.taken {
            self.may_be_taken(&one.order.id, at);
            let worker = &mut self.workers[at];
            let holder =
                Holder { worker: worker.enlisted.worker.clone(), session: worker.session.clone() };
            let claiming = self.queue.clone().claim(&one.order.id, &one.state, &holder).unwrap();
            let Claiming::Won(claim) = claiming else { panic!("{claiming:?}") };
            if stage.tree != Tree::None {
                self.survey
                    .put_place(claim.id(), line.join(claim.id(), one.footprint.clone()))
                    .unwrap();
            }
            if stage.tree == Tree::Write {
                self.survey.begin(claim.id()).unwrap();
            }
            worker.used += weight_of(claim.request());
            worker.batch.push((*claim, one.footprint));
            self.claims += 1;
        }
        self.nobody_is_beside_another();
        got
    }

    /// An order is never taken before its needs, its phase or those before it in its group.
    fn may_be_taken(&self, id: &OrderId, by: usize) {
        let order = self.queue.look(id).unwrap().unwrap();
        let request = order.request.clone().unwrap();
        for Need { id: needed, reached } in &request.needs {
            let other = self.queue.look(needed).unwrap().unwrap();
            let far = pipeline().rank(&other.state) >= pipeline().rank(reached);
            assert!(far && other.state != State::FAILED, "{id} before {needed} in {}", other.state);
        }
        let begun = self.survey.line().place(id).is_some_and(|place| place.begun);
        if begun {
            return;
        }
        if let Some(phase) = request.waiting_phase() {
            let tallies = self.queue.phases(&RollKey::plan(&request)).unwrap();
            let shut = tallies.iter().any(|t| t.phase < phase && !t.parallel && !t.opens(0.8));
            let pulled = !self.survey.dependants(id).is_empty();
            assert!(
                !shut || pulled || request.phase_parallel,
                "{id} before its phase {phase} opened"
            );
        }
        if self.workers[by].stage.tree == Tree::None {
            return;
        }
        for other in self.survey.before(&order, false) {
            let here = self.workers[by].batch.iter().any(|(claim, _)| *claim.id() == other);
            assert!(here, "{id} before {other} of its group");
        }
    }

    fn nobody_is_beside_another(&self) {
        let touching: Vec<&Worker> =
            self.workers.iter().filter(|worker| worker.stage.tree != Tree::None).collect();
        for (at, one) in touching.iter().enumerate() {
            for other in &touching[at + 1..] {
                for (a, print) in &one.batch {
                    for (b, too) in &other.batch {
                        let met = print.meets(too, &|path| self.survey.common(path));
                        assert!(met.is_none(), "{} beside {}: {met:?}", a.id(), b.id());
                    }
                }
            }
        }
    }

    /// The first order of worker `at` has its turn and its gates.
    fn end_a_turn(&mut self, at: usize) {
        let worker = &mut self.workers[at];
        let (claim, _) = worker.batch.remove(0);
        let id = claim.id().clone();
        let stage = &worker.stage;
        let dice = self.random.usize(0..100);
        let moved = if dice < self.mishaps {
            match self.random.usize(0..3) {
                0 => claim.release(&Release::lost("test")).unwrap(),
                _ => claim.advance(&Move::forward(stage.back.clone(), "red")).unwrap(),
            }
        } else {
            claim.advance(&Move::forward(stage.then.clone(), "green")).unwrap()
        };
        assert_eq!(moved, Moved::Done);
        if stage.then == State::READY_FOR_REVIEW && dice >= self.mishaps {
            self.survey.leave(&id);
        }
        if worker.batch.is_empty() {
            (worker.used, worker.session) = (0, SessionId::fresh());
        }
    }

    /// Works, in any order of workers, until nothing goes on any more.
    fn run(&mut self) {
        let mut steps = 0;
        loop {
            for _ in 0..self.workers.len() * 4 {
                let at = self.random.usize(0..self.workers.len());
                self.one_step(at);
                steps += 1;
            }
            let any = |shop: &mut Self| (0..shop.workers.len()).any(|at| shop.one_step(at));
            // Whoever finds nothing looks again at the next poll: what was set aside may have been roused since.
            if !(0..POLLS).any(|_| any(self)) {
                return;
            }
            assert!(steps < 100_000, "it never ends: {:?}", self.waits());
        }
    }

    /// Worker `at` ends a turn or looks for work. False when it has nothing in hand and finds nothing.
    fn one_step(&mut self, at: usize) -> bool {
        if self.workers[at].batch.is_empty() || self.random.usize(0..3) == 0 {
            let got = self.look_for_work(at);
            return got || !self.workers[at].batch.is_empty();
        }
        self.end_a_turn(at);
        true
    }

    fn states(&self) -> BTreeMap<OrderId, State> {
        let ids = self.queue.list().unwrap().orders;
        ids.into_iter()
            .map(|id| (id.clone(), self.queue.look(&id).unwrap().unwrap().state))
            .collect()
    }

    /// Why those wait that are not at their end.
    fn waits(&self) -> HashMap<OrderId, Option<Hindrance>> {
        let open = self.states().into_iter().filter(|(_, state)| *state != State::READY_FOR_REVIEW);
        let waits = open.map(|(id, _)| {
            let order = self.queue.look(&id).unwrap().unwrap();
            (id, self.survey.waits_now(&order))
        });
        waits.collect()
    }
}

fn weight(order: &shopfloor::queue::Order) -> usize {
    order.request.as_ref().map_or(1, weight_of)
}

fn weight_of(request: &Request) -> usize {
    request.weight.max(1) as usize
}

/// What one order of a scene is made of.
#[derive(Debug, Clone)]
struct Made {
    files: Vec<usize>,
    needs: Vec<usize>,
    phase: Option<u32>,
    group: Option<usize>,
    weight: usize,
    priority: u8,
}

fn made() -> impl Strategy<Value = Made> {
    let files = prop::collection::vec(0..8_usize, 0..3);
    let needs =
        prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(0..1_000_usize, 1..3)];
    let phase = prop_oneof![1 => Just(None), 2 => (1..5_u32).prop_map(Some)];
    let group = prop_oneof![3 => Just(None), 1 => (0..2_usize).prop_map(Some)];
    (files, needs, phase, group, 0..5_usize, 0..10_u8).prop_map(
        |(files, needs, phase, group, weight, priority)| Made {
            files,
            needs,
            phase,
            group,
            weight,
            priority,
        },
    )
}

/// Orders of which each needs only earlier ones, and whose groups go in their order: no circles.
fn requests(all: &[Made]) -> Vec<(OrderId, Request)> {
    let id = |n: usize| OrderId::parse(&format!("o{n:03}")).unwrap();
    let one = |(n, made): (usize, &Made)| {
        let mut request = Request::titled("t");
        request.files = made.files.iter().map(|file| format!("src/{file}.rs")).collect();
        let before = made.needs.iter().filter(|_| n > 0).map(|need| need % n.max(1));
        request.needs =
            before.map(|n| Need { id: id(n), reached: State::READY_FOR_REVIEW }).collect();
        request.phase = made.phase;
        request.phase_parallel = made.phase == Some(2) || made.phase == Some(3);
        request.group = made.group.map(|group| format!("group {group}"));
        request.sequence = Some(n as u32);
        request.weight = [1, 2, 3, 5, 8][made.weight];
        request.priority = shopfloor::order::Priority::parse(&made.priority.to_string()).unwrap();
        (id(n), request)
    };
    all.iter().enumerate().map(one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_order_gets_to_its_end_and_none_is_taken_too_early_or_beside_another(
        all in prop::collection::vec(made(), 1..40),
        parallel in 1..4_usize,
        mishaps in prop_oneof![Just(0_usize), Just(25)],
        seed in any::<u64>(),
    ) {
        let requests = requests(&all);
        let mut shop = Shop::new(&requests, parallel, mishaps, seed);
        shop.run();
        let waits = shop.waits();
        prop_assert!(waits.is_empty(), "these wait for ever: {:?}", waits);
    }
}

#[test]
fn orders_that_wait_in_a_circle_keep_nobody_else() {
    let free =
        Made { files: vec![1], needs: vec![], phase: None, group: None, weight: 0, priority: 5 };
    let mut all = requests(&vec![free; 6]);
    let need = |name: &str| Need::try_from(name.to_owned()).unwrap();
    all[0].1.needs = vec![need("o001")];
    all[1].1.needs = vec![need("o000")];
    all[2].1.needs = vec![need("gone")];
    let mut shop = Shop::new(&all, 2, 0, 7);
    shop.run();
    let waits = shop.waits();
    let told = |name: &str| waits[&OrderId::parse(name).unwrap()].as_ref().unwrap().to_string();
    assert_eq!(waits.len(), 3, "{waits:?}");
    assert_eq!(told("o000"), "its needs go round in a circle: o000 -> o001 -> o000");
    assert_eq!(told("o002"), "needs gone, and there is no such order");
    assert!(!Path::new("work-orders/o000").exists());
}

#[test]
fn a_live_order_that_waits_for_a_need_holds_nobody_up_with_its_files() {
    let free =
        Made { files: vec![1], needs: vec![], phase: None, group: None, weight: 0, priority: 5 };
    let mut all = requests(&[free.clone(), Made { files: vec![2], ..free.clone() }, free]);
    all[0].1.needs = vec![Need::try_from("o001".to_owned()).unwrap()];
    let shop_of = |seed| Shop::new(&all, 1, 0, seed);
    let mut shop = shop_of(3);
    let id = |name: &str| OrderId::parse(name).unwrap();
    // The first one has begun when a person sends the one it needs back to the beginning.
    for name in ["o001", "o000"] {
        let to = if name == "o001" { State::READY_FOR_REVIEW } else { State::IMPL };
        assert!(shop.queue.kick(&id(name), &to, "by hand").unwrap());
    }
    let mut line = shop.survey.line();
    let print = shop.survey.footprint(&id("o000"), &all[0].1);
    line.join(&id("o000"), print);
    line.begin(&id("o000"));
    shop.survey.put_place(&id("o000"), line.place(&id("o000")).unwrap()).unwrap();
    assert!(shop.queue.kick(&id("o001"), &State::NEW, "by hand").unwrap());
    shop.run();
    assert!(shop.waits().is_empty(), "{:?}", shop.waits());
}

/// Found by the property above: a phase 2 order is looked at and set aside, and in the same look an order of phase 1 turns
/// out to wait for it.
#[test]
fn an_order_that_is_roused_in_the_very_look_that_set_it_aside_is_taken_by_that_look() {
    let made = |needs: &[usize], phase, group, weight| Made {
        files: vec![],
        needs: needs.to_vec(),
        phase,
        group,
        weight,
        priority: 0,
    };
    let second = |group| made(&[], Some(2), group, 0);
    let all = requests(&[
        second(None),
        second(Some(0)),
        second(None),
        second(None),
        second(None),
        made(&[0], None, None, 0),
        second(Some(0)),
        made(&[], None, None, 3),
        made(&[], None, None, 0),
        second(None),
        made(&[575, 231], Some(1), None, 0),
    ]);
    let mut shop = Shop::new(&all, 1, 25, 6_246_223_932_503_095_387);
    shop.run();
    assert!(shop.waits().is_empty(), "{:?}", shop.states());
}
