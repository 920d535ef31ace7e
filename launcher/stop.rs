//! `shopfloor stop`: ends the launcher and all workers of this queue, and looks whether anything is left.

use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::Signal;
use shopfloor::error::{Error, Kind};
use shopfloor::floor::Floor;
use shopfloor::holder::WorkerId;
use shopfloor::queue::Queue;

use crate::flags::Stop;
use crate::leftover;
use crate::lock::{self, Runner};
use crate::snapshot::workers;
use crate::voice::{self, Done, Voice, line};
use shopfloor::place::Place;

/// How often to look.
const LOOK: Duration = Duration::from_millis(100);

/// How often "at once" is said again: two signals that come together count as one.
const AGAIN: Duration = Duration::from_millis(500);

/// A launcher that was told to end at once ends within this; workers kill after 15 s.
const AT_ONCE_LIMIT: Duration = Duration::from_secs(60);

/// Stops everything.
pub(crate) fn run(flags: &Stop, place: &Place, voice: Voice) -> Result<Done> {
    let queue = place.open_queue_to_look()?;
    let floor = place.floor()?;
    let launcher = lock::running(&floor)?;
    let everyone = everyone(&*queue, &floor);
    let live: Vec<Runner> = everyone.iter().copied().filter(|worker| worker.lives()).collect();
    let targets = match launcher {
        // The launcher tells its workers itself.
        Some(launcher) => vec![launcher],
        None => live.clone(),
    };
    let draining = lock::record(&floor).is_some_and(|record| record.stopping);
    if let Some(launcher) = launcher {
        let already = if draining { " It was asked to before." } else { "" };
        voice.remark(format_args!("Stopping the launcher, PID {}.{already}", launcher.pid));
    } else if !live.is_empty() {
        voice
            .remark(format_args!("No launcher runs; stopping {} workers without one.", live.len()));
    }
    // Asked once more, a launcher that drains would end at once: that is for --now alone.
    let quietly = launcher.is_some() && draining && !flags.now;
    let asks = if quietly { Asks::None } else { Asks::of(flags) };
    wait_until_gone(&targets, &live, asks, &floor, voice)?;
    // Workers that somebody started by hand are not the launcher's: they are told now.
    let strays: Vec<Runner> = live.into_iter().filter(|worker| worker.lives()).collect();
    wait_until_gone(&strays, &strays, Asks::of(flags), &floor, voice)?;
    let (found, clean) = leftover::end(&everyone, voice);
    match queue.recover(&leftover::undertaker) {
        Ok(all) => all
            .iter()
            .for_each(|back| voice.remark(format_args!("order {} is ready again", back.id))),
        // On a full or read-only disk: the next start does it. What runs is ended all the same.
        Err(error) => voice.warn(format_args!("could not look after dead workers: {error}")),
    }
    if targets.is_empty() && strays.is_empty() && found == 0 {
        voice.remark("Nothing runs on this queue.");
        return Ok(Done::NothingToDo);
    }
    if !clean {
        return Err(Error::new(Kind::Failed, leftover::told(found, clean)).into());
    }
    voice::result(leftover::told(found, clean))?;
    Ok(Done::Well)
}

/// Every worker this queue knows of, dead ones included: from the launcher's record and from the floor.
fn everyone(queue: &dyn Queue, floor: &Floor) -> Vec<Runner> {
    let recorded = lock::record(floor).map(|record| record.workers).unwrap_or_default();
    let recorded = recorded.into_iter().filter_map(|worker| worker.process);
    let runner = |worker: &WorkerId| Runner { pid: worker.pid(), start_time: worker.start_time() };
    let told = workers(queue, floor).into_iter().map(|seen| runner(&seen.status.worker));
    let locks = std::fs::read_dir(floor.workers()).into_iter().flatten().flatten();
    let locks = locks.filter_map(|entry| {
        let name = entry.file_name();
        let stem = name.to_str()?.strip_suffix(".lock")?;
        WorkerId::parse(stem).ok().as_ref().map(runner)
    });
    let mut all: Vec<Runner> = recorded.chain(told).chain(locks).collect();
    all.sort_by_key(|runner| (runner.pid, runner.start_time));
    all.dedup();
    all
}

/// How processes are asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// Not at all: they know.
    None,
    /// Once: turns under way are finished.
    Once,
    /// Again and again: at once.
    Now,
}

impl Asks {
    fn of(flags: &Stop) -> Self {
        if flags.now { Self::Now } else { Self::Once }
    }
}

/// Asks these processes to end and waits for them, saying what for.
fn wait_until_gone(
    asked: &[Runner],
    workers: &[Runner],
    asks: Asks,
    floor: &Floor,
    voice: Voice,
) -> Result<()> {
    let now = asks == Asks::Now;
    if asks != Asks::None {
        asked.iter().for_each(|process| process.signal(Signal::TERM));
    }
    let begun = Instant::now();
    let (mut said, mut said_at) = (String::new(), begun);
    while asked.iter().any(|process| process.lives()) {
        let doing = doing(workers, floor);
        if doing != said && !doing.is_empty() {
            voice.remark(format_args!("Waiting for {doing}"));
            said = doing;
        }
        if now && said_at.elapsed() > AGAIN {
            asked.iter().for_each(|process| process.signal(Signal::TERM));
            said_at = Instant::now();
        }
        if now && begun.elapsed() > AT_ONCE_LIMIT {
            let pids: Vec<String> =
                asked.iter().filter(|p| p.lives()).map(|p| p.pid.to_string()).collect();
            let told =
                format!("PID {} did not end within {} s", pids.join(", "), AT_ONCE_LIMIT.as_secs());
            return Err(Error::new(Kind::TimedOut, told)
                .hint("look at it with `ps`; kill -9 loses nothing")
                .into());
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// What the workers that still live are doing.
fn doing(workers: &[Runner], floor: &Floor) -> String {
    let lives = |pid| workers.iter().any(|worker| worker.pid == pid && worker.lives());
    let statuses = floor.statuses().into_iter().filter(|status| lives(status.worker.pid()));
    let told = statuses.map(|status| format!("{} ({})", status.stage, line(&status.doing, 60)));
    told.collect::<Vec<_>>().join(", ")
}
