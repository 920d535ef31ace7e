//! The record of a batch, `.floor/sessions/<sid>/record.json`: which orders it took, when, why these and no others, and what
//! became of each. What happened is folded from the events that were told, so that it says nothing of its own.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::agent::Usage;
use crate::event::What;
use crate::floor::Floor;
use crate::holder::{SessionId, WorkerId};
use crate::ledger::Line;
use crate::order::{Need, OrderId, Request};
use crate::plan::Reason;
use crate::state::State;

/// The name of its file in the session's folder.
pub const RECORD: &str = "record.json";

/// The record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The session.
    pub session: SessionId,
    /// The stage's name.
    pub stage: String,
    /// What the stage does, one sentence.
    #[serde(default)]
    pub about: String,
    /// The states it takes; the agent works in the first.
    #[serde(default)]
    pub takes: Vec<State>,
    /// Where an order goes from here.
    #[serde(default)]
    pub then: Option<State>,
    /// The worker.
    pub worker: WorkerId,
    /// The agent's name.
    #[serde(default)]
    pub agent: String,
    /// The agent is a simulation.
    #[serde(default)]
    pub simulated: bool,
    /// The fingerprint (SHA-256) of what the session was told at its start; none before it was opened.
    #[serde(default)]
    pub opening: Option<String>,
    /// The most it may take, by weight.
    pub batch: usize,
    /// When it began, unix seconds.
    #[serde(default)]
    pub began: u64,
    /// And how many milliseconds of that second had passed: several may begin in one.
    #[serde(default)]
    pub began_ms: u32,
    /// When it ended, unix seconds.
    #[serde(default)]
    pub ended: Option<u64>,
    /// What its session used as a whole, where the agent tells that and no turn's own share.
    #[serde(default)]
    pub usage: Usage,
    /// Orders it took, in the order of their turns.
    pub orders: Vec<OrderId>,
    /// What has to be true of each order before it moves on.
    #[serde(default)]
    pub criteria: Vec<String>,
    /// What became of each order.
    #[serde(default)]
    pub work: BTreeMap<OrderId, Work>,
    /// Orders that may be worked on now because of it; `None` when it was not looked for.
    #[serde(default)]
    pub unlocked: Option<Vec<OrderId>>,
    /// Why it took what it took.
    pub decisions: Vec<Decision>,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Unix seconds.
    pub at: u64,
    /// At the start, or at which turn.
    pub when: String,
    /// Why this many.
    pub share: String,
    /// Why each order was taken or was not.
    pub reasons: Vec<Reason>,
}

/// What became of one order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Its title.
    pub title: String,
    /// What it needed; all of it was met.
    pub needs: Vec<Need>,
    /// Where it was taken.
    pub from: Option<State>,
    /// Where it stands since.
    pub to: Option<State>,
    /// How it stands.
    pub fate: Fate,
    /// Why, one line.
    pub why: String,
    /// Turns it was given.
    pub turns: u64,
    /// The fingerprint (SHA-256) of each turn's prompt.
    #[serde(default)]
    pub prompts: Vec<String>,
    /// How long its turns and gates took, milliseconds.
    pub took_ms: u64,
    /// What its turns used; `None` is unknown, which is not zero.
    pub usage: Usage,
    /// Turns that have ended.
    pub ended_turns: u64,
    /// Its gates, as they were run.
    pub gates: Vec<GateRun>,
    /// The commit it landed as.
    pub commit: Option<String>,
}

/// How an order of a batch stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Its turn has not begun.
    #[default]
    Waits,
    /// It is worked on.
    UnderWay,
    /// It moved on.
    MovedOn,
    /// It was sent back, or has to be done again, by its own fault.
    SentBack,
    /// It was given back, by nobody's fault.
    GivenBack,
    /// It was given up.
    Failed,
    /// It was not ours any more.
    Lost,
}

impl Fate {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waits => "waits for its turn",
            Self::UnderWay => "under way",
            Self::MovedOn => "moved on",
            Self::SentBack => "sent back",
            Self::GivenBack => "given back",
            Self::Failed => "FAILED",
            Self::Lost => "let go",
        }
    }
}

/// One gate as it was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateRun {
    /// Its name.
    pub gate: String,
    /// `pass`, `fail`, `could-not-run`.
    pub outcome: String,
    /// One line.
    pub line: String,
}

impl Record {
    /// Takes an order in that joins the batch in `state`.
    pub fn admit(&mut self, order: &OrderId, request: &Request, state: &State) {
        let work = Work {
            title: request.title.clone(),
            needs: request.needs.clone(),
            from: Some(state.clone()),
            to: Some(state.clone()),
            ..Work::default()
        };
        // One that comes back to the same session goes on where it was.
        self.work.entry(order.clone()).or_insert(work);
    }

