//! `shopfloor start`: checks that all is in order, launches the workers and looks after them.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use shopfloor::config::Config;
use shopfloor::error::{Error, Kind};
use shopfloor::floor::Floor;
use shopfloor::order::OrderId;
use shopfloor::queue::Queue;
use shopfloor::stages::{self, STAGES};
use shopfloor::state::State;

use crate::crew::{self, Post};
use crate::dry_run;
use crate::flags::{Batches, Places, Start};
use crate::idle::Over;
use crate::leftover;
use crate::lock::{self, LauncherLock, Record, Runner};
use crate::preflight;
use crate::snapshot::Snapshot;
use crate::supervise::{self, Outcome, Plan};
use crate::versions;
use crate::voice::{self, Done, Voice};
use shopfloor::place::Place;

/// How long a launcher in the background may take to say that it runs.
const DETACH_LIMIT: Duration = Duration::from_secs(30);

/// Launches.
pub(crate) fn run(flags: &Start, given: &Places, place: &Place, voice: Voice) -> Result<Done> {
    if flags.detached {
        // A session of our own: the terminal's end is not ours. It fails only when we lead one already.
        rustix::process::setsid().ok();
    }
    let (agent, workers_dir) = (flags.agent.as_deref(), flags.workers_dir.as_deref());
    let crew = Crew {
        batches: &flags.batches,
        parallel: &flags.parallel,
        agent,
        stages: STAGES.map(|stage| stage.name).to_vec(),
        more: Vec::new(),
    };
    if flags.dry_run {
        let (config, faults) = preflight::faults(agent, workers_dir, place)?;
        let programs = preflight::programs(workers_dir)?;
        let posts = crew.posts(given, place, &config, &programs, voice)?;
        return dry_run::run(flags, &posts, &faults, place, voice);
    }
    let ready = preflight::look(agent, workers_dir, place, voice)?;
    let floor = place.floor()?;
    if flags.detach && !flags.detached {
        return detach(flags, place, &floor, voice);
    }
    let lock = take_lock(&floor)?;
    let versions = versions::look(&ready.config, agent, place);
    for version in versions.iter().filter(|version| version.drifted()) {
        voice.warn(format_args!(
            "another version than was tried: {}; it is used all the same",
            version.told()
        ));
    }
    versions::keep(&floor, &versions)?;
    let posts = crew.posts(given, place, &ready.config, &ready.programs, voice)?;
    let queue = ready.queue.clone();
    let survey = place.survey(&ready.config, queue.clone(), &stages::pipeline())?;
    let over = flags.until_idle.then(|| Over::when_idle(floor.clone(), survey));
    let plan = Plan {
        posts,
        queue: queue.clone(),
        floor: floor.clone(),
        free_mib: ready.config.limits.free_mib,
        over,
        launched: flags.launched,
        voice,
        lock,
    };
    let outcome = supervised(plan, |record| announce(record, flags.json))?;
    close(flags, &outcome, &*queue, &floor, voice)
}

/// Looks after the workers of a plan to their end.
pub(crate) fn supervised(
    plan: Plan,
    announce: impl FnOnce(&Record) -> Result<()>,
) -> Result<Outcome> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| {
        Error::new(Kind::Failed, "failed to start the launcher").caused_by(error)
    })?;
    runtime.block_on(supervise::run(plan, announce))
}

/// The right to be the launcher of this queue, or who has it.
pub(crate) fn take_lock(floor: &Floor) -> Result<LauncherLock> {
    match lock::take(floor)? {
        Ok(lock) => Ok(lock),
        Err(holder) => Err(already(holder).into()),
    }
}

fn already(holder: Option<Runner>) -> Error {
    let who = holder.map_or("another one".to_owned(), |runner| format!("PID {}", runner.pid));
    Error::new(Kind::AlreadyRunning, format!("a launcher runs on this queue already: {who}"))
        .hint("`shopfloor status` shows what it does; `shopfloor stop` ends it")
}

fn announce(record: &Record, as_json: bool) -> Result<()> {
    if as_json {
        let mut value = serde_json::to_value(record)?;
        value["event"] = json!("launched");
        return voice::json_line(&value);
    }
    crew::table(&record.workers).iter().try_for_each(voice::result)
}

/// Who is to be started.
#[derive(Debug)]
pub(crate) struct Crew<'a> {
    /// Batch sizes that were given.
    pub(crate) batches: &'a Batches,
    /// How many workers of a stage, where that was given.
    pub(crate) parallel: &'a [(String, usize)],
    /// The agent of all, if one was given.
    pub(crate) agent: Option<&'a str>,
    /// The stages, by name.
    pub(crate) stages: Vec<&'static str>,
    /// More arguments for each worker.
    pub(crate) more: Vec<OsString>,
}

