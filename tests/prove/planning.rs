//! What planning promises, measured. Ignored by `cargo test`; `.ci/prove plan` runs these.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shopfloor::config::Config;
use shopfloor::order::{OrderId, Request};
use shopfloor::plan::{self, Footprint, Gate, InTheWay, Line, Node};
use shopfloor::queue::Queue;
use shopfloor::queue::files::{FileQueue, Options};
use shopfloor::stages::pipeline;
use shopfloor::state::State;
use shopfloor::survey::{Survey, Wants};

use super::{row, size};
use crate::planning::patterns;
use crate::planning::permits;

/// Orders that are ready in every scene.
const READY: usize = 1_000;
/// Orders under way in every scene: in the line, with files.
const LIVE: usize = 200;

#[test]
#[ignore = "a measure; .ci/prove plan runs it"]
fn the_plan_of_patterns_is_stepped_through() {
    let (steps, tasks, sentences) = patterns::walk();
    row(
        "2: next, plan and why against a reading by hand",
        &format!("{steps} steps, {tasks} tasks, {sentences} sentences agree"),
        steps == 19 && tasks == 37,
    );
}

#[test]
#[ignore = "a measure; .ci/prove plan runs it"]
fn permits_hold_while_workers_are_killed() {
    let (mut most, mut killed, rounds) = (0, 0, size(5, 2));
    for seed in 0..rounds {
        let (seen, dead) = permits::a_round_of_killing(seed as u64);
        (most, killed) = (most.max(seen), killed + dead);
    }
    row(
        "3: agents at once with 2 permits, workers killed with kill -9",
        &format!("{most} at most, {killed} kills in {rounds} runs"),
        most <= 2 && killed >= rounds * 4,
    );
}

fn id(text: &str) -> OrderId {
    OrderId::parse(text).unwrap()
}

/// The first line of an order's journal, so that none has to be begun, and synced, for each of very many.
fn journal(name: &str, state: &str) -> String {
    let entry = format!(
        "{{\"v\":1,\"seq\":1,\"e\":\"create\",\"gen\":0,\"to\":\"{state}\",\"id\":\"{name}\",\"at\":1795000000"
    );
    format!("{entry},\"crc\":\"{:08x}\"}}\n", crc32c::crc32c(entry.as_bytes()))
}

/// A queue folder with `all` orders as `create` leaves them, without an index.
fn queue_of(folder: &Path, all: usize) -> Arc<FileQueue> {
    FileQueue::init(folder).unwrap();
    for n in 0..all {
        let (state, request) = match n {
            n if n < LIVE => {
                ("IMPL", format!("{{\"title\":\"t\",\"files\":[\"src/live/{n}.rs\"]}}"))
            }
            n if n < LIVE + READY / 2 => {
                ("NEW", format!("{{\"title\":\"t\",\"files\":[\"src/{n}.rs\"]}}"))
            }
            n if n < LIVE + READY => {
                ("TESTS_PRE", format!("{{\"title\":\"t\",\"files\":[\"src/{n}.rs\"]}}"))
            }
            // Each waits for one under way.
            n => ("NEW", format!("{{\"title\":\"t\",\"needs\":[\"o{:07}\"]}}", n % LIVE)),
        };
        let order = folder.join(format!("o{n:07}"));
        fs::create_dir(&order).unwrap();
        fs::write(order.join(".state"), format!("{state}\n")).unwrap();
        fs::write(order.join("order.json"), request).unwrap();
        let name = format!("o{n:07}");
        fs::write(order.join("events.jsonl"), journal(&name, state)).unwrap();
        fs::write(order.join(".lock"), "").unwrap();
    }
    let options = Options { free_mib: 0, ..Options::default() };
    FileQueue::open(folder, options).unwrap()
}

fn eyes(queue: &Arc<FileQueue>) -> Survey {
    let (floor, folder) = (queue.floor().clone(), queue.folder().to_owned());
    let survey = Survey::new(queue.clone(), floor, folder, pipeline(), &Config::default());
    let mut line = Line::default();
    for n in 0..LIVE {
        let mut request = Request::titled("t");
        request.files.push(format!("src/live/{n}.rs"));
        let order = id(&format!("o{n:07}"));
        line.join(&order, Footprint::of(&request));
        line.begin(&order);
        survey.put_place(&order, line.place(&order).unwrap()).unwrap();
    }
    survey
}

