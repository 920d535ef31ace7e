//! How often what was drawn.

use serde::Serialize;

/// Counts of one history, or of many.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Counts {
    pub(crate) histories: u64,
    pub(crate) calls: u64,
    pub(crate) switches: u64,
    pub(crate) kills: u64,
    pub(crate) stops: u64,
    pub(crate) cuts: u64,
    pub(crate) errors: u64,
    pub(crate) short: u64,
    pub(crate) full: u64,
    pub(crate) jumps: u64,
    pub(crate) by_hand: u64,
    pub(crate) claims: u64,
    pub(crate) moves: u64,
    pub(crate) recovered: u64,
    pub(crate) boots: u64,
}

impl Counts {
    /// Adds those of another history.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self { histories, calls, switches, kills, stops, cuts, errors, short, .. } = other;
        let Self { full, jumps, by_hand, claims, moves, recovered, boots, .. } = other;
        let own = [
            (&mut self.histories, histories),
            (&mut self.calls, calls),
            (&mut self.switches, switches),
            (&mut self.kills, kills),
            (&mut self.stops, stops),
            (&mut self.cuts, cuts),
            (&mut self.errors, errors),
            (&mut self.short, short),
            (&mut self.full, full),
            (&mut self.jumps, jumps),
            (&mut self.by_hand, by_hand),
            (&mut self.claims, claims),
            (&mut self.moves, moves),
            (&mut self.recovered, recovered),
            (&mut self.boots, boots),
        ];
        for (own, more) in own {
            *own += more;
        }
    }
}
