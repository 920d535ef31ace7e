//! `shopfloor next`: what would be taken, and why: in progress, then what is tried again, then what is ready.

use anyhow::Result;
use serde_json::{Value, json};
use shopfloor::order::OrderId;
use shopfloor::place::Place;
use shopfloor::plan::{Footprint, Hindrance, Overlap, Rank, rank};
use shopfloor::queue::Order;

use crate::flags::Next;
use crate::outlook::Outlook;
use crate::table::Rows;
use crate::voice::{self, Done, Voice, line, moment};
use crate::waits::{self, Stand};

/// How a listed order stands. Sorted as they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// A worker has it in hand.
    InProgress,
    /// A try failed, and it is tried again.
    Failed,
    /// It waits for a free worker.
    Ready,
    /// It waits only for the files or the group of another one.
    Blocked,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Failed => "failed",
            Self::Ready => "ready",
            Self::Blocked => "blocked",
        }
    }
}

/// One listed order.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    /// The order.
    pub(crate) order: &'a Order,
    /// The stage that has it or takes it.
    pub(crate) stage: &'static str,
    /// How it stands.
    pub(crate) status: Status,
    /// Why it is listed where it is.
    pub(crate) reason: String,
    /// Orders it waits for.
    pub(crate) blocked_by: Vec<OrderId>,
    /// Listed orders it can't run beside, with what they have in common.
    pub(crate) conflicts: Vec<(OrderId, Overlap)>,
    rank: Rank,
    footprint: Footprint,
}

impl Task<'_> {
    /// Its rank among those of its stage.
    pub(crate) fn rank(&self) -> Rank {
        self.rank
    }
}

/// Lists them.
pub(crate) fn run(flags: &Next, place: &Place, voice: Voice) -> Result<Done> {
    let outlook = Outlook::of(place)?;
    let tasks = tasks(&outlook, flags.stage.as_deref(), flags.most);
    if flags.json {
        let all: Vec<Value> = tasks.iter().map(as_json).collect();
        voice::json(&json!({ "count": all.len(), "tasks": all }))?;
    } else if tasks.is_empty() {
        voice.remark("nothing would be taken now; `shopfloor plan` shows what waits for what");
    } else {
        as_text(&tasks)?;
    }
    Ok(if tasks.is_empty() { Done::NothingToDo } else { Done::Well })
}

/// What would be taken, of `stage` only if one is named: at most `most`.
pub(crate) fn tasks<'a>(outlook: &'a Outlook, stage: Option<&str>, most: usize) -> Vec<Task<'a>> {
    let all = outlook.seen.orders.values().filter_map(|order| task(order, outlook));
    let mut tasks: Vec<Task<'_>> =
        all.filter(|task| stage.is_none_or(|stage| task.stage == stage)).collect();
    tasks.sort_by(|a, b| (a.status, a.rank, &a.order.id).cmp(&(b.status, b.rank, &b.order.id)));
    tasks.truncate(most);
    for task in &mut tasks {
        if let Ok(request) = &task.order.request {
            task.footprint = outlook.survey.footprint(&task.order.id, request);
            let place = outlook.line.place(&task.order.id);
            task.footprint.note(place.map(|place| &place.changed).into_iter().flatten());
        }
    }
    for at in 1..tasks.len() {
        let (before, rest) = tasks.split_at_mut(at);
        let common = |path: &str| outlook.survey.common(path);
        rest[0].conflicts = before
            .iter()
            .filter_map(|other| {
                let overlap = rest[0].footprint.meets(&other.footprint, &common)?;
                Some((other.order.id.clone(), overlap))
            })
            .collect();
    }
    tasks
}

