//! A person: a process that makes orders, one by one and several at once, holds and releases them and puts away what is
//! done, until it is killed. It says before each thing what it is about to do, and afterwards that it was told it was done.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use shopfloor::order::{OrderId, Request};
use shopfloor::queue::Queue;
use shopfloor::queue::files::FileQueue;
use shopfloor::state::State;

use super::hand::open;

const QUEUE: &str = "SHOPFLOOR_PERSON_QUEUE";
const ASIDE: &str = "SHOPFLOOR_PERSON_ASIDE";
const SEED: &str = "SHOPFLOOR_PERSON_SEED";
const WITHOUT: &str = "SHOPFLOOR_PERSON_WITHOUT";

/// The reason of every hold of ours.
pub(super) const WHY: &str = "wait a moment";

/// Orders in the queue at once.
const THERE: usize = 24;

/// How a person is started. No two may have the same seed.
pub(super) fn start(queue: &Path, aside: &Path, seed: u64, without: Option<&str>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["prove::queue::person::it_gives_orders_until_it_is_killed", "--exact"]);
    command.arg("--test-threads=1");
    command.env(QUEUE, queue).env(ASIDE, aside).env(SEED, seed.to_string());
    if let Some(point) = without {
        command.env(WITHOUT, point);
    }
    let heard = OpenOptions::new().create(true).append(true).open(aside.join("heard")).unwrap();
    command.stdin(Stdio::null()).stdout(heard.try_clone().unwrap()).stderr(heard).spawn().unwrap()
}

struct Person {
    queue: Arc<FileQueue>,
    said: File,
    draw: fastrand::Rng,
    seed: u64,
    made: usize,
    held: Vec<OrderId>,
}

impl Person {
    /// One line with the moment, so that what several lives of a person said can be put in order.
    fn say(&self, line: &str) {
        let line = format!("{:021} {line}\n", super::now());
        (&self.said).write_all(line.as_bytes()).unwrap();
    }

    fn next_id(&mut self) -> OrderId {
        self.made += 1;
        OrderId::parse(&format!("order-{}-{}", self.seed, self.made)).unwrap()
    }

    fn make_one(&mut self) {
        let id = self.next_id();
        self.say(&format!("create {id}"));
        if self.queue.create(&id, &Request::titled(id.as_str())).is_ok() {
            self.say(&format!("created {id}"));
        }
    }

    /// With `mkdir`, and `sync` after it: from then on it is an order as any other.
    fn make_by_hand(&mut self) {
        let id = self.next_id();
        self.say(&format!("create {id}"));
        let folder = self.queue.paper_folder(&id);
        let synced = |path: &Path| File::open(path).and_then(|file| file.sync_all());
        let made = std::fs::create_dir(&folder)
            .and_then(|()| synced(&folder))
            .and_then(|()| synced(self.queue.folder()));
        if made.is_ok() {
            self.say(&format!("created {id}"));
        }
        // Found by the next sweep.
        let _later = self.queue.sweep();
    }

    fn make_several(&mut self) {
        let orders: Vec<(OrderId, Request)> = (0..4)
            .map(|_| self.next_id())
            .map(|id| (id.clone(), Request::titled(id.as_str())))
            .collect();
        orders.iter().for_each(|(id, _)| self.say(&format!("create {id}")));
        orders.iter().for_each(|(id, _)| self.say(&format!("hold {id}")));
        if self.queue.create_all(&orders, WHY).is_ok() {
            orders.iter().for_each(|(id, _)| self.say(&format!("held {id}")));
            orders.iter().for_each(|(id, _)| self.say(&format!("created {id}")));
            self.held.extend(orders.into_iter().map(|(id, _)| id));
        }
    }

    fn hold(&mut self, id: OrderId) {
        self.say(&format!("hold {id}"));
        if self.queue.hold(&id, WHY).is_ok_and(|there| there) {
            self.say(&format!("held {id}"));
            self.held.push(id);
        }
    }

    fn unhold(&mut self) {
        let at = self.draw.usize(0..self.held.len());
        let id = self.held.swap_remove(at);
        self.say(&format!("unhold {id}"));
        // An order that was put away meanwhile took its hold along.
        if self.queue.unhold(&id).is_ok_and(|there| there) {
            self.say(&format!("unheld {id}"));
        }
    }

    /// Puts away what is done; how many orders are left.
    fn put_away(&mut self) -> usize {
        let Ok(listing) = self.queue.list() else { return THERE };
        let mut left = listing.orders.len();
        for id in listing.orders {
            let Ok(Some(order)) = self.queue.look(&id) else { continue };
            if order.state != State::READY_FOR_REVIEW {
                // Another life of ours may have held it.
                if order.hold.is_some() && !self.held.contains(&id) {
                    self.held.push(id);
                }
                continue;
            }
            self.say(&format!("archive {id}"));
            if self.queue.archive(&id).is_ok_and(|done| done) {
                self.say(&format!("archived {id}"));
                left -= 1;
            }
        }
        left
    }

    fn act(&mut self) {
        let there = self.put_away();
        if there < THERE {
            match self.draw.u32(..5) {
                0 => self.make_several(),
                1 => self.make_by_hand(),
                _ => self.make_one(),
            }
        }
        match self.draw.u32(..10) {
            0..2 => {
                let listing = self.queue.list().map(|listing| listing.orders).unwrap_or_default();
                if let Some(id) = self.draw.choice(listing).filter(|id| !self.held.contains(id)) {
                    self.hold(id);
                }
            }
            2..8 if !self.held.is_empty() => self.unhold(),
            _ => std::thread::sleep(Duration::from_micros(self.draw.u64(0..2000))),
        }
    }
}

#[test]
fn it_gives_orders_until_it_is_killed() {
    // Without a queue of ours this is no test of its own.
    let (Some(queue), Some(aside)) = (std::env::var_os(QUEUE), std::env::var_os(ASIDE)) else {
        return;
    };
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let without = std::env::var(WITHOUT).ok();
    let Ok(queue) = open(Path::new(&queue), without.as_deref()) else { return };
    let path = PathBuf::from(aside).join("said").join(format!("person-{seed}"));
    let said = OpenOptions::new().create(true).append(true).open(path).unwrap();
    let draw = fastrand::Rng::with_seed(seed);
    let mut person = Person { queue, said, draw, seed, made: 0, held: Vec::new() };
    for _ in 0..2_000_000_u64 {
        person.act();
    }
}
