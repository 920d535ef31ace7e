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

    /// What a person reads at the end, quoted lines folded to `wide` columns.
    pub(super) fn text(&self, wide: Option<usize>) -> String {
        let label =
            if self.simulated { " SIMULATED agent; real tests, gates and commits." } else { "" };
        let mut text = format!(
            "What became of the six orders.{label}\n\n{}\n\n\
             $ git log --oneline main..shopfloor/ready\n{}\n",
            self.table(),
            self.log.trim_end()
        );
        if let (true, Some(report)) = (self.simulated, &self.liar_report) {
            text += &format!("\nThe order whose agent lied, from its {REPORT}:\n\n");
            // What one would do next stands at its end, and the folder is gone by now.
            let report = report.split("\nIts worktree").next().unwrap_or(report).trim_end();
            for line in report.lines().take(REPORT_LINES).flat_map(|line| folded(line, wide)) {
                text += format!("  | {line}").trim_end();
                text.push('\n');
            }
        }
        let counts: Vec<String> =
            self.counts.iter().rev().map(|(state, count)| format!("{count} {state}")).collect();
        let label = if self.simulated { "SIMULATED " } else { "" };
        let wanted = if self.differs.is_empty() { "" } else { "not " };
        text += &format!(
            "\n{} after {:.0} s, {wanted}as it should be.\n\
             {} turns in {} sessions; {} {label}model calls, {} of them while idle.",
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

/// A line in pieces that fit beside the mark of a quotation, parted at blanks where there are any.
fn folded(line: &str, wide: Option<usize>) -> Vec<String> {
    let most = wide.map_or(usize::MAX, |wide| wide.saturating_sub(5).max(20));
    let mut pieces = vec![String::new()];
    for word in line.split_inclusive(' ') {
        let used = pieces.last().map_or(0, |piece| piece.chars().count());
        if used > 0 && used + word.trim_end().chars().count() > most {
            pieces.push(String::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push_str(word);
        }
    }
    pieces
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

#[cfg(test)]
mod tests {
    use super::*;

    fn report(simulated: bool, liar: &State) -> Report {
        let rows = PARTS.iter().map(|part| Row {
            id: part.id,
            title: "T".to_owned(),
            state: if part.fate == Fate::Lie { liar.clone() } else { State::READY_FOR_REVIEW },
            attempts: 0,
            fix_turns: usize::from(part.fate == Fate::FixTurn),
            bounces: usize::from(part.fate == Fate::SentBack),
            commit: Some("0123456789".to_owned()),
            why: "w".to_owned(),
        });
        let orders: Vec<Row> = rows.collect();
        let watched = Watched { course: Course::default(), calls: 1, idle_calls: 0, simulated };
        let well = std::os::unix::process::ExitStatusExt::from_raw(0);
        Report {
            simulated,
            took_secs: 50.2,
            differs: differs(&orders, &watched, Some(well)),
            orders,
            counts: BTreeMap::from([("FAILED".to_owned(), 1), ("READY_FOR_REVIEW".to_owned(), 5)]),
            sessions: 14,
            turns: 36,
            model_calls: 36,
            model_calls_while_idle: 0,
            liar_report: Some(
                "# reverse FAILED\n\nbecause\n\nIts worktree is still there".to_owned(),
            ),
            log: "0123456 SIMULATED: T\n".to_owned(),
        }
    }

    #[test]
    fn the_last_word_says_simulated_in_its_head_its_commits_and_its_sum() {
        insta::assert_snapshot!(report(true, &State::FAILED).text(Some(80)), @r"
        What became of the six orders. SIMULATED agent; real tests, gates and commits.

          ORDER      STATE             FAILED TRIES  FIX TURNS  SENT BACK  COMMIT
          slugify    READY_FOR_REVIEW  -             -          -          0123456
          reverse    FAILED            -             -          -          0123456
          shorten    READY_FOR_REVIEW  -             -          1          0123456
          headline   READY_FOR_REVIEW  -             1          -          0123456
          frequency  READY_FOR_REVIEW  -             -          -          0123456
          permalink  READY_FOR_REVIEW  -             -          -          0123456

        $ git log --oneline main..shopfloor/ready
        0123456 SIMULATED: T

        The order whose agent lied, from its FAILED.md:

          | # reverse FAILED
          |
          | because

        5 READY_FOR_REVIEW, 1 FAILED after 50 s, as it should be.
        36 turns in 14 sessions; 36 SIMULATED model calls, 0 of them while idle.
        ");
    }

    #[test]
    fn a_lie_must_be_caught_and_a_real_agent_has_to_get_everything_done() {
        assert_eq!(report(true, &State::FAILED).differs, [""; 0]);
        assert_eq!(report(false, &State::READY_FOR_REVIEW).differs, [""; 0]);
        let told = report(true, &State::READY_FOR_REVIEW).differs;
        assert_eq!(told, ["reverse is READY_FOR_REVIEW and not FAILED: w"]);
        assert_eq!(report(false, &State::FAILED).differs.len(), 1);
    }

    #[test]
    fn a_line_is_folded_at_blanks_and_nothing_of_it_is_lost() {
        let line = "  the quick brown fox jumps over the lazy dog";
        let pieces = folded(line, Some(25));
        assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.trim_end().len() <= 20));
        assert_eq!(pieces.concat(), line);
        assert_eq!(folded(line, None), [line]);
        assert_eq!(folded("", Some(25)), [""]);
    }
}
