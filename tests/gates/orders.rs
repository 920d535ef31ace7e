//! The gates of one order: spec, red, green, policy, playtest, and commands of one's own.

use super::*;

const SPEC: &str = "# Alpha\n\n## Goal\nAlpha is there.\n\n## Acceptance criteria\n- `src/alpha` exists\n\n\
    ## Files\n- `src/alpha`\n- `tests/alpha.sh`\n\n## How to playtest\nLook.\n";

#[tokio::test]
async fn honest_work_passes_every_gate_and_lands() {
    let house = House::new().await;
    let mut job = house.tested("alpha").await;
    job.paper("work-order.md", SPEC);
    expect(&house.check(Gate::Spec, &job).await, "pass", "2 files declared");

    let red = house.check(Gate::Red, &job).await;
    expect(&red, "pass", "the tests fail, twice (exit 1)");
    assert_eq!(red.transcripts.len(), 3, "the base once, the tests twice: {red:?}");
    assert!(job.read(&red.transcripts[2]).contains("not ok tests/alpha.sh"));
    job.frozen.clone_from(&red.proof);

    job.work("src/alpha", "here\n");
    job.generation = 2;
    expect(&house.check(Gate::Green, &job).await, "pass", "1 frozen file unchanged");
    expect(&house.check(Gate::Policy, &job).await, "pass", "2 files, 2 lines changed");

    let mut scene = house.scene(&job).await;
    scene.code_changed = Some(SystemTime::now() - Duration::from_secs(60));
    job.paper("playtest-report.md", "I looked.\n\nVerdict: APPROVED\n");
    write(&job.desk.join("output.txt"), "it is there\n");
    scene.testimony = Some(job.says(Verdict::Done, &["output.txt", "playtest-report.md"]));
    let report = house.gates.check(Gate::Playtest, &scene, &Stop::new()).await;
    expect(&report, "pass", "APPROVED");
    assert_eq!(job.read("evidence/artifacts/output.txt"), "it is there\n");

    job.paper("commit-message.md", "Add alpha\n\nBecause it was asked for.\n");
    expect(&house.check(Gate::Union, &job).await, "pass", "landed as");
    let message = git(&house.project(), &["log", "-1", "--format=%B", "shopfloor/alpha"]);
    assert_eq!(message.trim(), "Add alpha\n\nBecause it was asked for.\n\nOrder: alpha");
    assert_eq!(git(&house.project(), &["show", "shopfloor/alpha:src/alpha"]), "here");
    the_record_can_be_read(&job);
}

/// What the honest order left: a record for machines, and the same for people.
fn the_record_can_be_read(job: &Job) {
    let record = job.read("evidence/record.jsonl");
    let lines: Vec<serde_json::Value> =
        record.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let gates: Vec<&str> = lines.iter().map(|line| line["gate"].as_str().unwrap()).collect();
    assert_eq!(gates, ["spec", "red", "green", "policy", "playtest", "union"]);
    assert!(lines.iter().all(|line| line["outcome"] == "pass"), "{record}");
    assert_eq!(lines[1]["ended"], "base: exit 0, worktree: exit 1, worktree: exit 1");
    let page = job.read("EVIDENCE.md");
    for part in
        ["| 2 |", "sh run-tests.sh", "(evidence/1-red-2.txt)", "## Frozen tests", "tests/alpha.sh"]
    {
        assert!(page.contains(part), "{part:?} is not in\n{page}");
    }
    let transcript = job.read("evidence/1-red-2.txt");
    assert!(transcript.contains("variables: PROJECT (values are not shown)"), "{transcript}");
    assert!(transcript.contains("folder: worktree (") && transcript.contains("\nended: exit 1\n"));
}

#[tokio::test]
async fn a_base_is_tested_once_for_all_orders() {
    let house = House::new().await;
    let (alpha, beta) = (house.tested("alpha").await, house.tested("beta").await);
    assert_eq!(house.check(Gate::Red, &alpha).await.transcripts.len(), 3);
    let second = house.check(Gate::Red, &beta).await;
    expect(&second, "pass", "tested before");
    assert_eq!(second.transcripts.len(), 2);
}

