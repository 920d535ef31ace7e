//! `shopfloor plan`: what can run side by side, the critical path, circles, conflicts, batches, an estimate.

pub(crate) mod batches;
mod graph;
mod measured;
mod source;
mod told;

use anyhow::Result;
use shopfloor::order::OrderId;
use shopfloor::place::Place;
use shopfloor::plan::{Overlap, Tiers};

use crate::flags::Plan;
use crate::outlook::Outlook;
use crate::voice::{Done, Voice};
use batches::Batch;
use measured::Measured;

/// Everything that is shown.
#[derive(Debug)]
pub(crate) struct View {
    /// What was planned: the queue's folder, or the file.
    pub(crate) of: String,
    /// The orders.
    pub(crate) outlook: Outlook,
    /// Their tiers. Efforts are in milliseconds.
    pub(crate) tiers: Tiers,
    /// Who waits for whom in the graph, for the picture.
    pub(crate) edges: Vec<(OrderId, OrderId)>,
    /// Circles of needs and groups.
    pub(crate) circles: Vec<Vec<OrderId>>,
    /// Pairs that can't run side by side.
    pub(crate) conflicts: Vec<(OrderId, OrderId, Overlap)>,
    /// The batches that would be made of what is ready now.
    pub(crate) batches: Vec<Batch>,
    /// What an order takes, by stage.
    pub(crate) measured: Measured,
    /// How many sessions can run at once.
    pub(crate) sessions: usize,
}

/// Plans and shows.
pub(crate) fn run(flags: &Plan, place: &Place, voice: Voice) -> Result<Done> {
    let config = place.read_config()?.unwrap_or_default();
    let (of, outlook) = match &flags.file {
        Some(file) => (place.shown(&place.given(file)), source::of_file(file, place, voice)?),
        None => (place.shown(place.queue()?), Outlook::of(place)?),
    };
    let measured = match flags.file.is_some() && place.queue().is_err() {
        true => Measured::default(),
        false => measured::read(&place.floor()?),
    };
    let graph = graph::of(&outlook, &measured);
    let workers: usize =
        outlook.pipeline.stages().iter().map(|s| config.parallel_for(s.name)).sum();
    let limit = config.floor.sessions.map_or(usize::MAX, |limit| u32::from(limit) as usize);
    let view = View {
        of,
        batches: batches::now(&outlook, &config),
        tiers: graph.tiers,
        edges: graph.edges,
        circles: graph.circles,
        conflicts: graph.conflicts,
        outlook,
        measured,
        sessions: workers.min(limit),
    };
    match (flags.json, flags.dot) {
        (true, _) => told::as_json(&view)?,
        (_, true) => told::as_dot(&view)?,
        _ => told::as_text(&view)?,
    }
    Ok(Done::Well)
}
