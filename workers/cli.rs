//! What every worker says and hears at its door: flags, voice, signals, exit codes.

use std::fmt::Display;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{CommandFactory as _, FromArgMatches as _};
use tokio::signal::unix::{SignalKind, signal};

use crate::agent;
use crate::config::{self, Config};
use crate::error::{Error, Kind, Result, exit};
use crate::event::What;
use crate::gate::Gates;
use crate::log;
use crate::order::{OrderId, Request};
use crate::permits::Permits;
use crate::place::{Given, Place};
use crate::process;
use crate::queue::{Created, Queue};
use crate::sandbox::Standing;
use crate::shop::Shop;
use crate::stage::{Gate, Pipeline, Stage, Step};
use crate::state::State;
use crate::stop::{Echo, Stop};
use crate::survey::Bounds;
use crate::teller::Teller;
use crate::worker::{self, Ended, Until};

/// The flags of every worker.
#[derive(Debug, clap::Parser)]
struct Flags {
    /// The queue's folder. Default: work-orders in the project
    #[arg(long, value_name = "DIR", env = "SHOPFLOOR_QUEUE")]
    queue: Option<PathBuf>,

    /// The project: a git repository. Default: the one around the working folder
    #[arg(long, value_name = "DIR", env = "SHOPFLOOR_PROJECT")]
    project: Option<PathBuf>,

    /// The folder of the logs. Default: logs in the project
    #[arg(long, value_name = "DIR", env = "SHOPFLOOR_LOGS")]
    logs: Option<PathBuf>,

    /// The configuration. Default: the nearest shopfloor.toml upwards
    #[arg(long, value_name = "FILE", env = "SHOPFLOOR_CONFIG")]
    config: Option<PathBuf>,

    /// The agent, by its name in shopfloor.toml
    #[arg(long, value_name = "NAME", env = "SHOPFLOOR_AGENT")]
    agent: Option<String>,

    /// How many orders one session may take
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    batch_size: Option<u32>,

    /// End after one batch (exit code 4 when nothing was ready)
    #[arg(long)]
    once: bool,

    /// End when there is nothing left to do for this stage
    #[arg(long, conflicts_with = "once")]
    until_idle: bool,

    /// The most time one session may take, for instance 4h
    #[arg(long, value_name = "TIME", value_parser = length_of_time)]
    session_timeout: Option<Duration>,

    /// The most time one turn may take, for instance 45m
    #[arg(long, value_name = "TIME", value_parser = length_of_time)]
    turn_timeout: Option<Duration>,

    /// The most time the agent may be silent in a turn, for instance 10m
    #[arg(long, value_name = "TIME", value_parser = length_of_time)]
    idle_timeout: Option<Duration>,

    /// Create these orders and write their specs in one session: "item-stacking resource-nodes"
    #[arg(long, value_name = "IDS", hide = true)]
    feature_list: Option<String>,

    /// Take these orders and no others
    #[arg(long, value_name = "ID", num_args = 1.., value_delimiter = ',', value_parser = order_id,
        conflicts_with = "feature_list")]
    only: Vec<OrderId>,

    /// Take no order further than this state
    #[arg(long, value_name = "STATE", value_parser = state)]
    until: Option<State>,

    /// Which worker of its stage this is, where there are several
    #[arg(long, value_name = "K", default_value_t = 1)]
    instance: usize,

    /// Started by the launcher: the end of standard input means stop, and the log goes to its file alone
    #[arg(long, hide = true)]
    launched: bool,

    /// Tell every event as a JSON line on stdout
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    loudness: log::Loudness,
}

fn length_of_time(text: &str) -> Result<Duration, String> {
    config::parse_duration(text).map_err(|error| error.in_one_line())
}

fn order_id(text: &str) -> Result<OrderId, String> {
    OrderId::parse(text).map_err(|error| error.in_one_line())
}

fn state(text: &str) -> Result<State, String> {
    State::parse(text).map_err(|error| error.in_one_line())
}

