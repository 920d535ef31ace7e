//! The command line: a few flags of our own among Claude Code's, which are accepted and ignored.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::pace::Pace;
use crate::scenario::Scenario;

/// The help text.
pub(crate) const HELP: &str = "\
SIMULATED sim-agent: a simulated coding agent for tests and demonstrations

Usage: sim-agent [--scenario FILE] [--seed N] [--speed X] [--oneshot] [flags of Claude Code, ignored]

  --scenario FILE  what it does at each order    [env: SIM_AGENT_SCENARIO]
  --seed N         seed of its times             [env: SIM_AGENT_SEED]
  --speed X        divides every time by X       [env: SIM_AGENT_SPEED]
  --oneshot        a one-shot command: reads batch.json, leaves results/<id>.json

SIM_AGENT_CALLS names a file that gets one line per simulated model call, SIM_AGENT_ALONE a folder in which each
turn locks its order. See docs/sim-agent.md.";

/// What it was started with.
#[derive(Debug)]
pub(crate) struct Options {
    /// As a one-shot command.
    pub(crate) oneshot: bool,
    /// What to do.
    pub(crate) scenario: Scenario,
    /// How fast.
    pub(crate) pace: Pace,
    /// The session's id, as Claude Code is told it.
    pub(crate) session: String,
    /// The file that counts model calls.
    pub(crate) calls: Option<PathBuf>,
    /// The folder in which each turn locks its order.
    pub(crate) alone: Option<PathBuf>,
}

impl Options {
    /// From the command line and the environment; `None` when only help is wanted.
    pub(crate) fn read() -> Result<Option<Self>, String> {
        let args: Vec<String> =
            std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
        if args.iter().any(|arg| arg == "--help" || arg == "--version") {
            return Ok(None);
        }
        let scenario = match value(&args, "--scenario", "SIM_AGENT_SCENARIO") {
            Some(path) => Scenario::load(PathBuf::from(path))?,
            None => Scenario::default(),
        };
        let seed = number(&args, "--seed", "SIM_AGENT_SEED", 0.0)?;
        let speed = number(&args, "--speed", "SIM_AGENT_SPEED", 1.0)?;
        if speed <= 0.0 {
            return Err("--speed must be more than 0".to_owned());
        }
        Ok(Some(Self {
            oneshot: args.iter().any(|arg| arg == "--oneshot"),
            pace: Pace::new(seed as u64, speed, scenario.jitter),
            scenario,
            session: value(&args, "--session-id", "")
                .map_or("00000000-0000-4000-8000-000000000000".to_owned(), |id| {
                    id.to_string_lossy().into_owned()
                }),
            calls: std::env::var_os("SIM_AGENT_CALLS").map(PathBuf::from),
            alone: std::env::var_os("SIM_AGENT_ALONE").map(PathBuf::from),
        }))
    }
}

/// `--flag VALUE` or `--flag=VALUE` (the last one counts), else the variable.
fn value(args: &[String], flag: &str, variable: &str) -> Option<OsString> {
    let with = format!("{flag}=");
    let mut found = args.iter().enumerate().filter_map(|(at, arg)| match arg.strip_prefix(&with) {
        Some(value) => Some(value.to_owned()),
        None if arg == flag => args.get(at + 1).cloned(),
        None => None,
    });
    let variable = || (!variable.is_empty()).then(|| std::env::var_os(variable)).flatten();
    found.next_back().map(OsString::from).or_else(variable)
}

fn number(args: &[String], flag: &str, variable: &str, unset: f64) -> Result<f64, String> {
    let Some(text) = value(args, flag, variable) else { return Ok(unset) };
    let text = text.to_string_lossy();
    text.parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
        .ok_or_else(|| format!("{flag} (or {variable}) is {text:?}, and that is not a number"))
}
