//! The line on disk: one small file per order, `.floor/line/<id>`. Each is written by whoever holds the order, or by
//! whoever decides. Replaced whole and not synced: what a power cut takes is made again from the worktrees.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::Survey;
use crate::error::{Error, Result};
use crate::floor;
use crate::order::OrderId;
use crate::plan::{self, InTheWay, Line, Place, Sight};
use crate::queue::Order;
use crate::stage::Tree;
use crate::state::State;

impl Survey {
    fn place_path(&self, id: &OrderId) -> PathBuf {
        self.floor.line().join(id.as_str())
    }

    /// The line as it is. A file that can't be read is none.
    pub fn line(&self) -> Line {
        let entries = std::fs::read_dir(self.floor.line()).into_iter().flatten().flatten();
        let places = entries.filter_map(|entry| {
            let id = OrderId::parse(entry.file_name().to_str()?).ok()?;
            let bytes = std::fs::read(entry.path()).ok()?;
            Some((id, serde_json::from_slice::<Place>(&bytes).ok()?))
        });
        Line::new(places)
    }

    fn place(&self, id: &OrderId) -> Option<Place> {
        serde_json::from_slice(&std::fs::read(self.place_path(id)).ok()?).ok()
    }

    /// Puts a place down.
    pub fn put_place(&self, id: &OrderId, place: &Place) -> Result<()> {
        let folder = self.floor.line();
        std::fs::create_dir_all(&folder).map_err(|error| Error::io("make", &folder, error))?;
        floor::replace(&self.place_path(id), &serde_json::to_vec(place).unwrap_or_default())
    }

    /// The order, which is ours, has begun: an agent is told of it in a stage that changes files.
    pub fn begin(&self, id: &OrderId) -> Result<()> {
        match self.place(id) {
            Some(place) if !place.begun => self.put_place(id, &Place { begun: true, ..place }),
            _ => Ok(()),
        }
    }

    /// These files were found changed in the worktree of the order, which is ours.
    pub fn note_changed(&self, id: &OrderId, changed: BTreeSet<String>) -> Result<()> {
        let Some(place) = self.place(id) else { return Ok(()) };
        let mut line = Line::new([(id.clone(), place)]);
        line.note(id, changed);
        match line.place(id) {
            Some(place) => self.put_place(id, place),
            None => Ok(()),
        }
    }

    /// The order has landed or is gone. That its place stays is no harm: it holds nobody up.
    pub fn leave(&self, id: &OrderId) {
        if let Err(error) = std::fs::remove_file(self.place_path(id))
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::debug!(order = %id, %error, "its place in the line stays");
        }
    }

    /// How an order in the line stands.
    pub fn stands(&self, id: &OrderId, place: &Place) -> InTheWay {
        match self.queue.look(id) {
            Ok(Some(order)) => self.stands_as(&order, place, self),
            _ => InTheWay::Gone,
        }
    }

    /// The same of an order that was looked at; `sight` answers about others.
    pub fn stands_as(&self, order: &Order, place: &Place, sight: &dyn Sight) -> InTheWay {
        if Self::ended(&order.state) {
            return InTheWay::Gone;
        }
        if let Some(open) = &order.history.open
            && self.touches_files(&open.state)
        {
            return InTheWay::InBatch;
        }
        let Ok(request) = &order.request else { return InTheWay::Free };
        let (id, begun, rules) = (&order.id, place.begun, &self.rules);
        let waits = plan::hindrance(id, request, begun, &self.pipeline, rules, sight).is_some()
            || (!begun
                && (order.hold.is_some() || !plan::before_in_group(id, request, sight).is_empty()));
        if waits { InTheWay::Stuck } else { InTheWay::Free }
    }

    /// True for a state whose stage has to do with the order's files.
    pub fn touches_files(&self, state: &State) -> bool {
        self.pipeline.taker(state).is_some_and(|stage| stage.tree != Tree::None)
    }

    /// Takes those out of the line that have landed or are gone, and puts those into it that have a worktree in `worktrees`
    /// and no place: a person may have deleted the line, or moved an order by hand. Under the lock of a decision.
    pub fn mend_line(&self, worktrees: &std::path::Path) -> Result<()> {
        let mut line = self.line();
        let gone: Vec<OrderId> = line
            .places()
            .filter(|(id, _)| match self.queue.look(id) {
                Ok(Some(order)) => order.state == State::READY_FOR_REVIEW,
                Ok(None) => true,
                Err(_) => false,
            })
            .map(|(id, _)| id.clone())
            .collect();
        for id in gone {
            line.leave(&id);
            self.leave(&id);
        }
        let entries = std::fs::read_dir(worktrees).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        for id in names.filter_map(|name| OrderId::parse(&name).ok()) {
            if line.place(&id).is_some() {
                continue;
            }
            let Ok(Some(order)) = self.queue.look(&id) else { continue };
            let Ok(request) = &order.request else { continue };
            if self.touches_files(&order.state) {
                line.join(&id, self.footprint(&id, request));
                line.begin(&id);
                if let Some(place) = line.place(&id) {
                    self.put_place(&id, place)?;
                }
            }
        }
        Ok(())
    }
}
