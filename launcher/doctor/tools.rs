//! Findings about programs: git, the agents of shopfloor.toml, the test command, our own workers; and their versions.

use std::path::{Path, PathBuf};

use shopfloor::config::{AgentConfig, Config, DriverName};
use shopfloor::place::Place;

use super::finding::Finding;
use crate::preflight;
use crate::versions::{self, Version};

/// Programs that are known to tell their version and do nothing else. One of a person's own might begin to work.
const TELL: [&str; 9] =
    ["git", "claude", "codex", "gemini", "aider", "opencode", "goose", "amp", "qwen"];

/// One program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tool {
    /// What it is for: `git`, or `agent NAME`.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it says its version is. `None`: it was not asked, or did not say.
    pub(crate) version: Option<String>,
}

/// Looks for all of them.
pub(crate) fn look(config: &Config, place: &Place) -> (Vec<Tool>, Vec<Finding>) {
    let file = place.config.as_deref().map_or_else(String::new, |path| place.shown(path));
    let missing =
        |error: &shopfloor::error::Error| Finding::of_error("missing-tool", &*file, error);
    let mut findings: Vec<Finding> =
        preflight::agents(config, None, place).iter().map(missing).collect();
    findings.extend(preflight::test_command(config, place).err().iter().map(missing));
    if let Ok(folder) = preflight::programs(None) {
        let place = folder.display().to_string();
        let absent = preflight::workers(&folder);
        findings
            .extend(absent.iter().map(|error| Finding::of_error("missing-tool", &*place, error)));
    }
    let mut tools = Vec::new();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let git = crate::detect::program("git", Path::new("/"), &path);
    let git = git.map(|path| ("git".to_owned(), path, true));
    let agents = config.agent.iter().filter_map(|(name, agent)| {
        let path = preflight::program_of(name, agent, place).ok()?;
        let tells = tells(agent, &path);
        Some((format!("agent {name}"), path, tells))
    });
    for (name, path, tells) in git.into_iter().chain(agents) {
        let told = if tells { versions::ask(&path) } else { Ok(None) };
        if let Err(why) = &told {
            let what = format!("{name} is there and can't be run: {why}");
            let mend = format!("try it by hand: {} --version", path.display());
            findings.push(Finding::wrong("missing-tool", path.display().to_string(), what, mend));
        }
        tools.push(Tool { name, path, version: told.ok().flatten() });
    }
    findings.extend(config.agent.iter().filter_map(|(name, agent)| drift(name, agent, &tools)));
    (tools, findings)
}

fn tells(agent: &AgentConfig, path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    agent.driver == DriverName::Claude || name.is_some_and(|name| TELL.contains(&name))
}

/// An agent of another version than its driver was written against.
fn drift(name: &str, agent: &AgentConfig, tools: &[Tool]) -> Option<Finding> {
    let tool = tools.iter().find(|tool| tool.name == format!("agent {name}"))?;
    let wanted = versions::wanted(agent)?;
    let version = Version { agent: name.to_owned(), said: tool.version.clone(), wanted };
    version.drifted().then(|| {
        let what = format!("another version than was tried: {}", version.told());
        let mend = format!("try it on a few orders; then say so: [agent.{name}] version = \"...\"");
        Finding::note("other-version", tool.path.display().to_string(), what, mend)
    })
}
