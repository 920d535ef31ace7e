//! `shopfloor`: sets a project up, takes orders in, launches the workers and shows what they do.
//!
//! Every command returns a [`voice::Done`] or an error; only this file turns either into an exit code.

mod voice;
mod table;
mod flags;
mod naming;
mod waiting;
mod detect;
mod init;
mod add;
mod import;
mod snapshot;
mod outlook;
mod waits;
mod orders;
mod journal;
mod evidence;
mod show;
mod verify;
mod gates;
mod lock;
mod next;
mod why;
mod plan;
mod status;
mod logs;
mod preflight;
mod versions;
mod crew;
mod restart;
mod idle;
mod alarm;
mod leftover;
mod supervise;
mod dry_run;
mod start;
mod run;
mod batches;
mod stop;
mod prompts;
mod doctor;
mod demo;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;
use shopfloor::error::{Error, exit};

use crate::flags::{Cli, Command};
use crate::voice::{Done, Voice};
use shopfloor::place::Place;

fn main() -> ExitCode {
    let stage = shopfloor::process::shim::serve();
    if let Some(code) = stage.or_else(shopfloor::sandbox::escape::serve) {
        return code;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => {
            // Help and version are no errors and go to stdout; a terminal that is gone does not matter here.
            told.print().ok();
            return ExitCode::from(if told.use_stderr() { exit::USAGE } else { exit::OK });
        }
    };
    let voice = Voice::new(cli.places.quiet, cli.places.verbose);
    voice.listen();
    match run(&cli, voice) {
        Ok(done) => ExitCode::from(done.code()),
        Err(error) => ExitCode::from(code_of(&error, voice)),
    }
}

/// Tells the error and names its exit code. A reader that has seen enough (`| head`) is a quiet end.
fn code_of(error: &anyhow::Error, voice: Voice) -> u8 {
    let written = error.downcast_ref::<std::io::Error>();
    if written.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe) {
        return exit::OK;
    }
    match error.downcast_ref::<Error>() {
        Some(error) => {
            voice.error(error);
            error.exit_code()
        }
        None => {
            voice.error(&Error::new(shopfloor::error::Kind::Failed, format!("{error:#}")));
            exit::FAILED
        }
    }
}

fn run(cli: &Cli, voice: Voice) -> Result<Done> {
    let place = Place::find(&cli.places.given())?;
    match &cli.command {
        Command::Init(flags) => init::run(flags, &place, voice),
        Command::Add(flags) => add::run(flags, &place, voice),
        Command::Import(flags) => import::run(flags, &place, voice),
        Command::Start(flags) => start::run(flags, &cli.places, &place, voice),
        Command::Run(flags) => run::run(flags, &cli.places, &place, voice),
        Command::Batches(flags) => batches::run(flags, &place),
        Command::Stop(flags) => stop::run(flags, &place, voice),
        Command::Status(flags) => status::run(flags, &place),
        Command::Show(flags) => show::run(flags, &place),
        Command::Next(flags) => next::run(flags, &place, voice),
        Command::Plan(flags) => plan::run(flags, &place, voice),
        Command::Why(flags) => why::run(flags, &place),
        Command::Verify(flags) => verify::run(flags, &place, voice),
        Command::Gates(flags) => gates::run(flags, &place, voice),
        Command::Logs(flags) => logs::run(flags, &place, voice),
        Command::Hold(flags) => orders::hold(flags, &place, voice),
        Command::Release(flags) => orders::release(flags, &place, voice),
        Command::Retry(flags) => orders::retry(flags, &place, voice),
        Command::Kick(flags) => orders::kick(flags, &place, voice),
        Command::Archive(flags) => orders::archive(flags, &place, voice),
        Command::Prompts(flags) => prompts::run(flags, &place, voice),
        Command::Doctor(flags) => doctor::run(flags, &place),
        Command::Demo(flags) => demo::run(flags, voice),
    }
}
