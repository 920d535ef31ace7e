//! Stories of stopping: politely, at once, by a closed terminal, twice in the same instant.

use std::time::Duration;

use crate::house::{House, left_over, shown};

const SLOW: &str = "[[act]]\norder = \"*\"\nstage = \"spec\"\nms = 1000\n";
const HANGS: &str = "[[act]]\norder = \"*\"\nstage = \"spec\"\nmisbehave = \"hang\"\n";

fn released(house: &House, id: &str) -> Vec<String> {
    let journal = house.journal(id);
    let released = journal.iter().filter(|entry| entry["e"] == "release" || entry["e"] == "orphan");
    released.map(|entry| entry["class"].as_str().unwrap_or("?").to_owned()).collect()
}

#[test]
fn a_closed_terminal_asks_a_worker_politely_however_often_it_is_told() {
    let house = House::with("", SLOW);
    house.add(&["a"]);
    let mut worker = house.start("spec-worker", &[]);
    house.wait("the first turn", |house| !house.told("turn_began").is_empty());
    worker.signal("HUP");
    house.wait("the drain", |house| !house.told("stopping").is_empty());
    worker.signal_again("HUP");
    assert_eq!(worker.end(Duration::from_secs(20)), Some(0), "{}", house.scene());
    assert_eq!(house.state("a"), "TESTS_PRE");
    assert_eq!(house.told("stopping").len(), 1);
}

#[test]
fn a_signal_that_comes_twice_in_the_same_instant_is_polite() {
    let house = House::with("", SLOW);
    house.add(&["a"]);
    let mut worker = house.start("spec-worker", &[]);
    house.wait("the first turn", |house| !house.told("turn_began").is_empty());
    let pid = rustix::process::Pid::from_raw(worker.child.id().cast_signed()).unwrap();
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        rustix::process::kill_process(pid, signal).unwrap();
    }
    assert_eq!(worker.end(Duration::from_secs(20)), Some(0), "{}", house.scene());
    assert_eq!(house.state("a"), "TESTS_PRE");
}

#[test]
fn a_third_and_fourth_signal_are_nothing_new() {
    let house = House::with("", HANGS);
    house.add(&["a", "b"]);
    let mut worker = house.start("spec-worker", &[]);
    house.wait("the first turn", |house| !house.told("turn_began").is_empty());
    worker.signal("TERM");
    for _ in 0..4 {
        worker.signal_again("TERM");
        if worker.child.try_wait().unwrap().is_some() {
            break;
        }
    }
    assert_eq!(worker.end(Duration::from_secs(20)), Some(130), "{}", house.scene());
    assert_eq!(
        (released(&house, "a"), released(&house, "b")),
        (vec!["lost".to_owned()], vec!["lost".to_owned()])
    );
    assert_eq!(left_over(&house.path("")), Vec::<String>::new());
}

#[test]
fn a_second_polite_stop_waits_like_the_first_and_now_does_not() {
    let house = House::with("", HANGS);
    house.add(&["a"]);
    let started = house.shopfloor(&["start", "-d"]);
    assert!(started.status.success(), "{}", shown(&started));
    house.wait("the turn", |house| !house.told("turn_began").is_empty());
    let mut first = house.command("shopfloor").arg("stop").spawn().unwrap();
    house.wait("the drain", |house| !house.told("stopping").is_empty());
    let mut second = house.command("shopfloor").arg("stop").spawn().unwrap();
    let drained = |house: &House| house.told("stopped").len() == 4;
    house.wait("the idle workers", drained);
    std::thread::sleep(shopfloor::stop::ECHO * 4);
    assert!(house.told("stopping").iter().all(|event| event["now"] == false));
    let now = house.shopfloor(&["stop", "--now"]);
    assert!(now.status.success(), "{}", shown(&now));
    assert!(first.wait().unwrap().success() && second.wait().unwrap().code().is_some());
    assert_eq!(
        (house.state("a").as_str(), released(&house, "a")),
        ("NEW", vec!["lost".to_owned()])
    );
    assert_eq!(left_over(&house.path("")), Vec::<String>::new());
}

#[test]
fn stop_at_once_ends_a_gate_whose_tests_hear_nothing() {
    let house = House::new();
    let deaf = "trap '' TERM INT HUP\nsetsid sleep 300 &\ntouch \"$HOME/../gate\"\nwhile :; do sleep 0.1; done\n";
    std::fs::write(house.project().join("run-tests.sh"), deaf).unwrap();
    house.git(&["commit", "-qam", "tests that hang"]);
    house.add(&["a"]);
    house.run("spec-worker", &["--until-idle"]);
    let mut worker = house.start("test-worker", &[]);
    house.wait("the gate", |house| house.path("gate").exists());
    worker.signal("TERM");
    worker.signal_again("TERM");
    assert_eq!(worker.end(Duration::from_secs(20)), Some(130), "{}", house.scene());
    assert_eq!(
        (house.state("a").as_str(), released(&house, "a")),
        ("TESTS_PRE", vec!["lost".to_owned()])
    );
    assert_eq!(left_over(&house.path("")), Vec::<String>::new());
}

#[test]
fn the_launcher_tells_that_an_account_is_parked_and_why() {
    let house = House::with(
        "",
        "[[act]]\norder = \"*\"\nstage = \"spec\"\ntimes = 1\nmisbehave = \"usage-limit\"\nreset_in_s = 2\n",
    );
    house.add(&["a"]);
    let ran = house.shopfloor(&["start", "--until-idle"]);
    let told = shown(&ran);
    assert!(ran.status.success(), "{told}");
    assert!(
        told.contains("the account sim: usage limit until ")
            && told.contains("the account sim works again"),
        "{told}"
    );
    assert_eq!(house.state("a"), "READY_FOR_REVIEW");
}
