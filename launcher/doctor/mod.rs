//! `shopfloor doctor`: looks at a queue and a machine, and says in plain words what is wrong, where, and what to do.
//!
//! Each room has one group of findings and asks whoever knows: the queue (`survey`), the preflight of `start`, the
//! workspace. `--fix` mends what can be made again, and looks anew: mended is what is not found any more.

mod finding;
mod orders;
mod index;
mod workers;
mod folders;
mod worktrees;
mod machine;
mod repository;
mod tools;
mod sandbox;
mod examine;
mod mend;
mod tell;

use anyhow::Result;
use shopfloor::place::Place;

use self::examine::{Examined, examine};
use self::finding::{Finding, Fix};
use crate::flags::Doctor;
use crate::voice::Done;

/// What the whole examination came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What stands now.
    now: Examined,
    /// What was found before, and is not any more.
    mended: Vec<Finding>,
    /// What could not be mended.
    failed: Vec<String>,
}

/// `shopfloor doctor [--fix] [--json]`
pub(crate) fn run(flags: &Doctor, place: &Place) -> Result<Done> {
    let queue = place.shown(place.queue()?);
    let outcome = examined(flags, place);
    match flags.json {
        true => tell::as_json(&queue, &outcome)?,
        false => tell::as_text(&queue, &outcome)?,
    }
    Ok(match &outcome.now {
        now if now.shut => Done::Unfit,
        now if now.any_wrong() => Done::Otherwise,
        _ => Done::Well,
    })
}

fn examined(flags: &Doctor, place: &Place) -> Outcome {
    let before = examine(place);
    if !flags.fix || before.findings.iter().all(|finding| finding.fix == Fix::Never) {
        return Outcome { now: before, mended: Vec::new(), failed: Vec::new() };
    }
    let failed = mend::all(&before.findings, place);
    let now = examine(place);
    let still = |old: &Finding| now.findings.iter().any(|new| new.is_about(old));
    let mended = before.findings.into_iter().filter(|f| f.fix != Fix::Never && !still(f)).collect();
    Outcome { now, mended, failed }
}
