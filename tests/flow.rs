//! Stories of whole orders: real workers, a real repository, a simulated agent.

use std::fs;
use std::time::Duration;

use crate::house::{House, WORKERS, left_over, program, shown};

const STRAIGHT: [&str; 7] = [
    "NEW->TESTS_PRE",
    "TESTS_PRE->IMPL",
    "IMPL->TESTS_POST",
    "TESTS_POST->REVIEW",
    "REVIEW->PLAYTEST",
    "PLAYTEST->COMMIT",
    "COMMIT->READY_FOR_REVIEW",
];

#[test]
fn orders_go_from_new_to_a_verified_commit_through_five_workers() {
    let house = House::new();
    house.add(&["one", "two"]);
    house.run_all();
    for id in ["one", "two"] {
        assert_eq!(house.state(id), "READY_FOR_REVIEW", "{}", house.scene());
        assert_eq!(house.moves(id), STRAIGHT);
        let evidence = fs::read_to_string(house.order(id).join("EVIDENCE.md")).unwrap();
        assert!(evidence.contains("red") && evidence.contains("green"), "{evidence}");
        house.git(&["cat-file", "-e", &format!("shopfloor/{id}:tests/{id}.sh")]);
    }
    let log = house.git(&["log", "--oneline", "main..shopfloor/ready"]);
    assert_eq!(log.lines().count(), 2, "{log}");
    // One session per stage for the two orders, one turn per order and stage.
    assert_eq!(house.told("session_opened").len(), 5);
    assert_eq!(house.calls(), 10);
    assert_eq!(house.git(&["status", "--porcelain"]).trim(), "?? shopfloor.toml");
    assert_eq!(left_over(&house.path("")), Vec::<String>::new());
}

#[test]
fn a_feature_list_is_made_and_specced_in_one_session() {
    let house = House::new();
    house.run("spec-worker", &["--feature-list", "item-stacking resource-nodes crafting-queue"]);
    for id in ["item-stacking", "resource-nodes", "crafting-queue"] {
        assert_eq!(house.state(id), "TESTS_PRE", "{}", house.scene());
    }
    assert_eq!(house.told("session_opened").len(), 1);
}

#[test]
fn a_lie_is_caught_by_the_gate_and_a_fix_turn_in_the_same_session_mends_it() {
    let acts = "[[act]]\norder = \"one\"\nstage = \"implement\"\ntimes = 1\nmisbehave = \"lie\"\n";
    let house = House::with("", acts);
    house.add(&["one"]);
    house.run_all();
    assert_eq!(house.state("one"), "READY_FOR_REVIEW", "{}", house.scene());
    let fixes = house.told("turn_began").iter().filter(|event| event["fix"] == true).count();
    assert_eq!(fixes, 1);
    assert_eq!(house.told("session_opened").len(), 5);
}

#[test]
fn a_liar_ends_failed_with_a_report() {
    let acts = "[[act]]\norder = \"liar\"\nstage = \"implement\"\nmisbehave = \"lie\"\n";
    let house = House::with("", acts);
    house.add(&["liar"]);
    house.run_all();
    assert_eq!(house.state("liar"), "FAILED", "{}", house.scene());
    let report = fs::read_to_string(house.order("liar").join("FAILED.md")).unwrap();
    assert!(report.contains("the green gate failed") && report.contains("3 tries"), "{report}");
    assert!(report.contains("nothing was written"), "{report}");
    assert!(report.contains("Its agent had said `done`: SIMULATED"), "{report}");
}

#[test]
fn a_playtest_sends_an_order_back_with_its_report() {
    let acts = "[[act]]\norder = \"one\"\nstage = \"playtest\"\ntimes = 1\nverdict = \"needs_work\"\n\
                why = \"the door is stuck\"\n\
                papers = { \"playtest-report.md\" = \"Stuck.\\n\\nVerdict: NEEDS_WORK\\n\" }\n";
    let house = House::with("", acts);
    house.add(&["one"]);
    for worker in &WORKERS[..4] {
        house.run(worker, &["--until-idle"]);
    }
    assert_eq!(house.state("one"), "IMPL", "{}", house.scene());
    let feedback = fs::read_to_string(house.order("one").join("feedback.md")).unwrap();
    assert!(feedback.contains("the door is stuck") && feedback.contains("Stuck."), "{feedback}");
    house.run_all();
    assert_eq!(house.state("one"), "READY_FOR_REVIEW", "{}", house.scene());
}