/// The whole of a worker's `main`: the worker of `stage` in `pipeline`.
pub fn main(pipeline: Pipeline, stage: &str) -> ExitCode {
    if let Some(code) = process::shim::serve() {
        return code;
    }
    let Some(stage) = pipeline.stage(stage).cloned() else {
        say(format_args!("error: there is no stage {stage}"));
        return ExitCode::from(exit::USAGE);
    };
    let flags = match parse(&stage) {
        Ok(flags) => flags,
        Err(error) => {
            drop(error.print());
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::OK });
        }
    };
    // Half a dead worker would hold its claims for ever: a panic ends the whole of it, and recovery does the rest.
    let tell_panic = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tell_panic(panic);
        std::process::abort();
    }));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(run(pipeline, stage, &flags));
            // A reader of standard input may sit in a call that never returns.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(Error::new(Kind::Failed, "failed to start").caused_by(error)),
    };
    match ended {
        Ok(Ended::Done) => ExitCode::from(exit::OK),
        Ok(Ended::NothingToDo) if flags.once => ExitCode::from(exit::NOTHING_TO_DO),
        Ok(Ended::NothingToDo) => ExitCode::from(exit::OK),
        Ok(Ended::Interrupted) => ExitCode::from(exit::INTERRUPTED),
        Err(error) => {
            say(told(&error));
            ExitCode::from(error.exit_code())
        }
    }
}

/// A line on stderr. Nobody may be listening, or its disk may be full, and that changes nothing.
fn say(text: impl Display) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

fn told(error: &Error) -> String {
    match error.next_step() {
        Some(step) => format!("error: {error}\n  next: {step}"),
        None => format!("error: {error}"),
    }
}

fn parse(stage: &Stage) -> Result<Flags, clap::Error> {
    let mut command = Flags::command()
        .name(stage.worker)
        .version(env!("CARGO_PKG_VERSION"))
        .about(stage.about)
        .after_help(format!(
            "Takes orders in {}, {} per session, and moves them on to {}.\n\
             Ctrl-C once: finish the running turn, give the rest back, end. Twice: end the agent at once.\n\
             Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 nothing to do, 7 queue unfit, 130 stopped at once.",
            stage.takes.iter().map(State::as_str).collect::<Vec<_>>().join(", "),
            stage.batch,
            stage.then,
        ));
    if makes_orders(stage) {
        command = command.mut_arg("feature_list", |arg| arg.hide(false));
    }
    let mut matches = command.try_get_matches_from_mut(std::env::args_os())?;
    let flags = Flags::from_arg_matches_mut(&mut matches)?;
    if flags.feature_list.is_some() && !makes_orders(stage) {
        let told = "--feature-list is for the worker that takes NEW orders\n";
        return Err(command.error(clap::error::ErrorKind::ArgumentConflict, told));
    }
    Ok(flags)
}

/// Only the stage at the door makes orders.
fn makes_orders(stage: &Stage) -> bool {
    stage.takes.contains(&State::NEW)
}

async fn run(pipeline: Pipeline, stage: Stage, flags: &Flags) -> Result<Ended> {
    let place = Place::find(&Given {
        dir: flags.project.clone(),
        queue: flags.queue.clone(),
        logs: flags.logs.clone(),
        config: flags.config.clone(),
    })?;
    let by = match flags.instance {
        1 => stage.worker.to_owned(),
        k => format!("{}-{k}", stage.worker),
    };
    // In a folder that was never set up a log is not begun either.
    let logs = place.logs().ok().filter(|_| place.config.is_some());
    let log_file = logs.map(|logs| logs.join(format!("{by}.log")));
    let log = log::open(log_file.as_deref(), !flags.launched, flags.loudness);
    let ended = work(pipeline, stage, flags, &place, &by).await;
    if let (Err(error), false) = (&ended, flags.launched) {
        // What a launched worker says on stderr is in its log already.
        log.write_down(&told(error));
    }
    ended
}

