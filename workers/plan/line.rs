//! The line: orders that have begun to touch files and have not landed, in the order in which they began. Of orders that
//! touch the same files the first in the line goes first, all the way to landing.
//!
//! Why nobody waits in a circle: an order waits for one in a batch, which ends; or for one before it in the line that waits
//! for no need. Whoever waits for needs holds nobody up with its files. So every way from one to the next goes down the
//! graph of needs, which has no circles, and from its first step in the line on only forward in the line.

use std::collections::{BTreeMap, BTreeSet};

use super::footprint::{Footprint, Overlap};
use super::hindrance::Hindrance;
use crate::order::OrderId;
use serde::{Deserialize, Serialize};

/// One order's place in the line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its number: the lower one goes first.
    pub turn: u64,
    /// An agent was told of it in a stage that changes files. Else it only keeps its place: it has waited for its files so
    /// long that nobody may overtake it.
    pub begun: bool,
    /// What it touches.
    pub footprint: Footprint,
    /// Files that were found changed in its worktree; they are in the footprint too.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub changed: BTreeSet<String>,
}

/// How an order in the line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InTheWay {
    /// It has landed, failed or gone.
    Gone,
    /// It is in somebody's batch this moment.
    InBatch,
    /// It waits for a need, or is on hold before it has begun: it holds nobody up.
    Stuck,
    /// It will go on.
    Free,
}

/// All places.
#[derive(Debug, Clone, Default)]
pub struct Line {
    places: BTreeMap<OrderId, Place>,
}

impl Line {
    /// A line of these places.
    pub fn new(places: impl IntoIterator<Item = (OrderId, Place)>) -> Self {
        Self { places: places.into_iter().collect() }
    }

    /// The place of an order.
    pub fn place(&self, id: &OrderId) -> Option<&Place> {
        self.places.get(id)
    }

    /// True when nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// All places, by id.
    pub fn places(&self) -> impl Iterator<Item = (&OrderId, &Place)> {
        self.places.iter()
    }

    /// Gives an order a place at the end, unless it has one; what it touches is put down anew.
    pub fn join(&mut self, id: &OrderId, mut footprint: Footprint) -> &Place {
        let next = self.places.values().map(|place| place.turn).max().map_or(1, |last| last + 1);
        let place = self.places.entry(id.clone()).or_insert(Place {
            turn: next,
            begun: false,
            footprint: Footprint::default(),
            changed: BTreeSet::new(),
        });
        footprint.note(&place.changed);
        place.footprint = footprint;
        place
    }

    /// The order has begun.
    pub fn begin(&mut self, id: &OrderId) {
        if let Some(place) = self.places.get_mut(id) {
            place.begun = true;
        }
    }

    /// Files were found changed in the order's worktree.
    pub fn note(&mut self, id: &OrderId, changed: BTreeSet<String>) {
        if let Some(place) = self.places.get_mut(id) {
            place.footprint.note(&changed);
            place.changed = changed;
        }
    }

    /// The order has landed or is gone.
    pub fn leave(&mut self, id: &OrderId) {
        self.places.remove(id);
    }

    /// Whose files keep `id` from being taken into a batch together with the orders of `together`. `stands` tells how
    /// another one stands; `common` which files every order may touch.
    pub fn ahead_of(
        &self,
        id: &OrderId,
        footprint: &Footprint,
        together: &dyn Fn(&OrderId) -> bool,
        stands: &dyn Fn(&OrderId) -> InTheWay,
        common: &dyn Fn(&str) -> bool,
    ) -> Option<Hindrance> {
        let own = self.places.get(id).map_or(u64::MAX, |place| place.turn);
        let mut found: Option<(u64, Hindrance)> = None;
        for (other, place) in self.places.iter().filter(|(other, _)| *other != id) {
            // Who is in a batch now is named only when nobody is before us in the line.
            let turn = if place.turn < own { place.turn } else { u64::MAX };
            if found.as_ref().is_some_and(|(first, _)| *first <= turn) || together(other) {
                continue;
            }
            let Some(overlap) = meets(footprint, place, common) else { continue };
            let in_batch = match stands(other) {
                InTheWay::Gone | InTheWay::Stuck => continue,
                InTheWay::Free if turn == u64::MAX => continue,
                InTheWay::Free => false,
                InTheWay::InBatch => true,
            };
            found = Some((turn, Hindrance::Files { with: other.clone(), overlap, in_batch }));
        }
        found.map(|(_, hindrance)| hindrance)
    }
}

fn meets(footprint: &Footprint, place: &Place, common: &dyn Fn(&str) -> bool) -> Option<Overlap> {
    footprint.meets(&place.footprint, common)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Request;

    fn id(name: &str) -> OrderId {
        OrderId::parse(name).unwrap()
    }

    fn touches(file: &str) -> Footprint {
        let mut request = Request::titled("t");
        request.files.push(file.to_owned());
        Footprint::of(&request)
    }

    fn ahead(line: &Line, who: &str, file: &str, together: &[&str], stands: InTheWay) -> String {
        let found = line.ahead_of(
            &id(who),
            &touches(file),
            &|other| together.contains(&other.as_str()),
            &|_| stands,
            &|_| false,
        );
        found.map(|found| found.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_first_in_the_line_goes_first_and_the_others_wait_or_go_with_it() {
        let mut line = Line::default();
        line.join(&id("a"), touches("x"));
        line.join(&id("b"), touches("x"));
        let free = InTheWay::Free;
        assert_eq!(ahead(&line, "a", "x", &[], free), "");
        assert_eq!(
            ahead(&line, "b", "x", &[], free),
            "waits for a, which came first and has not landed: both touch x"
        );
        assert!(ahead(&line, "new", "x", &["b"], free).starts_with("waits for a,"));
        assert_eq!(ahead(&line, "b", "x", &["a"], free), "");
        assert_eq!(ahead(&line, "new", "y", &[], free), "");
        assert_eq!(ahead(&line, "new", "x", &[], InTheWay::Stuck), "");
        assert_eq!(ahead(&line, "new", "x", &[], InTheWay::Gone), "");
        line.leave(&id("a"));
        assert!(ahead(&line, "new", "x", &[], free).starts_with("waits for b,"));
    }

    #[test]
    fn whoever_is_in_a_batch_is_waited_for_even_by_those_before_it() {
        let mut line = Line::default();
        line.join(&id("a"), touches("x"));
        line.join(&id("b"), touches("x"));
        assert_eq!(
            ahead(&line, "a", "x", &[], InTheWay::InBatch),
            "waits for b, which is in another batch: both touch x"
        );
        assert_eq!(ahead(&line, "a", "x", &["b"], InTheWay::InBatch), "");
    }

    #[test]
    fn a_place_is_kept_when_an_order_joins_again() {
        let mut line = Line::default();
        line.join(&id("a"), touches("x"));
        line.join(&id("b"), touches("x"));
        line.begin(&id("a"));
        let place = line.join(&id("a"), touches("y"));
        assert!(place.turn == 1 && place.begun && place.footprint == touches("y"));
        line.leave(&id("a"));
        assert_eq!(line.join(&id("a"), touches("x")).turn, 3);
    }
}
