//! `shopfloor init`: looks around and sets a project up. Nothing that is there is ever overwritten.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use shopfloor::config::{Config, FILE_NAME};
use shopfloor::error::{Error, Kind};
use shopfloor::floor::unix_now;
use shopfloor::queue::files::FileQueue;
use shopfloor::workspace::Workspace;

use crate::detect;
use crate::flags::Init;
use crate::voice::{self, Done, Voice};
use crate::waiting::wait_for;
use shopfloor::place::Place;

/// Sets the project up.
pub(crate) fn run(flags: &Init, place: &Place, voice: Voice) -> Result<Done> {
    let project = place.project()?;
    check_repository(project)?;
    let path = project.join(FILE_NAME);
    let (queue, logs) = (place.queue()?, place.logs()?);
    let had_config = path.exists();
    let had_queue = place.floor()?.identity().is_file();
    if had_config && had_queue && !flags.force {
        let told =
            format!("{} is set up already: {} is there", project.display(), place.shown(&path));
        let hint = "edit it by hand; --force writes a new one and keeps the old as a backup";
        return Err(Error::new(Kind::AlreadyRunning, told).hint(hint).into());
    }
    if !had_queue {
        FileQueue::init(queue)?;
        voice::result(format_args!("made      {}  (the queue)", place.shown(queue)))?;
    }
    std::fs::create_dir_all(logs).map_err(|error| Error::io("make the folder", logs, error))?;
    exclude(project, &[queue, logs], place)?;
    if had_config && !flags.force {
        voice.remark(format_args!("kept {}, which is there already", place.shown(&path)));
    } else {
        write_config(project, &path, place, voice)?;
    }
    voice::result(
        "\nNext:  git add shopfloor.toml && git commit -m \"shopfloor\"\n       shopfloor add \"what is wanted\"\n       shopfloor start",
    )?;
    Ok(Done::Well)
}

/// A project must be a git repository with a commit. Looked at through a workspace of which nothing stays.
fn check_repository(project: &Path) -> Result<()> {
    let scratch = tempfile::tempdir()
        .map_err(|error| Error::io("make a folder in", &std::env::temp_dir(), error))?;
    let (root, locks) = (scratch.path().join("worktrees"), scratch.path().join("locks"));
    std::fs::create_dir(&locks).map_err(|error| Error::io("make the folder", &locks, error))?;
    let cookie = format!("launcher/{}", std::process::id());
    wait_for(Workspace::open(project, &root, None, &locks, &cookie))??;
    Ok(())
}

fn write_config(project: &Path, path: &Path, place: &Place, voice: Voice) -> Result<()> {
    let test = detect::test_command(project);
    let path_variable = std::env::var_os("PATH").unwrap_or_default();
    let agent = AGENTS
        .into_iter()
        .find_map(|agent| Some((agent, detect::program(agent.0, project, &path_variable)?)));
    let known = agent.as_ref().map(|(agent, _)| *agent);
    let (_, key) = known.unwrap_or(AGENTS[0]);
    let has_key = std::env::var_os(key).is_some_and(|key| !key.is_empty());
    let text = template(test.map(|(command, _)| command), known, has_key);
    // What we write must be what we read.
    Config::parse(&text, path)?;
    if path.exists() {
        let backup = path.with_extension(format!("toml.{}.bak", unix_now()));
        std::fs::rename(path, &backup).map_err(|error| Error::io("rename", path, error))?;
        voice::result(format_args!("kept      {}  (the old one)", place.shown(&backup)))?;
    }
    let mut file =
        std::fs::File::create_new(path).map_err(|error| Error::io("make", path, error))?;
    std::io::Write::write_all(&mut file, text.as_bytes())
        .map_err(|error| Error::io("write", path, error))?;
    voice::result(format_args!("wrote     {}", place.shown(path)))?;
    match test {
        Some((command, told_by)) => {
            voice::result(format_args!("tests     {command}  (from {told_by})"))?;
        }
        None => voice.warn(format_args!(
            "found no test command; set `command` under [project.test] in {}",
            place.shown(path)
        )),
    }
    match agent {
        Some(((name, _), program)) => {
            voice::result(format_args!("agent     {name}  ({})", program.display()))?;
        }
        None => voice.warn(format_args!(
            "found no agent (claude, codex) on PATH; mend [agent.NAME] in {}",
            place.shown(path)
        )),
    }
    Ok(())
}

/// Keeps the machine's folders out of `git status` without touching a tracked file.
fn exclude(project: &Path, folders: &[&Path], place: &Place) -> Result<()> {
    let file = common_git_folder(project)?.join("info/exclude");
    let before = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Error::io("read", &file, error).into()),
    };
    let mut text = before.clone();
    for folder in folders {
        let Ok(inside) = folder.strip_prefix(project) else { continue };
        let line = format!("/{}/", inside.display());
        if !text.lines().any(|known| known.trim() == line) {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            writeln!(text, "{line}")?;
            voice::result(format_args!("excluded  {line}  (in {})", place.shown(&file)))?;
        }
    }
    if text != before {
        let folder = file.parent().unwrap_or(project);
        std::fs::create_dir_all(folder)
            .map_err(|error| Error::io("make the folder", folder, error))?;
        shopfloor::floor::replace(&file, text.as_bytes())?;
    }
    Ok(())
}

