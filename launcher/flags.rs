//! The command line.

mod import;
mod run;
mod planning;
mod prompts;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, FromArgMatches, Parser, Subcommand};
use shopfloor::order::{Need, Priority};
use shopfloor::place::Given;
use shopfloor::stages::STAGES;
use shopfloor::state::State;

pub(crate) use import::{Import, Shape};
pub(crate) use planning::{Next, Plan, Why};
pub(crate) use prompts::{Check, Eject, Prompts, PromptsAct};
pub(crate) use run::{Batch, Run};

/// Turns a folder of work orders into verified commits.
///
/// Five kinds of worker - spec, test, implement, playtest, commit - take orders in batches, do them in coding-agent
/// sessions, and commands that shopfloor itself runs decide whether each order moves on.
#[derive(Debug, Parser)]
#[command(name = "shopfloor", version, propagate_version = true, disable_help_subcommand = true)]
#[command(after_help = "\
To see it at work, in about a minute and without any agent:
  shopfloor demo

A first run, in a git repository with at least one commit:
  shopfloor init                          look around and write shopfloor.toml
  shopfloor add \"Stack equal items\"       one order; prints its id
  shopfloor start                         launch all workers; Ctrl-C stops them
  shopfloor status                        what stands where, and why it waits

Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 nothing to do, 5 already running, 7 queue unfit,
8 timed out, 100 some orders failed, 130 stopped at once by a second Ctrl-C.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) places: Places,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where things are, and how loud to be.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Places {
    /// Do as if started in this folder
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub(crate) dir: Option<PathBuf>,
    /// The queue's folder [default: work-orders in the project]
    #[arg(long, value_name = "DIR", global = true, env = "SHOPFLOOR_QUEUE", hide_env = true)]
    pub(crate) queue: Option<PathBuf>,
    /// The folder of the workers' logs [default: logs in the project]
    #[arg(long, value_name = "DIR", global = true, env = "SHOPFLOOR_LOGS", hide_env = true)]
    pub(crate) logs: Option<PathBuf>,
    /// The configuration [default: the nearest shopfloor.toml upwards]
    #[arg(long, value_name = "FILE", global = true, env = "SHOPFLOOR_CONFIG", hide_env = true)]
    pub(crate) config: Option<PathBuf>,
    /// No remarks, only results, warnings and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// More remarks; twice: even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl Places {
    /// Where to look, as the library wants it.
    pub(crate) fn given(&self) -> Given {
        // `plan --queue` names no folder.
        let named = self.queue.clone().filter(|queue| !queue.as_os_str().is_empty());
        let elsewhere = || std::env::var_os("SHOPFLOOR_QUEUE").map(PathBuf::from);
        let queue = if named.is_none() && self.queue.is_some() { elsewhere() } else { named };
        Given { dir: self.dir.clone(), queue, logs: self.logs.clone(), config: self.config.clone() }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set a project up: write shopfloor.toml, make the folders
    Init(Init),
    /// Take in one work order; prints its id
    Add(Add),
    /// Take in a backlog: plans, work items, GitHub issues, JSON lines, a roadmap
    Import(Import),
    /// Launch all workers and look after them until Ctrl-C
    Start(Start),
    /// Drive exactly these orders up to a state, and stop
    Run(Run),
    /// The batches that were worked on: what each took, what became of it, what it cost
    Batches(Batch),
    /// Stop the launcher and all workers, and check that nothing is left
    Stop(Stop),
    /// What stands where, who does what, what waits and why
    Status(Status),
    /// Everything about one order
    Show(Show),
    /// What would be taken next, with the reason for each
    Next(Next),
    /// What can run side by side, the critical path, circles, conflicts, batches, an estimate
    Plan(Plan),
    /// Why an order waits
    Why(Why),
    /// Check the gates of an order again, from clean checkouts
    Verify(Verify),
    /// How healthy each gate is: runs, outcomes, times
    Gates(Gates),
    /// Read or follow the logs of the workers, or what happened to one order
    Logs(Logs),
    /// Keep an order from being claimed; also while it is in progress
    Hold(Hold),
    /// Take a hold away
    #[command(visible_alias = "unhold")]
    Release(Ids),
    /// Give an order another chance where it stands (or where it failed), at once
    Retry(Ids),
    /// Move an order to a state by hand
    Kick(Kick),
    /// Put finished orders into the archive
    Archive(Archive),
    /// The templates of what agents are told: change them, compare them, try them out
    Prompts(Prompts),
    /// Say what is wrong with a queue and this machine, and what to do about it
    Doctor(Doctor),
    /// Show the whole path on a small repository made for it, with a SIMULATED agent
    Demo(Demo),
}

/// `init`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cd my-project && shopfloor init")]
pub(crate) struct Init {
    /// Write a new shopfloor.toml; the old one is kept beside it as a backup
    #[arg(long)]
    pub(crate) force: bool,
}

/// `add`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shopfloor add \"Stack equal items\" --priority high
  shopfloor add \"Crafting queue\" --needs item-stacking --body notes.md --file src/craft.rs
  git log -1 --format=%B | shopfloor add \"Finish that\" --body -")]
