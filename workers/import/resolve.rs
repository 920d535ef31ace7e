//! From wishes to orders: ids, and needs by id. All of them, or the reasons why none.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Mark, Reading, Spot, Told, Wanted, Wish, naming, words};
use crate::order::{Need, OrderId, Request};
use crate::stage::Pipeline;
use crate::stages;
use crate::state::State;

/// What stands in the queue and its archive already.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Every order, with what it needs.
    pub orders: BTreeMap<OrderId, Vec<OrderId>>,
    /// Orders by what they are called where they come from.
    pub by_external: HashMap<String, Standing>,
}

/// An order that was imported before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The order.
    pub id: OrderId,
    /// Its title.
    pub title: String,
    /// The file it came from.
    pub source: Option<String>,
}

/// What an import comes to.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Orders to be made, in the order of the files.
    pub orders: Vec<(OrderId, Request)>,
    /// Wishes that are orders already.
    pub present: Vec<Present>,
    /// Worth a word: needs that nobody has to wait for, and the like.
    pub remarks: Vec<Told>,
}

/// A wish that is an order already. Nothing of it is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// What it is called there.
    pub external_id: String,
    /// The order.
    pub id: OrderId,
}

/// Why nothing can be imported.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// Where.
    #[serde(flatten)]
    pub spot: Spot,
    /// Why, one sentence.
    pub why: String,
}

/// Turns the wishes of all files into orders. With `drop_missing` a need on what is nowhere is left out instead of refused.
pub fn resolve(
    readings: &[Reading],
    known: &Known,
    drop_missing: bool,
) -> Result<Plan, Vec<Fault>> {
    let mut resolver = Resolver {
        known,
        drop_missing,
        pipeline: stages::pipeline(),
        names: HashMap::new(),
        ids: HashMap::new(),
        taken: known.orders.keys().cloned().collect(),
        plan: Plan::default(),
        faults: Vec::new(),
    };
    let wishes: Vec<(&Wish, &str)> = readings
        .iter()
        .flat_map(|reading| reading.wishes.iter().map(|wish| (wish, reading.origin.as_str())))
        .collect();
    let apart: Vec<(&Wish, &str)> =
        wishes.into_iter().filter(|(wish, _)| resolver.name(wish)).collect();
    let fresh: Vec<(&Wish, &str)> =
        apart.into_iter().filter(|(wish, origin)| resolver.is_fresh(wish, origin)).collect();
    // Who says its own id has it, wherever it stands.
    for (wish, _) in &fresh {
        resolver.keep_own_id(wish);
    }
    for (wish, _) in &fresh {
        resolver.give_id(wish);
    }
    let mut blocked = resolver.blocked(&fresh);
    for (wish, origin) in &fresh {
        let more = blocked.remove(wish.external_id.as_str()).unwrap_or_default();
        resolver.order(wish, &more, origin);
    }
    resolver.count_over(readings);
    resolver.find_circles(&fresh);
    if resolver.faults.is_empty() { Ok(resolver.plan) } else { Err(resolver.faults) }
}

/// Two files of one name are not one file: another title in another place is another thing.
fn is_another(there: &Standing, wish: &Wish, origin: &str) -> bool {
    there.title != wish.title && there.source.as_ref().is_some_and(|source| *source != origin)
}

/// Where a name leads.
enum Found {
    Order(OrderId),
    Over(Mark),
    Nobody,
}

struct Resolver<'a> {
    known: &'a Known,
    drop_missing: bool,
    pipeline: Pipeline,
    names: HashMap<&'a str, &'a Wish>,
    /// Ids by external id: of what is to be made, and of what is there already.
    ids: HashMap<&'a str, OrderId>,
    taken: HashSet<OrderId>,
    plan: Plan,
    faults: Vec<Fault>,
}

impl<'a> Resolver<'a> {
    fn fault(&mut self, spot: &Spot, why: String) {
        self.faults.push(Fault { spot: spot.clone(), why });
    }

    /// Makes a wish known by its names. False when another one has its name.
    fn name(&mut self, wish: &'a Wish) -> bool {
        let other = self.names.get(wish.external_id.as_str());
        if let Some(other) = other.filter(|other| other.external_id == wish.external_id) {
            let why = format!("{} stands twice: the first is at {}", wish.external_id, other.spot);
            self.fault(&wish.spot, why);
            return false;
        }
        self.names.insert(&wish.external_id, wish);
        for alias in &wish.aliases {
            self.names.entry(alias).or_insert(wish);
        }
        true
    }

