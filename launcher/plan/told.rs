//! A plan as a tree on the terminal, as JSON, and as a graph for graphviz.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};
use shopfloor::order::OrderId;
use shopfloor::plan::Hindrance;

use super::View;
use super::graph::conflicted;
use crate::voice::{self, line};
use crate::waits::{self, Stand};

/// The most orders that are listed in one tier of the tree; --json lists all.
const MOST: usize = 30;

fn names(ids: &[OrderId], between: &str) -> String {
    ids.iter().map(OrderId::as_str).collect::<Vec<_>>().join(between)
}

/// A length of time in words.
fn time(ms: u64) -> String {
    let secs = ms.div_ceil(1000);
    match (secs / 3600, secs / 60 % 60) {
        (0, 0) => format!("{secs} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes:02} min"),
    }
}

/// At least as long as the longest way, and as all the work shared out to all sessions.
fn estimate_ms(view: &View) -> u64 {
    let shared = view.tiers.effort / (view.sessions.max(1) as u64);
    shared.max(view.tiers.critical_effort)
}

/// The tree.
pub(super) fn as_text(view: &View) -> Result<()> {
    let all = view.outlook.seen.orders.len();
    let planned: usize = view.tiers.tiers.iter().map(Vec::len).sum();
    let ended = all - planned - view.tiers.never.len();
    let mut text = format!(
        "{}  {all} orders: {ended} at their end, {planned} in {} tiers, {} that will not come by themselves\n",
        view.of,
        view.tiers.tiers.len(),
        view.tiers.never.len()
    );
    for (nth, tier) in view.tiers.tiers.iter().enumerate() {
        let last = nth + 1 == view.tiers.tiers.len();
        let (branch, stem) = if last { ("└─", "  ") } else { ("├─", "│ ") };
        writeln!(text, "{branch} tier {}: {} side by side", nth + 1, tier.len())?;
        for (at, id) in tier.iter().take(MOST).enumerate() {
            let end = at + 1 == tier.len().min(MOST) && tier.len() <= MOST;
            writeln!(text, "{stem} {} {}", if end { "└─" } else { "├─" }, order(id, view))?;
        }
        if tier.len() > MOST {
            writeln!(text, "{stem} └─ and {} more (--json lists all)", tier.len() - MOST)?;
        }
        for (a, b, overlap) in conflicted(tier, &view.conflicts) {
            writeln!(text, "{stem}    {a} and {b} not at once: {overlap}")?;
        }
    }
    if !view.tiers.never.is_empty() {
        writeln!(text, "\nWill not come by themselves:")?;
        for id in view.tiers.never.iter().take(MOST) {
            writeln!(text, "  {}", order(id, view))?;
        }
    }
    for circle in &view.circles {
        let first = circle.first().map(OrderId::as_str).unwrap_or_default();
        writeln!(text, "\nCircle: {} -> {first}", names(circle, " -> "))?;
    }
    if !view.tiers.critical.is_empty() {
        let critical = &view.tiers.critical;
        writeln!(text, "\nCritical path ({}): {}", critical.len(), names(critical, " -> "))?;
    }
    if !view.batches.is_empty() {
        writeln!(text, "\nBatches of what is ready now:")?;
        for batch in &view.batches {
            writeln!(text, "  {:<10} {}", batch.stage, names(&batch.orders, ", "))?;
        }
    }
    estimate(&mut text, view)?;
    voice::result(text.trim_end())
}

fn order(id: &OrderId, view: &View) -> String {
    let Some(order) = view.outlook.seen.orders.get(id) else { return id.to_string() };
    let title = order.request.as_ref().map(|r| line(&r.title, 70)).unwrap_or_default();
    let mut told = format!("{id}  {}  {title}", order.state);
    match waits::stand(order, &view.outlook) {
        Stand::Held(why) => told.push_str(&format!("  (on hold: {})", line(&why, 60))),
        Stand::Waits(hindrance) => told.push_str(&format!("  ({})", briefly(&hindrance))),
        _ => {}
    }
    told
}

/// What it waits for, in a few words: the tiers tell the rest.
fn briefly(hindrance: &Hindrance) -> String {
    match hindrance {
        Hindrance::Needs(waits) if hindrance.may_pass() => {
            let names: Vec<&str> = waits.iter().map(|wait| wait.need.id.as_str()).collect();
            format!("after {}", line(&names.join(", "), 200))
        }
        Hindrance::Phase { tally, .. } => format!("after phase {}", tally.phase),
        Hindrance::Group { before, group, .. } => format!("after {before}, in the group {group}"),
        Hindrance::Needs(_) | Hindrance::Files { .. } => line(&hindrance.to_string(), 200),
    }
}

