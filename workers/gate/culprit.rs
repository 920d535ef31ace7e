//! Who spoils a line: found by halving it, and told with what it does not get on with.
//!
//! A line that fails is halved until the first order is found with which it fails. That one is left out, and the rest is
//! tested, which it had to be anyway. When the rest passes, the order was the culprit; when it fails too, the order is looked
//! at once more before it is blamed, unless its own failures are gone without it.

use super::findings::{bullets, fenced, short, some};
use super::line::Link;
use super::run::Run;
use super::scene::Scene;
use super::showing::failed_tests;
use super::trials::{Care, Trial, Trials, Wanted};
use crate::check::Check;
use crate::error::Result;
use crate::report::TestId;
use crate::workspace::Commit;

/// The first order with which a line fails, before it is known for sure.
#[derive(Debug)]
pub(super) struct Culprit {
    /// Its place among the scenes.
    pub(super) index: usize,
    /// The scenes before it on the line.
    pub(super) before: Vec<usize>,
    /// The line up to it.
    pub(super) commit: Commit,
    /// The line before it; `None` when it is the first.
    pub(super) below: Option<Commit>,
    /// The tests that must pass on the line up to it.
    pub(super) wanted: Vec<Wanted>,
    /// How many runs of lines with it were red.
    reds: usize,
}

/// What halving a line came to.
#[derive(Debug)]
pub(super) enum Narrowed {
    /// Everything points at this one.
    To(Box<Culprit>),
    /// Nothing was found out.
    Unable(Check),
}

/// Finds the first of `links` with which the line fails; the whole of it does. `wanted` tells the tests that must pass on a
/// line of these links. What is known of a part of the line is not run again.
pub(super) async fn narrow(
    trials: &mut Trials<'_>,
    base: &Commit,
    links: &[Link],
    wanted: impl Fn(&[Link]) -> Vec<Wanted>,
) -> Result<Narrowed> {
    let known = |trials: &Trials<'_>, count: usize| {
        trials.is_green(&links[count - 1].commit.tree, &wanted(&links[..count]))
    };
    // The first `green` links pass, the first `red` fail.
    let counts = 1..links.len();
    let green = counts.clone().rev().find(|count| known(trials, *count) == Some(true));
    let mut green = green.unwrap_or(0);
    let red = counts.skip(green).find(|count| known(trials, *count) == Some(false));
    let mut red = red.unwrap_or(links.len());
    while red - green > 1 {
        let middle = green + (red - green) / 2;
        let (commit, wanted) = (&links[middle - 1].commit, wanted(&links[..middle]));
        match trials.of(base, commit, &wanted, Care::Once).await? {
            Trial::Green(_) => green = middle,
            Trial::Red => red = middle,
            Trial::Unable(answer) => return Ok(Narrowed::Unable(answer)),
        }
    }
    let reds = (red..=links.len())
        .map(|count| trials.reds(&links[count - 1].commit.tree, &wanted(&links[..count])));
    let link = &links[red - 1];
    Ok(Narrowed::To(Box::new(Culprit {
        index: link.index,
        before: links[..red - 1].iter().map(|link| link.index).collect(),
        commit: link.commit.clone(),
        below: links[..red - 1].last().map(|link| link.commit.clone()),
        wanted: wanted(&links[..red]),
        reds: reds.sum(),
    })))
}

impl Culprit {
    /// True when nothing but this order can be why: lines with it were red twice, and the line without it, `rest`, is green
    /// or fails by other tests. `wanted` are the tests that must pass on the rest.
    pub(super) fn is_sure(
        &self,
        trials: &Trials<'_>,
        rest: Option<&Commit>,
        wanted: &[Wanted],
    ) -> bool {
        let gone = rest.is_none_or(|rest| {
            let without = trials.why(&rest.tree, wanted);
            let with = trials.why(&self.commit.tree, &self.wanted);
            trials.is_green(&rest.tree, wanted) == Some(true)
                || with.zip(without).is_some_and(|(with, without)| with.is_disjoint(&without))
        });
        gone && self.reds >= 2
    }

