//! The gate UNION: several orders land together, as a line of commits on a fresh base whose tip passes the tests.
//!
//! A line that fails is bisected by its prefixes ([`culprit`](super::culprit)): the first order with which it fails is sent
//! back, with what it stands on, and the rest goes on. An order that is sent back finds its worktree on the fresh base, so that it meets there what
//! it did not get on with.

use std::collections::BTreeSet;
use std::time::Duration;

use super::allowance::{Allowance, stands_in};
use super::baseline::{self, baseline};
use super::culprit::{Culprit, Narrowed, narrow};
use super::findings::{bullets, short, some};
use super::frozen::Frozen;
use super::line::{self, Line, Link, Member, Met};
use super::lock;
use super::message::message;
use super::papers::{self, Paper};
use super::record::record;
use super::run::{Outcome, Run};
use super::scene::{Scene, Tools, unable};
use super::showing::weaker;
use super::trials::{Care, Trial, Trials, Wanted};
use super::worktree::{Suspect, only_looked, unchanged};
use crate::check::Check;
use crate::error::Result;
use crate::order::OrderId;
use crate::report::TestId;
use crate::stop::Stop;
use crate::workspace::{Commit, Composed, Landed};

const MESSAGE: &str = "commit-message.md";
const MESSAGE_LIMIT_BYTES: u64 = 64 * 1024;
/// Times we begin again because the base moved while we tested.
const MOST_ROUNDS: usize = 5;

/// What the commit worker's agent may not do.
const COMMITTER: Suspect<'static> = Suspect {
    who: "the commit stage",
    advice: "Write the message on the desk and change nothing in the worktree.",
};

/// One order's outcome, with the runs that show it.
#[derive(Debug)]
pub(super) struct Ruled {
    pub(super) check: Check,
    pub(super) runs: Vec<Run>,
    /// The new list of frozen files, when its worktree was put onto a newer base.
    pub(super) proof: Option<String>,
    /// The commit it landed as.
    pub(super) landed: Option<String>,
    /// The commit that held its change already.
    pub(super) held_by: Option<String>,
    /// True when it goes back because of what it met on the base or the line: its worktree stands on the fresh base then.
    pub(super) rework: bool,
}

impl Ruled {
    fn plain(check: Check) -> Self {
        let (proof, landed, held_by) = (None, None, None);
        Self { check, runs: Vec::new(), proof, landed, held_by, rework: false }
    }
}

/// Tests the scenes' orders together and lands what is green and still `ours`. One outcome per scene, in their order.
pub(super) async fn union(
    tools: &Tools,
    scenes: &[Scene],
    ours: &Ours<'_>,
    stop: &Stop,
) -> Vec<Ruled> {
    let ruled = scenes.iter().map(|_| None).collect();
    let trials = Trials::new(tools, stop);
    let wanted = scenes.iter().map(|_| None).collect();
    let (care, suspect) = (Care::Twice, None);
    let mut shift = Shift { tools, stop, scenes, ours, ruled, wanted, trials, care, suspect };
    let limit = tools.config.project.test.timeout.saturating_mul(20).max(Duration::from_secs(60));
    match lock::take(&tools.floor.run(), "union.lock", limit, stop).await {
        Ok(_guard) => {
            if let Err(error) = shift.work().await {
                shift.rule_rest(&unable(&error));
            }
            shift.send_back().await;
        }
        Err(error) => shift.rule_rest(&unable(&error)),
    }
    let left = || Ruled::plain(Check::could_not_run("nothing was found out", "try again"));
    shift.ruled.into_iter().map(|ruled| ruled.unwrap_or_else(left)).collect()
}

/// Whether an order may still be landed by us: asked right before it is, since the tests may have taken hours.
pub(super) type Ours<'a> = dyn Fn(&Scene) -> bool + Sync + 'a;

