//! The way of one order through all gates, with moments at which something is done to it.

use std::fmt;
use std::time::{Duration, SystemTime};

use shopfloor::check::GateReport;
use shopfloor::gate::Scene;
use shopfloor::stage::Gate;
use shopfloor::stop::Stop;
use shopfloor::verdict::Verdict;

use super::worlds::{World, honest, house, look};
use crate::gates::{House, Job, git, write};

/// When something is done: after the honest work of that stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Spec,
    Tests,
    Code,
    Playtest,
    Commit,
}

/// What is done to an order.
pub(super) type Trick = fn(&mut Road);

/// A cheat and its honest twin.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    pub(super) name: &'static str,
    at: Moment,
    /// The gate that must catch it, and a part of its line.
    pub(super) by: &'static str,
    pub(super) why: &'static str,
    cheat: Trick,
    twin: Trick,
    /// What both do later on.
    later: Option<(Moment, Trick, Trick)>,
    /// Commits to the base before the order begins.
    base: fn(&House),
    /// The test command, where it is not the world's.
    pub(super) command: &'static [&'static str],
    pub(super) world: World,
    pub(super) limit: Duration,
    /// True when the honest order beta lands in the same batch, before this one.
    company: bool,
}

/// Which of a pair walks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Cheat,
    Twin,
}

pub(super) const fn pair(
    name: &'static str,
    at: Moment,
    (by, why): (&'static str, &'static str),
    cheat: Trick,
    twin: Trick,
) -> Pair {
    let (world, limit) = (World::Shell, Duration::from_secs(60));
    let base: fn(&House) = |_| {};
    let (later, command, company) = (None, &[], false);
    Pair { name, at, by, why, cheat, twin, later, base, command, world, limit, company }
}

/// One that REVIEW must catch.
pub(super) const fn review(
    name: &'static str,
    why: &'static str,
    cheat: Trick,
    twin: Trick,
) -> Pair {
    pair(name, Moment::Code, ("review", why), cheat, twin)
}

/// One of those who write code that GREEN must catch.
pub(super) const fn green(
    name: &'static str,
    why: &'static str,
    cheat: Trick,
    twin: Trick,
) -> Pair {
    pair(name, Moment::Code, ("green", why), cheat, twin)
}

/// One of those who write tests that RED must catch.
pub(super) const fn red(name: &'static str, why: &'static str, cheat: Trick, twin: Trick) -> Pair {
    pair(name, Moment::Tests, ("red", why), cheat, twin)
}

impl Pair {
    pub(super) const fn base(self, base: fn(&House)) -> Self {
        Self { base, ..self }
    }

    pub(super) const fn limit(self, secs: u64) -> Self {
        Self { limit: Duration::from_secs(secs), ..self }
    }

    pub(super) const fn command(self, command: &'static [&'static str]) -> Self {
        Self { command, ..self }
    }

    pub(super) const fn company(self) -> Self {
        Self { company: true, ..self }
    }

    pub(super) const fn within(self, world: World) -> Self {
        Self { world, ..self }
    }

    /// What the cheat and the twin do at a later moment.
    pub(super) const fn then(self, at: Moment, cheat: Trick, twin: Trick) -> Self {
        Self { later: Some((at, cheat, twin)), ..self }
    }

    fn trick(&self, who: Who, moment: Moment) -> Option<Trick> {
        let of = |cheat, twin| if who == Who::Cheat { cheat } else { twin };
        match self.later {
            _ if self.at == moment => Some(of(self.cheat, self.twin)),
            Some((at, cheat, twin)) if at == moment => Some(of(cheat, twin)),
            _ => None,
        }
    }
}

/// An order under way.
pub(super) struct Road {
    pub(super) house: House,
    pub(super) job: Job,
    /// What the playtester names and says.
    pub(super) artifacts: Vec<&'static str>,
    /// Unset: the playtester tries another number, and says what it saw.
    pub(super) verdict: Option<Verdict>,
}

impl Road {
    pub(super) fn file(&self, path: &str) -> std::path::PathBuf {
        self.job.bench.path.join(path)
    }

    pub(super) fn remove(&self, path: &str) {
        std::fs::remove_file(self.file(path)).unwrap();
    }

    pub(super) fn link(&self, target: &str, path: &str) {
        drop(std::fs::remove_file(self.file(path)));
        std::os::unix::fs::symlink(target, self.file(path)).unwrap();
    }

    pub(super) fn work(&self, path: &str, text: &str) {
        self.job.work(path, text);
    }

