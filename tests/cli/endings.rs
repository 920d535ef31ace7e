//! Endings: asked once, asked twice, nothing left to do, killed; and that nothing survives any of them.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::scene::{Scene, WORKERS, comes_true, lines, lives, pids_in_table, told};

/// A worker that needs to be asked twice; it writes down how often it was.
const STUBBORN: &str = "n=0\ntrap 'n=$((n+1)); echo asked >> \"$SCENE/asked\"' TERM\n\
                        echo ready >> \"$SCENE/ready\"\n\
                        while [ $n -lt 2 ]; do sleep 0.05; done\nexit 0";

/// A worker that can't be asked at all. It ends by itself when its test is long over.
const DEAF: &str = "trap '' TERM\necho ready >> \"$SCENE/ready\"\n\
                    n=0\nwhile [ $n -lt 600 ]; do n=$((n+1)); sleep 0.1; done";

#[test]
fn once_waits_for_the_workers_and_says_so_and_twice_is_at_once() {
    let scene = Scene::ready();
    scene.worker("implement-worker", STUBBORN);
    let launcher = scene.start(&[]);
    launcher.wait_for("the worker", || !lines(&scene.beside("ready")).is_empty());
    launcher.signal(Signal::INT);
    launcher.wait_for("the first ask", || lines(&scene.beside("asked")).len() == 1);
    launcher.wait_for("the others", || launcher.err().contains("waiting for implement-worker\n"));
    assert!(lives(launcher.workers()[2]));
    launcher.signal_again(Signal::INT);
    launcher.end().ended(130).remarks(&["Stopping at once", "Nothing is left running."]);
}

#[test]
fn a_worker_that_hears_nothing_is_killed_in_the_end() {
    let scene = Scene::ready();
    scene.worker("commit-worker", DEAF);
    let launcher = scene.start(&[]);
    launcher.wait_for("the worker", || !lines(&scene.beside("ready")).is_empty());
    let deaf = launcher.workers()[4];
    launcher.signal(Signal::TERM);
    launcher.wait_for("the first ask", || launcher.err().contains("Stopping"));
    launcher.signal_again(Signal::TERM);
    launcher.end().ended(130).remarks(&["killed, after 15 s: commit-worker"]);
    assert!(!lives(deaf));
}

#[test]
fn workers_end_by_themselves_when_their_launcher_is_killed() {
    let scene = Scene::ready();
    let launcher = scene.start(&[]);
    let workers = launcher.workers();
    let begun = Instant::now();
    launcher.signal(Signal::KILL);
    assert!(comes_true(|| workers.iter().all(|&pid| !lives(pid))));
    assert!(begun.elapsed() < Duration::from_secs(5));
    scene.run(&["stop"]).ended(4);
}

#[test]
fn stop_without_anything_that_runs_ends_with_4() {
    let scene = Scene::ready();
    scene.run(&["stop"]).ended(4).remarks(&["Nothing runs"]);
}

#[test]
fn stop_ends_a_launcher_in_the_background_and_looks_what_is_left() {
    let scene = Scene::ready();
    let mut command = scene.command(&["start", "-d"]);
    command.arg("--workers-dir").arg(scene.beside("workers"));
    let started = told(command).ended(0).says(&["Workers launched:"]);
    let started = started.remarks(&["in the background: PID", "shopfloor stop"]);
    let workers = pids_in_table(&started.out);
    assert_eq!(workers.iter().filter(|&&pid| lives(pid)).count(), 5);
    let stopped = scene.run(&["stop"]).ended(0);
    assert_eq!(stopped.out, "Nothing is left running.\n");
    assert!(workers.iter().all(|&pid| !lives(pid)));
    scene.run(&["status"]).ended(0).says(&["no launcher runs"]);
    scene.run(&["logs", "launcher"]).ended(0).says(&["Workers launched:"]);
}

#[test]
fn stop_now_does_not_wait() {
    let scene = Scene::ready();
    WORKERS.iter().for_each(|worker| scene.worker(worker, STUBBORN));
    let launcher = scene.start(&[]);
    launcher.wait_for("the workers", || lines(&scene.beside("ready")).len() == 5);
    let workers = launcher.workers();
    scene.run(&["stop", "--now"]).ended(0).says(&["Nothing is left running."]);
    assert!(workers.iter().all(|&pid| !lives(pid)));
    launcher.end().ended(130);
}

#[test]
fn what_a_worker_left_behind_is_named_and_ended() {
    let scene = Scene::ready();
    let script = "start=$(awk '{print $22}' /proc/$$/stat)\n\
                  SHOPFLOOR_COOKIE=\"$$-$start-0000abcd/s\" setsid sleep 300 &\n\
                  echo $! > \"$SCENE/left\"\n\
                  trap 'exit 0' TERM\nwhile read -r line; do :; done";
    scene.worker("spec-worker", script);
    let launcher = scene.start(&[]);
    launcher.wait_for("the child", || !lines(&scene.beside("left")).is_empty());
    let left: u32 = lines(&scene.beside("left"))[0].parse().unwrap();
    launcher.signal(Signal::TERM);
    launcher.end().ended(0).remarks(&["left running by worker", "sleep 300", "is ended now"]);
    assert!(comes_true(|| !lives(left)));
}

#[test]
fn until_idle_ends_when_no_order_can_move() {
    let scene = Scene::ready();
    scene.start(&["--until-idle"]).end().ended(0).remarks(&["No order can move"]);
    ["held", "done", "moves"].iter().for_each(|id| scene.add(id));
    scene.run(&["add", "in vain", "--needs", "held"]).ended(0);
    scene.run(&["hold", "held"]).ended(0);
    scene.run(&["kick", "done", "--to", "READY_FOR_REVIEW"]).ended(0);
    let launcher = scene.start(&["--until-idle"]);
    // It stays while one order can move: long enough for several looks.
    let workers = launcher.workers();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        assert!(lives(workers[0]), "{}", launcher.err());
        std::thread::sleep(Duration::from_millis(50));
    }
    scene.run(&["kick", "moves", "--to", "FAILED"]).ended(0);
    launcher.end().ended(100).remarks(&["FAILED: moves", "Nothing is left running."]);
}

#[test]
fn json_lines_say_what_was_launched_and_how_it_ended() {
    let scene = Scene::ready();
    let told = scene.start_unheard(&["--json", "--until-idle"]).end().ended(0);
    let events: Vec<serde_json::Value> =
        told.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&events[0]["event"], &events[1]["event"]), (&"launched".into(), &"ended".into()));
    assert_eq!(events[0]["workers"].as_array().unwrap().len(), 5);
    assert_eq!(events[1]["left_over"], 0);
}
