//! One history: the script is played boot by boot, and at the end everybody recovers and the oracle looks at what is left.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use fastrand::Rng;
use shopfloor::holder::{Holder, SessionId};
use shopfloor::queue::files::FileQueue;
use shopfloor::queue::files::machine::SyncPoint;
use shopfloor::queue::{Claiming, Queue as _, Skip};
use shopfloor::state::State;

use super::actor::Actor;
use super::cast::{Cast, MOST};
use super::counts::Counts;
use super::kernel::{Kernel, Process, Slot};
use super::machine::Simulated;
use super::oracle::{Asked, Broken, Told, taken};
use super::planted::Plant;
use super::scene;
use super::script::{Actor as Part, Role, Script};
use super::world::{Caller, Desk, World};

/// How a history is played.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Playing {
    /// A sync that is left out.
    pub(crate) without: Option<SyncPoint>,
    /// A bug that is planted.
    pub(crate) plant: Option<Plant>,
    /// Every call is written down.
    pub(crate) traced: bool,
}

/// What came of a history.
#[derive(Debug, Clone)]
pub(crate) struct Played {
    pub(crate) broken: Option<Broken>,
    pub(crate) counts: Counts,
    /// The mark of everything that happened: two plays of one script have the same.
    pub(crate) hash: u64,
    pub(crate) trace: Vec<String>,
}

/// Time that passes before the end is looked at, seconds: longer than anything rests.
const LONG: i64 = 30 * 24 * 3600;

/// Plays a script.
pub(crate) fn play(script: &Script, playing: Playing, cast: &Cast) -> Played {
    let mut kernel = scene::set(script.orders);
    kernel.tree.mode = script.mode;
    kernel.tree.reuse = script.reuse;
    kernel.chance = Rng::with_seed(script.seed);
    kernel.without = playing.without;
    kernel.plant = playing.plant;
    kernel.oracle.deaf_to = playing.plant.map_or_else(Vec::new, |plant| plant.hides().to_vec());
    kernel.trace = playing.traced.then(Vec::new);
    let world = Arc::new(World::new(kernel, MOST));
    for boot in &script.boots {
        if world.with(|kernel| kernel.broken()) {
            break;
        }
        play_boot(&world, &boot.actors, cast);
    }
    if !world.with(|kernel| kernel.broken()) {
        let ended = catch_unwind(AssertUnwindSafe(|| come_to_rest(&world)));
        if ended.is_err() {
            world.with(|kernel| kernel.oracle.blame(15, "the queue panicked at the end"));
        }
    }
    world.with(|kernel| Played {
        broken: kernel.oracle.broken.take(),
        counts: Counts { histories: 1, calls: kernel.steps, ..kernel.counts },
        hash: kernel.hash,
        trace: kernel.trace.take().unwrap_or_default(),
    })
}

impl Kernel {
    /// A process begins. Process numbers begin anew with each boot.
    fn begin(&mut self, number: usize, by_hand: bool) -> usize {
        let pid = 100 + u32::try_from(number).unwrap_or(0);
        let start = 1000 + self.elapsed / 10_000_000;
        self.processes.push(Process { pid, start, lives: true, by_hand });
        self.processes.len() - 1
    }

    /// What is left of the boot before is gone; after a power cut it is another boot.
    fn set_stage(&mut self, actors: usize) {
        if self.off {
            self.off = false;
            self.boot += 1;
        }
        for process in 0..self.processes.len() {
            if self.processes[process].lives {
                self.kill(process);
            }
        }
        self.opened.clear();
        self.counts.boots += 1;
        self.oracle.asked = vec![None; actors];
        let number = self.counts.boots;
        self.note(0, &format!("boot {number}"));
    }
}

fn play_boot(world: &Arc<World>, actors: &[Part], cast: &Cast) {
    if actors.is_empty() {
        return;
    }
    let callers: Vec<(Caller, Caller)> = world.with(|kernel| {
        kernel.set_stage(actors.len());
        kernel.slots = actors
            .iter()
            .map(|actor| Slot { strikes: actor.strikes.clone(), ..scene::quiet_slot() })
            .collect();
        let callers = actors.iter().enumerate().map(|(slot, actor)| {
            let number = kernel.processes.len();
            let process = kernel.begin(number, false);
            let hand = match actor.role {
                Role::Person => kernel.begin(number + 1, true),
                Role::Worker | Role::Launcher => process,
            };
            (Caller { slot, process }, Caller { slot, process: hand })
        });
        callers.collect()
    });
    let desks = actors.iter().zip(callers).map(|(actor, (by, hand))| -> Desk {
        let (world, actor) = (world.clone(), actor.clone());
        let thread = cast.thread(by.slot);
        let job = move || {
            let acted = catch_unwind(AssertUnwindSafe(|| {
                if let Some(player) = Actor::new(world.clone(), by, hand, actor.role) {
                    player.act(&actor.deeds);
                }
            }));
            if acted.is_err() {
                world.with(|kernel| kernel.oracle.blame(15, "the queue panicked"));
            }
            world.ended(by.slot);
        };
        Some((thread, Box::new(job)))
    });
    world.run(desks.collect());
}