    /// Puts text at the end of a file.
    pub(super) fn append(&self, path: &str, text: &str) {
        let before = std::fs::read_to_string(self.file(path)).unwrap();
        self.work(path, &format!("{before}{text}"));
    }

    /// Puts other text in the place of a part of a file, which must be there.
    pub(super) fn replace(&self, path: &str, from: &str, to: &str) {
        let before = std::fs::read_to_string(self.file(path)).unwrap();
        assert!(before.contains(from), "{path} has no {from:?}: {before}");
        self.work(path, &before.replace(from, to));
    }

    /// A person names a file in order.json.
    pub(super) fn person(&mut self, path: &str) {
        self.job.request.files.push(path.to_owned());
    }

    /// A person lets an old test change.
    pub(super) fn may_change(&mut self, pattern: &str) {
        let value = serde_json::json!([pattern]);
        self.job.request.more.insert("tests_may_change".to_owned(), value);
    }

    pub(super) fn git(&self, args: &[&str]) -> String {
        git(&self.job.bench.path, args)
    }

    pub(super) fn desk(&self, name: &str, text: &str) {
        write(&self.job.desk.join(name), text);
    }
}

/// Where a way ended.
#[derive(Debug)]
pub(super) struct End {
    gate: &'static str,
    word: &'static str,
    line: String,
}

impl End {
    pub(super) fn landed(&self) -> bool {
        self.gate == "union" && self.word == "pass"
    }

    pub(super) fn fits(&self, gate: &str, part: &str) -> bool {
        self.gate == gate && self.line.contains(part)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.landed() {
            return f.write_str("LANDED");
        }
        let line: String = self.line.chars().take(110).collect();
        write!(f, "{} ({}): {}", self.gate, self.word, line.replace(['|', '\n'], " "))
    }
}

const GATES: [(Moment, Gate, &str); 6] = [
    (Moment::Spec, Gate::Spec, "spec"),
    (Moment::Tests, Gate::Red, "red"),
    (Moment::Code, Gate::Green, "green"),
    (Moment::Code, Gate::Policy, "review"),
    (Moment::Playtest, Gate::Playtest, "playtest"),
    (Moment::Commit, Gate::Union, "union"),
];

/// Walks an order of the pair from its spec to the union, or to the gate that does not let it through.
pub(super) async fn walk(pair: &Pair, who: Who) -> End {
    let house = house(pair).await;
    (pair.base)(&house);
    let beta = if pair.company { Some(house.built("beta").await) } else { None };
    let job = house.order("alpha").await;
    let mut road = Road { house, job, artifacts: vec!["output.txt"], verdict: None };
    let mut last: Option<(Moment, Scene)> = None;
    for (moment, gate, name) in GATES {
        let mut scene = match last {
            // Nobody worked since the gate before, and that one passed: the tree is the same.
            Some((same, scene)) if same == moment => scene,
            _ => {
                honest(&mut road, moment, pair.world);
                if let Some(trick) = pair.trick(who, moment) {
                    trick(&mut road);
                }
                let mut scene = road.house.scene(&road.job).await;
                if let Some((_, before)) = last
                    && matches!(moment, Moment::Playtest | Moment::Commit)
                {
                    scene.tree_before = before.tree;
                }
                scene
            }
        };
        scene.code_changed = Some(SystemTime::now() - Duration::from_secs(60));
        last = Some((moment, scene.clone()));
        let mut sent_back = false;
        if moment == Moment::Playtest {
            let verdict = road.verdict.unwrap_or_else(|| look(&road, pair.world));
            sent_back = verdict != Verdict::Done;
            scene.testimony = Some(road.job.says(verdict, &road.artifacts));
        }
        let report: GateReport = match (&beta, gate) {
            (Some(beta), Gate::Union) => {
                let scenes = [road.house.scene(beta).await, scene];
                let mut reports = road.house.gates.union(&scenes, &Stop::new()).await;
                assert!(reports[0].check.passed(), "beta does not land: {:?}", reports[0]);
                reports.remove(1)
            }
            _ => road.house.gates.check(gate, &scene, &Stop::new()).await,
        };
        let end =
            End { gate: name, word: report.check.word(), line: report.check.line().to_owned() };
        if !report.check.passed() || sent_back || gate == Gate::Union {
            return end;
        }
        if gate == Gate::Red {
            road.job.frozen = report.proof;
        }
    }
    unreachable!("the union is the last gate")
}