/// One union under way.
struct Shift<'a> {
    tools: &'a Tools,
    stop: &'a Stop,
    scenes: &'a [Scene],
    ours: &'a Ours<'a>,
    ruled: Vec<Option<Ruled>>,
    /// The tests that each scene's order brought, where they have names.
    wanted: Vec<Option<Wanted>>,
    trials: Trials<'a>,
    /// How often a line must be red before anybody is suspected.
    care: Care,
    /// The order that is left out to see whether the rest passes without it.
    suspect: Option<Culprit>,
}

/// What became of one round.
enum Round {
    /// Everybody is ruled upon.
    Over,
    /// Somebody was taken out, or put back: go on with the line as it is now on the same base.
    Dropped,
    /// The base moved.
    BaseMoved,
}

impl<'a> Shift<'a> {
    async fn work(&mut self) -> Result<()> {
        self.enter().await;
        for _ in 0..MOST_ROUNDS {
            let base = self.tools.workspace.base().await?;
            self.find_landed(&base).await?;
            (self.care, self.suspect) = (Care::Twice, None);
            loop {
                match self.round(&base).await? {
                    Round::Over => return Ok(()),
                    Round::Dropped => {}
                    Round::BaseMoved => break,
                }
            }
        }
        self.rule_rest(&Check::could_not_run(
            format!("the base moved {MOST_ROUNDS} times while the union was tested"),
            "wait until fewer commits come in; it is tried again by itself",
        ));
        Ok(())
    }

    /// Rules upon those that can't take part at all.
    async fn enter(&mut self) {
        for (index, scene) in self.scenes.iter().enumerate() {
            let answer = match scene.work() {
                Err(answer) => Some(answer),
                Ok((_, tree)) => {
                    let before = scene.tree_before.as_deref().unwrap_or(tree);
                    match only_looked(self.tools, scene, &COMMITTER).await {
                        Ok(None) => unchanged(self.tools, scene, before, &COMMITTER).await,
                        other => other,
                    }
                    .unwrap_or_else(|error| Some(unable(&error)))
                }
            };
            let (wanted, tampered) = match wanted(scene) {
                Ok(Ok(wanted)) => (wanted, None),
                Ok(Err(answer)) => (None, Some(answer)),
                Err(error) => (None, Some(unable(&error))),
            };
            self.wanted[index] = wanted;
            self.ruled[index] = answer.or(tampered).map(Ruled::plain);
        }
    }

    /// The tests that must pass on a line of these links.
    fn wanted(&self, links: &[Link]) -> Vec<Wanted> {
        wanted_of(&self.wanted, links)
    }

    /// One line: composed, tested, landed; or one order fewer.
    async fn round(&mut self, base: &Commit) -> Result<Round> {
        let members = self.members()?;
        let line = line::compose(&self.tools.workspace, base, &members).await?;
        let (tip, wanted) = (line.tip().cloned(), self.wanted(&line.links));
        let trial = match &tip {
            Some(tip) => self.trials.of(base, tip, &wanted, self.care).await?,
            None => Trial::Green(false),
        };
        if let Trial::Unable(answer) = trial {
            self.rule_rest(&answer);
            return Ok(Round::Over);
        }
        if let Some(suspect) = self.suspect.take()
            && let Some(round) = self.judge(base, suspect, &line).await?
        {
            return Ok(round);
        }
        match (tip, trial) {
            (Some(tip), Trial::Green(flaky)) => self.land(base, &line, &tip, flaky).await,
            (Some(_), _) => self.suspect(base, &line).await,
            (None, _) => {
                self.rule_others(&line, base).await?;
                Ok(Round::Over)
            }
        }
    }