#[tokio::test]
async fn a_spec_that_is_missing_or_a_link_fails() {
    let house = House::new().await;
    let job = house.order("alpha").await;
    expect(&house.check(Gate::Spec, &job).await, "fail", "there is no work-order.md");
    write(&house.folder.path().join("elsewhere"), SPEC);
    std::os::unix::fs::symlink(
        house.folder.path().join("elsewhere"),
        job.papers.join("work-order.md"),
    )
    .unwrap();
    expect(&house.check(Gate::Spec, &job).await, "fail", "is a symlink");
}

#[tokio::test]
async fn red_wants_tests_that_fail_every_time() {
    let house = House::new().await;
    let none = house.order("none").await;
    expect(&house.check(Gate::Red, &none).await, "fail", "no tests were written");

    let green = house.order("green").await;
    green.work("tests/green.sh", "true\n");
    let report = house.check(Gate::Red, &green).await;
    expect(&report, "fail", "pass before the work is there");
    assert!(findings(&report).contains("ok tests/green.sh"), "{report:?}");

    let flaky = house.order("flaky").await;
    let flip = "if [ -e flip.tmp ]; then rm flip.tmp; else : > flip.tmp; false; fi\n";
    flaky.work("tests/flaky.sh", flip);
    let report = house.check(Gate::Red, &flaky).await;
    expect(&report, "fail", "flaky: failed once, passed once");
    assert!(findings(&report).contains("Run 2"), "{report:?}");
    assert_eq!(report.proof, None);

    let thief = house.tested("thief").await;
    std::fs::remove_file(thief.bench.path.join("tests/base.sh")).unwrap();
    expect(&house.check(Gate::Red, &thief).await, "fail", "deleted: tests/base.sh");

    let linked = house.tested("linked").await;
    std::os::unix::fs::symlink("linked.sh", linked.bench.path.join("tests/more.sh")).unwrap();
    expect(&house.check(Gate::Red, &linked).await, "fail", "can't be frozen: tests/more.sh");
}

#[tokio::test]
async fn a_test_run_that_litters_is_told_and_cleaned_up_after() {
    let house = House::new().await;
    let job = house.tested("alpha").await;
    job.work("tests/alpha.sh", ": > made-by-test; echo x >> lib.txt; [ -e src/alpha ]\n");
    let report = house.check(Gate::Red, &job).await;
    expect(&report, "fail", "the test run changed the worktree: lib.txt, made-by-test");
    assert!(findings(&report).contains("ignore"), "{report:?}");
    assert!(!job.bench.path.join("made-by-test").exists());
    let lib = std::fs::read_to_string(job.bench.path.join("lib.txt")).unwrap();
    assert_eq!(lib, "one\ntwo\nthree\n");
    assert!(job.bench.path.join("tests/alpha.sh").exists(), "the order's own work stays");
}

#[tokio::test]
async fn a_red_base_blames_no_order() {
    let house = House::new().await;
    house.commit("tests/broken.sh", "false\n");
    let report = house.check(Gate::Red, &house.tested("alpha").await).await;
    expect(&report, "could-not-run", "the project's own tests fail on the base commit");
    assert!(mend(&report).contains("base branch"), "{report:?}");
}

#[tokio::test]
async fn an_empty_base_is_in_nobodys_way() {
    let house = House::new().await;
    git(&house.project(), &["rm", "--quiet", "tests/base.sh"]);
    git(&house.project(), &["commit", "--quiet", "--message", "no tests yet"]);
    let report = house.check(Gate::Red, &house.tested("alpha").await).await;
    expect(&report, "pass", "has no tests yet");
}

/// A configuration whose test command is this script.
fn script(text: &'static str) -> impl FnOnce(&mut Config) {
    move |config| {
        config.project.test.command = ["sh", "-c", text].map(str::to_owned).to_vec();
    }
}

