//! What has happened so far: the events of all workers, added up for a person who watches. Pure: events in, facts out.

use std::collections::BTreeMap;

use shopfloor::event::{Event, What};
use shopfloor::failure::Class;
use shopfloor::order::OrderId;
use shopfloor::stages::{self, STAGES};
use shopfloor::state::State;

/// How an order stands with one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mark {
    /// It has not come there.
    #[default]
    Ahead,
    /// It waits for the stage.
    Waits,
    /// The agent works on it.
    Turn,
    /// The agent mends what a gate found.
    FixTurn,
    /// Our own checks run.
    Gate,
    /// One of them found something; what becomes of it follows.
    Red,
    /// It is through.
    Passed,
    /// The stage sent it back to an earlier one.
    SentBack,
    /// A try failed; there will be another one.
    Again,
    /// It was given up here.
    Failed,
}

impl Mark {
    /// The word in a table.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ahead => "",
            Self::Waits => "waits",
            Self::Turn => "turn",
            Self::FixTurn => "fix",
            Self::Gate => "gate",
            Self::Red => "red",
            Self::Passed => "ok",
            Self::SentBack => "back",
            Self::Again => "again",
            Self::Failed => "FAILED",
        }
    }
}

/// One order's way.
#[derive(Debug, Clone)]
pub(super) struct Way {
    /// Its state, as far as events tell.
    pub(super) state: Option<State>,
    /// One mark per stage.
    pub(super) marks: Vec<Mark>,
    /// Fix turns it was given.
    pub(super) fix_turns: usize,
    /// What happened last, in one line.
    pub(super) last: String,
}

impl Default for Way {
    fn default() -> Self {
        let marks = vec![Mark::Ahead; STAGES.len()];
        Self { state: None, marks, fix_turns: 0, last: String::new() }
    }
}

/// Everything so far.
#[derive(Debug, Default)]
pub(super) struct Course {
    ways: BTreeMap<OrderId, Way>,
    stage_of: BTreeMap<String, usize>,
    /// Sessions that were opened.
    pub(super) sessions: usize,
    /// Turns that were given.
    pub(super) turns: usize,
    /// What happened, one line each: every change of state, and what keeps an order or a stage from one.
    pub(super) lines: Vec<String>,
}

impl Course {
    /// An order's way; an order of which nothing was heard waits for the first stage.
    pub(super) fn way(&self, id: &str) -> Way {
        let known = OrderId::parse(id).ok().and_then(|id| self.ways.get(&id).cloned());
        known.unwrap_or_else(|| {
            let mut way = Way { state: Some(State::NEW), ..Way::default() };
            way.marks[0] = Mark::Waits;
            way
        })
    }

    /// Adds a line of `events.jsonl`; one that can't be read is passed over.
    pub(super) fn read(&mut self, line: &str) {
        if let Ok(event) = serde_json::from_str::<Event>(line) {
            self.add(&event);
        }
    }

    fn add(&mut self, event: &Event) {
        let at = self.stage_of.get(&event.by).copied();
        match (&event.what, at) {
            (What::Started { stage, .. }, _) => {
                if let Some(at) = STAGES.iter().position(|known| known.name == stage) {
                    self.stage_of.insert(event.by.clone(), at);
                }
            }
            (What::SessionOpened { .. }, _) => self.sessions += 1,
            (What::Paused { .. } | What::Resumed { .. } | What::Warning { .. }, _) => {
                self.lines.push(format!("{}: {}", event.by, event.what));
            }
            (what, Some(at)) => self.work(what, at),
            (_, None) => {}
        }
    }

    /// An event of a worker of the stage at `at`.
    fn work(&mut self, what: &What, at: usize) {
        match what {
            What::TurnBegan { order, fix, .. } => {
                self.turns += 1;
                let mark = if *fix { Mark::FixTurn } else { Mark::Turn };
                let way = self.mark(order, at, mark);
                if *fix {
                    way.fix_turns += 1;
                }
            }
            What::TurnEnded { order, why, .. } => {
                self.mark(order, at, Mark::Gate).last = format!("its agent says: {why}");
            }
            What::Gate { order, gate, outcome, line, .. } => {
                let (mark, word) = match outcome.as_str() {
                    "pass" => (Mark::Gate, "passes"),
                    "fail" => (Mark::Red, "fails"),
                    _ => (Mark::Red, "could not run"),
                };
                self.mark(order, at, mark).last = format!("gate {gate} {word}: {line}");
            }
            What::Moved { order, from, to, why } => self.moved(order, from, to, why, at),
            What::Returned { order, state, class, why, rests_secs } => {
                let again = matches!(class, Class::Work | Class::Crash);
                self.mark(order, at, if again { Mark::Again } else { Mark::Waits }).last =
                    why.clone();
                let rests =
                    if *rests_secs > 0 { format!(", rests {rests_secs} s") } else { String::new() };
                self.say(order, &format!("stays in {state}{rests}: {why}"));
            }
            What::Buried { order, why } => {
                let way = self.mark(order, at, Mark::Failed);
                (way.state, way.last) = (Some(State::FAILED), why.clone());
                self.say(order, &format!("FAILED: {why}"));
            }
            _ => {}
        }
    }

