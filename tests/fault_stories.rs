//! Stories of single faults in the midst of work: workers that are stopped or die beside others, agents that fall silent
//! or never end, settings that change, a machine without descriptors or without /proc.

#![expect(clippy::print_stdout, reason = "a test that was skipped says so")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::house::{House, Worker, left_over, shown};

const END: Duration = Duration::from_secs(30);

/// The kinds of an order's journal entries, without its remarks.
fn kinds(house: &House, id: &str) -> Vec<String> {
    let journal = house.journal(id);
    let kinds = journal.iter().map(|entry| entry["e"].as_str().unwrap().to_owned());
    kinds.filter(|kind| kind != "note").collect()
}

/// Classes under which orders were given back.
fn charged(house: &House) -> Vec<String> {
    house.told("returned").iter().map(|e| e["class"].as_str().unwrap().to_owned()).collect()
}

fn turn_of(house: &House, id: &str) -> bool {
    house.told("turn_began").iter().any(|event| event["order"] == id)
}

/// As `house::QUICK`, with more.
fn limits(more: &str) -> String {
    format!("[limits]\nbackoff = \"1s\"\nbreaker = \"1s\"\npoll = \"200ms\"\n{more}\n")
}

#[test]
fn a_worker_that_is_stopped_in_its_turn_goes_on_where_it_was() {
    let house = House::with("", "[[act]]\norder = \"*\"\nstage = \"spec\"\nms = 700\n");
    house.add(&["a"]);
    let mut worker = house.start("spec-worker", &[]);
    house.wait("the turn", |house| turn_of(house, "a"));
    worker.signal("STOP");
    let other = house.command("spec-worker").arg("--once").output().unwrap();
    assert_eq!(other.status.code(), Some(4), "it is not for others: {}", shown(&other));
    worker.signal("CONT");
    house.wait("its order", |house| house.state("a") == "TESTS_PRE");
    assert_eq!(kinds(&house, "a"), ["create", "claim", "advance"]);
    worker.signal("TERM");
    assert_eq!(worker.end(END), Some(0), "{}", house.scene());
}

#[test]
fn the_death_of_one_worker_of_a_stage_leaves_the_other_alone() {
    let acts = "[[act]]\norder = \"a\"\nstage = \"spec\"\ntimes = 1\nmisbehave = \"hang\"\n\
                [[act]]\norder = \"b\"\nstage = \"spec\"\nms = 1500\n";
    let house = House::with("", acts);
    house.add(&["a"]);
    let mut dying = house.start("spec-worker", &["--batch-size", "1"]);
    house.wait("the first turn", |house| turn_of(house, "a"));
    house.add(&["b"]);
    let mut living = house.start("spec-worker", &["--batch-size", "1"]);
    house.wait("the second turn", |house| turn_of(house, "b"));
    dying.signal("KILL");
    assert_eq!(dying.end(END), None);
    house.wait("both orders", |house| ["a", "b"].iter().all(|id| house.state(id) == "TESTS_PRE"));
    assert_eq!(kinds(&house, "b"), ["create", "claim", "advance"]);
    assert_eq!(kinds(&house, "a"), ["create", "claim", "orphan", "claim", "advance"]);
    living.signal("TERM");
    assert_eq!(living.end(END), Some(0), "{}", house.scene());
    assert_eq!(left_over(&house.path("")), Vec::<String>::new());
}

#[test]
fn an_agent_that_falls_silent_is_ended_after_its_time_and_counts_as_a_crash() {
    let acts = "[[act]]\norder = \"*\"\nstage = \"spec\"\ntimes = 1\nmisbehave = \"hang\"\n";
    let house = House::with(&limits("idle_timeout = \"2s\""), acts);
    house.add(&["a"]);
    house.run("spec-worker", &["--until-idle"]);
    assert_eq!(house.state("a"), "TESTS_PRE", "{}", house.scene());
    assert_eq!(charged(&house), ["crash"]);
    assert_eq!(left_over(&house.path("")), Vec::<String>::new());
}

