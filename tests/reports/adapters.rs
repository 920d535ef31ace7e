//! Every recorded run with all that is read of it.

use super::{Recorded, all_shown, filed, printed};

pub(super) fn libtest() -> Vec<Recorded> {
    vec![
        printed("libtest/passing", "cargo test", 0),
        printed("libtest/failing", "cargo test --features bad --no-fail-fast", 101),
        printed("libtest/stops-at-first", "cargo test --features bad", 101),
        printed("libtest/coloured", "cargo test --features bad --lib", 101),
        printed("libtest/workspace", "cargo test --workspace --no-fail-fast", 101),
        printed("libtest/aborts", "cargo test -p crash --test aborts -- --test-threads=1", 101),
        printed("libtest/aborts-parallel", "cargo test -p crash --test aborts", 101),
        printed("libtest/exits", "cargo test -p crash --test exits -- --test-threads=1", 0),
        printed("libtest/zero", "cargo test -p crash --test none", 0),
        printed("libtest/nothing-matches", "cargo test no_such_test", 0),
        printed("libtest/quiet", "cargo test -q --features bad --lib", 101),
        printed("libtest/quiet-passing", "cargo test -q", 0),
        printed("libtest/nocapture", "cargo test --lib -- --nocapture --test-threads=1", 0),
        printed("libtest/nocapture-parallel", "cargo test --lib -- --nocapture", 0),
        printed("libtest/build-test", "cargo test", 101),
        printed("libtest/build-lib", "cargo test", 101),
        printed("libtest/build-syntax", "cargo test --color always", 101),
        printed("libtest/build-macro", "cargo test", 101),
        printed("libtest/build-member", "cargo test --workspace", 101),
        printed("libtest/build-short", "cargo test --workspace --message-format short", 101),
        printed("nextest/json", "cargo nextest run --no-fail-fast", 100),
        printed("nextest/json-crash", "cargo nextest run -p crash --no-fail-fast", 100),
        printed("nextest/json-retries", "cargo nextest run --retries 1 --no-fail-fast", 100),
        printed("nextest/json-stops", "cargo nextest run -j1", 100),
        printed("nextest/json-zero", "cargo nextest run nope", 4),
    ]
}

pub(super) fn junit() -> Vec<Recorded> {
    vec![
        filed("nextest/passing", "cargo nextest run --profile ci", 0),
        filed("nextest/failing", "cargo nextest run --profile ci --no-fail-fast", 100),
        filed("nextest/stops", "cargo nextest run --profile ci -j1", 100),
        filed("nextest/crash", "cargo nextest run --profile ci -p crash --no-fail-fast", 100),
        filed("nextest/retries", "cargo nextest run --profile ci --retries 1", 100),
        filed("nextest/zero", "cargo nextest run --profile ci no_such", 4),
        filed("pytest/passing", "pytest one", 0),
        filed("pytest/failing", "pytest tests", 2),
        filed("pytest/failing-continued", "pytest tests --continue-on-collection-errors", 1),
        filed("pytest/parallel", "pytest one tests/test_sums.py -n 2", 1),
        filed("pytest/stops", "pytest -x tests/test_sums.py", 1),
        filed("pytest/crash", "pytest crash", 134),
        filed("pytest/crash-xdist", "pytest crash -n 2", 1),
        filed("pytest/exits", "pytest exits", 0),
        filed("pytest/sysexit", "pytest sysexit", 2),
        filed("pytest/zero", "pytest none", 5),
        filed("pytest/no-such", "pytest no_such_folder", 4),
        filed("pytest/conftest", "pytest conf", 4),
        filed("vitest/both", "vitest run --reporter=junit", 1),
        filed("node/passing", "npm test", 0),
        filed("node/failing", "npm test", 1),
        filed("node/broken", "npm test", 1),
        filed("node/crash", "npm test", 1),
        filed("node/exits", "npm test", 0),
        filed("node/zero", "npm test", 0),
    ]
}

pub(super) fn tap() -> Vec<Recorded> {
    vec![
        printed("node/passing", "node --test pass/", 0),
        printed("node/failing", "node --test fail/ pass/", 1),
        printed("node/broken", "node --test broken/", 1),
        printed("node/crash", "node --test crash/", 1),
        printed("node/exits", "node --test exits/", 0),
        printed("node/zero", "node --test none/", 0),
        printed("node/no-files", "node --test empty/", 0),
        printed("tap/perl", "perl names.t", 1),
        printed("tap/perl-bail", "perl bail.t", 255),
        printed("tap/perl-short", "perl short.t", 255),
        printed("tap/tap14", "npm test", 1),
        printed("vitest/both", "vitest run --reporter=tap", 1),
    ]
}

