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
    let queue = place.open_queue()?;
    let floor = place.floor()?;
    let launcher = lock::running(&floor)?;
    let everyone = everyone(&*queue, &floor);
    let live: Vec<Runner> = everyone.iter().copied().filter(|worker| worker.lives()).collect();
    let targets = match launcher {
        // The launcher tells its workers itself.
        Some(launcher) => vec![launcher],
        None => live.clone(),
    };
    if let Some(launcher) = launcher {
        voice.remark(format_args!("Stopping the launcher, PID {}.", launcher.pid));
    } else if !live.is_empty() {
        voice
            .remark(format_args!("No launcher runs; stopping {} workers without one.", live.len()));
    }
    wait_until_gone(&targets, &live, flags.now, &floor, voice)?;
    // Workers that somebody started by hand are not the launcher's: they are told now.
    let strays: Vec<Runner> = live.into_iter().filter(|worker| worker.lives()).collect();
    wait_until_gone(&strays, &strays, flags.now, &floor, voice)?;
    let (found, clean) = leftover::end(&everyone, voice);
    for back in queue.recover(&leftover::undertaker)? {
        voice.remark(format_args!("order {} is ready again", back.id));
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

/// Asks these processes to end and waits for them, saying what for.
fn wait_until_gone(
    asked: &[Runner],
    workers: &[Runner],
    now: bool,
    floor: &Floor,
    voice: Voice,
) -> Result<()> {
    asked.iter().for_each(|process| process.signal(Signal::TERM));
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