    /// Those who want to land: all who are not ruled upon, but for the one under suspicion.
    fn members(&self) -> Result<Vec<Member<'a>>> {
        let scenes = self.scenes;
        let suspect = self.suspect.as_ref().map(|suspect| suspect.index);
        let wants = |index: usize| self.ruled[index].is_none() && suspect != Some(index);
        let open = scenes.iter().enumerate().filter(|(index, _)| wants(*index));
        let mut members = Vec::new();
        for (index, scene) in open {
            if let Ok((bench, tree)) = scene.work() {
                let message = commit_message(scene)?;
                members.push(Member { index, scene, bench, tree, message });
            }
        }
        Ok(members)
    }

    async fn land(
        &mut self,
        base: &Commit,
        line: &Line,
        tip: &Commit,
        flaky: bool,
    ) -> Result<Round> {
        let lost = line.links.iter().filter(|link| !(self.ours)(&self.scenes[link.index]));
        let lost: Vec<usize> = lost.map(|link| link.index).collect();
        if !lost.is_empty() {
            for index in lost {
                self.ruled[index] = Some(Ruled::plain(Check::could_not_run(
                    "its claim was lost while the union was tested",
                    "nothing: somebody else decides about it",
                )));
            }
            return Ok(Round::Dropped);
        }
        let order = |link: &Link| (self.scenes[link.index].order.clone(), link.commit.clone());
        let landing: Vec<(OrderId, Commit)> = line.links.iter().map(order).collect();
        match self.tools.workspace.land(base, &landing).await? {
            Landed::BaseMoved => return Ok(Round::BaseMoved),
            Landed::Done => {}
        }
        // The tip is the next base: whoever comes next need not test it again. A cache that can't be written costs a run.
        let tests = self.trials.on(&tip.tree).last().and_then(|run| run.tests.as_ref());
        let weaker = weaker(tests);
        drop(baseline::remember(self.tools, &tip.tree, &Outcome::Passed, tests));
        for (nth, link) in line.links.iter().enumerate() {
            let others = landing.iter().enumerate().filter(|(other, _)| *other != nth);
            let others: Vec<&str> = others.map(|(_, (id, _))| id.as_str()).collect();
            let company = match others.as_slice() {
                [] => String::new(),
                others => format!(" with {}", some(others)),
            };
            let again = if flaky { ", the second time (they failed once)" } else { "" };
            let check = Check::pass(format!(
                "landed as {} on {}{company}; the tests pass on all of it{again}{weaker}",
                short(&link.commit.commit),
                short(&base.commit)
            ));
            let runs = self.trials.on(&tip.tree).to_vec();
            let landed = Some(link.commit.commit.clone());
            self.ruled[link.index] = Some(Ruled { runs, landed, ..Ruled::plain(check) });
        }
        self.rule_others(line, tip).await?;
        Ok(Round::Over)
    }

    /// Rules upon those whose landing a crash kept from being told. Found by their commits: what landed on top of them
    /// since may have changed the same lines, and they must not be put there once more.
    async fn find_landed(&mut self, base: &Commit) -> Result<()> {
        for member in self.members()? {
            let Member { index, scene, bench, tree, .. } = member;
            let landed = self.tools.workspace.landed(&scene.order, &bench.base, tree, base);
            if let Some(commit) = landed.await? {
                let as_what = format!(": it landed as {}", short(&commit.commit));
                let there = self.present(base, &as_what).await?;
                self.ruled[index] =
                    Some(Ruled { landed: Some(commit.commit), held_by: None, ..there });
            }
        }
        Ok(())
    }

    /// The outcome of an order whose change `base` holds: a pass, if the tests pass there.
    async fn present(&self, base: &Commit, as_what: &str) -> Result<Ruled> {
        let known = baseline(self.tools, base, self.stop).await?;
        let (short, shown) = (short(&base.commit), known.shown());
        let pass =
            || Check::pass(format!("the base {short} holds this work already{as_what}; {shown}"));
        let check = known.in_the_way().unwrap_or_else(pass);
        let held_by = Some(base.commit.clone());
        Ok(Ruled { runs: known.runs, held_by, ..Ruled::plain(check) })
    }

    /// Rules upon those that the line does not hold; `base` is its tip, or what it would have stood on.
    async fn rule_others(&mut self, line: &Line, base: &Commit) -> Result<()> {
        for &index in &line.present {
            self.ruled[index] = Some(self.present(base, "").await?);
        }
        for (index, error) in &line.unable {
            self.ruled[*index] = Some(Ruled::plain(unable(error)));
        }
        for met in &line.met {
            let ruled = Ruled::plain(conflict(met));
            self.ruled[met.index] = Some(Ruled { rework: true, ..ruled });
        }
        Ok(())
    }

    /// Puts the first order under suspicion with which the line fails, if it is one of theirs and not the base.
    async fn suspect(&mut self, base: &Commit, line: &Line) -> Result<Round> {
        let known = baseline(self.tools, base, self.stop).await?;
        if let Some(answer) = known.in_the_way() {
            self.rule_rest(&answer);
            return Ok(Round::Over);
        }
        let all = &self.wanted;
        let narrowed = narrow(&mut self.trials, base, &line.links, |links| wanted_of(all, links));
        match narrowed.await? {
            Narrowed::To(suspect) => self.suspect = Some(*suspect),
            Narrowed::Unable(answer) => {
                self.rule_rest(&answer);
                return Ok(Round::Over);
            }
        }
        // From here on a failure is looked at again where it points at somebody, not where it is first seen.
        self.care = Care::Once;
        Ok(Round::Dropped)
    }

    /// What becomes of a suspect, once the rest was tested without it: blamed, or back on the line. `None`: go on with the rest.
    async fn judge(
        &mut self,
        base: &Commit,
        suspect: Culprit,
        rest: &Line,
    ) -> Result<Option<Round>> {
        let wanted = self.wanted(&rest.links);
        if !suspect.is_sure(&self.trials, rest.tip(), &wanted) {
            let Culprit { commit, wanted, .. } = &suspect;
            match self.trials.of(base, commit, wanted, Care::Twice).await? {
                Trial::Red => {}
                // It was a flake, and blames nobody.
                Trial::Green(_) => return Ok(Some(Round::Dropped)),
                Trial::Unable(answer) => {
                    self.rule_rest(&answer);
                    return Ok(Some(Round::Over));
                }
            }
        }
        let before: Vec<&Scene> = suspect.before.iter().map(|&index| &self.scenes[index]).collect();
        let why = self.trials.why(&suspect.commit.tree, &suspect.wanted).unwrap_or_default();
        let brought = |index: &&usize| {
            self.wanted[**index].iter().any(|one| one.ids.iter().any(|id| why.contains(id)))
        };
        let owners = suspect.before.iter().filter(brought).map(|&index| &self.scenes[index]);
        let owners: Vec<&Scene> = owners.collect();
        let (check, runs) = suspect.blamed(&self.trials, base, &before, &owners);
        self.ruled[suspect.index] = Some(Ruled { runs, rework: true, ..Ruled::plain(check) });
        Ok(None)
    }

    /// Gives everybody who has no outcome yet this one.
    fn rule_rest(&mut self, check: &Check) {
        for ruled in self.ruled.iter_mut().filter(|ruled| ruled.is_none()) {
            *ruled = Some(Ruled::plain(check.clone()));
        }
    }

    /// Puts the worktrees of those who go back onto the base as it is now, and tells them so.
    async fn send_back(&mut self) {
        for (scene, ruled) in self.scenes.iter().zip(&mut self.ruled) {
            let Some(ruled) = ruled.as_mut().filter(|ruled| ruled.rework) else { continue };
            let told = match rebased(self.tools, scene).await {
                Ok((told, proof)) => {
                    ruled.proof = proof;
                    told
                }
                Err(error) => format!("Its worktree could not be put onto the fresh base: {error}"),
            };
            if let Check::Fail { findings, .. } = &mut ruled.check {
                findings.push_str(&format!("\n{told}\n"));
            }
        }
    }
}