#[tokio::test]
async fn a_command_that_finds_nothing_out_passes_and_blames_nobody() {
    let cases = [
        (
            vec![],
            "there is no command in [project.test]",
            "set [project.test] command in shopfloor.toml",
        ),
        (vec!["no-such-command-here"], "failed to start", "no-such-command-here"),
        (vec!["sh", "-c", "exit 127"], "exit 127", "[project.test] command"),
        (vec!["sh", "-c", "exit 126"], "exit 126", "[project.test] command"),
        (vec!["sh", "-c", "kill -9 $$"], "signal 9", "killed"),
    ];
    for (argv, why, advice) in cases {
        let argv: Vec<String> = argv.into_iter().map(str::to_owned).collect();
        let house = House::with(|config| config.project.test.command = argv).await;
        let report = house.check(Gate::Red, &house.tested("alpha").await).await;
        expect(&report, "could-not-run", why);
        assert!(mend(&report).contains(advice), "{report:?}");
    }
}

#[tokio::test]
async fn stopping_at_once_is_nobodys_fault() {
    let house = House::with(script("sleep 600")).await;
    let scene = house.scene(&house.tested("alpha").await).await;
    let stop = Stop::new();
    let (report, ()) = tokio::join!(house.gates.check(Gate::Red, &scene, &stop), async {
        stop.ask_now();
    });
    expect(&report, "could-not-run", "stopped");
}

#[tokio::test]
async fn green_catches_a_lie_and_every_touch_of_a_frozen_test() {
    let house = House::new().await;
    let mut liar = house.tested("liar").await;
    liar.frozen = house.check(Gate::Red, &liar).await.proof;
    let report = house.check(Gate::Green, &liar).await;
    expect(&report, "fail", "the tests fail: exit 1");
    assert!(findings(&report).contains("not ok tests/liar.sh"), "{report:?}");

    let weak = house.built("weak").await;
    weak.work("tests/weak.sh", "true\n");
    let report = house.check(Gate::Green, &weak).await;
    expect(&report, "fail", "tests/weak.sh was changed");
    assert!(findings(&report).contains("+true"), "{report:?}");

    let gone = house.built("gone").await;
    std::fs::remove_file(gone.bench.path.join("tests/gone.sh")).unwrap();
    expect(&house.check(Gate::Green, &gone).await, "fail", "tests/gone.sh is gone");

    let forger = house.built("forger").await;
    forger.work("tests/forger.sh", "true\n");
    let list = forger.read("evidence/frozen.json");
    forger.paper("evidence/frozen.json", &list.replace("tests/forger.sh", "tests/base.sh"));
    let report = house.check(Gate::Green, &forger).await;
    expect(&report, "fail", "the record of frozen tests was changed");

    let mut skipper = house.built("skipper").await;
    skipper.frozen = None;
    expect(&house.check(Gate::Green, &skipper).await, "fail", "RED has not passed");
}

#[tokio::test]
async fn a_frozen_test_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt as _;
    let house = House::new().await;
    let job = house.built("alpha").await;
    let path = job.bench.path.join("tests/alpha.sh");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    expect(&house.check(Gate::Green, &job).await, "fail", "tests/alpha.sh has another mode");
}

#[tokio::test]
async fn green_must_be_green_twice_and_leave_the_worktree_alone() {
    let house = House::new().await;
    let flaky = house.built("flaky").await;
    let flip = "if [ -e flip.tmp ]; then rm flip.tmp; false; else : > flip.tmp; fi\n";
    flaky.work("tests/other.sh", flip);
    expect(&house.check(Gate::Green, &flaky).await, "fail", "passed once, failed once");

    let litter = house.built("litter").await;
    litter.work("tests/other.sh", ": > litter\n");
    let report = house.check(Gate::Green, &litter).await;
    expect(&report, "fail", "the test run changed the worktree: litter");

    let empty = house.built("empty").await;
    empty.work("run-tests.sh", "echo 'Ran 0 tests in 0s'\n");
    expect(&house.check(Gate::Green, &empty).await, "fail", "exit 0, no test executed, twice");

    let broken = house.built("broken").await;
    broken.work("src/broken", "here\n");
    broken.work("lib.txt", "nothing left\n");
    let report = house.check(Gate::Green, &broken).await;
    expect(&report, "fail", "the tests fail");
    assert!(findings(&report).contains("not ok tests/base.sh"), "{report:?}");
}