/// Peak and present memory of this process, KiB.
fn memory(field: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap_or(0)
}

/// The median time of a deed and the memory that one took at its peak, KiB.
fn measured(times: usize, mut deed: impl FnMut()) -> (Duration, u64) {
    // Forgets the peak so far; where that is not allowed the figure is an upper limit.
    drop(fs::write("/proc/self/clear_refs", "5"));
    let before = memory("VmRSS");
    deed();
    let grown = memory("VmHWM").saturating_sub(before);
    let mut took: Vec<Duration> = (0..times)
        .map(|_| {
            let begun = Instant::now();
            deed();
            begun.elapsed()
        })
        .collect();
    took.sort();
    (took[times / 2], grown)
}

fn choose(survey: &Survey, stage: &str, most: usize) -> usize {
    let pipeline = pipeline();
    let stage = pipeline.stage(stage).unwrap();
    let wants =
        Wants { room: stage.batch, most, warm: false, idle: 1, bounds: None, joined: Vec::new() };
    survey.choose(stage, &wants, &mut |_, _| {}).unwrap().taken.len()
}

#[test]
#[ignore = "a measure; .ci/prove plan runs it"]
fn a_decision_costs_the_same_however_many_orders_wait() {
    let mut first = None;
    for all in [2_000, 10_000, size(100_000, 20_000)] {
        let folder = tempfile::tempdir().unwrap();
        let queue = queue_of(folder.path(), all);
        let begun = Instant::now();
        queue.sweep().unwrap();
        let swept = begun.elapsed();
        let survey = eyes(&queue);
        // A worker that meets the index for the first time sets those aside that wait.
        let begun = Instant::now();
        let mut looks = 0;
        while queue.ready(&State::NEW, READY).unwrap().len() > READY / 2 && looks < 1_000 {
            choose(&survey, "spec", usize::MAX);
            looks += 1;
        }
        let settled = begun.elapsed();
        let (spec, spec_kib) = measured(31, || assert_eq!(choose(&survey, "spec", usize::MAX), 5));
        let (test, test_kib) = measured(31, || assert_eq!(choose(&survey, "test", usize::MAX), 5));
        let slowest = spec.max(test);
        let base = *first.get_or_insert(slowest);
        row(
            &format!("4: one decision, {all} orders on disk, {READY} ready, {LIVE} under way"),
            &format!(
                "spec {:.1} ms {spec_kib} KiB, test {:.1} ms {test_kib} KiB (first sweep {:.1} s, first looks {:.1} s)",
                spec.as_secs_f64() * 1e3,
                test.as_secs_f64() * 1e3,
                swept.as_secs_f64(),
                settled.as_secs_f64()
            ),
            slowest < Duration::from_millis(100) && slowest < base * 4 + Duration::from_millis(20),
        );
    }
}

/// An index of `all` markers: so many ready, the others set aside.
fn index_of(folder: &Path, all: usize, ready: usize) -> Arc<FileQueue> {
    let queue = FileQueue::init(folder).unwrap();
    let root = queue.floor().ready().join("NEW");
    fs::create_dir_all(&root).unwrap();
    for n in 0..all {
        let marker = format!("5.{:010}.o{n:07}", 1_700_000_000 + n);
        if n < ready {
            fs::File::create(root.join(marker)).unwrap();
        } else {
            let aside =
                queue.floor().root().join("waiting").join(format!("o{:07}@IMPL", n % 1_000));
            if n < ready + 1_000 {
                fs::create_dir_all(&aside).unwrap();
            }
            fs::File::create(aside.join(format!("NEW.{marker}"))).unwrap();
        }
    }
    queue
}