#[test]
fn an_agent_that_prints_for_ever_is_ended_when_its_turn_has_had_its_time() {
    let loud = "[agent.loud]\ndriver = \"command\"\nprogram = \"sh\"\n\
                args = [\"-c\", \"while :; do echo still at it; sleep 0.05; done\"]\n\
                [stage.spec]\nagent = \"loud\"\n";
    let house = House::with(&(limits("turn_timeout = \"2s\"") + loud), "");
    house.add(&["a"]);
    let mut worker = house.start("spec-worker", &["--once"]);
    assert_eq!(worker.end(END), Some(0), "{}", house.scene());
    assert_eq!((house.state("a").as_str(), charged(&house)), ("NEW", vec!["crash".to_owned()]));
    let told =
        |event: &serde_json::Value| event["why"].as_str().unwrap().contains("longer than 2s");
    assert!(house.told("returned").iter().any(told), "{}", house.scene());
    assert_eq!(left_over(&house.path("")), Vec::<String>::new());
}

#[test]
fn of_the_orders_of_a_one_shot_agent_those_with_a_result_move_on_and_the_others_are_charged() {
    let acts = ["d", "e"].map(|id| {
        format!(
            "[[act]]\norder = \"{id}\"\nstage = \"spec\"\ntimes = 1\nmisbehave = \"no-result\"\n"
        )
    });
    let house = House::with("", &acts.concat());
    let config = house.project().join("shopfloor.toml");
    let text = fs::read_to_string(&config).unwrap();
    let one_shot = "driver = \"command\"\nargs = [\"--oneshot\"]";
    fs::write(&config, text.replace("driver = \"claude\"", one_shot)).unwrap();
    house.add(&["a", "b", "c", "d", "e"]);
    house.run("spec-worker", &["--once"]);
    let states = ["a", "b", "c", "d", "e"].map(|id| house.state(id));
    assert_eq!(states, ["TESTS_PRE", "TESTS_PRE", "TESTS_PRE", "NEW", "NEW"], "{}", house.scene());
    assert_eq!(charged(&house), ["work", "work"]);
    assert_eq!(house.told("session_opened").len(), 1);
}

#[test]
fn an_edited_or_deleted_configuration_counts_at_the_next_start_only() {
    let house = House::new();
    let worker = house.start("spec-worker", &[]);
    house.wait("the worker", |house| !house.told("started").is_empty());
    let config = house.project().join("shopfloor.toml");
    fs::write(&config, "this is no configuration\n").unwrap();
    assert_eq!(house.shopfloor(&["start", "--until-idle"]).status.code(), Some(2));
    house.add(&["edited"]);
    house.wait("the order", |house| house.state("edited") == "TESTS_PRE");
    fs::remove_file(&config).unwrap();
    house.add(&["deleted"]);
    house.wait("the order", |house| house.state("deleted") == "TESTS_PRE");
    drop(worker);
}

#[test]
fn an_agents_git_clean_and_stash_reach_nothing_but_its_worktree() {
    let acts = "[[act]]\norder = \"a\"\nstage = \"test\"\ntimes = 1\n\
                run = [[\"git\", \"clean\", \"-ffdx\"], [\"git\", \"stash\", \"--all\"]]\n";
    let house = House::with("", acts);
    fs::write(house.project().join("notes.txt"), "the person's own\n").unwrap();
    fs::write(house.project().join("README.md"), "# Not committed yet\n").unwrap();
    house.add(&["a", "b"]);
    house.run("spec-worker", &["--until-idle"]);
    house.run("test-worker", &["--until-idle"]);
    assert_eq!((house.state("a").as_str(), house.state("b").as_str()), ("IMPL", "IMPL"));
    let read = |name: &str| fs::read_to_string(house.project().join(name)).unwrap();
    assert_eq!(read("notes.txt"), "the person's own\n");
    assert_eq!(read("README.md"), "# Not committed yet\n");
    assert!(house.project().join("shopfloor.toml").exists());
}

#[test]
fn two_launchers_because_the_lock_was_removed_do_no_work_twice() {
    let house = House::with("", "[[act]]\norder = \"*\"\nstage = \"spec\"\nms = 1500\n");
    house.add(&["a", "b"]);
    let launcher = |args: &[&str]| {
        let mut command = house.command("shopfloor");
        command.arg("start").args(args).stdout(Stdio::null()).stderr(Stdio::null());
        Worker { child: command.spawn().unwrap() }
    };
    let mut first = launcher(&["--until-idle"]);
    house.wait("the first turn", |house| !house.told("turn_began").is_empty());
    fs::remove_file(house.project().join("work-orders/.floor/run/launcher.lock")).unwrap();
    let mut second = launcher(&["--until-idle"]);
    for launcher in [&mut first, &mut second] {
        assert_eq!(launcher.end(Duration::from_secs(120)), Some(0), "{}", house.scene());
    }
    for id in ["a", "b"] {
        assert_eq!(house.moves(id).len(), 7, "{:?}", house.moves(id));
        assert_eq!(house.state(id), "READY_FOR_REVIEW");
    }
    assert_eq!(house.calls(), 10, "one turn per order and stage");
    assert_eq!(left_over(&house.path("")), Vec::<String>::new());
}