    /// True when an order is to be made of it: it is not over, and not there already.
    fn is_fresh(&mut self, wish: &'a Wish, origin: &str) -> bool {
        let own = || wish.own_id.as_deref().and_then(|id| OrderId::parse(id).ok());
        let by_id = || own().filter(|id| self.known.orders.contains_key(id));
        let there = self.known.by_external.get(&wish.external_id);
        if let Some(there) = there.filter(|there| is_another(there, wish, origin)) {
            let (name, from) = (&wish.external_id, there.source.as_deref().unwrap_or_default());
            let why = format!(
                "{name} is in the queue already, from {from} and with another title ({}): give this file another name",
                words::shown(&there.title)
            );
            self.fault(&wish.spot, why);
            return false;
        }
        let Some(id) = there.map(|there| there.id.clone()).or_else(by_id) else {
            return !wish.mark.is_over();
        };
        self.ids.insert(&wish.external_id, id.clone());
        if !wish.mark.is_over() {
            self.plan.present.push(Present { external_id: wish.external_id.clone(), id });
        }
        false
    }

    fn keep_own_id(&mut self, wish: &'a Wish) {
        let own = wish.own_id.as_deref().and_then(|id| OrderId::parse(id).ok());
        if let Some(id) = own.filter(|id| self.taken.insert(id.clone())) {
            self.ids.insert(&wish.external_id, id);
        }
    }

    fn give_id(&mut self, wish: &'a Wish) {
        if self.ids.contains_key(wish.external_id.as_str()) {
            return;
        }
        match naming::assign(&wish.stem, &wish.title, &mut self.taken) {
            Some(id) => {
                self.ids.insert(&wish.external_id, id);
            }
            None => self.fault(&wish.spot, format!("no id can be made for {}", wish.external_id)),
        }
    }

