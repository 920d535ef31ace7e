//! The union: several orders land together, and only the one that spoils it goes back.

use super::*;

/// The orders on the line of finished work, newest first.
fn landed(house: &House) -> Vec<String> {
    let log = git(
        &house.project(),
        &["log", "--format=%(trailers:key=Order,valueonly)", "shopfloor/ready"],
    );
    log.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_batch_lands_as_a_line_in_its_order() {
    let house = House::new().await;
    let (alpha, beta) = (house.built("alpha").await, house.built("beta").await);
    let reports = house.union(&[&alpha, &beta]).await;
    expect(&reports[0], "pass", "with beta; the tests pass on all of it");
    expect(&reports[1], "pass", "with alpha");
    assert_eq!(landed(&house), ["beta", "alpha"]);
    let transcript = beta.read(&reports[1].transcripts[0]);
    assert!(transcript.contains("ok tests/alpha.sh") && transcript.contains("folder: union"));
    // A second look after a crash finds the work there.
    let again = house.union(&[&alpha, &beta]).await;
    expect(&again[0], "pass", "holds this work already");
    assert_eq!(landed(&house), ["beta", "alpha"]);
}

#[tokio::test]
async fn what_landed_is_the_next_base_and_is_not_tested_again() {
    let house = House::new().await;
    let alpha = house.built("alpha").await;
    expect(&house.union(&[&alpha]).await[0], "pass", "landed");
    let beta = house.tested("beta").await;
    assert!(beta.bench.path.join("src/alpha").exists());
    expect(&house.check(Gate::Red, &beta).await, "pass", "tested before");
}

#[tokio::test]
async fn of_two_that_conflict_the_second_goes_back_and_can_come_again() {
    let house = House::new().await;
    let alpha = house.built("alpha").await;
    let mut beta = house.built("beta").await;
    alpha.work("lib.txt", "one\nalpha\nthree\n");
    beta.work("lib.txt", "one\nbeta\nthree\n");
    let reports = house.union(&[&alpha, &beta]).await;
    expect(&reports[0], "pass", "landed");
    expect(&reports[1], "fail", "conflicts with the order alpha in lib.txt");
    assert!(findings(&reports[1]).contains("conflict markers"), "{reports:?}");
    assert_eq!(landed(&house), ["alpha"]);

    let text = std::fs::read_to_string(beta.bench.path.join("lib.txt")).unwrap();
    assert!(text.contains("<<<<<<< ") && text.contains("beta"), "{text}");
    expect(&house.check(Gate::Policy, &beta).await, "fail", "conflict markers");
    beta.frozen.clone_from(&reports[1].proof);
    beta.generation = 2;
    beta.work("lib.txt", "one\nalpha and beta\nthree\n");
    expect(&house.check(Gate::Green, &beta).await, "pass", "1 frozen file unchanged");
    expect(&house.check(Gate::Policy, &beta).await, "pass", "");
    expect(&house.union(&[&beta]).await[0], "pass", "landed");
    assert_eq!(landed(&house), ["beta", "alpha"]);
}

#[tokio::test]
async fn frozen_tests_that_were_merged_stay_frozen_and_those_that_conflict_are_thawed() {
    let house = House::new().await;
    let base = "grep -q one lib.txt || exit 1\n: 1\n: 2\n: 3\n: 4\n";
    house.commit("tests/base.sh", base);
    let alpha = house.built("alpha").await;
    let (mut beta, mut gamma) = (house.tested("beta").await, house.tested("gamma").await);
    // Alpha extends a test at its end, as gamma does; beta extends it at its beginning.
    alpha.work("tests/base.sh", &format!("{base}[ -e src/alpha ]\n"));
    beta.work("tests/base.sh", &format!("[ -e src/beta ] || exit 1\n{base}"));
    gamma.work("tests/base.sh", &format!("{base}[ -e src/gamma ]\n"));
    for job in [&mut beta, &mut gamma] {
        let red = house.check(Gate::Red, job).await;
        expect(&red, "pass", "2 files frozen");
        job.frozen = red.proof;
        job.work(&format!("src/{}", job.id), "here\n");
        job.work("lib.txt", &format!("one\n{}\n", job.id));
    }
    alpha.work("lib.txt", "one\nalpha\n");
    let reports = house.union(&[&alpha, &beta, &gamma]).await;
    expect(&reports[0], "pass", "landed");
    for (job, report) in [(&mut beta, &reports[1]), (&mut gamma, &reports[2])] {
        expect(report, "fail", "conflicts");
        assert!(report.proof.is_some() && report.proof != job.frozen, "{report:?}");
        job.frozen.clone_from(&report.proof);
        job.generation = 2;
        job.work("lib.txt", "one\nboth\n");
    }
    // Beta's was merged: it is frozen as it is now.
    expect(&house.check(Gate::Green, &beta).await, "pass", "2 frozen files unchanged");
    // Gamma's can't be: that is said, and nothing else of it may change.
    let page = gamma.read("EVIDENCE.md");
    assert!(page.contains("tests/base.sh` thawed"), "{page}");
    gamma.work("tests/base.sh", &format!("{base}[ -e src/alpha ] && [ -e src/gamma ]\n"));
    expect(&house.check(Gate::Green, &gamma).await, "pass", "1 file thawed");
    gamma.work("tests/gamma.sh", "true\n");
    expect(&house.check(Gate::Green, &gamma).await, "fail", "tests/gamma.sh was changed");
}

/// Four orders of which the third spoils it, but only because the second is there.
async fn four_with_one_culprit(house: &House) -> Vec<Job> {
    house.commit("tests/pair.sh", "! { [ -e src/beta ] && [ -e src/gamma ]; }\n");
    let mut jobs = Vec::new();
    for id in ["alpha", "beta", "gamma", "delta"] {
        jobs.push(house.built(id).await);
    }
    jobs
}

#[tokio::test]
async fn the_culprit_of_a_red_union_goes_back_and_the_rest_lands() {
    let house = House::new().await;
    let mut jobs = four_with_one_culprit(&house).await;
    let reports = house.union(&jobs.iter().collect::<Vec<_>>()).await;
    for nth in [0, 1, 3] {
        expect(&reports[nth], "pass", "landed");
    }
    expect(&reports[2], "fail", "the tests fail once it stands on alpha, beta");
    let told = findings(&reports[2]);
    for part in ["not ok tests/pair.sh", "- beta: Make beta", "now stands on the fresh base"] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
    assert_eq!(landed(&house), ["delta", "beta", "alpha"]);
    // It finds what it did not get on with in its own worktree.
    let gamma = &mut jobs[2];
    assert!(
        gamma.bench.path.join("src/beta").exists() && gamma.bench.path.join("src/gamma").exists()
    );
    gamma.frozen.clone_from(&reports[2].proof);
    gamma.generation = 2;
    expect(&house.check(Gate::Green, gamma).await, "fail", "the tests fail");
}

#[tokio::test]
async fn an_order_that_fails_on_the_base_alone_is_named_as_such() {
    let house = House::new().await;
    let alpha = house.built("alpha").await;
    house.commit("tests/later.sh", "[ ! -e src/alpha ]\n");
    let beta = house.built("beta").await;
    let reports = house.union(&[&alpha, &beta]).await;
    expect(&reports[0], "fail", "the tests fail on the fresh base");
    expect(&reports[1], "pass", "landed");
}

#[tokio::test]
async fn a_flake_in_the_union_blames_nobody() {
    let house = House::new().await;
    let alpha = house.built("alpha").await;
    let flip = "if [ -e flip.tmp ]; then rm flip.tmp; else : > flip.tmp; false; fi\n";
    alpha.work("tests/flip.sh", flip);
    let report = &house.union(&[&alpha]).await[0];
    expect(report, "pass", "the second time (they failed once)");
    assert_eq!(report.transcripts.len(), 2);
}

#[tokio::test]
async fn a_red_base_stops_the_union_and_blames_nobody() {
    let house = House::new().await;
    let (alpha, beta) = (house.built("alpha").await, house.built("beta").await);
    house.commit("tests/broken.sh", "false\n");
    for report in house.union(&[&alpha, &beta]).await {
        expect(&report, "could-not-run", "the project's own tests fail on the base commit");
    }
    assert!(git(&house.project(), &["branch", "--list", "shopfloor/ready"]).is_empty());
}

#[tokio::test]
async fn a_union_that_can_not_be_tested_lands_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tool = folder.path().join("tool");
    write(&tool, "exec sh run-tests.sh\n");
    let house = House::with(|config| {
        let text = format!("[ -e {0} ] || exit 127; . {0}", tool.display());
        config.project.test.command = vec!["sh".to_owned(), "-c".to_owned(), text];
    })
    .await;
    let (alpha, beta) = (house.built("alpha").await, house.built("beta").await);
    std::fs::remove_file(&tool).unwrap();
    for report in house.union(&[&alpha, &beta]).await {
        expect(&report, "could-not-run", "exit 127");
    }
    assert!(git(&house.project(), &["branch", "--list", "shopfloor/ready"]).is_empty());
}