/// The tests that must pass on a line of these links; `all` has those of each scene.
fn wanted_of(all: &[Option<Wanted>], links: &[Link]) -> Vec<Wanted> {
    links.iter().filter_map(|link| all[link.index].clone()).collect()
}

/// Puts an order's worktree onto the fresh base. Says what it finds there, and the proof of its frozen files.
async fn rebased(tools: &Tools, scene: &Scene) -> Result<(String, Option<String>)> {
    let Ok((bench, tree)) = scene.work() else { return Ok((String::new(), None)) };
    let workspace = &tools.workspace;
    let fresh = workspace.base().await?;
    if fresh == bench.base {
        return Ok(("Its worktree stands on the fresh base already.".to_owned(), None));
    }
    let (tree, met) = match workspace.compose(&fresh, &bench.base, tree, "rework").await? {
        Composed::Clean(commit) => (commit.tree, Vec::new()),
        Composed::Conflict { files, tree } => (tree, files),
    };
    let remembered = match &scene.frozen {
        Some(proof) => Frozen::load(&scene.papers, proof)?.ok(),
        None => None,
    };
    workspace.restart(&scene.order, scene.generation, &fresh, &tree).await?;
    let mut told = format!("The worktree now stands on the fresh base {}.", short(&fresh.commit));
    if !met.is_empty() {
        told.push_str(&format!(
            " These files hold conflict markers there; bring both sides together:\n\n{}",
            bullets(&met)
        ));
    }
    // The frozen tests have moved with it, by our own hand: what they are now is what is frozen.
    let proof = match remembered {
        Some(frozen) => {
            Some(frozen.moved(workspace, &fresh, &tree, &met).await?.write(&scene.papers)?)
        }
        None => None,
    };
    Ok((told, proof))
}