/// Limits how many files a process may have open from now on.
fn limit_files(pid: u32, most: &str) -> bool {
    let mut prlimit = Command::new("prlimit");
    prlimit.arg(format!("--pid={pid}")).arg(format!("--nofile={most}:"));
    prlimit.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[test]
fn a_worker_without_a_free_descriptor_says_so_once_waits_and_goes_on() {
    let house = House::new();
    let mut worker = house.start("spec-worker", &[]);
    house.wait("the worker", |house| !house.told("started").is_empty());
    let pid = worker.child.id();
    if !limit_files(pid, "3") {
        println!("SKIPPED: there is no prlimit here to take a worker's descriptors away with");
        return;
    }
    house.add(&["a"]);
    let log = || fs::read_to_string(house.project().join("logs/spec-worker.log")).unwrap();
    house.wait("the warning", |_| log().contains("Too many open files"));
    // It waits between its looks, and says the same thing once.
    let used = cpu_ticks(pid);
    std::thread::sleep(Duration::from_secs(2));
    assert!(cpu_ticks(pid) - used < 100, "a busy loop");
    assert_eq!(house.state("a"), "NEW");
    assert!(log().matches("Too many open files").count() < 5, "{}", log());
    assert!(limit_files(pid, "1024"));
    house.wait("the order", |house| house.state("a") == "TESTS_PRE");
    worker.signal("TERM");
    assert_eq!(worker.end(END), Some(0), "{}", house.scene());
}

/// Time a process has used, in hundredths of a second.
fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn where_proc_can_not_be_read_the_lock_alone_says_who_lives_and_work_goes_on() {
    let house = House::new();
    house.add(&["a"]);
    let program = crate::house::program("spec-worker");
    let hide = "mount -t tmpfs none /proc || exit 99; exec \"$@\"";
    let mut command = house.command("spec-worker");
    let mut hidden = Command::new("unshare");
    hidden.args(["--mount", "sh", "-c", hide, "sh"]).arg(program).arg("--until-idle");
    hidden.current_dir(house.project()).env_clear();
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let ran = hidden.envs(variables).stdin(Stdio::null()).output();
    command.arg("--once");
    let Some(ran) = ran.ok().filter(|ran| ![Some(1), Some(99)].contains(&ran.status.code())) else {
        println!("SKIPPED: /proc can't be hidden here: that needs root and unshare");
        return;
    };
    assert!(ran.status.success(), "{}", shown(&ran));
    assert_eq!(house.state("a"), "TESTS_PRE", "{}", house.scene());
    let log = fs::read_to_string(house.project().join("logs/spec-worker.log")).unwrap();
    assert!(log.contains("/proc can't be read"), "{log}");
    // Its id has no start time in it. Who comes after it finds it dead and clears its traces away.
    assert!(command.status().unwrap().code() == Some(4), "nothing is left to do");
    let mut left = names(&house.project().join("work-orders/.floor/workers"));
    left.retain(|name| name.contains("-0-"));
    assert_eq!(left, Vec::<String>::new());
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.to_string_lossy().into_owned()).collect()
}

#[test]
fn after_a_whole_run_there_is_nothing_to_mend() {
    let house = House::new();
    house.add(&["a"]);
    house.run_all();
    assert_eq!(house.state("a"), "READY_FOR_REVIEW", "{}", house.scene());
    let ran = house.shopfloor(&["doctor", "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    let found = told["findings"].as_array().unwrap().iter();
    // How many watches this machine has to give is not the story's doing.
    let found: Vec<_> = found.filter(|finding| finding["kind"] != "inotify").collect();
    assert!(found.is_empty() && ran.status.success(), "{}", shown(&ran));
    let agent = &told["tools"][1];
    assert_eq!((&agent["name"], &agent["version"].is_string()), (&"agent sim".into(), &true));
}
