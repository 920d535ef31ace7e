//! Stories of gates on a real repository: what honest work gets, and what every cheat or mistake gets.

mod faults;
mod named;
mod orders;
mod review;
mod unions;
pub(crate) mod culprits;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use shopfloor::check::{Check, GateReport};
use shopfloor::config::{Config, GateConfig};
use shopfloor::floor::Floor;
use shopfloor::gate::{Gates, Scene};
use shopfloor::order::{OrderId, Request};
use shopfloor::stage::Gate;
use shopfloor::stop::Stop;
use shopfloor::verdict::{Testimony, Verdict};
use shopfloor::workspace::{Bench, Workspace};

/// Runs every `tests/*.sh` and says how many there were, in words that are understood.
pub(crate) const RUNNER: &str = r#"count=0; status=0
for test in tests/*.sh; do
    [ -e "$test" ] || continue
    count=$((count + 1))
    if sh "$test"; then echo "ok $test"; else echo "not ok $test"; status=1; fi
done
echo "Ran $count tests in 0.0s"
exit $status
"#;

/// A project with one passing test, and gates that look at it.
pub(crate) struct House {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) workspace: Workspace,
    pub(crate) gates: Gates,
}

/// One order under way.
pub(crate) struct Job {
    pub(crate) id: OrderId,
    pub(crate) generation: u64,
    pub(crate) papers: PathBuf,
    pub(crate) desk: PathBuf,
    pub(crate) bench: Bench,
    pub(crate) frozen: Option<String>,
    pub(crate) request: Request,
}

/// Marks what gates start. Of this process alone: a gate ends what bears its mark, and other test runs must not bear it.
fn cookie() -> String {
    format!("gates/test-{}", std::process::id())
}

pub(crate) fn git(folder: &Path, args: &[&str]) -> String {
    let output = std::process::Command::new("git")
        .args([
            "-c",
            "user.name=Test",
            "-c",
            "user.email=test@example.org",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "git {args:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text.trim_end().to_owned()
}

pub(crate) fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A house whose configuration is the usual one but for what `change` does to it.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let slots = folder.path().join("slots");
        Self::on(folder, slots, change).await
    }

    /// The same in this folder, with the build slots of a machine that others may share.
    pub(crate) async fn on(
        folder: tempfile::TempDir,
        slots: PathBuf,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let project = folder.path().join("project");
        std::fs::create_dir(&project).unwrap();
        git(&project, &["init", "--quiet", "--initial-branch=main"]);
        write(&project.join("run-tests.sh"), RUNNER);
        write(&project.join("tests/base.sh"), "grep -q one lib.txt\n");
        write(&project.join("lib.txt"), "one\ntwo\nthree\n");
        write(&project.join(".gitignore"), "*.tmp\n");
        git(&project, &["add", "--all"]);
        git(&project, &["commit", "--quiet", "--message", "first"]);
        let mut config = Config::default();
        config.project.test.command = vec!["sh".to_owned(), "run-tests.sh".to_owned()];
        config.project.test.timeout = Duration::from_secs(60);
        let place = project.display().to_string();
        config.project.test.env.insert("PROJECT".to_owned(), place);
        change(&mut config);
        let floor = Floor::of_queue(&folder.path().join("queue"));
        let root = folder.path().join("worktrees");
        std::fs::create_dir_all(floor.run()).unwrap();
        let workspace =
            Workspace::open(&project, &root, None, &floor.run(), &cookie()).await.unwrap();
        let gates = Gates::new(Arc::new(config), workspace.clone(), floor, slots, cookie());
        Self { folder, workspace, gates }
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    /// Commits `text` as `path` on the project's base branch.
    pub(crate) fn commit(&self, path: &str, text: &str) {
        write(&self.project().join(path), text);
        git(&self.project(), &["add", "--all"]);
        git(&self.project(), &["commit", "--quiet", "--message", path]);
    }

    pub(crate) async fn order(&self, id: &str) -> Job {
        let id = OrderId::parse(id).unwrap();
        let place = |kind: &str| {
            let path = self.folder.path().join(kind).join(id.as_str());
            std::fs::create_dir_all(&path).unwrap();
            path
        };
        let (papers, desk) = (place("papers"), place("desks"));
        let bench = self.workspace.prepare(&id).await.unwrap();
        let request = Request::titled(format!("Make {id}"));
        Job { id, generation: 1, papers, desk, bench, frozen: None, request }
    }

    /// An order with a test that wants the file `src/<id>`.
    pub(crate) async fn tested(&self, id: &str) -> Job {
        let job = self.order(id).await;
        job.work(&format!("tests/{id}.sh"), &format!("[ -e src/{id} ]\n"));
        job
    }

    /// The same with the test frozen and the file there.
    pub(crate) async fn built(&self, id: &str) -> Job {
        let mut job = self.tested(id).await;
        let red = self.check(Gate::Red, &job).await;
        assert!(red.check.passed(), "{red:?}");
        job.frozen = red.proof;
        job.work(&format!("src/{id}"), "here\n");
        job
    }

    pub(crate) async fn scene(&self, job: &Job) -> Scene {
        let tree = self.workspace.snapshot(&job.id, job.generation).await.unwrap().tree;
        Scene {
            order: job.id.clone(),
            generation: job.generation,
            stage: "some-stage".to_owned(),
            request: job.request.clone(),
            papers: job.papers.clone(),
            desk: job.desk.clone(),
            bench: self.workspace.find(&job.id).await.unwrap(),
            tree_before: Some(tree.clone()),
            tree: Some(tree),
            looked: None,
            testimony: None,
            frozen: job.frozen.clone(),
            code_changed: None,
        }
    }

    pub(crate) async fn check(&self, gate: Gate, job: &Job) -> GateReport {
        self.gates.check(gate, &self.scene(job).await, &Stop::new()).await
    }

    pub(crate) async fn union(&self, jobs: &[&Job]) -> Vec<GateReport> {
        let mut scenes = Vec::new();
        for job in jobs {
            scenes.push(self.scene(job).await);
        }
        self.gates.union(&scenes, &Stop::new()).await
    }
}

impl Job {
    /// Writes a file in the worktree.
    pub(crate) fn work(&self, path: &str, text: &str) {
        write(&self.bench.path.join(path), text);
    }

    pub(crate) fn paper(&self, name: &str, text: &str) {
        write(&self.papers.join(name), text);
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.papers.join(name)).unwrap_or_default()
    }

    pub(crate) fn says(&self, verdict: Verdict, artifacts: &[&str]) -> Testimony {
        Testimony {
            order: self.id.to_string(),
            generation: self.generation,
            nonce: "n".to_owned(),
            verdict,
            why: String::new(),
            artifacts: artifacts.iter().map(|name| (*name).to_owned()).collect(),
            denied: String::new(),
        }
    }
}

/// What a report must be: the word of its outcome, and a part of its line.
#[track_caller]
fn expect(report: &GateReport, word: &str, part: &str) {
    let fits = report.check.word() == word && report.check.line().contains(part);
    assert!(fits, "wanted {word} with {part:?}, got {report:#?}");
}

fn findings(report: &GateReport) -> &str {
    match &report.check {
        Check::Fail { findings, .. } => findings,
        other => panic!("{other:?} has no findings"),
    }
}

fn mend(report: &GateReport) -> &str {
    match &report.check {
        Check::CouldNotRun { mend, .. } => mend,
        other => panic!("{other:?} has nothing to mend"),
    }
}
