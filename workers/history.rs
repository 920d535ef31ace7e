//! An order's history: the entries of its journal, and what they add up to. Pure: no file, no clock.
//!
//! Attempts, bounces and crashes are folded from the entries and stored nowhere else.

use serde::{Deserialize, Serialize};

use crate::failure::Class;
use crate::holder::{SessionId, WorkerId};
use crate::state::State;

/// What an entry says happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The order was made.
    Create,
    /// A worker took it.
    Claim,
    /// The worker that held it died.
    Orphan,
    /// The worker gave it back.
    Release,
    /// It moved from one state to another.
    Advance,
    /// Somebody put it on hold.
    Hold,
    /// Somebody took the hold away.
    Unhold,
    /// A person edited its state; the person wins.
    Manual,
    /// Something worth remembering that moves nothing.
    Note,
    /// It was given up, with a report.
    Bury,
    /// Somebody gave it another chance.
    Kick,
    /// It was put into the archive.
    Archive,
}

/// Topics of notes that later decisions read.
pub mod topic {
    /// The order's turn began: from here on a death of the worker counts against the order.
    pub const TURN_BEGUN: &str = "turn-begun";
    /// The order's turn is over and its result is on disk: from here on only gates are run.
    pub const TURN_ENDED: &str = "turn-ended";
    /// Its test files were frozen; `proof` is the SHA-256 of the list.
    pub const FROZEN: &str = "frozen";
    /// The gates of a stage that writes have passed; `proof` is the tree they passed on.
    pub const APPROVED: &str = "approved";
    /// A gate found something; for people.
    pub const GATE: &str = "gate";
    /// A result was refused, or something tried what it must not.
    pub const SECURITY: &str = "security";
}

/// Which file it was, whatever its name: what a file system remembers of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMark {
    /// Its inode.
    pub ino: u64,
    /// Its modification time, nanoseconds since 1970, where that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtime: Option<i64>,
    /// When it was made, nanoseconds since 1970, where the file system keeps that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born: Option<i64>,
}

/// One entry of a journal. Integers and strings only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Format version: 1.
    pub v: u32,
    /// One more than the entry before.
    pub seq: u64,
    /// What happened.
    pub e: Kind,
    /// The generation it happened under: highest + 1 at each claim, never reused.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// The worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wid: Option<WorkerId>,
    /// The session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SessionId>,
    /// The state before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<State>,
    /// The state after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<State>,
    /// The class of failure it records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// Unix seconds before which nobody claims it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<u64>,
    /// A note's topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// A note's proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// Inode of the `.state` file before an advance (file queue).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ino: Option<u64>,
    /// Modification time of the `.state` file before an advance, nanoseconds (file queue).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtime: Option<i64>,
    /// When that file was made, nanoseconds, where the file system keeps it (file queue).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born: Option<i64>,
    /// The `.state` file that stands since this entry, and is kept over power loss (file queue).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put: Option<FileMark>,
    /// The journal's own file, in the first entry after its name was made to outlive power loss (file queue).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileMark>,
    /// The id of the order, in the first entry: a copied folder is found out by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Why, in one line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// When, unix seconds. For people: nothing is decided by comparing it but the age of crashes.
    pub at: u64,
}

impl Entry {
    /// An entry of `kind` in which nothing else is said yet. The queue fills in `seq` and `at`.
    pub fn of(kind: Kind, generation: u64) -> Self {
        Self {
            v: 1,
            seq: 0,
            e: kind,
            generation,
            wid: None,
            sid: None,
            from: None,
            to: None,
            class: None,
            due: None,
            topic: None,
            proof: None,
            ino: None,
            mtime: None,
            born: None,
            put: None,
            file: None,
            id: None,
            why: String::new(),
            at: 0,
        }
    }
}

/// The claim that is open: the last claim entry that nothing has closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenClaim {
    /// Its generation.
    pub generation: u64,
    /// The worker that holds it.
    pub worker: WorkerId,
    /// The session it is in.
    pub session: SessionId,
    /// The state it was claimed in.
    pub state: State,
    /// When, unix seconds.
    pub since: u64,
    /// True once the agent was told of the order under this claim.
    pub turn_begun: bool,
}

/// A turn whose result is on disk and whose gates are not through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedTurn {
    /// The session whose folder holds the result.
    pub session: SessionId,
    /// The generation the result was given under.
    pub generation: u64,
}

/// One failed try that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setback {
    /// Where the order was.
    pub from: State,
    /// Where it was sent; `None` when it stayed.
    pub to: Option<State>,
    /// Why, in one line.
    pub why: String,
}

