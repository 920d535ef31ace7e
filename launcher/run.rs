//! `shopfloor run`: drives exactly these orders up to a state, by workers that are started for it, and tells what became of each.

use std::collections::BTreeMap;
use std::ffi::OsString;

use anyhow::Result;
use serde_json::{Value, json};
use shopfloor::batch::Record;
use shopfloor::errand::{Asked, Errand, Standing, run_batch};
use shopfloor::floor::{Floor, unix_now};
use shopfloor::order::OrderId;
use shopfloor::place::Place;
use shopfloor::queue::Queue;
use shopfloor::stages;
use shopfloor::state::State;
use shopfloor::survey::Survey;

use crate::flags::{Places, Run};
use crate::idle::{Look, Over};
use crate::leftover;
use crate::naming::order_called;
use crate::preflight;
use crate::snapshot::workers;
use crate::start::{Crew, supervised, take_lock};
use crate::supervise::{Outcome, Plan};
use crate::table::Rows;
use crate::voice::{self, Done, Voice, line};

/// What became of one order.
#[derive(Debug)]
struct Row {
    from: State,
    state: Option<State>,
    standing: Standing,
    turns: u64,
    took_ms: u64,
    /// `None` is unknown.
    cost_usd: Option<f64>,
    sessions: Vec<String>,
}

/// Runs.
pub(crate) fn run(flags: &Run, given: &Places, place: &Place, voice: Voice) -> Result<Done> {
    let ready =
        preflight::look(flags.agent.as_deref(), flags.workers_dir.as_deref(), place, voice)?;
    let (queue, floor, pipeline) = (ready.queue.clone(), place.floor()?, stages::pipeline());
    let ids = flags.ids.iter().map(|id| order_called(&*queue, id)).collect::<Result<_, _>>()?;
    let lock = take_lock(&floor)?;
    warn_of_others(&*queue, &floor, voice);
    let survey = place.survey(&ready.config, queue.clone(), &pipeline)?;
    let most = ready.config.floor.max_batch_size.get() as usize;
    let (lifecycle, until) = (flags.lifecycle.clone(), flags.until.clone());
    let asked = Asked { ids, lifecycle, until, most };
    let began = unix_now();
    let mut ended = None;
    let work = |errand: &Errand| -> Result<()> {
        let names: Vec<&str> = errand.ids.iter().map(OrderId::as_str).collect();
        voice.remark(format_args!(
            "Driving {} to {}; Ctrl-C stops.",
            names.join(", "),
            errand.until
        ));
        let crew = Crew {
            batches: &flags.batches,
            parallel: &[],
            agent: flags.agent.as_deref(),
            stages: errand.stages.clone(),
            more: narrowed(errand),
        };
        let plan = Plan {
            posts: crew.posts(given, place, &ready.config, &ready.programs, voice)?,
            queue: queue.clone(),
            floor: floor.clone(),
            free_mib: ready.config.limits.free_mib,
            over: Some(over(errand.clone(), survey.clone(), voice)),
            launched: flags.launched,
            voice,
            lock,
        };
        let outcome = supervised(plan, |_| Ok(()))?;
        voice.remark(leftover::told(outcome.left_over, outcome.clean));
        ended = Some(outcome);
        Ok(())
    };
    let (errand, standings) = run_batch(asked, &survey, &pipeline, work)?;
    let rows = rows(&errand, standings, &*queue, &floor, began)?;
    tell(flags, &errand, &rows)?;
    let arrived = rows.values().all(|row| row.standing == Standing::Arrived);
    Ok(match ended {
        Some(Outcome { at_once: true, .. }) => Done::Interrupted,
        _ if arrived => Done::Well,
        _ => Done::SomeFailed,
    })
}

/// Workers that somebody started by hand would take these orders too, and further.
fn warn_of_others(queue: &dyn Queue, floor: &Floor, voice: Voice) {
    let others = workers(queue, floor).into_iter().filter(|seen| seen.alive);
    let others: Vec<String> = others
        .map(|seen| format!("{} (PID {})", seen.status.stage, seen.status.worker.pid()))
        .collect();
    if !others.is_empty() {
        voice.warn(format_args!(
            "workers run already and may take these orders as well: {}; `shopfloor stop` ends them",
            others.join(", ")
        ));
    }
}

/// The arguments that keep a worker to these orders and below that state.
fn narrowed(errand: &Errand) -> Vec<OsString> {
    let mut args: Vec<OsString> =
        vec!["--until".into(), errand.until.as_str().into(), "--only".into()];
    args.extend(errand.ids.iter().map(|id| OsString::from(id.as_str())));
    args
}

