//! Cheats of those who write the tests; RED must see them.

use super::prove;
use super::road::{Moment, Pair, TAP, TEST, pair};

fn red(
    name: &'static str,
    why: &'static str,
    cheat: super::road::Trick,
    twin: super::road::Trick,
) -> Pair {
    pair(name, Moment::Tests, ("red", why), cheat, twin)
}

const PASSES: &str = "true\n";
const FLIP: &str = "if [ -e flip.tmp ]; then rm flip.tmp; else : > flip.tmp; false; fi\n";

#[tokio::test]
async fn tests_that_show_nothing_are_refused() {
    prove(vec![
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
            "the new test takes the name of an old one",
            "passed on the base fail now: tests/base.sh",
            |road| {
                road.remove("tests/alpha.sh");
                road.work("tests/base.sh", TEST);
            },
            |road| road.work("tests/base.sh", "grep -q one lib.txt && grep -q two lib.txt\n"),
        ),
        red(
            "a passing test prints a failure of another name",
            "pass before the work is there",
            |road| road.work("tests/alpha.sh", "echo 'not ok 7 - ghost'\n"),
            |road| road.work("tests/alpha.sh", &format!("echo '# not ok: a remark'\n{TEST}")),
        ),
    ])
    .await;
}

#[tokio::test]
async fn tests_that_harm_the_base_or_the_runner_are_refused() {
    prove(vec![
        red(
            "an old test is deleted with the new ones",
            "deleted: tests/base.sh",
            |road| road.remove("tests/base.sh"),
            |road| road.work("tests/base.sh", "# the first line\ngrep -q one lib.txt\n"),
        ),
        red(
            "an old test is renamed",
            "deleted: tests/base.sh",
            |road| {
                road.remove("tests/base.sh");
                road.work("tests/base2.sh", "grep -q one lib.txt\n");
            },
            |road| road.work("tests/alpha2.sh", TEST),
        ),
        red(
            "an old test is made to skip",
            "skipped now: tests/base.sh",
            |road| road.work("tests/base.sh", "# skip\ngrep -q one lib.txt\n"),
            |road| road.work("tests/base.sh", "grep -q one lib.txt\n# skips nothing\n"),
        ),
        red(
            "what an old test looks at is broken",
            "passed on the base fail now: tests/base.sh",
            |road| road.work("lib.txt", "nothing\n"),
            |road| road.work("lib.txt", "one\nand more\n"),
        ),
        red(
            "the runner always fails",
            "broke off",
            |road| {
                road.work("tests/alpha.sh", PASSES);
                road.work("run-tests.sh", &TAP.replace("exit $status", "exit 1"));
            },
            |road| road.work("run-tests.sh", &format!("# runs the tests\n{TAP}")),
        ),
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
        .limit(6),
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
    ])
    .await;
}
