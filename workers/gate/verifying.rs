//! One order under verification: what was found so far, gate by gate.

use std::collections::BTreeSet;

use super::allowance::Allowance;
use super::baseline::{self, Known};
use super::environment;
use super::findings::{counted, short, some};
use super::frozen::Frozen;
use super::papers::{self, Paper};
use super::record::{self, Basis, RecordLine};
use super::run::{self, Outcome, Place, Run, Setting};
use super::scene::Tools;
use super::showing::{self, NotShown};
use super::verify::{Again, Agreement, Recorded};
use crate::error::Result;
use crate::report::{TestId, TestOutcome};
use crate::stop::Stop;
use crate::workspace::Commit;

const TRANSCRIPT_LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// A gate's answer when it is not "agree".
type Not = (Agreement, String);

pub(super) struct Verifying<'a> {
    tools: &'a Tools,
    recorded: &'a Recorded,
    stop: &'a Stop,
    lines: Vec<RecordLine>,
    frozen: Result<Frozen, String>,
    base: Option<Commit>,
    known: Option<Known>,
    /// The tests that the order brings, as GREEN saw them again.
    new: Vec<TestId>,
}

impl<'a> Verifying<'a> {
    pub(super) fn new(tools: &'a Tools, recorded: &'a Recorded, stop: &'a Stop) -> Result<Self> {
        let lines = record::record(&recorded.papers)?;
        let frozen = match &recorded.frozen {
            Some(proof) => Frozen::load(&recorded.papers, proof)?,
            None => Err("is not there: the journal remembers none".to_owned()),
        };
        let frozen = frozen.map_err(|why| format!("the list of frozen tests {why}"));
        let (base, known, new) = (None, None, Vec::new());
        Ok(Self { tools, recorded, stop, lines, frozen, base, known, new })
    }

    pub(super) async fn look(&mut self, gate: &'static str) -> Result<Again> {
        let looked = match gate {
            "baseline" => self.baseline().await?,
            "red" => self.red().await?,
            "green" => self.green().await?,
            _ => self.union().await?,
        };
        Ok(match looked {
            Ok(line) => Again::new(gate, Agreement::Agree, line),
            Err((outcome, line)) => Again::new(gate, outcome, line),
        })
    }

    /// The last line of a gate, which says "pass" and does not contradict itself, its transcripts, or this configuration.
    fn line(&self, gate: &str, deciding: &str, passes: bool) -> Result<&RecordLine, Not> {
        let line = self.lines.iter().rev().find(|line| line.gate == gate);
        let Some(line) = line else {
            return Err(unknown(format!("the record has no line of the gate {gate}")));
        };
        if line.order != self.recorded.order.as_str() {
            return Err(other(format!("the record's line is of the order {}", line.order)));
        }
        if line.outcome != "pass" {
            return Err(other(format!("the record says {}: {}", line.outcome, line.line)));
        }
        let ours: Vec<_> = line.runs.iter().filter(|run| run.place == deciding).collect();
        let exits_well = |exit: Option<i32>| exit == Some(0);
        let fits = match gate {
            "union" => line.runs.last().is_none_or(|run| exits_well(run.exit)),
            _ => ours.len() >= 2 && ours.iter().all(|run| exits_well(run.exit) == passes),
        };
        if line.v >= record::VERSION && !fits {
            let ended = line.ended.as_deref().unwrap_or("nothing was run");
            return Err(other(format!("the record says pass, and its own runs do not: {ended}")));
        }
        for run in &line.runs {
            self.transcript(run)?;
            if run.argv != self.tools.config.project.test.command {
                let was = run.argv.join(" ");
                return Err(unknown(format!(
                    "it was tested by `{was}`, and shopfloor.toml names another command now"
                )));
            }
        }
        if gate != "union" && ours.iter().any(|run| Some(&run.tree) != line.tree.as_ref()) {
            return Err(other("the record's tree is not the one its runs were made on".to_owned()));
        }
        Ok(line)
    }

    /// A transcript is there and says of its run what the record says.
    fn transcript(&self, run: &record::RecordRun) -> Result<(), Not> {
        let name = &run.transcript;
        let found = papers::look(&self.recorded.papers, name, TRANSCRIPT_LIMIT_BYTES);
        let Ok(Paper::Plain { bytes, .. }) = found else {
            return Err(other(format!("the transcript {name} is not there")));
        };
        let text = String::from_utf8_lossy(&bytes);
        let says = |field: &str| {
            let head = text.lines().take_while(|line| !line.is_empty());
            head.filter_map(|line| line.split_once(": "))
                .find(|(name, _)| *name == field)
                .map(|(_, value)| value.to_owned())
        };
        for (field, value) in [("ended", &run.ended), ("tree", &run.tree)] {
            if says(field).as_ref() != Some(value) {
                return Err(other(format!("the record and the transcript {name} differ: {field}")));
            }
        }
        Ok(())
    }

