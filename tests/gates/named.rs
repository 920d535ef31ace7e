//! Tests by their names: which are new, which fail, and by what; on a script that speaks TAP, and on real `cargo test`.

use super::*;

/// Runs every `tests/*.sh` and tells each by its name; a line `# skip` in one skips it.
const TAP: &str = r#"count=0; status=0
for test in tests/*.sh; do
    [ -e "$test" ] || continue
    count=$((count + 1))
    if grep -q '^# skip' "$test"; then echo "ok $count - $test # SKIP"; continue; fi
    if sh "$test"; then echo "ok $count - $test"; else echo "not ok $count - $test"; status=1; fi
done
echo "1..$count"
exit $status
"#;

/// A house whose tests have names.
async fn named() -> House {
    let house = House::new().await;
    house.commit("run-tests.sh", TAP);
    house
}

fn last_line(job: &Job) -> serde_json::Value {
    let record = job.read("evidence/record.jsonl");
    serde_json::from_str(record.lines().last().unwrap()).unwrap()
}

#[tokio::test]
async fn new_tests_are_named_from_red_to_the_page() {
    let house = named().await;
    let job = house.built("alpha").await;
    let red = last_line(&job);
    assert!(red["line"].as_str().unwrap().starts_with("1 new test (tests/alpha.sh) fail"), "{red}");
    assert_eq!(red["new"], serde_json::json!({"total": 1, "ids": ["tests/alpha.sh"]}));
    assert_eq!((&red["v"], &red["basis"]), (&2.into(), &"named".into()));
    assert_eq!((&red["adapter"], &red["strength"]), (&"tap".into(), &"named".into()));
    assert_eq!(red["counts"], serde_json::json!({"passed": 1, "failed": 1, "skipped": 0}));
    let run = &red["runs"][2];
    assert_eq!((&run["place"], &run["exit"]), (&"worktree".into(), &1.into()));
    assert_eq!(run["argv"], serde_json::json!(["sh", "run-tests.sh"]));
    assert!(job.read("evidence/frozen.json").contains("\"tests/alpha.sh\"\n  ]"));

    expect(&house.check(Gate::Green, &job).await, "pass", "1 new test (tests/alpha.sh) among them");
    assert_eq!(last_line(&job)["new"]["ids"][0], "tests/alpha.sh");
    let page = job.read("EVIDENCE.md");
    assert!(page.contains("## New tests") && page.contains("- `tests/alpha.sh`"), "{page}");
    assert!(!page.contains("weaker"), "{page}");
    expect(&house.union(&[&job]).await[0], "pass", "landed");
}

#[tokio::test]
async fn exit_codes_alone_are_labelled_wherever_they_are_shown() {
    let house = House::new().await;
    let job = house.built("alpha").await;
    assert!(last_line(&job)["line"].as_str().unwrap().contains("weaker proof: exit code only"));
    expect(&house.check(Gate::Green, &job).await, "pass", "weaker proof: exit code only");
    assert_eq!(last_line(&job)["basis"], "exit-code");
    assert!(job.read("EVIDENCE.md").contains("names no test (weaker proof: exit code only)"));
    expect(&house.union(&[&job]).await[0], "pass", "weaker proof: exit code only");
}

#[tokio::test]
async fn red_names_the_test_that_is_why() {
    let house = named().await;
    let lazy = house.tested("lazy").await;
    lazy.work("tests/always.sh", "true\n");
    let report = house.check(Gate::Red, &lazy).await;
    expect(&report, "fail", "pass before the work is there: tests/always.sh");
    assert_eq!(last_line(&lazy)["failing"]["ids"], serde_json::json!(["tests/always.sh"]));

    let flaky = house.tested("flaky").await;
    let flip = "if [ -e flip.tmp ]; then rm flip.tmp; else : > flip.tmp; false; fi\n";
    flaky.work("tests/flip.sh", flip);
    let report = house.check(Gate::Red, &flaky).await;
    expect(&report, "fail", "flaky: failed once, passed once: tests/flip.sh");
    assert!(findings(&report).contains("Run 1") && findings(&report).contains("Run 2"));

    let skipped = house.tested("skipped").await;
    skipped.work("tests/later.sh", "# skip\nfalse\n");
    expect(&house.check(Gate::Red, &skipped).await, "fail", "are skipped: tests/later.sh");

    let harmful = house.tested("harmful").await;
    harmful.work("lib.txt", "nothing left\n");
    let report = house.check(Gate::Red, &harmful).await;
    expect(&report, "fail", "passed on the base fail now: tests/base.sh");

    let hider = house.tested("hider").await;
    hider.work("tests/base.sh", "# skip\ngrep -q one lib.txt\n");
    expect(&house.check(Gate::Red, &hider).await, "fail", "skipped now: tests/base.sh");

    let mut loud = house.order("loud").await;
    loud.request.files = vec!["run-tests.sh".to_owned()];
    loud.work("src/loud", "here\n");
    loud.work("run-tests.sh", &TAP.replace("exit $status", "exit 1"));
    expect(&house.check(Gate::Red, &loud).await, "fail", "broke off (the command failed (exit 1)");
}

#[tokio::test]
async fn green_wants_exactly_the_tests_of_red() {
    let house = named().await;
    // A runner that leaves the new test out, and one that says it passes only the first time.
    let gone = house.built("gone").await;
    gone.work("run-tests.sh", &TAP.replace("tests/*.sh", "tests/base*.sh"));
    expect(&house.check(Gate::Green, &gone).await, "fail", "gone or skipped: tests/gone.sh");

    let liar = house.built("liar").await;
    liar.work("run-tests.sh", &TAP.replace("exit $status", "exit 0"));
    std::fs::remove_file(liar.bench.path.join("src/liar")).unwrap();
    let report = house.check(Gate::Green, &liar).await;
    expect(&report, "fail", "tests/liar.sh");
    assert!(findings(&report).starts_with("Failing tests:\n\n- `tests/liar.sh`"), "{report:?}");

    let flaky = house.built("flaky").await;
    flaky.work("tests/flaky.sh", "[ -e src/flaky ]\n");
    let flip = "if [ -e ../flip ]; then rm ../flip; false; else : > ../flip; fi\n";
    flaky.work("tests/other.sh", flip);
    expect(&house.check(Gate::Green, &flaky).await, "fail", "failed once: tests/other.sh");

    let weak = house.built("weak").await;
    weak.work("run-tests.sh", "echo fine\n");
    expect(&house.check(Gate::Green, &weak).await, "fail", "comes to no answer");

    let cut = house.built("cut").await;
    cut.work("run-tests.sh", &TAP.replace("tests/*.sh", "tests/cut*.sh"));
    expect(
        &house.check(Gate::Green, &cut).await,
        "fail",
        "tests of the base are gone: tests/base.sh",
    );
}

#[tokio::test]
async fn what_an_order_lets_change_is_shown_and_nothing_else_may() {
    let house = named().await;
    let mut job = house.tested("alpha").await;
    job.work("tests/old.sh", "[ -e src/alpha ]\n");
    job.request.more.insert("tests_may_change".to_owned(), serde_json::json!(["tests/old*"]));
    job.frozen = house.check(Gate::Red, &job).await.proof;
    job.work("src/alpha", "here\n");
    job.work("tests/old.sh", "true\n");
    let report = house.check(Gate::Green, &job).await;
    expect(
        &report,
        "pass",
        "1 frozen file unchanged, changed as tests_may_change lets: tests/old.sh",
    );
    assert_eq!(last_line(&job)["allowed"], serde_json::json!(["tests/old.sh"]));
    job.work("tests/alpha.sh", "true\n");
    expect(&house.check(Gate::Green, &job).await, "fail", "tests/alpha.sh was changed");
    job.request.more.insert("tests_may_change".to_owned(), serde_json::json!("tests/old*"));
    expect(
        &house.check(Gate::Green, &job).await,
        "fail",
        "tests_may_change in order.json is no list",
    );
}

#[tokio::test]
async fn a_union_that_fails_names_the_tests() {
    let house = named().await;
    house.commit("tests/pair.sh", "! { [ -e src/alpha ] && [ -e src/beta ]; }\n");
    let (alpha, beta) = (house.built("alpha").await, house.built("beta").await);
    let reports = house.union(&[&alpha, &beta]).await;
    expect(&reports[0], "pass", "landed");
    expect(&reports[1], "fail", "once it stands on alpha");
    expect(&reports[1], "fail", ": tests/pair.sh");
    assert!(
        findings(&reports[1]).starts_with("Failing tests:\n\n- `tests/pair.sh`"),
        "{reports:?}"
    );
    assert_eq!(last_line(&beta)["failing"]["ids"], serde_json::json!(["tests/pair.sh"]));
}

#[tokio::test]
async fn a_report_file_of_an_earlier_run_counts_for_nothing() {
    let junit = r#"[ -e broken ] || printf '<testsuite tests="1"><testcase classname="a" name="b"/></testsuite>' > out/report.xml; exit 0"#;
    let house = House::with(|config| {
        config.project.test.command = ["sh", "-c", junit].map(str::to_owned).to_vec();
        config.project.test.report_path = Some("out/report.xml".into());
        config.project.test.report = shopfloor::report::Choice::parse("junit").unwrap();
    })
    .await;
    house.commit(".gitignore", "out/report.xml\n");
    house.commit("out/README", "reports\n");
    let job = house.tested("alpha").await;
    expect(&house.check(Gate::Red, &job).await, "fail", "the base has every test that ran here");
    job.work("broken", "no report any more\n");
    let report = house.check(Gate::Red, &job).await;
    expect(&report, "fail", "comes to no answer");
    assert!(job.read(&report.transcripts[0]).contains("tests: not read"), "{report:?}");
}

#[tokio::test]
async fn commands_of_gates_give_way_and_wait_for_one_slot() {
    let text = "nice > nice.tmp; mkdir \"$PROJECT/../busy\" || echo 'not ok 1 - alone'; sh run-tests.sh; s=$?; rmdir \"$PROJECT/../busy\"; exit $s";
    let house = House::with(|config| {
        config.project.test.command = ["sh", "-c", text].map(str::to_owned).to_vec();
    })
    .await;
    house.commit("run-tests.sh", TAP);
    let (alpha, beta) = (house.tested("alpha").await, house.tested("beta").await);
    let (one, two) = tokio::join!(house.check(Gate::Red, &alpha), house.check(Gate::Red, &beta));
    expect(&one, "pass", "1 new test (tests/alpha.sh)");
    expect(&two, "pass", "1 new test (tests/beta.sh)");
    let nice = std::fs::read_to_string(alpha.bench.path.join("nice.tmp")).unwrap();
    assert!(nice.trim().parse::<i32>().unwrap() >= 10, "{nice}");
}

#[tokio::test]
async fn two_queues_of_one_machine_wait_for_one_slot() {
    let machine = tempfile::tempdir().unwrap();
    let busy = machine.path().join("busy");
    let text = format!(
        "mkdir {0:?} || echo 'not ok 1 - alone'; sh run-tests.sh; s=$?; sleep 0.1; rmdir {0:?}; exit $s",
        busy.display().to_string()
    );
    let house = async || {
        let house =
            House::on(tempfile::tempdir().unwrap(), machine.path().join("slots"), |config| {
                config.project.test.command = ["sh", "-c", &text].map(str::to_owned).to_vec();
            })
            .await;
        house.commit("run-tests.sh", TAP);
        house
    };
    let (here, there) = (house().await, house().await);
    let (alpha, beta) = (here.tested("alpha").await, there.tested("beta").await);
    let (one, two) = tokio::join!(here.check(Gate::Red, &alpha), there.check(Gate::Red, &beta));
    expect(&one, "pass", "1 new test (tests/alpha.sh)");
    expect(&two, "pass", "1 new test (tests/beta.sh)");
}

/// A house with a crate in it, tested by cargo itself.
async fn crate_house() -> House {
    let house = House::with(|config| {
        let words = ["cargo", "test", "--offline", "--no-fail-fast"];
        config.project.test.command = words.map(str::to_owned).to_vec();
    })
    .await;
    let manifest = "[package]\nname = \"probe\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[lib]\ndoctest = false\n";
    write(&house.project().join("Cargo.toml"), manifest);
    write(&house.project().join(".gitignore"), "/target\nCargo.lock\n*.tmp\n");
    house.commit("src/lib.rs", "pub fn one() -> u8 {\n    1\n}\n\n#[test]\nfn one_is_one() {\n    assert_eq!(one(), 1);\n}\n");
    house
}

const NEEDS_TWO: &str = "#[test]\nfn two_is_two() {\n    assert_eq!(probe::two(), 2);\n}\n";

#[tokio::test]
async fn a_build_that_fails_in_the_new_tests_alone_is_red_by_build() {
    let house = crate_house().await;
    let mut job = house.order("alpha").await;
    job.work("tests/two.rs", NEEDS_TWO);
    let red = house.check(Gate::Red, &job).await;
    expect(&red, "pass", "red-by-build, twice (exit 101); the build fails in tests/two.rs");
    job.frozen = red.proof;
    let lib = std::fs::read_to_string(job.bench.path.join("src/lib.rs")).unwrap();
    job.work("src/lib.rs", &format!("{lib}\npub fn two() -> u8 {{\n    2\n}}\n"));
    let green = house.check(Gate::Green, &job).await;
    expect(
        &green,
        "pass",
        "1 new test (two (tests/two.rs) > two_is_two) among them (red-by-build before)",
    );
    assert!(job.read("EVIDENCE.md").contains("(red-by-build)"));
}

#[tokio::test]
async fn a_build_that_fails_outside_of_the_tests_is_no_red() {
    let house = crate_house().await;
    house.commit("src/other.rs", "pub fn other() -> u8 {\n    ONE\n}\n\npub const ONE: u8 = 1;\n");
    house.commit("src/lib.rs", "pub mod other;\npub mod name;\n#[test]\nfn one_is_one() {\n    assert_eq!(other::other(), 1);\n}\n");
    house.commit("src/name.rs", "pub use crate::other::ONE;\n");
    let job = house.order("alpha").await;
    job.work("tests/two.rs", NEEDS_TWO);
    job.work("src/other.rs", "pub fn other() -> u8 {\n    1\n}\n");
    expect(
        &house.check(Gate::Red, &job).await,
        "fail",
        "the build fails outside of the tests' files: src/name.rs",
    );
}

/// Prints what pytest's JUnit and its last lines show, from `tests/test_*.py`: a file whose first line `from x import y` finds
/// no `x.py` can't be loaded, and then no test is run.
const PYTEST: &str = r#"cases=; count=0; errors=0; status=0
for test in tests/test_*.py; do
    module=$(basename "$test" .py)
    needs=$(sed -n 's/^from \(.*\) import .*/\1/p' "$test")
    if [ -n "$needs" ] && [ ! -e "$needs.py" ]; then
        errors=$((errors + 1)); broken="$broken<testcase classname=\"\" name=\"tests.$module\"><error message=\"collection failure\">No module named '$needs'</error></testcase>"
    else
        count=$((count + 1)); cases="$cases<testcase classname=\"tests.$module\" name=\"test_it\" />"
    fi
