//! The operations, as a child does them: everything it needs first, then the one thing between two marks.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, Signal, getpid, getrlimit, kill_process, setrlimit};
use shopfloor::error::{Error, Result};
use shopfloor::order::{OrderId, Request};
use shopfloor::queue;
use shopfloor::queue::files::{FileQueue, Options};
use shopfloor::queue::{Claim, Claiming, Created, Enlisted, Kept, Move, Moved, Queue};
use shopfloor::state::State;

use crate::contract::{claim, holder, id, ready};

/// The variables that tell a child what to do, and where.
pub(super) const OPERATION: &str = "SHOPFLOOR_KILL_OPERATION";
pub(super) const FOLDER: &str = "SHOPFLOOR_KILL_FOLDER";
/// How large a file may get in the operation: so many bytes, or `+` so many more than the journal has.
pub(super) const FILE_SIZE: &str = "SHOPFLOOR_KILL_FILE_SIZE";

/// Paths that are looked for to mark a place in the list of system calls.
pub(super) const BEGIN: &str = "/shopfloor-operation-begins";
pub(super) const END: &str = "/shopfloor-operation-ended";
const BEGIN_AHEAD: &str = "/shopfloor-is-not-there";

/// What a child prints once its operation has returned.
pub(super) const ACKNOWLEDGED: &str = "acknowledged generation ";
/// What it prints instead when its operation failed, or did not do what it was for.
pub(super) const REFUSED: &str = "refused: ";

/// One operation of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Create,
    Claim,
    Advance,
    Keep,
    Release,
    Bury,
    Hold,
    Unhold,
    Kick,
    Archive,
    Recover,
    GiveBack,
    Sweep,
    /// An advance whose rename fails after it was committed.
    Refused,
}

use Operation::{
    Advance, Archive, Bury, Create, GiveBack, Hold, Keep, Kick, Recover, Refused, Release, Sweep,
    Unhold,
};

/// Those that are killed.
pub(super) const OPERATIONS: [Operation; 13] = [
    Create,
    Operation::Claim,
    Advance,
    Keep,
    Release,
    Bury,
    Hold,
    Unhold,
    Kick,
    Archive,
    Recover,
    GiveBack,
    Sweep,
];

impl Operation {
    /// Its name in the environment of a child.
    pub(super) fn name(self) -> String {
        format!("{self:?}")
    }
}

/// The queue in `folder`, as every party to this opens it.
pub(super) fn open(folder: &Path) -> Arc<dyn Queue> {
    let options = Options { free_mib: 0, crash_backoff_secs: 0, ..Options::default() };
    FileQueue::open(folder, options).unwrap()
}

fn mark(path: &str) {
    assert!(std::fs::metadata(path).is_err(), "there is no {path}");
}

/// Calls are counted for each thread by itself, and the same number kills whichever thread comes to it first. So ours gets
/// ahead of the test runner's main thread, which has opened its libraries by now.
fn get_ahead() {
    let null = std::fs::File::options().read(true).write(true).open("/dev/null").unwrap();
    for _ in 0..200 {
        assert!(std::fs::File::open(BEGIN_AHEAD).is_err());
        let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        assert!(rustix::fs::statat(rustix::fs::CWD, BEGIN_AHEAD, flags).is_err());
        (&null).write_all(b"x").unwrap();
        assert_eq!((&null).read(&mut [0]).unwrap(), 0);
    }
}

/// What became of an operation: the claim that is still in hand, or why it was not done.
type Done = Result<Option<Claim>>;

/// From now on a write takes what is left up to the limit, and the next one fails.
fn limit_file_size(folder: &Path) {
    let Ok(wanted) = std::env::var(FILE_SIZE) else { return };
    let journal = std::fs::metadata(folder.join("a/events.jsonl")).map_or(0, |found| found.len());
    let bytes: u64 = match wanted.strip_prefix('+') {
        Some(more) => journal + more.parse::<u64>().unwrap(),
        None => wanted.parse().unwrap(),
    };
    shopfloor::ourselves::outlive_file_size_limit();
    let limit = Rlimit { current: Some(bytes), maximum: getrlimit(Resource::Fsize).maximum };
    setrlimit(Resource::Fsize, limit).unwrap();
}

