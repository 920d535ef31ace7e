//! `shopfloor status`: what stands where, who does what, what waits and why.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};
use shopfloor::accounts::{Accounts, Parked};
use shopfloor::floor::{Breaker, Floor, unix_now};
use shopfloor::ledger::{self, Ledger, Sum};
use shopfloor::order::OrderId;
use shopfloor::permits::{Permits, Standing, Who};
use shopfloor::plan::Hindrance;
use shopfloor::queue::Order;
use shopfloor::stages::STAGES;
use shopfloor::state::State;

use crate::flags::Status;
use crate::lock::{self, Runner};
use crate::outlook::Outlook;
use crate::show::stand_told;
use crate::snapshot::{self, Seen, Snapshot};
use crate::table::Rows;
use crate::versions::{self, Version};
use crate::voice::{self, Done, line, moment};
use crate::waits::{self, Stand};
use shopfloor::place::Place;

/// The most orders that are listed one by one in each part; --json lists all.
const MOST: usize = 20;

/// Everything that is shown.
#[derive(Debug)]
struct View {
    queue: String,
    launcher: Option<Runner>,
    counts: Vec<(State, usize)>,
    workers: Vec<Seen>,
    breakers: Vec<Breaker>,
    agents: Vec<Version>,
    accounts: Vec<Parked>,
    today: BTreeMap<String, Sum>,
    permits: Option<Standing>,
    stands: Vec<(OrderId, State, Stand)>,
    failed: Vec<(OrderId, String)>,
    broken: Vec<(OrderId, String)>,
    strange: Vec<(String, String)>,
}

/// Shows it.
pub(crate) fn run(flags: &Status, place: &Place) -> Result<Done> {
    let view = look(place)?;
    match flags.json {
        true => voice::json(&as_json(&view))?,
        false => as_text(&view)?,
    }
    Ok(Done::Well)
}

fn look(place: &Place) -> Result<View> {
    let queue = place.open_queue_to_look()?;
    let floor = place.floor()?;
    let outlook = Outlook::of(place)?;
    let stand =
        |order: &Order| (order.id.clone(), order.state.clone(), waits::stand(order, &outlook));
    let stands = outlook.seen.orders.values().map(stand).collect();
    let permits = permits(place, &floor)?;
    let Outlook { seen, pipeline, breakers, .. } = outlook;
    let failed = seen.orders.values().filter(|order| order.state == State::FAILED);
    let failed = failed.map(|order| (order.id.clone(), order.history.last_why.clone())).collect();
    Ok(View {
        queue: place.shown(place.queue()?),
        launcher: lock::running(&floor)?,
        counts: counts(&seen, pipeline.states()),
        workers: snapshot::workers(&*queue, &floor),
        agents: versions::kept(&floor),
        breakers: breakers.into_iter().filter(|breaker| breaker.count > 0).collect(),
        accounts: Accounts::of(&floor).all(),
        today: Ledger::of(&floor).today(unix_now())?,
        permits,
        stands,
        failed,
        broken: seen.broken,
        strange: seen.strange,
    })
}

/// How the permits stand, where the number of sessions is limited.
fn permits(place: &Place, floor: &Floor) -> Result<Option<Standing>> {
    let config = place.read_config().ok().flatten().unwrap_or_default();
    let permits = Permits::of(floor, &config.floor);
    Ok(permits.map(|permits| permits.standing()).transpose()?)
}

/// How many orders are in each state: the pipeline's in its order, then the words it does not know.
fn counts(seen: &Snapshot, states: Vec<State>) -> Vec<(State, usize)> {
    let mut by_state: BTreeMap<State, usize> = BTreeMap::new();
    for order in seen.orders.values() {
        *by_state.entry(order.state.clone()).or_default() += 1;
    }
    let known =
        states.into_iter().map(|state| (state.clone(), by_state.remove(&state).unwrap_or(0)));
    let known: Vec<(State, usize)> = known.collect();
    known.into_iter().chain(by_state).collect()
}

