//! As a one-shot command: reads `batch.json` in the session's folder and leaves `results/<id>.json` one by one.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use shopfloor::verdict::Testimony;

use crate::job::Job;
use crate::options::Options;
use crate::scenario::{Act, Mischief};
use crate::{LABEL, alone, mischief, work};

#[derive(Deserialize)]
struct Batch {
    stage: String,
    nonce: String,
    orders: Vec<Order>,
}

#[derive(Deserialize)]
struct Order {
    id: String,
    #[serde(rename = "gen")]
    generation: u64,
    #[serde(default)]
    title: String,
    desk: PathBuf,
    worktree: Option<PathBuf>,
}

/// Does the batch. The value is the exit code.
pub(crate) fn run(options: &Options) -> Result<u8, String> {
    let dir = std::env::var_os("SHOPFLOOR_SESSION_DIR")
        .map(PathBuf::from)
        .ok_or("SHOPFLOOR_SESSION_DIR is not set: --oneshot is for the command driver")?;
    let path = dir.join("batch.json");
    let failed =
        |error: &dyn std::fmt::Display| format!("failed to read {}: {error}", path.display());
    let text = std::fs::read(&path).map_err(|error| failed(&error))?;
    let batch: Batch = serde_json::from_slice(&text).map_err(|error| failed(&error))?;
    let mut prompt = String::new();
    // The prompt says no more than the batch does.
    drop(std::io::stdin().read_to_string(&mut prompt));
    std::thread::sleep(options.pace.time(options.scenario.startup_ms, "startup"));
    for order in batch.orders {
        let job = Job {
            stage: batch.stage.clone(),
            order: order.id,
            generation: order.generation,
            nonce: batch.nonce.clone(),
            desk: order.desk,
            worktree: order.worktree,
            title: order.title,
            leaves: Vec::new(),
            fix: false,
            repair: false,
        };
        if let Some(code) = one(options, &job, &dir)? {
            return Ok(code);
        }
    }
    Ok(0)
}

/// Does one order; an exit code ends everything.
fn one(options: &Options, job: &Job, dir: &Path) -> Result<Option<u8>, String> {
    work::count_call(options.calls.as_deref(), job)?;
    let _alone = alone::lock(options.alone.as_deref(), job)?;
    println!("{LABEL} {} of {}", job.stage, job.order);
    let act = work::act_for(&options.scenario, job)?;
    let what = format!("{}/{}/{}", job.stage, job.order, job.generation);
    let time = options.pace.time(act.ms.unwrap_or(options.scenario.turn_ms), &what);
    std::thread::sleep(time / 2);
    match early(&act)? {
        Some(code) => return Ok(Some(code)),
        None => std::thread::sleep(time / 2),
    }
    let done = work::perform(&act, job)?;
    if let Some(testimony) = done.testimony {
        leave(dir, &job.order, &testimony)?;
    }
    Ok(None)
}

fn early(act: &Act) -> Result<Option<u8>, String> {
    let mut out = std::io::stdout().lock();
    let printed = |error: std::io::Error| format!("failed to print: {error}");
    match act.misbehave {
        Some(Mischief::Hang) => mischief::hang(),
        Some(Mischief::Crash) => mischief::crash(),
        Some(Mischief::SilentExit) => return Ok(Some(0)),
        Some(
            Mischief::Login
            | Mischief::Overloaded
            | Mischief::ContextFull
            | Mischief::Refusal
            | Mischief::Truncated,
        ) => {
            return Err("SIMULATED: the model gives an error".to_owned());
        }
        Some(Mischief::UsageLimit) => {
            return Err(format!("the usage limit is reached, it ends in {} s", act.reset_in_s));
        }
        Some(Mischief::Garbage) => mischief::garbage(&mut out).map_err(printed)?,
        Some(Mischief::Flood) => mischief::flood(act, &mut out).map_err(printed)?,
        Some(Mischief::Grandchild) => mischief::leave_grandchild()?,
        Some(
            Mischief::Lie
            | Mischief::TamperTests
            | Mischief::WrongOrder
            | Mischief::NoResult
            | Mischief::Runaway,
        )
        | None => {}
    }
    out.flush().map_err(printed)?;
    Ok(None)
}

/// Writes a result under another name and renames it into place.
fn leave(dir: &Path, order: &str, testimony: &Testimony) -> Result<(), String> {
    let text = serde_json::to_string(testimony).map_err(|error| error.to_string())?;
    let name = format!("results/{order}.part");
    work::write(dir, &name, &text)?;
    let path = dir.join(format!("results/{order}.json"));
    std::fs::rename(dir.join(name), &path)
        .map_err(|error| format!("failed to write {}: {error}", path.display()))
}
