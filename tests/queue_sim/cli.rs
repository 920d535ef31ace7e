//! The program `queue-sim`: its flags and what it prints.

use std::fmt::Write as _;

use clap::Parser;
use serde_json::json;
use shopfloor::queue::files::machine::SyncPoint;

use super::cast::Cast;
use super::draw::{self, Weather};
use super::history::{Playing, play};
use super::mutations::Mutation;
use super::oracle::Broken;
use super::planted::Plant;
use super::promises;
use super::season::{Outcome, Season};
use super::shrink::shrink;

/// Plays histories of the file queue on a disk in memory, and judges each call and each answer by the queue's promises.
///
/// In a history some workers, a launcher and people use one queue; they take turns call by call, and are struck by kills,
/// stops, errors, a full disk, a wall clock that jumps, and power cuts that leave any legal part of what was not synced.
/// Everything is drawn from the seed: the same seed is the same history, call by call. docs/queue-sim.md tells more.
///
/// Exit code: 0 when every promise was kept, 1 when one was broken, 2 when the flags are wrong.
#[derive(Debug, Parser)]
#[command(name = "queue-sim", version)]
pub(crate) struct Arguments {
    /// The seed of the first history; the next ones have the seeds after it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many histories are played.
    #[arg(long, default_value_t = 10_000)]
    histories: u64,
    /// How many are played side by side; all processors unless said.
    #[arg(long)]
    jobs: Option<usize>,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
    /// Cuts the power in every history.
    #[arg(long)]
    cuts: bool,
    /// Leaves the sync of this name out, to see what it is for; `list` prints the names.
    #[arg(long, value_name = "NAME")]
    without_sync: Option<String>,
    /// Leaves each sync out in turn, each for at most so many histories with power cuts, until that shows.
    #[arg(long)]
    mutations: bool,
    /// Plants a bug for each promise in turn, to see that the oracle sees it, each in at most so many histories.
    #[arg(long)]
    plants: bool,
    /// Plants the bug of this name in every history.
    #[arg(long, value_name = "NAME")]
    plant: Option<String>,
    /// Prints every call of the history of the first seed, as it is, and plays no other.
    #[arg(long)]
    trace: bool,
    /// How many failing histories are made small and told in full.
    #[arg(long, default_value_t = 3)]
    tell: usize,
}

/// What the program has to say, and whether all is well.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) code: u8,
}

/// Does what the flags say.
pub(crate) fn run(arguments: &Arguments) -> Said {
    let point = arguments.without_sync.as_deref().map(|name| (name, SyncPoint::named(name)));
    let without = match point {
        None => None,
        Some((_, Some(point))) => Some(point),
        Some((name, None)) => {
            let names: Vec<&str> = SyncPoint::ALL.iter().map(|point| point.name()).collect();
            let code = if name == "list" { 0 } else { 2 };
            return Said { text: format!("the syncs are {}\n", names.join(", ")), code };
        }
    };
    let named = |name: &String| {
        Plant::ALL.iter().map(|(plant, _)| *plant).find(|plant| format!("{plant:?}") == *name)
    };
    let plant = arguments.plant.as_ref().map(named);
    if plant == Some(None) {
        let names: Vec<String> = Plant::ALL.iter().map(|(plant, _)| format!("{plant:?}")).collect();
        return Said { text: format!("the bugs are {}\n", names.join(", ")), code: 2 };
    }
    let playing = Playing { without, plant: plant.flatten(), ..Playing::default() };
    if arguments.mutations {
        return mutations(arguments);
    }
    if arguments.plants {
        return plants(arguments);
    }
    if arguments.trace {
        return trace(arguments, playing);
    }
    let season = Season {
        first_seed: arguments.seed,
        histories: arguments.histories,
        jobs: arguments.jobs(),
        weather: arguments.weather(),
        playing,
        to_first: false,
    };
    let outcome = season.play();
    let code = u8::from(!outcome.failed.is_empty());
    let text = match arguments.json {
        true => as_json(arguments, &outcome),
        false => as_text(arguments, &outcome, playing),
    };
    Said { text, code }
}

impl Arguments {
    fn jobs(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        self.jobs.unwrap_or_else(processors)
    }

    fn weather(&self) -> Weather {
        if self.cuts { Weather::Cuts } else { Weather::Mixed }
    }
}

fn per_second(outcome: &Outcome) -> f64 {
    outcome.counts.histories as f64 / outcome.took.as_secs_f64().max(0.001)
}

