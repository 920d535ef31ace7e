//! What an order waits for: needs, its phase, its group, or the files of another order.

use super::footprint::Overlap;
use super::needs::{Known, Wait, Why, waits_for};
use super::rank::Rank;
use super::roll::{RollKey, Tally, shut_by};
use crate::config::FloorConfig;
use crate::order::{OrderId, Request};
use crate::stage::Pipeline;
use crate::state::State;

/// Why an order is not taken now, though nobody holds it and it does not rest.
#[derive(Debug, Clone, PartialEq)]
pub enum Hindrance {
    /// Needs that are not met.
    Needs(Vec<Wait>),
    /// An earlier phase is not far enough.
    Phase {
        /// The plan and phase that is waited for.
        key: RollKey,
        /// How it stands.
        tally: Tally,
        /// The phase that the order counts as: its own, or the earliest one that waits for it.
        of: u32,
        /// How far it has to be: 0 to 1.
        gate: f64,
    },
    /// Orders of its group come first.
    Group {
        /// The group.
        group: String,
        /// Why the group is done one after the other, where somebody said.
        reason: Option<String>,
        /// The first of those before it.
        before: OrderId,
    },
    /// Another order that is under way touches the same files.
    Files {
        /// The other one.
        with: OrderId,
        /// What they have in common.
        overlap: Overlap,
        /// The other one is in another batch this moment; else it came first and has not landed.
        in_batch: bool,
    },
}

impl Hindrance {
    /// The key under which the order is set aside: `<id>` is woken by whatever happens to that order, `<id>@<STATE>` when
    /// it gets there, a roll's key when the phase opens.
    pub fn key(&self) -> String {
        match self {
            Self::Needs(waits) => {
                let key = |wait: &Wait| format!("{}@{}", wait.need.id, wait.need.reached);
                waits.first().map(key).unwrap_or_default()
            }
            Self::Phase { key, .. } => key.waiting(),
            Self::Group { before, .. } => before.to_string(),
            Self::Files { with, .. } => with.to_string(),
        }
    }

    /// The orders that are waited for; none for a phase.
    pub fn waits_for(&self) -> Vec<&OrderId> {
        match self {
            Self::Needs(waits) => waits.iter().map(|wait| &wait.need.id).collect(),
            Self::Phase { .. } => Vec::new(),
            Self::Group { before, .. } => vec![before],
            Self::Files { with, .. } => vec![with],
        }
    }

    /// True when an order of this rank that waits for the files of another one gets a place in the line, from where nobody
    /// who comes later overtakes it: it has waited so long that it stands before every newer one, and orders that each
    /// touch less could pass it by for ever.
    pub fn earns_a_place(&self, rank: Rank) -> bool {
        matches!(self, Self::Files { .. }) && rank.level < 0
    }

    /// False when it goes on for ever unless a person does something.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Needs(waits) => waits.iter().all(|wait| matches!(wait.why, Why::Early(_))),
            Self::Phase { .. } | Self::Group { .. } | Self::Files { .. } => true,
        }
    }
}

impl std::fmt::Display for Hindrance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Needs(waits) => {
                for (nth, wait) in waits.iter().enumerate() {
                    write!(f, "{}{wait}", if nth == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
            Self::Phase { tally, gate, .. } => write!(
                f,
                "waits for phase {}: {} of {} done, {:.0} % are asked for",
                tally.phase,
                tally.done,
                tally.done + tally.open,
                gate * 100.0
            ),
            Self::Group { group, reason, before } => {
                write!(f, "waits for {before}, which comes before it in the group {group}")?;
                match reason {
                    Some(reason) => write!(f, " ({reason})"),
                    None => Ok(()),
                }
            }
            Self::Files { with, overlap, in_batch: true } => {
                write!(f, "waits for {with}, which is in another batch: {overlap}")
            }
            Self::Files { with, overlap, in_batch: false } => {
                write!(f, "waits for {with}, which came first and has not landed: {overlap}")
            }
        }
    }
}

/// Settings of the operator that planning goes by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// How much of every earlier phase must be through before a phase opens: 0 to 1.
    pub phase_gate: f64,
    /// Seconds of waiting that are worth one step of priority.
    pub ageing_secs: u64,
}

