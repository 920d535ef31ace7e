//! What stands around the agents, found out by a real attempt to escape from inside each sandbox that can be had here.

use serde_json::{Value, json};
use shopfloor::config::{Config, Sandbox};
use shopfloor::error::Error;
use shopfloor::place::Place;
use shopfloor::sandbox::escape::{self, Attempt, Could, Targets};
use shopfloor::sandbox::{Means, Standing, secrets};
use shopfloor::stages::STAGES;

use super::finding::Finding;
use crate::voice::line;
use crate::waiting::wait_for;

/// One sandbox, or none at all, and what could be done from inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tried {
    /// `bwrap`, `landlock` or `none`.
    pub(crate) name: &'static str,
    /// What each attempt came to; why there was none where the sandbox can't be had.
    pub(crate) came: Result<Vec<(Attempt, Could)>, String>,
}

impl Tried {
    fn all(&self, wanted: Could) -> Vec<Attempt> {
        let came = self.came.iter().flatten();
        came.filter(|(_, could)| *could == wanted).map(|(attempt, _)| *attempt).collect()
    }

    /// Escapes that came off.
    fn leaks(&self) -> Vec<&'static str> {
        let escapes = self.all(Could::Yes).into_iter().filter(|attempt| attempt.is_escape());
        escapes.map(Attempt::told).collect()
    }

    /// As a person reads it.
    pub(crate) fn told(&self) -> String {
        let words = |wanted| {
            let told: Vec<&str> = self.all(wanted).into_iter().map(Attempt::told).collect();
            if told.is_empty() { "nothing".to_owned() } else { told.join(", ") }
        };
        match &self.came {
            Ok(_) => format!(
                "sandbox {}\n  could      {}\n  could not  {}",
                self.name,
                words(Could::Yes),
                words(Could::No)
            ),
            Err(why) => format!("sandbox {}\n  can't be had: {}", self.name, line(why, 200)),
        }
    }

    /// As a machine reads it.
    pub(crate) fn as_json(&self) -> Value {
        let came = self.came.iter().flatten();
        let attempts = came.map(|(attempt, could)| {
            json!({ "attempt": attempt, "told": attempt.told(), "could": could })
        });
        json!({
            "sandbox": self.name,
            "available": self.came.is_ok(),
            "why": self.came.as_ref().err(),
            "attempts": attempts.collect::<Vec<_>>(),
        })
    }
}

/// Tries, where an agent is at work that has to be held; and what is wrong with it.
pub(crate) fn look(config: &Config, place: &Place) -> (Vec<Tried>, Vec<Finding>) {
    let wanted: Vec<(&'static str, Sandbox)> = STAGES
        .iter()
        .filter(|stage| is_to_be_held(config, stage.name))
        .map(|stage| (stage.name, config.sandbox_for(stage.name)))
        .collect();
    if wanted.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let tried = match targets(place) {
        Some((targets, _scratch)) => try_all(&targets),
        None => Vec::new(),
    };
    let mut findings: Vec<Finding> = tried.iter().filter_map(leak).collect();
    let mut stood: Vec<(Sandbox, Result<Standing, Error>)> = Vec::new();
    for (stage, wanted) in wanted {
        if !stood.iter().any(|(known, _)| *known == wanted) {
            let standing = wait_for(Standing::of(wanted, false)).and_then(|standing| standing);
            stood.push((wanted, standing));
        }
        let standing = stood.iter().find(|(known, _)| *known == wanted);
        findings.extend(standing.and_then(|(_, standing)| of_stage(stage, standing)));
    }
    (tried, findings)
}

fn is_to_be_held(config: &Config, stage: &str) -> bool {
    let simulated = config.agent_for(stage, None).map_or(true, |(_, agent)| agent.simulated);
    !simulated || matches!(config.sandbox_for(stage), Sandbox::Bwrap | Sandbox::Landlock)
}

/// Where to try, and the folder that goes when it has been tried.
fn targets(place: &Place) -> Option<(Targets, tempfile::TempDir)> {
    let (project, floor) = (place.project().ok()?, place.floor().ok()?);
    let scratch = tempfile::Builder::new().prefix("shopfloor-escape-").tempdir().ok()?;
    let orders = std::fs::read_dir(place.queue().ok()?).into_iter().flatten().flatten();
    let state = orders.map(|order| order.path().join(".state")).find(|path| path.is_file());
    let targets = Targets {
        queue: floor.tmp(),
        state,
        project: project.to_owned(),
        git: project.join(".git"),
        home: std::env::var_os("HOME").map(Into::into).unwrap_or_default(),
        secrets: secrets(),
        scratch: scratch.path().to_owned(),
    };
    Some((targets, scratch))
}

fn try_all(targets: &Targets) -> Vec<Tried> {
    let executable = std::env::current_exe().unwrap_or_default();
    let kinds = Means::ALL.into_iter().map(Some).chain([None]);
    kinds
        .map(|means| {
            let came = wait_for(async {
                if let Some(means) = means {
                    means.tried().await?;
                }
                let tried = escape::attempts(means, targets, &executable).await;
                tried.map_err(|error| error.in_one_line())
            });
            let came = came.unwrap_or_else(|error| Err(error.in_one_line()));
            Tried { name: means.map_or("none", Means::as_str), came }
        })
        .collect()
}

/// A sandbox that does not hold what it is there to hold.
fn leak(tried: &Tried) -> Option<Finding> {
    let leaks = tried.leaks();
    if tried.name == "none" || leaks.is_empty() {
        return None;
    }
    let what =
        format!("from inside sandbox {} it was possible to {}", tried.name, leaks.join(", "));
    let mend =
        "use another sandbox for your stages, and tell us what your machine does differently";
    Some(Finding::wrong("leaky-sandbox", tried.name, what, mend))
}

/// Whether the stage gets what is set for it.
fn of_stage(stage: &'static str, standing: &Result<Standing, Error>) -> Option<Finding> {
    let place = format!("[stage.{stage}] in shopfloor.toml");
    match standing {
        Ok(Standing::Open(why)) => {
            let what = format!(
                "no sandbox stands around the agent of stage {stage}: it may write wherever you may ({why})"
            );
            let mend = "install bubblewrap, and set sandbox = \"auto\"";
            Some(Finding::note("no-sandbox", place, what, mend))
        }
        Ok(_) => None,
        Err(error) => Some(Finding::of_error("sandbox", place, error)),
    }
}
