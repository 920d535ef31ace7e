//! The graph of who waits for whom, by the rules that the workers go by.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use shopfloor::order::{OrderId, Request};
use shopfloor::plan::{
    self, Footprint, Gate, Known, Node, Overlap, RollKey, Sight as _, Tally, Tiers, Why,
};
use shopfloor::queue::Order;
use shopfloor::state::State;

use super::measured::Measured;
use crate::outlook::Outlook;

/// The graph, taken apart.
#[derive(Debug)]
pub(super) struct Graph {
    /// Its tiers.
    pub(super) tiers: Tiers,
    /// Who waits for whom.
    pub(super) edges: Vec<(OrderId, OrderId)>,
    /// Its circles.
    pub(super) circles: Vec<Vec<OrderId>>,
    /// Pairs that touch the same files.
    pub(super) conflicts: Vec<(OrderId, OrderId, Overlap)>,
}

/// The graph of all orders that have not ended.
pub(super) fn of(outlook: &Outlook, measured: &Measured) -> Graph {
    let open: Vec<&Order> = outlook.seen.orders.values().filter(|order| !ended(order)).collect();
    let (gates, gate_of) = gates(outlook, &open);
    let pulled = pulled(outlook, &open);
    let mut nodes = Vec::new();
    for order in &open {
        let mut node = Node {
            id: order.id.clone(),
            after: Vec::new(),
            gates: Vec::new(),
            never: false,
            effort: left(order, outlook, measured),
        };
        if let Ok(request) = &order.request {
            needs(order, request, outlook, &mut node);
            node.after.extend(before(order, request, outlook));
            if request.waiting_phase().is_some()
                && outlook.line.place(&order.id).is_none_or(|p| !p.begun)
            {
                let number = pulled.get(&order.id).copied().or(request.phase);
                node.gates = shut(request, number, outlook, &gate_of);
            }
        } else {
            node.never = true;
        }
        nodes.push(node);
    }
    let graph: Vec<(&OrderId, Vec<&OrderId>)> =
        nodes.iter().map(|node| (&node.id, node.after.iter().collect())).collect();
    let circles = plan::circles(&graph);
    let edges = nodes
        .iter()
        .flat_map(|node| node.after.iter().map(|before| (before.clone(), node.id.clone())))
        .collect();
    let conflicts = conflicts(outlook, &open);
    Graph { tiers: plan::tiers(&nodes, &gates), edges, circles, conflicts }
}

fn ended(order: &Order) -> bool {
    order.state == State::READY_FOR_REVIEW || order.state == State::FAILED
}

/// Milliseconds of turns that are left for an order.
fn left(order: &Order, outlook: &Outlook, measured: &Measured) -> u64 {
    let stages = outlook.pipeline.stages();
    let at = stages.iter().position(|stage| stage.takes.contains(&order.state));
    stages[at.unwrap_or(stages.len())..].iter().map(|stage| measured.turn_ms(stage.name)).sum()
}

/// Its unmet needs: on what is under way they are edges, on what will never come they are the end.
fn needs(order: &Order, request: &Request, outlook: &Outlook, node: &mut Node) {
    let known = |id: &OrderId| -> Option<Known> { outlook.known(id) };
    for wait in plan::waits_for(&order.id, request, &outlook.pipeline, &known) {
        match wait.why {
            Why::Early(_) | Why::Circle(_) => node.after.push(wait.need.id),
            Why::Missing | Why::Failed => node.never = true,
        }
    }
}

/// The one before it in its group, as long as it has not begun.
fn before(order: &Order, request: &Request, outlook: &Outlook) -> Option<OrderId> {
    if outlook.line.place(&order.id).is_some_and(|place| place.begun) {
        return None;
    }
    plan::before_in_group(&order.id, request, outlook).pop()
}

type GateOf = HashMap<(String, u32), usize>;

