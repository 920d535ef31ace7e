//! Stories of system calls that fail under a real worker, put there by `strace`. Where it is missing or not allowed a test
//! says that it was skipped.

#![expect(clippy::print_stdout, reason = "a test that was skipped says so")]

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::house::{House, Worker, left_over, program, shown};

const END: Duration = Duration::from_secs(60);

/// True when system calls can be made to fail here.
fn able() -> bool {
    let tried = Command::new("strace").args(["-f", "-qq", "-o", "/dev/null", "true"]).output();
    let able = tried.is_ok_and(|ran| ran.status.success());
    if !able {
        println!("SKIPPED: system calls can't be made to fail here: that needs strace and ptrace");
    }
    able
}

/// Runs one of our programs to its end, with calls that fail as `faults` say (in strace's words).
fn run(house: &House, faults: &[&str], name: &str, args: &[&str]) -> Output {
    let plain = house.command(name);
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null"]).args(faults).arg(program(name)).args(args);
    command.current_dir(house.project()).env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).output().unwrap()
}

fn log(house: &House) -> String {
    fs::read_to_string(house.project().join("logs/spec-worker.log")).unwrap_or_default()
}

#[test]
fn an_order_whose_files_can_not_be_read_is_held_and_told_once_and_the_others_go_on() {
    if !able() {
        return;
    }
    for file in [".state", "events.jsonl", "order.json"] {
        let house = House::new();
        house.add(&["a", "b"]);
        let path = house.order("a").join(file).display().to_string();
        let faults = ["-P", &path, "-e", "trace=read", "-e", "inject=read:error=EIO"];
        let ran = run(&house, &faults, "spec-worker", &["--until-idle"]);
        assert!(ran.status.success(), "{file}: {}", shown(&ran));
        assert_eq!(house.state("b"), "TESTS_PRE", "{file}: {}", house.scene());
        let hold = fs::read_to_string(house.order("a").join(".hold")).unwrap_or_default();
        assert!(hold.contains(file) && hold.contains("Input/output error"), "{file}: {hold:?}");
        assert_eq!(log(&house).matches("put on hold").count(), 1, "{file}: {}", log(&house));
        assert_eq!(house.state("a"), "NEW");
        // The disk is well again, and a person lets it go.
        assert!(house.shopfloor(&["release", "a"]).status.success());
        house.run("spec-worker", &["--until-idle"]);
        assert_eq!(house.state("a"), "TESTS_PRE", "{file}: {}", house.scene());
    }
}

#[test]
fn a_queue_whose_file_system_refuses_locks_is_not_opened() {
    if !able() {
        return;
    }
    let house = House::new();
    house.add(&["a"]);
    for error in ["ENOLCK", "EOPNOTSUPP"] {
        let fault = format!("inject=flock:error={error}");
        for (name, args) in [("spec-worker", &["--once"][..]), ("shopfloor", &["add", "More"])] {
            let ran = run(&house, &["-e", "trace=flock", "-e", &fault], name, args);
            assert_eq!(ran.status.code(), Some(7), "{error} {name}: {}", shown(&ran));
            let told = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert!(told.contains("a file system without locks"), "{error} {name}: {told}");
            assert!(told.contains("local disk"), "{error} {name}: {told}");
        }
    }
    assert_eq!((house.state("a").as_str(), house.journal("a").len()), ("NEW", 1));
}

#[test]
fn a_worker_that_can_start_no_process_blames_the_machine_waits_and_goes_on() {
    if !able() {
        return;
    }
    for error in ["EAGAIN", "ENOMEM"] {
        let house = House::new();
        let mut worker = house.start("spec-worker", &[]);
        house.wait("the worker", |house| !house.told("started").is_empty());
        let mut strace = Command::new("strace");
        let calls = "clone,clone3,fork,vfork";
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}"), "-e"]);
        strace.arg(format!("inject={calls}:error={error}")).args(["-p", &pid(&worker)]);
        let mut strace = Worker { child: strace.stderr(Stdio::null()).spawn().unwrap() };
        house.wait("strace", |_| traced(&worker));
        house.add(&["a"]);
        house.wait("the pause", |house| !house.told("paused").is_empty());
        house.wait("the order", |house| !house.told("returned").is_empty());
        let classes = house.told("returned");
        assert!(classes.iter().all(|one| one["class"] == "env"), "{error}: {classes:?}");
        let mend = house.told("paused")[0]["mend"].as_str().unwrap().to_owned();
        assert!(mend.contains("can start nothing more"), "{error}: {mend}");
        // It looks again and again, and each time comes to the same.
        house.wait("a second try", |house| house.told("paused").len() > 1);
        assert!(worker.child.try_wait().unwrap().is_none(), "{error}: {}", house.scene());
        assert_eq!(house.state("a"), "NEW");
        strace.signal("TERM");
        assert_eq!(strace.end(END), None);
        house.wait("the order", |house| house.state("a") == "TESTS_PRE");
        worker.signal("TERM");
        assert_eq!(worker.end(END), Some(0), "{error}: {}", house.scene());
        assert_eq!(left_over(&house.path("")), Vec::<String>::new());
    }
}

#[test]
fn a_worker_that_can_start_no_thread_ends_with_a_word_about_it() {
    if !able() {
        return;
    }
    let house = House::new();
    let faults = ["-e", "trace=clone,clone3", "-e", "inject=clone,clone3:error=EAGAIN"];
    let ran = run(&house, &faults, "spec-worker", &["--once"]);
    let told = String::from_utf8_lossy(&ran.stderr).into_owned();
    // The runtime panics when it can start no thread: the only panic that can be brought about from outside.
    assert!(told.contains("this process ends at once"), "{}", shown(&ran));
    assert!(!ran.status.success(), "{}", shown(&ran));
}

fn pid(worker: &Worker) -> String {
    worker.child.id().to_string()
}

/// True once somebody traces every thread of a worker.
fn traced(worker: &Worker) -> bool {
    let threads = fs::read_dir(format!("/proc/{}/task", worker.child.id())).unwrap();
    threads.flatten().all(|thread| {
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
    })
}
