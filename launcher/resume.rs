//! `shopfloor resume`: a person says that an account is in order again, or that a stage may go on. It counts at once, also
//! while workers run.

use anyhow::Result;
use shopfloor::accounts::Accounts;
use shopfloor::error::{Error, Kind};
use shopfloor::place::Place;
use shopfloor::stages::STAGES;

use crate::flags::Resume;
use crate::voice::{self, Done, Voice, line};

/// Lets them go on.
pub(crate) fn run(flags: &Resume, place: &Place, voice: Voice) -> Result<Done> {
    let floor = place.floor()?;
    let accounts = Accounts::of(&floor);
    let parked: Vec<String> = accounts.all().into_iter().map(|parked| parked.account).collect();
    let stages: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
    let names = if flags.names.is_empty() {
        let pausing = stages.iter().filter(|stage| floor.breaker(stage).is_some());
        parked.iter().cloned().chain(pausing.map(|stage| (*stage).to_owned())).collect()
    } else {
        flags.names.clone()
    };
    let mut resumed = 0;
    for name in &names {
        let mut told = Vec::new();
        if accounts.resume(name)? {
            told.push(format!("the account {name} is no longer parked"));
        }
        if stages.contains(&name.as_str()) && floor.close_breaker(name) {
            told.push(format!("the {name} stage no longer pauses"));
        }
        resumed += told.len();
        told.iter().try_for_each(voice::result)?;
        if told.is_empty() && !flags.names.is_empty() {
            unknown(name, &stages, voice)?;
        }
    }
    if names.is_empty() {
        voice.remark("No account is parked and no stage pauses.");
    }
    Ok(if resumed > 0 { Done::Well } else { Done::NothingToDo })
}

/// A name that was not waiting: one of ours is told as such, any other is a mistake.
fn unknown(name: &str, stages: &[&str], voice: Voice) -> Result<()> {
    if stages.contains(&name) {
        voice.remark(format_args!("the {name} stage does not pause"));
        return Ok(());
    }
    let told = format!("no account {} is parked, and no stage is called so", line(name, 80));
    Err(Error::new(Kind::NotFound, told)
        .hint("`shopfloor status` shows what is parked and what pauses")
        .into())
}