fn estimate(text: &mut String, view: &View) -> Result<()> {
    if view.tiers.effort == 0 {
        return Ok(());
    }
    let estimate = estimate_ms(view);
    writeln!(
        text,
        "\nEstimate: at least {} of turns with {} sessions at once; one after the other {}, the critical path {}",
        time(estimate),
        view.sessions,
        time(view.tiers.effort),
        time(view.tiers.critical_effort)
    )?;
    let assumed = view.measured.assumed();
    if !assumed.is_empty() {
        let assumed = assumed.join(", ");
        let each = time(super::measured::ASSUMED_MS);
        writeln!(text, "  no turn was measured yet in {assumed}: {each} each is an assumption")?;
    }
    writeln!(text, "  gates, retries and the opening of sessions are not in it")?;
    Ok(())
}

/// `--json`
pub(super) fn as_json(view: &View) -> Result<()> {
    let stages = view.outlook.pipeline.stages();
    let tier =
        |tier: &Vec<OrderId>| -> Vec<Value> { tier.iter().map(|id| one(id, view)).collect() };
    let conflicts = view
        .conflicts
        .iter()
        .map(|(a, b, overlap)| json!({ "orders": [a, b], "files": overlap.files }));
    let batches = view.batches.iter().map(|batch| {
        json!({
            "stage": batch.stage, "orders": batch.orders, "share": batch.share,
            "reasons": batch.reasons,
        })
    });
    voice::json(&json!({
        "of": view.of,
        "orders": view.outlook.seen.orders.len(),
        "tiers": view.tiers.tiers.iter().map(tier).collect::<Vec<_>>(),
        "never": tier(&view.tiers.never),
        "circles": view.circles,
        "critical_path": view.tiers.critical,
        "conflicts": conflicts.collect::<Vec<_>>(),
        "batches": batches.collect::<Vec<_>>(),
        "estimate": {
            "at_least_ms": estimate_ms(view),
            "critical_path_ms": view.tiers.critical_effort,
            "one_after_the_other_ms": view.tiers.effort,
            "sessions": view.sessions,
            "turn_ms": stages.iter().map(|s| (s.name.to_owned(), json!(view.measured.turn_ms(s.name))))
                .collect::<serde_json::Map<_, _>>(),
            "assumed": view.measured.assumed(),
        },
    }))
}

fn one(id: &OrderId, view: &View) -> Value {
    let Some(order) = view.outlook.seen.orders.get(id) else { return json!({ "id": id }) };
    let request = order.request.as_ref().ok();
    let why = match waits::stand(order, &view.outlook) {
        Stand::Waits(hindrance) => Some(hindrance.to_string()),
        _ => None,
    };
    json!({
        "id": id,
        "title": request.map(|request| &request.title),
        "state": order.state,
        "phase": request.and_then(|request| request.phase),
        "group": request.and_then(|request| request.group.as_ref()),
        "needs": request.map(|request| &request.needs),
        "hold": order.hold,
        "waits": why,
    })
}

/// `--dot`
pub(super) fn as_dot(view: &View) -> Result<()> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut text = "digraph plan {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
    let critical: Vec<(&OrderId, &OrderId)> =
        view.tiers.critical.iter().zip(view.tiers.critical.iter().skip(1)).collect();
    for id in view.tiers.tiers.iter().flatten().chain(&view.tiers.never) {
        let order = view.outlook.seen.orders.get(id);
        let title = order.and_then(|order| order.request.as_ref().ok());
        let title = title.map(|request| line(&request.title, 40)).unwrap_or_default();
        let label = quoted(&format!("{id}\n{title}")).replace('\n', "\\n");
        writeln!(text, "  {} [label={label}];", quoted(id.as_str()))?;
    }
    for (before, after) in &view.edges {
        let bold = if critical.contains(&(before, after)) { " [penwidth=3]" } else { "" };
        writeln!(text, "  {} -> {}{bold};", quoted(before.as_str()), quoted(after.as_str()))?;
    }
    for (a, b, overlap) in &view.conflicts {
        let label = quoted(&line(&overlap.files.join(", "), 60));
        let (a, b) = (quoted(a.as_str()), quoted(b.as_str()));
        writeln!(text, "  {a} -> {b} [dir=none, style=dotted, constraint=false, label={label}];")?;
    }
    text.push('}');
    voice::result(text)
}
