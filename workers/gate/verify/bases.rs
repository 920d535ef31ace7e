//! The baseline again: every base that RED and GREEN stand on must pass its own tests.

use super::super::baseline::{self, Known};
use super::super::findings::short;
use super::super::run::Outcome;
use super::ground::Ground;
use super::{Checked, Halt};
use crate::workspace::Commit;

pub(super) async fn look(ground: &mut Ground<'_>) -> Checked<String> {
    let mut names: Vec<String> = Vec::new();
    let of_gate = |gate: &str| ground.lines.iter().rev().find(|line| line.gate == gate);
    let lines = [of_gate("green"), of_gate("red")];
    let of_lines = lines.into_iter().flatten().filter_map(|line| line.base.as_deref());
    for name in ground.frozen_base().into_iter().chain(of_lines) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    if names.is_empty() {
        return Err(Halt::unknown("the record names no base"));
    }
    let mut shown = Vec::new();
    for name in &names {
        let found = ground.tools.workspace.commit(name).await?;
        let base = found.ok_or_else(|| {
            Halt::unknown(format!("the base {} is not in the repository", short(name)))
        })?;
        let known = baseline::afresh(ground.tools, &base, "verify-base", ground.stop).await?;
        ground.runs += known.runs.len();
        shown.push(passes(ground, name, &known)?);
        ground.bases.insert(name.clone(), (base, known));
    }
    Ok(shown.join("; "))
}

/// The line of a base that passes, as it did then.
fn passes(ground: &Ground<'_>, name: &str, known: &Known) -> Checked<String> {
    match &known.outcome {
        Outcome::Passed | Outcome::NoTests => {}
        Outcome::Failed => {
            let stood = ground.lines.iter().any(|line| {
                let gate = matches!(line.gate.as_str(), "red" | "green");
                gate && line.outcome == "pass" && line.base.as_deref() == Some(name)
            });
            let told = format!("the base {} fails", short(name));
            return Err(match stood {
                true => Halt::disagree(format!("{told}, and gates passed on it")),
                false => Halt::unknown(format!("{told}: nothing can be shown on it")),
            });
        }
        outcome => {
            let told = outcome.unable().map_or_else(String::new, |check| check.line().to_owned());
            return Err(Halt::unknown(told));
        }
    }
    let then = ground.lines.iter().flat_map(|line| line.runs.iter().map(move |run| (line, run)));
    let mut then =
        then.filter(|(_, run)| run.place == "base" && run.commit.as_deref() == Some(name));
    if let Some((line, run)) = then.next_back()
        && run.exit == Some(0)
        && run.counts != known.counts()
    {
        let told = format!("the record counts other tests on the base {}", short(name));
        return Err(ground.otherwise(line, told));
    }
    Ok(known.shown())
}

/// A commit that stands for the base of `line` in the repository.
pub(super) async fn named(ground: &Ground<'_>, name: &str) -> Checked<Commit> {
    let found = ground.tools.workspace.commit(name).await?;
    found.ok_or_else(|| Halt::unknown(format!("the base {} is not in the repository", short(name))))
}