fn as_text(view: &View) -> Result<()> {
    match view.launcher {
        Some(runner) => voice::result(format_args!("{}  launcher PID {}", view.queue, runner.pid))?,
        None => voice::result(format_args!("{}  no launcher runs", view.queue))?,
    }
    let mut rows = Rows::new(&["STATE", "ORDERS"]);
    view.counts.iter().for_each(|(state, n)| rows.add([state.to_string(), n.to_string()]));
    voice::result(format_args!("\n{}", rows.text()))?;
    workers(&view.workers)?;
    unconfined(&view.workers)?;
    breakers(&view.breakers)?;
    if !view.agents.is_empty() {
        let told: Vec<String> = view.agents.iter().map(Version::told).collect();
        voice::result(format_args!("\nAgents: {}", told.join("; ")))?;
    }
    accounts(&view.accounts)?;
    used(&view.today)?;
    if let Some(standing) = &view.permits {
        voice::result(format_args!("\n{}", permits_told(standing)))?;
    }
    let told = |wanted: fn(&Stand) -> bool| {
        let wanted = view.stands.iter().filter(move |(.., stand)| wanted(stand));
        let rows =
            wanted.map(|(id, state, stand)| [id.to_string(), state.to_string(), stand_told(stand)]);
        rows.collect::<Vec<_>>()
    };
    let held = told(|stand| matches!(stand, Stand::Held(_)));
    let any_held = !held.is_empty();
    part("On hold", held)?;
    if any_held {
        voice::result("  (mend what the reason names, then: shopfloor release ID)")?;
    }
    let waits =
        |stand: &Stand| matches!(stand, Stand::Waits(_) | Stand::Rests(_) | Stand::Paused(_));
    part("Waiting", told(waits))?;
    let failed = view.failed.iter();
    part(
        "FAILED",
        failed.map(|(id, why)| [id.to_string(), line(why, 120), String::new()]).collect(),
    )?;
    let mut broken = told(|stand| matches!(stand, Stand::Broken(_)));
    broken.extend(
        view.broken.iter().map(|(id, why)| [id.to_string(), "?".to_owned(), line(why, 200)]),
    );
    broken.extend(
        view.strange
            .iter()
            .map(|(name, why)| [format!("{:?}", line(name, 60)), "-".to_owned(), line(why, 200)]),
    );
    part("Broken", broken)
}

fn workers(workers: &[Seen]) -> Result<()> {
    if workers.is_empty() {
        return voice::result("\nNo worker runs.");
    }
    let mut rows = Rows::new(&[
        "WORKER", "PID", "", "DOING", "ORDER", "BATCH", "SESSIONS", "TURNS", "MOVED ON", "",
    ]);
    for Seen { status, alive } in workers {
        rows.add([
            status.stage.clone(),
            status.worker.pid().to_string(),
            if *alive { "alive" } else { "DEAD" }.to_owned(),
            line(&status.doing, 50),
            status.order.as_ref().map(OrderId::to_string).unwrap_or_default(),
            status.batch.to_string(),
            status.sessions.to_string(),
            status.turns.to_string(),
            status.advanced.to_string(),
            if status.simulated { "SIMULATED" } else { "" }.to_owned(),
        ]);
    }
    voice::result(format_args!("\n{}", rows.text()))
}

/// A line for each live worker around whose agent nothing stands.
fn unconfined(workers: &[Seen]) -> Result<()> {
    for Seen { status, alive } in workers {
        if *alive && status.sandbox == "none" {
            voice::alarming(format_args!(
                "NO SANDBOX stands around the agent of stage {}: it may write wherever you may",
                status.stage
            ))?;
        }
    }
    Ok(())
}

fn breakers(breakers: &[Breaker]) -> Result<()> {
    for breaker in breakers {
        voice::result(format_args!(
            "\nStage {} pauses until {}: {}\n  mend: {}",
            breaker.stage,
            moment(breaker.until),
            line(&breaker.why, 200),
            line(&breaker.mend, 200)
        ))?;
    }
    Ok(())
}

/// Accounts that are parked: what was seen, and who lets them go on.
fn accounts(parked: &[Parked]) -> Result<()> {
    for one in parked {
        let mend = match one.until {
            Some(until) if until <= unix_now() => {
                "its time has come: one worker tries it".to_owned()
            }
            Some(_) => format!("it goes on by itself; at once: shopfloor resume {}", one.account),
            None => format!("mend it, then: shopfloor resume {}", one.account),
        };
        let (told, why) = (one.told(), line(&one.why, 200));
        voice::result(format_args!("\nAccount {told}: {why}\n  {mend}"))?;
    }
    Ok(())
}

/// What was used on this day, by stage.
fn used(today: &BTreeMap<String, Sum>) -> Result<()> {
    if today.is_empty() {
        return Ok(());
    }
    voice::result(format_args!("\nUsed today (UTC): {}", ledger::together(today).told()))?;
    let place = |name: &str| STAGES.iter().position(|stage| stage.name == name);
    let mut stages: Vec<_> = today.iter().collect();
    stages.sort_by_key(|(name, _)| place(name));
    stages
        .iter()
        .try_for_each(|(name, sum)| voice::result(format_args!("  {name:<10} {}", sum.told())))
}