/// Does one operation between the marks, says what became of it, and dies as it would under `kill -9`.
fn run(operation: Operation, folder: &Path, queue: &Arc<dyn Queue>) {
    get_ahead();
    let order = id("a");
    let enlisted = queue.enlist("spec").unwrap();
    let needs_claim = matches!(operation, Advance | Keep | Release | Bury | GiveBack | Refused);
    let held = needs_claim.then(|| claim(queue, &order, &State::NEW, &enlisted.worker));
    let first = held.as_ref().map_or(0, Claim::generation);
    limit_file_size(folder);
    mark(BEGIN);
    // What is still held is never dropped: that would give the order back.
    let done = match held {
        Some(held) => under_a_claim(operation, queue, held, &enlisted),
        None => without_a_claim(operation, queue, &order, &enlisted),
    };
    mark(END);
    match &done {
        Ok(kept) => {
            let generation = kept.as_ref().map_or(first, Claim::generation);
            println!("\n{ACKNOWLEDGED}{generation}");
        }
        Err(why) => println!("\n{REFUSED}{}", why.in_one_line()),
    }
    std::io::stdout().flush().unwrap();
    kill_process(getpid(), Signal::KILL).unwrap();
    drop(done);
}

fn not_so(what: &str) -> Error {
    Error::usage(what)
}

fn must(so: bool, otherwise: &str) -> Done {
    so.then_some(None).ok_or_else(|| not_so(otherwise))
}

/// What a worker does with an order it holds. The claim, where it is still in hand.
fn under_a_claim(
    operation: Operation,
    queue: &Arc<dyn Queue>,
    held: Claim,
    enlisted: &Enlisted,
) -> Done {
    let forward = Move::forward(State::TESTS_PRE, "on");
    let moved = |moved: Moved| match moved {
        Moved::Done => Ok(None),
        Moved::LostClaim(why) => Err(not_so(&why)),
    };
    match operation {
        Advance => moved(held.advance(&forward)?),
        Release => moved(held.release(&queue::Release::lost("back"))?),
        Bury => moved(held.bury("enough")?),
        Keep => match held.advance_and_keep(&forward)? {
            Kept::Claim(claim) => Ok(Some(*claim)),
            Kept::LostClaim(why) => Err(not_so(&why)),
        },
        GiveBack => {
            let back = queue.give_back_all(enlisted)?.len();
            if back == 1 {
                return Ok(Some(held));
            }
            // Dropped, it would give the order back by another road.
            keep_for_ever(held);
            Err(not_so("it could not be given back yet"))
        }
        Refused => {
            assert_eq!(held.advance(&forward)?, Moved::Done);
            assert_eq!(ready(queue, &State::TESTS_PRE), ["a"]);
            Ok(None)
        }
        _ => panic!("{operation:?} needs no claim"),
    }
}

#[expect(clippy::mem_forget, reason = "a process that is about to be killed gives nothing back")]
fn keep_for_ever(held: Claim) {
    std::mem::forget(held);
}

/// What anybody does with an order that nobody holds.
fn without_a_claim(
    operation: Operation,
    queue: &Arc<dyn Queue>,
    order: &OrderId,
    enlisted: &Enlisted,
) -> Done {
    match operation {
        Operation::Claim => {
            match queue.clone().claim(order, &State::NEW, &holder(&enlisted.worker))? {
                Claiming::Won(claim) => Ok(Some(*claim)),
                Claiming::Skipped(skip) => Err(not_so(&format!("{skip:?}"))),
            }
        }
        Create => {
            let made = queue.create(order, &Request::titled("A"))?;
            must(made == Created::Made, "it was there")
        }
        Hold => must(queue.hold(order, "wait")?, "no such order"),
        Unhold => must(queue.unhold(order)?, "no hold"),
        Kick => must(queue.kick(order, &State::IMPL, "go")?, "no such order"),
        Archive => must(queue.archive(order)?, "no such order"),
        Recover => must(queue.recover(&|_| true)?.len() == 1, "nothing came back"),
        Sweep => must(queue.sweep()?.added == 1, "no marker was made"),
        _ => panic!("{operation:?} needs a claim"),
    }
}

#[test]
fn the_child_does_its_one_operation() {
    // Without an order of ours this is no test of its own.
    let (Ok(wanted), Ok(folder)) = (std::env::var(OPERATION), std::env::var(FOLDER)) else {
        return;
    };
    let mut all = OPERATIONS.into_iter().chain([Refused]);
    let operation = all.find(|operation| operation.name() == wanted).unwrap();
    run(operation, Path::new(&folder), &open(Path::new(&folder)));
}