    /// What it is told, and the runs that show it. `owners` are the scenes of the orders that stand before it and brought one
    /// of the tests that are why.
    pub(super) fn blamed(
        &self,
        trials: &Trials<'_>,
        base: &Commit,
        before: &[&Scene],
        owners: &[&Scene],
    ) -> (Check, Vec<Run>) {
        let mut runs = match &self.below {
            Some(below) => trials.on(&below.tree).to_vec(),
            None => Vec::new(),
        };
        let failing = trials.on(&self.commit.tree);
        let missing = trials.missing(&self.commit.tree, &self.wanted);
        let check = match missing.as_slice() {
            [] => failed_on(base, before, owners, failing),
            missing => silenced_on(base, before, owners, missing, failing),
        };
        runs.extend_from_slice(failing);
        (check, runs)
    }
}

/// The orders it does not get on with, as far as that is known, for the end of a line and at length.
fn clash(owners: &[&Scene]) -> (String, String) {
    if owners.is_empty() {
        return (String::new(), String::new());
    }
    let names = some(owners.iter().map(|scene| scene.order.as_str()));
    let list = titles(owners);
    (
        format!(" (tests of {names})"),
        format!("It does not get on with these orders, whose tests they are:\n\n{list}\n"),
    )
}

fn titles(scenes: &[&Scene]) -> String {
    let line =
        |scene: &&Scene| format!("- {}: {}\n", scene.order, scene.request.title.escape_debug());
    scenes.iter().map(line).collect()
}

fn output(failing: &[Run]) -> String {
    let times = if failing.len() > 1 { ", twice" } else { "" };
    failing.last().map_or_else(String::new, |run| {
        format!("\n`{}`, {}{times}:\n\n{}", run.command, run.ended, fenced(&run.tail(80)))
    })
}

fn failed_on(base: &Commit, before: &[&Scene], owners: &[&Scene], failing: &[Run]) -> Check {
    let base = short(&base.commit);
    let names = || before.iter().map(|scene| scene.order.as_str());
    let (why, stands) = if before.is_empty() {
        let why = format!("the tests fail on the fresh base {base} with this order's change");
        (why, format!("The tests pass on the base {base} and fail with this order's change on it."))
    } else {
        let why = format!("the tests fail once it stands on {} (base {base})", some(names()));
        let list = titles(before);
        let stands = format!(
            "The tests pass on the base {base} with these orders and fail once this one stands on them:\n\n{list}"
        );
        (why, stands)
    };
    let last = failing.last().and_then(|run| run.tests.as_ref());
    let (named, list) = last.map_or_else(Default::default, failed_tests);
    let (of, met) = clash(owners);
    let output = output(failing);
    Check::fail_with(format!("{why}{named}{of}"), format!("{list}{met}{stands}\n{output}"))
}

/// The line passes, and lacks tests that orders on it brought.
fn silenced_on(
    base: &Commit,
    before: &[&Scene],
    owners: &[&Scene],
    missing: &[TestId],
    failing: &[Run],
) -> Check {
    let base = short(&base.commit);
    let orders = before.iter().map(|scene| scene.order.as_str());
    let stands = match before {
        [] => format!("the fresh base {base}"),
        _ => format!("{} (base {base})", some(orders)),
    };
    let names: Vec<&str> = missing.iter().map(TestId::as_str).collect();
    let (of, met) = clash(owners);
    let output = output(failing);
    Check::fail_with(
        format!("new tests are gone or skipped once it stands on {stands}: {}{of}", some(&names)),
        format!(
            "These tests failed before the work was there, and must run and pass. Once this order stands on {stands}, the \
             test command passes without them:\n\n{}{met}{output}",
            bullets(&names)
        ),
    )
}
