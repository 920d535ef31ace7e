//! Stories of workers that meet trouble: one broken order never stops the others, nobody is charged for what was not their
//! doing, a stop is heard in every wait, and nothing passes that was not checked.

#![expect(clippy::print_stdout, reason = "a test that was skipped says so")]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use shopfloor::failure::Class;
use shopfloor::floor::unix_now;
use shopfloor::holder::SessionId;
use shopfloor::order::OrderId;
use shopfloor::queue::files::{FileQueue, Options};
use shopfloor::queue::{Claiming, Moved, Queue, Release};
use shopfloor::state::State;

use crate::house::{House, left_over};

/// The lock `name` of the floor, held by us.
fn lock(house: &House, name: &str) -> File {
    let path = house.project().join("work-orders/.floor/run").join(name);
    let file = File::options().create(true).truncate(false).write(true).open(path).unwrap();
    file.try_lock().unwrap();
    file
}

/// Classes under which orders were given back.
fn charged(house: &House) -> Vec<String> {
    house.told("returned").iter().map(|e| e["class"].as_str().unwrap().to_owned()).collect()
}

fn last(house: &House, id: &str) -> (String, String) {
    let entry = house.journal(id).pop().unwrap();
    let word = |field: &str| entry[field].as_str().unwrap_or("").to_owned();
    (word("e"), word("class"))
}

#[test]
fn an_order_broken_in_its_turn_is_given_back_by_its_living_worker_once_it_is_mended() {
    let house = House::with("", "[[act]]\norder = \"a\"\nstage = \"spec\"\nms = 500\n");
    house.add(&["a", "b"]);
    let mut worker = house.start("spec-worker", &[]);
    house.wait("the turn", |house| house.told("turn_began").iter().any(|e| e["order"] == "a"));
    let state = house.order("a").join(".state");
    fs::write(&state, "no state at all\n").unwrap();
    house.wait("the loss", |house| house.told("lost_claim").iter().any(|e| e["order"] == "a"));
    house.wait("the other order", |house| house.state("b") == "TESTS_PRE");
    fs::write(&state, "NEW\n").unwrap();
    fs::remove_file(house.order("a").join(".hold")).unwrap();
    house.wait("the mended order", |house| house.state("a") == "TESTS_PRE");
    worker.signal("TERM");
    assert_eq!(worker.end(Duration::from_secs(20)), Some(0), "{}", house.scene());
    assert_eq!(charged(&house), ["lost"]);
}

#[test]
fn an_order_whose_lock_is_a_folder_is_held_and_its_worker_goes_on() {
    let house = House::new();
    house.add(&["a", "b"]);
    let path = house.order("a").join(".lock");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    house.run("spec-worker", &["--until-idle"]);
    assert_eq!(house.state("b"), "TESTS_PRE", "{}", house.scene());
    let hold = fs::read_to_string(house.order("a").join(".hold")).unwrap();
    assert!(hold.contains(".lock") && hold.contains("remove it"), "{hold}");
}

#[test]
fn an_order_whose_tests_kill_their_run_is_charged_and_does_not_keep_its_stage_from_working() {
    let acts = "[[act]]\norder = \"bad\"\nstage = \"test\"\n\
                files = { \"tests/bad.sh\" = \"kill -9 $PPID\\n\" }\n";
    let house = House::with("", acts);
    house.add(&["bad", "good"]);
    let request = house.order("bad").join("order.json");
    fs::write(request, "{\"title\":\"Do bad\",\"priority\":\"high\"}").unwrap();
    house.run("spec-worker", &["--until-idle"]);
    let mut worker = house.start("test-worker", &["--batch-size", "1"]);
    house.wait("the good order", |house| house.state("good") == "IMPL");
    worker.signal("TERM");
    assert_eq!(worker.end(Duration::from_secs(30)), Some(0), "{}", house.scene());
    assert_eq!(house.state("bad"), "TESTS_PRE");
    // The base has an answer to the same command: what has none is this order's doing.
    assert_eq!(last(&house, "bad").1, "work");
}