    /// Needs that are written at the other end: A says that it blocks B. By the name of B.
    fn blocked(&self, fresh: &[(&'a Wish, &'a str)]) -> HashMap<&'a str, Vec<Wanted>> {
        let mut blocked: HashMap<&str, Vec<Wanted>> = HashMap::new();
        for (wish, _) in fresh {
            for other in &wish.blocks {
                let Some(waits) = self.names.get(other.name.as_str()) else { continue };
                if !waits.needs.iter().any(|need| need.name == wish.external_id) {
                    let need = Wanted { name: wish.external_id.clone(), ..other.clone() };
                    blocked.entry(&waits.external_id).or_default().push(need);
                }
            }
        }
        blocked
    }

    fn find(&self, name: &str) -> Found {
        let id = match self.names.get(name) {
            Some(wish) => match self.ids.get(wish.external_id.as_str()) {
                Some(id) => Some(id.clone()),
                None => return Found::Over(wish.mark),
            },
            None => self.known.by_external.get(name).map(|there| there.id.clone()),
        };
        let by_id = || OrderId::parse(name).ok().filter(|id| self.known.orders.contains_key(id));
        id.or_else(by_id).map_or(Found::Nobody, Found::Order)
    }

    fn order(&mut self, wish: &'a Wish, more: &[Wanted], origin: &str) {
        let Some(id) = self.ids.get(wish.external_id.as_str()).cloned() else { return };
        let mut request = match wish.request(origin) {
            Ok(request) => request,
            Err(why) => {
                return self
                    .fault(&wish.spot, format!("{} can't be an order: {why}", wish.external_id));
            }
        };
        for need in wish.needs.iter().chain(more) {
            request.needs_met |= matches!(self.find(&need.name), Found::Over(_));
            let Some(need) = self.need(wish, need) else { continue };
            if !request.needs.iter().any(|known: &Need| known.id == need.id) {
                request.needs.push(need);
            }
        }
        self.plan.orders.push((id, request));
    }

    /// What is through never becomes an order, and still counts for its phase: the orders of the phase say how much it is.
    fn count_over(&mut self, readings: &[Reading]) {
        let mut over: HashMap<(&str, u64), u32> = HashMap::new();
        for reading in readings {
            for wish in reading.wishes.iter().filter(|wish| wish.mark.is_over()) {
                let phase = wish.more.get("phase").and_then(serde_json::Value::as_u64);
                if let Some(phase) = phase {
                    *over.entry((reading.origin.as_str(), phase)).or_default() += 1;
                }
            }
        }
        for (_, request) in &mut self.plan.orders {
            let of = (request.source.as_deref().unwrap_or_default(), request.phase.map(u64::from));
            if let (source, Some(phase)) = of {
                request.phase_over = over.get(&(source, phase)).copied().unwrap_or(0);
            }
        }
    }

    fn need(&mut self, wish: &Wish, wanted: &Wanted) -> Option<Need> {
        let (who, whom) = (&wish.external_id, &wanted.name);
        let reached = wanted.reached.clone().unwrap_or(State::READY_FOR_REVIEW);
        let told =
            |why: String| Told { spot: wanted.spot.clone(), why, text: words::shown(&wish.title) };
        match self.find(whom) {
            Found::Order(_) if !self.pipeline.knows(&reached) || reached == State::FAILED => {
                self.fault(
                    &wanted.spot,
                    format!("{who} needs {whom}@{reached}, and no order gets to that state"),
                );
                None
            }
            Found::Order(id) => Some(Need { id, reached }),
            Found::Over(mark) => {
                let why = format!(
                    "{who} needs {whom}, which is {}: it need not wait for that",
                    mark.word()
                );
                self.plan.remarks.push(told(why));
                None
            }
            Found::Nobody if !wanted.firm => None,
            Found::Nobody if self.drop_missing => {
                self.plan.remarks.push(told(format!(
                    "{who} needs {whom}, which is nowhere: the need is left out"
                )));
                None
            }
            Found::Nobody => {
                let why =
                    format!("{who} needs {whom}, which is neither in these files nor in the queue");
                self.fault(&wanted.spot, why);
                None
            }
        }
    }

    /// Needs that go round in a circle, among what is to be made and what is there.
    fn find_circles(&mut self, fresh: &[(&'a Wish, &'a str)]) {
        let mut needs: HashMap<&OrderId, Vec<&OrderId>> = HashMap::new();
        for (id, ids) in &self.known.orders {
            needs.insert(id, ids.iter().collect());
        }
        for (id, request) in &self.plan.orders {
            needs.insert(id, request.needs.iter().map(|need| &need.id).collect());
        }
        let starts: Vec<&OrderId> = self.plan.orders.iter().map(|(id, _)| id).collect();
        let circles = circles(&starts, &needs);
        let wishes: HashMap<&OrderId, &Wish> = fresh
            .iter()
            .filter_map(|(wish, _)| Some((self.ids.get(wish.external_id.as_str())?, *wish)))
            .collect();
        let name =
            |id: &OrderId| wishes.get(id).map_or(id.to_string(), |wish| wish.external_id.clone());
        let told = circles.iter().map(|ring| {
            let names: Vec<String> = ring.iter().map(|id| name(id)).collect();
            let spot = ring.iter().find_map(|id| wishes.get(*id)).map(|wish| wish.spot.clone());
            let why = format!("needs go round in a circle: {}", names.join(" -> "));
            Fault { spot: spot.unwrap_or_default(), why }
        });
        let told: Vec<Fault> = told.collect();
        self.faults.extend(told);
    }
}