fn as_text(arguments: &Arguments, outcome: &Outcome, playing: Playing) -> String {
    let mut text = String::new();
    let (counts, cast) = (&outcome.counts, Cast::new());
    for (seed, broken) in outcome.failed.iter().take(arguments.tell) {
        let (small, played) = shrink(&draw::script(*seed, arguments.weather()), playing, &cast);
        let shown = played.broken.as_ref().unwrap_or(broken);
        told(&mut text, *seed, shown, &small.to_string(), &played.trace);
    }
    for (seed, broken) in outcome.failed.iter().skip(arguments.tell).take(20) {
        line(&mut text, &format!("seed {seed}: promise {}: {}", broken.promise, broken.what));
    }
    line(
        &mut text,
        &format!(
            "{} histories from seed {} in {:.1} s, {:.0} per second, {} calls, {} boots",
            counts.histories,
            arguments.seed,
            outcome.took.as_secs_f64(),
            per_second(outcome),
            counts.calls,
            counts.boots
        ),
    );
    line(
        &mut text,
        &format!(
            "drawn: {} turns handed over, {} kills, {} stops, {} power cuts, {} errors, {} torn writes, {} full disks, {} jumps of the clock, {} deeds by hand",
            counts.switches,
            counts.kills,
            counts.stops,
            counts.cuts,
            counts.errors,
            counts.short,
            counts.full,
            counts.jumps,
            counts.by_hand
        ),
    );
    line(
        &mut text,
        &format!(
            "done: {} claims, {} moves, {} orders brought back from the dead",
            counts.claims, counts.moves, counts.recovered
        ),
    );
    line(&mut text, &format!("{} histories broke a promise", outcome.failed.len()));
    text
}

/// One failing history in full.
fn told(text: &mut String, seed: u64, broken: &Broken, script: &str, trace: &[String]) {
    line(text, &format!("PROMISE {} BROKEN: {}", broken.promise, promises::words(broken.promise)));
    line(text, &format!("  {} (at step {})", broken.what, broken.step));
    line(text, &format!("  again: queue-sim --seed {seed} --histories 1"));
    line(text, "the smallest script that breaks it:");
    text.push_str(script);
    line(text, "its calls:");
    for call in trace {
        line(text, &format!("  {call}"));
    }
    line(text, "");
}

fn line(text: &mut String, line: &str) {
    // Writing into a string does not fail.
    let _ = writeln!(text, "{line}");
}

fn as_json(arguments: &Arguments, outcome: &Outcome) -> String {
    let failed: Vec<_> = outcome
        .failed
        .iter()
        .map(|(seed, broken)| json!({"seed": seed, "promise": broken.promise, "what": broken.what}))
        .collect();
    let told = json!({
        "seed": arguments.seed,
        "counts": outcome.counts,
        "seconds": outcome.took.as_secs_f64(),
        "histories_per_second": per_second(outcome).round(),
        "failed": failed,
    });
    format!("{told}\n")
}

fn trace(arguments: &Arguments, playing: Playing) -> Said {
    let script = draw::script(arguments.seed, arguments.weather());
    let played = play(&script, Playing { traced: true, ..playing }, &Cast::new());
    let mut text = script.to_string();
    played.trace.iter().for_each(|call| line(&mut text, call));
    match &played.broken {
        None => line(&mut text, "every promise was kept"),
        Some(broken) => {
            let words = promises::words(broken.promise);
            line(
                &mut text,
                &format!("PROMISE {} BROKEN: {words}: {}", broken.promise, broken.what),
            );
        }
    }
    line(&mut text, &format!("mark {:016x}", played.hash));
    Said { text, code: u8::from(played.broken.is_some()) }
}

/// A bug for each promise: is it seen?
fn plants(arguments: &Arguments) -> Said {
    let (cast, mut text, mut unseen) = (Cast::new(), String::new(), 0);
    for (plant, promises) in Plant::ALL {
        let playing = Playing { plant: Some(plant), ..Playing::default() };
        let found = (0..arguments.histories).find_map(|number| {
            let script = draw::script(arguments.seed.wrapping_add(number), arguments.weather());
            let broken = play(&script, playing, &cast).broken?;
            promises.contains(&broken.promise).then_some((number + 1, broken))
        });
        let told = match found {
            Some((after, broken)) => {
                format!("seen after {after} as promise {}: {}", broken.promise, broken.what)
            }
            None => {
                unseen += 1;
                format!("NOT SEEN in {} as one of promises {promises:?}", arguments.histories)
            }
        };
        line(&mut text, &format!("{:14}{told}", format!("{plant:?}")));
    }
    line(
        &mut text,
        &format!("{} of {} planted bugs are seen", Plant::ALL.len() - unseen, Plant::ALL.len()),
    );
    Said { text, code: u8::from(unseen > 0) }
}

/// Every sync left out in turn, side by side.
fn mutations(arguments: &Arguments) -> Said {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let all = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|threads| {
        for _ in 0..arguments.jobs() {
            threads.spawn(|| {
                let cast = Cast::new();
                loop {
                    let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(point) = SyncPoint::ALL.get(number) else { return };
                    let mutation = Mutation::of(*point, arguments.seed, arguments.histories, &cast);
                    all.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(mutation);
                }
            });
        }
    });
    let mut all = all.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    all.sort_by_key(|mutation| mutation.point);
    let fine = all.iter().all(Mutation::is_fine);
    let red = all.iter().filter(|mutation| mutation.missed.is_some()).count();
    let text = if arguments.json {
        let points: Vec<_> = all
            .iter()
            .map(|one| {
                let after = one.missed.as_ref().map(|(after, _, _)| after);
                json!({"sync": one.point.name(), "red_after": after, "listed": one.reason()})
            })
            .collect();
        format!("{}\n", json!({"syncs": points, "red": red, "fine": fine}))
    } else {
        let mut text: String = all.iter().map(|one| format!("{}\n", one.line())).collect();
        line(&mut text, &format!("{red} of {} syncs are missed when they are left out", all.len()));
        text
    };
    Said { text, code: u8::from(!fine) }
}