async fn work(
    pipeline: Pipeline,
    stage: Stage,
    flags: &Flags,
    place: &Place,
    by: &str,
) -> Result<Ended> {
    let stop = Stop::new();
    listen(&stop, flags.launched)?;
    let Some(shop) = set_up_in_time(pipeline, stage, flags, place, by, &stop).await? else {
        return Ok(Ended::NothingToDo);
    };
    let telling = tell_stopping(stop.clone(), shop.teller.clone());
    let until = match (flags.once, flags.until_idle || flags.feature_list.is_some()) {
        (true, _) => Until::Once,
        (_, true) => Until::Idle,
        _ => Until::Stopped,
    };
    let ended = worker::run(&shop, until, &stop).await;
    telling.abort();
    ended
}

/// Sets up. A launched worker that finds the disk full waits for room: to die of it again and again helps nobody.
/// `None` when it was told to stop meanwhile.
async fn set_up_in_time(
    pipeline: Pipeline,
    stage: Stage,
    flags: &Flags,
    place: &Place,
    by: &str,
    stop: &Stop,
) -> Result<Option<Arc<Shop>>> {
    let mut told = false;
    loop {
        let error = match set_up(pipeline.clone(), stage.clone(), flags, place, by, stop).await {
            Ok(ready) => return Ok(Some(ready)),
            Err(error) if flags.launched && error.kind() == Kind::DiskFull => error,
            Err(error) => return Err(error),
        };
        if !told {
            tracing::warn!(target: "shopfloor", "waiting for room on the disk: {error}");
            told = true;
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
            () = stop.drain_asked() => return Ok(None),
        }
    }
}

async fn set_up(
    pipeline: Pipeline,
    stage: Stage,
    flags: &Flags,
    place: &Place,
    by: &str,
    stop: &Stop,
) -> Result<Arc<Shop>> {
    let mut config = place.need_config()?;
    config.check_stages(&pipeline)?;
    can_prove(&stage, &config)?;
    apply(&mut config, flags);
    let (name, agent) = config.agent_for(stage.name, flags.agent.as_deref())?;
    let agent = agent::from_config(name, agent, place.config_folder())?;
    let standing = Standing::of(config.sandbox_for(stage.name), agent.simulated()).await?;
    let prompts = place.prompts(pipeline.stages())?;
    let queue = place.open_queue_for(&pipeline)?;
    let listed = match &flags.feature_list {
        Some(list) => Some(create(queue.as_ref(), list)?),
        None => None,
    };
    let narrowed = Some(flags.only.clone()).filter(|only| !only.is_empty());
    let floor = place.floor()?;
    let enlisted = queue.enlist(stage.name)?;
    let cookie = format!("{}/own", enlisted.worker);
    let workspace = place.open_workspace(&config, &queue, &cookie).await?.heeding(stop);
    let batch = flags.batch_size.map(|size| size as usize);
    let batch = config.batch_for(&stage, batch).max(listed.as_ref().map_or(0, Vec::len));
    let bounds = bounds(listed.or(narrowed), flags.until.clone(), &pipeline)?;
    let config = Arc::new(config);
    let slots = place.slots()?;
    let home = floor.home(by);
    let gates = Gates::new(Arc::clone(&config), workspace.clone(), floor.clone(), slots, cookie);
    let teller = Teller::new(by, &floor, flags.json);
    let folder = place.queue()?.to_owned();
    let survey = place.survey(&config, queue.clone(), &pipeline)?;
    let permits = Permits::of(&floor, &config.floor);
    let shop = Shop {
        pipeline,
        stage,
        config,
        queue,
        folder,
        floor,
        workspace,
        gates,
        agent,
        standing,
        home,
        teller,
        survey,
        permits,
        enlisted,
        batch,
        bounds,
        prompts,
    };
    Ok(Arc::new(shop))
}

