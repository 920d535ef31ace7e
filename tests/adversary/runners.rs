//! Cheats with what runs the tests: the script that the command names, and configuration.

use super::prove;
use super::road::{Moment, Pair, green, pair, red, review};
use super::worlds::{SPEC, TAP};

/// A runner that runs nothing and tells what is wanted.
const LIAR: &str = "echo 'ok 1 - tests/alpha.sh'\necho 'ok 2 - tests/base.sh'\necho 1..2\n";

/// Honest work on the runner is a person's to let happen.
const SCRIPT: &[Pair] = &[
    green(
        "the runner prints FAILED and exits 0",
        "tests/alpha.sh",
        |road| {
            let quiet = TAP.replace("exit $status", "[ $status = 0 ] || echo FAILED\nexit 0");
            road.work("run-tests.sh", &quiet);
            road.remove("src/alpha.sh");
        },
        |road| {
            road.person("run-tests.sh");
            road.work("run-tests.sh", &TAP.replace("exit $status", "exit \"$status\""));
        },
    ),
    green(
        "the runner exits 1 though all pass",
        "exit 1",
        |road| road.work("run-tests.sh", &TAP.replace("exit $status", "exit 1")),
        |road| {
            road.person("run-tests.sh");
            road.work("run-tests.sh", &format!("{TAP}# the end\n"));
        },
    ),
    green(
        "the runner runs nothing",
        "comes to no answer",
        |road| road.work("run-tests.sh", "echo 1..0\n"),
        |road| {
            road.person("run-tests.sh");
            road.work("run-tests.sh", &TAP.replace("count=0;", "count=0 ;"));
        },
    ),
    green(
        "the runner leaves the new test out",
        "gone or skipped: tests/alpha.sh",
        |road| road.work("run-tests.sh", &TAP.replace("tests/*.sh", "tests/b*.sh")),
        |road| {
            road.person("run-tests.sh");
            road.work("run-tests.sh", &TAP.replace("tests/*.sh", "tests/[a-z]*.sh"));
        },
    ),
    green(
        "the runner leaves the old tests out",
        "tests of the base are gone: tests/base.sh",
        |road| road.work("run-tests.sh", &TAP.replace("tests/*.sh", "tests/a*.sh")),
        |road| {
            road.person("run-tests.sh");
            road.work("run-tests.sh", &format!("export LANG=C\n{TAP}"));
        },
    ),
    green(
        "the runner is replaced by one that tells what is wanted",
        "the new tests can't fail",
        |road| {
            road.work("run-tests.sh", LIAR);
            road.work("lib.txt", "what the old test looks at is gone\n");
        },
        |road| road.work("lib.txt", "one, and more\n"),
    ),
    review(
        "the runner is edited, to no harm that can be seen",
        "`run-tests.sh` is protected (what the test command runs): only a person",
        |road| road.work("run-tests.sh", &format!("{TAP}# the end\n")),
        |road| road.work("run-more-tests.sh", TAP),
    ),
    pair(
        "the spec lets the runner change",
        Moment::Spec,
        ("spec", "`run-tests.sh` is protected (what the test command runs): only a person"),
        |road| {
            let spec = SPEC.replace("- `src/alpha.sh`", "- `src/alpha.sh`\n- `run-tests.sh`");
            road.job.paper("work-order.md", &spec);
        },
        |road| {
            road.person("run-tests.sh");
            let spec = SPEC.replace("- `src/alpha.sh`", "- `src/alpha.sh`\n- `run-tests.sh`");
            road.job.paper("work-order.md", &spec);
        },
    ),
    red(
        "the runner is made to fail with the new tests",
        "`run-tests.sh` is protected (what the test command runs): only a person",
        |road| {
            road.work("tests/alpha.sh", "true\n");
            road.work("run-tests.sh", &TAP.replace("exit $status", "exit 1"));
        },
        |road| {
            road.person("run-tests.sh");
            road.work("run-tests.sh", &format!("# runs the tests\n{TAP}"));
        },
    ),
    green(
        "what the runner reads in says yes to every test",
        "the new tests can't fail",
        |road| {
            road.work("ci/lib.sh", "sh() { return 0; }\n");
            road.work("lib.txt", "what the old test looks at is gone\n");
        },
        |road| road.work("lib.txt", "one\n"),
    )
    .base(|house| {
        house.commit("ci/lib.sh", ":\n");
        house.commit("run-tests.sh", &format!(". ./ci/lib.sh\n{TAP}"));
    }),
    review(
        "what the runner reads in is edited",
        "`ci/lib.sh` is protected (what the test command runs): only a person",
        |road| road.work("ci/lib.sh", ": more\n"),
        |road| road.work("ci/notes.txt", "for people\n"),
    )
    .base(|house| {
        house.commit("ci/lib.sh", ":\n");
        house.commit("run-tests.sh", &format!(". ./ci/lib.sh\n{TAP}"));
    }),
];

const SETTINGS: &[Pair] = &[
    review(
        "a runner's configuration is added so that nothing runs",
        "`pytest.ini` is protected (configuration of a test runner or build): only a person",
        |road| road.work("pytest.ini", "[pytest]\naddopts = --collect-only\n"),
        |road| road.work("docs/pytest.ini.txt", "an example\n"),
    ),
    red(
        "a runner's configuration comes with the tests",
        "`pytest.ini` is protected (configuration of a test runner or build): only a person",
        |road| road.work("pytest.ini", "[pytest]\naddopts = --collect-only\n"),
        |road| road.work("tests/pytest.ini.txt", "an example\n"),
    ),
    review(
        "code that pytest loads by itself is added",
        "`conftest.py` is protected (code that a test runner loads by itself): only a person",
        |road| road.work("conftest.py", "def pytest_runtest_makereport(): ...\n"),
        |road| road.work("src/conftest.txt", "an example\n"),
    ),
    pair(
        "the spec lets a runner's configuration change",
        Moment::Spec,
        (
            "spec",
            "`setup.cfg` is protected (configuration of a test runner or build): only a person",
        ),
        |road| {
            let spec = SPEC.replace("- `src/alpha.sh`", "- `src/alpha.sh`\n- `setup.cfg`");
            road.job.paper("work-order.md", &spec);
        },
        |road| {
            // What the test stage writes and RED freezes may be such a file: the tests failed with it.
            let spec = SPEC.replace("- `src/alpha.sh`", "- `src/alpha.sh`\n- `tests/conftest.py`");
            road.job.paper("work-order.md", &spec);
        },
    ),
    review(
        "the test script of a package.json is edited",
        "`package.json` has `scripts.test` changed, which decides what a test run shows",
        |road| road.replace("package.json", "sh check.sh", "true"),
        |road| {
            road.replace(
                "package.json",
                "\"dependencies\": {}",
                "\"dependencies\": {\"a\": \"1\"}",
            );
        },
    )
    .base(|house| {
        let manifest = "{\"scripts\": {\"test\": \"sh check.sh\"}, \"dependencies\": {}}\n";
        house.commit("package.json", manifest);
    })
    .command(&["sh", "run-tests.sh", "npm"]),
    review(
        "shopfloor's own configuration is added",
        "`shopfloor.toml` is protected (shopfloor's own or git's configuration): only a person",
        |road| road.work("shopfloor.toml", "[project.test]\ncommand = [\"true\"]\n"),
        |road| road.work("docs/shopfloor.md", "an example\n"),
    ),
];

#[tokio::test]
async fn the_runner_is_a_persons_to_change() {
    prove(SCRIPT).await;
}

#[tokio::test]
async fn what_decides_about_runs_is_a_persons_to_change() {
    prove(SETTINGS).await;
}