#[tokio::test]
async fn an_order_that_breaks_the_test_command_goes_back_and_the_others_land() {
    let house = House::new().await;
    let (alpha, beta) = (house.built("alpha").await, house.built("beta").await);
    beta.work("run-tests.sh", "exit 127\n");
    let reports = house.union(&[&alpha, &beta]).await;
    expect(&reports[0], "pass", "landed as");
    expect(&reports[1], "fail", "once it stands on alpha");
}

#[tokio::test]
async fn a_base_that_moves_meanwhile_is_begun_again_from() {
    let house = House::new().await;
    let alpha = house.built("alpha").await;
    // While the union is tested for the first time, somebody commits.
    alpha.work(
        "tests/move.sh",
        "[ -e \"$PROJECT/moved\" ] || { cd \"$PROJECT\" && : > moved && git add moved && \
         git -c user.name=Test -c user.email=t@example.org commit --quiet --message moved; }\n",
    );
    expect(&house.union(&[&alpha]).await[0], "pass", "landed");
    let subjects = git(&house.project(), &["log", "--format=%s", "shopfloor/alpha"]);
    assert_eq!(subjects.lines().collect::<Vec<_>>(), ["Make alpha", "moved", "first"]);
}

#[tokio::test]
async fn a_commit_stage_that_changed_the_worktree_fails() {
    let house = House::new().await;
    let (alpha, beta) = (house.built("alpha").await, house.built("beta").await);
    let before = house.scene(&alpha).await.tree;
    alpha.work("src/alpha", "slipped in\n");
    let mut scene = house.scene(&alpha).await;
    scene.tree_before = before;
    let scenes = [scene, house.scene(&beta).await];
    let reports = house.gates.union(&scenes, &Stop::new()).await;
    expect(&reports[0], "fail", "the commit stage changed the worktree: src/alpha");
    expect(&reports[1], "pass", "landed");
    assert_eq!(landed(&house), ["beta"]);
}