#[test]
fn a_turn_that_takes_its_worktree_away_is_charged_and_pauses_nobody() {
    let acts = "[[act]]\norder = \"a\"\nstage = \"test\"\ntimes = 1\n\
                run = [[\"sh\", \"-c\", \"rm -rf $PWD\"]]\n";
    let house = House::with("", acts);
    house.add(&["a"]);
    house.run("spec-worker", &["--until-idle"]);
    house.run("test-worker", &["--until-idle"]);
    assert_eq!(house.state("a"), "IMPL", "{}", house.scene());
    assert_eq!(charged(&house), ["work"]);
    assert_eq!(house.told("paused").len(), 0);
}

#[test]
fn a_worker_until_idle_waits_out_the_pause_of_its_stage_for_an_order_whose_need_is_met() {
    let house = House::new();
    house.add(&["first"]);
    fs::write(house.order("first").join(".state"), "READY_FOR_REVIEW\n").unwrap();
    assert!(house.shopfloor(&["add", "S", "--id", "second", "--needs", "first"]).status.success());
    let breaker = format!(
        "{{\"stage\":\"spec\",\"until\":{},\"count\":1,\"why\":\"w\",\"mend\":\"m\"}}",
        unix_now() + 2
    );
    let path = house.project().join("work-orders/.floor/run/breaker-spec.json");
    fs::write(path, breaker).unwrap();
    house.run("spec-worker", &["--until-idle"]);
    assert_eq!(house.state("second"), "TESTS_PRE", "{}", house.scene());
}

#[test]
fn a_rest_that_is_over_does_not_keep_a_worker_waiting_for_an_order_that_waits_for_another() {
    let house = House::new();
    house.add(&["a"]);
    let request = house.order("a").join("order.json");
    fs::write(request, "{\"title\":\"A\",\"needs\":[\"nobody\"]}").unwrap();
    let folder = house.project().join("work-orders");
    let queue = FileQueue::open(&folder, Options::default()).unwrap();
    let enlisted = queue.enlist("spec").unwrap();
    let holder = enlisted.holder(&SessionId::fresh());
    let id = OrderId::parse("a").unwrap();
    let Claiming::Won(claim) = queue.clone().claim(&id, &State::NEW, &holder).unwrap() else {
        panic!("it was free")
    };
    let due = unix_now() + 1;
    let release = Release { class: Class::Work, why: "w".to_owned(), due: Some(due) };
    assert_eq!(claim.release(&release).unwrap(), Moved::Done);
    house.wait("the end of the rest", |_| unix_now() > due);
    let mut worker = house.start("spec-worker", &["--until-idle"]);
    assert_eq!(worker.end(Duration::from_secs(20)), Some(0), "{}", house.scene());
}

#[test]
fn who_waits_for_another_union_hears_the_first_stop_and_the_turn_is_not_paid_twice() {
    let house = House::new();
    house.add(&["a"]);
    for worker in ["spec-worker", "test-worker", "implement-worker", "playtest-worker"] {
        house.run(worker, &["--until-idle"]);
    }
    let held = lock(&house, "union.lock");
    let turns = house.told("turn_ended").len();
    let mut worker = house.start("commit-worker", &[]);
    house.wait("the turn", |house| house.told("turn_ended").len() > turns);
    worker.signal("TERM");
    assert_eq!(worker.end(Duration::from_secs(20)), Some(0), "{}", house.scene());
    assert_eq!(last(&house, "a"), ("release".to_owned(), "lost".to_owned()));
    assert_eq!(house.told("paused").len(), 0, "{}", house.scene());
    drop(held);
    let calls = house.calls();
    house.run("commit-worker", &["--until-idle"]);
    assert_eq!(house.state("a"), "READY_FOR_REVIEW", "{}", house.scene());
    assert_eq!(house.calls(), calls);
}

#[test]
fn who_waits_for_a_worktree_hears_the_second_stop() {
    let house = House::new();
    house.add(&["a"]);
    house.run("spec-worker", &["--until-idle"]);
    let _held = lock(&house, "order-a.lock");
    let mut worker = house.start("test-worker", &[]);
    house.wait("the session", |house| house.told("session_opened").len() == 2);
    let begun = Instant::now();
    worker.signal("INT");
    house.wait("the drain", |house| !house.told("stopping").is_empty());
    worker.signal_again("INT");
    assert_eq!(worker.end(Duration::from_secs(20)), Some(130), "{}", house.scene());
    assert!(begun.elapsed() < Duration::from_secs(15));
    assert_eq!(last(&house, "a"), ("release".to_owned(), "lost".to_owned()));
    assert_eq!(house.told("paused").len(), 0);
    assert_eq!(left_over(&house.path("")), Vec::<String>::new());
}

