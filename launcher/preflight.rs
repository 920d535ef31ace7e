//! What must be in order before anything is launched. Everything that is wrong is told at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use shopfloor::config::{AgentConfig, Config};
use shopfloor::error::{Error, Kind};
use shopfloor::queue::files::FileQueue;
use shopfloor::stages::{self, STAGES};

use crate::detect;
use crate::voice::Voice;
use crate::waiting::{cookie, wait_for};
use shopfloor::place::Place;

/// What a launcher needs, found to be in order.
#[derive(Debug)]
pub(crate) struct Ready {
    /// The configuration.
    pub(crate) config: Config,
    /// The queue.
    pub(crate) queue: Arc<FileQueue>,
    /// The folder of the worker programs.
    pub(crate) programs: PathBuf,
}

/// Looks at everything. All faults are told; the last one is the error.
pub(crate) fn look(
    agent: Option<&str>,
    workers_dir: Option<&Path>,
    place: &Place,
    voice: Voice,
) -> Result<Ready> {
    place.project()?;
    let config = place.need_config()?;
    config.check_stages(&stages::pipeline())?;
    let queue = place.open_queue()?;
    let mut faults = Vec::new();
    faults.extend(repository(&config, &queue, place, voice).err());
    faults.extend(test_command(&config, place).err());
    faults.extend(place.prompts(&STAGES).err());
    faults.extend(agents(&config, agent, place));
    let programs = programs(workers_dir);
    match &programs {
        Ok(folder) => faults.extend(workers(folder)),
        Err(_) => {
            faults.push(Error::new(Kind::Environment, "failed to find where shopfloor itself is"));
        }
    }
    check_logs(place, voice)?;
    if let Some(last) = faults.pop() {
        faults.iter().for_each(|fault| voice.error(fault));
        return Err(last.into());
    }
    Ok(Ready { config, queue, programs: programs? })
}

/// What would keep a launcher from starting, found without touching anything: neither the queue nor the repository is
/// opened.
pub(crate) fn faults(
    agent: Option<&str>,
    workers_dir: Option<&Path>,
    place: &Place,
) -> Result<(Config, Vec<String>)> {
    place.project()?;
    let config = place.need_config()?;
    config.check_stages(&stages::pipeline())?;
    let mut faults: Vec<Error> = test_command(&config, place).err().into_iter().collect();
    faults.extend(place.prompts(&STAGES).err());
    faults.extend(agents(&config, agent, place));
    if let Ok(folder) = programs(workers_dir) {
        faults.extend(workers(&folder));
    }
    Ok((config, faults.iter().map(ToString::to_string).collect()))
}

/// The project is a git repository with a commit, and fits the configuration. Uncommitted work is only warned of.
fn repository(
    config: &Config,
    queue: &FileQueue,
    place: &Place,
    voice: Voice,
) -> Result<(), Error> {
    let dirty =
        wait_for(async { place.open_workspace(config, queue, &cookie()).await?.dirty().await })??;
    if let Some(what) = dirty {
        voice.warn(format_args!(
            "the project has uncommitted work ({what}); workers begin from its last commit and do not see it"
        ));
    }
    Ok(())
}

pub(crate) fn test_command(config: &Config, place: &Place) -> Result<(), Error> {
    let file = place.config.as_deref().unwrap_or(Path::new("shopfloor.toml"));
    let Some(program) = config.project.test.command.first() else {
        let told = format!(
            "{} has no test command, and nothing can be proved without one",
            place.shown(file)
        );
        return Err(Error::usage(told).hint(
            "set it:\n    [project.test]\n    command = \"cargo test\"   # or what runs your tests",
        ));
    };
    let path = config.project.test.env.get("PATH").map(std::ffi::OsString::from);
    let path = path.or_else(|| std::env::var_os("PATH")).unwrap_or_default();
    // A program with a slash is one of the repository's, and may be made by the tests' own build.
    if !program.contains('/') && detect::program(program, place.project()?, &path).is_none() {
        let told = format!("the program of the test command, {program}, is not on PATH");
        let hint = format!("install it, or correct [project.test] in {}", place.shown(file));
        return Err(Error::new(Kind::Environment, told).hint(hint));
    }
    Ok(())
}

/// Every stage has an agent, and its program is on this machine. Each fault is told once.
pub(crate) fn agents(config: &Config, flag: Option<&str>, place: &Place) -> Vec<Error> {
    let mut faults: Vec<Error> = Vec::new();
    for stage in &STAGES {
        let found = config
            .agent_for(stage.name, flag)
            .and_then(|(name, agent)| program_of(name, agent, place));
        if let Err(fault) = found
            && !faults.iter().any(|known| known.to_string() == fault.to_string())
        {
            faults.push(fault);
        }
        if config.agent.is_empty() {
            break;
        }
    }
    faults
}

/// The program of an agent, on this machine.
pub(crate) fn program_of(name: &str, agent: &AgentConfig, place: &Place) -> Result<PathBuf, Error> {
    let path = agent.env.get("PATH").filter(|path| !path.starts_with("${"));
    let path = path.map(std::ffi::OsString::from).or_else(|| std::env::var_os("PATH"));
    let found = detect::program(&agent.program, place.config_folder(), &path.unwrap_or_default());
    match found {
        Some(program) => Ok(program),
        None => {
            let there = place.config_folder().join(&agent.program);
            let (what, step) = match (agent.program.contains('/'), there.exists()) {
                (true, true) => ("is no program that can be executed", "make it one (chmod +x)"),
                (true, false) => ("is not there", "install it"),
                (false, _) => ("is not on PATH", "install it"),
            };
            let told = format!("the agent {name} can't be started: {} {what}", agent.program);
            let hint =
                format!("{step}, or correct `program` under [agent.{name}] in shopfloor.toml");
            Err(Error::new(Kind::Environment, told).hint(hint))
        }
    }
}

/// The folder of the worker programs: where `shopfloor` itself is.
pub(crate) fn programs(given: Option<&Path>) -> std::io::Result<PathBuf> {
    if let Some(folder) = given {
        return std::path::absolute(folder);
    }
    let own = std::env::current_exe()?.canonicalize()?;
    Ok(own.parent().unwrap_or(Path::new("/")).to_owned())
}

/// Worker programs that are not in `folder`.
pub(crate) fn workers(folder: &Path) -> Option<Error> {
    let missing = STAGES.into_iter().map(|stage| stage.worker);
    let missing: Vec<&str> = missing
        .filter(|worker| detect::program(&format!("./{worker}"), folder, "".as_ref()).is_none())
        .collect();
    (!missing.is_empty()).then(|| {
        let told = format!("{} has no {}", folder.display(), missing.join(", "));
        Error::new(Kind::Environment, told)
            .hint("build and install all programs: `cargo build --release`")
    })
}

/// A log that can't be written is no reason to stop.
fn check_logs(place: &Place, voice: Voice) -> Result<()> {
    let logs = place.logs()?;
    if let Err(error) = logs_are_writable(logs) {
        voice.warn(format_args!(
            "can't write logs in {} ({error}); the work goes on without them",
            place.shown(logs)
        ));
    }
    Ok(())
}

/// Makes the folder of the logs if it is missing, and tries to write in it.
pub(crate) fn logs_are_writable(logs: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(logs).and_then(|()| tempfile::tempfile_in(logs).map(drop))
}