    fn frozen(&self) -> Result<&Frozen, Not> {
        self.frozen.as_ref().map_err(|why| other(why.clone()))
    }

    fn known(&self) -> Result<(&Known, &Commit), Not> {
        let both = self.known.as_ref().zip(self.base.as_ref());
        both.ok_or_else(|| unknown("the base could not be tested again".to_owned()))
    }

    async fn baseline(&mut self) -> Result<Result<String, Not>> {
        let named = match self.frozen() {
            Ok(frozen) => Some(frozen.base.clone()),
            // Somebody changed the list: the rest can still be looked at.
            Err(_) => self
                .lines
                .iter()
                .rev()
                .find(|line| line.gate == "green")
                .and_then(|l| l.base.clone()),
        };
        let Some(named) = named else {
            return Ok(Err(unknown("the record names no base".to_owned())));
        };
        let Some(base) = self.tools.workspace.commit(&named).await? else {
            return Ok(Err(unknown(format!(
                "the base {} is not in the repository",
                short(&named)
            ))));
        };
        let known = baseline::afresh(self.tools, &base, "verify-base", self.stop).await?;
        let answer = match &known.outcome {
            Outcome::Passed | Outcome::NoTests => Ok(known.shown()),
            Outcome::Failed => Err(other(format!("the base {} fails", short(&named)))),
            outcome => Err(no_answer(outcome)),
        };
        if answer.is_ok() {
            (self.base, self.known) = (Some(base), Some(known));
        }
        Ok(answer)
    }

    /// Runs the tests on a commit; `twice`: two runs as long as the first is as `wanted`.
    async fn runs(
        &self,
        name: &str,
        commit: &Commit,
        times: usize,
    ) -> Result<Result<Vec<Run>, Not>> {
        let known = match self.known() {
            Ok((known, _)) => known,
            Err(not) => return Ok(Err(not)),
        };
        let folder = self.tools.workspace.checkout(name, &commit.commit).await?;
        let (sha, tree) = (Some(commit.commit.clone()), commit.tree.clone());
        let place = Place { kind: "verify", folder, commit: sha, tree };
        let setting = Setting::tests(self.tools).read_by(known.adapter());
        let mut runs = Vec::new();
        for _ in 0..times {
            let run = run::run(self.tools, &setting, place.clone(), self.stop).await;
            if run.outcome.unable().is_some() {
                return Ok(Err(no_answer(&run.outcome)));
            }
            runs.push(run);
        }
        Ok(Ok(runs))
    }

    async fn red(&mut self) -> Result<Result<String, Not>> {
        let (line, frozen, known, base) = match self.grounds("red", false) {
            Ok(grounds) => grounds,
            Err(not) => return Ok(Err(not)),
        };
        let moved = line.base.as_ref() != Some(&base.commit);
        if !moved && line.proof != self.recorded.frozen {
            return Ok(Err(other(
                "the record's list of frozen tests is not the journal's".to_owned(),
            )));
        }
        let workspace = &self.tools.workspace;
        // A list that was moved onto a newer base stands in a tree that may be collected by now; then the landed commit has them.
        let landed = workspace.branch_of(&self.recorded.order).await?.map(|landed| landed.tree);
        let mut from = None;
        for tree in [Some(frozen.tree.clone()), landed].into_iter().flatten() {
            let broken = frozen.broken(workspace, &tree).await;
            if broken.is_ok_and(|broken| broken.is_empty()) {
                from = Some(tree);
                break;
            }
        }
        let Some(from) = from else {
            return Ok(Err(other(
                "the repository has the frozen tests nowhere as they were recorded".to_owned(),
            )));
        };
        let paths: Vec<String> = frozen.files.iter().map(|file| file.path.clone()).collect();
        let commit = workspace.graft(base, &from, &paths).await?;
        if !moved && line.tree.as_ref() != Some(&commit.tree) {
            return Ok(Err(other(
                "the recorded tree is not the base with the frozen tests".to_owned(),
            )));
        }
        let runs = match self.runs("verify-red", &commit, 2).await? {
            Ok(runs) => runs,
            Err(not) => return Ok(Err(not)),
        };
        let allowed = self.allowed(&paths);
        let shown = match showing::red(known, &paths, &allowed, &runs) {
            Ok(shown) => shown,
            Err(NotShown { check, .. }) => return Ok(Err(other(check.line().to_owned()))),
        };
        let basis = frozen.basis.unwrap_or(Basis::ExitCode);
        let named = |new: &[TestId]| new.iter().cloned().collect::<BTreeSet<_>>();
        let same = shown.basis == basis
            && (named(&shown.new) == named(&frozen.new) || !frozen.thawed.is_empty());
        if !same || self.other_names(line, &frozen.new) {
            let found = showing::told(&shown.new);
            return Ok(Err(other(format!("the new tests are not those of the record: {found}"))));
        }
        let what = match shown.basis {
            Basis::Named => format!("{} fail on the base, twice", showing::told(&shown.new)),
            basis => {
                format!("the tests fail on the base, twice ({})", basis.label().unwrap_or("named"))
            }
        };
        let files = counted(paths.len(), "frozen file");
        Ok(Ok(format!("{what}; {files} as recorded{}", self.environment(line))))
    }

