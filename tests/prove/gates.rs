//! What the gates cost and what they find again, in figures. Ignored by `cargo test`; `.ci/prove gates` runs them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use shopfloor::gate::record;
use shopfloor::stage::Gate;

use super::{quick, row};
use crate::gates::culprits::Batch;
use crate::gates::{House, Job, git, write};
use crate::house::{program, shown};

fn mean(runs: &[usize]) -> f64 {
    runs.iter().sum::<usize>() as f64 / runs.len() as f64
}

/// Lands batches with these culprits together, and the same ones order by order. `most` is the worst case as it is reckoned.
async fn batches(what: &str, all: &[Vec<usize>], named: bool, most: usize) {
    let (mut together, mut alone, mut good) = (Vec::new(), Vec::new(), true);
    let mut each = Vec::new();
    for culprits in all {
        let batch = Batch::of(8, culprits, named).await;
        let (found, _) = batch.together().await;
        good &= found == *culprits;
        together.push(batch.runs());
        let naive = Batch::of(8, culprits, named).await;
        good &= naive.one_by_one().await == *culprits;
        alone.push(naive.runs());
        let places: Vec<String> = culprits.iter().map(usize::to_string).collect();
        each.push(format!("{}:{}", places.join("+"), batch.runs()));
    }
    let worst = together.iter().max().copied().unwrap_or_default();
    row(
        &format!("8 orders, {what}: test runs, mean (worst); one by one"),
        &format!("{:.1} ({worst}); {:.1}", mean(&together), mean(&alone)),
        good && worst <= most,
    );
    if each.len() > 1 {
        row(
            &format!("  each, as place{}:runs", if all[0].len() > 1 { "s" } else { "" }),
            &each.join(" "),
            good,
        );
    }
}

#[tokio::test]
#[ignore = "a measurement: .ci/prove gates runs it"]
async fn a_culprit_of_eight_is_found_in_few_runs() {
    let one: Vec<Vec<usize>> = (1..=8).map(|at| vec![at]).collect();
    let pairs =
        [(1, 2), (1, 5), (1, 8), (2, 3), (2, 7), (3, 6), (4, 5), (4, 8), (5, 6), (6, 8), (7, 8)];
    let two: Vec<Vec<usize>> = pairs.iter().map(|&(one, two)| vec![one, two]).collect();
    let some_of_one = [&one[0], &one[4], &one[7]].map(Clone::clone);
    let some_of_two = [&two[1], &two[5], &two[10]].map(Clone::clone);
    batches("no culprit", &[Vec::new()], true, 1).await;
    batches("one culprit", if quick() { &some_of_one } else { &one }, true, 6).await;
    batches("two culprits", if quick() { &some_of_two } else { &two }, true, 10).await;
    // Without names a suspect is looked at once more when the rest fails too.
    batches("one culprit, exit code only", &some_of_one, false, 6).await;
    batches("two culprits, exit code only", &some_of_two, false, 11).await;
}

/// A small crate with a test, as `cargo test` runs it.
async fn crate_house() -> House {
    let house = House::with(|config| {
        let words = ["cargo", "test", "--offline", "--no-fail-fast"];
        config.project.test.command = words.map(str::to_owned).to_vec();
    })
    .await;
    let place = house.project();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("launcher/demo/wordcraft");
    for name in ["Cargo.toml", "Cargo.lock", ".gitignore", "src/lib.rs", "tests/words.rs"] {
        write(&place.join(name), &std::fs::read_to_string(own.join(name)).unwrap());
    }
    house.commit("README.md", "# Words\n");
    house
}

fn number(nth: usize) -> String {
    format!("pub fn number() -> usize {{\n    {nth}\n}}\n")
}

fn test_of(nth: usize) -> String {
    format!(
        "#[test]\nfn the_number_is_{nth}() {{\n    assert_eq!(wordcraft::part{nth}::number(), {nth});\n}}\n"
    )
}

/// Adds the module of the n-th order where an honest agent would.
fn work(folder: &Path, nth: usize) {
    write(&folder.join(format!("src/part{nth}.rs")), &number(nth));
    let lib = folder.join("src/lib.rs");
    let text = std::fs::read_to_string(&lib).unwrap();
    write(&lib, &format!("{text}pub mod part{nth};\n"));
}

