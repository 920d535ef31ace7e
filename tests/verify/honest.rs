//! Honest orders of every kind of proof are agreed with.

use super::*;
use crate::gates::{git, write};

#[tokio::test]
async fn tests_by_their_names_and_by_the_exit_code_alone() {
    let house = named().await;
    let job = ready_to_land(&house, "alpha").await;
    passed(&house.union(&[&job]).await[0]);
    let all = verified(&house, &recorded(&house, &job).await).await;
    let new = "1 new test (tests/alpha.sh)";
    agree(&all, [&format!("{new} fail on the base, twice"), new, "the tests pass on it"]);
    // Base, RED and GREEN twice, the line it landed with.
    assert_eq!(all.iter().map(|again| again.runs).collect::<Vec<_>>(), [1, 2, 2, 1]);

    let house = House::new().await;
    let job = ready_to_land(&house, "alpha").await;
    passed(&house.union(&[&job]).await[0]);
    let all = verified(&house, &recorded(&house, &job).await).await;
    agree(&all, ["weaker proof: exit code only", "weaker proof: exit code only", "has landed"]);
}

/// A crate that cargo tests, with one function and its test.
async fn crate_house() -> House {
    let house = House::with(|config| {
        let words = ["cargo", "test", "--offline", "--no-fail-fast"];
        config.project.test.command = words.map(str::to_owned).to_vec();
    })
    .await;
    let manifest = "[package]\nname = \"probe\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[lib]\ndoctest = false\n";
    write(&house.project().join("Cargo.toml"), manifest);
    write(&house.project().join(".gitignore"), "/target\nCargo.lock\n*.tmp\n");
    let code =
        "pub fn double(n: u8) -> u8 {\n    n + n\n}\n\npub fn half(n: u8) -> u8 {\n    n\n}\n";
    write(&house.project().join("src/lib.rs"), code);
    house.commit(
        "tests/base.rs",
        "#[test]\nfn doubles() {\n    assert_eq!(probe::double(2), 4);\n}\n",
    );
    house
}

/// Two orders of one batch: one whose test does not build yet, and one that adds a test to the file that both share.
#[tokio::test]
async fn two_crate_orders_of_one_batch_in_the_same_test_file_one_of_them_red_by_build() {
    let house = crate_house().await;
    let (mut half, mut third) = (house.order("half").await, house.order("third").await);
    let base = std::fs::read_to_string(house.project().join("tests/base.rs")).unwrap();
    half.work(
        "tests/base.rs",
        &format!("#[test]\nfn halves() {{\n    assert_eq!(probe::half(4), 2);\n}}\n\n{base}"),
    );
    third.work(
        "tests/base.rs",
        &format!("{base}\n#[test]\nfn thirds() {{\n    assert_eq!(probe::third(6), 2);\n}}\n"),
    );
    red(&house, &mut half).await;
    red(&house, &mut third).await;
    let code = std::fs::read_to_string(house.project().join("src/lib.rs")).unwrap();
    half.work("src/lib.rs", &code.replace("    n\n", "    n / 2\n"));
    third.work("src/lib.rs", &format!("pub fn third(n: u8) -> u8 {{\n    n / 3\n}}\n\n{code}"));
    green(&house, &half).await;
    green(&house, &third).await;
    let reports = house.union(&[&half, &third]).await;
    reports.iter().for_each(passed);
    // What landed holds both tests: neither file is the one that RED saw.
    let landed = git(&house.project(), &["show", "shopfloor/third:tests/base.rs"]);
    assert!(landed.contains("halves") && landed.contains("thirds"), "{landed}");
    let named = "1 new test (base (tests/base.rs) > halves)";
    let all = verified(&house, &recorded(&house, &half).await).await;
    agree(&all, [named, named, "the line it landed with"]);
    let all = verified(&house, &recorded(&house, &third).await).await;
    agree(&all, ["red-by-build", "(base (tests/base.rs) > thirds)", "the tests pass on it"]);
}

