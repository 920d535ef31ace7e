//! The record of a batch as pages that a person can read.

use std::fmt::Write as _;

use super::record::{Record, Work};
use crate::order::OrderId;

/// `summary.md`.
pub(super) fn page(record: &Record) -> String {
    let mut page = String::new();
    let simulated = if record.simulated { " (SIMULATED)" } else { "" };
    add(
        &mut page,
        &format!("# Batch of the {} stage: {}\n", record.stage, counted(record.work.len())),
    );
    add(&mut page, &format!("- session: {}", record.session));
    add(
        &mut page,
        &format!(
            "- worker: {}, agent {}{simulated}, at most {} by weight",
            record.worker, record.agent, record.batch
        ),
    );
    add(&mut page, &format!("- began: {}", moment(record.began)));
    let status = match record.ended {
        Some(ended) => {
            format!("ended: {}, after {} s", moment(ended), ended.saturating_sub(record.began))
        }
        None => "status: under way".to_owned(),
    };
    add(&mut page, &format!("- {status}"));
    add(&mut page, &format!("- cost: {}", dollars(record.cost_usd())));
    add(&mut page, "\n## Objectives\n");
    add(&mut page, &format!("{}:\n", record.about));
    for (id, work) in in_order(record) {
        add(&mut page, &format!("- [{id}](tasks/{id}/): {}{}", one_line(&work.title), needs(work)));
    }
    criteria(record, &mut page);
    outcome(record, &mut page);
    reasons(record, &mut page);
    page
}

/// What has to be true.
fn criteria(record: &Record, page: &mut String) {
    add(page, "\n## Success criteria\n");
    for criterion in &record.criteria {
        add(page, &format!("- {criterion}"));
    }
    if let Some(then) = &record.then {
        add(page, &format!("\nAn order of which all of this is true moves on to {then}."));
    }
}

/// What became of the orders, and of those that waited for them.
fn outcome(record: &Record, page: &mut String) {
    add(page, "\n## What became of them\n");
    add(page, "| order | status | from | to | turns | took | cost | commit |");
    add(page, "|---|---|---|---|---|---|---|---|");
    for (id, work) in in_order(record) {
        add(page, &row(id, work));
    }
    for (id, work) in
        in_order(record).filter(|(_, work)| !work.why.is_empty() || !work.gates.is_empty())
    {
        add(page, &format!("\n### {id}\n"));
        if !work.why.is_empty() {
            add(page, &format!("{}\n", one_line(&work.why)));
        }
        for gate in &work.gates {
            add(page, &format!("- gate {}: {}: {}", gate.gate, gate.outcome, one_line(&gate.line)));
        }
        if !work.gates.is_empty() {
            add(page, &format!("- evidence: [EVIDENCE.md](tasks/{id}/EVIDENCE.md)"));
        }
    }
    add(page, "\n## What may begin now because of it\n");
    add(
        page,
        &match &record.unlocked {
            None if record.ended.is_none() => "Told at the end.".to_owned(),
            None => "Not looked for: the queue is large. `shopfloor next` tells.".to_owned(),
            Some(none) if none.is_empty() => "Nothing waited for these alone.".to_owned(),
            Some(orders) => orders.iter().map(|id| format!("- {id}\n")).collect(),
        },
    );
}

/// Why it took what it took.
fn reasons(record: &Record, page: &mut String) {
    add(page, "\n## Why these orders\n");
    for decision in &record.decisions {
        add(
            page,
            &format!(
                "{} ({}): {}\n",
                decision.when,
                moment(decision.at),
                one_line(&decision.share)
            ),
        );
        for reason in &decision.reasons {
            let what = if reason.taken { "taken" } else { "not taken" };
            add(page, &format!("- {} {what}: {}", reason.order, one_line(&reason.why)));
        }
        add(page, "");
    }
}