pub(crate) struct Add {
    /// One line that names the work
    pub(crate) title: String,
    /// Its id [default: made from the title]
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// The work in full: a file of markdown, or - for stdin
    #[arg(long, value_name = "FILE|-")]
    pub(crate) body: Option<PathBuf>,
    /// Orders that must be done first: ID, or ID@STATE to wait for less
    #[arg(long, value_name = "ID", num_args = 1.., value_delimiter = ',', value_parser = need)]
    pub(crate) needs: Vec<Need>,
    /// Take it even when an order it needs does not exist yet
    #[arg(long)]
    pub(crate) allow_missing: bool,
    /// How soon: critical, high, normal, low, or 0 (first) to 9 (last)
    #[arg(long, value_name = "P", default_value = "normal", value_parser = priority, hide_default_value = true)]
    pub(crate) priority: Priority,
    /// A file it will touch, relative to the repository; may be repeated
    #[arg(long = "file", value_name = "PATH", num_args = 1..)]
    pub(crate) files: Vec<String>,
    /// A word of your own; may be repeated
    #[arg(long = "label", value_name = "L", num_args = 1..)]
    pub(crate) labels: Vec<String>,
    /// Print {"id", "state", "path"} instead of the id
    #[arg(long)]
    pub(crate) json: bool,
}

fn need(text: &str) -> Result<Need, String> {
    Need::try_from(text.to_owned()).map_err(|error| error.in_one_line())
}

fn priority(text: &str) -> Result<Priority, String> {
    Priority::parse(text).map_err(|error| error.in_one_line())
}

fn state(text: &str) -> Result<State, String> {
    State::parse(text).map_err(|error| error.in_one_line())
}

