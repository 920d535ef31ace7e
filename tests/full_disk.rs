//! Stories on a disk that is really full: a small file system of its own, where we may mount one.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use shopfloor::error::Kind;
use shopfloor::order::{OrderId, Request};
use shopfloor::queue::Queue;
use shopfloor::queue::files::{FileQueue, Options};

use crate::house::{House, Worker, shown};

/// A file system of 32 MiB. It is gone with this value.
pub(crate) struct Disk {
    path: std::path::PathBuf,
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _gone = Command::new("umount").args(["-l", self.path.to_str().unwrap_or("")]).status();
        let _gone = fs::remove_dir(&self.path);
    }
}

/// A house on a small disk of its own; `None` (and a word on stderr) where nothing may be mounted.
#[expect(clippy::print_stderr, reason = "a test that was skipped must say so")]
pub(crate) fn small_house(free_mib: u64, acts: &str) -> Option<(Disk, House)> {
    let folder = tempfile::tempdir().unwrap();
    let mount = ["-t", "tmpfs", "-o", "size=32m", "tmpfs", folder.path().to_str().unwrap()];
    let mounted = Command::new("mount").args(mount).output();
    if !mounted.is_ok_and(|ran| ran.status.success()) {
        eprintln!("SKIPPED: a full disk needs the right to mount one");
        return None;
    }
    let limits = format!(
        "[limits]\nbackoff = \"1s\"\nbreaker = \"1s\"\npoll = \"200ms\"\nfree_mib = {free_mib}\n"
    );
    let disk = Disk { path: folder.path().to_owned() };
    Some((disk, House::at(folder, &limits, acts)))
}

/// Takes all the room there is, but for `left_kib`.
pub(crate) fn fill(house: &House, left_kib: u64) {
    let found = rustix::fs::statvfs(house.path("")).unwrap();
    let free = found.f_bavail * found.f_frsize;
    let bytes = vec![0; usize::try_from(free.saturating_sub(left_kib * 1024)).unwrap()];
    match fs::write(house.path("filler"), bytes) {
        // The worker writes too: no room is what was wanted.
        Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {}
        written => written.unwrap(),
    }
}

fn empty(house: &House) {
    fs::remove_file(house.path("filler")).unwrap();
}

fn log(house: &House, worker: &str) -> String {
    fs::read_to_string(house.project().join(format!("logs/{worker}.log"))).unwrap_or_default()
}

fn classes(house: &House, id: &str) -> Vec<String> {
    let journal = house.journal(id);
    journal.iter().filter_map(|entry| Some(entry["class"].as_str()?.to_owned())).collect()
}

