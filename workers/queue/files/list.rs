//! Looking without touching: the list of orders, and one order as it stands. No lock is taken and nothing is written.

use std::ffi::OsString;
use std::path::PathBuf;

use super::folder::{OrderFolder, failed};
use super::journal::Journal;
use super::machine::{Answer, Errno, Sort};
use super::reconcile::{Finding, find};
use super::state_file::{self, Found};
use super::{FileQueue, hold, request};
use crate::error::Result;
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
            match self.listed() {
                Err(Errno::INTR) => {}
                listed => {
                    return listed.map_err(|error| failed("list", &self.site.folder, error));
                }
            }
        }
    }

    fn listed(&self) -> Answer<Listing> {
        let mut entries: Vec<(OsString, Sort)> = Vec::new();
        self.site.machine.list(&self.site.folder, &mut |name, sort| {
            entries.push((name.to_owned(), sort));
        })?;
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        let mut listing = Listing::default();
        for (entry, sort) in entries {
            let name = entry.to_string_lossy().into_owned();
            if name.starts_with('.') || name == "README.md" {
                continue;
            }
            let fault = match (sort, entry.to_str().map(OrderId::parse)) {
                (Sort::Link, _) => "it is a symbolic link, which is never followed".to_owned(),
                (Sort::File | Sort::Other, _) => "it is not a folder".to_owned(),
                (Sort::Folder, Some(Ok(id))) => {
                    listing.orders.push(id);
                    continue;
                }
                (Sort::Folder, Some(Err(error))) => error.to_string(),
                (Sort::Folder, None) => "its name is not UTF-8".to_owned(),
            };
            listing.strange.push((name, fault));
        }
        Ok(listing)
    }

    /// One order as it stands.
    pub(super) fn snapshot(&self, id: &OrderId) -> Result<Option<Order>> {
        Ok(self.understood(id)?.map(|(order, _)| order))
    }

    /// One order as it stands, and why it can't be understood, if it can't: also where a hold hides that.
    pub(super) fn understood(&self, id: &OrderId) -> Result<Option<(Order, Option<String>)>> {
        let Some(folder) = self.site.order(id)? else { return Ok(None) };
        self.snapshot_of(&folder).map(Some)
    }

    /// The newest order of this name in the archive, and its folder.
    pub fn look_archived(&self, id: &OrderId) -> Result<Option<(Order, PathBuf)>> {
        let Some(path) = self.site.archived(id)?.pop() else { return Ok(None) };
        let Some(folder) = OrderFolder::open_at(&self.site.machine, path.clone(), id)? else {
            return Ok(None);
        };
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
                history.add(&Entry { to, seq, at: self.site.machine.now(), ..entry });
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