/// `integration.md`: what came of landing the orders together; `None` for a stage where nothing lands.
pub(super) fn integration(record: &Record) -> Option<String> {
    let runs = in_order(record).flat_map(|(id, work)| {
        work.gates.iter().filter(|run| run.gate == "union").map(move |run| (id, work, run))
    });
    let runs: Vec<_> = runs.collect();
    if runs.is_empty() {
        return None;
    }
    let mut page = String::new();
    add(&mut page, "# Landing together\n");
    add(
        &mut page,
        &format!(
            "Session {}. The orders below were put onto one line of commits, and the tests were run on it.\n",
            record.session
        ),
    );
    add(&mut page, "| order | union | what was found | stands in | commit |");
    add(&mut page, "|---|---|---|---|---|");
    for (id, work, run) in runs {
        let to = work.to.as_ref().map_or("-".to_owned(), ToString::to_string);
        let commit = work.commit.as_deref().unwrap_or("-");
        add(
            &mut page,
            &format!("| {id} | {} | {} | {to} | {commit} |", run.outcome, cell(&run.line)),
        );
    }
    Some(page)
}

fn row(id: &OrderId, work: &Work) -> String {
    let state = |state: &Option<crate::state::State>| {
        state.as_ref().map_or("-".to_owned(), ToString::to_string)
    };
    let cost = if work.turns == 0 { "none".to_owned() } else { dollars(work.usage.cost_usd) };
    let commit: String = work.commit.as_deref().unwrap_or("-").chars().take(10).collect();
    format!(
        "| {id} | {} | {} | {} | {} | {:.1} s | {cost} | {commit} |",
        work.fate.word(),
        state(&work.from),
        state(&work.to),
        work.turns,
        work.took_ms as f64 / 1000.0,
    )
}

/// In the order of their turns; those that are nowhere in it last.
fn in_order(record: &Record) -> impl Iterator<Item = (&OrderId, &Work)> {
    let listed = record.orders.iter().enumerate();
    let first = listed
        .filter(|(at, id)| !record.orders[..*at].contains(id))
        .filter_map(|(_, id)| record.work.get_key_value(id));
    let rest = record.work.iter().filter(|(id, _)| !record.orders.contains(id));
    first.chain(rest)
}

fn needs(work: &Work) -> String {
    if work.needs.is_empty() {
        return String::new();
    }
    let needs: Vec<String> = work.needs.iter().cloned().map(String::from).collect();
    format!(" (needed {})", needs.join(", "))
}

fn counted(orders: usize) -> String {
    if orders == 1 { "1 order".to_owned() } else { format!("{orders} orders") }
}

/// Unknown is said so, and is never 0.
fn dollars(cost: Option<f64>) -> String {
    cost.map_or("unknown".to_owned(), |cost| format!("${cost:.4}"))
}

fn moment(unix: u64) -> String {
    let second = i64::try_from(unix).ok().and_then(|unix| jiff::Timestamp::from_second(unix).ok());
    second.map_or_else(|| format!("unix second {unix}"), |moment| moment.to_string())
}

fn one_line(text: &str) -> String {
    crate::agent::one_line(text, 400)
}

/// Words in a table's cell.
fn cell(text: &str) -> String {
    one_line(text).replace('|', "\\|")
}

fn add(page: &mut String, line: &str) {
    // Writing to a string does not fail.
    let _never = writeln!(page, "{line}");
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::{record, turn};
    use super::*;

    #[test]
    fn a_cost_that_is_unknown_is_said_to_be_unknown() {
        let mut record = record();
        assert!(
            page(&record)
                .contains("| a | waits for its turn | IMPL | IMPL | 0 | 0.0 s | none | - |")
        );
        for what in turn(None) {
            record.hear(&what);
        }
        let told = page(&record);
        assert!(
            told.contains("- cost: unknown") && told.contains("| 1 | 0.0 s | unknown | - |"),
            "{told}"
        );
        assert!(!told.contains("$0"), "{told}");
    }

    #[test]
    fn titles_of_others_do_not_break_the_page() {
        let mut record = record();
        let work = record.work.values_mut().next().unwrap();
        work.title = "a\n# b\u{7}".to_owned();
        assert!(!page(&record).contains("\n# b"), "{}", page(&record));
    }
}