/// A gate for each phase that is not far enough.
fn gates(outlook: &Outlook, open: &[&Order]) -> (Vec<Gate>, GateOf) {
    let mut members: BTreeMap<(String, u32), Vec<OrderId>> = BTreeMap::new();
    for order in open {
        if let Ok(request) = &order.request
            && let Some(phase) = request.phase
        {
            members.entry((RollKey::plan(request), phase)).or_default().push(order.id.clone());
        }
    }
    let part = outlook.survey.rules().phase_gate;
    let (mut gates, mut gate_of) = (Vec::new(), GateOf::new());
    for ((plan, phase), members) in members {
        let tallies = outlook.phases(&plan);
        let Some(tally) = tallies.iter().find(|tally| tally.phase == phase) else { continue };
        let opens = |more: &usize| {
            Tally { done: tally.done + more, open: tally.open.saturating_sub(*more), ..*tally }
                .opens(part)
        };
        let needed = (0..=tally.open).find(opens).unwrap_or(tally.open);
        if needed > 0 {
            gate_of.insert((plan, phase), gates.len());
            gates.push(Gate { members, needed });
        }
    }
    (gates, gate_of)
}

/// The gates in front of phase `number` of a request's plan.
fn shut(request: &Request, number: Option<u32>, outlook: &Outlook, gate_of: &GateOf) -> Vec<usize> {
    let Some(number) = number else { return Vec::new() };
    let plan = RollKey::plan(request);
    let earlier = plan::earlier_phases(number, &outlook.phases(&plan));
    earlier.into_iter().filter_map(|phase| gate_of.get(&(plan.clone(), phase)).copied()).collect()
}

/// The phase of the earliest order that waits for each one, where that is earlier than its own.
fn pulled<'a>(outlook: &Outlook, open: &[&'a Order]) -> HashMap<&'a OrderId, u32> {
    let by_id: HashMap<&OrderId, &'a Order> =
        open.iter().map(|order| (&order.id, *order)).collect();
    let mut sorted: Vec<(u32, &Order)> = open
        .iter()
        .filter_map(|order| Some((order.request.as_ref().ok()?.phase?, *order)))
        .collect();
    sorted.sort_by_key(|(phase, _)| *phase);
    let mut seen: HashSet<&OrderId> = HashSet::new();
    let mut pulled = HashMap::new();
    for (phase, order) in sorted {
        let mut next = vec![&order.id];
        while let Some(id) = next.pop() {
            let Some(order) = by_id.get(id) else { continue };
            if !seen.insert(&order.id) {
                continue;
            }
            let Ok(request) = &order.request else { continue };
            if request.phase.is_some_and(|own| own > phase) {
                pulled.insert(&order.id, phase);
            }
            next.extend(request.needs.iter().map(|need| &need.id));
            if let Some(before) = before(order, request, outlook)
                && let Some(before) = by_id.get(&before)
            {
                next.push(&before.id);
            }
        }
    }
    pulled
}

/// Pairs that touch the same files and do not wait for each other anyway.
fn conflicts(outlook: &Outlook, open: &[&Order]) -> Vec<(OrderId, OrderId, Overlap)> {
    let footprint = |order: &&Order| match &order.request {
        Ok(request) => {
            let mut footprint = outlook.survey.footprint(&order.id, request);
            let place = outlook.line.place(&order.id);
            footprint.note(place.map(|place| &place.changed).into_iter().flatten());
            footprint
        }
        Err(_) => Footprint::default(),
    };
    let prints: Vec<Footprint> = open.iter().map(footprint).collect();
    let refs: Vec<&Footprint> = prints.iter().collect();
    let needed = |a: &Order, b: &Order| {
        let needs = a.request.iter().flat_map(|request| &request.needs);
        needs.into_iter().any(|need| need.id == b.id)
    };
    let found = plan::conflicts(&refs, &|path| outlook.survey.common(path));
    let apart = found
        .into_iter()
        .filter(|(a, b, _)| !needed(open[*a], open[*b]) && !needed(open[*b], open[*a]));
    apart.map(|(a, b, overlap)| (open[a].id.clone(), open[b].id.clone(), overlap)).collect()
}

/// The orders of a tier, with how each stands beside the others in it.
pub(super) fn conflicted<'v>(
    tier: &[OrderId],
    conflicts: &'v [(OrderId, OrderId, Overlap)],
) -> Vec<&'v (OrderId, OrderId, Overlap)> {
    let here: BTreeSet<&OrderId> = tier.iter().collect();
    conflicts.iter().filter(|(a, b, _)| here.contains(a) && here.contains(b)).collect()
}
