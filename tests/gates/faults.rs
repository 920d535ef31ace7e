//! Runs that come to no answer: when the order is to blame, and when nobody is.

use super::*;

/// A configuration whose test command is this script, with little time.
fn script(text: String) -> impl FnOnce(&mut Config) {
    move |config| {
        config.project.test.command = vec!["sh".to_owned(), "-c".to_owned(), text];
        config.project.test.timeout = Duration::from_millis(500);
    }
}

#[tokio::test]
async fn tests_that_hang_are_their_orders_fault_when_the_base_does_not_hang() {
    let hangs = "[ -e tests/alpha.sh ] && exec sleep 600; sh run-tests.sh";
    let house = House::with(script(hangs.to_owned())).await;
    let report = house.check(Gate::Red, &house.tested("alpha").await).await;
    expect(&report, "fail", "(timed out, twice), and does on the base");
    assert!(findings(&report).contains("a test that waits for ever"), "{report:?}");
    assert_eq!(report.transcripts.len(), 4, "base; worktree, base again, worktree: {report:?}");
    assert_eq!(report.proof, None);
}

#[tokio::test]
async fn tests_that_kill_their_runner_are_their_orders_fault() {
    let house = House::new().await;
    let killer = house.tested("killer").await;
    killer.work("tests/killer.sh", "kill -9 $PPID\n");
    expect(&house.check(Gate::Red, &killer).await, "fail", "(signal 9, twice)");
}

#[tokio::test]
async fn code_that_takes_the_test_runner_away_is_its_orders_fault() {
    use std::os::unix::fs::PermissionsExt as _;
    let house = House::with(|config| {
        config.project.test.command = vec!["./tools/check".to_owned()];
    })
    .await;
    house.commit("tools/check", "#!/bin/sh\nexec sh run-tests.sh\n");
    let tool = house.project().join("tools/check");
    std::fs::set_permissions(tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    house.commit("more.txt", "the mode is committed with it\n");
    let job = house.built("alpha").await;
    std::fs::remove_file(job.bench.path.join("tools/check")).unwrap();
    expect(&house.check(Gate::Green, &job).await, "fail", "not started, twice");
}

#[tokio::test]
async fn a_machine_that_lost_what_the_tests_need_blames_nobody_though_the_base_passed_before() {
    let folder = tempfile::tempdir().unwrap();
    let tool = folder.path().join("tool");
    std::fs::write(&tool, "exec sh run-tests.sh\n").unwrap();
    let house = House::with(script(format!("[ -e {0} ] || exit 127; . {0}", tool.display()))).await;
    let job = house.built("alpha").await;
    std::fs::remove_file(&tool).unwrap();
    let report = house.check(Gate::Green, &job).await;
    expect(&report, "could-not-run", "can't be run on the base commit");
    assert!(mend(&report).contains("install what it needs"), "{report:?}");
}

#[tokio::test]
async fn a_run_that_somebody_killed_once_is_made_again() {
    let house = House::new().await;
    let job = house.tested("alpha").await;
    let once =
        "if [ -e killed.tmp ]; then [ -e src/alpha ]; else : > killed.tmp; kill -9 $PPID; fi\n";
    job.work("tests/alpha.sh", once);
    expect(&house.check(Gate::Red, &job).await, "pass", "the tests fail, twice");
}

#[tokio::test]
async fn a_command_that_never_executes_a_test_anywhere_blames_nobody() {
    let house = House::with(script("echo 'Ran 0 tests in 0s'; exit 0".to_owned())).await;
    let report = house.check(Gate::Red, &house.tested("alpha").await).await;
    expect(&report, "could-not-run", "executed no test at all");
}

#[tokio::test]
async fn a_gate_of_ones_own_that_hangs_is_compared_with_the_base_too() {
    let gate = |text: &str| GateConfig {
        command: ["sh", "-c", text].map(str::to_owned).to_vec(),
        timeout: Duration::from_millis(300),
    };
    let house = House::with(|config| {
        config.gate.insert("theirs".to_owned(), gate("[ -e src/alpha ] && exec sleep 600; exit 3"));
        config.gate.insert("ours".to_owned(), gate("exec sleep 600"));
    })
    .await;
    let job = house.built("alpha").await;
    expect(&house.check(Gate::Command("theirs"), &job).await, "fail", "timed out, twice");
    expect(&house.check(Gate::Command("ours"), &job).await, "could-not-run", "ran longer than");
}

#[tokio::test]
async fn an_order_that_hangs_in_the_union_goes_back_and_the_others_land() {
    let hangs = "[ -e hang ] && [ -e src/alpha ] && exec sleep 600; sh run-tests.sh";
    let house = House::with(script(hangs.to_owned())).await;
    let (alpha, beta) = (house.built("alpha").await, house.built("beta").await);
    beta.work("hang", "with alpha\n");
    let reports = house.union(&[&alpha, &beta]).await;
    expect(&reports[0], "pass", "landed as");
    expect(&reports[1], "fail", "once it stands on alpha");
    assert!(findings(&reports[1]).contains("timed out"), "{reports:?}");
}