/// The test command by hand in a person's own folder, which is warm.
fn bare(folder: &Path) -> Duration {
    let begun = Instant::now();
    let mut command = Command::new("cargo");
    command.args(["test", "--offline", "--no-fail-fast"]).current_dir(folder);
    command.env_remove("CARGO_TARGET_DIR");
    let ran = command.output().unwrap();
    let took = begun.elapsed();
    assert!(ran.status.success(), "{}", shown(&ran));
    took
}

fn p50(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times[times.len() / 2]
}

/// How long the gates took for one order, how long its commands ran, and how many there were; and what comes before a gate.
struct Cost {
    gates: Duration,
    worktree: Duration,
    runs: Duration,
    count: usize,
}

/// One order through RED, GREEN, REVIEW and UNION.
async fn through(house: &House, nth: usize) -> Cost {
    let mut gates = Duration::ZERO;
    let begun = Instant::now();
    let mut job: Job = house.order(&format!("o{nth}")).await;
    let mut worktree = begun.elapsed();
    job.paper("work-order.md", "# Part\n\n## Files\n- src/\n- tests/\n");
    job.work(&format!("tests/part{nth}.rs"), &test_of(nth));
    for gate in [Gate::Red, Gate::Green, Gate::Policy, Gate::Union] {
        if gate == Gate::Green {
            work(&job.bench.path, nth);
        }
        let begun = Instant::now();
        let scene = house.scene(&job).await;
        worktree += begun.elapsed();
        let begun = Instant::now();
        let report = house.gates.check(gate, &scene, &shopfloor::stop::Stop::new()).await;
        gates += begun.elapsed();
        assert!(report.check.passed(), "{report:#?}");
        job.frozen = report.proof.or(job.frozen);
        job.generation += 1;
    }
    let lines = record(&job.papers).unwrap();
    let runs: Vec<u64> = lines.iter().flat_map(|line| &line.runs).map(|run| run.took_ms).collect();
    let (count, runs) = (runs.len(), Duration::from_millis(runs.iter().sum()));
    Cost { gates, worktree, runs, count }
}

#[tokio::test]
#[ignore = "a measurement: .ci/prove gates runs it"]
async fn what_the_gates_add_to_the_bare_test_command() {
    let count = 7;
    let house = crate_house().await;
    // A person's own checkout, in which the same work is done by hand.
    let own = house.folder.path().join("own");
    git(house.folder.path(), &["clone", "--quiet", "project", "own"]);
    bare(&own);
    let (mut by_hand, mut costs) = (Vec::new(), Vec::new());
    // One after the other, in turns: whatever else the machine does meets both.
    for nth in 1..=count {
        write(&own.join(format!("tests/part{nth}.rs")), &test_of(nth));
        work(&own, nth);
        by_hand.push(bare(&own));
        costs.push(through(&house, nth).await);
    }
    let secs = |time: Duration| time.as_secs_f64();
    let bare = p50(&by_hand);
    // The first order pays for the base: all others find it tested.
    let rest = &costs[1..];
    let gates = p50(&rest.iter().map(|cost| cost.gates).collect::<Vec<_>>());
    let runs = p50(&rest.iter().map(|cost| cost.runs).collect::<Vec<_>>());
    let beside = p50(&rest.iter().map(|cost| cost.gates - cost.runs).collect::<Vec<_>>());
    let most = rest.iter().map(|cost| cost.count).max().unwrap_or_default();
    row(
        &format!("the bare test command by hand in a warm checkout, p50 of {count}"),
        &format!("{:.2} s", secs(bare)),
        true,
    );
    row(
        "gates per order (RED, GREEN, REVIEW, UNION alone), p50; ratio to the bare command",
        &format!("{:.2} s; {:.2}", secs(gates), secs(gates) / secs(bare)),
        // The gates' commands give way to whatever else runs: the bound is for a quiet machine, and for the long figures.
        quick() || secs(gates) / secs(bare) < 8.0,
    );
    row(
        "  of that the test command itself: runs per order, time, ratio to as many bare ones",
        &format!("{most}, {:.2} s, {:.2}", secs(runs), secs(runs) / (most as f64 * secs(bare))),
        most <= 7,
    );
    row(
        "  and all else (git, reports, policy, records, transcripts), p50; share",
        &format!("{:.2} s; {:.0} %", secs(beside), 100.0 * secs(beside) / secs(gates)),
        secs(beside) / secs(gates) < 0.5,
    );
    let worktree = p50(&rest.iter().map(|cost| cost.worktree).collect::<Vec<_>>());
    row(
        "before them: making the worktree, and a snapshot after each of 4 turns, p50",
        &format!("{:.2} s", secs(worktree)),
        true,
    );
    row(
        "the first order of a base, which tests it for all",
        &format!("{:.2} s in {} runs", secs(costs[0].gates), costs[0].count),
        costs[0].count <= 8,
    );
}

