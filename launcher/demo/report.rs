//! How the demo ended: what became of each order, and whether that is what should have become of it.

use std::collections::BTreeMap;
use std::process::ExitStatus;
use std::time::Duration;

use serde::Serialize;
use shopfloor::error::Result;
use shopfloor::papers::{Papers, REPORT};
use shopfloor::place::Place;
use shopfloor::queue::Queue;
use shopfloor::stages::STAGES;
use shopfloor::state::State;
use shopfloor::stop::Stop;

use super::course::Course;
use super::folder::Folder;
use super::orders::{Fate, PARTS, Part};
use crate::table::Rows;

/// The most lines of a FAILED.md that are shown.
const REPORT_LINES: usize = 24;

/// What the demo was watched doing.
#[derive(Debug)]
pub(super) struct Watched {
    /// What the events told.
    pub(super) course: Course,
    /// Model calls in all.
    pub(super) calls: usize,
    /// Model calls while there was nothing to do, before the orders came and after all were done.
    pub(super) idle_calls: usize,
    /// True when nothing real was called.
    pub(super) simulated: bool,
}

/// One order at the end.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    id: &'static str,
    title: String,
    state: State,
    /// Tries that failed, the one it was given up at included.
    attempts: usize,
    fix_turns: usize,
    /// Times a later stage sent it back.
    bounces: usize,
    commit: Option<String>,
    why: String,
}

/// Everything at the end. Its JSON is a promise: docs/commands.md has the shape.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    simulated: bool,
    took_secs: f64,
    orders: Vec<Row>,
    counts: BTreeMap<String, usize>,
    sessions: usize,
    turns: usize,
    model_calls: usize,
    model_calls_while_idle: usize,
    liar_report: Option<String>,
    /// What is not as it should be.
    pub(super) differs: Vec<String>,
    #[serde(skip)]
    log: String,
}

impl Report {
    /// Looks at the queue and the repository after everything has ended.
    pub(super) async fn of(
        folder: &Folder,
        watched: &Watched,
        launcher: Option<ExitStatus>,
        took: Duration,
        stop: &Stop,
    ) -> Result<Self> {
        let place = folder.place()?;
        let queue = place.open_queue()?;
        let mut orders = Vec::new();
        for part in &PARTS {
            orders.extend(row(part, folder, &*queue, watched, stop).await?);
        }
        let mut counts = BTreeMap::new();
        for row in &orders {
            *counts.entry(row.state.to_string()).or_default() += 1;
        }
        let differs = differs(&orders, watched, launcher);
        Ok(Self {
            simulated: watched.simulated,
            took_secs: (took.as_secs_f64() * 10.0).round() / 10.0,
            liar_report: liar_report(&place)?,
            log: folder
                .git(&["log", "--oneline", "--no-decorate", "main..shopfloor/ready", "--"], stop)
                .await?,
            orders,
            counts,
            sessions: watched.course.sessions,
            turns: watched.course.turns,
            model_calls: watched.calls,
            model_calls_while_idle: watched.idle_calls,
            differs,
        })
    }

    /// What a person reads at the end.
    pub(super) fn text(&self) -> String {
        let label = if self.simulated { "SIMULATED agent, " } else { "" };
        let mut text = format!(
            "What became of the six orders ({label}real repository, tests, gates and commits):\n\n{}\n\n\
             $ git log --oneline main..shopfloor/ready\n{}\n",
            self.table(),
            self.log.trim_end()
        );
        if let (true, Some(report)) = (self.simulated, &self.liar_report) {
            text += &format!("\nThe order whose agent lied, from its {REPORT}:\n\n");
            // What one would do next stands at its end, and the folder is gone by now.
            let lines = report.lines().take_while(|line| !line.starts_with("Its worktree"));
            for line in lines.take(REPORT_LINES) {
                text += format!("  | {line}").trim_end();
                text.push('\n');
            }
        }
        let counts: Vec<String> =
            self.counts.iter().rev().map(|(state, count)| format!("{count} {state}")).collect();
        let label = if self.simulated { "SIMULATED " } else { "" };
        text += &format!(
            "\n{} after {:.0} s: {} turns in {} sessions, {} {label}model calls, {} of them while idle.\n",
            counts.join(", "),
            self.took_secs,
            self.turns,
            self.sessions,
            self.model_calls,
            self.model_calls_while_idle
        );
        text
    }