/// What a journal adds up to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// The last entry's number; 0 for an empty journal.
    pub seq: u64,
    /// The highest generation.
    pub generation: u64,
    /// Where the moves have led.
    pub state: Option<State>,
    /// The claim that is open.
    pub open: Option<OpenClaim>,
    /// A turn that needs only its gates.
    pub ended_turn: Option<EndedTurn>,
    /// Nobody claims it before this (unix seconds).
    pub due: Option<u64>,
    /// Tries that failed by the order's own fault, since a person last stepped in.
    pub setbacks: Vec<Setback>,
    /// Unix seconds of crashes while the order ran alone.
    pub crashes: Vec<u64>,
    /// It was in a crash: it runs alone next.
    pub suspect: bool,
    /// Times in a row that the machine or its set-up failed on it.
    pub outages: usize,
    /// SHA-256 of the list of its frozen test files.
    pub frozen: Option<String>,
    /// The tree of its worktree that the last writing stage's gates passed on, unless a person stepped in since.
    pub approved: Option<String>,
    /// Sessions in which it was worked on, with the state they took it in.
    pub sessions: Vec<(State, SessionId)>,
    /// When it came into its state, unix seconds.
    pub since: u64,
    /// When it was made, unix seconds.
    pub created: u64,
    /// The last line that says why.
    pub last_why: String,
}

impl History {
    /// Adds up all entries.
    pub fn fold(entries: &[Entry]) -> Self {
        let mut history = Self::default();
        for entry in entries {
            history.add(entry);
        }
        history
    }

    /// Adds one more entry.
    pub fn add(&mut self, entry: &Entry) {
        self.seq = entry.seq;
        self.generation = self.generation.max(entry.generation);
        if !entry.why.is_empty() {
            self.last_why.clone_from(&entry.why);
        }
        match entry.e {
            Kind::Create => {
                self.created = entry.at;
                self.moved(entry);
            }
            Kind::Claim => self.claimed(entry),
            Kind::Orphan | Kind::Release => {
                let alone = self.suspect;
                self.open = None;
                self.due = entry.due;
                if matches!(entry.class, Some(Class::Work | Class::Crash)) {
                    self.ended_turn = None;
                }
                self.charge(entry, alone);
            }
            Kind::Advance => {
                self.open = None;
                self.ended_turn = None;
                self.due = entry.due;
                self.outages = 0;
                self.charge(entry, false);
                if entry.class.is_none() {
                    self.suspect = false;
                }
                self.moved(entry);
            }
            Kind::Manual | Kind::Kick => {
                self.pardon();
                self.moved(entry);
            }
            Kind::Bury => {
                self.open = None;
                self.moved(entry);
            }
            Kind::Note => self.noted(entry),
            Kind::Hold | Kind::Unhold | Kind::Archive => {}
        }
    }

    fn moved(&mut self, entry: &Entry) {
        if entry.to.is_some() && self.state != entry.to {
            self.state.clone_from(&entry.to);
            self.since = entry.at;
        }
    }

    fn claimed(&mut self, entry: &Entry) {
        let (Some(worker), Some(session), Some(state)) =
            (entry.wid.clone(), entry.sid.clone(), entry.from.clone())
        else {
            return;
        };
        self.due = None;
        self.sessions.push((state.clone(), session.clone()));
        self.open = Some(OpenClaim {
            generation: entry.generation,
            worker,
            session,
            state,
            since: entry.at,
            turn_begun: false,
        });
    }

    fn noted(&mut self, entry: &Entry) {
        match entry.topic.as_deref() {
            Some(topic::TURN_BEGUN) => {
                if let Some(open) = &mut self.open {
                    open.turn_begun = true;
                }
                self.ended_turn = None;
            }
            Some(topic::TURN_ENDED) => {
                if let Some(session) = entry.sid.clone() {
                    self.ended_turn = Some(EndedTurn { session, generation: entry.generation });
                }
            }
            Some(topic::FROZEN) => self.frozen.clone_from(&entry.proof),
            Some(topic::APPROVED) => self.approved.clone_from(&entry.proof),
            _ => {}
        }
    }

    fn charge(&mut self, entry: &Entry, alone: bool) {
        match entry.class {
            Some(Class::Work) => {
                let from = entry.from.clone().or_else(|| self.state.clone());
                if let Some(from) = from {
                    let to = entry.to.clone();
                    self.setbacks.push(Setback { from, to, why: entry.why.clone() });
                }
                self.suspect = false;
                self.outages = 0;
            }
            Some(Class::Crash) => {
                if alone {
                    self.crashes.push(entry.at);
                }
                self.suspect = true;
                self.outages = 0;
            }
            Some(Class::Env) => self.outages += 1,
            Some(Class::Lost) | None => {}
        }
    }

    /// A person stepped in: the claim is closed and nothing is held against the order any more.
    fn pardon(&mut self) {
        self.open = None;
        self.ended_turn = None;
        self.due = None;
        self.setbacks.clear();
        self.crashes.clear();
        self.suspect = false;
        self.outages = 0;
        self.approved = None;
    }