#[test]
#[ignore = "a measure; .ci/prove plan runs it"]
fn the_index_alone_from_a_thousand_to_a_million() {
    for all in [1_000, 10_000, 100_000, size(1_000_000, 200_000)] {
        let folder = tempfile::tempdir().unwrap();
        let queue = index_of(folder.path(), all, READY.min(all));
        let look = || assert_eq!(queue.ready(&State::NEW, 21).unwrap().len(), 21);
        let (took, kib) = measured(31, look);
        let (ready, ready_kib) = match all > 100_000 {
            true => (Duration::ZERO, 0),
            false => {
                let folder = tempfile::tempdir().unwrap();
                let queue = index_of(folder.path(), all, all);
                measured(5, || assert_eq!(queue.ready(&State::NEW, 21).unwrap().len(), 21))
            }
        };
        let all_ready = match all > 100_000 {
            true => String::new(),
            false => format!(
                "; were all of them ready: {:.1} ms {ready_kib} KiB",
                ready.as_secs_f64() * 1e3
            ),
        };
        row(
            &format!("4: the index alone, {all} orders, {} ready", READY.min(all)),
            &format!("{:.2} ms {kib} KiB{all_ready}", took.as_secs_f64() * 1e3),
            took < Duration::from_millis(20) && ready < Duration::from_millis(500),
        );
    }
}

#[test]
#[ignore = "a measure; .ci/prove plan runs it"]
fn the_pure_core_alone_from_a_thousand_to_a_million() {
    let mut per_order = Vec::new();
    for all in [1_000, 10_000, 100_000, 1_000_000] {
        let names: Vec<OrderId> = (0..all).map(|n| id(&format!("o{n:07}"))).collect();
        let graph = || -> Vec<(&OrderId, Vec<&OrderId>)> {
            let needs = |n: usize| (n > 0).then(|| &names[n / 2]).into_iter().collect();
            (0..all).map(|n| (&names[n], needs(n))).collect()
        };
        let node = |n: usize| Node {
            id: names[n].clone(),
            after: (n > 0)
                .then(|| names[n / 2].clone())
                .into_iter()
                .filter(|_| n.is_multiple_of(3))
                .collect(),
            gates: if n % 3 == 1 { vec![0] } else { Vec::new() },
            never: false,
            effort: 1,
        };
        let nodes: Vec<Node> = (0..all).map(node).collect();
        let gates = [Gate { members: names[..all / 2].to_vec(), needed: all / 10 }];
        let (circles, _) = measured(3, || assert!(plan::circles(&graph()).is_empty()));
        let (tiers, kib) = measured(3, || assert!(plan::tiers(&nodes, &gates).never.is_empty()));
        per_order.push((circles + tiers).as_secs_f64() * 1e9 / all as f64);
        row(
            &format!("4: the pure core alone, {all} orders: circles, tiers and critical path"),
            &format!(
                "{:.1} ms and {:.1} ms, {kib} KiB",
                circles.as_secs_f64() * 1e3,
                tiers.as_secs_f64() * 1e3
            ),
            tiers + circles < Duration::from_secs(20),
        );
    }
    let (first, last) = (per_order[0], per_order[3]);
    row(
        "4: the pure core, time per order from 1,000 to 1,000,000",
        &format!(
            "{first:.0} ns to {last:.0} ns each: linear, but for what the caches no longer hold"
        ),
        last < first * 12.0,
    );
}

#[test]
#[ignore = "a measure; .ci/prove plan runs it"]
fn one_order_against_a_long_line() {
    let touches = |n: usize| {
        let mut request = Request::titled("t");
        request.files = (0..4).map(|part| format!("src/{n}/{part}.rs")).collect();
        Footprint::of(&request)
    };
    for live in [100, 1_000, 10_000] {
        let mut line = Line::default();
        for n in 0..live {
            line.join(&id(&format!("o{n:07}")), touches(n));
        }
        let (own, print) = (id("own"), touches(usize::MAX));
        let (took, _) = measured(31, || {
            let found = line.ahead_of(&own, &print, &|_| false, &|_| InTheWay::Free, &|_| false);
            assert!(found.is_none());
        });
        row(
            &format!("4: one order against a line of {live}"),
            &format!("{:.3} ms", took.as_secs_f64() * 1e3),
            took < Duration::from_millis(50),
        );
    }
}