#[test]
fn what_a_killed_playtest_changed_in_the_implementers_worktree_does_not_land() {
    let acts = "[[act]]\norder = \"a\"\nstage = \"playtest\"\ntimes = 1\n\
                run = [[\"sh\", \"-c\", \"echo slipped in > ../../../a/README.md; sleep 60\"]]\n";
    let house = House::with("", acts);
    house.add(&["a"]);
    for worker in ["spec-worker", "test-worker", "implement-worker"] {
        house.run(worker, &["--until-idle"]);
    }
    let worktrees = house.path("state/shopfloor");
    let slipped = || {
        let found = walkdir::WalkDir::new(&worktrees).into_iter().flatten();
        let mut readmes = found.filter(|entry| entry.file_name() == "README.md");
        readmes.any(|entry| fs::read_to_string(entry.path()).unwrap().contains("slipped"))
    };
    let mut worker = house.start("playtest-worker", &[]);
    house.wait("the change", |_| slipped());
    worker.signal("KILL");
    assert_eq!(worker.end(Duration::from_secs(20)), None);
    house.run("playtest-worker", &["--until-idle"]);
    house.run("commit-worker", &["--until-idle"]);
    assert_eq!(house.state("a"), "READY_FOR_REVIEW", "{}", house.scene());
    let changed = house.git(&["diff", "--name-only", "main", "shopfloor/a"]);
    assert_eq!(changed.split_whitespace().collect::<Vec<_>>(), ["done/a.txt", "tests/a.sh"]);
    // It is kept aside, and told.
    let kept = house.git(&["for-each-ref", "--format=%(refname)", "refs/shopfloor/salvage/a/"]);
    let kept = kept
        .lines()
        .any(|name| house.git(&["show", &format!("{name}:README.md")]).contains("slipped"));
    assert!(kept, "{}", house.scene());
    let told = |event: &serde_json::Value| event["text"].as_str().unwrap().contains("put back");
    assert!(house.told("warning").iter().any(told), "{}", house.scene());
}

/// As `house::QUICK`, with more.
fn limits(more: &str) -> String {
    format!("[limits]\nbackoff = \"1s\"\nbreaker = \"1s\"\npoll = \"200ms\"\n{more}\n")
}

#[test]
fn whose_turn_comes_late_in_a_session_is_not_charged_for_the_sessions_end() {
    let acts = "[[act]]\norder = \"*\"\nstage = \"spec\"\nms = 700\n";
    let house = House::with(&limits("session_timeout = \"1s\""), acts);
    house.add(&["a", "b", "c"]);
    house.run("spec-worker", &["--until-idle"]);
    for id in ["a", "b", "c"] {
        assert_eq!(house.state(id), "TESTS_PRE", "{}", house.scene());
    }
    assert!(house.told("session_opened").len() > 1);
    assert!(!charged(&house).iter().any(|class| class == "crash"), "{}", house.scene());
}

#[test]
fn an_order_that_kills_its_workers_is_given_up_before_it_kills_another() {
    let acts = "[[act]]\norder = \"a\"\nstage = \"spec\"\nmisbehave = \"hang\"\n";
    let house = House::with(&limits("crashes = 1"), acts);
    house.add(&["a"]);
    // The first death makes it a suspect, the second one counts.
    for turn in 1..=2 {
        let mut worker = house.start("spec-worker", &[]);
        house.wait("its turn", |house| house.told("turn_began").len() == turn);
        worker.signal("KILL");
        assert_eq!(worker.end(Duration::from_secs(20)), None);
    }
    let mut worker = house.start("spec-worker", &["--until-idle"]);
    assert_eq!(worker.end(Duration::from_secs(20)), Some(0), "{}", house.scene());
    assert_eq!(house.state("a"), "FAILED", "{}", house.scene());
    assert_eq!(house.told("turn_began").len(), 2);
    let report = fs::read_to_string(house.order("a").join("FAILED.md")).unwrap();
    assert!(report.contains("1 crashes while it ran alone"), "{report}");
    assert_eq!(left_over(&house.path("")), Vec::<String>::new());
}

