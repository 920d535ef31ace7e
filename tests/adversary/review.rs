//! Cheats and accidents that only REVIEW sees: what an order may not bring whatever its tests say.

use super::prove;
use super::road::{Pair, review};

const DECIDES: &[Pair] = &[
    review(
        "a CI file is edited",
        "`.github/workflows/ci.yml` is protected (a CI or review file) and was not declared",
        |road| road.work(".github/workflows/ci.yml", "on: push\n"),
        |road| road.work("docs/ci.yml", "on: push\n"),
    ),
    review(
        "a lock file changes without its manifest",
        "`Cargo.lock` is protected (a lock file",
        |road| road.work("Cargo.lock", "version = 4\n"),
        |road| {
            road.person("Cargo.toml");
            road.work("Cargo.toml", "[workspace]\n");
            road.work("Cargo.lock", "version = 4\n");
        },
    ),
];

const CONTENT: &[Pair] = &[
    review(
        "a secret is written",
        "looks like a secret",
        |road| {
            let key = ["ghp", "_", "aB3dE5gH7jK9mN1pQ3rS", "5tU7wX9zA1cD3fG5"].concat();
            road.work("src/key.sh", &format!("TOKEN={key}\n"));
        },
        |road| road.work("src/key.sh", "TOKEN=$GITHUB_TOKEN\n"),
    ),
    review(
        "a large binary is added",
        "a new binary may have",
        |road| road.work("logo.png", &"\0".repeat(300 * 1024)),
        |road| road.work("logo.png", &"\0".repeat(20 * 1024)),
    ),
    review(
        "a program is added",
        "is an ELF program",
        |road| road.work("tool", "\x7fELF\x02\x01\x01\0\0"),
        |road| road.work("tool", "#!/bin/sh\n"),
    ),
    review(
        "a program hides in a repository of its own",
        "`src/inner/tool` is an ELF program",
        |road| {
            road.work("src/inner/tool", "\x7fELF\x02\x01\x01\0\0");
            embed(&road.file("src/inner"));
        },
        |road| {
            road.work("src/inner/tool", "#!/bin/sh\n");
            embed(&road.file("src/inner"));
        },
    ),
    review(
        "conflict markers are left",
        "conflict markers",
        |road| road.work("lib.txt", "one\n<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n"),
        |road| road.work("lib.txt", "one\n=======\n"),
    ),
    review(
        "the change is too large",
        "lines were added and removed",
        |road| road.work("src/table.txt", &"line\n".repeat(9_000)),
        |road| road.work("src/table.txt", &"line\n".repeat(900)),
    ),
    review(
        "a twin that differs in case is added",
        "`LIB.txt` differs only in case",
        |road| road.work("LIB.txt", "one\n"),
        |road| road.work("lib2.txt", "one\n"),
    ),
    review(
        "a link leaves the repository",
        "leaves the repository",
        |road| road.link("/etc/passwd", "out"),
        |road| road.link("lib.txt", "within"),
    ),
];

/// Makes the folder a repository with one commit of all it holds.
fn embed(folder: &std::path::Path) {
    for args in
        [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "--message", "x"]]
    {
        crate::gates::git(folder, args);
    }
}

#[tokio::test]
async fn what_decides_what_happens_next_must_be_declared() {
    prove(DECIDES).await;
}

#[tokio::test]
async fn what_may_not_land_does_not() {
    prove(CONTENT).await;
}
