//! Which version each agent's program is, and whether its driver was written against that one. Drivers match on field
//! names and codes, which change between versions: another one is warned of, and tried.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shopfloor::agent;
use shopfloor::config::{AgentConfig, Config};
use shopfloor::error::Result;
use shopfloor::floor::{self, Floor};
use shopfloor::place::Place;
use shopfloor::process::Program;
use shopfloor::stages::STAGES;
use shopfloor::stop::Stop;

use crate::preflight;
use crate::voice::line;
use crate::waiting::{cookie, wait_for};

/// How long a program may take to say its version.
const LIMIT: Duration = Duration::from_secs(5);

/// One agent's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    /// The agent's name.
    pub(crate) agent: String,
    /// What it says, one line; `None` when it did not say.
    pub(crate) said: Option<String>,
    /// The version it should be: the operator's, or the one its driver was written against.
    pub(crate) wanted: String,
}

impl Version {
    /// True when it says another number than it should.
    pub(crate) fn drifted(&self) -> bool {
        self.said.as_deref().and_then(number).is_some_and(|number| number != self.wanted)
    }

    /// For a person, in a few words.
    pub(crate) fn told(&self) -> String {
        let said = self.said.as_deref().unwrap_or("version unknown");
        match self.drifted() {
            true => format!("{} {said} (wanted: {})", self.agent, self.wanted),
            false => format!("{} {said}", self.agent),
        }
    }
}

/// The version an agent's program should be; `None` where none is known to be right.
pub(crate) fn wanted(agent: &AgentConfig) -> Option<String> {
    let known = || agent::written_against(agent.driver).map(str::to_owned);
    agent.version.clone().or_else(known).filter(|_| !agent.simulated)
}

/// Asks the agents that the stages use.
pub(crate) fn look(config: &Config, flag: Option<&str>, place: &Place) -> Vec<Version> {
    let mut all: Vec<Version> = Vec::new();
    for stage in &STAGES {
        let Ok((name, agent)) = config.agent_for(stage.name, flag) else { continue };
        let Some(wanted) = wanted(&agent) else { continue };
        if all.iter().any(|known| known.agent == name) {
            continue;
        }
        let Ok(path) = preflight::program_of(&name, &agent, place) else { continue };
        let said = ask(&path).ok().flatten();
        all.push(Version { agent: name, said, wanted });
    }
    all
}

/// The first line that a program says when it is asked for its version; an error when it can't be run.
pub(crate) fn ask(path: &Path) -> Result<Option<String>, String> {
    let argv = [path.display().to_string(), "--version".to_owned()];
    let program = Program::new(&argv, &std::env::temp_dir(), &cookie());
    let ran = program
        .and_then(|program| wait_for(async { program.run(b"", LIMIT, 4096, &Stop::new()).await })?);
    let ran = ran.map_err(|error| error.to_string())?;
    let text = ran.text();
    if !ran.ok() {
        let said = line(text.lines().next().unwrap_or_default(), 120);
        return Err(format!("asked for its version it ended with {}: {said}", ran.ended));
    }
    Ok(text.lines().map(|text| line(text, 80)).find(|text| !text.is_empty()))
}

/// The number in what a program says of its version: the first word that begins with a digit and has a dot.
fn number(said: &str) -> Option<&str> {
    let words = said.split(|c: char| c.is_whitespace() || "(),".contains(c));
    let words = words.map(|word| word.strip_prefix('v').unwrap_or(word));
    words
        .into_iter()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))
}

/// Keeps what was found at the start of a launcher, for `status`.
pub(crate) fn keep(floor: &Floor, versions: &[Version]) -> Result<()> {
    let json = serde_json::to_vec(versions).unwrap_or_default();
    let path = floor.run().join("agents.json");
    floor::replace(&path, &json)
}

/// What was kept; nothing when no launcher has looked yet.
pub(crate) fn kept(floor: &Floor) -> Vec<Version> {
    let kept = std::fs::read(floor.run().join("agents.json")).ok();
    kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(said: Option<&str>) -> Version {
        let (agent, wanted) = ("claude".to_owned(), "2.1.328".to_owned());
        Version { agent, said: said.map(str::to_owned), wanted }
    }

    #[test]
    fn another_number_is_a_drift_and_no_number_is_none() {
        assert!(!version(Some("2.1.328 (Claude Code)")).drifted());
        assert!(!version(Some("codex-cli v2.1.328")).drifted());
        assert!(version(Some("2.1.329 (Claude Code)")).drifted());
        assert!(!version(Some("Claude Code, nightly")).drifted());
        assert!(!version(None).drifted());
        assert_eq!(version(Some("2.2.0")).told(), "claude 2.2.0 (wanted: 2.1.328)");
    }
}
