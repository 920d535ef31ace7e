//! Looking without touching: the list of orders, and one order as it stands. No lock is taken and nothing is written.

use std::io::ErrorKind;
use std::path::PathBuf;

use walkdir::WalkDir;

use super::folder::OrderFolder;
use super::journal::Journal;
use super::reconcile::{Finding, find};
use super::state_file::{self, Found};
use super::{FileQueue, hold, request};
use crate::error::{Error, Kind as Fault, Result};
use crate::floor::unix_now;
use crate::history::{Entry, Kind};
use crate::order::OrderId;
use crate::queue::{Listing, Order};
use crate::state::State;

/// How often a look is taken again when the order moved meanwhile.
const LOOKS: usize = 4;

impl FileQueue {
    /// Everything in the queue's folder. Hidden names and the README are the folder's own affair.
    pub(super) fn listing(&self) -> Result<Listing> {
        loop {
            let interrupted = |error: &walkdir::Error| {
                error.io_error().is_some_and(|error| error.kind() == ErrorKind::Interrupted)
            };
            match self.listed() {
                Err(error) if interrupted(&error) => {}
                listed => {
                    return listed.map_err(|error| {
                        let path = self.folder.display();
                        Error::new(Fault::Failed, format!("failed to list {path}")).caused_by(error)
                    });
                }
            }
        }
    }

    fn listed(&self) -> Result<Listing, walkdir::Error> {
        let mut listing = Listing::default();
        for entry in WalkDir::new(&self.folder).min_depth(1).max_depth(1).sort_by_file_name() {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') || name == "README.md" {
                continue;
            }
            let kind = entry.file_type();
            let fault = if kind.is_symlink() {
                Some("it is a symbolic link, which is never followed".to_owned())
            } else if !kind.is_dir() {
                Some("it is not a folder".to_owned())
            } else {
                match entry.file_name().to_str().map(OrderId::parse) {
                    Some(Ok(id)) => {
                        listing.orders.push(id);
                        None
                    }
                    Some(Err(error)) => Some(error.to_string()),
                    None => Some("its name is not UTF-8".to_owned()),
                }
            };
            listing.strange.extend(fault.map(|fault| (name, fault)));
        }
        Ok(listing)
    }

    /// One order as it stands.
    pub(super) fn snapshot(&self, id: &OrderId) -> Result<Option<Order>> {
        Ok(self.understood(id)?.map(|(order, _)| order))
    }

    /// One order as it stands, and why it can't be understood, if it can't: also where a hold hides that.
    pub(super) fn understood(&self, id: &OrderId) -> Result<Option<(Order, Option<String>)>> {
        let Some(folder) = OrderFolder::open(&self.folder, id)? else { return Ok(None) };
        self.snapshot_of(&folder).map(Some)
    }

    /// The newest order of this name in the archive, and its folder.
    pub fn look_archived(&self, id: &OrderId) -> Result<Option<(Order, PathBuf)>> {
        let Some(path) = self.floor.archived(id).pop() else { return Ok(None) };
        let Some(folder) = OrderFolder::open_at(path.clone(), id)? else { return Ok(None) };
        let (order, _) = self.snapshot_of(&folder)?;
        Ok(Some((order, path)))
    }

    fn snapshot_of(&self, folder: &OrderFolder) -> Result<(Order, Option<String>)> {
        let id = &folder.id;
        let (mut found, mut journal) = (state_file::read(folder)?, Journal::read(folder)?);
        // The word first, then the journal, then the word again: else a move between the two would look like a
        // person's edit, and a write half done like damage.
        for _ in 1..LOOKS {
            let again = state_file::read(folder)?;
            if again == found && journal.is_ok() {
                break;
            }
            found = again;
            journal = Journal::read(folder)?;
        }
        let request = request::read(folder)?;
        let mut hold = hold::read(folder)?;
        let finding = find(id, &self.options.pipeline, &journal, &found);
        let mut history = journal.unwrap_or_default().history;
        let mut fault = None;
        let state = match finding {
            Finding::Stands(state) | Finding::Redo(state) => state,
            Finding::Edited(state) | Finding::Adopt(state) => {
                // What the next one to lock the order will write down.
                let to = Some(state.clone());
                let seq = history.seq;
                let entry = Entry::of(Kind::Manual, history.generation);
                history.add(&Entry { to, seq, at: unix_now(), ..entry });
                state
            }
            Finding::Broken(why) => {
                fault = Some(why.clone());
                hold.get_or_insert(why);
                match found {
                    Found::Word(word, _) => word,
                    _ => history.state.clone().unwrap_or(State::NEW),
                }
            }
        };
        Ok((Order { id: id.clone(), state, request, history, hold }, fault))
    }
}