#[tokio::test]
async fn a_python_project_whose_new_tests_fail_by_themselves_and_by_an_import() {
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        return;
    }
    let house = House::with(|config| {
        let words = ["python3", "-B", "-m", "unittest", "discover", "-v", "-s", "tests", "-t", "."];
        config.project.test.command = words.map(str::to_owned).to_vec();
    })
    .await;
    let test = |module: &str, number: u8| {
        format!(
            "import unittest\nfrom {module} import {module}\n\n\nclass Numbers(unittest.TestCase):\n    \
             def test_{module}(self):\n        self.assertEqual({module}(), {number})\n"
        )
    };
    write(&house.project().join("tests/__init__.py"), "");
    write(&house.project().join("one.py"), "def one():\n    return 1\n");
    write(&house.project().join("ten.py"), "def ten():\n    return 1\n");
    house.commit("tests/test_one.py", &test("one", 1));
    let (mut ten, mut two) = (house.order("ten").await, house.order("two").await);
    ten.work("tests/test_ten.py", &test("ten", 10));
    two.work("tests/test_two.py", &test("two", 2));
    red(&house, &mut ten).await;
    red(&house, &mut two).await;
    ten.work("ten.py", "def ten():\n    return 10\n");
    two.work("two.py", "def two():\n    return 2\n");
    green(&house, &ten).await;
    green(&house, &two).await;
    house.union(&[&ten, &two]).await.iter().for_each(passed);
    let named = "(tests.test_ten.Numbers > test_ten)";
    let all = verified(&house, &recorded(&house, &ten).await).await;
    agree(&all, [named, named, "the line it landed with"]);
    let all = verified(&house, &recorded(&house, &two).await).await;
    agree(&all, ["red-by-import", "(tests.test_two.Numbers > test_two)", "the tests pass on it"]);
}

/// Beta goes back from the union, is put onto alpha's work, and lands in the end.
#[tokio::test]
async fn an_order_that_the_union_put_onto_a_newer_base() {
    let house = named().await;
    let base = "grep -q one lib.txt || exit 1\n: 1\n: 2\n: 3\n: 4\n";
    house.commit("tests/base.sh", base);
    let alpha = ready_to_land(&house, "alpha").await;
    let mut beta = house.tested("beta").await;
    // A test that both change, at its two ends: merged, it is neither's.
    alpha.work("lib.txt", "one\nalpha\n");
    beta.work("tests/base.sh", &format!("[ -e src/alpha ] || : beta\n{base}"));
    let mut gamma = house.tested("gamma").await;
    gamma.work("tests/base.sh", &format!("{base}: gamma\n"));
    for job in [&mut beta, &mut gamma] {
        red(&house, job).await;
        job.work(&format!("src/{}", job.id), "here\n");
        job.work("lib.txt", &format!("one\n{}\n", job.id));
        green(&house, job).await;
    }
    green(&house, &alpha).await;
    let reports = house.union(&[&alpha, &gamma, &beta]).await;
    passed(&reports[0]);
    for (job, report) in [(&mut gamma, &reports[1]), (&mut beta, &reports[2])] {
        assert!(report.check.line().contains("conflicts"), "{report:?}");
        job.frozen.clone_from(&report.proof);
        job.generation += 1;
        job.work("lib.txt", &format!("one\nalpha\n{}\n", job.id));
    }
    green(&house, &gamma).await;
    passed(&house.union(&[&gamma]).await[0]);
    // Beta meets gamma now: once more.
    green(&house, &beta).await;
    let report = house.union(&[&beta]).await.remove(0);
    assert!(report.check.line().contains("conflicts"), "{report:?}");
    beta.frozen.clone_from(&report.proof);
    beta.generation += 1;
    beta.work("lib.txt", "one\nall\n");
    green(&house, &beta).await;
    passed(&house.union(&[&beta]).await[0]);
    let all = verified(&house, &recorded(&house, &beta).await).await;
    agree(&all, ["(tests/beta.sh)", "2 frozen files unchanged", "has landed"]);
    // RED stood on another base than GREEN: both are tested.
    assert_eq!(all[0].runs, 2, "{all:#?}");
    let all = verified(&house, &recorded(&house, &gamma).await).await;
    agree(&all, ["(tests/gamma.sh)", "(tests/gamma.sh)", "has landed"]);
}

