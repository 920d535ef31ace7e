//! Reconcile: under every order lock, first make `.state` and the journal agree.
//!
//! A move is committed by its journal entry and applied by a rename. A crash may fall between the two, and a person may
//! write `.state` at any time. The entry remembers inode and modification time of the `.state` it replaces, which tells
//! the two apart: the same file still there means "committed, not applied"; any other file was written by a person,
//! and the person wins.

use super::folder::Stamp;
use super::hold;
use super::journal::Journal;
use super::mutex::Locked;
use super::state_file::{self, Found};
use crate::error::Result;
use crate::history::{Entry, Kind};
use crate::order::OrderId;
use crate::stage::Pipeline;
use crate::state::State;

/// Where a locked order stands, `.state` and journal in agreement.
#[derive(Debug)]
pub(super) struct Standing {
    /// Its journal.
    pub(super) journal: Journal,
    /// Its state.
    pub(super) state: State,
    /// The `.state` that says so.
    pub(super) stamp: Stamp,
}

/// What `.state` and the journal say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    /// They agree.
    Stands(State),
    /// The last move is committed and not applied.
    Redo(State),
    /// A person wrote this.
    Edited(State),
    /// There is no journal: a folder made by hand, or a journal that was deleted.
    Adopt(State),
    /// It can't be told: hold, never guess. The reason.
    Broken(String),
}

fn unknown(pipeline: &Pipeline, state: &State) -> String {
    let known = pipeline.states();
    let known: Vec<&str> = known.iter().map(State::as_str).collect();
    format!("no stage knows the state {state} (there are {})", known.join(", "))
}

/// Compares `.state` with the journal. Pure.
pub(super) fn find(
    id: &OrderId,
    pipeline: &Pipeline,
    journal: &Result<Journal, String>,
    found: &Found,
) -> Finding {
    let journal = match journal {
        Ok(journal) => journal,
        Err(why) => return Finding::Broken(why.clone()),
    };
    if let Some(other) = journal.begun_for.as_deref().filter(|&other| other != id.as_str()) {
        return Finding::Broken(format!(
            "copy of {other}: its journal was begun for that order; remove events.jsonl, .state and .hold to make \
             this a new one"
        ));
    }
    let legal = |state: &State, finding: fn(State) -> Finding| match pipeline.knows(state) {
        true => finding(state.clone()),
        false => Finding::Broken(unknown(pipeline, state)),
    };
    let last = journal.last_move.as_ref().and_then(|last| Some((last, last.to.as_ref()?)));
    match (last, found) {
        (_, Found::Bad(why)) => Finding::Broken(why.clone()),
        (None, Found::Missing) => Finding::Adopt(State::NEW),
        (None, Found::Empty) => Finding::Broken(".state is empty".to_owned()),
        (None, Found::Word(word, _)) => legal(word, Finding::Adopt),
        (Some((_, to)), Found::Missing | Found::Empty) => legal(to, Finding::Redo),
        (Some((_, to)), Found::Word(word, _)) if word == to => legal(word, Finding::Stands),
        (Some((last, to)), Found::Word(word, stamp)) => {
            let replaced = (last.from.as_ref(), last.ino, last.mtime);
            if replaced == (Some(word), Some(stamp.ino), Some(stamp.mtime)) {
                legal(to, Finding::Redo)
            } else {
                legal(word, Finding::Edited)
            }
        }
    }
}

/// Makes them agree. The inner error is the reason the order is on hold now.
pub(super) fn reconcile(pipeline: &Pipeline, locked: &Locked) -> Result<Result<Standing, String>> {
    let folder = &locked.folder;
    let found = state_file::read_settled(folder)?;
    let read = Journal::read(folder)?;
    let finding = find(&folder.id, pipeline, &read, &found);
    let mut journal = read.unwrap_or_default();
    let state = match finding {
        Finding::Stands(state) => state,
        Finding::Redo(state) => {
            let stamp = put_state(locked, &state)?;
            return Ok(Ok(Standing { journal, state, stamp }));
        }
        Finding::Edited(state) => {
            let entry = Entry::of(Kind::Manual, journal.history.generation);
            let from = journal.history.state.clone();
            let why = "a person wrote .state".to_owned();
            journal.append(folder, vec![Entry { from, to: Some(state.clone()), why, ..entry }])?;
            state
        }
        Finding::Adopt(state) => {
            journal.append(folder, vec![adoption(locked, &journal, &state)])?;
            state
        }
        Finding::Broken(why) => {
            let ours = journal.begun_for.as_deref() == Some(folder.id.as_str());
            hold::by_machine(folder, ours.then_some(&mut journal), &why);
            return Ok(Err(why));
        }
    };
    let stamp = match found {
        Found::Word(_, stamp) => stamp,
        Found::Missing | Found::Empty | Found::Bad(_) => put_state(locked, &state)?,
    };
    Ok(Ok(Standing { journal, state, stamp }))
}