#[tokio::test]
async fn a_worktree_that_is_gone_is_its_orders_fault() {
    let house = House::new().await;
    let job = house.built("alpha").await;
    let scene = house.scene(&job).await;
    std::fs::remove_dir_all(&job.bench.path).unwrap();
    let report = house.gates.check(Gate::Green, &scene, &Stop::new()).await;
    expect(&report, "fail", "worktree is gone");
}

#[tokio::test]
async fn evidence_behind_a_link_is_not_written() {
    let house = House::new().await;
    let job = house.tested("alpha").await;
    let elsewhere = house.folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, job.papers.join("evidence")).unwrap();
    expect(&house.check(Gate::Red, &job).await, "could-not-run", "evidence is a symlink");
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[tokio::test]
async fn policy_names_what_leaves_the_orders_bounds() {
    let house = House::with(|config| {
        config.policy.max_lines = 50;
        config.policy.max_file_kib = 4;
    })
    .await;
    let marked = house.order("marked").await;
    marked.work("lib.txt", "one\n<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n");
    expect(&house.check(Gate::Policy, &marked).await, "fail", "conflict markers (line 2)");

    let mut guarded = house.order("guarded").await;
    guarded.work(".github/workflows/ci.yml", "on: push\n");
    expect(&house.check(Gate::Policy, &guarded).await, "fail", "is protected");
    guarded.request.files = vec![".github/workflows/ci.yml".to_owned()];
    expect(&house.check(Gate::Policy, &guarded).await, "pass", "1 file");

    let linked = house.order("linked").await;
    std::os::unix::fs::symlink("/etc/passwd", linked.bench.path.join("out")).unwrap();
    expect(&house.check(Gate::Policy, &linked).await, "fail", "leaves the repository");
    std::fs::remove_file(linked.bench.path.join("out")).unwrap();
    std::os::unix::fs::symlink("lib.txt", linked.bench.path.join("in")).unwrap();
    expect(&house.check(Gate::Policy, &linked).await, "pass", "1 file");

    let long = house.order("long").await;
    long.work("long.txt", &"line\n".repeat(51));
    expect(&house.check(Gate::Policy, &long).await, "fail", "51 lines");

    let large = house.order("large").await;
    large.work("large.bin", &"\0".repeat(5000));
    expect(&house.check(Gate::Policy, &large).await, "fail", "5 KiB");
}

#[tokio::test]
async fn files_that_were_not_declared_are_drift_and_no_fault() {
    let house = House::new().await;
    let job = house.order("alpha").await;
    job.paper("work-order.md", SPEC);
    job.work("src/alpha", "x\n");
    job.work("src/beta", "x\n");
    expect(&house.check(Gate::Policy, &job).await, "pass", "drift: 1 file not declared (src/beta)");
}

#[tokio::test]
async fn a_playtest_must_leave_a_report_that_agrees_with_its_result() {
    let house = House::new().await;
    let job = house.built("alpha").await;
    let mut scene = house.scene(&job).await;
    let look = async |scene: &Scene| house.gates.check(Gate::Playtest, scene, &Stop::new()).await;
    expect(&look(&scene).await, "fail", "no result");
    scene.testimony = Some(job.says(Verdict::Done, &[]));
    expect(&look(&scene).await, "fail", "there is no playtest-report.md");
    job.paper("playtest-report.md", " \n");
    expect(&look(&scene).await, "fail", "is empty");
    job.paper("playtest-report.md", "Bad.\n**Verdict:** NEEDS_WORK\n");
    expect(&look(&scene).await, "fail", "the report says NEEDS_WORK and the result says APPROVED");
    scene.testimony = Some(job.says(Verdict::NeedsWork, &[]));
    expect(&look(&scene).await, "pass", "NEEDS_WORK");
    scene.code_changed = Some(SystemTime::now() + Duration::from_secs(60));
    expect(&look(&scene).await, "fail", "older than the code");
}

