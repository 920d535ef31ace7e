//! `shopfloor batches`: the sessions that were run, from their own records.

use anyhow::Result;
use serde_json::{Value, json};
use shopfloor::batch::{Fate, Record};
use shopfloor::error::{Error, Kind};
use shopfloor::place::Place;
use shopfloor::queue::Queue;

use crate::flags::Batch;
use crate::table::Rows;
use crate::voice::{self, Done, line, moment, plain};

/// Shows them.
pub(crate) fn run(flags: &Batch, place: &Place) -> Result<Done> {
    let (queue, floor) = (place.open_queue_to_look()?, place.floor()?);
    let mut records = Record::all(&floor);
    if let Some(wanted) = &flags.session {
        records.retain(|record| record.session.as_str().starts_with(wanted.as_str()));
        if records.is_empty() {
            let told = format!("there is no batch {}", line(wanted, 80));
            return Err(Error::new(Kind::NotFound, told)
                .hint("`shopfloor batches` lists them")
                .into());
        }
    }
    if flags.json {
        let skipped = records.len().saturating_sub(flags.last);
        let told = records.iter().skip(skipped).map(|record| json_of(record, &*queue));
        voice::json(
            &json!({ "count": records.len() - skipped, "batches": told.collect::<Value>() }),
        )?;
        return Ok(Done::Well);
    }
    if flags.session.is_some() {
        for record in &records {
            let page = floor.session(&record.session).join("summary.md");
            let text =
                std::fs::read_to_string(&page).map_err(|error| Error::io("read", &page, error))?;
            voice::result(plain(&text))?;
        }
        return Ok(Done::Well);
    }
    if records.is_empty() {
        voice::result("No batch has been worked on yet.")?;
        return Ok(Done::Well);
    }
    let mut table = Rows::new(&[
        "SESSION", "STAGE", "BEGAN", "STATUS", "TOOK", "ORDERS", "MOVED ON", "BACK", "FAILED",
        "TOKENS", "COST",
    ]);
    let skipped = records.len().saturating_sub(flags.last);
    for record in records.iter().skip(skipped) {
        table.add(row(record, &*queue));
    }
    voice::result(table.text())?;
    Ok(Done::Well)
}

/// `ended`, `under way`, or `cut short` when its worker died with it.
fn status(record: &Record, queue: &dyn Queue) -> &'static str {
    match record.ended {
        Some(_) => "ended",
        None if queue.lives(&record.worker).unwrap_or(false) => "under way",
        None => "cut short",
    }
}

fn counted(record: &Record, fates: &[Fate]) -> usize {
    record.work.values().filter(|work| fates.contains(&work.fate)).count()
}

fn row(record: &Record, queue: &dyn Queue) -> [String; 11] {
    let took = record
        .ended
        .map_or("-".to_owned(), |ended| format!("{} s", ended.saturating_sub(record.began)));
    let paid = record.work.values().any(|work| work.turns > 0);
    let cost = record.cost_usd().map_or("unknown".to_owned(), |cost| {
        if paid { format!("${cost:.4}") } else { "-".to_owned() }
    });
    let label = if record.simulated { " SIMULATED" } else { "" };
    [
        record.session.as_str().chars().take(8).collect(),
        record.stage.clone(),
        moment(record.began),
        status(record, queue).to_owned(),
        took,
        record.work.len().to_string(),
        counted(record, &[Fate::MovedOn]).to_string(),
        counted(record, &[Fate::SentBack, Fate::GivenBack, Fate::Lost]).to_string(),
        counted(record, &[Fate::Failed]).to_string(),
        match (paid, record.tokens()) {
            (false, _) => "-".to_owned(),
            (true, Some(tokens)) => tokens.to_string(),
            (true, None) => "unknown".to_owned(),
        },
        format!("{cost}{label}"),
    ]
}

fn json_of(record: &Record, queue: &dyn Queue) -> Value {
    let mut value = serde_json::to_value(record).unwrap_or_default();
    value["status"] = json!(status(record, queue));
    value["cost_usd"] = json!(record.cost_usd());
    value["tokens"] = json!(record.tokens());
    value
}