fn put_state(locked: &Locked, state: &State) -> Result<Stamp> {
    let stamp = state_file::prepare(&locked.folder, state)?;
    state_file::apply(&locked.folder, state)?;
    Ok(stamp)
}

/// The first entry for an order without a journal.
///
/// A folder that nobody ever locked and that is in NEW is simply new: generation 0. In every other case a journal may
/// have been here and been deleted, and with it the generations it gave out. The new one goes on from the unix time in
/// seconds. That is above every earlier generation: generations begin at 0 or at an earlier such time and grow by one
/// for each claim, and no order is claimed once a second for all the seconds since. Should the clock have been put
/// back, an old grant is still refused: a grant counts only with its worker's id as well, and no two workers share one.
/// So no hold is needed. Deleting the journal is a person's act, like writing `.state`: the open claim is closed, and
/// its worker learns of it at its next word.
fn adoption(locked: &Locked, journal: &Journal, state: &State) -> Entry {
    let to = Some(state.clone());
    if locked.fresh && *state == State::NEW {
        return Entry { to, why: "made by hand".to_owned(), ..Entry::of(Kind::Create, 0) };
    }
    let generation = journal.history.generation.max(locked.folder.machine.now());
    let why = "there was no journal; .state was taken as it stood".to_owned();
    Entry { to, why, ..Entry::of(Kind::Manual, generation) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages;

    fn journal(from: State, to: State, stamp: Stamp) -> Result<Journal, String> {
        let create = Entry {
            seq: 1,
            to: Some(from.clone()),
            id: Some("a".to_owned()),
            ..Entry::of(Kind::Create, 0)
        };
        let advance = Entry {
            seq: 2,
            from: Some(from),
            to: Some(to),
            ino: Some(stamp.ino),
            mtime: Some(stamp.mtime),
            ..Entry::of(Kind::Advance, 1)
        };
        let lines = [super::super::journal::line(&create), super::super::journal::line(&advance)];
        Journal::parse(&lines.concat())
    }

    #[test]
    fn the_same_old_file_means_redo_and_any_other_file_is_a_persons() {
        let (old, other) = (Stamp { ino: 1, mtime: 10 }, Stamp { ino: 1, mtime: 11 });
        let id = OrderId::parse("a").unwrap();
        let journal = journal(State::NEW, State::TESTS_PRE, old);
        let find = |found| find(&id, &stages::pipeline(), &journal, &found);
        assert_eq!(find(Found::Word(State::NEW, old)), Finding::Redo(State::TESTS_PRE));
        assert_eq!(find(Found::Word(State::NEW, other)), Finding::Edited(State::NEW));
        assert_eq!(find(Found::Word(State::IMPL, old)), Finding::Edited(State::IMPL));
        assert_eq!(find(Found::Word(State::TESTS_PRE, other)), Finding::Stands(State::TESTS_PRE));
        assert_eq!(find(Found::Missing), Finding::Redo(State::TESTS_PRE));
        assert_eq!(find(Found::Empty), Finding::Redo(State::TESTS_PRE));
        let unknown = State::parse("SOMEWHERE").unwrap();
        assert!(matches!(find(Found::Word(unknown, old)), Finding::Broken(_)));
    }

    #[test]
    fn a_copied_folder_is_no_order() {
        let stamp = Stamp { ino: 1, mtime: 1 };
        let journal = journal(State::NEW, State::TESTS_PRE, stamp);
        let id = OrderId::parse("b").unwrap();
        let finding = find(&id, &stages::pipeline(), &journal, &Found::Word(State::NEW, stamp));
        assert!(matches!(finding, Finding::Broken(why) if why.starts_with("copy of a")));
    }
}