#[tokio::test]
async fn artifacts_are_new_plain_files_on_the_desk() {
    let house = House::new().await;
    let job = house.built("alpha").await;
    let mut scene = house.scene(&job).await;
    let past = SystemTime::now() - Duration::from_secs(60);
    scene.code_changed = Some(past);
    job.paper("playtest-report.md", "Fine.\n");
    let desk = |name: &str| job.desk.join(name);
    write(&desk("empty"), "");
    write(&desk("old"), "x");
    let old = std::fs::File::options().write(true).open(desk("old")).unwrap();
    old.set_modified(past - Duration::from_secs(60)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", desk("link")).unwrap();
    for (name, fault) in [
        ("gone", "is not on the desk"),
        ("empty", "is empty"),
        ("old", "is older than the code"),
        ("link", "is a symlink"),
        ("../alpha", "is no plain relative name"),
        ("/etc/passwd", "is no plain relative name"),
    ] {
        scene.testimony = Some(job.says(Verdict::Done, &[name]));
        expect(&house.gates.check(Gate::Playtest, &scene, &Stop::new()).await, "fail", fault);
    }
}

#[tokio::test]
async fn a_playtest_that_changed_the_worktree_fails_and_it_is_put_back() {
    let house = House::new().await;
    let job = house.built("alpha").await;
    let before = house.scene(&job).await.tree;
    job.work("src/alpha", "mended in passing\n");
    let mut scene = house.scene(&job).await;
    scene.tree_before = before;
    job.paper("playtest-report.md", "Fine.\nVerdict: APPROVED\n");
    scene.testimony = Some(job.says(Verdict::Done, &[]));
    let report = house.gates.check(Gate::Playtest, &scene, &Stop::new()).await;
    expect(&report, "fail", "the playtest changed the worktree: src/alpha");
    let now = std::fs::read_to_string(job.bench.path.join("src/alpha")).unwrap();
    assert_eq!(now, "here\n");
}

#[tokio::test]
async fn a_gate_of_ones_own_counts_by_its_exit_code() {
    let gate = |text: &str| GateConfig {
        command: ["sh", "-c", text].map(str::to_owned).to_vec(),
        timeout: Duration::from_secs(60),
    };
    let house = House::with(|config| {
        for (name, text) in [
            ("good", "test -e src/alpha"),
            ("bad", "echo found something; exit 3"),
            ("lost", "exit 127"),
            ("mender", "echo mended >> lib.txt"),
        ] {
            config.gate.insert(name.to_owned(), gate(text));
        }
    })
    .await;
    let job = house.built("alpha").await;
    expect(&house.check(Gate::Command("good"), &job).await, "pass", "exit 0");
    let bad = house.check(Gate::Command("bad"), &job).await;
    expect(&bad, "fail", "exit 3");
    assert!(findings(&bad).contains("found something"), "{bad:?}");
    expect(&house.check(Gate::Command("lost"), &job).await, "could-not-run", "[gate.lost]");
    expect(&house.check(Gate::Command("none"), &job).await, "could-not-run", "no gate \"none\"");
    expect(&house.check(Gate::Command("mender"), &job).await, "could-not-run", "lib.txt");
}

#[tokio::test]
async fn what_a_test_leaves_running_is_ended() {
    let house = House::new().await;
    let job = house.tested("alpha").await;
    let pids = house.folder.path().join("pid");
    let test = format!("setsid sleep 600 & echo $! > {}; false\n", pids.display());
    job.work("tests/alpha.sh", &test);
    expect(&house.check(Gate::Red, &job).await, "pass", "twice");
    let pid: u32 = std::fs::read_to_string(pids).unwrap().trim().parse().unwrap();
    assert_eq!(shopfloor::process::start_time(pid), None);
}