impl From<&FloorConfig> for Rules {
    fn from(floor: &FloorConfig) -> Self {
        Self { phase_gate: floor.phase_gate, ageing_secs: floor.ageing.as_secs().max(1) }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::from(&FloorConfig::default())
    }
}

/// What planning asks about other orders.
pub trait Sight {
    /// Where an order is and what it needs; `None` when there is none of that name.
    fn known(&self, id: &OrderId) -> Option<Known>;

    /// The phases of a plan and how they stand.
    fn phases(&self, plan: &str) -> Vec<Tally>;

    /// The members of a group that are not through, with their places in it.
    fn members(&self, group: &RollKey) -> Vec<(u32, OrderId)>;

    /// The orders that wait for this one, with their phases; `None` for an order without one.
    fn dependants(&self, id: &OrderId) -> Vec<(OrderId, Option<u32>)>;
}

/// The most dependants that are looked at to see whether an earlier phase waits for an order.
const DEPENDANTS_LIMIT: usize = 1_000;

/// What keeps an order from every stage: needs, or its phase. An order that has `begun` is in nobody's phase any more.
/// Needs of its own stand above its phase, and so does an order of an earlier phase that waits for it.
pub fn hindrance(
    id: &OrderId,
    request: &Request,
    begun: bool,
    pipeline: &Pipeline,
    rules: &Rules,
    sight: &dyn Sight,
) -> Option<Hindrance> {
    let unmet = waits_for(id, request, pipeline, &|other| sight.known(other));
    if !unmet.is_empty() {
        return Some(Hindrance::Needs(unmet));
    }
    let number = request.waiting_phase().filter(|_| !begun)?;
    let plan = RollKey::plan(request);
    let phases = sight.phases(&plan);
    let shut = shut_by(number, &phases, rules.phase_gate)?;
    // Looked for only when it matters: an earlier phase may itself wait for this order.
    let pulled = pulled_to(id, number, sight);
    let tally = if pulled < number { shut_by(pulled, &phases, rules.phase_gate)? } else { shut };
    let key = RollKey { plan, roll: super::Roll::Phase(tally.phase) };
    Some(Hindrance::Phase { key, tally, of: pulled, gate: rules.phase_gate })
}

/// The earliest phase among an order's `own` and those of all that wait for it.
fn pulled_to(id: &OrderId, own: u32, sight: &dyn Sight) -> u32 {
    let mut earliest = own;
    let mut seen = std::collections::HashSet::from([id.clone()]);
    let mut next = vec![id.clone()];
    while let Some(at) = next.pop() {
        for (other, phase) in sight.dependants(&at) {
            if seen.len() < DEPENDANTS_LIMIT && seen.insert(other.clone()) {
                earliest = earliest.min(phase.unwrap_or(u32::MAX));
                next.push(other);
            }
        }
    }
    earliest
}

