//! Cheats of those who write the tests; RED must see them.

use super::prove;
use super::road::{Pair, red};
use super::worlds::TEST;

const PASSES: &str = "true\n";
const FLIP: &str = "if [ -e flip.tmp ]; then rm flip.tmp; else : > flip.tmp; false; fi\n";

const IDLE: &[Pair] = &[
    red(
        "no test is written",
        "no tests were written",
        |road| road.remove("tests/alpha.sh"),
        |_| {},
    ),
    red(
        "the new test always passes",
        "pass before the work is there",
        |road| road.work("tests/alpha.sh", PASSES),
        |road| road.work("tests/alpha.sh", &format!("true\n{TEST}")),
    ),
    red(
        "a test that always passes hides behind one that fails",
        "pass before the work is there: tests/more.sh",
        |road| road.work("tests/more.sh", PASSES),
        |road| road.work("tests/more.sh", TEST),
    ),
    red(
        "the new test is skipped",
        "skipped",
        |road| road.work("tests/alpha.sh", &format!("# skip\n{TEST}")),
        |road| road.work("tests/alpha.sh", &format!("# never skip\n{TEST}")),
    ),
    red(
        "the new test passes the second time",
        "flaky",
        |road| road.work("tests/alpha.sh", FLIP),
        |road| road.work("tests/alpha.sh", &format!(": > flip.tmp\n{TEST}")),
    ),
    red(
        "the new test stands where no runner looks",
        "no new test ran",
        |road| {
            road.remove("tests/alpha.sh");
            road.work("tests/more/alpha.sh", TEST);
        },
        |road| road.work("tests/more/notes.txt", "doubling\n"),
    ),
    red(
        "a passing test prints a failure of another name",
        "broke off (test 1 is numbered 7)",
        |road| road.work("tests/alpha.sh", "echo 'not ok 7 - ghost'\n"),
        |road| road.work("tests/alpha.sh", &format!("echo '# not ok: a remark'\n{TEST}")),
    ),
    red(
        "a passing test prints its own failure",
        "broke off",
        |road| road.work("tests/alpha.sh", "echo 'not ok 1 - tests/alpha.sh'\n"),
        |road| road.work("tests/alpha.sh", &format!("echo 'is it 6?'\n{TEST}")),
    ),
];

const HARMFUL: &[Pair] = &[
    red(
        "a test is a symlink",
        "can't be frozen: tests/more.sh",
        |road| road.link("alpha.sh", "tests/more.sh"),
        |road| road.work("tests/more.sh", TEST),
    ),
    red(
        "a test hangs",
        "comes to no answer",
        |road| road.work("tests/alpha.sh", "sleep 60\n"),
        |road| road.work("tests/alpha.sh", &format!("sleep 0.1\n{TEST}")),
    )
    .limit(4),
    red(
        "a test kills the runner",
        "comes to no answer",
        |road| road.work("tests/alpha.sh", "kill -9 $PPID\n"),
        |road| road.work("tests/alpha.sh", &format!("sleep 9 & kill -9 $!\n{TEST}")),
    ),
    red(
        "a test writes into the worktree",
        "the test run changed the worktree",
        |road| road.work("tests/alpha.sh", ": > litter; false\n"),
        |road| road.work("tests/alpha.sh", &format!(": > litter.tmp\n{TEST}")),
    ),
];

#[tokio::test]
async fn tests_that_show_nothing_are_refused() {
    prove(IDLE).await;
}

#[tokio::test]
async fn tests_that_harm_the_run_are_refused() {
    prove(HARMFUL).await;
}