    async fn green(&mut self) -> Result<Result<String, Not>> {
        let (line, frozen, known, base) = match self.grounds("green", true) {
            Ok(grounds) => grounds,
            Err(not) => return Ok(Err(not)),
        };
        let Some(tree) = line.tree.clone() else {
            return Ok(Err(unknown("the record names no tree".to_owned())));
        };
        if self.recorded.approved.as_ref().is_some_and(|approved| *approved != tree) {
            return Ok(Err(other(
                "the recorded tree is not the one that the journal approved".to_owned(),
            )));
        }
        if line.base.as_ref() != Some(&base.commit) {
            return Ok(Err(other(
                "the recorded base is not the one of the frozen tests".to_owned(),
            )));
        }
        let snapshots = self.tools.workspace.snapshots(&self.recorded.order).await?;
        if !snapshots.iter().any(|snapshot| snapshot.tree == tree) {
            return Ok(Err(unknown(format!(
                "no snapshot of the order has the tree {}",
                short(&tree)
            ))));
        }
        let paths: Vec<String> = frozen.files.iter().map(|file| file.path.clone()).collect();
        let mut allowed = self.allowed(&paths);
        if let Some(not) = self.touched(frozen, &tree).await? {
            return Ok(Err(not));
        }
        allowed.extend(frozen.thawed.iter().cloned());
        let commit = self.tools.workspace.commit_tree(&tree, &base.commit, "verify").await?;
        let runs = match self.runs("verify-green", &commit, 2).await? {
            Ok(runs) => runs,
            Err(not) => return Ok(Err(not)),
        };
        if let Some(run) = runs.iter().find(|run| run.outcome != Outcome::Passed) {
            return Ok(Err(other(format!("the tests fail on the recorded tree: {}", run.ended))));
        }
        let basis = frozen.basis.unwrap_or(Basis::ExitCode);
        if basis == Basis::ExitCode {
            let note = self.environment(line);
            return Ok(Ok(format!("the tests pass, twice (weaker proof: exit code only){note}")));
        }
        let new = match showing::green(known, basis, &frozen.new, &paths, &allowed, &runs) {
            Ok(new) => new,
            Err(NotShown { check, .. }) => return Ok(Err(other(check.line().to_owned()))),
        };
        if self.other_names(line, &new) {
            let found = showing::told(&new);
            return Ok(Err(other(format!("the new tests are not those of the record: {found}"))));
        }
        let note = self.environment(line);
        let told = format!("the tests pass, twice; {} among them{note}", showing::told(&new));
        self.new = new;
        Ok(Ok(told))
    }