/// The members of a request's group that come before it and are under way or still to come, the first of them first. One
/// that FAILED holds nobody up: it is not worked on.
pub fn before_in_group(id: &OrderId, request: &Request, sight: &dyn Sight) -> Vec<OrderId> {
    let Some(group) = RollKey::group(request) else { return Vec::new() };
    let own = (request.sequence.unwrap_or(u32::MAX), id);
    let mut members = sight.members(&group);
    members.retain(|(place, other)| {
        let ended = |state| state == State::FAILED || state == State::READY_FOR_REVIEW;
        (*place, other) < own && sight.known(other).is_some_and(|known| !ended(known.state))
    });
    members.sort();
    members.into_iter().map(|(_, other)| other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Need;
    use crate::plan::Roll;
    use crate::stages::pipeline;
    use crate::state::State;

    #[derive(Default)]
    struct Scene {
        orders: Vec<(OrderId, State, Request)>,
        phases: Vec<Tally>,
    }

    impl Scene {
        fn add(&mut self, name: &str, state: State, phase: u32, needs: &[&str]) {
            let mut request = Request::titled("t");
            request.phase = Some(phase).filter(|&phase| phase > 0);
            request.needs =
                needs.iter().map(|n| Need::try_from((*n).to_owned()).unwrap()).collect();
            self.orders.push((OrderId::parse(name).unwrap(), state, request));
        }

        fn told(&self, name: &str, begun: bool) -> String {
            let (id, _, request) = self.orders.iter().find(|(id, ..)| id.as_str() == name).unwrap();
            let found = hindrance(id, request, begun, &pipeline(), &Rules::default(), self);
            found.map(|found| found.to_string()).unwrap_or_default()
        }
    }

    impl Sight for Scene {
        fn known(&self, id: &OrderId) -> Option<Known> {
            let (_, state, request) = self.orders.iter().find(|(other, ..)| other == id)?;
            let needs = request.needs.iter().map(|need| need.id.clone()).collect();
            Some(Known { state: state.clone(), needs })
        }

        fn phases(&self, _plan: &str) -> Vec<Tally> {
            self.phases.clone()
        }

        fn members(&self, _group: &RollKey) -> Vec<(u32, OrderId)> {
            self.orders.iter().zip(1..).map(|((id, ..), place)| (place, id.clone())).collect()
        }

        fn dependants(&self, id: &OrderId) -> Vec<(OrderId, Option<u32>)> {
            let wait = self.orders.iter().filter(|(.., r)| r.needs.iter().any(|n| n.id == *id));
            wait.map(|(id, _, request)| (id.clone(), request.phase)).collect()
        }
    }

    fn tally(phase: u32, done: usize, open: usize) -> Tally {
        Tally { phase, parallel: false, open, done }
    }

    #[test]
    fn a_phase_holds_back_what_has_no_needs_of_its_own() {
        let mut scene = Scene { phases: vec![tally(1, 1, 1), tally(2, 0, 2)], ..Scene::default() };
        scene.add("first", State::NEW, 1, &[]);
        scene.add("plain", State::NEW, 2, &[]);
        scene.add("done", State::READY_FOR_REVIEW, 1, &[]);
        scene.add("needy", State::NEW, 2, &["done"]);
        assert_eq!(scene.told("first", false), "");
        assert_eq!(
            scene.told("plain", false),
            "waits for phase 1: 1 of 2 done, 80 % are asked for"
        );
        assert_eq!(scene.told("needy", false), "", "needs stand above phases");
        assert_eq!(scene.told("plain", true), "", "it has begun");
    }

    #[test]
    fn an_order_that_an_earlier_phase_waits_for_does_not_wait_for_that_phase() {
        let mut scene = Scene { phases: vec![tally(1, 0, 2), tally(3, 0, 2)], ..Scene::default() };
        scene.add("early", State::NEW, 1, &["between"]);
        scene.add("between", State::NEW, 2, &["late"]);
        scene.add("late", State::NEW, 3, &[]);
        scene.add("other", State::NEW, 3, &[]);
        assert_eq!(scene.told("late", false), "");
        assert!(scene.told("other", false).starts_with("waits for phase 1"));
    }

    #[test]
    fn all_unmet_needs_are_told() {
        let mut scene = Scene::default();
        scene.add("a", State::IMPL, 0, &[]);
        scene.add("b", State::NEW, 0, &["a", "gone", "a@IMPL"]);
        assert_eq!(
            scene.told("b", false),
            "waits for a to reach READY_FOR_REVIEW (it is in IMPL); needs gone, and there is no such order"
        );
    }

    #[test]
    fn those_before_an_order_in_its_group_are_found_in_their_order() {
        let mut scene = Scene::default();
        for name in ["a", "b", "c"] {
            scene.add(name, State::NEW, 0, &[]);
        }
        let mut request = Request::titled("t");
        let id = OrderId::parse("b").unwrap();
        assert_eq!(before_in_group(&id, &request, &scene), [], "it is in no group");
        request.group = Some("g".to_owned());
        request.sequence = Some(2);
        assert_eq!(before_in_group(&id, &request, &scene), [OrderId::parse("a").unwrap()]);
        scene.orders[0].1 = State::FAILED;
        assert_eq!(before_in_group(&id, &request, &scene), []);
        assert!(matches!(RollKey::group(&request).unwrap().roll, Roll::Group(_)));
    }
}