/// A demo that was kept: its project, and the temporary folder it is in.
struct Demo {
    _folder: tempfile::TempDir,
    project: PathBuf,
}

impl Demo {
    fn play() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(program("shopfloor"));
        command.args(["demo", "--json", "--keep", "--speed", "100"]).env("TMPDIR", folder.path());
        let ran = command.env_remove("CARGO_TARGET_DIR").output().unwrap();
        assert!(ran.status.success(), "{}", shown(&ran));
        let made = std::fs::read_dir(folder.path()).unwrap().flatten();
        let mut made = made.map(|entry| entry.path().join("wordcraft"));
        let project = made.find(|path| path.is_dir()).unwrap();
        Self { _folder: folder, project }
    }

    fn shopfloor(&self, args: &[&str]) -> Output {
        let mut command = Command::new(program("shopfloor"));
        command.args(args).current_dir(&self.project).env_remove("CARGO_TARGET_DIR");
        command.output().unwrap()
    }

    /// The exit code of `verify`, and each gate's outcome and line.
    fn verify(&self, id: &str) -> (Option<i32>, Vec<(String, String)>) {
        let ran = self.shopfloor(&["verify", id, "--json"]);
        let said: Value =
            serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", shown(&ran)));
        let word = |again: &Value, field: &str| again[field].as_str().unwrap().to_owned();
        let gates = said["gates"].as_array().unwrap();
        let gates = gates.iter().map(|again| (word(again, "outcome"), word(again, "line")));
        (ran.status.code(), gates.collect())
    }

    fn order(&self, id: &str) -> PathBuf {
        self.project.join("work-orders").join(id)
    }
}

#[test]
#[ignore = "a measurement: .ci/prove gates runs it"]
fn verify_agrees_on_the_demo_and_disagrees_where_it_was_tampered_with() {
    let demo = Demo::play();
    let ready = ["slugify", "shorten", "headline", "frequency", "permalink"];
    let begun = Instant::now();
    let mut agreed = 0;
    for id in ready {
        let (code, gates) = demo.verify(id);
        let all = gates.iter().all(|(outcome, _)| outcome == "agree");
        if code == Some(0) && all && gates.len() == 4 {
            agreed += 1;
        } else {
            row(&format!("verify {id}"), &format!("{gates:?}"), false);
        }
    }
    row(
        "verify on the finished orders of the demo (SIMULATED agent)",
        &format!(
            "{agreed} of {} agree, {:.1} s each",
            ready.len(),
            begun.elapsed().as_secs_f64() / 5.0
        ),
        agreed == ready.len(),
    );
    let (code, gates) = demo.verify("reverse");
    let fits = gates[2].0 == "agree" && gates[2].1.contains("fails, as recorded");
    let never = gates[3].0 == "could-not-run" && gates[3].1.contains("it is FAILED");
    row(
        "verify on its FAILED order, whose agent lied",
        &format!("green {}: {}", gates[2].0, gates[2].1.split(':').next().unwrap_or_default()),
        code == Some(1) && fits && never,
    );
    tampered(&demo);
}

/// One order's record and another one's branch are changed by hand.
fn tampered(demo: &Demo) {
    let record = demo.order("headline").join("evidence/record.jsonl");
    let text = std::fs::read_to_string(&record).unwrap();
    let green = text.lines().rfind(|line| line.contains("\"gate\":\"green\"")).unwrap();
    let mut line: Value = serde_json::from_str(green).unwrap();
    line["new"]["ids"][0] = "a test that never was".into();
    std::fs::write(&record, text.replace(green, &line.to_string())).unwrap();
    let (code, gates) = demo.verify("headline");
    row(
        "verify after the record of one was changed (the name of a test)",
        &format!("green {}: {}", gates[2].0, gates[2].1.split(':').next().unwrap_or_default()),
        code == Some(1) && gates[2].0 == "disagree" && gates[3].0 == "agree",
    );
    git(&demo.project, &["branch", "--force", "shopfloor/frequency", "main"]);
    let (code, gates) = demo.verify("frequency");
    row(
        "verify after the branch of one was moved",
        &format!("union {}: {}", gates[3].0, gates[3].1),
        code == Some(1)
            && gates[3].0 == "disagree"
            && gates[3].1.contains("shopfloor/frequency is at"),
    );
}