/// `start`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shopfloor start
  shopfloor start --test-batch 10 --impl-batch 2 --parallel implement=2
  shopfloor start --dry-run --parallel implement=2
  shopfloor start --until-idle && git log --oneline shopfloor/ready
  shopfloor start -d && tail -f logs/*-worker.log

Ctrl-C (or TERM) once: every worker finishes the turn under way, gives the rest back, and ends.
Twice: agents are killed and their orders given back. A worker that dies is started again after 1, 2, 4, 8 s;
at the fifth death within a minute its stage stops and the others go on (exit code 100 at the end).")]
pub(crate) struct Start {
    #[command(flatten)]
    pub(crate) batches: Batches,
    /// How many workers of a stage run side by side, for instance implement=2; may be repeated
    #[arg(long, value_name = "STAGE=N", value_parser = parallel)]
    pub(crate) parallel: Vec<(String, usize)>,
    /// The agent of every stage, as named in shopfloor.toml
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Run in the background; `shopfloor stop` ends it
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// End when no order can move any more by itself
    #[arg(long)]
    pub(crate) until_idle: bool,
    /// Show what would be launched and taken, and touch nothing
    #[arg(long, conflicts_with_all = ["detach", "until_idle"])]
    pub(crate) dry_run: bool,
    /// Print JSON lines: one when the workers are launched, one at the end
    #[arg(long)]
    pub(crate) json: bool,
    /// This is the process in the background.
    #[arg(long, hide = true)]
    pub(crate) detached: bool,
    /// Stop, as at Ctrl-C, when stdin closes: whoever started us is gone.
    #[arg(long, hide = true)]
    pub(crate) launched: bool,
    /// The folder of the worker programs [default: where shopfloor itself is]
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) workers_dir: Option<PathBuf>,
}

fn parallel(text: &str) -> Result<(String, usize), String> {
    let names = || STAGES.map(|stage| stage.name).join(", ");
    let form = || format!("write it like implement=2; the stages are {}", names());
    let (stage, number) = text.split_once('=').ok_or_else(form)?;
    let known = STAGES.into_iter().find(|s| [s.name, s.worker, s.flag].contains(&stage));
    let number = number.parse().ok().filter(|n| (1..=64).contains(n));
    match (known, number) {
        (None, _) => Err(format!("there is no stage {stage:?}; the stages are {}", names())),
        (_, None) => Err("the number must be 1 to 64".to_owned()),
        (Some(stage), Some(number)) => Ok((stage.name.to_owned(), number)),
    }
}

/// `--<stage>-batch N`, one flag per stage of the table.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    by_stage: BTreeMap<&'static str, usize>,
}

impl Batches {
    /// The size that was given for a stage.
    pub(crate) fn of(&self, stage: &str) -> Option<usize> {
        self.by_stage.get(stage).copied()
    }
}

impl Args for Batches {
    fn augment_args(mut command: clap::Command) -> clap::Command {
        for stage in &STAGES {
            let name = format!("{}-batch", stage.flag);
            let about = format!(
                "How many orders one session of {} may take [default: {}]",
                stage.worker, stage.batch
            );
            let size = clap::value_parser!(u16).range(1..=1000);
            command = command.arg(
                Arg::new(name.clone()).long(name).value_name("N").help(about).value_parser(size),
            );
        }
        command
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Batches {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = STAGES.into_iter().filter_map(|stage| {
            let size = matches.get_one::<u16>(&format!("{}-batch", stage.flag))?;
            Some((stage.name, usize::from(*size)))
        });
        Ok(Self { by_stage: given.collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.by_stage.extend(Self::from_arg_matches(matches)?.by_stage);
        Ok(())
    }
}

/// `stop`
#[derive(Debug, Args)]
#[command(after_help = "Exit code 4 when nothing runs.")]
pub(crate) struct Stop {
    /// Do not wait for turns under way: kill the agents and give their orders back
    #[arg(long)]
    pub(crate) now: bool,
}

/// `status`
#[derive(Debug, Args)]
#[command(after_help = "The shape of --json is in docs/commands.md.")]
pub(crate) struct Status {
    /// The same as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `show`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  shopfloor show item-stacking\n  shopfloor show item-stacking --evidence\n\nThe shape of --json is in docs/commands.md."
)]
pub(crate) struct Show {
    /// The order
    pub(crate) id: String,
    /// What the gates ran and found: commands, results, trees, tests by name, transcripts
    #[arg(long)]
    pub(crate) evidence: bool,
    /// The same as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `verify`
#[derive(Debug, Args)]
#[command(after_help = "\
Runs the baseline, RED, GREEN and UNION of the order again and says of each: agree, disagree, could not run.
Exit code 0 only when all agree, else 1.

Examples:
  shopfloor verify item-stacking
  shopfloor verify item-stacking --json")]
pub(crate) struct Verify {
    /// The order
    pub(crate) id: String,
    /// The same as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `gates`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  shopfloor gates\n  shopfloor gates --json")]
pub(crate) struct Gates {
    /// The same as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `logs`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shopfloor logs                     the end of every worker's log
  shopfloor logs implement -f        follow one stage
  shopfloor logs item-stacking       what happened to one order")]
pub(crate) struct Logs {
    /// A stage (spec, test, implement, playtest, commit), `launcher`, or the id of an order
    #[arg(value_name = "STAGE|ID")]
    pub(crate) what: Option<String>,
    /// Go on as lines are added, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// How many lines of each log [default: 20; of an order: all]
    #[arg(short = 'n', value_name = "N")]
    pub(crate) lines: Option<usize>,
}

/// `hold`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shopfloor hold item-stacking \"wait for the new art\"")]
pub(crate) struct Hold {
    /// The order
    pub(crate) id: String,
    /// Why
    #[arg(default_value = "")]
    pub(crate) why: String,
}

/// `release`, `retry`
#[derive(Debug, Args)]
pub(crate) struct Ids {
    /// The orders
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
}

/// `kick`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shopfloor kick item-stacking               a FAILED order, back to where it failed
  shopfloor kick item-stacking --to NEW      begin again with the spec

Attempts, bounces and waits are forgotten, and a claim on it is closed.")]
pub(crate) struct Kick {
    /// The order
    pub(crate) id: String,
    /// The state to move it to [default: the one it failed in]
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub(crate) to: Option<State>,
}

/// `archive`
#[derive(Debug, Args)]
pub(crate) struct Archive {
    /// The orders
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
    /// Also orders that are not finished
    #[arg(long)]
    pub(crate) force: bool,
}

/// `doctor`
#[derive(Debug, Args)]
#[command(after_help = "\
--fix touches only what can be made again: the index, traces of dead workers that hold nothing, half-built folders, and
worktrees that no order needs (their content is kept first). No order is changed, and nothing is killed.

Exit code 0 when nothing is wrong (any more), 1 when something is, 7 when there is no queue or it can't be used.

Examples:
  shopfloor doctor
  shopfloor doctor --fix
  shopfloor doctor --json | jq '.findings[] | select(.weight == \"wrong\")'")]
pub(crate) struct Doctor {
    /// Mend what can be made again
    #[arg(long)]
    pub(crate) fix: bool,
    /// The same as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `demo`
#[derive(Debug, Args)]
#[command(after_help = "\
Makes a small Rust crate with tests in a temporary folder, adds six orders, and starts the real launcher and the real
workers. The agent is sim-agent: its thinking is SIMULATED, from a scenario; the code, the tests, the gates and the
commits are real. One order needs a fix turn, one is sent back by its playtest, one has an agent that lies.

Needs git and cargo. Exit code 0 when it ended as it should, 1 when not (and it says what differs), 130 after Ctrl-C.

Examples:
  shopfloor demo
  shopfloor demo --keep            leave the folder, to look at
  shopfloor demo --agent claude    with the real CLI, in real time; it costs tokens")]
pub(crate) struct Demo {
    /// Leave the folder and print where it is
    #[arg(long)]
    pub(crate) keep: bool,
    /// sim (SIMULATED), or claude: the real CLI
    #[arg(long, value_name = "NAME", default_value = "sim")]
    pub(crate) agent: String,
    /// How many times as fast as in life the simulated agent works [default: 20]
    #[arg(long, value_name = "X")]
    pub(crate) speed: Option<f64>,
    /// Print one JSON document at the end, and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}
