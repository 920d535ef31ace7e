//! `shopfloor import`: takes in work that was written down elsewhere. All of it or nothing, and the same again changes nothing.

mod files;
mod gh;
mod known;
mod told;

use std::fs::{File, TryLockError};

use anyhow::Result;
use shopfloor::error::{Error, Kind};
use shopfloor::floor::Floor;
use shopfloor::import::{self, Known, Plan, Reading, Source};
use shopfloor::order::OrderId;
use shopfloor::place::Place;
use shopfloor::queue::Queue;

use crate::flags::{Import, Shape};
use crate::voice::{Done, Voice};
use files::Text;

/// Why an imported order is on hold.
const HOLD: &str = "imported";

/// What an import did, or would do.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What was read.
    readings: Vec<Reading>,
    /// What it comes to.
    plan: Plan,
    /// Orders whose hold was taken away.
    released: Vec<OrderId>,
}

/// Imports.
pub(crate) fn run(flags: &Import, place: &Place, voice: Voice) -> Result<Done> {
    let texts = files::read(flags, place)?;
    let readings: Vec<Reading> = texts.iter().map(|text| reading(flags.shape, text)).collect();
    if flags.dry_run {
        // A queue is looked at where there is one, and none is needed.
        let known = match place.open_queue_to_look() {
            Ok(queue) => known::look(&*queue, &place.floor()?)?,
            Err(error) if error.kind() == Kind::Unfit || error.kind() == Kind::NotFound => {
                Known::default()
            }
            Err(error) => return Err(error.into()),
        };
        return match import::resolve(&readings, &known, flags.drop_missing) {
            Ok(plan) => {
                told::tell(flags, &Outcome { readings, plan, released: Vec::new() }, voice)?;
                Ok(Done::Well)
            }
            Err(faults) => refuse(flags, &readings, &faults, voice),
        };
    }
    let (queue, floor) = (place.open_queue()?, place.floor()?);
    // Looking and making are one deed: nobody imports in between.
    let _alone = alone(&floor)?;
    let known = known::look(&*queue, &floor)?;
    let plan = match import::resolve(&readings, &known, flags.drop_missing) {
        Ok(plan) => plan,
        Err(faults) => return refuse(flags, &readings, &faults, voice),
    };
    queue.create_all(&plan.orders, HOLD)?;
    let released = if flags.release { release(&*queue, &plan)? } else { Vec::new() };
    told::tell(flags, &Outcome { readings, plan, released }, voice)?;
    Ok(Done::Well)
}

fn reading(shape: Shape, text: &Text) -> Reading {
    let source =
        Source { file: &text.file, origin: &text.origin, key: &text.key, text: &text.text };
    let mut reading = match shape {
        Shape::Markdown => import::markdown::read(&source),
        Shape::WorkItems => import::work_item::read(&source),
        Shape::Github => import::github::read(&source),
        Shape::Jsonl => import::jsonl::read(&source),
        Shape::Roadmap => import::roadmap::read(&source),
    };
    reading.remarks.extend(text.fault.clone());
    reading
}

/// Nothing is taken in, and every reason is told.
fn refuse(
    flags: &Import,
    readings: &[Reading],
    faults: &[import::Fault],
    voice: Voice,
) -> Result<Done> {
    told::tell_faults(flags, readings, faults, voice)?;
    let told = match faults {
        [_] => "nothing was imported, for one reason".to_owned(),
        faults => format!("nothing was imported, for {} reasons", faults.len()),
    };
    let hint = match faults.iter().any(|fault| fault.why.contains("neither in these files")) {
        true => "correct the files; --drop-missing leaves out needs on what is nowhere",
        false => "correct the files and import again",
    };
    Err(Error::usage(told).hint(hint).into())
}

/// Takes the hold of an import away: of what was just made, and of what an import before left.
fn release(queue: &dyn Queue, plan: &Plan) -> Result<Vec<OrderId>> {
    let made = plan.orders.iter().map(|(id, _)| id);
    let mut released = Vec::new();
    for id in made.chain(plan.present.iter().map(|present| &present.id)) {
        // Archived by now, or broken: not ours to judge.
        let Ok(Some(order)) = queue.look(id) else { continue };
        if order.hold.as_deref() == Some(HOLD) && queue.unhold(id)? {
            released.push(id.clone());
        }
    }
    Ok(released)
}

/// The right to import into this queue, until it is dropped.
fn alone(floor: &Floor) -> Result<File> {
    let path = floor.run().join("import.lock");
    let mut options = File::options();
    let options = options.read(true).write(true).create(true).truncate(false);
    let file = options.open(&path).map_err(|error| Error::io("open", &path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Error::new(Kind::AlreadyRunning, "another import into this queue is under way")
                .hint("do the same again when it is through")
                .into())
        }
        Err(TryLockError::Error(error)) => Err(Error::io("lock", &path, error).into()),
    }
}
