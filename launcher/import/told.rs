//! What an import says: a table and the lines it could not use, or all of it as JSON.

use anyhow::Result;
use serde_json::{Value, json};
use shopfloor::import::{Fault, Reading, Told, Totals};

use super::{HOLD, Outcome};
use crate::flags::Import;
use crate::table::Rows;
use crate::voice::{self, Voice, line};

/// How many lines of one kind are shown; JSON has all.
const MOST: usize = 40;

/// Tells what was done, or would be.
pub(super) fn tell(flags: &Import, outcome: &Outcome, voice: Voice) -> Result<()> {
    if flags.json {
        return voice::json(&whole(flags, outcome));
    }
    table(&outcome.readings)?;
    lines(&outcome.readings, &outcome.plan.remarks, voice)?;
    let (fresh, there) = (outcome.plan.orders.len(), outcome.plan.present.len());
    let released = match outcome.released.len() {
        0 if flags.release || flags.dry_run || fresh == 0 => String::new(),
        0 => format!(", on hold ({HOLD}); the same again with --release lets them go"),
        released => format!(", {} released", orders(released)),
    };
    let there = match there {
        0 => String::new(),
        1 => "; 1 is in the queue already".to_owned(),
        there => format!("; {there} are in the queue already"),
    };
    let would = if flags.dry_run { "would be imported (nothing was touched)" } else { "imported" };
    match (fresh, outcome.released.len()) {
        (0, 0) => voice::result(format_args!("Nothing new: no order was made{there}")),
        (0, _) => voice::result(format_args!("Nothing new: no order was made{there}{released}")),
        (fresh, _) => voice::result(format_args!("{} {would}{released}{there}", orders(fresh))),
    }
}

/// Tells why nothing is imported.
pub(super) fn tell_faults(
    flags: &Import,
    readings: &[Reading],
    faults: &[Fault],
    voice: Voice,
) -> Result<()> {
    if flags.json {
        let mut value = read(flags, readings);
        value["faults"] = json!(faults);
        return voice::json(&value);
    }
    table(readings)?;
    lines(readings, &[], voice)?;
    for fault in faults {
        voice::result(format_args!("  refused   {}: {}", fault.spot, line(&fault.why, 400)))?;
    }
    Ok(())
}

fn orders(count: usize) -> String {
    if count == 1 { "1 order".to_owned() } else { format!("{count} orders") }
}

fn table(readings: &[Reading]) -> Result<()> {
    let heads =
        ["FILE", "PHASES", "TASKS", "DONE", "SKIPPED", "NEEDS", "GROUPS", "SET ASIDE", "UNUSABLE"];
    let mut rows = Rows::new(&heads);
    let cells = |name: &str, totals: &Totals| {
        let Totals { phases, tasks, done, skipped, needs, groups, set_aside, unusable, .. } =
            totals;
        let counts = [phases, tasks, done, skipped, needs, groups, set_aside, unusable]
            .map(usize::to_string);
        let [a, b, c, d, e, f, g, h] = counts;
        [line(name, 60), a, b, c, d, e, f, g, h]
    };
    for reading in readings {
        rows.add(cells(&reading.file, &reading.totals));
    }
    if readings.len() > 1 {
        rows.add(cells("all", &sum(readings)));
    }
    voice::result(rows.text())
}

fn sum(readings: &[Reading]) -> Totals {
    readings.iter().fold(Totals::default(), |sum, reading| sum.and(reading.totals))
}

/// The lines that could not be used; what was set aside only when asked to say more.
fn lines(readings: &[Reading], remarks: &[Told], voice: Voice) -> Result<()> {
    let of =
        |which: fn(&Reading) -> &Vec<Told>| readings.iter().flat_map(which).collect::<Vec<&Told>>();
    show("unusable", &of(|reading| &reading.unusable))?;
    let mut worth: Vec<&Told> = of(|reading| &reading.remarks);
    worth.extend(remarks);
    show("remark", &worth)?;
    if voice.says_more() {
        show("set aside", &of(|reading| &reading.set_aside))?;
    }
    Ok(())
}

fn show(what: &str, told: &[&Told]) -> Result<()> {
    for Told { spot, why, text } in told.iter().take(MOST) {
        let text = if text.is_empty() { String::new() } else { format!(": {}", line(text, 100)) };
        voice::result(format_args!("  {what:<9} {spot}: {}{text}", line(why, 300)))?;
    }
    if told.len() > MOST {
        voice::result(format_args!("  {what:<9} and {} more; --json has all", told.len() - MOST))?;
    }
    Ok(())
}

/// What was read, as JSON.
fn read(flags: &Import, readings: &[Reading]) -> Value {
    let files = readings.iter().map(|reading| {
        let groups = reading.groups.iter().map(|group| {
            let tasks = group.members.iter().filter_map(|at| reading.wishes.get(*at));
            let tasks: Vec<&str> = tasks.map(|wish| wish.external_id.as_str()).collect();
            json!({ "name": group.name, "reason": group.reason, "tasks": tasks })
        });
        json!({
            "file": reading.file,
            "totals": reading.totals,
            "groups": groups.collect::<Value>(),
            "unusable": reading.unusable,
            "set_aside": reading.set_aside,
            "remarks": reading.remarks,
        })
    });
    json!({
        "shape": flags.shape.word(),
        "dry_run": flags.dry_run,
        "files": files.collect::<Value>(),
        "totals": sum(readings),
        "faults": [],
        "orders": [],
        "present": [],
        "released": [],
        "remarks": [],
    })
}

fn whole(flags: &Import, outcome: &Outcome) -> Value {
    let mut value = read(flags, &outcome.readings);
    let made = outcome.plan.orders.iter().map(|(id, request)| {
        let mut fields = serde_json::to_value(request).unwrap_or_default();
        if let Value::Object(fields) = &mut fields {
            // The text is in the order's folder.
            fields.remove("body");
            fields.insert("id".to_owned(), json!(id));
        }
        fields
    });
    value["orders"] = made.collect();
    let present = outcome.plan.present.iter();
    value["present"] =
        present.map(|there| json!({ "external_id": there.external_id, "id": there.id })).collect();
    value["released"] = json!(outcome.released);
    value["remarks"] = json!(outcome.plan.remarks);
    value
}