    /// Hears an event. True when it was about this batch.
    pub fn hear(&mut self, what: &What) -> bool {
        if let What::SessionEnded { session, usage, .. } = what
            && *session == self.session.to_string()
        {
            self.usage = *usage;
            return true;
        }
        let (What::TurnBegan { order, .. }
        | What::TurnEnded { order, .. }
        | What::Gate { order, .. }
        | What::Moved { order, .. }
        | What::Returned { order, .. }
        | What::Buried { order, .. }
        | What::LostClaim { order, .. }) = what
        else {
            return false;
        };
        let Some(work) = self.work.get_mut(order) else { return false };
        if let What::Moved { to, .. } = what {
            let within = self.takes.iter().skip(1).any(|state| state == to);
            let on = within || self.then.as_ref() == Some(to);
            work.fate = if on { Fate::MovedOn } else { Fate::SentBack };
        }
        work.hear(what);
        true
    }

    /// The last word when the batch is over: what has no fate of its own was given back.
    pub fn close(&mut self, at: u64) {
        self.ended = Some(at);
        for work in self.work.values_mut() {
            if matches!(work.fate, Fate::Waits | Fate::UnderWay) {
                work.fate = Fate::GivenBack;
            }
        }
    }

    /// What it cost together; `None` where it is unknown of one of its turns, and of the session as a whole.
    pub fn cost_usd(&self) -> Option<f64> {
        let worked = self.work.values().filter(|work| work.turns > 0);
        let sum: Option<f64> = worked.map(|work| work.used().cost_usd).sum();
        self.usage.cost_usd.or(sum)
    }

    /// Tokens it used together, read and written; `None` where they are unknown of one of its turns.
    pub fn tokens(&self) -> Option<u64> {
        let worked = self.work.values().filter(|work| work.turns > 0);
        let tokens = |work: &Work| {
            let used = work.used();
            Some(used.input_tokens? + used.output_tokens?)
        };
        worked.map(tokens).sum()
    }

    /// Every record on the floor, the oldest first. One that can't be read is passed over.
    pub fn all(floor: &Floor) -> Vec<Self> {
        let folders =
            std::fs::read_dir(floor.root().join("sessions")).into_iter().flatten().flatten();
        let mut all: Vec<Self> = folders.filter_map(|folder| Self::read(&folder.path())).collect();
        all.sort_by(|a, b| {
            (a.began, a.began_ms, &a.session).cmp(&(b.began, b.began_ms, &b.session))
        });
        all
    }

    /// Lines of the ledger for the turns of `order` that a worker who died had under way: what they used is unknown, which is
    /// not nothing.
    pub fn cut_short(floor: &Floor, worker: &WorkerId, order: &OrderId, at: u64) -> Vec<Line> {
        let of_worker = Self::all(floor).into_iter().filter(|record| record.worker == *worker);
        let cut = of_worker.filter(|record| {
            let work = record.work.get(order);
            record.ended.is_none() && work.is_some_and(|work| work.turns > work.ended_turns)
        });
        let line = |record: Self| {
            let session = record.session.to_string();
            let line = Line::unknown(at, order.clone(), &record.stage, &session, &record.agent);
            Line { simulated: record.simulated, ..line }
        };
        cut.map(line).collect()
    }

    /// The record in a session's folder.
    pub fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(folder.join(RECORD)).ok()?).ok()
    }
}

impl Work {
    /// What its turns used; unknown where one of them has not come to its end.
    pub fn used(&self) -> Usage {
        if self.turns == self.ended_turns { self.usage } else { Usage::default() }
    }