    fn table(&self) -> String {
        let heads = ["ORDER", "STATE", "FAILED TRIES", "FIX TURNS", "SENT BACK", "COMMIT"];
        let mut rows = Rows::new(&heads);
        let number = |n: usize| if n == 0 { "-".to_owned() } else { n.to_string() };
        for row in &self.orders {
            rows.add([
                row.id.to_owned(),
                row.state.to_string(),
                number(row.attempts),
                number(row.fix_turns),
                number(row.bounces),
                row.commit
                    .as_ref()
                    .map_or("-".to_owned(), |commit| commit.chars().take(7).collect()),
            ]);
        }
        rows.text()
    }
}

async fn row(
    part: &Part,
    folder: &Folder,
    queue: &dyn Queue,
    watched: &Watched,
    stop: &Stop,
) -> Result<Option<Row>> {
    let (id, request) = part.order()?;
    let Some(order) = queue.look(&id)? else { return Ok(None) };
    let buried = order.state == State::FAILED;
    let tries = STAGES.iter().map(|stage| order.history.attempts(stage.takes)).sum::<usize>();
    let bounces = STAGES.iter().map(|stage| order.history.bounces(stage.takes)).sum();
    let commit = match order.state == State::READY_FOR_REVIEW {
        false => None,
        true => {
            let name = format!("refs/heads/shopfloor/{id}");
            let commit = folder.git(&["rev-parse", "--verify", &name], stop).await?;
            Some(commit.trim().to_owned())
        }
    };
    Ok(Some(Row {
        id: part.id,
        title: request.title,
        state: order.state,
        attempts: tries + usize::from(buried),
        fix_turns: watched.course.way(part.id).fix_turns,
        bounces,
        commit,
        why: order.history.last_why,
    }))
}

fn liar_report(place: &Place) -> Result<Option<String>> {
    let Some(liar) = PARTS.iter().find(|part| part.fate == Fate::Lie) else { return Ok(None) };
    let (id, _) = liar.order()?;
    Ok(Papers::at(place.papers(&id)?).read(REPORT))
}

/// What is not as it should be. A real agent tells no lies by appointment: all it has to do is to get everything done.
fn differs(orders: &[Row], watched: &Watched, launcher: Option<ExitStatus>) -> Vec<String> {
    let mut found = Vec::new();
    for part in &PARTS {
        let Some(row) = orders.iter().find(|row| row.id == part.id) else {
            found.push(format!("the order {} is gone", part.id));
            continue;
        };
        let caught = watched.simulated && part.fate == Fate::Lie;
        let wanted = if caught { State::FAILED } else { State::READY_FOR_REVIEW };
        if row.state != wanted {
            found.push(format!("{} is {} and not {wanted}: {}", row.id, row.state, row.why));
        }
        if !watched.simulated {
            continue;
        }
        if part.fate == Fate::FixTurn && row.fix_turns == 0 {
            found.push(format!("{} had no fix turn", row.id));
        }
        if part.fate == Fate::SentBack && row.bounces == 0 {
            found.push(format!("{} was not sent back by its playtest", row.id));
        }
    }
    if watched.idle_calls > 0 {
        found.push(format!("{} model calls while there was nothing to do", watched.idle_calls));
    }
    match launcher {
        Some(status) if status.success() => {}
        Some(status) => found.push(format!("the launcher ended badly: {status}")),
        None => found.push("nobody knows how the launcher ended".to_owned()),
    }
    found
}
