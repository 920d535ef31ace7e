//! The scene every history begins with: a queue with some orders in it, everything durable, nobody at work.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use fastrand::Rng;
use shopfloor::order::Request;
use shopfloor::queue::files::machine::SyncPoint;
use shopfloor::queue::files::{FileQueue, Options};
use shopfloor::queue::{Created, Queue as _};

use super::actor;
use super::counts::Counts;
use super::deeds;
use super::kernel::{Kernel, Process, Slot, Turn};
use super::machine::Simulated;
use super::oracle::{Asked, Broken, Oracle, Told};
use super::script::Strike;
use super::tree::{Mode, Tree};
use super::world::{Caller, World};

/// The queue's folder.
pub(crate) const QUEUE: &str = "/w/q";
/// The machine's own folder in it.
pub(crate) const FLOOR: &str = "/w/q/.floor";
/// Where people put what they take out of the queue.
pub(crate) const ELSEWHERE: &str = "/w/out";

/// When every history begins, unix seconds.
const BEGINNING: i64 = 1_763_600_000;

/// The most orders there are at the beginning.
pub(crate) const MOST_ORDERS: usize = 3;

/// What the queue is told in every history.
pub(crate) fn options() -> Options {
    Options { free_mib: 1, crash_backoff_secs: 600, trial: false, ..Options::default() }
}

/// An actor that nothing strikes.
pub(crate) fn quiet_slot() -> Slot {
    Slot {
        turn: Turn::Waiting,
        calls: 0,
        ghostly: 0,
        strikes: Vec::new(),
        next_strike: 0,
        failing: None,
        short: None,
        full_until: 0,
    }
}

fn bare() -> Kernel {
    Kernel {
        tree: Tree::new(),
        opened: Vec::new(),
        processes: vec![Process { pid: 100, start: 1, lives: true, by_hand: false }],
        slots: vec![quiet_slot()],
        running: 0,
        off: false,
        boot: 0,
        elapsed: 0,
        wall: BEGINNING,
        chance: Rng::with_seed(1),
        steps: 0,
        hash: 0xcbf2_9ce4_8422_2325,
        trace: None,
        without: None,
        plant: None,
        counts: Counts::default(),
        // Deaf until there is a queue.
        oracle: Oracle { asked: vec![None], deaf_to: (1..=19).collect(), ..Oracle::default() },
        serial: 0,
        followed: false,
    }
}

/// Makes the scene with so many orders.
fn make(orders: usize) -> Kernel {
    let mut kernel = bare();
    let by = Caller { slot: 0, process: 0 };
    for folder in [QUEUE, ELSEWHERE] {
        deeds::make_folder(&mut kernel, by, Path::new(folder))
            .expect("an empty disk takes a folder");
    }
    let secret = Tree::new_file(0);
    let elsewhere = kernel.walk(Path::new(ELSEWHERE)).ok().and_then(|(_, _, node)| node);
    kernel.tree.make(elsewhere.unwrap_or(0), "secret", secret).expect("the name is free");
    let world = Arc::new(World::new(kernel, 1));
    let machine = Arc::new(Simulated { world: world.clone(), by });
    let queue =
        FileQueue::init_on(QUEUE.as_ref(), options(), machine).expect("a queue can be made");
    world.with(|kernel| {
        let node = |kernel: &mut Kernel, path: &str| {
            kernel.walk(Path::new(path)).ok().and_then(|(_, _, node)| node).unwrap_or(0)
        };
        kernel.oracle.queue = node(kernel, QUEUE);
        kernel.oracle.floor = node(kernel, FLOOR);
        kernel.oracle.deaf_to.clear();
    });
    for order in 0..orders {
        let id = actor::id(order);
        let asked = Asked::Create { id: id.to_string() };
        world.with(|kernel| kernel.oracle.asked[0] = Some(asked));
        let made = queue.create(&id, &Request::titled(id.as_str()));
        assert!(matches!(made, Ok(Created::Made)), "an order can be made: {made:?}");
        world.with(|kernel| {
            let Kernel { oracle, tree, steps, .. } = kernel;
            oracle.answered(tree, *steps, 0, &Told::Done);
        });
    }
    // The first recovery of a boot sweeps; here it has been.
    let recovered = queue.recover(&|_| true);
    drop(recovered.expect("nobody has died yet"));
    drop(queue);
    let mut kernel = world.with(|kernel| std::mem::replace(kernel, bare()));
    kernel.tree.settle();
    kernel.opened.clear();
    kernel.processes.clear();
    kernel.counts = Counts::default();
    kernel
}

/// A queue is made, the power is cut at some call or when that is done, and it is made again: what was broken, if anything
/// was. Whoever was told that there is a queue finds it, under the same id.
pub(crate) fn begin(seed: u64, without: Option<SyncPoint>) -> Option<Broken> {
    let mut chance = Rng::with_seed(seed);
    let mut kernel = bare();
    kernel.tree.mode = [Mode::Journal, Mode::Folders, Mode::Writeback][chance.usize(..3)];
    (kernel.without, kernel.chance) = (without, Rng::with_seed(seed));
    let by = Caller { slot: 0, process: 0 };
    let made = deeds::make_folder(&mut kernel, by, Path::new(QUEUE));
    kernel.tree.settle();
    if chance.bool() {
        kernel.slots[0].strikes = vec![(chance.u32(1..30), Strike::Cut)];
    }
    let world = Arc::new(World::new(kernel, 1));
    let machine = |by| Arc::new(Simulated { world: world.clone(), by });
    let told = FileQueue::init_on(QUEUE.as_ref(), options(), machine(by))
        .map(|queue| queue.id().to_owned());
    let told = told.ok().filter(|_| made.is_ok() && !world.with(|kernel| kernel.off));
    let by = world.with(|kernel| {
        if !kernel.off {
            kernel.cut(0);
        }
        kernel.off = false;
        kernel.slots = vec![quiet_slot()];
        kernel.processes.push(Process { pid: 200, start: 1, lives: true, by_hand: false });
        Caller { slot: 0, process: kernel.processes.len() - 1 }
    });
    let blame = |what| Some(Broken { promise: 7, what, step: 0 });
    if let Some(id) = told {
        return match FileQueue::open_on(QUEUE.as_ref(), options(), machine(by)) {
            Ok(queue) if queue.id() == id => None,
            Ok(_) => blame("the queue has another id after the power cut".to_owned()),
            Err(error) => blame(format!("the queue was made, and after the power cut: {error}")),
        };
    }
    match FileQueue::init_on(QUEUE.as_ref(), options(), machine(by)) {
        Ok(_) => None,
        Err(error) => {
            blame(format!("a queue can't be made after a power cut in the first try: {error}"))
        }
    }
}

/// The scene with so many orders, ready to be played.
pub(crate) fn set(orders: usize) -> Kernel {
    static SCENES: OnceLock<Vec<Kernel>> = OnceLock::new();
    let scenes = SCENES.get_or_init(|| (0..=MOST_ORDERS).map(make).collect());
    scenes[orders.min(MOST_ORDERS)].clone()
}