done
if [ "$errors" -gt 0 ]; then
    cases=$broken; status=2; count=0
    echo "!!!!!!!!!! Interrupted: $errors error during collection !!!!!!!!!!"
fi
echo "=== $count passed, $errors error in 0.01s ==="
eval "set -- $PYTEST_ADDOPTS"
file=${1#--junitxml=}
echo "<testsuites><testsuite name=\"pytest\" errors=\"$errors\">$cases</testsuite></testsuites>" > "$file"
exit $status
"#;

/// A house tested by something that speaks as pytest does.
async fn pytest_house() -> House {
    let house = House::with(|config| {
        config.project.test.command = vec!["./pytest".to_owned()];
    })
    .await;
    write(&house.project().join("pytest"), &format!("#!/bin/sh\n{PYTEST}"));
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(house.project().join("pytest"), mode).unwrap();
    house.commit("tests/test_base.py", "def test_it(): pass\n");
    house
}

#[tokio::test]
async fn a_new_file_that_pytest_can_not_load_is_red_by_import_though_nothing_else_ran() {
    let house = pytest_house().await;
    let mut job = house.order("alpha").await;
    job.work("tests/test_two.py", "from two import two\n");
    let red = house.check(Gate::Red, &job).await;
    expect(
        &red,
        "pass",
        "red-by-import, twice (exit 2); fails by an import or its set-up: tests.test_two; not all tests of the base were run: pytest: Interrupted: 1 error during collection",
    );
    assert_eq!(last_line(&job)["basis"], "red-by-import");
    job.frozen = red.proof;
    job.work("two.py", "def two(): return 2\n");
    let green = house.check(Gate::Green, &job).await;
    expect(
        &green,
        "pass",
        "1 new test (tests.test_two > test_it) among them (red-by-import before)",
    );
    assert!(job.read("EVIDENCE.md").contains("(red-by-import)"));
    // A runner that leaves the file out shows nothing.
    let runner = std::fs::read_to_string(job.bench.path.join("pytest")).unwrap();
    job.work("pytest", &runner.replace("tests/test_*.py", "tests/test_b*.py"));
    expect(&house.check(Gate::Green, &job).await, "fail", "no test of the frozen files appears");
}

#[tokio::test]
async fn an_import_that_fails_in_what_was_there_before_is_no_red() {
    let house = pytest_house().await;
    write(&house.project().join("old.py"), "here\n");
    house.commit("tests/test_old.py", "from old import old\n");
    let harmful = house.order("harmful").await;
    harmful.work("tests/test_old.py", "from new import new\n");
    let red = house.check(Gate::Red, &harmful).await;
    expect(&red, "fail", "their file fails to load now: tests.test_old > test_it");
    let mut elsewhere = house.order("elsewhere").await;
    elsewhere.request.files = vec!["pytest".to_owned()];
    let runner = std::fs::read_to_string(elsewhere.bench.path.join("pytest")).unwrap();
    elsewhere.work("pytest", &runner.replace("$needs.py", "$needs.not"));
    let red = house.check(Gate::Red, &elsewhere).await;
    expect(&red, "fail", "outside of the new tests' files: tests.test_old");
}

#[tokio::test]
async fn a_real_python_module_that_is_missing_is_red_by_import_until_it_is_written() {
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        return;
    }
    let house = House::with(|config| {
        let words = ["python3", "-B", "-m", "unittest", "-v"];
        config.project.test.command = words.map(str::to_owned).to_vec();
    })
    .await;
    let test = |module: &str| {
        format!(
            "import unittest\nfrom {module} import {module}\n\n\nclass Numbers(unittest.TestCase):\n    def test_{module}(self):\n        self.assertTrue({module}())\n"
        )
    };
    write(&house.project().join("one.py"), "def one():\n    return 1\n");
    house.commit("test_one.py", &test("one"));
    let mut job = house.order("alpha").await;
    job.work("test_two.py", &test("two"));
    let red = house.check(Gate::Red, &job).await;
    expect(&red, "pass", "red-by-import, twice (exit 1)");
    expect(&red, "pass", ": test_two > (import);");
    job.frozen = red.proof;
    expect(&house.check(Gate::Green, &job).await, "fail", "the tests fail");
    job.work("two.py", "def two():\n    return 2\n");
    let green = house.check(Gate::Green, &job).await;
    expect(
        &green,
        "pass",
        "1 new test (test_two.Numbers > test_two) among them (red-by-import before)",
    );
    expect(&house.union(&[&job]).await[0], "pass", "landed");
}

#[tokio::test]
async fn an_order_that_silences_the_tests_of_another_goes_back_and_the_other_lands() {
    let house = House::new().await;
    let listed = TAP.replace("[ -e \"$test\" ]", "! grep -qx \"$test\" left-out.txt");
    write(&house.project().join("left-out.txt"), "none\n");
    house.commit("run-tests.sh", &listed);
    let (alpha, beta) = (house.built("alpha").await, house.built("beta").await);
    beta.work("left-out.txt", "none\ntests/alpha.sh\n");
    expect(&house.check(Gate::Green, &beta).await, "pass", "1 new test");
    let reports = house.union(&[&alpha, &beta]).await;
    expect(&reports[0], "pass", "landed");
    expect(&reports[1], "fail", "gone or skipped once it stands on alpha (base ");
    expect(&reports[1], "fail", ": tests/alpha.sh");
    assert!(findings(&reports[1]).contains("now stands on the fresh base"), "{reports:?}");
}