/// A small disk of its own at `folder`, as long as it lives. `None` where we may not make one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn at(folder: PathBuf, size: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"]).arg(&folder);
        let made = mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        made.then_some(Self(folder))
    }

    /// Leaves no room on it.
    fn fill(&self) -> PathBuf {
        let filler = self.0.join("filler");
        let mut file = File::create(&filler).unwrap();
        while file.write_all(&[b'x'; 512]).is_ok() {}
        filler
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _busy = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_paid_turn_waits_for_room_on_a_full_disk_and_is_not_given_twice() {
    let house = House::with("", "[[act]]\norder = \"a\"\nstage = \"implement\"\nms = 1000\n");
    house.add(&["a"]);
    for worker in ["spec-worker", "test-worker"] {
        house.run(worker, &["--until-idle"]);
    }
    let sessions = house.project().join("work-orders/.floor/sessions");
    let Some(disk) = SmallDisk::at(sessions, "512k") else {
        println!("full disk: 1 test skipped: no file system may be mounted here");
        return;
    };
    let calls = house.calls();
    let turns = house.told("turn_began").len();
    let mut worker = house.start("implement-worker", &["--until-idle"]);
    house.wait("the turn", |house| house.told("turn_began").len() > turns);
    let filler = disk.fill();
    let told = |event: &serde_json::Value| event["text"].as_str().unwrap().contains("to be kept");
    house.wait("the warning", |house| house.told("warning").iter().any(told));
    fs::remove_file(filler).unwrap();
    assert_eq!(worker.end(Duration::from_secs(30)), Some(0), "{}", house.scene());
    assert_eq!(house.state("a"), "PLAYTEST", "{}", house.scene());
    assert_eq!((house.calls(), charged(&house).len()), (calls + 1, 0));
}

#[test]
fn a_disk_that_fills_up_in_a_session_costs_no_session_and_no_worker() {
    let acts = "[[act]]\norder = \"a\"\nstage = \"spec\"\nms = 2000\n";
    let house = House::with(&limits("free_mib = 16"), acts);
    let queue = house.project().join("work-orders");
    let aside = house.path("aside");
    let copy = |from: &Path, to: &Path| {
        let mut copy = Command::new("cp");
        assert!(copy.arg("-a").arg(from).arg(to).status().unwrap().success());
    };
    copy(&queue, &aside);
    let Some(disk) = SmallDisk::at(queue.clone(), "64m") else {
        println!("full disk: 1 test skipped: no file system may be mounted here");
        return;
    };
    copy(&aside.join("."), &queue);
    house.add(&["a"]);
    let mut worker = house.start("spec-worker", &[]);
    house.wait("the turn", |house| !house.told("turn_began").is_empty());
    house.add(&["b"]);
    let filler = disk.0.join("filler");
    fs::write(&filler, vec![b'x'; 52 * 1024 * 1024]).unwrap();
    let told = |event: &serde_json::Value| event["text"].as_str().unwrap().contains("MiB are free");
    house.wait("the first order", |house| house.state("a") == "TESTS_PRE");
    house.wait("the warning", |house| house.told("warning").iter().any(told));
    assert_eq!(house.state("b"), "NEW");
    fs::remove_file(filler).unwrap();
    house.wait("the second order", |house| house.state("b") == "TESTS_PRE");
    worker.signal("TERM");
    assert_eq!(worker.end(Duration::from_secs(20)), Some(0), "{}", house.scene());
}

#[test]
fn a_worker_whose_traces_can_not_be_read_keeps_nobody_from_working() {
    let house = House::new();
    house.add(&["a"]);
    let workers = house.project().join("work-orders/.floor/workers");
    fs::create_dir(workers.join("1-1-00000000.lock")).unwrap();
    house.run("spec-worker", &["--until-idle"]);
    assert_eq!(house.state("a"), "TESTS_PRE", "{}", house.scene());
}
