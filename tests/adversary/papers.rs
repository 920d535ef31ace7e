//! Cheats with papers: the spec, and what a playtest leaves.

use std::time::{Duration, SystemTime};

use shopfloor::verdict::Verdict;

use super::prove;
use super::road::{Moment, Pair, Trick, pair};
use super::worlds::SPEC;

const fn spec(name: &'static str, why: &'static str, cheat: Trick, twin: Trick) -> Pair {
    pair(name, Moment::Spec, ("spec", why), cheat, twin)
}

const fn playtest(name: &'static str, why: &'static str, cheat: Trick, twin: Trick) -> Pair {
    pair(name, Moment::Playtest, ("playtest", why), cheat, twin)
}

const SPECS: &[Pair] = &[
    spec(
        "the spec lacks a section",
        "no heading for",
        |road| road.job.paper("work-order.md", &SPEC.replace("## How to playtest", "## More")),
        |road| road.job.paper("work-order.md", &format!("{SPEC}\n## More\nText.\n")),
    ),
    spec(
        "the spec's section is empty",
        "nothing stands under",
        |road| road.job.paper("work-order.md", &SPEC.replace("- 3 gives 6\n", "")),
        |road| road.job.paper("work-order.md", &SPEC.replace("- 3", "* 3")),
    ),
    spec(
        "the spec declares files outside",
        "leaves the repository",
        |road| road.job.paper("work-order.md", &SPEC.replace("`src/alpha.sh`", "`../alpha.sh`")),
        |road| road.job.paper("work-order.md", &SPEC.replace("`src/alpha.sh`", "`src/`")),
    ),
    spec("the spec is empty", "is empty", |road| road.job.paper("work-order.md", "\n"), |_| {}),
];

const REPORTS: &[Pair] = &[
    playtest(
        "there is no report of the playtest",
        "there is no playtest-report.md",
        |road| std::fs::remove_file(road.job.papers.join("playtest-report.md")).unwrap(),
        |road| road.job.paper("playtest-report.md", "Verdict: APPROVED\n"),
    ),
    playtest(
        "the report of the playtest is empty",
        "is empty",
        |road| road.job.paper("playtest-report.md", " \n"),
        |road| road.job.paper("playtest-report.md", "Fine.\n"),
    ),
    playtest(
        "the report contradicts the result",
        "the report says NEEDS_WORK",
        |road| road.job.paper("playtest-report.md", "Verdict: NEEDS_WORK\n"),
        |road| road.job.paper("playtest-report.md", "**Verdict:** approved\n"),
    ),
    playtest(
        "the report is of before the code",
        "is older than the code",
        |road| old(&road.job.papers.join("playtest-report.md")),
        |_| {},
    ),
];

const ARTIFACTS: &[Pair] = &[
    playtest(
        "an artifact is missing",
        "is not on the desk",
        |road| std::fs::remove_file(road.job.desk.join("output.txt")).unwrap(),
        |road| road.desk("unnamed.txt", ""),
    ),
    playtest(
        "an artifact is empty",
        "is empty",
        |road| road.desk("output.txt", ""),
        |road| road.desk("output.txt", "x"),
    ),
    playtest(
        "an artifact is of before the code",
        "is older than the code",
        |road| old(&road.job.desk.join("output.txt")),
        |_| {},
    ),
    playtest(
        "an artifact lies outside of the desk",
        "is no plain relative name",
        |road| road.artifacts = vec!["../alpha/output.txt"],
        |road| {
            road.artifacts = vec!["more/output.txt"];
            road.desk("more/output.txt", "x\n");
        },
    ),
    playtest(
        "an artifact is a symlink",
        "is a symlink",
        |road| {
            let path = road.job.desk.join("output.txt");
            std::fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink("/etc/passwd", path).unwrap();
        },
        |_| {},
    ),
];

const LOOKERS: &[Pair] = &[
    playtest(
        "the playtester mends the code",
        "the playtest changed the worktree: src/alpha.sh",
        |road| road.work("src/alpha.sh", "echo $(($1 + $1))\n"),
        |road| road.work("seen.tmp", "ignored\n"),
    ),
    playtest(
        "the playtester breaks the code after looking",
        "the playtest changed the worktree",
        |road| {
            road.verdict = Some(Verdict::Done);
            road.remove("src/alpha.sh");
        },
        |_| {},
    ),
    // What no command can see, a playtester can who tries another number than the test.
    pair(
        "a stub knows the test's number",
        Moment::Code,
        ("playtest", "NEEDS_WORK"),
        |road| road.work("src/alpha.sh", "[ $1 = 3 ] && echo 6\n"),
        |road| road.work("src/alpha.sh", "echo $(($1 + $1))\n"),
    ),
];

fn old(path: &std::path::Path) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
}

#[tokio::test]
async fn a_spec_says_what_it_must() {
    prove(SPECS).await;
}

#[tokio::test]
async fn a_playtest_tells_what_it_saw() {
    prove(REPORTS).await;
}

#[tokio::test]
async fn a_playtest_shows_what_it_saw() {
    prove(ARTIFACTS).await;
}

#[tokio::test]
async fn who_playtests_only_looks_and_tries_for_himself() {
    prove(LOOKERS).await;
}
