//! Reconcile: under every order lock, first make `.state` and the journal agree.
//!
//! A move is committed by its journal entry and applied by a rename. A crash may fall between the two, and a person may
//! write `.state` at any time. The entry remembers which file the `.state` was that it replaces (inode, modification time,
//! time of birth), which tells the two apart: such a file still there, or there again after a power cut, means "committed,
//! not applied"; any other file was written by a person, and the person wins.

use super::folder::{STATE, Stamp};
use super::hold;
use super::journal::Journal;
use super::machine::SyncPoint;
use super::mutex::Locked;
use super::state_file::{self, Found};
use super::swap::{self, Swapped};
use crate::error::{Error, Kind as Fault, Result};
use crate::history::{Entry, Kind};
use crate::order::OrderId;
use crate::stage::Pipeline;
use crate::state::State;

/// How often a person may write `.state` while we settle it.
const ROUNDS: usize = 8;

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
    let last = journal.last_move.as_ref().and_then(|last| last.to.as_ref());
    match (last, found) {
        (_, Found::Bad(why)) => Finding::Broken(why.clone()),
        (None, Found::Missing) => Finding::Adopt(State::NEW),
        (None, Found::Empty) => Finding::Broken(".state is empty".to_owned()),
        (None, Found::Word(word, _)) => legal(word, Finding::Adopt),
        (Some(to), Found::Missing | Found::Empty) => legal(to, Finding::Redo),
        (Some(to), Found::Word(word, _)) if word == to => legal(word, Finding::Stands),
        (Some(to), Found::Word(word, stamp)) => match journal.has_replaced(word, *stamp) {
            true => legal(to, Finding::Redo),
            false => legal(word, Finding::Edited),
        },
    }
}

/// Makes them agree. The inner error is the reason the order is on hold now.
pub(super) fn reconcile(pipeline: &Pipeline, locked: &Locked) -> Result<Result<Standing, String>> {
    for _ in 0..ROUNDS {
        if let Some(agreed) = agree(pipeline, locked)? {
            return Ok(agreed);
        }
    }
    let path = locked.folder.path_of(STATE);
    let told = format!("failed to settle {}: it is written again and again", path.display());
    Err(Error::new(Fault::BrokenOrder, told).hint("end whatever writes it"))
}

/// The same; `None` when a person wrote `.state` meanwhile.
fn agree(pipeline: &Pipeline, locked: &Locked) -> Result<Option<Result<Standing, String>>> {
    let folder = &locked.folder;
    let read = Journal::read(folder)?;
    // In a copy nothing is finished: what was copied in the middle of a swap is the copier's.
    if let Ok(journal) = &read
        && journal.is_of(&folder.id)
    {
        swap::finish(folder, journal)?;
    }
    let found = state_file::read_settled(folder)?;
    let finding = find(&folder.id, pipeline, &read, &found);
    let mut journal = read.unwrap_or_default();
    let state = match finding {
        Finding::Stands(state) => state,
        Finding::Redo(state) => {
            // Its writer may have died before the sync. What is applied must be on record first.
            Journal::sync(folder)?;
            let stamp = put_state(locked, &state, &found)?;
            return Ok(stamp.map(|stamp| Ok(Standing { journal, state, stamp })));
        }
        Finding::Edited(state) => {
            keep_edit(locked)?;
            let entry = Entry::of(Kind::Manual, journal.history.generation);
            let from = journal.history.state.clone();
            let why = "a person wrote .state".to_owned();
            let (to, put) = (Some(state.clone()), found.mark());
            journal.append(folder, vec![Entry { from, to, put, why, ..entry }])?;
            state
        }
        Finding::Adopt(state) => {
            if found != Found::Missing {
                keep_edit(locked)?;
            }
            let entry = adoption(locked, &journal, &state);
            journal.append(folder, vec![Entry { put: found.mark(), ..entry }])?;
            state
        }
        Finding::Broken(why) => {
            let ours = journal.begun_for.as_deref() == Some(folder.id.as_str());
            hold::by_machine(folder, ours.then_some(&mut journal), &why);
            return Ok(Some(Err(why)));
        }
    };
    let stamp = match found {
        Found::Word(_, stamp) => Some(stamp),
        Found::Missing | Found::Empty | Found::Bad(_) => put_state(locked, &state, &found)?,
    };
    Ok(stamp.map(|stamp| Ok(Standing { journal, state, stamp })))
}

/// Writes `.state` in the place of `before`; `None` when a person was faster.
fn put_state(locked: &Locked, state: &State, before: &Found) -> Result<Option<Stamp>> {
    let ours = state_file::prepare(&locked.folder, state)?;
    let swapped = state_file::apply(&locked.folder, &ours, before)?;
    Ok(match (swapped, ours) {
        (Swapped::Ours, Found::Word(_, stamp)) => Some(stamp),
        _ => None,
    })
}

/// Makes a `.state` that a person wrote survive power loss. Without it an older one might come back after its edit was put
/// on record, and would look like another edit.
pub(super) fn keep_edit(locked: &Locked) -> Result<()> {
    locked.folder.sync_file(STATE, SyncPoint::EditedState)?;
    locked.folder.sync(SyncPoint::EditedName)
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
            born: stamp.born,
            ..Entry::of(Kind::Advance, 1)
        };
        let lines = [super::super::journal::line(&create), super::super::journal::line(&advance)];
        Journal::parse(&lines.concat())
    }

    #[test]
    fn the_same_old_file_means_redo_and_any_other_file_is_a_persons() {
        let old = Stamp { ino: 1, mtime: 10, born: Some(3) };
        let other = Stamp { mtime: 11, ..old };
        let again = Stamp { born: Some(4), ..old };
        let id = OrderId::parse("a").unwrap();
        let journal = journal(State::NEW, State::TESTS_PRE, old);
        let find = |found| find(&id, &stages::pipeline(), &journal, &found);
        assert_eq!(find(Found::Word(State::NEW, old)), Finding::Redo(State::TESTS_PRE));
        assert_eq!(find(Found::Word(State::NEW, other)), Finding::Edited(State::NEW));
        assert_eq!(find(Found::Word(State::NEW, again)), Finding::Edited(State::NEW));
        assert_eq!(find(Found::Word(State::IMPL, old)), Finding::Edited(State::IMPL));
        assert_eq!(find(Found::Word(State::TESTS_PRE, other)), Finding::Stands(State::TESTS_PRE));
        assert_eq!(find(Found::Missing), Finding::Redo(State::TESTS_PRE));
        assert_eq!(find(Found::Empty), Finding::Redo(State::TESTS_PRE));
        let unknown = State::parse("SOMEWHERE").unwrap();
        assert!(matches!(find(Found::Word(unknown, old)), Finding::Broken(_)));
    }

    #[test]
    fn a_copied_folder_is_no_order() {
        let stamp = Stamp { ino: 1, mtime: 1, born: None };
        let journal = journal(State::NEW, State::TESTS_PRE, stamp);
        let id = OrderId::parse("b").unwrap();
        let finding = find(&id, &stages::pipeline(), &journal, &Found::Word(State::NEW, stamp));
        assert!(matches!(finding, Finding::Broken(why) if why.starts_with("copy of a")));
    }
}