    async fn union(&mut self) -> Result<Result<String, Not>> {
        let (line, frozen) =
            match self.line("union", "union", true).and_then(|line| Ok((line, self.frozen()?))) {
                Ok(both) => both,
                Err(not) => return Ok(Err(not)),
            };
        let (workspace, order) = (&self.tools.workspace, &self.recorded.order);
        let Some(landed) = workspace.branch_of(order).await? else {
            return Ok(Err(other(format!("there is no branch shopfloor/{order}"))));
        };
        let name = short(&landed.commit);
        let recorded = line.line.split_once("landed as ").map(|(_, rest)| rest);
        let recorded = recorded.and_then(|rest| rest.split([' ', ';', ',']).next());
        if recorded.is_some_and(|recorded| recorded != name) {
            let recorded = recorded.unwrap_or_default();
            return Ok(Err(other(format!(
                "it landed as {recorded}, and its branch is at {name} now"
            ))));
        }
        if !workspace.is_landed(&landed.commit).await? {
            return Ok(Err(other(format!(
                "{name} is neither on shopfloor/ready nor on the base branch"
            ))));
        }
        let message = workspace.message_of(&landed.commit).await?;
        if message.trim_end().lines().next_back() != Some(&format!("Order: {order}")) {
            return Ok(Err(other(format!("the message of {name} does not end with its order"))));
        }
        if let Some(not) = self.touched(frozen, &landed.tree).await? {
            return Ok(Err(not));
        }
        if let Some(not) = self.another_change(&landed).await? {
            return Ok(Err(not));
        }
        let mut runs = match self.runs("verify-union", &landed, 1).await? {
            Ok(runs) => runs,
            Err(not) => return Ok(Err(not)),
        };
        if runs.iter().all(|run| run.outcome == Outcome::Failed) {
            runs = match self.runs("verify-union", &landed, 1).await? {
                Ok(runs) => runs,
                Err(not) => return Ok(Err(not)),
            };
        }
        let Some(run) = runs.iter().find(|run| run.outcome == Outcome::Passed) else {
            return Ok(Err(other(format!("the tests fail on {name}, twice"))));
        };
        let passed = |id: &&TestId| {
            let tests = run.tests.as_ref();
            tests.is_some_and(|run| run.tests.get(id) == Some(&TestOutcome::Passed))
        };
        let missing: Vec<&str> =
            self.new.iter().filter(|id| !passed(id)).map(TestId::as_str).collect();
        if !missing.is_empty() {
            return Ok(Err(other(format!("new tests do not pass on {name}: {}", some(&missing)))));
        }
        let note = self.environment(line);
        Ok(Ok(format!("{name} is the order's change, landed, and the tests pass on it{note}")))
    }

    /// What landed must be the very change that GREEN passed on.
    async fn another_change(&self, landed: &Commit) -> Result<Option<Not>> {
        let (workspace, order) = (&self.tools.workspace, &self.recorded.order);
        let name = short(&landed.commit);
        if let Some(green) = self.lines.iter().rev().find(|line| line.gate == "green")
            && let (Some(base), Some(tree)) = (&green.base, &green.tree)
            && let Some(base) = workspace.commit(base).await?
            && workspace.landed(order, &base, tree, landed).await?.is_none()
        {
            return Ok(Some(other(format!("{name} is not the change that GREEN passed on"))));
        }
        Ok(None)
    }

    fn grounds(
        &self,
        gate: &str,
        passes: bool,
    ) -> Result<(&RecordLine, &Frozen, &Known, &Commit), Not> {
        let line = self.line(gate, "worktree", passes)?;
        let frozen = self.frozen()?;
        let (known, base) = self.known()?;
        Ok((line, frozen, known, base))
    }

    /// The frozen files that are not in `tree` as recorded and may not be otherwise.
    async fn touched(&self, frozen: &Frozen, tree: &str) -> Result<Option<Not>> {
        let broken = frozen.broken(&self.tools.workspace, tree).await?;
        let paths: Vec<String> = broken.iter().map(|broken| broken.path.clone()).collect();
        let allowed = self.allowed(&paths);
        let broken = broken.iter().filter(|broken| !allowed.contains(&broken.path));
        // Others may have landed changes to the same files in other lines: the hash is of what RED saw.
        let lines: Vec<String> =
            broken.map(|broken| format!("{} {}", broken.path, broken.what)).collect();
        Ok((!lines.is_empty())
            .then(|| other(format!("frozen tests are not as recorded: {}", some(&lines)))))
    }

    fn allowed(&self, paths: &[String]) -> Vec<String> {
        let allowance = Allowance::of(&self.recorded.request).ok();
        let covers = |path: &&String| allowance.as_ref().is_some_and(|all| all.covers(path));
        paths.iter().filter(covers).cloned().collect()
    }

    /// True when the line names other new tests, as far as it names any.
    fn other_names(&self, line: &RecordLine, new: &[TestId]) -> bool {
        let Some(names) = &line.new else { return !new.is_empty() && line.v >= record::VERSION };
        names.total != new.len() || names.ids.iter().any(|id| !new.contains(id))
    }

    /// A remark when variables or the machine are others than then.
    fn environment(&self, line: &RecordLine) -> &'static str {
        let now = environment::of_tests(&self.tools.config);
        match &line.environment {
            Some(then) if *then != now => " (in another environment than recorded)",
            _ => "",
        }
    }
}

fn other(line: String) -> Not {
    (Agreement::Disagree, line)
}

fn unknown(line: String) -> Not {
    (Agreement::CouldNotRun, line)
}

fn no_answer(outcome: &Outcome) -> Not {
    unknown(outcome.unable().map_or_else(String::new, |check| check.line().to_owned()))
}
