//! A hand: a small worker process that does nothing but what the queue is for. It claims orders through the real file
//! queue, "works" on them, and moves them on or gives them back, until it is killed.
//!
//! Outside the queue, on another file system, it keeps what an oracle needs: a lock on each order while it works on it
//! (two at once are seen, whatever the queue says), the highest generation it saw, and a line for each thing that the
//! queue told it was done.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use shopfloor::holder::SessionId;
use shopfloor::order::OrderId;
use shopfloor::queue::files::{FileQueue, Options};
use shopfloor::queue::{Claim, Claiming, Enlisted, Kept, Move, Moved, Queue, Release};
use shopfloor::state::State;

use super::careless;

const QUEUE: &str = "SHOPFLOOR_HAND_QUEUE";
const ASIDE: &str = "SHOPFLOOR_HAND_ASIDE";
const SEED: &str = "SHOPFLOOR_HAND_SEED";
/// The sync that is left out.
const WITHOUT: &str = "SHOPFLOOR_HAND_WITHOUT";

/// The way of an order.
pub(super) const WAY: [State; 8] = [
    State::NEW,
    State::TESTS_PRE,
    State::IMPL,
    State::TESTS_POST,
    State::REVIEW,
    State::PLAYTEST,
    State::COMMIT,
    State::READY_FOR_REVIEW,
];

/// The queue as every hand and the oracle open it.
pub(super) fn open(
    folder: &Path,
    without: Option<&str>,
) -> shopfloor::error::Result<Arc<FileQueue>> {
    let options = Options { free_mib: 0, crash_backoff_secs: 0, ..Options::default() };
    careless::open(folder, options, without)
}

/// How a hand is started: on this queue, with its notes in `aside`.
pub(super) fn start(queue: &Path, aside: &Path, seed: u64, without: Option<&str>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "prove::queue::hand::it_works_until_it_is_killed",
        "--exact",
        "--test-threads=1",
    ]);
    command.env(QUEUE, queue).env(ASIDE, aside).env(SEED, seed.to_string());
    if let Some(point) = without {
        command.env(WITHOUT, point);
    }
    let heard = OpenOptions::new().create(true).append(true).open(aside.join("heard")).unwrap();
    command.stdin(Stdio::null()).stdout(heard.try_clone().unwrap()).stderr(heard).spawn().unwrap()
}

struct Hand {
    queue: Arc<FileQueue>,
    aside: PathBuf,
    enlisted: Enlisted,
    said: File,
    draw: fastrand::Rng,
}

impl Hand {
    /// One line, in one write: what the queue has told us, by now, to be done for good.
    fn say(&self, line: &str) {
        let line = format!("{:021} {line}\n", super::now());
        (&self.said).write_all(line.as_bytes()).unwrap();
    }

    /// Something of ours to find beside the queue's own notes.
    fn violation(&self, line: &str) {
        let path = self.aside.join("violations");
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(format!("{:021} {line}\n", super::now()).as_bytes()).unwrap();
    }

    fn work_once(&mut self) -> bool {
        let state = self.draw.choice(&WAY[..WAY.len() - 1]).cloned().unwrap_or(State::NEW);
        let ready = self.queue.ready(&state, 6).unwrap_or_default();
        let Some(id) = self.draw.choice(ready) else { return false };
        let holder = self.enlisted.holder(&SessionId::fresh());
        let queue: Arc<dyn Queue> = self.queue.clone();
        match queue.claim(&id, &state, &holder) {
            Ok(Claiming::Won(claim)) => self.work(*claim),
            Ok(Claiming::Skipped(_)) => return false,
            Err(_) => return false,
        }
        true
    }

    fn work(&mut self, mut claim: Claim) {
        loop {
            let (id, generation, from) =
                (claim.id().clone(), claim.generation(), claim.state().clone());
            self.say(&format!("claimed {id} {generation}"));
            let alone = self.alone(&id, generation);
            std::thread::sleep(Duration::from_micros(self.draw.u64(0..3000)));
            // The work is over before the order is handed on: from then on it is somebody else's.
            drop(alone);
            let at = WAY.iter().position(|state| *state == from);
            let Some(next) = at.and_then(|at| WAY.get(at + 1).cloned()) else { return };
            let step = Move::forward(next.clone(), "on");
            let chance = self.draw.u32(..100);
            let moved = |done: bool| match done {
                true => self.say(&format!("moved {id} {generation} {from} {next}")),
                false => self.violation(&format!("{id} {generation}: a claim of ours was lost")),
            };
            match chance {
                0..15 => {
                    if let Ok(Moved::Done) = claim.release(&Release::lost("back")) {
                        self.say(&format!("released {id} {generation}"));
                    }
                    return;
                }
                15..40 if next != State::READY_FOR_REVIEW => match claim.advance_and_keep(&step) {
                    Ok(Kept::Claim(kept)) => {
                        moved(true);
                        claim = *kept;
                    }
                    Ok(Kept::LostClaim(_)) => return moved(false),
                    Err(_) => return,
                },
                _ => {
                    match claim.advance(&step) {
                        Ok(Moved::Done) => moved(true),
                        Ok(Moved::LostClaim(_)) => moved(false),
                        Err(_) => {}
                    }
                    return;
                }
            }
        }
    }

    /// The order is ours alone: nobody else works on it, and no generation comes twice.
    fn alone(&self, id: &OrderId, generation: u64) -> Option<File> {
        let path = self.aside.join("alone").join(id.as_str());
        let mut open = OpenOptions::new();
        let file = open.create(true).truncate(false).read(true).write(true).open(path).unwrap();
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                self.violation(&format!("{id} {generation}: two at once"));
                return None;
            }
            Err(TryLockError::Error(error)) => panic!("{error}"),
        }
        let mut before = [b'0'; 20];
        let read = file.read_at(&mut before, 0).unwrap();
        let before: u64 = std::str::from_utf8(&before[..read]).unwrap().parse().unwrap_or(0);
        if before >= generation {
            self.violation(&format!("{id}: generation {generation} after {before}"));
        }
        file.write_all_at(format!("{generation:020}").as_bytes(), 0).unwrap();
        Some(file)
    }

    fn keep_house(&self) {
        // What can't be done now is done by another, or at the next look.
        let _later = self.queue.recover(&|_| true);
        let _later = self.queue.give_back_all(&self.enlisted);
    }
}

#[test]
#[expect(clippy::mem_forget, reason = "a hand whose queue is gone must not clean up after itself")]
fn it_works_until_it_is_killed() {
    // Without a queue of ours this is no test of its own.
    let (Some(queue), Some(aside)) = (std::env::var_os(QUEUE), std::env::var_os(ASIDE)) else {
        return;
    };
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let without = std::env::var(WITHOUT).ok();
    let aside = PathBuf::from(aside);
    // The power may be gone before we begin.
    let Ok(queue) = open(Path::new(&queue), without.as_deref()) else { return };
    let Ok(enlisted) = queue.enlist("spec") else { return };
    let path = aside.join("said").join(enlisted.worker.as_str());
    let said = OpenOptions::new().create(true).append(true).open(path).unwrap();
    let mut hand = Hand { queue, aside, enlisted, said, draw: fastrand::Rng::with_seed(seed) };
    hand.keep_house();
    let mut idle = 0_u32;
    for turn in 1_u64.. {
        if !hand.work_once() {
            idle += 1;
            std::thread::sleep(Duration::from_micros(300));
        }
        if turn % 64 == 0 {
            hand.keep_house();
        }
        // Nobody killed us, and there has been nothing to do for long.
        if idle > 200_000 {
            break;
        }
    }
    std::mem::forget(hand);
}