impl Crew<'_> {
    /// The workers to start: for every stage as many as are to run side by side.
    pub(crate) fn posts(
        &self,
        given: &Places,
        place: &Place,
        config: &Config,
        programs: &Path,
        voice: Voice,
    ) -> Result<Vec<Post>> {
        let mut posts = Vec::new();
        for stage in STAGES.iter().filter(|stage| self.stages.contains(&stage.name)) {
            let wanted = self.parallel.iter().rev().find(|(name, _)| name == stage.name);
            let several = wanted.map_or(config.parallel_for(stage.name), |(_, number)| *number);
            let batch = config.batch_for(stage, self.batches.of(stage.name));
            for instance in 1..=several {
                let name = match instance {
                    1 => stage.worker.to_owned(),
                    _ => format!("{}-{instance}", stage.worker),
                };
                let log = place.logs()?.join(format!("{name}.log"));
                let mut args: Vec<OsString> = vec!["--launched".into()];
                let mut give = |name: &str, value: OsString| args.extend([name.into(), value]);
                give("--queue", place.queue()?.into());
                give("--project", place.project()?.into());
                give("--logs", place.logs()?.into());
                if let Some(config) = &place.config {
                    give("--config", config.into());
                }
                if let Some(agent) = self.agent {
                    give("--agent", agent.into());
                }
                give("--batch-size", batch.to_string().into());
                give("--instance", instance.to_string().into());
                args.extend(voice.flags().iter().map(OsString::from));
                args.extend(self.more.iter().cloned());
                posts.push(Post {
                    name,
                    stage: stage.name.to_owned(),
                    program: programs.join(stage.worker),
                    args,
                    dir: place.project()?.to_owned(),
                    batch,
                    log_shown: place.shown(&log),
                    log,
                });
            }
        }
        // Said once more than needed rather than forgotten: a worker must find the same places as we did.
        tracing::debug!(config = ?given.config, workers = posts.len(), "launching");
        Ok(posts)
    }
}

/// The last word: what failed, what stopped, whether anything is left.
fn close(
    flags: &Start,
    outcome: &Outcome,
    queue: &dyn Queue,
    floor: &Floor,
    voice: Voice,
) -> Result<Done> {
    let seen = Snapshot::of(queue, floor)?;
    let failed = seen.orders.values().filter(|order| order.state == State::FAILED);
    let failed: Vec<&OrderId> = failed.map(|order| &order.id).collect();
    voice.remark(leftover::told(outcome.left_over, outcome.clean));
    if flags.json {
        voice::json_line(&json!({
            "event": "ended",
            "failed": failed,
            "given_up": outcome.given_up,
            "left_over": outcome.left_over,
        }))?;
    } else if flags.until_idle && !failed.is_empty() {
        let names: Vec<&str> = failed.iter().map(|id| id.as_str()).collect();
        voice.warn(format_args!("FAILED: {}; `shopfloor show ID` says why", names.join(", ")));
    }
    Ok(match outcome {
        Outcome { at_once: true, .. } => Done::Interrupted,
        Outcome { clean: false, .. } => Done::SomeFailed,
        Outcome { given_up, .. } if !given_up.is_empty() => Done::SomeFailed,
        Outcome { .. } if flags.until_idle && !failed.is_empty() => Done::SomeFailed,
        Outcome { .. } => Done::Well,
    })
}

/// Starts the same command again in the background, and waits until it says that it runs.
fn detach(flags: &Start, place: &Place, floor: &Floor, voice: Voice) -> Result<Done> {
    if let Some(holder) = lock::running(floor)? {
        return Err(already(Some(holder)).into());
    }
    let log = place.logs()?.join("launcher.log");
    let open = File::options().create(true).append(true).open(&log);
    let (out, err) = match open.and_then(|file| Ok((file.try_clone()?, file))) {
        Ok((out, err)) => (Stdio::from(out), Stdio::from(err)),
        Err(_) => (Stdio::null(), Stdio::null()),
    };
    let own = std::env::current_exe().map_err(|error| {
        Error::new(Kind::Environment, "failed to find where shopfloor itself is").caused_by(error)
    })?;
    let mut command = Command::new(own);
    command.args(std::env::args_os().skip(1)).arg("--detached").current_dir(place.stands());
    command.stdin(Stdio::null()).stdout(out).stderr(err);
    let mut child = command.spawn().map_err(|error| {
        Error::new(Kind::Environment, "failed to start the launcher").caused_by(error)
    })?;
    let record = wait_for_record(&mut child, floor, &place.shown(&log))?;
    announce(&record, flags.json)?;
    voice.remark(format_args!(
        "The launcher runs in the background: PID {}, log {}. `shopfloor stop` ends it.",
        record.launcher.pid,
        place.shown(&log)
    ));
    Ok(Done::Well)
}

fn wait_for_record(child: &mut Child, floor: &Floor, log: &str) -> Result<Record> {
    let begun = Instant::now();
    loop {
        if let Some(record) = lock::record(floor).filter(|record| record.launcher.pid == child.id())
        {
            return Ok(record);
        }
        if let Ok(Some(status)) = child.try_wait() {
            let told = format!("the launcher ended at once ({status})");
            return Err(Error::new(Kind::Failed, told).hint(format!("{log} says why")).into());
        }
        if begun.elapsed() > DETACH_LIMIT {
            let told = format!("the launcher (PID {}) has not said that it runs", child.id());
            return Err(Error::new(Kind::TimedOut, told).hint(format!("{log} may say why")).into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
