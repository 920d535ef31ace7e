//! Who plays the agent, and the demo's shopfloor.toml.

use std::path::{Path, PathBuf};
use std::time::Duration;

use shopfloor::error::{Error, Kind, Result};

use super::folder::Folder;
use crate::detect;
use crate::flags::Demo;

/// The command that runs the tests of the demo's crate.
pub(super) const TEST: [&str; 4] = ["cargo", "test", "--offline", "--no-fail-fast"];

/// How many times as fast as in life the simulated agent works unless it is said.
const SPEED: f64 = 20.0;

/// The agent of the demo.
#[derive(Debug)]
pub(super) enum Agent {
    /// sim-agent, so many times as fast as in life.
    Simulated { program: PathBuf, speed: f64 },
    /// Claude Code from PATH, in real time.
    Claude,
}

impl Agent {
    /// The agent that was asked for, found on this machine.
    pub(super) fn of(flags: &Demo) -> Result<Self> {
        match (flags.agent.as_str(), flags.speed) {
            ("sim", speed) => Self::simulated(speed.unwrap_or(SPEED)),
            ("claude", None) => Self::claude(),
            ("claude", Some(_)) => Err(Error::usage("--speed is for the simulated agent")
                .hint("leave it out: a real agent works in real time")),
            (other, _) => Err(Error::usage(format!("the demo has no agent {other:?}"))
                .hint("--agent sim (SIMULATED, the default) or --agent claude")),
        }
    }

    fn simulated(speed: f64) -> Result<Self> {
        if !(0.1..=1000.0).contains(&speed) {
            return Err(Error::usage(format!("--speed {speed} is not between 0.1 and 1000")));
        }
        let own = std::env::current_exe().and_then(|own| own.canonicalize());
        let folder = own.ok().and_then(|own| own.parent().map(Path::to_owned)).unwrap_or_default();
        match detect::program("./sim-agent", &folder, "".as_ref()) {
            Some(_) => Ok(Self::Simulated { program: folder.join("sim-agent"), speed }),
            None => {
                let told = format!("{} has no sim-agent", folder.display());
                Err(Error::new(Kind::Environment, told)
                    .hint("build and install all programs: `cargo build --release`"))
            }
        }
    }

    fn claude() -> Result<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        match detect::program("claude", Path::new("/"), &path) {
            Some(_) => Ok(Self::Claude),
            None => Err(Error::new(Kind::Environment, "there is no program claude on PATH").hint(
                "install Claude Code and log in, or leave --agent out for the SIMULATED demo",
            )),
        }
    }

    /// True when its work is SIMULATED.
    pub(super) fn is_simulated(&self) -> bool {
        matches!(self, Self::Simulated { .. })
    }

    /// What its model calls are called.
    pub(super) fn label(&self) -> &'static str {
        if self.is_simulated() { " (SIMULATED)" } else { "" }
    }

    /// The longest the whole demo may take: several times what it takes on a slow machine. A real agent is left its time.
    pub(super) fn patience(&self) -> Duration {
        match self {
            Self::Simulated { speed, .. } => Duration::from_secs_f64(300.0 + 3600.0 / speed),
            Self::Claude => Duration::from_secs(12 * 3600),
        }
    }

    /// The text of the demo's shopfloor.toml.
    pub(super) fn config(&self, folder: &Folder) -> String {
        let test = TEST.join(" ");
        let mut text = format!(
            "# What `shopfloor demo` runs with.\n\n\
             [project]\nbase = \"main\"\n\n\
             [project.test]\ncommand = {test:?}\ntimeout = \"5m\"\n\n\
             [worktree]\nroot = {}\n\n",
            quoted(&folder.worktrees())
        );
        match self {
            Self::Claude => {
                text += "[agent.claude]\ndriver = \"claude\"\nprogram = \"claude\"\n";
                if std::env::var_os("ANTHROPIC_API_KEY").is_some_and(|key| !key.is_empty()) {
                    text += "env = { ANTHROPIC_API_KEY = \"${ANTHROPIC_API_KEY}\" }\n";
                }
            }
            Self::Simulated { program, speed } => text += &simulated(program, *speed, folder),
        }
        text
    }
}

/// Limits are the defaults divided by the speed, as the agent's times are. Time-outs stay generous: tests and machine
/// are real and know nothing of the speed.
fn simulated(program: &Path, speed: f64, folder: &Folder) -> String {
    let scaled =
        |secs: f64, least_ms: f64| format!("{:.0}ms", (secs * 1000.0 / speed).max(least_ms));
    let (backoff, poll) = (scaled(30.0, 100.0), scaled(2.0, 50.0));
    format!(
        "[limits]\nattempts = 3\nbackoff = {backoff:?}\nbreaker = {backoff:?}\npoll = {poll:?}\n\
         turn_timeout = \"5m\"\nidle_timeout = \"2m\"\n\n\
         # SIMULATED: its thinking comes from a scenario.\n\
         [agent.sim]\ndriver = \"claude\"\nprogram = {}\nsimulated = true\n\n\
         [agent.sim.env]\nSIM_AGENT_SCENARIO = {}\nSIM_AGENT_CALLS = {}\nSIM_AGENT_SPEED = \"{speed}\"\n",
        quoted(program),
        quoted(&folder.scenario()),
        quoted(&folder.calls()),
    )
}

/// A path as a string of TOML.
fn quoted(path: &Path) -> String {
    toml::Value::String(path.to_string_lossy().into_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shopfloor::config::Config;

    #[test]
    fn both_agents_have_a_valid_configuration() {
        let folder = Folder::make().unwrap();
        let sim = Agent::Simulated { program: PathBuf::from("/a \"b\"/sim-agent"), speed: 20.0 };
        for agent in [sim, Agent::Claude] {
            let config = Config::parse(&agent.config(&folder), Path::new("t")).unwrap();
            let (name, found) = config.agent_for("spec", None).unwrap();
            assert_eq!(found.simulated, agent.is_simulated(), "{name}");
            assert_eq!(config.worktree.root, Some(folder.worktrees()));
            assert_eq!(config.project.test.command, TEST);
        }
    }

    #[test]
    fn a_speed_that_is_none_is_refused() {
        assert!(Agent::simulated(0.0).is_err() && Agent::simulated(f64::NAN).is_err());
    }
}
