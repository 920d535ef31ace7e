//! Many at once: workers that crowd around few orders, traces of many dead ones, and a power cut with much in hand.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't set its scene fails")]

use std::fs;
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use shopfloor::holder::WorkerId;
use shopfloor::order::OrderId;
use shopfloor::queue::{Claiming, Move, Moved};
use shopfloor::state::State;

use crate::contract::worlds::Files;
use crate::contract::{World as _, holder, id, look, make, ready};

/// A worker that never lived on this boot: no process has its number.
fn ghost(number: u32) -> WorkerId {
    WorkerId::new(4_194_304 + number, 1, number)
}

/// Orders as `mkdir` makes them.
fn made_by_hand(world: &Files, count: usize) -> Vec<OrderId> {
    let ids = (0..count).map(|n| id(&format!("order-{n:04}")));
    let made = ids.inspect(|id| fs::create_dir(world.queue.paper_folder(id)).unwrap());
    made.collect()
}

/// Claims these orders, each for one of the ghosts, and forgets the claims as a power cut does.
#[expect(clippy::mem_forget, reason = "a worker that dies gives nothing back")]
fn claimed_by_ghosts(world: &Files, orders: &[OrderId], ghosts: u32) {
    let chunks: Vec<&[OrderId]> = orders.chunks(orders.len().div_ceil(8)).collect();
    std::thread::scope(|threads| {
        for (part, chunk) in chunks.into_iter().enumerate() {
            let queue = world.queue();
            threads.spawn(move || {
                for (n, order) in chunk.iter().enumerate() {
                    let worker = ghost((part * 1000 + n) as u32 % ghosts);
                    match queue.clone().claim(order, &State::NEW, &holder(&worker)).unwrap() {
                        Claiming::Won(claim) => std::mem::forget(claim),
                        Claiming::Skipped(skip) => panic!("{skip:?}"),
                    }
                }
            });
        }
    });
}

#[test]
fn fifty_workers_take_each_of_ten_orders_once() {
    let mut world = Files::new();
    let queue = world.queue();
    let orders: Vec<OrderId> = (0..10).map(|n| make(&queue, &format!("order-{n}"))).collect();
    let workers: Vec<WorkerId> = (0..50).map(|_| world.hire()).collect();
    let (start, moved) = (Barrier::new(workers.len()), Mutex::new(Vec::new()));
    std::thread::scope(|threads| {
        for worker in &workers {
            threads.spawn(|| {
                start.wait();
                for order in queue.ready(&State::NEW, 10).unwrap() {
                    let won = queue.clone().claim(&order, &State::NEW, &holder(worker)).unwrap();
                    if let Claiming::Won(claim) = won {
                        let done = claim.advance(&Move::forward(State::TESTS_PRE, "")).unwrap();
                        assert_eq!(done, Moved::Done);
                        moved.lock().unwrap().push(order);
                    }
                }
            });
        }
    });
    let mut moved = moved.into_inner().unwrap();
    moved.sort();
    assert_eq!(moved, orders, "each once, and none is left over");
    assert!(orders.iter().all(|order| look(&queue, order).history.generation == 1));
}

#[test]
fn the_traces_of_a_thousand_dead_workers_are_cleared_away_in_bounded_time() {
    let world = Files::new();
    let queue = world.queue();
    let orders = made_by_hand(&world, 40);
    claimed_by_ghosts(&world, &orders, 40);
    let workers = world.queue.floor().workers();
    for number in 0..1000 {
        fs::write(workers.join(format!("{}.lock", ghost(number))), "boot gone\n").unwrap();
    }
    let begun = Instant::now();
    let back = queue.recover(&|worker| shopfloor::worker::undertake(worker)).unwrap();
    let took = begun.elapsed();
    assert_eq!(back.len(), orders.len());
    assert_eq!(fs::read_dir(workers).unwrap().count(), 0);
    assert!(took < Duration::from_secs(60), "{took:?}");
}

#[test]
fn a_thousand_orders_claimed_at_a_power_cut_are_ready_again_within_a_minute() {
    let world = Files::new();
    let queue = world.queue();
    let orders = made_by_hand(&world, 1000);
    claimed_by_ghosts(&world, &orders, 8);
    // What is never synced is gone: the index, the lists of claims. The boot is another one.
    let floor = world.queue.floor();
    fs::remove_dir_all(floor.workers()).unwrap();
    fs::remove_dir_all(floor.ready()).unwrap();
    fs::write(floor.run().join("boot"), "of-yesterday").unwrap();
    let begun = Instant::now();
    let back = queue.recover(&|_| true).unwrap();
    let took = begun.elapsed();
    assert_eq!(back.len(), 1000);
    assert_eq!(ready(&queue, &State::NEW).len(), 100, "as many as were asked for");
    assert_eq!(queue.ready(&State::NEW, 2000).unwrap().len(), 1000);
    assert!(took < Duration::from_secs(60), "{took:?}");
}
