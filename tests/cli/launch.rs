//! Launching: what is checked before, what is started, what is printed, and what happens to workers that die.

use std::fs;

use rustix::process::Signal;

use super::scene::{PATIENT, Scene, lines, lives, send, told};

#[test]
fn all_workers_are_launched_with_their_flags_and_the_table_is_the_promised_one() {
    let scene = Scene::ready();
    let script = format!("echo \"$0 $*\" >> \"$SCENE/calls\"\n{PATIENT}");
    super::scene::WORKERS.iter().for_each(|worker| scene.worker(worker, &script));
    let launcher = scene.start(&["--test-batch", "10", "--parallel", "impl=2", "--agent", "none"]);
    let pids = launcher.workers();
    let row = |name: &str, at: usize, batch: usize| {
        format!("  {name:<18}  PID {:<5}  batch {batch:<2}  log logs/{name}.log\n", pids[at])
    };
    let wanted = [
        "Workers launched:\n".to_owned(),
        row("spec-worker", 0, 5),
        row("test-worker", 1, 10),
        row("implement-worker", 2, 3),
        row("implement-worker-2", 3, 3),
        row("playtest-worker", 4, 5),
        row("commit-worker", 5, 5),
        "Monitor logs with:  tail -f logs/*-worker*.log\n".to_owned(),
    ];
    assert_eq!(launcher.out(), wanted.concat());
    launcher.wait_for("the calls", || lines(&scene.beside("calls")).len() == 6);
    let calls = lines(&scene.beside("calls"));
    let second = calls.iter().find(|call| call.contains("--instance 2")).unwrap();
    let project = scene.project().canonicalize().unwrap();
    let folder = |name: &str| project.join(name).display().to_string();
    for flag in [
        "implement-worker --launched".to_owned(),
        format!("--queue {}", folder("work-orders")),
        format!("--project {}", project.display()),
        format!("--logs {}", folder("logs")),
        format!("--config {}", folder("shopfloor.toml")),
        "--agent none".to_owned(),
        "--batch-size 3".to_owned(),
    ] {
        assert!(second.contains(&flag), "{flag} is not in {second}");
    }
    launcher.signal(Signal::INT);
    launcher.end().ended(0).remarks(&["Nothing is left running."]);
    assert!(pids.into_iter().all(|pid| !lives(pid)));
}

#[test]
fn what_a_worker_prints_beside_its_log_is_in_its_log() {
    let scene = Scene::ready();
    scene.worker("spec-worker", &format!("echo to stderr >&2\n{PATIENT}"));
    let launcher = scene.start(&[]);
    let log = scene.project().join("logs/spec-worker.log");
    launcher.wait_for("the line", || lines(&log) == ["to stderr"]);
}

#[test]
fn every_fault_is_told_before_anything_is_launched() {
    let scene = Scene::ready();
    scene.write("shopfloor.toml", "[agent.a]\ndriver = \"claude\"\nprogram = \"no-such-agent\"\n");
    fs::remove_file(scene.beside("workers/test-worker")).unwrap();
    let launcher = scene.start_unheard(&[]);
    let told = launcher.end().ended(1);
    assert_eq!(told.out, "");
    let told = told.remarks(&[
        "has no test command",
        "no-such-agent is not on PATH",
        "has no test-worker",
    ]);
    assert_eq!(told.err.matches("no-such-agent").count(), 1, "{}", told.err);
    scene.write(
        "shopfloor.toml",
        "[project.test]\ncommand = \"no-such-runner -q\"\n[agent.a]\ndriver = \"claude\"\nprogram = \"sh\"\n",
    );
    scene.worker("test-worker", PATIENT);
    scene.start_unheard(&[]).end().ended(1).remarks(&["no-such-runner", "not on PATH"]);
    scene.start_unheard(&["--agent", "nobody"]).end().remarks(&["no agent \"nobody\""]);
}

#[test]
fn uncommitted_work_is_only_warned_of() {
    let scene = Scene::ready();
    scene.write("README", "changed\n");
    let launcher = scene.start(&["--until-idle"]);
    launcher.end().ended(0).remarks(&["uncommitted work", "README"]);
    assert_eq!(fs::read_to_string(scene.project().join("README")).unwrap(), "changed\n");
}

#[test]
fn a_log_folder_that_can_not_be_written_stops_nothing() {
    let scene = Scene::ready();
    fs::remove_dir_all(scene.project().join("logs")).unwrap();
    scene.write("logs", "a file in its place\n");
    let launcher = scene.start(&["--until-idle"]);
    launcher.end().ended(0).remarks(&["can't write logs", "goes on"]);
}

#[test]
fn a_second_launcher_is_refused_and_names_the_first() {
    let scene = Scene::ready();
    let first = scene.start(&[]);
    let pid = format!("PID {}", first.pid());
    for args in [&["start"][..], &["start", "-d"]] {
        let mut command = scene.command(args);
        command.arg("--workers-dir").arg(scene.beside("workers"));
        told(command).ended(5).remarks(&["runs on this queue already", &pid, "shopfloor stop"]);
    }
    scene.run(&["status"]).ended(0).says(&[&format!("launcher {pid}")]);
    let status = scene.run(&["status", "--json"]).ended(0).json();
    assert_eq!(status["launcher"]["pid"], first.pid());
    // The name of a dead one does not stand in the way.
    let workers = first.workers();
    first.signal(Signal::KILL);
    first.end();
    assert!(super::scene::comes_true(|| workers.iter().all(|&pid| !lives(pid))));
    let second = scene.start(&["--until-idle"]);
    second.end().ended(0);
}

#[test]
fn a_worker_that_is_killed_is_started_again() {
    let scene = Scene::ready();
    let launcher = scene.start(&[]);
    let first = launcher.workers()[0];
    scene.worker("spec-worker", &format!("echo $$ > \"$SCENE/again\"\n{PATIENT}"));
    send(first, Signal::KILL);
    launcher.wait_for("the new one", || !lines(&scene.beside("again")).is_empty());
    let told = launcher.err();
    assert!(told.contains(&format!("spec-worker (PID {first}) died: signal 9")), "{told}");
    let again: u32 = lines(&scene.beside("again"))[0].parse().unwrap();
    launcher.signal(Signal::TERM);
    launcher.end().ended(0).remarks(&["Nothing is left running."]);
    assert!(!lives(again));
}

#[test]
fn a_worker_that_ends_by_itself_is_left_alone() {
    let scene = Scene::ready();
    let launcher = scene.start(&[]);
    launcher.wait_for("all workers", || lines(&scene.beside("patient")).len() == 5);
    for pid in launcher.workers() {
        send(pid, Signal::TERM);
    }
    launcher.end().ended(0).remarks(&["spec-worker ended by itself"]);
}

#[test]
fn five_deaths_stop_one_stage_loudly_and_the_others_go_on() {
    let scene = Scene::ready();
    scene.worker("test-worker", "echo started >> \"$SCENE/starts\"\necho the cause >&2\nexit 7");
    let launcher = scene.start(&[]);
    launcher.wait_for("the giving up", || launcher.err().contains("is not started again"));
    assert_eq!(lines(&scene.beside("starts")).len(), 5);
    let told = launcher.err();
    for text in ["5 deaths within 60 s", "exit 7", "| the cause", "started again in 8 s", "next:"] {
        assert!(told.contains(text), "{text} is not in {told}");
    }
    let workers = launcher.workers();
    assert_eq!(workers.iter().filter(|&&pid| lives(pid)).count(), 4);
    launcher.signal(Signal::TERM);
    launcher.end().ended(100);
}
