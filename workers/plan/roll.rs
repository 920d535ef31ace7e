//! Rolls: who belongs to a phase or to a group, and how many of them are through.

use sha2::{Digest as _, Sha256};

use crate::order::Request;

/// Names a roll: the phases and groups of one plan (of one `source`) are not those of another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RollKey {
    /// The plan, as a name that can stand in a path.
    pub plan: String,
    /// Which of its rolls.
    pub roll: Roll,
}

/// A phase or a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Roll {
    /// A phase, by its number.
    Phase(u32),
    /// A group, as a name that can stand in a path.
    Group(String),
}

/// How a phase stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tally {
    /// The phase.
    pub phase: u32,
    /// It runs beside its neighbours that say the same.
    pub parallel: bool,
    /// Orders that are not through.
    pub open: usize,
    /// Orders that are done, or that somebody put away.
    pub done: usize,
}

impl Tally {
    /// True when as many are through as the gate asks (0 none, 1 all). An empty phase holds nobody up.
    pub fn opens(&self, gate: f64) -> bool {
        let all = self.open + self.done;
        all == 0 || self.done as f64 >= gate * all as f64 - 1e-9
    }
}

impl RollKey {
    /// The rolls on which a request stands.
    pub fn of(request: &Request) -> Vec<Self> {
        let plan = Self::plan(request);
        let phase =
            request.phase.map(|number| Self { plan: plan.clone(), roll: Roll::Phase(number) });
        phase.into_iter().chain(Self::group(request)).collect()
    }

    /// The plan of a request: its source.
    pub fn plan(request: &Request) -> String {
        word(request.source.as_deref().unwrap_or_default())
    }

    /// The roll of its group.
    pub fn group(request: &Request) -> Option<Self> {
        let group = request.group.as_ref()?;
        Some(Self { plan: Self::plan(request), roll: Roll::Group(word(group)) })
    }

    /// The last part of its path.
    pub fn name(&self) -> String {
        match &self.roll {
            Roll::Phase(number) => format!("phase-{number}"),
            Roll::Group(word) => format!("group-{word}"),
        }
    }

    /// The key under which orders are set aside that wait for this roll. No order id is like it.
    pub fn waiting(&self) -> String {
        format!("_{}-{}", self.name(), self.plan)
    }
}

/// Any text as a short name that can stand in a path.
fn word(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The first earlier phase that keeps phase `number` shut, if one does.
pub(super) fn shut_by(number: u32, phases: &[Tally], gate: f64) -> Option<Tally> {
    let earlier = earlier_phases(number, phases);
    let mut shut: Vec<Tally> =
        phases.iter().filter(|t| earlier.contains(&t.phase) && !t.opens(gate)).copied().collect();
    shut.sort_unstable();
    shut.first().copied()
}

/// The phases that come before phase `number`: those with lower numbers, but for the neighbours that run beside it.
pub fn earlier_phases(number: u32, phases: &[Tally]) -> Vec<u32> {
    let mut phases: Vec<Tally> =
        phases.iter().filter(|tally| tally.phase <= number).copied().collect();
    phases.sort_unstable();
    let own = phases.last().filter(|tally| tally.phase == number).copied();
    // Neighbours that run side by side with ours open with it.
    if own.is_some_and(|own| own.parallel) {
        while phases.last().is_some_and(|tally| tally.parallel) {
            phases.pop();
        }
    }
    phases.into_iter().map(|tally| tally.phase).filter(|phase| *phase < number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::OrderId;

    fn tally(phase: u32, done: usize, open: usize) -> Tally {
        Tally { phase, parallel: phase >= 10, open, done }
    }

    fn shut(number: u32, phases: &[Tally]) -> Option<u32> {
        shut_by(number, phases, 0.8).map(|tally| tally.phase)
    }

    #[test]
    fn a_phase_opens_when_every_earlier_one_is_nearly_through() {
        let phases = [tally(1, 4, 1), tally(2, 3, 1), tally(3, 0, 4)];
        assert_eq!([shut(1, &phases), shut(2, &phases), shut(3, &phases)], [None, None, Some(2)]);
        assert_eq!(shut(9, &[]), None);
        assert_eq!(shut(7, &[tally(1, 0, 0)]), None, "nobody is in it");
    }

    #[test]
    fn phases_that_run_side_by_side_open_together_and_the_next_waits_for_all() {
        let phases = [tally(1, 5, 0), tally(10, 0, 5), tally(11, 5, 0), tally(12, 0, 3)];
        assert_eq!([shut(10, &phases), shut(11, &phases), shut(12, &phases)], [None; 3]);
        let after = Tally { parallel: false, ..tally(13, 0, 1) };
        assert_eq!(shut(13, &[&phases[..], &[after]].concat()), Some(10));
        assert_eq!(shut(10, &[tally(1, 0, 1), tally(10, 0, 1)]), Some(1));
    }

    #[test]
    fn a_key_is_fit_for_a_path_and_no_orders_id() {
        let mut request = Request::titled("t");
        request.source = Some("../plans/x.md".to_owned());
        request.phase = Some(3);
        request.group = Some("a/../b\n".to_owned());
        let keys = RollKey::of(&request);
        assert_eq!(keys.len(), 2);
        for key in keys {
            let text = format!("{}{}{}", key.plan, key.name(), key.waiting());
            assert!(!text.contains(['/', '.', '\n']), "{text}");
            assert!(OrderId::parse(&key.waiting()).is_err());
        }
    }
}
