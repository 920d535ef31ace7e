//! `shopfloor.toml`: what the operator decided. Unknown keys are errors with line and column.

mod budget;
mod floor;
mod hire;
mod sandbox;
mod source;

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::report::Choice;

pub use budget::Budget;
pub use floor::FloorConfig;
pub use hire::{AccountConfig, Hire, Resume};
pub use sandbox::Sandbox;
pub use source::Source;

/// The name of the file, found by walking up from the working folder.
pub const FILE_NAME: &str = "shopfloor.toml";

/// The whole file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The repository worked on.
    pub project: Project,
    /// Where worktrees go.
    pub worktree: Worktree,
    /// Limits of time and of patience.
    pub limits: Limits,
    /// What holds for all stages together.
    pub floor: FloorConfig,
    /// What the changes of an order may touch.
    pub policy: Policy,
    /// Agents by name.
    pub agent: BTreeMap<String, AgentConfig>,
    /// Accounts that agents use, by name. One that needs no settings needs no table.
    pub account: BTreeMap<String, AccountConfig>,
    /// Settings per stage, by its name.
    pub stage: BTreeMap<String, StageConfig>,
    /// Gates of the user's own, by name.
    pub gate: BTreeMap<String, GateConfig>,
    /// The agent of every stage that names none.
    pub agent_default: Option<String>,
}

/// `[project]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Project {
    /// The branch that finished work is meant for. Unset: the branch checked out in the project.
    pub base: Option<String>,
    /// How its tests are run.
    pub test: TestConfig,
    /// Files with the project's own instructions for agents, relative to it: of these the first that the base has is
    /// passed to every session. Unset: `AGENTS.md`, then `CLAUDE.md`. Empty: none.
    pub instructions: Option<Vec<String>>,
}

/// `[project.test]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TestConfig {
    /// The command, an array or one string split like a shell would (but no shell runs it).
    #[serde(deserialize_with = "argv")]
    pub command: Vec<String>,
    /// The most time one run may take.
    #[serde(deserialize_with = "duration")]
    pub timeout: Duration,
    /// Variables it gets beyond the allowlist.
    pub env: BTreeMap<String, String>,
    /// The form of its report: `auto`, or one of the adapters' words.
    pub report: Choice,
    /// The file it writes its report into, relative to the worktree. Unset: the output, or a file we name in its
    /// environment where the tool takes one from there.
    #[serde(deserialize_with = "path_inside")]
    pub report_path: Option<PathBuf>,
}

impl Default for TestConfig {
    fn default() -> Self {
        Self {
            command: Vec::new(),
            timeout: Duration::from_secs(600),
            env: BTreeMap::new(),
            report: Choice::Auto,
            report_path: None,
        }
    }
}

/// `[worktree]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Worktree {
    /// The folder of all worktrees. Unset: `<XDG state folder>/shopfloor/<queue id>/worktrees`.
    pub root: Option<PathBuf>,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Failed tries of one stage before an order is buried.
    pub attempts: usize,
    /// Crashes alone in 72 h before an order is buried.
    pub crashes: usize,
    /// Times a later stage may send an order back before it is buried.
    pub bounces: usize,
    /// Fix turns after a red gate while the session is warm.
    pub fix_turns: u32,
    /// The first wait after a failed try; it doubles.
    #[serde(deserialize_with = "duration")]
    pub backoff: Duration,
    /// The longest such wait.
    #[serde(deserialize_with = "duration")]
    pub backoff_cap: Duration,
    /// The first pause of a stage whose machine or set-up failed; it doubles up to `breaker_cap`.
    #[serde(deserialize_with = "duration")]
    pub breaker: Duration,
    /// The longest such pause (a usage limit's own reset time may be later).
    #[serde(deserialize_with = "duration")]
    pub breaker_cap: Duration,
    /// The most time one turn may take.
    #[serde(deserialize_with = "duration")]
    pub turn_timeout: Duration,
    /// The most time one session may take.
    #[serde(deserialize_with = "duration")]
    pub session_timeout: Duration,
    /// The most time a session may be silent while it waits for its model.
    #[serde(deserialize_with = "duration")]
    pub idle_timeout: Duration,
    /// The most time it may be silent while a tool runs: a build or a test run prints nothing to us.
    #[serde(deserialize_with = "duration")]
    pub tool_idle_timeout: Duration,
    /// How often a usage limit is looked at that does not say when it ends.
    #[serde(deserialize_with = "duration")]
    pub limit_probe: Duration,
    /// The longest usage limit a worker waits for. A longer one ends it. Unset: any.
    #[serde(deserialize_with = "some_duration")]
    pub max_limit_wait: Option<Duration>,
    /// What may be used by an order in its whole life, by any session, and on one day by all stages together.
    pub budget: Budget,
    /// The time between two looks at the queue when nothing wakes a worker.
    #[serde(deserialize_with = "duration")]
    pub poll: Duration,
    /// Free space (MiB) below which nothing new is claimed.
    pub free_mib: u64,
    /// The most bytes of output kept of one gate run, and the end of it is what is kept.
    pub output_kib: u64,
    /// How many commands of gates run at once, over all workers of a person on this machine; at least 1.
    pub gate_slots: u32,
}

