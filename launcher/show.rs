//! `shopfloor show`: everything about one order.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};
use shopfloor::error::Kind;
use shopfloor::floor::unix_now;
use shopfloor::history::Entry;
use shopfloor::ledger;
use shopfloor::order::OrderId;
use shopfloor::queue::files::FileQueue;
use shopfloor::queue::{Order, Queue as _};
use shopfloor::stages;
use shopfloor::state::State;

use crate::evidence;
use crate::flags::Show;
use crate::journal;
use crate::naming::{folder_of, order_called, unknown_order};
use crate::snapshot;
use crate::voice::{self, Done, line, moment, plain};
use crate::waits::{self, Stand};
use shopfloor::place::Place;

/// Papers that are not the order's text: what the queue and people keep there.
const NOT_PAPERS: [&str; 3] = ["order.json", journal::FILE_NAME, "evidence"];

/// What is known of an order beyond what the queue says.
#[derive(Debug)]
struct Scene {
    order: Order,
    stand: Stand,
    entries: Vec<Entry>,
    folder: PathBuf,
    papers: Vec<String>,
    evidence: Vec<String>,
    worktree: Option<PathBuf>,
}

/// Shows one order.
pub(crate) fn run(flags: &Show, place: &Place) -> Result<Done> {
    let queue = place.open_queue_to_look()?;
    if flags.evidence {
        let (id, folder) = folder_of(&queue, &flags.id)?;
        return evidence::run(id.as_str(), &folder, flags.json);
    }
    let id = order_called(&*queue, &flags.id)?;
    let order = match queue.look(&id) {
        Ok(Some(order)) => order,
        Ok(None) => return Err(unknown_order(&*queue, &flags.id).into()),
        Err(error) if error.kind() == Kind::BrokenOrder => {
            let folder = place.shown(&place.papers(&id)?);
            return Err(error
                .hint(format!("mend it in {folder}, then `shopfloor release {id}`"))
                .into());
        }
        Err(error) => return Err(error.into()),
    };
    let floor = place.floor()?;
    let config = place.read_config().ok().flatten().unwrap_or_default();
    let survey = place.survey(&config, queue.clone(), &stages::pipeline())?;
    let mut breakers = snapshot::breakers(&floor);
    breakers.extend(snapshot::parked(&floor, &config));
    let waits = |order: &Order| survey.waits_now(order);
    let stand = waits::stand_of(&order, &stages::pipeline(), &breakers, unix_now(), &waits);
    let folder = place.papers(&id)?;
    let (papers, evidence) = (papers(&folder), proofs(&folder));
    let entries = journal::read(&folder);
    let worktree = worktree(&id, &queue, place);
    let scene = Scene { order, stand, entries, folder, papers, evidence, worktree };
    match flags.json {
        true => voice::json(&as_json(&scene))?,
        false => voice::result(as_text(&scene, place)?.trim_end())?,
    }
    Ok(Done::Well)
}

fn worktree(id: &OrderId, queue: &FileQueue, place: &Place) -> Option<PathBuf> {
    let config = place.read_config().ok().flatten().unwrap_or_default();
    let path = place.worktrees(&config, queue).ok()?.join(id.as_str());
    path.is_dir().then_some(path)
}

/// The order's branch. One called `ready` makes way for `shopfloor/ready`, the line of finished work.
fn branch(id: &OrderId) -> String {
    let evasion = if id.as_str() == "ready" { "_" } else { "" };
    format!("shopfloor/{evasion}{id}")
}

/// The names of the papers in the order's folder.
fn papers(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let paper = |name: &String| !name.starts_with('.') && !NOT_PAPERS.contains(&name.as_str());
    let mut papers: Vec<String> = names.filter(paper).collect();
    papers.sort();
    papers
}

/// The files below `evidence/`, relative to the order's folder.
fn proofs(folder: &Path) -> Vec<String> {
    let walk = walkdir::WalkDir::new(folder.join("evidence")).max_depth(4).sort_by_file_name();
    let files = walk.into_iter().flatten().filter(|entry| entry.file_type().is_file());
    let names = files.filter_map(|file| {
        Some(file.path().strip_prefix(folder).ok()?.to_string_lossy().into_owned())
    });
    names.collect()
}

/// How the order stands, in words.
pub(crate) fn stand_told(stand: &Stand) -> String {
    match stand {
        Stand::Ended => "nothing more is done by itself".to_owned(),
        Stand::Claimed(worker) => format!("worker {} has it in hand", worker.pid()),
        Stand::Held(why) if why.trim().is_empty() => "on hold".to_owned(),
        Stand::Held(why) => format!("on hold: {}", line(why, 200)),
        Stand::Broken(why) => format!("broken: {}", line(why, 200)),
        Stand::Waits(hindrance) => line(&hindrance.to_string(), 400),
        Stand::Rests(until) => format!("rests until {}", moment(*until)),
        Stand::Paused(u64::MAX) => "its account waits for a person: `shopfloor status`".to_owned(),
        Stand::Paused(until) => format!("its stage pauses until {}", moment(*until)),
        Stand::Ready => "waits for a free worker".to_owned(),
    }
}