/// The git folder that all working trees of the repository share.
fn common_git_folder(project: &Path) -> Result<PathBuf> {
    let git = project.join(".git");
    if git.is_dir() {
        return Ok(git);
    }
    // A linked working tree: `.git` is a file that names its own git folder, and that one names the common one.
    let read =
        |path: &Path| std::fs::read_to_string(path).map_err(|error| Error::io("read", path, error));
    let own = read(&git)?;
    let own = project.join(own.trim().strip_prefix("gitdir: ").unwrap_or(own.trim()));
    match std::fs::read_to_string(own.join("commondir")) {
        Ok(common) => Ok(own.join(common.trim())),
        Err(_) => Ok(own),
    }
}

/// The agents that are looked for, the first one that is there is taken: its program and driver, and the variable of its key.
const AGENTS: [(&str, &str); 2] = [("claude", "ANTHROPIC_API_KEY"), ("codex", "CODEX_API_KEY")];

const HEAD: &str = r#"# shopfloor: how this project's work orders become verified commits.
# Every line that begins with `#` is a default or an example. Changes count from the next `shopfloor start`.
"#;

const REST: &str = r#"
# Settings per stage: spec, test, implement, playtest, commit.
# [stage.implement]
# agent = "claude"        # an agent from above; by default the same for all stages. Several, as in
#                           agents = ["claude:work", "codex"]: the next one works while the account before it is parked
# model = "..."           # instead of the agent's own
# batch = 3               # how many orders one session may take
# parallel = 2            # how many workers run side by side
# sandbox = "auto"        # around its agent: the strongest there is; or bwrap, landlock, none

# [limits]
# attempts = 5            # failed tries of one stage before an order is given up
# bounces = 5             # times a later stage may send it back
# fix_turns = 1           # turns to mend a red check while the session is warm
# turn_timeout = "45m"    # the most time one order's turn may take
# session_timeout = "4h"
# idle_timeout = "10m"    # the longest silence of an agent; tool_idle_timeout = "35m" while a tool of it runs
# max_limit_wait = "6h"   # the longest usage limit that is waited for; by default any
# budget = { order_usd = 5.0, day_usd = 100.0 }   # also _tokens, and session_...; [stage.NAME.budget] for one stage
# backoff = "30s"         # the wait after a failed try; it doubles, up to backoff_cap = "60m"

# [policy]
# protected = ["deploy/**", "!**/build.rs"]   # besides CI, lock files and the like; ! takes one away
# allowed = ["tests/**", "docs/**"]   # what every order may touch without naming it
# drift = "tell"          # or "refuse": what becomes of changes outside the named and allowed files
# max_lines = 5000        # the most lines an order may add and remove
# max_file_kib = 1024     # the largest file it may add
# max_binary_kib = 256    # the largest binary it may add without naming it

# [worktree]
# root = "/somewhere/with/space"   # where the orders' working trees are
"#;

/// The text of a shopfloor.toml for what was found.
fn template(test: Option<&str>, agent: Option<(&str, &str)>, has_key: bool) -> String {
    let agent_off = if agent.is_some() { "" } else { "# " };
    let (name, key) = agent.unwrap_or(AGENTS[0]);
    let key_off = if has_key { agent_off } else { "# " };
    let command = match test {
        Some(command) => format!("command = \"{command}\""),
        None => {
            "# command = \"make test\"   # REQUIRED: how are this project's tests run?".to_owned()
        }
    };
    format!(
        r#"{HEAD}
# The agent of every stage that names none.
{agent_off}agent_default = "{name}"

[project]
# base = "main"           # the branch that finished work is meant for; by default the one checked out

[project.test]
{command}
# timeout = "10m"         # the most time one run may take
# env = {{ CI = "1" }}      # variables the tests get beyond PATH, HOME, LANG and their like

# A coding agent. The drivers: "claude" speaks to Claude Code, "codex" to Codex; "opencode", "gemini" and "qwen" take one
# prompt a batch; "command" starts any program once per batch (its contract is in docs/agents.md).
{agent_off}[agent.{name}]
{agent_off}driver = "{name}"
{agent_off}program = "{name}"
{key_off}env = {{ {key} = "${{{key}}}" }}   # taken from the environment of `shopfloor start`
{REST}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use shopfloor::config::{Budget, Limits};

    #[test]
    fn every_variant_of_the_template_is_a_valid_configuration() {
        for test in [None, Some("cargo test")] {
            let [claude, codex] = AGENTS.map(Some);
            for (agent, key) in [(None, false), (claude, false), (claude, true), (codex, true)] {
                let text = template(test, agent, key);
                let config = Config::parse(&text, Path::new("t")).unwrap();
                assert_eq!(config.project.test.command.is_empty(), test.is_none());
                assert_eq!(config.agent_for("spec", None).is_ok(), agent.is_some());
            }
        }
    }

    #[test]
    fn every_commented_setting_is_a_valid_one() {
        let text = template(None, None, false);
        let setting = |line: &&str| {
            let rest = line.strip_prefix("# ").unwrap_or(line);
            rest.starts_with('[')
                || rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
        };
        let lines: Vec<&str> = text.lines().filter(setting).collect();
        let uncommented: Vec<&str> =
            lines.iter().map(|line| line.strip_prefix("# ").unwrap_or(line)).collect();
        let config = Config::parse(&uncommented.join("\n"), Path::new("t")).unwrap();
        assert_eq!(config.parallel_for("implement"), 2);
        // Two are examples: without them nothing is limited.
        let budget = Budget { order_usd: Some(5.0), day_usd: Some(100.0), ..Budget::default() };
        let max_limit_wait = Some(std::time::Duration::from_secs(6 * 3600));
        assert_eq!(config.limits, Limits { max_limit_wait, budget, ..Limits::default() });
    }
}
