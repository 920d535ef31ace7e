//! The way of one order through all gates, with one moment at which something is done to it.

use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use shopfloor::check::GateReport;
use shopfloor::stage::Gate;
use shopfloor::stop::Stop;
use shopfloor::verdict::Verdict;

use crate::gates::{House, Job, git, write};

/// Runs every `tests/*.sh` and tells each by its name; a line `# skip` in one skips it.
pub(super) const TAP: &str = r#"count=0; status=0
for test in tests/*.sh; do
    [ -e "$test" ] || continue
    count=$((count + 1))
    if grep -q '^# skip' "$test"; then echo "ok $count - $test # SKIP"; continue; fi
    if sh "$test"; then echo "ok $count - $test"; else echo "not ok $count - $test"; status=1; fi
done
echo "1..$count"
exit $status
"#;

pub(super) const SPEC: &str = "# Double\n\n## Goal\nNumbers are doubled.\n\n## Acceptance criteria\n- 3 gives 6\n\n\
    ## Files\n- `src/alpha.sh`\n- `tests/alpha.sh`\n\n## How to playtest\nDouble a number.\n";
pub(super) const TEST: &str = "[ \"$(sh src/alpha.sh 3)\" = 6 ]\n";
pub(super) const CODE: &str = "echo $(($1 * 2))\n";

/// When something is done: after the honest work of that stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Spec,
    Tests,
    Code,
    Playtest,
    Commit,
}

/// The languages in which the project is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum World {
    Shell,
    Python,
    Cargo,
}

/// What is done to an order.
pub(super) type Trick = fn(&mut Road);

/// A cheat and its honest twin.
pub(super) struct Pair {
    pub(super) name: &'static str,
    pub(super) at: Moment,
    /// The gate that must catch it, and a part of its line.
    pub(super) by: &'static str,
    pub(super) why: &'static str,
    pub(super) cheat: Trick,
    pub(super) twin: Trick,
    /// Commits to the base before the order begins.
    base: fn(&House),
    world: World,
    limit: Duration,
    /// True when the honest order beta lands in the same batch, before this one.
    company: bool,
}

pub(super) fn pair(
    name: &'static str,
    at: Moment,
    (by, why): (&'static str, &'static str),
    cheat: Trick,
    twin: Trick,
) -> Pair {
    let (world, limit) = (World::Shell, Duration::from_secs(60));
    Pair { name, at, by, why, cheat, twin, base: |_| {}, world, limit, company: false }
}

impl Pair {
    pub(super) fn base(self, base: fn(&House)) -> Self {
        Self { base, ..self }
    }

    pub(super) fn limit(self, secs: u64) -> Self {
        Self { limit: Duration::from_secs(secs), ..self }
    }

    pub(super) fn company(self) -> Self {
        Self { company: true, ..self }
    }

    pub(super) fn in_world(self, world: World) -> Self {
        Self { world, ..self }
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

    pub(super) fn git(&self, args: &[&str]) -> String {
        git(&self.job.bench.path, args)
    }

    pub(super) fn desk(&self, name: &str, text: &str) {
        write(&self.job.desk.join(name), text);
    }
}

/// Where a way ended.
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

/// Walks an order with `trick` from its spec to the union, or to the gate that does not let it through.
pub(super) async fn walk(pair: &Pair, trick: Trick) -> End {
    let house = house(pair).await;
    (pair.base)(&house);
    let beta = if pair.company { Some(house.built("beta").await) } else { None };
    let job = house.order("alpha").await;
    let mut road = Road { house, job, artifacts: vec!["output.txt"], verdict: None };
    let mut done = None;
    for (moment, gate, name) in GATES {
        let before = road.house.scene(&road.job).await.tree;
        if done != Some(moment) {
            done = Some(moment);
            honest(&mut road, moment, pair.world);
            if pair.at == moment {
                trick(&mut road);
            }
        }
        let mut scene = road.house.scene(&road.job).await;
        if matches!(moment, Moment::Playtest | Moment::Commit) {
            scene.tree_before = before;
        }
        scene.code_changed = Some(SystemTime::now() - Duration::from_secs(60));
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

async fn house(pair: &Pair) -> House {
    let (world, limit) = (pair.world, pair.limit);
    let house = House::with(|config| {
        let command = match world {
            World::Shell => &["sh", "run-tests.sh"][..],
            World::Python => {
                &["python3", "-B", "-m", "unittest", "discover", "-v", "-s", "tests", "-t", "."]
            }
            World::Cargo => &["cargo", "test", "--offline", "--no-fail-fast"],
        };
        config.project.test.command = command.iter().map(|word| (*word).to_owned()).collect();
        config.project.test.timeout = limit;
    })
    .await;
    let place = house.project();
    write(&place.join("old.txt"), "old\n");
    match world {
        World::Shell => write(&place.join("run-tests.sh"), TAP),
        World::Python => {
            write(&place.join("src/__init__.py"), "");
            write(&place.join("src/one.py"), "ONE = 1\n");
            write(&place.join("tests/__init__.py"), "");
            write(&place.join(".gitignore"), "__pycache__/\n*.tmp\n");
            write(
                &place.join("tests/test_base.py"),
                "import unittest\n\nclass Base(unittest.TestCase):\n    def test_one(self):\n        \
                 from src.one import ONE\n        self.assertEqual(ONE, 1)\n",
            );
        }
        World::Cargo => {
            let manifest = "[package]\nname = \"probe\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[lib]\ndoctest = false\n";
            write(&place.join("Cargo.toml"), manifest);
            write(&place.join(".gitignore"), "/target\nCargo.lock\n*.tmp\n");
            write(&place.join("src/lib.rs"), "pub const ONE: u8 = 1;\n");
            write(
                &place.join("tests/base.rs"),
                "#[test]\nfn one_is_one() {\n    assert_eq!(probe::ONE, 1);\n}\n",
            );
        }
    }
    house.commit("README", "a project\n");
    house
}

/// What an honest agent does at each stage.
fn honest(road: &mut Road, moment: Moment, world: World) {
    match (moment, world) {
        (Moment::Spec, World::Shell) => road.job.paper("work-order.md", SPEC),
        (Moment::Spec, World::Python) => {
            let spec = SPEC.replace("src/alpha.sh", "src/alpha.py");
            road.job.paper("work-order.md", &spec.replace("tests/alpha.sh", "tests/test_alpha.py"));
        }
        (Moment::Spec, World::Cargo) => {
            let spec = SPEC.replace("src/alpha.sh", "src/lib.rs");
            road.job.paper("work-order.md", &spec.replace("tests/alpha.sh", "tests/alpha.rs"));
        }
        (Moment::Tests, World::Shell) => road.work("tests/alpha.sh", TEST),
        (Moment::Tests, World::Python) => road.work(
            "tests/test_alpha.py",
            "import unittest\n\nclass Alpha(unittest.TestCase):\n    def test_double(self):\n        \
             from src.alpha import double\n        self.assertEqual(double(3), 6)\n",
        ),
        (Moment::Tests, World::Cargo) => {
            road.work("tests/alpha.rs", "#[test]\nfn double_doubles() {\n    assert_eq!(probe::double(3), 6);\n}\n");
        }
        (Moment::Code, World::Shell) => road.work("src/alpha.sh", CODE),
        (Moment::Code, World::Python) => road.work("src/alpha.py", "def double(x):\n    return 2 * x\n"),
        (Moment::Code, World::Cargo) => {
            road.work("src/lib.rs", "pub const ONE: u8 = 1;\n\npub fn double(x: u8) -> u8 {\n    2 * x\n}\n");
        }
        (Moment::Playtest, _) => {
            road.desk("output.txt", "5 gives 10\n");
            road.job.paper("playtest-report.md", "I doubled 5.\n");
        }
        (Moment::Commit, _) => road.job.paper("commit-message.md", "Double numbers\n"),
    }
}

/// A playtester that tries a number which no test has.
fn look(road: &Road, world: World) -> Verdict {
    let folder = &road.job.bench.path;
    let told = match world {
        World::Shell => run(folder, "sh", &["src/alpha.sh", "5"]),
        World::Python => {
            run(folder, "python3", &["-B", "-c", "from src.alpha import double; print(double(5))"])
        }
        // A crate has no program to start: this one reads.
        World::Cargo => {
            let text = std::fs::read_to_string(folder.join("src/lib.rs")).unwrap();
            if text.contains("2 * x") { "10".to_owned() } else { String::new() }
        }
    };
    if told == "10" { Verdict::Done } else { Verdict::NeedsWork }
}

fn run(folder: &Path, program: &str, args: &[&str]) -> String {
    let output =
        std::process::Command::new(program).args(args).current_dir(folder).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