    /// Tries that failed while the order was in one of `states` and that left it there.
    pub fn attempts(&self, states: &[State]) -> usize {
        let stayed = |s: &&Setback| {
            states.contains(&s.from) && s.to.as_ref().is_none_or(|to| states.contains(to))
        };
        self.setbacks.iter().filter(stayed).count()
    }

    /// Times a later stage sent it back to one of `states`.
    pub fn bounces(&self, states: &[State]) -> usize {
        let sent_back = |s: &&Setback| {
            !states.contains(&s.from) && s.to.as_ref().is_some_and(|to| states.contains(to))
        };
        self.setbacks.iter().filter(sent_back).count()
    }

    /// Crashes while it ran alone, at or after `since` (unix seconds).
    pub fn crashes_since(&self, since: u64) -> usize {
        self.crashes.iter().filter(|&&at| at >= since).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder() -> (WorkerId, SessionId) {
        (WorkerId::new(1, 2, 3), SessionId::fresh())
    }

    fn claim(generation: u64, state: State) -> Entry {
        let (wid, sid) = holder();
        Entry {
            wid: Some(wid),
            sid: Some(sid),
            from: Some(state),
            ..Entry::of(Kind::Claim, generation)
        }
    }

    fn close(kind: Kind, class: Option<Class>, from: State, to: Option<State>) -> Entry {
        Entry { class, from: Some(from), to, at: 100, ..Entry::of(kind, 1) }
    }

    #[test]
    fn attempts_stay_and_bounces_come_from_later_stages() {
        let implement = [State::IMPL, State::TESTS_POST, State::REVIEW];
        let history = History::fold(&[
            close(Kind::Release, Some(Class::Work), State::IMPL, None),
            close(Kind::Advance, Some(Class::Work), State::TESTS_POST, Some(State::IMPL)),
            close(Kind::Advance, Some(Class::Work), State::PLAYTEST, Some(State::IMPL)),
            close(Kind::Release, Some(Class::Env), State::IMPL, None),
        ]);
        assert_eq!((history.attempts(&implement), history.bounces(&implement)), (2, 1));
    }

    #[test]
    fn only_a_crash_alone_counts_and_a_forward_move_clears_the_suspicion() {
        let mut history = History::default();
        history.add(&close(Kind::Orphan, Some(Class::Crash), State::IMPL, None));
        assert!(history.suspect && history.crashes_since(0) == 0);
        history.add(&close(Kind::Release, Some(Class::Crash), State::IMPL, None));
        assert_eq!((history.crashes_since(0), history.crashes_since(101)), (1, 0));
        history.add(&close(Kind::Advance, None, State::IMPL, Some(State::TESTS_POST)));
        assert!(!history.suspect);
    }

    #[test]
    fn outages_count_in_a_row_and_charge_nothing() {
        let env = || close(Kind::Release, Some(Class::Env), State::IMPL, None);
        let lost = close(Kind::Release, Some(Class::Lost), State::IMPL, None);
        let mut history = History::fold(&[env(), lost, env()]);
        assert_eq!((history.outages, history.attempts(&[State::IMPL])), (2, 0));
        history.add(&close(Kind::Advance, None, State::IMPL, Some(State::TESTS_POST)));
        assert_eq!(history.outages, 0);
    }

    #[test]
    fn an_ended_turn_outlives_its_dead_worker_but_not_a_red_gate() {
        let mut history = History::default();
        history.add(&claim(1, State::TESTS_PRE));
        let (_, sid) = holder();
        let topic = |t: &str| Some(t.to_owned());
        history.add(&Entry { topic: topic(topic::TURN_BEGUN), ..Entry::of(Kind::Note, 1) });
        assert!(history.open.as_ref().unwrap().turn_begun);
        history.add(&Entry {
            topic: topic(topic::TURN_ENDED),
            sid: Some(sid),
            ..Entry::of(Kind::Note, 1)
        });
        history.add(&close(Kind::Orphan, Some(Class::Lost), State::TESTS_PRE, None));
        assert_eq!(history.ended_turn.as_ref().unwrap().generation, 1);
        history.add(&close(Kind::Release, Some(Class::Work), State::TESTS_PRE, None));
        assert_eq!(history.ended_turn, None);
    }

    #[test]
    fn a_person_pardons() {
        let mut history = History::default();
        history.add(&close(Kind::Release, Some(Class::Work), State::IMPL, None));
        history.add(&claim(2, State::IMPL));
        history.add(&Entry { to: Some(State::TESTS_PRE), ..Entry::of(Kind::Manual, 2) });
        assert_eq!((history.setbacks.len(), &history.open), (0, &None));
        assert_eq!(history.state, Some(State::TESTS_PRE));
        assert_eq!(history.generation, 2);
    }
}