    fn moved(&mut self, order: &OrderId, from: &State, to: &State, why: &str, at: usize) {
        let pipeline = stages::pipeline();
        let taker =
            pipeline.taker(to).and_then(|stage| STAGES.iter().position(|s| s.name == stage.name));
        let back = pipeline.rank(to) < pipeline.rank(from);
        match taker {
            // Within one stage: its gates go on.
            Some(next) if next == at && !back => {
                self.mark(order, at, Mark::Gate);
            }
            Some(next) if next == at => {
                self.mark(order, at, Mark::Again);
            }
            next => {
                self.mark(order, at, if back { Mark::SentBack } else { Mark::Passed });
                if let Some(next) = next {
                    self.mark(order, next, Mark::Waits);
                }
            }
        }
        let way = self.ways.entry(order.clone()).or_default();
        (way.state, way.last) = (Some(to.clone()), why.to_owned());
        self.say(order, &format!("{from} -> {to}: {why}"));
    }

    fn mark(&mut self, order: &OrderId, at: usize, mark: Mark) -> &mut Way {
        let way = self.ways.entry(order.clone()).or_default();
        way.state.get_or_insert(State::NEW);
        way.marks[at] = mark;
        way
    }

    fn say(&mut self, order: &OrderId, text: &str) {
        self.lines.push(format!("{order:<10} {text}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(events: &[(&str, What)]) -> Course {
        let mut course = Course::default();
        for stage in &STAGES {
            let started = What::Started {
                stage: stage.name.to_owned(),
                agent: "sim".to_owned(),
                batch: 1,
                simulated: true,
            };
            course.add(&Event::now(stage.worker, started));
        }
        for (by, what) in events {
            course.read(&serde_json::to_string(&Event::now(by, what.clone())).unwrap());
        }
        course
    }

    fn id() -> OrderId {
        OrderId::parse("a").unwrap()
    }

    fn moved(from: State, to: State) -> What {
        What::Moved { order: id(), from, to, why: "w".to_owned() }
    }

    #[test]
    fn an_order_that_is_sent_back_shows_where_it_was_and_where_it_waits() {
        let course = course(&[
            (
                "implement-worker",
                What::TurnBegan { order: id(), fix: false, prompt: String::new() },
            ),
            ("implement-worker", What::TurnBegan { order: id(), fix: true, prompt: String::new() }),
            ("implement-worker", moved(State::IMPL, State::TESTS_POST)),
            ("implement-worker", moved(State::REVIEW, State::PLAYTEST)),
            ("playtest-worker", What::TurnBegan { order: id(), fix: false, prompt: String::new() }),
            ("playtest-worker", moved(State::PLAYTEST, State::IMPL)),
        ]);
        let way = course.way("a");
        let words: Vec<&str> = way.marks.iter().map(|mark| mark.word()).collect();
        assert_eq!(words, ["", "", "waits", "back", ""]);
        assert_eq!((way.state, way.fix_turns, course.turns), (Some(State::IMPL), 1, 3));
        assert_eq!(course.lines.len(), 3);
    }

    #[test]
    fn gates_within_one_stage_are_gates_and_the_last_stage_has_no_next() {
        let within = course(&[("implement-worker", moved(State::IMPL, State::TESTS_POST))]);
        assert_eq!(within.way("a").marks[2], Mark::Gate);
        let done = course(&[("commit-worker", moved(State::COMMIT, State::READY_FOR_REVIEW))]);
        assert_eq!(done.way("a").marks[4], Mark::Passed);
    }

    #[test]
    fn an_order_nobody_has_heard_of_waits_for_its_spec() {
        assert_eq!(course(&[]).way("b").marks[0], Mark::Waits);
    }
}