    fn hear(&mut self, what: &What) {
        match what {
            What::TurnBegan { prompt, .. } => {
                self.turns += 1;
                self.prompts.push(prompt.clone());
                self.fate = Fate::UnderWay;
            }
            What::TurnEnded { took_ms, usage, .. } => {
                self.usage = match self.ended_turns {
                    0 => *usage,
                    _ => self.usage.and(*usage),
                };
                self.ended_turns += 1;
                self.took_ms += took_ms;
            }
            What::Gate { gate, outcome, line, took_ms, .. } => {
                let (gate, outcome, line) = (gate.clone(), outcome.clone(), line.clone());
                self.gates.push(GateRun { gate, outcome, line });
                self.took_ms += took_ms;
                self.fate = Fate::UnderWay;
            }
            What::Moved { to, why, .. } => {
                (self.to, self.why) = (Some(to.clone()), why.clone());
            }
            What::Returned { state, class, why, .. } => {
                let own = *class == crate::failure::Class::Work;
                self.fate = if own { Fate::SentBack } else { Fate::GivenBack };
                (self.to, self.why) = (Some(state.clone()), why.clone());
            }
            What::Buried { why, .. } => {
                self.fate = Fate::Failed;
                (self.to, self.why) = (Some(State::FAILED), why.clone());
            }
            What::LostClaim { why, .. } => {
                self.fate = Fate::Lost;
                self.why.clone_from(why);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::failure::Class;
    use crate::stages::STAGES;

    fn id(text: &str) -> OrderId {
        OrderId::parse(text).unwrap()
    }

    pub(in crate::batch) fn record() -> Record {
        let stage = &STAGES[2];
        let mut record = Record {
            session: SessionId::fresh(),
            stage: stage.name.to_owned(),
            about: stage.about.to_owned(),
            takes: stage.takes.to_vec(),
            then: Some(stage.then.clone()),
            worker: WorkerId::new(1, 2, 3),
            agent: "sim".to_owned(),
            simulated: true,
            opening: None,
            batch: 3,
            began: 1,
            began_ms: 0,
            ended: None,
            usage: Usage::default(),
            orders: Vec::new(),
            criteria: Vec::new(),
            work: BTreeMap::new(),
            unlocked: None,
            decisions: Vec::new(),
        };
        record.admit(&id("a"), &Request::titled("A"), &State::IMPL);
        record
    }

    pub(in crate::batch) fn turn(cost_usd: Option<f64>) -> [What; 2] {
        let usage = Usage { input_tokens: Some(5), output_tokens: None, cost_usd };
        let order = id("a");
        let (verdict, why) = ("done".to_owned(), String::new());
        [
            What::TurnBegan { order: order.clone(), fix: false, prompt: "f".to_owned() },
            What::TurnEnded { order, verdict, why, took_ms: 10, usage },
        ]
    }

    fn moved(to: State) -> What {
        What::Moved { order: id("a"), from: State::IMPL, to, why: "w".to_owned() }
    }

    fn returned(class: Class) -> What {
        let why = "r".to_owned();
        What::Returned { order: id("a"), state: State::IMPL, class, why, rests_secs: 0 }
    }

    fn fate(after: &[What]) -> Fate {
        let mut record = record();
        for what in after {
            assert!(record.hear(what), "{what:?}");
        }
        record.close(9);
        record.work[&id("a")].fate
    }

    #[test]
    fn what_became_of_an_order_is_what_was_told_last() {
        assert_eq!(fate(&[]), Fate::GivenBack);
        assert_eq!(fate(&turn(None)), Fate::GivenBack);
        assert_eq!(fate(&[moved(State::TESTS_POST), moved(State::PLAYTEST)]), Fate::MovedOn);
        assert_eq!(fate(&[moved(State::TESTS_POST), moved(State::IMPL)]), Fate::SentBack);
        assert_eq!(fate(&[moved(State::TESTS_POST)]), Fate::MovedOn);
        assert_eq!(fate(&[returned(Class::Work)]), Fate::SentBack);
        assert_eq!(fate(&[returned(Class::Env)]), Fate::GivenBack);
        assert_eq!(fate(&[What::Buried { order: id("a"), why: "w".to_owned() }]), Fate::Failed);
        assert!(!record().hear(&What::Buried { order: id("b"), why: String::new() }));
    }

    #[test]
    fn a_session_that_tells_its_cost_as_a_whole_has_one_and_its_orders_have_none() {
        let mut record = record();
        for what in turn(None) {
            record.hear(&what);
        }
        let usage = Usage { cost_usd: Some(0.5), ..Usage::default() };
        let ended = |session: String| What::SessionEnded {
            session,
            how: String::new(),
            turns: 1,
            left_over: 0,
            usage,
        };
        assert!(!record.hear(&ended(SessionId::fresh().to_string())));
        assert_eq!(record.cost_usd(), None);
        assert!(record.hear(&ended(record.session.to_string())));
        assert_eq!(record.cost_usd(), Some(0.5));
        assert_eq!(record.work[&id("a")].usage.cost_usd, None);
    }

    #[test]
    fn a_cost_that_is_unknown_of_one_turn_is_unknown_and_never_zero() {
        let cost = |costs: &[Option<f64>]| {
            let mut record = record();
            for what in costs.iter().flat_map(|cost| turn(*cost)) {
                record.hear(&what);
            }
            record.cost_usd()
        };
        assert_eq!(cost(&[Some(0.5), Some(0.25)]), Some(0.75));
        assert_eq!(cost(&[Some(0.5), None]), None);
        assert_eq!(cost(&[None, Some(0.5)]), None);
        assert_eq!(cost(&[]), Some(0.0), "nothing was paid for");
        // The session broke off in its second turn.
        let mut record = record();
        let [began, ended] = turn(Some(0.25));
        for what in [&began, &ended, &began] {
            record.hear(what);
        }
        assert_eq!((record.cost_usd(), record.tokens()), (None, None));
    }

    #[test]
    fn records_that_began_in_one_second_stand_in_the_order_in_which_they_began() {
        let folder = tempfile::tempdir().unwrap();
        let floor = Floor::of_queue(folder.path());
        let began: Vec<(u64, u32)> = (0..8).map(|n| (1 + u64::from(n / 6), n % 6)).collect();
        for &(began, began_ms) in began.iter().rev() {
            let record = Record { began, began_ms, ..record() };
            let dir = floor.session(&record.session);
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(dir.join(RECORD), serde_json::to_vec(&record).unwrap()).unwrap();
        }
        let all = Record::all(&floor);
        let read: Vec<_> = all.iter().map(|record| (record.began, record.began_ms)).collect();
        assert_eq!(read, began);
    }

    #[test]
    fn a_record_comes_back_as_it_went_and_an_older_one_is_read() {
        let record = record();
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        let session = record.session.as_str();
        let older = format!(
            r#"{{"session":"{session}","stage":"spec","worker":"1-2-00000003","batch":5,"orders":["a"],"decisions":[]}}"#
        );
        assert!(serde_json::from_str::<Record>(&older).is_ok());
    }
}