fn task<'a>(order: &'a Order, outlook: &Outlook) -> Option<Task<'a>> {
    let request = order.request.as_ref().ok()?;
    let history = &order.history;
    let stage = outlook.pipeline.taker(&order.state)?;
    let since = history.due.unwrap_or(history.since);
    let due = request.due.map(shopfloor::order::Due::secs);
    let ageing = outlook.survey.rules().ageing_secs;
    let rank = rank(request.priority.digit(), since, due, outlook.now, ageing);
    let tries = history.attempts(stage.takes) + history.bounces(stage.takes);
    let mut blocked_by = Vec::new();
    let (status, reason) = match waits::stand(order, outlook) {
        Stand::Claimed(worker) => {
            let since = history.open.as_ref().map_or(0, |open| open.since);
            let pid = worker.pid();
            (Status::InProgress, format!("worker {pid} has it in hand since {}", moment(since)))
        }
        Stand::Waits(hindrance @ (Hindrance::Files { .. } | Hindrance::Group { .. })) => {
            blocked_by.extend(hindrance.waits_for().into_iter().cloned());
            (Status::Blocked, hindrance.to_string())
        }
        Stand::Ready if tries > 0 => (Status::Failed, again(order, tries, "it is tried again")),
        Stand::Rests(until) if tries > 0 => {
            let when = format!("it is tried again at {}", moment(until));
            (Status::Failed, again(order, tries, &when))
        }
        Stand::Ready => (Status::Ready, why_ready(order, rank, outlook)),
        _ => return None,
    };
    let footprint = Footprint::default();
    let conflicts = Vec::new();
    let stage = stage.name;
    Some(Task { order, stage, status, reason, blocked_by, conflicts, rank, footprint })
}

fn again(order: &Order, tries: usize, then: &str) -> String {
    let last = order.history.setbacks.last();
    let why = last.map(|setback| line(&setback.why, 120)).unwrap_or_default();
    format!("failed {tries} times, last: {why}; {then}")
}

fn why_ready(order: &Order, rank: Rank, outlook: &Outlook) -> String {
    let Ok(request) = &order.request else { return String::new() };
    let mut parts = vec![format!("priority {}", request.priority.digit())];
    let raised = i64::from(request.priority.digit()) - rank.level;
    if raised > 0 {
        let hours = outlook.now.saturating_sub(rank.since) / 3600;
        parts.push(format!("raised to {} by waiting {hours} h", rank.level));
    }
    if let Some(due) = request.due {
        parts.push(format!("due {due}"));
    }
    match request.needs.as_slice() {
        [] => parts.push("needs nothing".to_owned()),
        needs => {
            let needs: Vec<&str> = needs.iter().map(|need| need.id.as_str()).collect();
            parts.push(format!("all it needs is done: {}", needs.join(", ")));
        }
    }
    if let Some(phase) = request.phase {
        parts.push(format!("phase {phase} is open"));
    }
    parts.join(", ")
}

fn as_text(tasks: &[Task<'_>]) -> Result<()> {
    let mut rows = Rows::new(&["ORDER", "STATE", "STAGE", "STATUS", "REASON"]);
    for task in tasks {
        let mut reason = task.reason.clone();
        if task.blocked_by.is_empty() {
            for (other, overlap) in &task.conflicts {
                reason.push_str(&format!("; not beside {other}: {overlap}"));
            }
        }
        rows.add([
            task.order.id.to_string(),
            task.order.state.to_string(),
            task.stage.to_owned(),
            task.status.word().to_owned(),
            line(&reason, 300),
        ]);
    }
    voice::result(rows.text())
}

/// The shape of one order in `--json`.
pub(crate) fn as_json(task: &Task<'_>) -> Value {
    let request = task.order.request.as_ref().ok();
    let group = request.and_then(|request| request.group.as_ref());
    let files: std::collections::BTreeSet<&String> =
        task.conflicts.iter().flat_map(|(_, overlap)| &overlap.files).collect();
    json!({
        "id": task.order.id,
        "title": request.map(|request| &request.title),
        "phase": request.and_then(|request| request.phase),
        "status": task.status.word(),
        "reason": task.reason,
        "state": task.order.state,
        "stage": task.stage,
        "level": task.rank.level,
        "sequential": group.is_some(),
        "sequentialGroup": group,
        "sequentialReason": request.and_then(|request| request.group_reason.as_ref()),
        "fileConflict": task.conflicts.iter().any(|(_, overlap)| !overlap.files.is_empty()),
        "conflictsWith": task.conflicts.iter().map(|(id, _)| id).collect::<Vec<_>>(),
        "conflictingFiles": files,
        "blockedBy": task.blocked_by,
    })
}