/// A launcher recovers and sweeps, nothing disturbs it, and then every order that waits can be claimed.
fn come_to_rest(world: &Arc<World>) {
    let by = world.with(|kernel| {
        kernel.set_stage(1);
        kernel.slots = vec![scene::quiet_slot()];
        kernel.wall += LONG;
        let number = kernel.processes.len();
        Caller { slot: 0, process: kernel.begin(number, false) }
    });
    let machine = Arc::new(Simulated { world: world.clone(), by });
    let queue = match FileQueue::open_on(scene::QUEUE.as_ref(), scene::options(), machine) {
        Ok(queue) => queue,
        Err(error) => {
            return world.with(|kernel| {
                kernel.oracle.blame(7, format!("the queue can't be opened any more: {error}"));
            });
        }
    };
    // The second round finds what only the first sweep brought to light.
    for _ in 0..2 {
        recover_and_sweep(world, &queue);
    }
    world.with(|kernel| {
        kernel.oracle.asked[0] = None;
        let Kernel { oracle, tree, steps, .. } = kernel;
        oracle.at_rest(tree, *steps);
        kernel.wall += LONG;
    });
    if !world.with(|kernel| kernel.broken()) {
        claim_all(world, by, &queue);
    }
}

fn recover_and_sweep(world: &World, queue: &FileQueue) {
    world.with(|kernel| kernel.oracle.asked[0] = Some(Asked::Recover { since: kernel.steps }));
    let undertaker = |worker: &shopfloor::holder::WorkerId| {
        world.with(|kernel| kernel.oracle.bury(worker.as_str()));
        true
    };
    if let Err(error) = queue.recover(&undertaker) {
        let what = format!("nothing disturbs it, and recovery failed: {error}");
        world.with(|kernel| kernel.oracle.blame(8, what));
    }
    if let Err(error) = queue.sweep() {
        let what = format!("nothing disturbs it, and the sweep failed: {error}");
        world.with(|kernel| kernel.oracle.blame(8, what));
    }
}

fn claim_all(world: &World, by: Caller, queue: &Arc<FileQueue>) {
    let (Ok(enlisted), Ok(listing)) = (queue.enlist("spec"), queue.list()) else {
        return world.with(|kernel| kernel.oracle.blame(8, "no worker can begin any more"));
    };
    world.with(|kernel| kernel.oracle.enlisted(enlisted.worker.as_str(), by.process));
    for (number, id) in listing.orders.iter().enumerate() {
        let stands = world.with(|kernel| {
            let node = kernel.tree.find(kernel.oracle.queue, id.as_str())?;
            let account = kernel.oracle.accounts.get(&node)?;
            let held = kernel.tree.find(node, ".hold").is_some();
            let word = account.stands(&kernel.tree);
            (!held && taken(&word)).then_some(word)
        });
        let Some(from) = stands.and_then(|word| State::parse(&word).ok()) else { continue };
        let session = format!("00000000-0000-4000-9000-{number:012x}");
        let Ok(session_id) = SessionId::parse(&session) else { continue };
        let holder = Holder { worker: enlisted.worker.clone(), session: session_id };
        let asked = Asked::Claim { id: id.to_string(), session, since: 0 };
        world.with(|kernel| kernel.oracle.asked[0] = Some(asked));
        let claiming = queue.clone().claim(id, &from, &holder);
        let told = match &claiming {
            Ok(Claiming::Won(claim)) => {
                let (setbacks, crashes) =
                    (claim.history().setbacks.len(), claim.history().crashes.len());
                Told::Claimed { generation: claim.generation(), setbacks, crashes }
            }
            // A person broke it, and it was found only now.
            Ok(Claiming::Skipped(Skip::Held(_))) => Told::Nothing,
            other => {
                let what = format!("{id} waits in {from}, and nobody can claim it: {other:?}");
                world.with(|kernel| kernel.oracle.blame(8, what));
                Told::Nothing
            }
        };
        world.with(|kernel| {
            let Kernel { oracle, tree, steps, .. } = kernel;
            oracle.answered(tree, *steps, 0, &told);
            oracle.asked[0] = Some(Asked::Drop { id: id.to_string() });
        });
        drop(claiming);
        world.with(|kernel| kernel.oracle.asked[0] = None);
    }
}