/// One headed list; nothing at all when it is empty.
fn part(head: &str, all: Vec<[String; 3]>) -> Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    let more = all.len().saturating_sub(MOST);
    let mut rows = Rows::new(&[head, "", ""]);
    all.into_iter().take(MOST).for_each(|cells| rows.add(cells));
    voice::result(format_args!("\n{}", rows.text()))?;
    match more {
        0 => Ok(()),
        n => voice::result(format_args!("  and {n} more (--json lists all)")),
    }
}

fn as_json(view: &View) -> Value {
    let named = |(id, why): &(OrderId, String)| json!({ "id": id, "why": why });
    let stands = |wanted: fn(&Stand) -> bool| {
        let wanted = view.stands.iter().filter(move |(.., stand)| wanted(stand));
        wanted.map(|(id, state, stand)| waiting(id, state, stand)).collect::<Vec<_>>()
    };
    let counts = view.counts.iter().map(|(state, n)| (state.to_string(), json!(n)));
    let mut broken: Vec<Value> = view.broken.iter().map(named).collect();
    broken.extend(stands(|stand| matches!(stand, Stand::Broken(_))));
    json!({
        "queue": view.queue,
        "launcher": view.launcher.map(|runner| json!({ "pid": runner.pid })),
        "counts": counts.collect::<serde_json::Map<_, _>>(),
        "workers": view.workers.iter().map(worker).collect::<Vec<_>>(),
        "breakers": view.breakers,
        "agents": view.agents,
        "accounts": view.accounts,
        "used_today": view.today,
        "permits": view.permits,
        "holds": stands(|stand| matches!(stand, Stand::Held(_))),
        "failed": view.failed.iter().map(named).collect::<Vec<_>>(),
        "waiting": stands(|s| matches!(s, Stand::Ready | Stand::Waits(_) | Stand::Rests(_) | Stand::Paused(_))),
        "broken": broken,
        "strange": view.strange.iter().map(|(name, why)| json!({ "name": name, "why": why })).collect::<Vec<_>>(),
    })
}

/// One order that waits, with the kind of wait and what is known of it.
fn waiting(id: &OrderId, state: &State, stand: &Stand) -> Value {
    let (kind, why, until) = match stand {
        Stand::Held(why) => ("held", why.clone(), None),
        Stand::Broken(why) => ("broken", why.clone(), None),
        Stand::Rests(until) => ("rests", stand_told(stand), Some(*until)),
        Stand::Paused(until) => ("paused", stand_told(stand), Some(*until)),
        Stand::Waits(hindrance) => (kind_of(hindrance), stand_told(stand), None),
        Stand::Ready => ("ready", stand_told(stand), None),
        Stand::Claimed(_) => ("claimed", stand_told(stand), None),
        Stand::Ended => ("ended", stand_told(stand), None),
    };
    let needs: Vec<String> = match stand {
        Stand::Waits(Hindrance::Needs(unmet)) => {
            unmet.iter().map(|unmet| unmet.need.clone().into()).collect()
        }
        _ => Vec::new(),
    };
    let waits_for: Vec<&OrderId> = match stand {
        Stand::Waits(hindrance) => hindrance.waits_for(),
        _ => Vec::new(),
    };
    json!({
        "id": id, "state": state, "kind": kind, "why": why, "until": until, "needs": needs,
        "waits_for": waits_for,
    })
}

/// The word for what an order waits for.
fn kind_of(hindrance: &Hindrance) -> &'static str {
    match hindrance {
        Hindrance::Needs(_) => "needs",
        Hindrance::Phase { .. } => "phase",
        Hindrance::Group { .. } => "group",
        Hindrance::Files { .. } => "files",
    }
}

/// Who has a permit for a session and who waits for one, in two lines.
fn permits_told(standing: &Standing) -> String {
    let names = |all: &[Who]| match all {
        [] => "nobody".to_owned(),
        all => {
            let one = |who: &Who| format!("{} (PID {})", who.stage, who.worker.pid());
            all.iter().map(one).collect::<Vec<_>>().join(", ")
        }
    };
    format!(
        "Sessions at once: {} of {}: {}\n  waiting for one: {}",
        standing.held.len(),
        standing.limit,
        names(&standing.held),
        names(&standing.waiting)
    )
}

fn worker(seen: &Seen) -> Value {
    let mut value = serde_json::to_value(&seen.status).unwrap_or_default();
    value["pid"] = json!(seen.status.worker.pid());
    value["alive"] = json!(seen.alive);
    value
}
