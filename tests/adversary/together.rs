//! Cheats that show only where orders meet, or on a clean checkout: the union must see them.

use super::prove;
use super::road::{Moment, Pair, Trick, pair};
use super::worlds::CODE;

const fn union(name: &'static str, why: &'static str, cheat: Trick, twin: Trick) -> Pair {
    pair(name, Moment::Code, ("union", why), cheat, twin)
}

const TOGETHER: &[Pair] = &[
    union(
        "passes alone and fails in union",
        "the tests fail once it stands on beta",
        |road| road.work("src/extra", "x\n"),
        |road| road.work("docs/extra", "x\n"),
    )
    .base(|house| {
        house.commit("src/first", "x\n");
        house.commit("tests/limit.sh", "[ $(ls src | grep -v alpha | wc -l) -le 2 ]\n");
    })
    .company(),
    union(
        "breaks another order's test",
        "the tests fail once it stands on beta",
        |road| road.work("src/alpha.sh", &format!("rm -f src/beta\n{CODE}")),
        |road| road.work("src/alpha.sh", &format!("rm -f src/beta.tmp\n{CODE}")),
    )
    .company(),
    union(
        "changes the same lines as another order",
        "conflicts with the order beta in src/beta",
        |road| road.work("src/beta", "mine\n"),
        |road| road.work("src/beta.txt", "mine\n"),
    )
    .company(),
];

const CLEAN: &[Pair] = &[
    union(
        "needs an ignored file that is in its worktree only",
        "the tests fail on the fresh base",
        |road| {
            road.work("src/alpha.sh", ". src/values.tmp\necho $(($1 * two))\n");
            road.work("src/values.tmp", "two=2\n");
        },
        |road| {
            road.work("src/alpha.sh", ". src/values\necho $(($1 * two))\n");
            road.work("src/values", "two=2\n");
        },
    ),
    union(
        "knows the name of its worktree",
        "the tests fail on the fresh base",
        |road| {
            let known = "case $PWD in */alpha*) ;; *) exit 1;; esac\n";
            road.work("src/alpha.sh", &format!("{known}{CODE}"));
        },
        |road| road.work("src/alpha.sh", &format!("cd \"$PWD\"\n{CODE}")),
    ),
];

const COMMITTER: &[Pair] = &[
    pair(
        "the commit stage slips code in",
        Moment::Commit,
        ("union", "the commit stage changed the worktree: src/alpha.sh"),
        |road| road.work("src/alpha.sh", "echo 6\n"),
        |road| road.job.paper("commit-message.md", "Double\n\nNumbers, that is.\n"),
    ),
    pair(
        "the commit stage deletes a frozen test",
        Moment::Commit,
        ("union", "the commit stage changed the worktree: tests/alpha.sh"),
        |road| road.remove("tests/alpha.sh"),
        |_| {},
    ),
];

#[tokio::test]
async fn what_passes_alone_must_pass_together() {
    prove(TOGETHER).await;
}

#[tokio::test]
async fn what_passes_in_the_worktree_must_pass_elsewhere() {
    prove(CLEAN).await;
}

#[tokio::test]
async fn who_commits_changes_nothing() {
    prove(COMMITTER).await;
}