/// What the worker is narrowed to, checked.
fn bounds(only: Option<Vec<OrderId>>, until: Option<State>, pipeline: &Pipeline) -> Result<Bounds> {
    if let Some(until) = until.as_ref().filter(|until| !pipeline.knows(until)) {
        let states: Vec<String> = pipeline.states().iter().map(State::to_string).collect();
        return Err(Error::usage(format!("--until {until} is not a state of this pipeline"))
            .hint(format!("the states are {}", states.join(", "))));
    }
    Ok(Bounds { only, until })
}

/// Without a test command the turns of this stage could not be proved, and would be paid for in vain.
fn can_prove(stage: &Stage, config: &Config) -> Result<()> {
    let tests = |step: &Step| matches!(step.gate, Gate::Red | Gate::Green | Gate::Union);
    if !stage.gates.iter().any(tests) || !config.project.test.command.is_empty() {
        return Ok(());
    }
    let told = format!("shopfloor.toml has no test command, and the {} stage needs it", stage.name);
    Err(Error::usage(told)
        .hint("set it: [project.test] command = \"cargo test\", or what runs your tests"))
}

fn apply(config: &mut Config, flags: &Flags) {
    let limits = &mut config.limits;
    limits.session_timeout = flags.session_timeout.unwrap_or(limits.session_timeout);
    limits.turn_timeout = flags.turn_timeout.unwrap_or(limits.turn_timeout);
    limits.idle_timeout = flags.idle_timeout.unwrap_or(limits.idle_timeout);
}

/// Makes the orders of a feature list. All ids are read before the first order is made.
fn create(queue: &dyn Queue, list: &str) -> Result<Vec<OrderId>> {
    let ids: Vec<OrderId> = list
        .split([' ', ',', '\n', '\t'])
        .filter(|id| !id.is_empty())
        .map(OrderId::parse)
        .collect::<Result<_>>()?;
    if ids.is_empty() {
        return Err(Error::usage("the feature list is empty")
            .hint("give ids: --feature-list \"item-stacking resource-nodes\""));
    }
    for id in &ids {
        let mut request = Request::titled(id.as_str().replace(['-', '_'], " "));
        request.source = Some("feature list".to_owned());
        match queue.create(id, &request)? {
            Created::Made => tracing::info!(target: "shopfloor", "{id}: created"),
            Created::Exists => tracing::info!(target: "shopfloor", "{id}: is there already"),
        }
    }
    Ok(ids)
}

/// Turns signals, and the end of standard input when the launcher holds it, into requests to stop. A closed terminal asks
/// politely, and only once.
fn listen(stop: &Stop, launched: bool) -> Result<()> {
    let hear = |kind| {
        signal(kind).map_err(|error| {
            Error::new(Kind::Failed, "failed to listen to signals").caused_by(error)
        })
    };
    let (mut interrupt, mut terminate, mut hangup) = (
        hear(SignalKind::interrupt())?,
        hear(SignalKind::terminate())?,
        hear(SignalKind::hangup())?,
    );
    let asked = stop.clone();
    drop(tokio::spawn(async move {
        let mut echo = Echo::default();
        loop {
            let hung_up = tokio::select! {
                _ = interrupt.recv() => false,
                _ = terminate.recv() => false,
                _ = hangup.recv() => true,
            };
            if echo.is_new(Instant::now()) && !(hung_up && asked.draining()) {
                asked.ask();
            }
        }
    }));
    if launched {
        let stop = stop.clone();
        // The launcher holds the other end and writes nothing: an end means that it is gone.
        drop(tokio::spawn(async move {
            let mut sink = tokio::io::sink();
            drop(tokio::io::copy(&mut tokio::io::stdin(), &mut sink).await);
            if !stop.draining() {
                stop.ask();
            }
        }));
    }
    Ok(())
}

fn tell_stopping(stop: Stop, teller: Teller) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        stop.drain_asked().await;
        teller.tell(What::Stopping { now: stop.is_now() });
        if !stop.is_now() {
            stop.now_asked().await;
            teller.tell(What::Stopping { now: true });
        }
    })
}
