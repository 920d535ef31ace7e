//! The table that is shown while the demo runs: one row per order, one per worker. Pure.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use shopfloor::agent::one_line;
use shopfloor::floor::WorkerStatus;
use shopfloor::stages::STAGES;
use shopfloor::state::State;

use super::course::{Course, Mark, Way};
use super::orders::PARTS;

/// What is shown.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    /// What has happened.
    pub(super) course: &'a Course,
    /// The workers that live.
    pub(super) workers: &'a [WorkerStatus],
    /// Model calls so far.
    pub(super) calls: usize,
    /// Their label.
    pub(super) label: &'a str,
    /// What is going on, one line.
    pub(super) now: &'a str,
}

const ORDER_WIDE: usize = 9;
const STATE_WIDE: usize = 16;
const WORKER_WIDE: usize = 16;
/// Below this a column of last words says nothing.
const WORDS_LEAST: usize = 20;

/// Its lines, each at most `wide` columns.
pub(super) fn frame(
    scene: &Scene<'_>,
    after: Duration,
    wide: usize,
    coloured: bool,
) -> Vec<String> {
    let paint = |style: Style, text: &str| match coloured {
        true => format!("{style}{text}{style:#}"),
        false => text.to_owned(),
    };
    let wide = wide.max(40);
    let mut lines = Vec::new();
    let mut head = format!("  {:<ORDER_WIDE$}", "ORDER");
    for stage in &STAGES {
        head += &format!("  {:<6}", stage.name);
    }
    head += "  STATE";
    lines.push(paint(Style::new().bold(), &cut(&head, wide)));
    for part in &PARTS {
        let mut way = scene.course.way(part.id);
        if let (Mark::Waits, Some(needed)) = (way.marks[0], part.needs) {
            way.last = format!("needs {needed}");
        }
        lines.push(order(part.id, &way, wide, paint));
    }
    lines.push(String::new());
    let head = format!("  {:<WORKER_WIDE$}  SESSIONS  TURNS  DOING", "WORKER");
    lines.push(paint(Style::new().bold(), &cut(&head, wide)));
    for stage in &STAGES {
        let status = scene.workers.iter().find(|status| status.stage == stage.name);
        let text = match status {
            None => format!("  {:<WORKER_WIDE$}  -         -      not up", stage.worker),
            Some(status) => format!(
                "  {:<WORKER_WIDE$}  {:<8}  {:<5}  {}",
                stage.worker, status.sessions, status.turns, status.doing
            ),
        };
        let dim = status.is_none_or(|status| status.idle);
        lines
            .push(paint(if dim { Style::new().dimmed() } else { Style::new() }, &cut(&text, wide)));
    }
    lines.push(String::new());
    let foot = format!(
        "  {:>3} s  sessions: {}, model calls{}: {}; {}",
        after.as_secs(),
        scene.course.sessions,
        scene.label,
        scene.calls,
        scene.now
    );
    lines.push(paint(Style::new().bold(), &cut(&foot, wide)));
    lines
}

fn order(id: &str, way: &Way, wide: usize, paint: impl Fn(Style, &str) -> String) -> String {
    let mut text = format!("  {id:<ORDER_WIDE$}");
    let mut used = 2 + ORDER_WIDE;
    for (stage, mark) in STAGES.iter().zip(way.marks.iter().copied()) {
        let column = stage.name.len().max(6);
        text += "  ";
        text += &paint(style(mark), &format!("{:<column$}", mark.word()));
        used += 2 + column;
    }
    let state = way.state.as_ref().map_or("", State::as_str);
    let done = way.state == Some(State::READY_FOR_REVIEW);
    text += "  ";
    text += &paint(if done { good() } else { Style::new() }, &format!("{state:<STATE_WIDE$}"));
    used += 2 + STATE_WIDE + 2;
    let left = wide.saturating_sub(used);
    if left >= WORDS_LEAST {
        text += "  ";
        text += &paint(Style::new().dimmed(), &cut(&way.last, left));
    }
    text.trim_end().to_owned()
}

fn good() -> Style {
    AnsiColor::Green.on_default()
}

fn style(mark: Mark) -> Style {
    match mark {
        Mark::Ahead | Mark::Waits => Style::new().dimmed(),
        Mark::Turn | Mark::Gate => AnsiColor::Cyan.on_default(),
        Mark::FixTurn | Mark::Red | Mark::SentBack | Mark::Again => AnsiColor::Yellow.on_default(),
        Mark::Passed => good(),
        Mark::Failed => AnsiColor::Red.on_default().bold(),
    }
}

/// At most `wide` columns, the last one a sign that there was more.
fn cut(text: &str, wide: usize) -> String {
    one_line(text.trim_end(), wide.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shopfloor::event::{Event, What};
    use shopfloor::order::OrderId;

    fn course() -> Course {
        let mut course = Course::default();
        let mut add = |what| {
            let event = Event::now("spec-worker", what);
            course.read(&serde_json::to_string(&event).unwrap());
        };
        let order = OrderId::parse("slugify").unwrap();
        add(What::Started {
            stage: "spec".to_owned(),
            agent: "sim".to_owned(),
            batch: 5,
            simulated: true,
        });
        add(What::TurnBegan { order: order.clone(), fix: false, prompt: String::new() });
        let why = "all four sections are there; 4 files declared".to_owned();
        add(What::Moved { order, from: State::NEW, to: State::word("TESTS_PRE"), why });
        course
    }

    #[test]
    fn every_order_and_every_worker_has_a_row_that_fits() {
        let course = course();
        let scene = Scene {
            course: &course,
            workers: &[],
            calls: 7,
            label: " (SIMULATED)",
            now: "Ctrl-C stops it",
        };
        insta::assert_snapshot!(frame(&scene, Duration::from_secs(9), 100, false).join("\n"), @r"
          ORDER      spec    test    implement  playtest  commit  STATE
          slugify    ok      waits                                TESTS_PRE         all four sections are t…
          reverse    waits                                        NEW
          shorten    waits                                        NEW
          headline   waits                                        NEW
          frequency  waits                                        NEW
          permalink  waits                                        NEW               needs slugify

          WORKER            SESSIONS  TURNS  DOING
          spec-worker       -         -      not up
          test-worker       -         -      not up
          implement-worker  -         -      not up
          playtest-worker   -         -      not up
          commit-worker     -         -      not up

            9 s  sessions: 0, model calls (SIMULATED): 7; Ctrl-C stops it
        ");
        let narrow = frame(&scene, Duration::from_secs(9), 80, false);
        assert!(narrow.iter().all(|line| line.chars().count() < 80), "{narrow:#?}");
        assert!(narrow.len() < 24);
    }
}