fn no_line_is_broken(path: &Path) {
    let text = fs::read_to_string(path).unwrap_or_default();
    // A line that was cut short stands alone.
    for line in text.lines().filter(|line| line.ends_with('}')) {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
}

#[test]
fn below_the_limit_nothing_new_is_begun_with_one_warning_and_it_goes_on_by_itself() {
    let Some((_disk, house)) = small_house(4, "") else { return };
    house.add(&["a"]);
    fill(&house, 2048);
    let refused = house.shopfloor(&["add", "b"]);
    assert_eq!(refused.status.code(), Some(7), "{}", shown(&refused));
    assert!(shown(&refused).contains("lower [limits] free_mib"), "{}", shown(&refused));
    for args in [&["status"][..], &["show", "a"], &["logs", "a"]] {
        assert!(house.shopfloor(args).status.success(), "{args:?}");
    }
    let mut worker: Worker = house.start("spec-worker", &["--until-idle"]);
    house.wait("the warning", |house| log(house, "spec-worker").contains("nothing new is claimed"));
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(log(&house, "spec-worker").matches("nothing new is claimed").count(), 1);
    assert_eq!((house.state("a").as_str(), house.calls()), ("NEW", 0));
    empty(&house);
    assert_eq!(worker.end(Duration::from_secs(20)), Some(0));
    assert_eq!(house.state("a"), "TESTS_PRE");
}

#[test]
fn below_the_limit_a_session_under_way_ends_in_good_order_and_takes_nothing_more() {
    let acts = "[[act]]\norder = \"a\"\nstage = \"spec\"\nms = 800\n";
    let Some((_disk, house)) = small_house(16, acts) else { return };
    house.add(&["a"]);
    let mut worker = house.start("spec-worker", &["--until-idle"]);
    house.wait("the turn", |house| !house.told("turn_began").is_empty());
    house.add(&["b"]);
    fill(&house, 8 * 1024);
    house.wait("the first order", |house| house.state("a") == "TESTS_PRE");
    house.wait("the warning", |house| log(house, "spec-worker").contains("nothing new is claimed"));
    assert_eq!((house.state("b").as_str(), house.calls()), ("NEW", 1));
    empty(&house);
    assert_eq!(worker.end(Duration::from_secs(20)), Some(0), "{}", house.scene());
    assert_eq!(house.state("b"), "TESTS_PRE");
    assert_eq!((classes(&house, "a"), classes(&house, "b")), (vec![], vec![]));
}

#[test]
fn on_a_disk_that_fills_up_in_mid_batch_what_is_under_way_waits_and_no_turn_is_lost() {
    // Its first turn is spent thinking: when it ends, there is no room for anything that came of it.
    let acts = "[[act]]\norder = \"*\"\nstage = \"spec\"\nms = 800\nverdict = \"blocked\"\nwhy = \"thought\"\ntimes = 1\n";
    let Some((_disk, house)) = small_house(4, acts) else { return };
    house.add(&["a", "b"]);
    let mut worker = house.start("spec-worker", &["--until-idle"]);
    house.wait("the first turn", |house| !house.told("turn_began").is_empty());
    fill(&house, 0);
    house.wait("the warning", |house| log(house, "spec-worker").contains("the disk is full"));
    assert!(worker.child.try_wait().unwrap().is_none(), "{}", house.scene());
    empty(&house);
    assert_eq!(worker.end(Duration::from_secs(20)), Some(0), "{}", house.scene());
    assert_eq!((house.state("a").as_str(), house.state("b").as_str()), ("TESTS_PRE", "TESTS_PRE"));
    assert_eq!(house.calls(), 3, "the thinking one and one for each: {}", house.scene());
    no_line_is_broken(&house.project().join("work-orders/.floor/events.jsonl"));
}

#[test]
fn an_agent_that_fails_for_want_of_room_is_not_charged_with_it() {
    let acts = "[[act]]\norder = \"*\"\nstage = \"spec\"\nms = 600\ntimes = 1\n";
    let Some((_disk, house)) = small_house(4, acts) else { return };
    house.add(&["a"]);
    let mut worker = house.start("spec-worker", &["--until-idle"]);
    house.wait("the turn", |house| !house.told("turn_began").is_empty());
    fill(&house, 0);
    house.wait("the warning", |house| log(house, "spec-worker").contains("the disk is full"));
    // The agent comes to its writing after 600 ms. That it has tried is told to nobody while the worker waits for room.
    std::thread::sleep(Duration::from_secs(3));
    empty(&house);
    assert_eq!(worker.end(Duration::from_secs(20)), Some(0), "{}", house.scene());
    assert_eq!(house.state("a"), "TESTS_PRE");
    assert_eq!(classes(&house, "a"), ["env"], "{}", house.scene());
}

#[test]
fn a_launcher_on_a_disk_without_any_room_is_refused_with_the_next_step() {
    let Some((_disk, house)) = small_house(4, "") else { return };
    house.add(&["a"]);
    fill(&house, 0);
    let ran = house.shopfloor(&["start", "--until-idle"]);
    assert_eq!(ran.status.code(), Some(7), "{}", shown(&ran));
    assert!(
        shown(&ran).contains("next: ") && shown(&ran).contains("nothing was lost"),
        "{}",
        shown(&ran)
    );
    assert_eq!(house.state("a"), "NEW");
}

#[test]
fn a_launched_worker_on_a_full_disk_waits_for_room_instead_of_dying_of_it() {
    let Some((_disk, house)) = small_house(4, "") else { return };
    house.add(&["a"]);
    fill(&house, 0);
    let mut command = house.command("spec-worker");
    command.arg("--launched").stdin(Stdio::piped()).stderr(Stdio::null());
    let mut worker = Worker { child: command.spawn().unwrap() };
    // A log begun on a full disk has its file and no words: what shows that it waits is that it lives.
    house.wait("the log", |house| house.project().join("logs/spec-worker.log").exists());
    std::thread::sleep(Duration::from_millis(500));
    assert!(worker.child.try_wait().unwrap().is_none(), "{}", house.scene());
    empty(&house);
    house.wait("the order", |house| house.state("a") == "TESTS_PRE");
    drop(worker.child.stdin.take());
    assert_eq!(worker.end(Duration::from_secs(20)), Some(0));
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that was skipped must say so")]
fn a_disk_without_inodes_refuses_what_is_new_and_says_that_it_is_the_inodes() {
    let folder = tempfile::tempdir().unwrap();
    let mount =
        ["-t", "tmpfs", "-o", "size=64m,nr_inodes=600", "tmpfs", folder.path().to_str().unwrap()];
    if !Command::new("mount").args(mount).output().is_ok_and(|ran| ran.status.success()) {
        eprintln!("SKIPPED: a disk without inodes needs the right to mount one");
        return;
    }
    let _disk = Disk { path: folder.path().to_owned() };
    let queue = folder.path().join("work-orders");
    FileQueue::init(&queue).unwrap();
    let options = Options { free_mib: 1, ..Options::default() };
    let queue: Arc<dyn Queue> = FileQueue::open(&queue, options).unwrap();
    let id = |n| OrderId::parse(&format!("order-{n}")).unwrap();
    let mut made = 0;
    let error = loop {
        match queue.create(&id(made), &Request::titled("t")) {
            Ok(_) => made += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), Kind::DiskFull);
    let told = error.in_one_line();
    assert!(told.contains("inodes are free") && told.contains("remove some files"), "{told}");
    assert!(made > 20 && queue.look(&id(made)).unwrap().is_none());
    let listing = queue.list().unwrap();
    assert_eq!((listing.orders.len(), listing.strange.len()), (made, 0));
}