impl Default for Limits {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        Self {
            attempts: 5,
            crashes: 3,
            bounces: 5,
            fix_turns: 1,
            backoff: Duration::from_secs(30),
            backoff_cap: minutes(60),
            breaker: Duration::from_secs(30),
            breaker_cap: minutes(30),
            turn_timeout: minutes(45),
            session_timeout: minutes(240),
            idle_timeout: minutes(10),
            tool_idle_timeout: minutes(35),
            limit_probe: minutes(30),
            max_limit_wait: None,
            budget: Budget::default(),
            poll: Duration::from_secs(2),
            free_mib: 512,
            output_kib: 1024,
            gate_slots: 1,
        }
    }
}

/// `[policy]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Path patterns (`*` within a name, `**` across folders) that, besides those every project has, may change only
    /// when the order's files name them. `!pattern` takes one away.
    pub protected: Vec<String>,
    /// Path patterns that every order may touch without naming them.
    pub allowed: Vec<String>,
    /// What becomes of changes outside the named and the allowed files.
    pub drift: Drift,
    /// The most lines an order may add and remove.
    pub max_lines: u64,
    /// The largest file it may add, KiB.
    pub max_file_kib: u64,
    /// The largest binary file it may add without naming it, KiB.
    pub max_binary_kib: u64,
}

/// What becomes of changes outside the files an order named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Drift {
    /// They are named in the record.
    Tell,
    /// They send the order back.
    Refuse,
}

impl Default for Policy {
    fn default() -> Self {
        // Tests, documents, and the files in which a new file is made known to others.
        let allowed = [
            "**/{test,tests,__tests__,spec,snapshots,__snapshots__}/**",
            "**/{test_*,*_test.*,*_spec.*,*.test.*,*.spec.*}",
            "{doc,docs}/**",
            "**/*.md",
            "{CHANGELOG,CHANGES}*",
            "**/{lib,main,mod}.rs",
            "**/__init__.py",
            "**/index.{js,jsx,mjs,cjs,ts,tsx}",
        ];
        Self {
            protected: Vec::new(),
            allowed: allowed.map(str::to_owned).to_vec(),
            drift: Drift::Tell,
            max_lines: 5_000,
            max_file_kib: 1_024,
            max_binary_kib: 256,
        }
    }
}

/// Which of our drivers speaks to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriverName {
    /// Claude Code's stream-json, many turns a process.
    Claude,
    /// Codex's app-server, many turns a process; `codex exec` where there is none.
    Codex,
    /// `codex exec`, one process a turn.
    #[serde(rename = "codex-exec")]
    CodexExec,
    /// opencode, one prompt a batch.
    Opencode,
    /// Gemini CLI, one prompt a batch.
    Gemini,
    /// Qwen Code, one prompt a batch.
    Qwen,
    /// Any program, one shot per batch.
    Command,
}

/// What an agent may do on its machine, as far as its program decides that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permissions {
    /// What the work needs: files and commands, inside the program's own sandbox where it has one.
    #[default]
    Work,
    /// Everything its user may do. For an agent that stands inside a wall of yours.
    Full,
}

/// `[agent.NAME]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// Which driver speaks to it.
    pub driver: DriverName,
    /// The program; a relative path with a slash is taken from the folder of shopfloor.toml.
    pub program: String,
    /// Further arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// The model to ask for, where the driver has a flag for it.
    #[serde(default)]
    pub model: Option<String>,
    /// The version that its program should be; another one is warned of. Unset: the one its driver was written against.
    #[serde(default)]
    pub version: Option<String>,
    /// What it may do.
    #[serde(default)]
    pub permissions: Permissions,
    /// The account it uses. Unset: one of its own name.
    #[serde(default)]
    pub account: Option<String>,
    /// Variables it gets beyond the allowlist. `"${NAME}"` as a whole value takes NAME from our environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Its work is simulated, and is labelled so wherever it is shown.
    #[serde(default)]
    pub simulated: bool,
}

impl AgentConfig {
    /// An agent with nothing but a driver and a program.
    pub fn new(driver: DriverName, program: &str) -> Self {
        Self {
            driver,
            program: program.to_owned(),
            args: Vec::new(),
            model: None,
            version: None,
            permissions: Permissions::default(),
            account: None,
            env: BTreeMap::new(),
            simulated: false,
        }
    }
}

