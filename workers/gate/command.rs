//! A gate of the user's own: `[gate.NAME] command = [...]`, green when it exits 0 in the order's worktree.

use super::evidence::Notebook;
use super::fault;
use super::findings::fenced;
use super::run::{Outcome, Place, Setting};
use super::scene::{Scene, Tools};
use super::worktree::{Suspect, only_looked, unchanged};
use crate::check::Check;
use crate::error::Result;
use crate::stop::Stop;

/// Runs the gate `name` for the scene's order.
pub(super) async fn check(
    tools: &Tools,
    name: &str,
    scene: &Scene,
    notebook: &mut Notebook<'_>,
    stop: &Stop,
) -> Result<Check> {
    let (bench, tree) = match scene.work() {
        Ok(work) => work,
        Err(answer) => return Ok(answer),
    };
    let who = format!("the {} stage", scene.stage);
    let agent = Suspect { who: &who, advice: "Look only; make copies elsewhere." };
    if let Some(answer) = only_looked(tools, scene, &agent).await? {
        return Ok(answer);
    }
    let Some(gate) = tools.config.gate.get(name) else {
        return Ok(Check::could_not_run(
            format!("there is no gate {name:?} in shopfloor.toml"),
            format!("add a table [gate.{name}] with a command"),
        ));
    };
    let place =
        Place { kind: "worktree", folder: bench.path.clone(), commit: None, tree: tree.to_owned() };
    let setting = Setting::gate(name, gate);
    let tried = fault::run(tools, &setting, &bench.base, place, stop).await?;
    let answer = tried.keep(notebook)?;
    let suspect = Suspect { who: "the gate's command", advice: "Let it check only." };
    let touched = unchanged(tools, scene, tree, &suspect).await?;
    let run = match answer {
        Ok(run) => run,
        Err(check) => return Ok(check),
    };
    if run.outcome == Outcome::Failed {
        let shown = fenced(&run.tail(80));
        return Ok(Check::fail_with(
            format!("`{}` fails: {}", run.command, run.ended),
            format!("`{}`, {}:\n\n{shown}", run.command, run.ended),
        ));
    }
    // A command that mends what it finds is the operator's doing, not the order's.
    Ok(match touched {
        Some(touched) => Check::could_not_run(
            touched.line(),
            format!("let the command of [gate.{name}] in shopfloor.toml check and change nothing"),
        ),
        None => Check::pass(format!("`{}`: {}", run.command, run.ended)),
    })
}