fn conflict(met: &Met) -> Check {
    let files = &met.files;
    let with = match met.with.as_slice() {
        [] => "what landed on the base meanwhile".to_owned(),
        orders => format!("the order {}", some(orders)),
    };
    Check::fail_with(
        format!("conflicts with {with} in {}", some(files)),
        format!("The change and {with} changed the same lines of:\n\n{}", bullets(files)),
    )
}

/// The tests that an order brought, as RED and GREEN named them, but for those in files that may change or were merged by hand. The inner error is
/// its outcome when that can't be told.
fn wanted(scene: &Scene) -> Result<Result<Option<Wanted>, Check>> {
    let Some(proof) = &scene.frozen else { return Ok(Ok(None)) };
    let frozen = match Frozen::load(&scene.papers, proof)? {
        Ok(frozen) => frozen,
        Err(why) => return Ok(Err(Check::fail(format!("the record of frozen tests {why}")))),
    };
    let allowance = match Allowance::of(&scene.request) {
        Ok(allowance) => allowance,
        Err(answer) => return Ok(Err(answer)),
    };
    let files = frozen.files.iter().map(|file| &file.path).filter(|path| allowance.covers(path));
    let loose: Vec<&String> = files.chain(&frozen.thawed).collect();
    let mut ids: BTreeSet<TestId> = frozen.new.iter().cloned().collect();
    ids.extend(named_by_green(scene)?);
    ids.retain(|id| !loose.iter().any(|path| stands_in(id, path)));
    Ok(Ok(Some(Wanted { adapter: frozen.adapter, ids: ids.into_iter().collect() })))
}

/// The new tests that GREEN saw pass on this very tree: those of a file that could not be built or loaded at RED had no names then.
fn named_by_green(scene: &Scene) -> Result<Vec<TestId>> {
    let lines = record(&scene.papers)?;
    let last = lines.into_iter().rev().find(|line| line.gate == "green");
    let last = last.filter(|line| line.outcome == "pass" && line.tree == scene.tree);
    Ok(last.and_then(|line| line.new).map_or_else(Vec::new, |names| names.ids))
}

fn commit_message(scene: &Scene) -> Result<String> {
    let written = match papers::look(&scene.papers, MESSAGE, MESSAGE_LIMIT_BYTES)? {
        Paper::Plain { bytes, .. } => String::from_utf8_lossy(&bytes).into_owned(),
        // The title will do: a message that can't be read is not worth another session.
        Paper::Missing | Paper::Unfit(_) => String::new(),
    };
    Ok(message(&written, &scene.request.title, &scene.order))
}