/// `[stage.NAME]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StageConfig {
    /// The agent of this stage, `agent` or `agent:account`.
    pub agent: Option<String>,
    /// Several, in the order in which they are asked: a later one works only while the accounts before it are parked.
    pub agents: Vec<String>,
    /// The model to ask for, instead of the agent's own.
    pub model: Option<String>,
    /// Arguments after the agent's own.
    pub args: Vec<String>,
    /// What the agent may do, instead of its own setting.
    pub permissions: Option<Permissions>,
    /// How many orders one session may take.
    pub batch: Option<usize>,
    /// How many workers run side by side.
    pub parallel: Option<usize>,
    /// Instead of `[limits] turn_timeout`.
    #[serde(deserialize_with = "some_duration")]
    pub turn_timeout: Option<Duration>,
    /// Instead of `[limits] session_timeout`.
    #[serde(deserialize_with = "some_duration")]
    pub session_timeout: Option<Duration>,
    /// Instead of `[limits] idle_timeout`.
    #[serde(deserialize_with = "some_duration")]
    pub idle_timeout: Option<Duration>,
    /// Instead of `[limits] tool_idle_timeout`.
    #[serde(deserialize_with = "some_duration")]
    pub tool_idle_timeout: Option<Duration>,
    /// What may be used by an order in this stage, by a session of it, and by the stage on one day.
    pub budget: Budget,
    /// What is to stand around its agent.
    pub sandbox: Sandbox,
}

/// `[gate.NAME]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateConfig {
    /// The command, run in the order's worktree.
    #[serde(deserialize_with = "argv")]
    pub command: Vec<String>,
    /// The most time it may take.
    #[serde(default = "ten_minutes", deserialize_with = "duration")]
    pub timeout: Duration,
}

fn some_duration<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

fn ten_minutes() -> Duration {
    Duration::from_secs(600)
}

fn duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map_err(|error| serde::de::Error::custom(error.in_one_line()))
}

/// Reads `90s`, `10m`, `1h 30m`, `250ms`.
pub fn parse_duration(text: &str) -> Result<Duration> {
    let parsed = text.parse::<jiff::SignedDuration>();
    parsed.ok().and_then(|signed| Duration::try_from(signed).ok()).ok_or_else(|| {
        Error::usage(format!("{text:?} is not a length of time"))
            .hint("write it like 90s, 10m or 1h 30m")
    })
}

/// A path that stays in the folder it is relative to.
fn path_inside<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    let names = path.components().all(|part| matches!(part, Component::Normal(_)));
    match names && path.file_name().is_some() {
        true => Ok(Some(path)),
        false => Err(serde::de::Error::custom(format!(
            "{} must be relative to the worktree and stay in it, like target/junit.xml",
            path.display()
        ))),
    }
}

fn argv<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a command is one string, or an array of strings")]
    enum Written {
        Line(String),
        Words(Vec<String>),
    }
    match Written::deserialize(deserializer)? {
        Written::Words(words) => Ok(words),
        Written::Line(line) => shlex::split(&line)
            .ok_or_else(|| serde::de::Error::custom("a quote is never closed in this command")),
    }
}

impl Config {
    /// Reads the text of a `shopfloor.toml`; `path` is only for the message.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let config: Self = toml::from_str(text).map_err(|error| {
            Error::usage(format!("failed to read {}: {error}", path.display()))
                .hint("mend that line; `shopfloor init` writes a commented example")
        })?;
        for (name, stage) in &config.stage {
            if stage.batch == Some(0) || stage.parallel == Some(0) {
                return Err(Error::usage(format!(
                    "{}: [stage.{name}] batch and parallel must be at least 1",
                    path.display()
                ))
                .hint("correct it, or take the line out: the stage's own number holds then"));
            }
        }
        config.check_agents(path)?;
        Ok(config)
    }

    /// Reads the file at `path`.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count();
            let path = path.display();
            Error::usage(format!("failed to read {path}: line {line} is not UTF-8 text")).hint(
                "mend that line; `shopfloor init --force` writes a fresh file and keeps this one",
            )
        })?;
        Self::parse(&text, path)
    }

    /// Refuses settings for stages that the pipeline does not have: most likely a name was mistyped.
    pub fn check_stages(&self, pipeline: &crate::stage::Pipeline) -> Result<()> {
        let Some(name) = self.stage.keys().find(|name| pipeline.stage(name).is_none()) else {
            return Ok(());
        };
        let known: Vec<&str> = pipeline.stages().iter().map(|stage| stage.name).collect();
        Err(Error::usage(format!("[stage.{name}] in shopfloor.toml: there is no stage {name}"))
            .hint(format!("the stages are {}", known.join(", "))))
    }

    /// The file that holds for `folder`: in it, or in the nearest folder above.
    pub fn find(folder: &Path) -> Option<PathBuf> {
        folder.ancestors().map(|above| above.join(FILE_NAME)).find(|path| path.is_file())
    }

    /// What is to stand around the agent of `stage`.
    pub fn sandbox_for(&self, stage: &str) -> Sandbox {
        self.stage.get(stage).map_or_else(Sandbox::default, |settings| settings.sandbox)
    }

    /// The batch size of a stage: the flag's, the file's, or the stage's own.
    pub fn batch_for(&self, stage: &crate::stage::Stage, flag: Option<usize>) -> usize {
        flag.or(self.stage.get(stage.name).and_then(|s| s.batch)).unwrap_or(stage.batch).max(1)
    }

    /// How many workers of a stage run side by side.
    pub fn parallel_for(&self, stage: &str) -> usize {
        self.stage.get(stage).and_then(|s| s.parallel).unwrap_or(1).max(1)
    }
}

#[cfg(test)]
mod tests;