/// Circles that can be reached from `starts`, each with its first order again at the end. Not all there are: at least one of
/// every knot.
fn circles<'i>(
    starts: &[&'i OrderId],
    needs: &HashMap<&'i OrderId, Vec<&'i OrderId>>,
) -> Vec<Vec<&'i OrderId>> {
    let mut done: HashSet<&OrderId> = HashSet::new();
    let mut found = Vec::new();
    for start in starts {
        // The way from the start: an order, and which of its needs comes next.
        let mut way: Vec<(&OrderId, usize)> = vec![(start, 0)];
        let mut on_way: HashSet<&OrderId> = HashSet::from([*start]);
        if done.contains(start) {
            continue;
        }
        while let Some((id, next)) = way.last_mut() {
            let Some(need) = needs.get(*id).and_then(|needs| needs.get(*next)) else {
                done.insert(id);
                on_way.remove(*id);
                way.pop();
                continue;
            };
            *next += 1;
            if on_way.contains(need) {
                let from = way.iter().position(|(id, _)| id == need).unwrap_or(0);
                let ring = way[from..].iter().map(|(id, _)| *id).chain([*need]);
                found.push(ring.collect());
            } else if !done.contains(need) {
                on_way.insert(need);
                way.push((need, 0));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::{Source, jsonl};
    use super::*;

    fn read(text: &str) -> Vec<Reading> {
        vec![jsonl::read(&Source { file: "w.jsonl", origin: "w.jsonl", key: "w", text })]
    }

    fn known(orders: &[(&str, &str, &[&str])]) -> Known {
        let id = |text: &str| OrderId::parse(text).unwrap();
        let mut known = Known::default();
        for (name, external, needs) in orders {
            known.orders.insert(id(name), needs.iter().map(|need| id(need)).collect());
            let there = Standing { id: id(name), title: "t".to_owned(), source: None };
            known.by_external.insert((*external).to_owned(), there);
        }
        known
    }

    fn made(text: &str, known: &Known) -> Vec<String> {
        let plan = resolve(&read(text), known, false).unwrap();
        let told = plan.orders.iter().map(|(id, request)| {
            let needs: Vec<String> = request.needs.iter().cloned().map(String::from).collect();
            format!("{id} <- {}", needs.join(" "))
        });
        told.collect()
    }

    fn faults(text: &str, known: &Known) -> Vec<String> {
        let faults = resolve(&read(text), known, false).unwrap_err();
        faults.iter().map(|fault| format!("{} {}", fault.spot, fault.why)).collect()
    }

    const THREE: &str = r#"
{"id": "A-1", "title": "One"}
{"id": "A-2", "title": "Two", "needs": ["A-1@IMPL", "old", "X-9"]}
{"id": "A-3", "title": "Three", "status": "done"}
"#;

    #[test]
    fn needs_are_found_by_any_name() {
        let known = known(&[("old", "o", &[]), ("nine", "X-9", &[])]);
        assert_eq!(made(THREE, &known), ["a-1-one <- ", "a-2-two <- a-1-one@IMPL old nine"]);
    }

    #[test]
    fn what_is_there_is_not_made_again() {
        let known = known(&[("old", "o", &[]), ("nine", "X-9", &[]), ("mine", "A-1", &[])]);
        assert_eq!(made(THREE, &known), ["a-2-two <- mine@IMPL old nine"]);
        let plan = resolve(&read(r#"{"id":"old","title":"t"}"#), &known, false).unwrap();
        assert_eq!((plan.orders.len(), plan.present.len()), (0, 1));
    }

    #[test]
    fn two_files_of_one_name_are_not_taken_for_one() {
        let mut known = known(&[("mine", "A-1", &[])]);
        known.by_external.get_mut("A-1").unwrap().source = Some("w.jsonl".to_owned());
        let text = r#"{"id":"A-1","title":"Another title"}"#;
        assert_eq!(resolve(&read(text), &known, false).unwrap().present.len(), 1);
        known.by_external.get_mut("A-1").unwrap().source = Some("other/w.jsonl".to_owned());
        assert!(faults(text, &known)[0].contains("from other/w.jsonl and with another title"));
    }

    #[test]
    fn an_id_that_is_said_is_kept_from_others() {
        let text = r#"{"title":"Log in"}
            {"id":"log-in","title":"Other"}"#;
        assert_eq!(made(text, &Known::default()), ["log-in-2 <- ", "log-in <- "]);
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let text = r#"{"id":"a","title":"A","needs":["b","gone","c@ODD"]}
{"id":"b","title":"B","needs":["a"]}
{"id":"c","title":"C","needs":["c"]}
{"id":"a","title":"Again"}"#;
        assert_eq!(
            faults(text, &Known::default()),
            [
                "w.jsonl:4:1 a stands twice: the first is at w.jsonl:1:1",
                "w.jsonl:1:1 a needs gone, which is neither in these files nor in the queue",
                "w.jsonl:1:1 a needs c@ODD, and no order gets to that state",
                "w.jsonl:1:1 needs go round in a circle: a -> b -> a",
                "w.jsonl:3:1 needs go round in a circle: c -> c",
            ]
        );
    }

    #[test]
    fn a_circle_through_the_queue_is_found() {
        let known = known(&[("old", "o", &["fresh"])]);
        let text = r#"{"id":"fresh","title":"F","needs":["old"]}"#;
        assert_eq!(
            faults(text, &known),
            ["w.jsonl:1:1 needs go round in a circle: fresh -> old -> fresh"]
        );
    }

    #[test]
    fn a_need_on_what_is_done_or_nowhere_may_be_left_out() {
        let text = r#"{"id":"a","title":"A","needs":["b","gone"]}
            {"id":"b","title":"B","status":"done"}"#;
        let plan = resolve(&read(text), &Known::default(), true).unwrap();
        assert_eq!((plan.orders[0].1.needs.len(), plan.remarks.len()), (0, 2));
    }
}