pub(super) fn unittest() -> Vec<Recorded> {
    vec![
        printed("unittest/passing", "python3 -m unittest discover -v -s one", 0),
        printed("unittest/failing", "python3 -m unittest discover -v -s tests", 1),
        printed("unittest/buffered", "python3 -m unittest discover -v -b -s tests", 1),
        printed("unittest/crash", "python3 -m unittest discover -v -s crash", 134),
        printed("unittest/exits", "python3 -m unittest discover -v -s exits", 1),
        printed("unittest/forged", "python3 -m unittest discover -v -s forged", 1),
        printed("unittest/zero", "python3 -m unittest discover -v -s none", 0),
        printed("unittest/failfast", "python3 -m unittest discover -v -f -s tests", 1),
        printed("unittest/missing-module", "python3 -m unittest -v no_such.module", 1),
        printed("unittest/not-verbose", "python3 -m unittest discover -s tests", 1),
    ]
}

pub(super) fn go_json() -> Vec<Recorded> {
    let mut all = Vec::new();
    for go in ["go-1.19", "go-1.27"] {
        let recorded =
            |name: &str, command: &str, exit: i32| printed(&format!("{go}/{name}"), command, exit);
        all.extend([
            recorded("passing", "go test -json . ./sub", 0),
            recorded("failing", "go test -json . ./sub ./none", 1),
            recorded("parallel", "go test -json ./parallel", 1),
            recorded("crash", "go test -json ./crash", 1),
            recorded("exits", "go test -json ./exits", 1),
            recorded("mainset", "go test -json ./mainset", 1),
            recorded("build", "go test -json ./broken ./sub", 1),
            recorded("zero", "go test -json ./none", 0),
            recorded("no-match", "go test -json -run=NoSuch ./sub", 0),
        ]);
    }
    all.extend([
        printed("go-1.19/by-flags", "go test ./sub", 0),
        printed("go-1.19/plain", "go test ./sub ./crash", 1),
        printed("go-1.19/plain-verbose", "go test -v ./sub", 0),
        printed("go-1.27/abort", "go test -json ./abort", 1),
        printed("go-1.27/prints", "go test -json ./panics", 0),
        printed("go-1.27/failfast", "go test -json -failfast ./...", 1),
    ]);
    all
}

pub(super) fn jest() -> Vec<Recorded> {
    vec![
        filed("jest/pass", "jest --json --outputFile=r.json pass/", 0),
        printed("jest/stdout", "npm test", 0),
        filed("jest/fail", "jest --json --outputFile=r.json fail/", 1),
        filed("jest/none", "jest --json --outputFile=r.json none/", 1),
        filed("jest/no_such", "jest --json --outputFile=r.json no_such/", 1),
        filed("jest/crash", "jest --json --outputFile=r.json crash/", 134),
        filed("jest/exits", "jest --json --outputFile=r.json exits/", 0),
        filed("vitest/pass", "npx vitest run --reporter=json --outputFile=r.json pass/", 0),
        printed("vitest/stdout", "npx vitest run --reporter=json pass/", 0),
        filed("vitest/fail", "npx vitest run --reporter=json --outputFile=r.json fail/", 1),
        filed("vitest/none", "npx vitest run --reporter=json --outputFile=r.json none/", 1),
        filed("vitest/no_such", "npx vitest run --reporter=json --outputFile=r.json x/", 1),
        filed("vitest/crash", "npx vitest run --reporter=json --outputFile=r.json crash/", 1),
        filed("vitest/exits", "npx vitest run --reporter=json --outputFile=r.json exits/", 1),
        filed("vitest/bail", "npx vitest run --reporter=json --bail 1 fail/", 1),
    ]
}

pub(super) fn everything() -> Vec<Recorded> {
    [libtest(), junit(), tap(), unittest(), go_json(), jest()].concat()
}

#[test]
fn what_cargo_test_and_nextest_print_is_read_as_recorded() {
    insta::assert_snapshot!("libtest", all_shown(&libtest()));
}

#[test]
fn what_stands_in_junit_is_read_as_recorded() {
    insta::assert_snapshot!("junit", all_shown(&junit()));
}

#[test]
fn what_is_printed_as_tap_is_read_as_recorded() {
    insta::assert_snapshot!("tap", all_shown(&tap()));
}

#[test]
fn what_unittest_prints_is_read_as_recorded() {
    insta::assert_snapshot!("unittest", all_shown(&unittest()));
}

#[test]
fn the_events_of_go_are_read_as_recorded() {
    insta::assert_snapshot!("go-json", all_shown(&go_json()));
}

#[test]
fn what_jest_and_vitest_write_is_read_as_recorded() {
    insta::assert_snapshot!("jest", all_shown(&jest()));
}
