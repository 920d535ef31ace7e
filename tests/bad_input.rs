//! Stories of what a newcomer gets wrong: each is told with the thing and the next step, and nothing is lost.

use std::fs;
use std::process::Output;

use crate::house::{House, program, shown};

/// The program ended with this code, and its stderr says each of these.
#[track_caller]
fn told(ran: &Output, code: i32, wanted: &[&str]) {
    assert_eq!(ran.status.code(), Some(code), "{}", shown(ran));
    let remarks = String::from_utf8_lossy(&ran.stderr).into_owned();
    for text in wanted {
        assert!(remarks.contains(text), "{text:?} is not said:\n{}", shown(ran));
    }
}

#[test]
fn an_error_of_a_worker_is_told_once_with_its_next_step_and_is_in_its_log() {
    let house = House::new();
    let ran = house.command("spec-worker").args(["--agent", "nope"]).output().unwrap();
    told(&ran, 3, &["error: there is no agent \"nope\"", "next: add a table [agent.nope]"]);
    let remarks = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(remarks.matches("there is no agent").count(), 1, "{remarks}");
    let log = fs::read_to_string(house.project().join("logs/spec-worker.log")).unwrap();
    assert!(log.contains("there is no agent"), "{log}");
}

#[test]
fn a_stderr_that_takes_nothing_changes_no_exit_code() {
    let house = House::new();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut worker = house.command("spec-worker");
    let status = worker.args(["--agent", "nope"]).stderr(full).status().unwrap();
    assert_eq!(status.code(), Some(3));
}

#[test]
fn a_length_of_time_without_a_unit_is_refused_with_an_example() {
    let house = House::new();
    let ran = house.command("spec-worker").args(["--turn-timeout", "5"]).output().unwrap();
    told(&ran, 2, &["--turn-timeout", "write it like 90s, 10m or 1h 30m"]);
    told(&house.shopfloor(&["add", "x", "--priority", "99"]), 2, &["critical, high, normal"]);
}

#[test]
fn a_bad_id_in_a_feature_list_makes_no_order_at_all() {
    let house = House::new();
    for list in ["good ../bad", "good x.lock", "good a\u{0}b", "good Grüße", "   "] {
        if list.contains('\0') {
            continue;
        }
        let ran = house.command("spec-worker").args(["--feature-list", list]).output().unwrap();
        told(&ran, 2, &["error: ", "next: "]);
        assert!(!house.order("good").exists(), "{list:?}");
    }
    let long = "a".repeat(300);
    let ran = house.command("spec-worker").args(["--feature-list", &long]).output().unwrap();
    told(&ran, 2, &["longer than 63 bytes"]);
}

#[test]
fn a_feature_list_with_an_id_twice_and_one_that_is_there_makes_each_once() {
    let house = House::new();
    house.add(&["there"]);
    house.run("spec-worker", &["--feature-list", "there new,new\nnew"]);
    assert_eq!(
        (house.state("there").as_str(), house.state("new").as_str()),
        ("TESTS_PRE", "TESTS_PRE")
    );
    assert_eq!(house.calls(), 2);
}

#[test]
fn a_worker_that_could_prove_nothing_does_not_pay_for_a_turn() {
    let house = House::new();
    house.add(&["one"]);
    house.run("spec-worker", &["--until-idle"]);
    let path = house.project().join("shopfloor.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("command = [\"sh\", \"run-tests.sh\"]", "")).unwrap();
    let ran = house.command("test-worker").arg("--once").output().unwrap();
    told(&ran, 2, &["no test command", "[project.test]"]);
    assert_eq!((house.calls(), house.state("one").as_str()), (1, "TESTS_PRE"));
}

#[test]
fn a_stage_that_does_not_exist_is_no_setting() {
    let house = House::with("[stage.tset]\nbatch = 2\n", "");
    let ran = house.command("spec-worker").arg("--once").output().unwrap();
    told(&ran, 2, &["[stage.tset]", "spec, test, implement, playtest, commit"]);
    told(&house.shopfloor(&["start", "--until-idle"]), 2, &["[stage.tset]"]);
}

#[test]
fn a_bare_repository_is_called_one() {
    let house = House::new();
    let bare = house.path("bare.git");
    house.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let ran = house.command("shopfloor").arg("init").current_dir(&bare).output().unwrap();
    told(&ran, 2, &["is a bare git repository", "git clone"]);
}

