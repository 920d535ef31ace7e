//! The projects in which orders are walked: shell scripts of our own, and real tools. What stands on the base of each, and what
//! honest workers do.

use std::path::Path;
use std::process::Command;

use shopfloor::verdict::Verdict;

use super::road::{Moment, Pair, Road};
use crate::gates::{House, write};

/// The language of the project, and who runs its tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum World {
    /// A script that runs scripts and tells them in TAP.
    Shell,
    /// A script that reads its tests into its own process and writes JUnit at the end.
    Report,
    Unittest,
    Pytest,
    Cargo,
    Nextest,
    Node,
}

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

const JUNIT: &str = r#"cases=; count=0; status=0
for test in tests/*.sh; do
    count=$((count + 1)); failed=
    . "./$test" || { failed='<failure message="failed"/>'; status=1; }
    cases="$cases<testcase name=\"$test\">$failed</testcase>"
done
echo "<testsuites><testsuite name=\"all\" tests=\"$count\">$cases</testsuite></testsuites>" > report.xml
exit $status
"#;

pub(super) const SPEC: &str = "# Double\n\n## Goal\nNumbers are doubled.\n\n## Acceptance criteria\n- 3 gives 6\n\n\
    ## Files\n- `src/alpha.sh`\n- `tests/alpha.sh`\n\n## How to playtest\nDouble a number.\n";
pub(super) const TEST: &str = "[ \"$(sh src/alpha.sh 3)\" = 6 ]\n";
pub(super) const CODE: &str = "echo $(($1 * 2))\n";

/// What stands in `src/lib.rs` on the base, with a test among the code.
pub(super) const LIB: &str = "pub const ONE: u8 = 1;\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn one_within() {\n        \
    assert_eq!(super::ONE, 1);\n    }\n}\n";
pub(super) const DOUBLE: &str = "pub fn double(x: u8) -> u8 {\n    2 * x\n}\n\n";
const MANIFEST: &str = "[package]\nname = \"probe\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[lib]\ndoctest = false\n";

pub(super) const PYTHON_TEST: &str = "import unittest\n\nfrom src.alpha import double\n\n\nclass Alpha(unittest.TestCase):\n    \
    def test_double(self):\n        self.assertEqual(double(3), 6)\n";
pub(super) const PYTHON_BASE: &str = "import unittest\n\nfrom src.one import ONE\n\n\nclass Base(unittest.TestCase):\n    \
    def test_one(self):\n        self.assertEqual(ONE, 1)\n";
const NODE_BASE: &str = "const test = require('node:test');\nconst assert = require('node:assert');\n\ntest('one is one', () => {\n  \
    assert.equal(require('../src/one.js'), 1);\n});\n";
const NODE_TEST: &str = "const test = require('node:test');\nconst assert = require('node:assert');\nconst { double } = \
    require('../src/alpha.js');\n\ntest('doubles', () => {\n  assert.equal(double(3), 6);\n});\n";

impl World {
    /// The test command.
    fn command(self) -> &'static [&'static str] {
        match self {
            Self::Shell | Self::Report => &["sh", "run-tests.sh"],
            Self::Unittest => {
                &["python3", "-B", "-m", "unittest", "discover", "-v", "-s", "tests", "-t", "."]
            }
            Self::Pytest => &["python3", "-B", "-m", "pytest", "-p", "no:cacheprovider", "tests"],
            Self::Cargo => &["cargo", "test", "--offline", "--no-fail-fast"],
            Self::Nextest => &["cargo", "nextest", "run", "--offline", "--no-fail-fast"],
            Self::Node => &["node", "--test"],
        }
    }

    /// Why nothing can be tried in it here; `None` when it can.
    pub(super) fn missing(self) -> Option<&'static str> {
        let (why, command): (_, &[&str]) = match self {
            Self::Shell | Self::Report | Self::Cargo => return None,
            Self::Unittest => ("python3 is not installed", &["python3", "--version"]),
            Self::Pytest => ("pytest is not installed", &["python3", "-m", "pytest", "--version"]),
            Self::Nextest => ("cargo-nextest is not installed", &["cargo", "nextest", "--version"]),
            Self::Node => ("node is not installed", &["node", "--version"]),
        };
        let output = Command::new(command[0]).args(&command[1..]).output();
        (!output.is_ok_and(|output| output.status.success())).then_some(why)
    }

    /// The files of the base beside those of every house.
    fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Shell => &[("run-tests.sh", TAP)],
            Self::Report => &[("run-tests.sh", JUNIT), (".gitignore", "report.xml\n*.tmp\n")],
            Self::Unittest | Self::Pytest => &[
                ("src/__init__.py", ""),
                ("src/one.py", "ONE = 1\n"),
                ("tests/__init__.py", ""),
                (".gitignore", "__pycache__/\n*.tmp\n"),
                ("tests/test_base.py", PYTHON_BASE),
            ],
            Self::Cargo | Self::Nextest => &[
                ("Cargo.toml", MANIFEST),
                (".gitignore", "/target\nCargo.lock\n*.tmp\n"),
                ("src/lib.rs", LIB),
                (
                    "tests/base.rs",
                    "#[test]\nfn one_is_one() {\n    assert_eq!(probe::ONE, 1);\n}\n",
                ),
            ],
            Self::Node => {
                &[("src/one.js", "module.exports = 1;\n"), ("tests/base.test.js", NODE_BASE)]
            }
        }
    }

    /// The names of its code and its test in the spec.
    fn named(self) -> (&'static str, &'static str) {
        match self {
            Self::Shell | Self::Report => ("src/alpha.sh", "tests/alpha.sh"),
            Self::Unittest | Self::Pytest => ("src/alpha.py", "tests/test_alpha.py"),
            Self::Cargo | Self::Nextest => ("src/lib.rs", "tests/alpha.rs"),
            Self::Node => ("src/alpha.js", "tests/alpha.test.js"),
        }
    }

    /// An honest test.
    fn test(self) -> &'static str {
        match self {
            Self::Shell => TEST,
            Self::Report => "[ -e src/alpha.sh ] && . ./src/alpha.sh && [ \"$(double 3)\" = 6 ]\n",
            Self::Unittest | Self::Pytest => PYTHON_TEST,
            Self::Cargo | Self::Nextest => {
                "#[test]\nfn double_doubles() {\n    assert_eq!(probe::double(3), 6);\n}\n"
            }
            Self::Node => NODE_TEST,
        }
    }

    /// Honest code.
    fn code(self) -> String {
        match self {
            Self::Shell => CODE.to_owned(),
            Self::Report => "double() { echo $(($1 * 2)); }\n".to_owned(),
            Self::Unittest | Self::Pytest => "def double(x):\n    return 2 * x\n".to_owned(),
            Self::Cargo | Self::Nextest => format!("{DOUBLE}{LIB}"),
            Self::Node => "exports.double = (x) => 2 * x;\n".to_owned(),
        }
    }
}

/// A project of the pair's world, committed.
pub(super) async fn house(pair: &Pair) -> House {
    let (world, limit) = (pair.world, pair.limit);
    let house = House::with(|config| {
        let test = &mut config.project.test;
        let command = if pair.command.is_empty() { world.command() } else { pair.command };
        test.command = command.iter().map(|word| (*word).to_owned()).collect();
        test.timeout = limit;
        // Nobody looks at these programs with a debugger, and each is built a few times.
        for (name, value) in [("CARGO_INCREMENTAL", "0"), ("CARGO_PROFILE_DEV_DEBUG", "0")] {
            test.env.insert(name.to_owned(), value.to_owned());
        }
        if world == World::Report {
            test.report_path = Some("report.xml".into());
        }
    })
    .await;
    let place = house.project();
    write(&place.join("old.txt"), "old\n");
    for (path, text) in world.files() {
        write(&place.join(path), text);
    }
    if !matches!(world, World::Shell | World::Report) {
        std::fs::remove_file(place.join("tests/base.sh")).unwrap();
    }
    house.commit("README", "a project\n");
    house
}

/// What an honest agent does at each stage.
pub(super) fn honest(road: &mut Road, moment: Moment, world: World) {
    let (code, test) = world.named();
    match moment {
        Moment::Spec => {
            let spec = SPEC.replace("tests/alpha.sh", test).replace("src/alpha.sh", code);
            road.job.paper("work-order.md", &spec);
        }
        Moment::Tests => road.work(test, world.test()),
        Moment::Code => road.work(code, &world.code()),
        Moment::Playtest => {
            road.desk("output.txt", "5 gives 10\n");
            road.job.paper("playtest-report.md", "I doubled 5.\n");
        }
        Moment::Commit => road.job.paper("commit-message.md", "Double numbers\n"),
    }
}

/// A playtester that tries a number which no test has.
pub(super) fn look(road: &Road, world: World) -> Verdict {
    let folder = &road.job.bench.path;
    let told = match world {
        World::Shell => run(folder, &["sh", "src/alpha.sh", "5"]),
        World::Report => run(folder, &["sh", "-c", ". ./src/alpha.sh; double 5"]),
        World::Unittest | World::Pytest => {
            run(folder, &["python3", "-B", "-c", "from src.alpha import double; print(double(5))"])
        }
        World::Cargo | World::Nextest => built(folder),
        World::Node => run(folder, &["node", "-p", "require('./src/alpha.js').double(5)"]),
    };
    if told == "10" { Verdict::Done } else { Verdict::NeedsWork }
}

/// What a program that uses the crate prints.
fn built(folder: &Path) -> String {
    let own = tempfile::tempdir().unwrap();
    let main = own.path().join("main.rs");
    let lib = folder.join("src/lib.rs");
    let text = format!(
        "#[path = {lib:?}]\nmod probe;\nfn main() {{\n    println!(\"{{}}\", probe::double(5));\n}}\n"
    );
    write(&main, &text);
    run(own.path(), &["rustc", "--edition", "2021", "-A", "warnings", "main.rs"]);
    run(own.path(), &["./main"])
}

fn run(folder: &Path, command: &[&str]) -> String {
    let started = Command::new(command[0]).args(&command[1..]).current_dir(folder).output();
    started.map_or_else(
        |error| error.to_string(),
        |output| {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.trim_end().lines().next_back().unwrap_or_default().to_owned()
        },
    )
}