/// When the errand is over, and a remark at every step until then.
fn over(errand: Errand, survey: Survey, voice: Voice) -> Over {
    let mut seen: BTreeMap<OrderId, State> = errand.from.clone();
    let mut told: BTreeMap<OrderId, Standing> = BTreeMap::new();
    let look: Look = Box::new(move |served| {
        let standings = errand.look(&survey, Some(served))?;
        for (id, standing) in &standings {
            if let Ok(Some(order)) = survey.queue().look(id)
                && seen.get(id) != Some(&order.state)
            {
                let from = seen
                    .insert(id.clone(), order.state.clone())
                    .map_or(String::new(), |from| format!("{from} -> "));
                voice.remark(format_args!(
                    "{id}: {from}{}: {}",
                    order.state,
                    line(&order.history.last_why, 120)
                ));
            }
            let news = told.get(id) != Some(standing);
            if let (true, Standing::Failed(why) | Standing::Stuck(why)) = (news, standing) {
                voice.remark(format_args!("{id}: does not get there: {}", line(why, 160)));
            }
            told.insert(id.clone(), standing.clone());
        }
        Ok(standings.values().all(|standing| *standing != Standing::OnItsWay))
    });
    Over {
        look,
        remark: "Every order has arrived or can't move any more: the workers are told to end.",
    }
}

fn rows(
    errand: &Errand,
    mut standings: BTreeMap<OrderId, Standing>,
    queue: &dyn Queue,
    floor: &Floor,
    began: u64,
) -> Result<BTreeMap<OrderId, Row>> {
    let records: Vec<Record> =
        Record::all(floor).into_iter().filter(|record| record.began >= began).collect();
    let mut rows = BTreeMap::new();
    for id in &errand.ids {
        let order = queue.look(id).ok().flatten();
        let works = records.iter().filter_map(|record| Some((record, record.work.get(id)?)));
        let works: Vec<_> = works.collect();
        let worked = works.iter().filter(|(_, work)| work.turns > 0);
        let row = Row {
            from: errand.from.get(id).cloned().unwrap_or(State::NEW),
            state: order.map(|order| order.state),
            standing: standings.remove(id).unwrap_or(Standing::OnItsWay),
            turns: works.iter().map(|(_, work)| work.turns).sum(),
            took_ms: works.iter().map(|(_, work)| work.took_ms).sum(),
            cost_usd: worked.map(|(_, work)| work.used().cost_usd).sum(),
            sessions: works.iter().map(|(record, _)| record.session.to_string()).collect(),
        };
        rows.insert(id.clone(), row);
    }
    Ok(rows)
}

impl Row {
    fn standing(&self) -> (&'static str, &str) {
        match &self.standing {
            Standing::Arrived => ("arrived", ""),
            Standing::OnItsWay => ("unfinished", "stopped before it arrived"),
            Standing::Failed(why) => ("failed", why),
            Standing::Stuck(why) => ("stuck", why),
        }
    }

    /// Unknown is said so; without a turn nothing was paid for.
    fn cost(&self) -> String {
        match (self.turns, self.cost_usd) {
            (0, _) => "-".to_owned(),
            (_, None) => "unknown".to_owned(),
            (_, Some(cost)) => format!("${cost:.4}"),
        }
    }
}

fn tell(flags: &Run, errand: &Errand, rows: &BTreeMap<OrderId, Row>) -> Result<()> {
    if flags.json {
        let orders = rows.iter().map(|(id, row)| {
            let (standing, why) = row.standing();
            let cost = if row.turns == 0 { Value::Null } else { json!(row.cost_usd) };
            let value = json!({
                "from": row.from,
                "state": row.state,
                "standing": standing,
                "why": why,
                "turns": row.turns,
                "took_ms": row.took_ms,
                "cost_usd": cost,
                "sessions": row.sessions,
            });
            (id.to_string(), value)
        });
        return voice::json(&json!({
            "lifecycle": errand.lifecycle.as_ref().map(|lifecycle| lifecycle.name),
            "until": errand.until,
            "orders": orders.collect::<serde_json::Map<String, Value>>(),
        }));
    }
    let mut table =
        Rows::new(&["ORDER", "FROM", "STATE", "STANDING", "TURNS", "TOOK", "COST", "WHY"]);
    for id in &errand.ids {
        let Some(row) = rows.get(id) else { continue };
        let (standing, why) = row.standing();
        table.add([
            id.to_string(),
            row.from.to_string(),
            row.state.as_ref().map_or("gone".to_owned(), State::to_string),
            standing.to_owned(),
            row.turns.to_string(),
            format!("{:.1} s", row.took_ms as f64 / 1000.0),
            row.cost(),
            line(why, 100),
        ]);
    }
    voice::result(table.text())
}