#[test]
fn a_worktree_whose_repository_is_gone_is_not_told_to_begin_anew() {
    let house = House::new();
    let lost = house.path("lost");
    fs::create_dir(&lost).unwrap();
    fs::write(lost.join(".git"), "gitdir: /nowhere/at/all\n").unwrap();
    let ran = house.command("shopfloor").arg("init").current_dir(&lost).output().unwrap();
    told(&ran, 2, &["its file .git leads nowhere", "/nowhere/at/all"]);
}

#[test]
fn an_agent_that_can_not_be_executed_is_not_called_missing() {
    let house = House::new();
    let text = house.path("not-a-program");
    fs::write(&text, "words\n").unwrap();
    let config = house.project().join("shopfloor.toml");
    let sim = program("sim-agent").display().to_string();
    let changed = fs::read_to_string(&config).unwrap().replace(&sim, text.to_str().unwrap());
    fs::write(&config, changed).unwrap();
    let ran = house.shopfloor(&["start", "--until-idle"]);
    told(&ran, 1, &["is no program that can be executed", "chmod +x"]);
}

#[test]
fn an_unknown_state_is_held_with_the_states_there_are_and_a_person_mends_it() {
    let house = House::new();
    house.add(&["one"]);
    fs::write(house.order("one").join(".state"), "IMPLEMENT\n").unwrap();
    house.run("spec-worker", &["--until-idle"]);
    let status = shown(&house.shopfloor(&["status"]));
    assert!(status.contains("IMPLEMENT (there are NEW, TESTS_PRE"), "{status}");
    assert!(status.contains("shopfloor release ID"), "{status}");
    fs::write(house.order("one").join(".state"), "NEW\n").unwrap();
    told(&house.shopfloor(&["release", "one"]), 0, &[]);
    house.run("spec-worker", &["--until-idle"]);
    assert_eq!(house.state("one"), "TESTS_PRE");
}

#[test]
fn a_worker_that_ended_well_is_not_shown_as_dead() {
    let house = House::new();
    house.add(&["one"]);
    house.run("spec-worker", &["--until-idle"]);
    let status = shown(&house.shopfloor(&["status"]));
    assert!(status.contains("No worker runs.") && !status.contains("DEAD"), "{status}");
}

#[test]
fn a_worker_that_finds_its_stage_paused_says_why() {
    let house = House::with("[limits]\nbreaker = \"1h\"\npoll = \"200ms\"\n", "");
    house.add(&["one"]);
    let config = house.project().join("shopfloor.toml");
    let sim = program("sim-agent").display().to_string();
    let changed = fs::read_to_string(&config).unwrap().replace(&sim, "/no/such/agent");
    fs::write(&config, changed).unwrap();
    house.run("spec-worker", &["--once"]);
    let again = house.command("spec-worker").arg("--once").output().unwrap();
    told(&again, 4, &["the spec stage pauses for", "/no/such/agent"]);
    assert_eq!(house.state("one"), "NEW");
}

#[test]
fn what_is_made_by_hand_is_found_while_a_worker_idles() {
    let house = House::new();
    let _worker = house.start("spec-worker", &[]);
    house.wait("the worker", |house| !house.told("started").is_empty());
    // Long after its first look at everything: nothing rings for a mkdir.
    fs::create_dir(house.order("by-hand")).unwrap();
    house.wait("the order", |house| house.state("by-hand") == "TESTS_PRE");
}

#[test]
fn one_order_whose_folder_can_not_be_written_does_not_stop_its_stage() {
    let house = House::new();
    house.add(&["a", "b"]);
    // Evidence can't be put there, whoever runs this.
    fs::write(house.order("a").join("evidence"), "in the way\n").unwrap();
    let worker = house.start("spec-worker", &["--batch-size", "1"]);
    house.wait("the other one", |house| house.state("b") == "TESTS_PRE");
    house.wait("the pause", |house| !house.told("paused").is_empty());
    fs::remove_file(house.order("a").join("evidence")).unwrap();
    house.wait("the first one", |house| house.state("a") == "TESTS_PRE");
    drop(worker);
    assert_eq!(house.calls(), 2, "{}", house.scene());
}

#[test]
fn logs_that_can_not_be_written_stop_nothing() {
    let house = House::new();
    fs::remove_dir_all(house.project().join("logs")).unwrap();
    fs::write(house.project().join("logs"), "in the way\n").unwrap();
    house.add(&["one"]);
    let ran = house.run("spec-worker", &["--until-idle"]);
    told(&ran, 0, &["failed to open the log", "work goes on"]);
    assert_eq!(house.state("one"), "TESTS_PRE");
}