#[tokio::test]
async fn unions_of_two_workers_take_turns() {
    let house = House::new().await;
    let (alpha, beta) = (house.built("alpha").await, house.built("beta").await);
    let mut tasks = Vec::new();
    for job in [&alpha, &beta] {
        let (gates, scene) = (house.gates.clone(), house.scene(job).await);
        // In tasks of their own, as gates run beside a session.
        tasks.push(tokio::spawn(async move { gates.union(&[scene], &Stop::new()).await }));
    }
    for task in tasks {
        expect(&task.await.unwrap()[0], "pass", "landed");
    }
    assert_eq!(landed(&house).len(), 2);
}

#[tokio::test]
async fn what_landed_before_a_crash_is_found_though_others_changed_the_same_lines_since() {
    let house = House::new().await;
    let alpha = house.built("alpha").await;
    alpha.work("lib.txt", "one\nalpha\nthree\n");
    expect(&house.union(&[&alpha]).await[0], "pass", "landed");
    // It stands on alpha's work and takes its line away again.
    let beta = house.built("beta").await;
    beta.work("lib.txt", "one\nbeta\nthree\n");
    expect(&house.union(&[&beta]).await[0], "pass", "landed");
    let tip = git(&house.project(), &["rev-parse", "shopfloor/ready"]);
    let report = &house.union(&[&alpha]).await[0];
    expect(report, "pass", "holds this work already: it landed as");
    expect(report, "pass", "passes (tested before)");
    assert_eq!(git(&house.project(), &["rev-parse", "shopfloor/ready"]), tip);
    assert_eq!(landed(&house), ["beta", "alpha"]);
}

#[tokio::test]
async fn a_branch_that_an_agent_put_onto_the_line_is_no_landing() {
    let house = House::new().await;
    let (alpha, beta) = (house.built("alpha").await, house.built("beta").await);
    expect(&house.union(&[&alpha]).await[0], "pass", "landed");
    git(&house.project(), &["update-ref", "refs/heads/shopfloor/beta", "shopfloor/alpha"]);
    expect(&house.union(&[&beta]).await[0], "pass", "landed as");
    assert_eq!(landed(&house), ["beta", "alpha"]);
}

#[tokio::test]
async fn a_change_that_is_there_already_passes_only_where_the_tests_pass() {
    let house = House::new().await;
    let alpha = house.built("alpha").await;
    for (path, text) in [("tests/alpha.sh", "[ -e src/alpha ]\n"), ("src/alpha", "here\n")] {
        house.commit(path, text);
    }
    house.commit("tests/broken.sh", "false\n");
    let report = &house.union(&[&alpha]).await[0];
    expect(report, "could-not-run", "the project's own tests fail on the base commit");
    house.commit("tests/broken.sh", "true\n");
    let report = &house.union(&[&alpha]).await[0];
    expect(report, "pass", "holds this work already; the base");
    assert_eq!(report.transcripts.len(), 1);
}

#[tokio::test]
async fn an_order_that_was_taken_away_while_the_union_was_tested_does_not_land() {
    let house = House::new().await;
    let (alpha, beta) = (house.built("alpha").await, house.built("beta").await);
    let scenes = [house.scene(&alpha).await, house.scene(&beta).await];
    let ours = |scene: &Scene| scene.order != alpha.id;
    let reports = house.gates.union_of_ours(&scenes, &ours, &Stop::new()).await;
    expect(&reports[0], "could-not-run", "its claim was lost");
    expect(&reports[1], "pass", "landed");
    assert_eq!(landed(&house), ["beta"]);
}
