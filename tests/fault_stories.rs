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

fn warned(house: &House, word: &str) -> bool {
    house.told("warning").iter().any(|event| event["text"].as_str().unwrap().contains(word))
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
fn limits_of_time_stand_still_while_a_worker_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    let wait = format!("while [ ! -e {} ]; do sleep 0.05; done", go.display());
    let times = "turn_timeout = \"4s\"\nidle_timeout = \"4s\"\nsession_timeout = \"4s\"";
    let house = House::at(folder, &limits(times), &spec_and("a", &wait));
    house.add(&["a"]);
    let mut worker = house.start("spec-worker", &[]);
    house.wait("the turn", |house| turn_of(house, "a"));
    worker.signal("STOP");
    // Longer than each of the limits. Nothing can be waited for: that nothing happens is the point.
    std::thread::sleep(Duration::from_secs(6));
    worker.signal("CONT");
    fs::write(&go, "").unwrap();
    house.wait("its order", |house| house.state("a") == "TESTS_PRE");
    assert_eq!(kinds(&house, "a"), ["create", "claim", "advance"], "{}", house.scene());
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
    house.wait("the first turn", House::first_act_is_used);
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
    house.wait("a word of it", |house| warned(house, "was changed"));
    assert_eq!(house.shopfloor(&["start", "--until-idle"]).status.code(), Some(2));
    house.add(&["edited"]);
    house.wait("the order", |house| house.state("edited") == "TESTS_PRE");
    fs::remove_file(&config).unwrap();
    house.wait("a word of it", |house| warned(house, "is gone"));
    house.add(&["deleted"]);
    house.wait("the order", |house| house.state("deleted") == "TESTS_PRE");
    drop(worker);
    let log = fs::read_to_string(house.project().join("logs/spec-worker.log")).unwrap();
    for word in ["was changed", "is gone"] {
        let told =
            format!("shopfloor.toml {word}: this worker goes on with what it read at its start");
        assert_eq!(log.matches(&told).count(), 1, "{word}: {log}");
    }
}

#[test]
fn a_queue_that_others_may_write_is_not_worked_at_and_can_be_looked_at() {
    use std::os::unix::fs::PermissionsExt as _;
    let house = House::new();
    house.add(&["a"]);
    let queue = house.project().join("work-orders");
    let set = |name: &str, mode| {
        fs::set_permissions(queue.join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    for name in ["", ".floor"] {
        set(name, 0o777);
        let ran = house.command("spec-worker").arg("--once").output().unwrap();
        let told = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(7), "{name:?}: {}", shown(&ran));
        assert!(told.contains("anybody on this machine") && told.contains("chmod o-w"), "{told}");
        assert_eq!(house.shopfloor(&["add", "More"]).status.code(), Some(7));
        assert_eq!(house.shopfloor(&["status"]).status.code(), Some(0), "to look is no risk");
        set(name, 0o700);
    }
    house.run("spec-worker", &["--once"]);
    assert_eq!(house.state("a"), "TESTS_PRE", "{}", house.scene());
}

#[test]
fn a_request_of_a_newer_format_is_held_with_the_reason_and_the_others_go_on() {
    let house = House::new();
    house.add(&["a", "b"]);
    let request = house.order("a").join("order.json");
    let newer = r#"{"format": 2, "title": {"en": "Do a"}, "mine": true}"#;
    fs::write(&request, newer).unwrap();
    house.run("spec-worker", &["--until-idle"]);
    assert_eq!((house.state("a").as_str(), house.state("b").as_str()), ("NEW", "TESTS_PRE"));
    let hold = fs::read_to_string(house.order("a").join(".hold")).unwrap();
    assert!(hold.contains("format 2") && hold.contains("newer shopfloor"), "{hold}");
    assert_eq!(fs::read_to_string(&request).unwrap(), newer, "it is left alone");
}

#[test]
fn times_in_the_year_9999_keep_nobody_waiting_and_are_told() {
    let house = House::new();
    house.add(&["a"]);
    let floor = house.project().join("work-orders/.floor");
    let ready = floor.join("ready/NEW");
    let [marker] = &names(&ready)[..] else { panic!("one marker") };
    fs::rename(ready.join(marker), ready.join("5.253402300799.a")).unwrap();
    let breaker = r#"{"stage":"spec","until":253402300799,"count":1,"why":"w","mend":"m"}"#;
    fs::write(floor.join("run/breaker-spec.json"), breaker).unwrap();
    house.run("spec-worker", &["--until-idle"]);
    assert_eq!(house.state("a"), "TESTS_PRE", "{}", house.scene());
    let log = fs::read_to_string(house.project().join("logs/spec-worker.log")).unwrap();
    assert_eq!(log.matches("a: it was to rest until the year 9999").count(), 1, "{log}");
    assert!(!floor.join("run/breaker-spec.json").exists(), "the stage works again");
}

/// An act of the spec stage that runs a command and leaves an order that passes.
fn spec_and(order: &str, command: &str) -> String {
    let paper = "# T\n\n## Goal\n\nSIMULATED.\n\n## Acceptance criteria\n\n- It is.\n\n## Files\n\n- `done/x.txt`\n\n\
                 ## How to playtest\n\n1. Look.\n";
    format!(
        "[[act]]\norder = {order:?}\nstage = \"spec\"\nrun = [[\"sh\", \"-c\", {command:?}]]\n\
         papers = {{ \"work-order.md\" = {paper:?} }}\n"
    )
}

#[test]
fn what_an_agent_writes_into_the_queue_is_told_and_what_is_done_by_command_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (done, go) = (folder.path().join("done"), folder.path().join("go"));
    let command = format!(
        "cd {}/project/work-orders && echo IMPL > b/.state && touch b/.hold && mkdir d && \
         echo '{{\"title\": \"mine\"}}' > c/order.json && touch {} && while [ ! -e {} ]; do sleep 0.05; done",
        folder.path().display(),
        done.display(),
        go.display()
    );
    let house = House::at(folder, "", &spec_and("a", &command));
    house.add(&["a", "b", "c", "e", "f"]);
    let mut worker = house.start("spec-worker", &["--once", "--only", "a"]);
    house.wait("what the agent does", |_| done.exists());
    // Meanwhile others work, and people use the commands.
    house.run("spec-worker", &["--once", "--only", "e"]);
    assert_eq!(house.state("e"), "TESTS_PRE", "{}", house.scene());
    assert!(house.shopfloor(&["hold", "f", "later"]).status.success());
    house.add(&["g"]);
    fs::write(&go, "").unwrap();
    assert_eq!(worker.end(END), Some(0), "{}", house.scene());
    assert_eq!(house.state("a"), "TESTS_PRE", "{}", house.scene());
    let told = house.told("disturbed");
    let word = |event: &serde_json::Value, name: &str| event[name].as_str().unwrap().to_owned();
    let mut told: Vec<_> = told.iter().map(|e| (word(e, "order"), word(e, "what"))).collect();
    told.sort();
    let wanted = [
        ("b", ".hold was written or removed"),
        ("b", ".state was written"),
        ("c", "order.json was written or removed"),
        ("d", "the order was made"),
    ];
    let wanted: Vec<_> = wanted.map(|(id, what)| (id.to_owned(), what.to_owned())).into();
    assert_eq!(told, wanted, "{}", house.scene());
    let log = fs::read_to_string(house.project().join("logs/spec-worker.log")).unwrap();
    assert!(log.contains("if it was none of you, it was the agent"), "{log}");
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