#[tokio::test]
async fn an_order_whose_frozen_test_met_the_same_lines_and_was_thawed() {
    let house = named().await;
    let mut alpha = house.tested("alpha").await;
    alpha.work("tests/base.sh", "grep -q one lib.txt\n: alpha\n");
    red(&house, &mut alpha).await;
    alpha.work("src/alpha", "here\n");
    let mut beta = house.tested("beta").await;
    beta.work("tests/base.sh", "grep -q one lib.txt\n: beta\n");
    red(&house, &mut beta).await;
    beta.work("src/beta", "here\n");
    green(&house, &beta).await;
    green(&house, &alpha).await;
    let reports = house.union(&[&alpha, &beta]).await;
    beta.frozen.clone_from(&reports[1].proof);
    beta.generation += 1;
    beta.work("tests/base.sh", "grep -q one lib.txt\n: alpha\n: beta\n");
    green(&house, &beta).await;
    passed(&house.union(&[&beta]).await[0]);
    let all = verified(&house, &recorded(&house, &beta).await).await;
    agree(&all, ["(tests/beta.sh)", "1 frozen file unchanged", "has landed"]);
}

#[tokio::test]
async fn an_order_that_changed_a_frozen_test_as_it_was_let() {
    let house = named().await;
    let mut job = house.tested("alpha").await;
    job.work("tests/old.sh", "[ -e src/alpha ]\n");
    job.request.more.insert("tests_may_change".to_owned(), serde_json::json!(["tests/old*"]));
    red(&house, &mut job).await;
    job.work("src/alpha", "here\n");
    job.work("tests/old.sh", "true\n");
    green(&house, &job).await;
    passed(&house.union(&[&job]).await[0]);
    let mut recorded = recorded(&house, &job).await;
    let all = verified(&house, &recorded).await;
    agree(&all, ["2 new tests", "1 frozen file unchanged", "has landed"]);
    // Without that leave it would not have passed.
    recorded.request.more.clear();
    let all = verified(&house, &recorded).await;
    assert_eq!(all[2].outcome, Agreement::Disagree, "{all:#?}");
}

#[tokio::test]
async fn an_order_whose_work_somebody_had_committed_already() {
    let house = named().await;
    let job = ready_to_land(&house, "alpha").await;
    for (path, text) in [("tests/alpha.sh", "[ -e src/alpha ]\n"), ("src/alpha", "here\n")] {
        house.commit(path, text);
    }
    let report = house.union(&[&job]).await.remove(0);
    assert!(report.check.line().contains("holds this work already"), "{report:?}");
    let all = verified(&house, &recorded(&house, &job).await).await;
    agree(&all, ["(tests/alpha.sh)", "(tests/alpha.sh)", "held the order's change already"]);
    git(&house.project(), &["update-ref", "refs/heads/main", "main~1"]);
    let all = verified(&house, &recorded(&house, &job).await).await;
    assert_eq!(all[3].outcome, Agreement::Disagree, "{all:#?}");
}

#[tokio::test]
async fn an_order_that_was_given_up_is_told_as_far_as_it_came() {
    let house = named().await;
    let mut liar = house.tested("liar").await;
    red(&house, &mut liar).await;
    assert!(!house.check(Gate::Green, &liar).await.check.passed());
    let mut recorded = recorded(&house, &liar).await;
    (recorded.state, recorded.approved) = (State::FAILED, None);
    let all = verified(&house, &recorded).await;
    let words: Vec<&str> = all.iter().map(|again| again.outcome.word()).collect();
    assert_eq!(words, ["agree", "agree", "agree", "could not run"], "{all:#?}");
    assert!(all[2].line.contains("fails, as recorded: the tests fail"), "{all:#?}");
    assert!(all[3].line.contains("never came to this gate: it is FAILED"), "{all:#?}");
    // Tests that test nothing: RED fails again, and there is nothing more.
    let lazy = house.tested("lazy").await;
    lazy.work("tests/lazy.sh", "true\n");
    assert!(!house.check(Gate::Red, &lazy).await.check.passed());
    let mut recorded = super::recorded(&house, &lazy).await;
    (recorded.state, recorded.approved) = (State::FAILED, None);
    let all = verified(&house, &recorded).await;
    let words: Vec<&str> = all.iter().map(|again| again.outcome.word()).collect();
    assert_eq!(words, ["agree", "agree", "could not run", "could not run"], "{all:#?}");
    assert!(all[1].line.contains("fails, as recorded: the new tests pass"), "{all:#?}");
}
