//! `shopfloor start --dry-run`: what would be launched and taken. Nothing is touched: no lock, no folder, no trial.

use anyhow::Result;
use serde_json::json;
use shopfloor::place::Place;
use shopfloor::plan::Reason;

use crate::crew::Post;
use crate::flags::Start;
use crate::outlook::Outlook;
use crate::plan::batches::{self, Batch};
use crate::table::Rows;
use crate::voice::{self, Done, Voice};
use crate::waits::{self, Stand};

/// Shows it. `faults` are what would keep the launcher from starting.
pub(crate) fn run(
    flags: &Start,
    posts: &[Post],
    faults: &[String],
    place: &Place,
    voice: Voice,
) -> Result<Done> {
    let mut config = place.need_config()?;
    for stage in shopfloor::stages::STAGES {
        if let Some(batch) = flags.batches.of(stage.name) {
            config.stage.entry(stage.name.to_owned()).or_default().batch = Some(batch);
        }
    }
    let outlook = Outlook::of(place)?;
    let batches = batches::now(&outlook, &config);
    let waiting: Vec<(String, String)> = outlook
        .seen
        .orders
        .values()
        .filter_map(|order| match waits::stand(order, &outlook) {
            Stand::Waits(hindrance) => Some((order.id.to_string(), hindrance.to_string())),
            _ => None,
        })
        .collect();
    if flags.json {
        let workers = posts.iter().map(|post| {
            json!({ "name": post.name, "stage": post.stage, "batch": post.batch, "log": post.log })
        });
        let batches = batches.iter().map(|batch| {
            let Batch { stage, orders, share, reasons } = batch;
            json!({ "stage": stage, "orders": orders, "share": share, "reasons": reasons })
        });
        let waiting = waiting.iter().map(|(id, why)| json!({ "id": id, "why": why }));
        voice::json(&json!({
            "dry_run": true,
            "workers": workers.collect::<Vec<_>>(),
            "sessions": config.floor.sessions.map(u32::from),
            "batches": batches.collect::<Vec<_>>(),
            "waiting": waiting.collect::<Vec<_>>(),
            "faults": faults,
        }))?;
    } else {
        as_text(posts, &batches, &waiting)?;
    }
    for fault in faults {
        voice.warn(format_args!("it would not start: {fault}"));
    }
    Ok(if faults.is_empty() { Done::Well } else { Done::Otherwise })
}

fn as_text(posts: &[Post], batches: &[Batch], waiting: &[(String, String)]) -> Result<()> {
    voice::result("Would launch:")?;
    let mut rows = Rows::new(&["WORKER", "BATCH", "LOG"]);
    for post in posts {
        rows.add([post.name.clone(), post.batch.to_string(), post.log_shown.clone()]);
    }
    voice::result(rows.text())?;
    match batches {
        [] => voice::result("\nNothing would be taken now.")?,
        batches => {
            voice::result("\nWould take, in this order:")?;
            for Batch { stage, reasons, share, .. } in batches {
                voice::result(format_args!("  {stage}: {share}"))?;
                for Reason { order, why, .. } in reasons.iter().filter(|reason| reason.taken) {
                    voice::result(format_args!("    {order}  ({why})"))?;
                }
            }
        }
    }
    if !waiting.is_empty() {
        voice::result("\nWould wait:")?;
        for (id, why) in waiting.iter().take(20) {
            voice::result(format_args!("  {id}  {why}"))?;
        }
        if waiting.len() > 20 {
            voice::result(format_args!("  and {} more (--json lists all)", waiting.len() - 20))?;
        }
    }
    voice::result("\nNothing was touched.")
}