#[test]
fn a_playtest_sees_only_what_is_to_be_landed_and_its_changes_reach_nobody() {
    let seen = tempfile::tempdir().unwrap();
    let (listed, place) = (seen.path().join("listed"), seen.path().join("place"));
    let look = format!(
        "ls -A > {0} && git status --porcelain --ignored >> {0} && pwd > {1} && echo x > local.conf",
        listed.display(),
        place.display()
    );
    let acts = format!(
        "[[act]]\norder = \"one\"\nstage = \"implement\"\n\
         files = {{ \"done/one.txt\" = \"SIMULATED work of one\\n\", \"built/result\" = \"old\", \"local.conf\" = \"mine\" }}\n\
         [[act]]\norder = \"one\"\nstage = \"playtest\"\ntimes = 1\n\
         files = {{ \"done/one.txt\" = \"SIMULATED work of one\\nmended in passing\\n\", \"left\" = \"x\" }}\n\
         run = [[\"sh\", \"-c\", {look:?}]]\n\
         papers = {{ \"playtest-report.md\" = \"Fine.\\n\\nVerdict: APPROVED\\n\" }}\n"
    );
    let house = House::with("", &acts);
    fs::write(house.project().join(".gitignore"), "built/\nlocal.conf\n").unwrap();
    house.git(&["add", ".gitignore"]);
    house.git(&["commit", "-q", "-m", "what is ignored"]);
    house.add(&["one"]);
    for worker in &WORKERS[..4] {
        house.run(worker, &["--until-idle"]);
    }
    assert_eq!(house.state("one"), "COMMIT", "{}", house.scene());
    // It looked somewhere else, and at nothing that git ignores.
    let listed = fs::read_to_string(listed).unwrap();
    assert!(!listed.contains("built") && !listed.contains("local.conf"), "{listed}");
    assert!(listed.contains("run-tests.sh"), "{listed}");
    let place = fs::read_to_string(place).unwrap();
    let checkout = std::path::Path::new(place.trim());
    assert!(place.contains("/.looks/") && place.contains("/one."), "{place}");
    assert!(!checkout.exists(), "{place}");
    // What it changed is named, and the fix turn found it put back.
    let lines: Vec<String> = house
        .told("gate")
        .iter()
        .filter(|event| event["gate"] == "playtest")
        .map(|event| event["line"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("the playtest changed its checkout: done/one.txt"), "{lines:?}");
    assert!(lines[0].contains("left") && !lines[0].contains("local.conf"), "{lines:?}");
    assert!(lines[1].contains("its checkout ") && lines[1].contains("is as it was"), "{lines:?}");
    // The implementer's worktree never knew.
    let worktree = checkout.ancestors().nth(3).unwrap().join("one");
    let read = |name: &str| fs::read_to_string(worktree.join(name)).unwrap();
    assert_eq!(read("done/one.txt"), "SIMULATED work of one\n");
    assert_eq!((read("built/result").as_str(), read("local.conf").as_str()), ("old", "mine"));
    assert!(!worktree.join("left").exists());
    house.run("commit-worker", &["--until-idle"]);
    assert_eq!(house.state("one"), "READY_FOR_REVIEW", "{}", house.scene());
    assert_eq!(house.git(&["show", "shopfloor/one:done/one.txt"]), "SIMULATED work of one\n");
    assert!(!worktree.exists());
}

#[test]
fn asked_to_stop_a_worker_finishes_the_running_turn_and_gives_the_rest_back_unharmed() {
    let house = House::with("", "[[act]]\norder = \"*\"\nstage = \"spec\"\nms = 700\n");
    house.add(&["a", "b", "c"]);
    let mut worker = house.start("spec-worker", &[]);
    house.wait("the first turn", |house| !house.told("turn_began").is_empty());
    worker.signal("TERM");
    assert_eq!(worker.end(Duration::from_secs(20)), Some(0), "{}", house.scene());
    let states: Vec<String> = ["a", "b", "c"].map(|id| house.state(id)).to_vec();
    assert_eq!(states.iter().filter(|state| *state == "TESTS_PRE").count(), 1, "{states:?}");
    let charged = house.told("returned").iter().any(|event| event["class"] != "lost");
    assert!(!charged, "{}", house.scene());
    assert_eq!(left_over(&house.path("")), Vec::<String>::new());
}

#[test]
fn asked_twice_a_worker_ends_its_agent_at_once_and_gives_everything_back() {
    let house = House::with("", "[[act]]\norder = \"*\"\nstage = \"spec\"\nmisbehave = \"hang\"\n");
    house.add(&["a", "b"]);
    let mut worker = house.start("spec-worker", &[]);
    house.wait("the first turn", |house| !house.told("turn_began").is_empty());
    worker.signal("INT");
    house.wait("the drain", |house| !house.told("stopping").is_empty());
    worker.signal_again("INT");
    assert_eq!(worker.end(Duration::from_secs(20)), Some(130), "{}", house.scene());
    for id in ["a", "b"] {
        assert_eq!(house.state(id), "NEW");
        let last = house.journal(id).pop().unwrap();
        assert_eq!((last["e"].as_str(), last["class"].as_str()), (Some("release"), Some("lost")));
    }
    assert_eq!(left_over(&house.path("")), Vec::<String>::new());
}

#[test]
fn a_killed_worker_loses_nothing_and_leaves_no_process() {
    let acts = "[[act]]\norder = \"*\"\nstage = \"spec\"\ntimes = 1\nmisbehave = \"hang\"\n";
    let house = House::with("", acts);
    house.add(&["a", "b"]);
    let mut worker = house.start("spec-worker", &[]);
    house.wait("the first turn", House::first_act_is_used);
    worker.signal("KILL");
    assert_eq!(worker.end(Duration::from_secs(20)), None);
    // The one whose turn had begun is a suspect and rests a while; the other is charged with nothing.
    house.run("spec-worker", &["--until-idle"]);
    house.wait("both specs", |house| {
        house.run("spec-worker", &["--until-idle"]);
        ["a", "b"].iter().all(|id| house.state(id) == "TESTS_PRE")
    });
    let classes: Vec<String> =
        house.told("recovered").iter().map(|e| e["class"].as_str().unwrap().to_owned()).collect();
    assert_eq!(classes.iter().filter(|class| *class == "crash").count(), 1, "{classes:?}");
    // What the turn had used that died with its worker nobody knows, and it is not told as nothing.
    let told = ["a", "b"].map(|id| shown(&house.shopfloor(&["show", id])));
    let unknown = told.iter().filter(|told| told.contains("and 1 turn of unknown cost"));
    assert_eq!(unknown.count(), 1, "{told:#?}");
    assert_eq!(left_over(&house.path("")), Vec::<String>::new());
}

#[test]
fn a_usage_limit_charges_nobody_pauses_the_stage_and_passes_by_itself() {
    let acts = "[[act]]\norder = \"*\"\nstage = \"spec\"\ntimes = 1\nmisbehave = \"usage-limit\"\nreset_in_s = 2\n";
    let house = House::with("", acts);
    house.add(&["a", "b"]);
    house.run("spec-worker", &["--until-idle"]);
    for id in ["a", "b"] {
        assert_eq!(house.state(id), "TESTS_PRE", "{}", house.scene());
    }
    assert_eq!((house.told("parked").len(), house.told("paused").len()), (1, 0));
    assert_eq!(house.told("unparked").len(), 1);
    // The limit's own call, and one per order.
    assert_eq!(house.calls(), 3, "{}", house.scene());
    let charged = house.told("returned").iter().any(|event| event["class"] == "work");
    assert!(!charged);
}

#[test]
fn an_order_on_hold_in_the_middle_of_its_turn_is_finished_and_then_left_alone() {
    let house = House::with("", "[[act]]\norder = \"*\"\nstage = \"spec\"\nms = 500\n");
    house.add(&["a"]);
    let mut worker = house.start("spec-worker", &["--until-idle"]);
    house.wait("the turn", |house| !house.told("turn_began").is_empty());
    fs::write(house.order("a").join(".hold"), "wait for me").unwrap();
    assert_eq!(worker.end(Duration::from_secs(20)), Some(0));
    assert_eq!(house.state("a"), "TESTS_PRE");
    house.run("test-worker", &["--until-idle"]);
    assert_eq!(house.state("a"), "TESTS_PRE");
    fs::remove_file(house.order("a").join(".hold")).unwrap();
}

#[test]
fn an_edit_of_the_state_by_hand_wins_over_the_turn_under_way() {
    let house = House::with("", "[[act]]\norder = \"*\"\nstage = \"spec\"\nms = 500\n");
    house.add(&["a"]);
    let mut worker = house.start("spec-worker", &["--until-idle"]);
    house.wait("the turn", |house| !house.told("turn_began").is_empty());
    fs::write(house.order("a").join(".state"), "PLAYTEST\n").unwrap();
    assert_eq!(worker.end(Duration::from_secs(20)), Some(0));
    assert_eq!(house.state("a"), "PLAYTEST", "{}", house.scene());
    assert_eq!(house.told("lost_claim").len(), 1);
}

#[test]
fn an_order_removed_in_the_middle_of_its_turn_does_not_come_back() {
    let house = House::with("", "[[act]]\norder = \"*\"\nstage = \"spec\"\nms = 500\n");
    house.add(&["a", "b"]);
    let mut worker = house.start("spec-worker", &["--until-idle"]);
    house.wait("the turn", |house| !house.told("turn_began").is_empty());
    let running = house.told("turn_began")[0]["order"].as_str().unwrap().to_owned();
    fs::remove_dir_all(house.order(&running)).unwrap();
    assert_eq!(worker.end(Duration::from_secs(20)), Some(0), "{}", house.scene());
    assert!(!house.order(&running).exists());
    let other = if running == "a" { "b" } else { "a" };
    assert_eq!(house.state(other), "TESTS_PRE");
}

#[test]
fn a_turn_whose_gate_could_not_run_is_not_paid_for_twice() {
    let house = House::new();
    house.add(&["a"]);
    house.run("spec-worker", &["--until-idle"]);
    let calls = house.calls();
    let config = house.project().join("shopfloor.toml");
    let good = fs::read_to_string(&config).unwrap();
    fs::write(&config, good.replace("\"sh\", \"run-tests.sh\"", "\"no-such-runner\"")).unwrap();
    house.run("test-worker", &["--once"]);
    assert_eq!(house.state("a"), "TESTS_PRE");
    assert_eq!(house.told("paused").len(), 1, "{}", house.scene());
    fs::write(&config, good).unwrap();
    house.run("test-worker", &["--until-idle"]);
    assert_eq!(house.state("a"), "IMPL", "{}", house.scene());
    assert_eq!(house.calls(), calls + 1);
}

#[test]
fn an_order_waits_for_what_it_needs_and_starts_from_its_work() {
    let house = House::new();
    house.add(&["first"]);
    let added = house.shopfloor(&["add", "Second", "--id", "second", "--needs", "first"]);
    assert!(added.status.success());
    house.run("spec-worker", &["--until-idle"]);
    assert_eq!(house.state("second"), "NEW");
    house.run_all();
    assert_eq!(house.state("first"), "READY_FOR_REVIEW", "{}", house.scene());
    house.run_all();
    assert_eq!(house.state("second"), "READY_FOR_REVIEW", "{}", house.scene());
    house.git(&["merge-base", "--is-ancestor", "shopfloor/first", "shopfloor/second"]);
}

/// The session's folder is also where the batch's record is kept: neither may be in the other's way.
#[test]
fn a_one_shot_command_finds_its_orders_where_its_contract_says() {
    let sim = program("sim-agent").display().to_string();
    let config = format!(
        "[agent.once]\ndriver = \"command\"\nprogram = {sim:?}\nargs = [\"--oneshot\"]\nsimulated = true\n\n\
         [stage.spec]\nagent = \"once\"\n"
    );
    let house = House::with(&config, "");
    house.add(&["a", "b"]);
    house.run("spec-worker", &["--agent", "once", "--until-idle"]);
    for id in ["a", "b"] {
        assert_eq!(house.state(id), "TESTS_PRE", "{}", house.scene());
    }
}
