//! Whose fault is a run that came to no answer? The order's, when its own tree gives none twice and its base gives one
//! under the same command in between. Anything else blames nobody. (docs/decisions: whose fault a hanging test is.)

use super::baseline;
use super::evidence::Notebook;
use super::findings::{fenced, short};
use super::run::{self, Outcome, Place, Run, Setting};
use super::scene::Tools;
use crate::check::Check;
use crate::error::Result;
use crate::stop::Stop;
use crate::workspace::Commit;

/// What was run, and whether that is an answer.
#[derive(Debug)]
#[must_use]
pub(super) struct Tried {
    /// All runs, the base's among them, as they were made. The last one is the answer, unless there is none.
    pub(super) runs: Vec<Run>,
    /// What the gate says when there is no answer: a failure when the order is to blame.
    pub(super) no_answer: Option<Check>,
}

impl Tried {
    /// Puts all runs on record. The answer: the last run, or what the gate says instead.
    pub(super) fn keep(mut self, notebook: &mut Notebook<'_>) -> Result<Result<Run, Check>> {
        self.runs.iter().try_for_each(|run| notebook.keep(run))?;
        let nothing = || Check::could_not_run("nothing was run", "try again");
        Ok(match self.no_answer {
            Some(check) => Err(check),
            None => self.runs.pop().ok_or_else(nothing),
        })
    }
}

/// Runs `setting` in `place`, which holds an order's work on `base`. When that gives no answer the base is asked, now, and
/// then the order once more.
pub(super) async fn run(
    tools: &Tools,
    setting: &Setting<'_>,
    base: &Commit,
    place: Place,
    stop: &Stop,
) -> Result<Tried> {
    let first = run::run(tools, setting, place.clone(), stop).await;
    let Some(unable) = first.outcome.unable() else {
        return Ok(Tried { runs: vec![first], no_answer: None });
    };
    if !first.outcome.may_be_its_work() {
        return Ok(Tried { runs: vec![first], no_answer: Some(unable) });
    }
    let empty = first.outcome == Outcome::NoTests;
    let mut runs = vec![first];
    let (on_base, in_the_way, base_is_empty) = ask_base(tools, setting, base, stop).await?;
    runs.extend(on_base);
    // Where nothing was ever tested, an empty run says more about the command than about the order.
    let in_the_way = in_the_way.or(if empty && base_is_empty { Some(unable) } else { None });
    if in_the_way.is_some() {
        return Ok(Tried { runs, no_answer: in_the_way });
    }
    let again = run::run(tools, setting, place, stop).await;
    let no_answer = match again.outcome.unable() {
        Some(_) if again.outcome.may_be_its_work() => Some(blamed(&runs[0], &again, base)),
        other => other,
    };
    runs.push(again);
    Ok(Tried { runs, no_answer })
}

/// The runs on the base, what of them is in the way of blaming anybody, and whether the base has no tests.
async fn ask_base(
    tools: &Tools,
    setting: &Setting<'_>,
    base: &Commit,
    stop: &Stop,
) -> Result<(Vec<Run>, Option<Check>, bool)> {
    if setting.counts_tests {
        let known = baseline::anew(tools, base, stop).await?;
        let (in_the_way, empty) = (known.in_the_way(), known.outcome == Outcome::NoTests);
        return Ok((known.runs, in_the_way, empty));
    }
    let run = baseline::gate_anew(tools, setting, base, stop).await?;
    let in_the_way = run.outcome.unable();
    Ok((vec![run], in_the_way, false))
}

fn blamed(first: &Run, again: &Run, base: &Commit) -> Check {
    let base = short(&base.commit);
    let how = |run: &Run| match run.outcome {
        Outcome::NoTests => format!("{}, no test executed", run.ended),
        _ => run.ended.clone(),
    };
    let ended = match (how(first), how(again)) {
        (one, two) if one == two => format!("{one}, twice"),
        (one, two) => format!("{one}, then {two}"),
    };
    let command = &again.command;
    let why = again.outcome.unable().map_or_else(String::new, |check| check.line().to_owned());
    Check::fail_with(
        format!(
            "`{command}` comes to no answer with this order's work ({ended}), and does on the base"
        ),
        format!(
            "`{command}` came to no answer with this work: {ended}. In between it did on the base {base}, on the same \
             machine. Something in this work hangs, kills or empties the run: a test that waits for ever, a program that \
             is not there, a runner that finds no tests any more. Every run must end by itself and in time.\n\n\
             What was seen the second time: {why}.\n\nRun 1, {}:\n\n{}\nRun 2, {}:\n\n{}",
            first.ended,
            fenced(&first.tail(60)),
            again.ended,
            fenced(&again.tail(60))
        ),
    )
}
