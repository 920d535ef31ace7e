//! Cheats with the tests that were there before the order, and with what they look at.

use super::prove;
use super::road::{Moment, Pair, green, pair, red};

const BY_CODE: &[Pair] = &[
    green(
        "code breaks an old test",
        "tests/base.sh",
        |road| road.work("lib.txt", "nothing\n"),
        |road| road.work("lib.txt", "one\nmore\n"),
    ),
    green(
        "code deletes an old test",
        "tests of the base were changed: tests/base.sh is gone",
        |road| road.remove("tests/base.sh"),
        |road| road.remove("old.txt"),
    ),
    green(
        "code makes an old test skip",
        "tests of the base were changed: tests/base.sh",
        |road| road.work("tests/base.sh", "# skip\ngrep -q one lib.txt\n"),
        |road| road.work("tests/base2.sh", "grep -q one lib.txt\n"),
    ),
    green(
        "code renames an old test",
        "tests of the base were changed: tests/base.sh is gone",
        |road| std::fs::rename(road.file("tests/base.sh"), road.file("tests/b.sh")).unwrap(),
        |road| std::fs::rename(road.file("old.txt"), road.file("older.txt")).unwrap(),
    ),
    green(
        "code weakens an old test and breaks what it looked at",
        "tests of the base were changed: tests/base.sh",
        |road| {
            road.work("tests/base.sh", "true\n");
            road.work("lib.txt", "nothing\n");
        },
        |road| {
            // A person said that this test has to change.
            road.may_change("tests/base.sh");
            road.work("tests/base.sh", "grep -q ONE lib.txt\n");
            road.work("lib.txt", "ONE\ntwo\n");
        },
    ),
    green(
        "code brings a test that mends what an old one looks at",
        "tests of the base fail with this code, in the files of the base: tests/base.sh",
        |road| {
            road.work("lib.txt", "nothing\n");
            road.replace("src/alpha.sh", "echo", "echo one > lib.tmp; echo");
            road.work("tests/aaa.sh", "echo one > lib.tmp\n");
        },
        |road| road.work("tests/aaa.sh", "echo one > lib.tmp\n"),
    )
    .base(|house| house.commit("tests/base.sh", "grep -q one lib.txt || grep -q one lib.tmp\n")),
];

const BY_TESTS: &[Pair] = &[
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
        |road| road.work("tests/alpha2.sh", super::worlds::TEST),
    ),
    red(
        "an old test is made to skip",
        "skipped now: tests/base.sh",
        |road| road.work("tests/base.sh", "# skip\ngrep -q one lib.txt\n"),
        |road| road.work("tests/base.sh", "grep -q one lib.txt\n# never skipped\n"),
    ),
    red(
        "an old test is weakened with the new ones",
        "tests of the base were changed: tests/base.sh lacks the line `grep -q one lib.txt`",
        |road| road.work("tests/base.sh", "grep -q . lib.txt\n"),
        |road| road.work("tests/base.sh", "grep -q one lib.txt\ngrep -q two lib.txt\n"),
    ),
    red(
        "the new test takes the name of an old one",
        "tests of the base were changed: tests/base.sh",
        |road| {
            road.remove("tests/alpha.sh");
            road.work("tests/base.sh", super::worlds::TEST);
        },
        |road| road.append("tests/base.sh", "grep -q two lib.txt\n"),
    ),
    red(
        "what an old test looks at is broken",
        "passed on the base fail now: tests/base.sh",
        |road| road.work("lib.txt", "nothing\n"),
        |road| road.work("lib.txt", "one\nand more\n"),
    ),
    pair(
        "lines are added that end an old test early, and code breaks what it looked at",
        Moment::Tests,
        ("green", "tests of the base fail with this code, in the files of the base: tests/base.sh"),
        |road| road.work("tests/base.sh", "exit 0\ngrep -q one lib.txt\n"),
        |road| road.work("tests/base.sh", "grep -q one lib.txt\ngrep -q two lib.txt\n"),
    )
    .then(
        Moment::Code,
        |road| road.work("lib.txt", "nothing\n"),
        |road| road.work("lib.txt", "one\ntwo\nmore\n"),
    ),
    pair(
        "a new test mends what an old one looks at, and code breaks it",
        Moment::Tests,
        ("green", "tests of the base fail with this code, in the files of the base: tests/base.sh"),
        |road| {
            road.work("tests/alpha.sh", "echo one > lib.tmp\n[ \"$(sh src/alpha.sh 3)\" = 6 ]\n");
        },
        |road| {
            road.work("tests/alpha.sh", "echo two > lib.tmp\n[ \"$(sh src/alpha.sh 3)\" = 6 ]\n");
        },
    )
    .then(Moment::Code, |road| road.work("lib.txt", "nothing\n"), |_| {})
    .base(|house| house.commit("tests/base.sh", "grep -q one lib.txt || grep -q one lib.tmp\n")),
];

#[tokio::test]
async fn code_leaves_old_tests_and_what_they_want_as_they_were() {
    prove(BY_CODE).await;
}

#[tokio::test]
async fn new_tests_take_nothing_from_the_old_ones() {
    prove(BY_TESTS).await;
}
