//! `shopfloor demo`: a small real repository, six orders, the real launcher and workers, and a SIMULATED agent.

mod orders;
mod folder;
mod settings;
mod course;
mod frame;
mod screen;
mod launched;
mod watch;
mod report;

use std::time::Instant;

use anyhow::Result;
use shopfloor::error::{Error, Kind};
use shopfloor::stop::Stop;

use self::folder::Folder;
use self::launched::Launched;
use self::report::Report;
use self::screen::Screen;
use self::settings::Agent;
use self::watch::Watch;
use crate::flags::Demo;
use crate::voice::{self, Done, Voice};
use crate::waiting::{listen, wait_for};

/// Shows it. Whatever happens, the launcher is ended and the folder removed (or kept, where that was asked for).
pub(crate) fn run(flags: &Demo, voice: Voice) -> Result<Done> {
    let agent = Agent::of(flags)?;
    wait_for(async {
        let stop = Stop::new();
        listen(&stop, Stop::ask)?;
        let folder = Folder::make()?;
        let played = play(flags, &agent, &folder, voice, &stop).await;
        if flags.keep {
            let root = folder.keep();
            let project = root.join("wordcraft");
            let told = format!(
                "The folder is kept: {}\n  cd {} && shopfloor status",
                root.display(),
                project.display()
            );
            if flags.json { voice.remark(told) } else { voice::result(told)? }
        } else {
            folder.remove()?;
        }
        let Some(report) = played? else {
            let left = if flags.keep { "" } else { " and its folder is removed" };
            voice
                .remark(format_args!("Stopped: the demo's launcher and workers have ended{left}."));
            return Ok(Done::Interrupted);
        };
        match report.differs.as_slice() {
            [] => Ok(Done::Well),
            differs => {
                let told = format!("the demo did not end as it should: {}", differs.join("; "));
                let hint = "run it again with --keep and look at the logs it leaves";
                Err(Error::new(Kind::Failed, told).hint(hint).into())
            }
        }
    })?
}

/// The demo from its first line to its last; `None` when somebody asked to stop.
async fn play(
    flags: &Demo,
    agent: &Agent,
    folder: &Folder,
    voice: Voice,
    stop: &Stop,
) -> Result<Option<Report>> {
    let begun = Instant::now();
    let mut screen = Screen::new(flags.json, begun);
    screen.say(&opening(agent, folder, flags.keep))?;
    folder.furnish(agent, stop).await?;
    if stop.draining() {
        return Ok(None);
    }
    let mut launched = Launched::start(folder)?;
    let watched = match Watch::of(folder, agent, &mut launched, &mut screen, stop) {
        Ok(watch) => watch.through().await,
        Err(error) => Err(error),
    };
    let cleared = screen.clear();
    if stop.draining() {
        // Said before we wait for it.
        voice.remark("Stopping: turns under way are finished. Once more (Ctrl-C) stops at once.");
    }
    let ended = launched.end(stop).await;
    let Some(watched) = watched? else { return Ok(None) };
    cleared?;
    let report = Report::of(folder, &watched, ended, begun.elapsed(), stop).await?;
    screen.end(&report)?;
    Ok(Some(report))
}

fn opening(agent: &Agent, folder: &Folder, keep: bool) -> String {
    let who = match agent {
        Agent::Simulated { speed, .. } => format!(
            "The agent is sim-agent, which plays a scenario {speed} times as fast as in life and\n\
             calls no model: SIMULATED. Repository, tests, gates and commits are real.\n"
        ),
        Agent::Claude => "The agent is claude: it takes its time and costs tokens.\n".to_owned(),
    };
    let label = if agent.is_simulated() { " (SIMULATED agent)" } else { "" };
    let left = if keep { "kept at the end" } else { "removed at the end; --keep leaves it" };
    let root = folder.root().display();
    format!("shopfloor demo{label}: six orders, five workers.\n{who}Folder: {root} ({left})\n")
}