fn as_text(scene: &Scene, place: &Place) -> Result<String> {
    let Scene { order, stand, entries, folder, papers, evidence, worktree } = scene;
    let mut text = String::new();
    let title = match &order.request {
        Ok(request) => line(&request.title, 200),
        Err(_) => "(its order.json can't be read)".to_owned(),
    };
    writeln!(text, "{}  {title}", order.id)?;
    let mut fact = |name: &str, value: String| writeln!(text, "  {name:<10} {value}");
    fact("state", format!("{}  ({})", order.state, stand_told(stand)))?;
    fact("folder", place.shown(folder))?;
    if let Some(worktree) = worktree {
        fact("worktree", format!("{}  (branch {})", worktree.display(), branch(&order.id)))?;
    }
    if let Some(tries) = tries(order) {
        fact("tries", tries)?;
    }
    if let Ok(request) = &order.request {
        let priority = serde_json::to_value(request.priority).unwrap_or_default();
        fact("priority", priority.to_string().trim_matches('"').to_owned())?;
        let needs: Vec<String> = request.needs.iter().cloned().map(String::from).collect();
        let lists = [("needs", &needs), ("files", &request.files), ("labels", &request.labels)];
        for (name, words) in lists.into_iter().filter(|(_, words)| !words.is_empty()) {
            fact(name, line(&words.join(", "), 400))?;
        }
    }
    if !papers.is_empty() {
        fact("papers", line(&papers.join(", "), 400))?;
    }
    match ledger::of_order(folder) {
        Ok(spent) if spent.is_empty() => {}
        Ok(spent) => {
            fact("used", ledger::together(&spent).told())?;
            for (stage, sum) in &spent {
                fact("", format!("{stage}: {}", sum.told()))?;
            }
        }
        Err(error) => fact("used", format!("unknown: {error}"))?,
    }
    if order.state == State::FAILED {
        failure(&mut text, order, evidence)?;
    }
    match &order.request {
        Err(why) => writeln!(text, "\nThe request can't be read: {}", line(why, 400))?,
        Ok(request) if request.body.trim().is_empty() => {}
        Ok(request) => {
            part(&mut text, "Request", plain(request.body.trim()).lines().map(str::to_owned))?;
        }
    }
    let events = entries.iter().map(|e| format!("{}  {}", moment(e.at), journal::told(e)));
    part(&mut text, "History", events)?;
    part(&mut text, "Evidence", evidence.iter().map(|name| line(name, 200)))?;
    Ok(text)
}

/// A headed part of the page; nothing when it has no lines.
fn part(text: &mut String, head: &str, lines: impl Iterator<Item = String>) -> Result<()> {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        writeln!(text, "\n{head}:")?;
    }
    Ok(lines.try_for_each(|line| writeln!(text, "  {line}"))?)
}

/// What went wrong so far in the stage that has the order.
fn tries(order: &Order) -> Option<String> {
    let pipeline = stages::pipeline();
    let (stage, history) = (pipeline.taker(&order.state)?, &order.history);
    let (attempts, bounces) = (history.attempts(stage.takes), history.bounces(stage.takes));
    let crashes = history.crashes_since(unix_now().saturating_sub(72 * 3600));
    Some(format!(
        "{attempts} failed in {}, {bounces} sent back to it, {crashes} crashes",
        stage.name
    ))
}

/// Why it was given up, what was tried, and what a person can do.
fn failure(text: &mut String, order: &Order, evidence: &[String]) -> Result<()> {
    let history = &order.history;
    writeln!(text, "\nFAILED: {}", line(&history.last_why, 400))?;
    for setback in &history.setbacks {
        writeln!(text, "  tried in {}: {}", setback.from, line(&setback.why, 200))?;
    }
    if !evidence.is_empty() {
        writeln!(text, "  what we ran and saw is listed under Evidence below")?;
    }
    writeln!(text, "  another chance: shopfloor retry {}", order.id)?;
    Ok(())
}

fn as_json(scene: &Scene) -> Value {
    let Scene { order, stand, entries, folder, papers, evidence, worktree } = scene;
    let history = &order.history;
    let stage = stages::pipeline().taker(&order.state).cloned();
    let takes = stage.map(|stage| stage.takes).unwrap_or_default();
    let events: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let mut event = serde_json::to_value(entry).unwrap_or_default();
            event["text"] = json!(journal::told(entry));
            event
        })
        .collect();
    json!({
        "id": order.id,
        "state": order.state,
        "stands": stand_told(stand),
        "request": order.request.as_ref().ok(),
        "request_fault": order.request.as_ref().err(),
        "hold": order.hold,
        "claim": history.open.as_ref().map(|open| json!({
            "worker": open.worker, "session": open.session, "gen": open.generation,
            "state": open.state, "since": open.since, "turn_begun": open.turn_begun,
        })),
        "gen": history.generation,
        "created": history.created,
        "since": history.since,
        "due": history.due,
        "attempts": history.attempts(takes),
        "bounces": history.bounces(takes),
        "crashes": history.crashes.len(),
        "suspect": history.suspect,
        "setbacks": history.setbacks.iter().map(|setback| json!({
            "from": setback.from, "to": setback.to, "why": setback.why,
        })).collect::<Vec<_>>(),
        "last_why": history.last_why,
        "folder": folder,
        "papers": papers,
        "evidence": evidence,
        "worktree": worktree,
        "branch": branch(&order.id),
        "used": ledger::of_order(folder).ok(),
        "events": events,
    })
}
