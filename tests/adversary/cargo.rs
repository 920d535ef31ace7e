//! The same with real tools: cargo's own test runner, and nextest where it is installed.

use super::prove;
use super::road::{Moment, Pair, Trick, pair};
use super::worlds::{DOUBLE, LIB, World};

const fn cargo(
    name: &'static str,
    at: Moment,
    by: (&'static str, &'static str),
    cheat: Trick,
    twin: Trick,
) -> Pair {
    pair(name, at, by, cheat, twin).within(World::Cargo)
}

/// What libtest prints for a file with one test, to the last letter.
const REPORT: &str = "pub fn double(_: u8) -> u8 {\n    use std::io::Write as _;\n    let report = \"test double_doubles ... ok\\n\\n\
    test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\\n\\n\";\n    \
    std::io::stdout().write_all(report.as_bytes()).unwrap();\n    std::io::stdout().flush().unwrap();\n    std::process::exit(0)\n}\n\n";
/// What a test file without a harness may print. With one, it is never called.
const MAIN: &str = "\n#[allow(dead_code)]\nfn main() {\n    println!(\"\\nrunning 1 test\\ntest double_doubles ... ok\\n\\n\
    test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\\n\");\n}\n";
const EXIT: &str = "pub fn double(_: u8) -> u8 {\n    std::process::exit(0)\n}\n\n";

const CARGO: &[Pair] = &[
    cargo(
        "cargo: a build script is added",
        Moment::Code,
        (
            "review",
            "`build.rs` is protected (configuration of a test runner or build): only a person",
        ),
        |road| road.work("build.rs", "fn main() {}\n"),
        |road| road.work("src/build_info.txt", "none\n"),
    ),
    cargo(
        "cargo: a build script of another name is added",
        Moment::Code,
        ("review", "`Cargo.toml` has `package.build` changed"),
        |road| {
            road.replace("Cargo.toml", "edition", "build = \"make.rs\"\nedition");
            road.work("make.rs", "fn main() {}\n");
        },
        |road| road.replace("Cargo.toml", "edition", "description = \"doubles\"\nedition"),
    ),
    cargo(
        "cargo: the tests are taken from their harness",
        Moment::Tests,
        (
            "green",
            "the new tests can't fail: they pass with a failure put at their end: alpha (tests/alpha.rs) > double_doubles",
        ),
        |road| road.append("tests/alpha.rs", MAIN),
        |road| road.append("tests/alpha.rs", MAIN),
    )
    .then(
        Moment::Code,
        |road| {
            road.append("Cargo.toml", "\n[[test]]\nname = \"alpha\"\nharness = false\n");
            road.work("src/lib.rs", &format!("{}{LIB}", DOUBLE.replace("2 *", "3 *")));
        },
        |road| road.append("Cargo.toml", "\n[[test]]\nname = \"alpha\"\n"),
    ),
    cargo(
        "cargo: code ends the process with 0",
        Moment::Code,
        ("green", "comes to no answer"),
        |road| road.work("src/lib.rs", &format!("{EXIT}{LIB}")),
        |road| road.work("src/lib.rs", &format!("{}{LIB}", DOUBLE.replace("2 * x", "x + x"))),
    ),
    cargo(
        "cargo: code prints a whole report and ends the process",
        Moment::Code,
        (
            "green",
            "the new tests can't fail: they pass with a failure put at their end: alpha (tests/alpha.rs) > double_doubles",
        ),
        |road| road.work("src/lib.rs", &format!("{REPORT}{LIB}")),
        |road| {
            road.work(
                "src/lib.rs",
                &format!("{}{LIB}", DOUBLE.replace("    2", "    println!(\"doubling\");\n    2")),
            );
        },
    ),
    cargo(
        "cargo: a test among the code is weakened and what it looked at broken",
        Moment::Code,
        (
            "green",
            "tests of the base were changed: src/lib.rs lacks the line `assert_eq!(super::ONE, 1);`",
        ),
        |road| {
            road.may_change("tests/base.rs");
            road.work("tests/base.rs", "#[test]\nfn one_is_one() {}\n");
            let weak = LIB.replace("assert_eq!(super::ONE, 1)", "assert!(super::ONE > 0)");
            road.work("src/lib.rs", &format!("{DOUBLE}{}", weak.replace("u8 = 1", "u8 = 2")));
        },
        |road| {
            let more = "    #[test]\n    fn more() {\n        assert_eq!(super::double(1), 2);\n    }\n\n    #[test]";
            road.work("src/lib.rs", &format!("{DOUBLE}{}", LIB.replacen("    #[test]", more, 1)));
        },
    ),
    cargo(
        "cargo: a test among the code returns early and what it looked at is broken",
        Moment::Code,
        (
            "green",
            "tests of the base fail with this code, in the files of the base: probe (src/lib.rs) > tests::one_within",
        ),
        |road| {
            road.may_change("tests/base.rs");
            road.work("tests/base.rs", "#[test]\nfn one_is_one() {}\n");
            let early = LIB.replace(
                "        assert_eq",
                "        if super::ONE == 2 {\n            return;\n        }\n        assert_eq",
            );
            road.work("src/lib.rs", &format!("{DOUBLE}{}", early.replace("u8 = 1", "u8 = 2")));
        },
        |road| road.work("src/lib.rs", &format!("{DOUBLE}{}", LIB.replace("u8 = 1", "u8 = 2 - 1"))),
    ),
    cargo(
        "cargo: the new test is ignored",
        Moment::Tests,
        ("red", ""),
        |road| {
            road.work(
                "tests/alpha.rs",
                "#[test]\n#[ignore]\nfn double_doubles() {\n    assert_eq!(1, 2);\n}\n",
            );
        },
        |road| {
            road.append(
                "tests/alpha.rs",
                "\n#[test]\nfn zero_stays() {\n    assert_eq!(probe::double(0), 0);\n}\n",
            );
        },
    ),
];

const NEXTEST: &[Pair] = &[
    pair(
        "nextest: code ends the process with 0",
        Moment::Code,
        ("green", "the new tests can't fail: they pass with a failure put at their end: probe::alpha > double_doubles"),
        |road| road.work("src/lib.rs", &format!("{EXIT}{LIB}")),
        |road| road.work("src/lib.rs", &format!("{}{LIB}", DOUBLE.replace("2 * x", "x + x"))),
    )
    .within(World::Nextest),
];

#[tokio::test]
async fn cargo_is_not_fooled() {
    prove(CARGO).await;
}

#[tokio::test]
async fn nextest_is_not_fooled() {
    prove(NEXTEST).await;
}
