//! `shopfloor doctor`: each thing that may be wrong is brought about for real, told, and mended where it may be.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use shopfloor::floor::{Breaker, Floor, unix_now};
use shopfloor::holder::{Holder, SessionId, WorkerId};
use shopfloor::order::OrderId;
use shopfloor::queue::files::{FileQueue, Options};
use shopfloor::queue::{Claiming, Queue as _};
use shopfloor::state::State;
use shopfloor::workspace::Workspace;

use super::scene::{Scene, Told};

/// What depends on the machine a test runs on, and not on its scene.
const OF_THE_MACHINE: [&str; 1] = ["inotify"];

/// A worker whose process no boot of this machine has had.
fn ghost() -> WorkerId {
    WorkerId::new(4_194_305, 1, 7)
}

fn doctor(scene: &Scene, more: &[&str]) -> Told {
    scene.run(&[&["doctor", "--json"], more].concat())
}

/// The findings of one look, by kind and place.
fn findings(told: &Told) -> Vec<(String, String)> {
    let json = told.json();
    let found = json["findings"].as_array().unwrap().iter();
    let word = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    let all = found.map(|finding| (word(finding, "kind"), word(finding, "where")));
    all.filter(|(kind, _)| !OF_THE_MACHINE.contains(&kind.as_str())).collect()
}

fn kinds(told: &Told) -> Vec<String> {
    findings(told).into_iter().map(|(kind, _)| kind).collect()
}

/// Exactly these kinds are found, in any order; the whole look.
#[track_caller]
fn finds(scene: &Scene, wanted: &[&str]) -> Told {
    let told = doctor(scene, &[]);
    let (mut found, mut wanted) = (kinds(&told), wanted.to_vec());
    found.sort();
    wanted.sort_unstable();
    assert_eq!(found, wanted, "{}\n{}", told.out, told.err);
    told
}

/// `--fix` mends all there is, and the next look finds nothing.
#[track_caller]
fn fixes(scene: &Scene, wanted: &[&str]) {
    let fixed = doctor(scene, &["--fix"]).ended(0);
    let json = fixed.json();
    let mended: Vec<&str> = json["mended"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert_eq!(mended, wanted, "{}", fixed.out);
    assert_eq!(json["not_mended"], serde_json::json!([]));
    finds(scene, &[]).ended(0);
}

fn queue(scene: &Scene) -> std::sync::Arc<FileQueue> {
    FileQueue::open(&scene.queue(""), Options::default()).unwrap()
}

#[expect(clippy::mem_forget, reason = "a worker that dies gives nothing back")]
fn claimed_by(scene: &Scene, id: &str, worker: &WorkerId) {
    let holder = Holder { worker: worker.clone(), session: SessionId::fresh() };
    let id = OrderId::parse(id).unwrap();
    match queue(scene).claim(&id, &State::NEW, &holder).unwrap() {
        Claiming::Won(claim) => std::mem::forget(claim),
        Claiming::Skipped(skip) => panic!("{skip:?}"),
    }
}

fn trace(scene: &Scene, worker: &WorkerId) -> std::path::PathBuf {
    scene.queue(&format!(".floor/workers/{worker}.lock"))
}

#[test]
fn a_healthy_queue_has_no_findings_also_while_somebody_works() {
    let scene = Scene::ready();
    finds(&scene, &[]).ended(0);
    ["a", "b", "done"].iter().for_each(|id| scene.add(id));
    scene.run(&["hold", "b", "ask Ada first"]).ended(0);
    scene.run(&["kick", "done", "--to", "READY_FOR_REVIEW"]).ended(0);
    scene.run(&["archive", "done"]).ended(0);
    let queue = queue(&scene);
    let enlisted = queue.enlist("spec").unwrap();
    claimed_by(&scene, "a", &enlisted.worker);
    let told = finds(&scene, &[]).ended(0).json();
    assert_eq!(
        (&told["healthy"], &told["orders"], &told["workers"]),
        (&true.into(), &2.into(), &1.into())
    );
    let told =
        scene.run(&["doctor"]).ended(0).says(&["work-orders: nothing is wrong", "git version"]);
    assert!(!told.out.contains("WRONG"), "{}", told.out);
    assert_eq!(findings(&doctor(&scene, &["--fix"]).ended(0)), []);
}

#[test]
fn orders_that_can_not_be_understood_are_told_apart_also_behind_a_hold_of_a_person() {
    let scene = Scene::ready();
    ["torn", "origin", "lost", "words", "locked"].iter().for_each(|id| scene.add(id));
    let journal = scene.queue("torn/events.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, format!("damaged{text}{text}")).unwrap();
    fs::write(scene.queue("torn/.hold"), "ask Ada first\n").unwrap();
    let mut copy = Command::new("cp");
    copy.arg("-a").arg(scene.queue("origin")).arg(scene.queue("twin"));
    assert!(copy.status().unwrap().success());
    fs::write(scene.queue("lost/.state"), "LIMBO\n").unwrap();
    fs::write(scene.queue("words/order.json"), "{\n \"title\": 3\n}").unwrap();
    fs::remove_file(scene.queue("locked/.lock")).unwrap();
    fs::create_dir(scene.queue("locked/.lock")).unwrap();
    // Workers look first, as they would: what is broken is on hold then.
    queue(&scene).sweep().unwrap();
    let wanted =
        ["damaged-journal", "copied-order", "unknown-state", "unreadable-request", "odd-lock"];
    let told = finds(&scene, &wanted).ended(1);
    let mut places = findings(&told);
    places.sort();
    let place = |kind: &str, path: &str| (kind.to_owned(), format!("work-orders/{path}"));
    assert_eq!(
        places,
        [
            place("copied-order", "twin"),
            place("damaged-journal", "torn/events.jsonl"),
            place("odd-lock", "locked/.lock"),
            place("unknown-state", "lost/.state"),
            place("unreadable-request", "words/order.json"),
        ]
    );
    let told = scene.run(&["doctor"]).ended(1);
    told.says(&[
        "5 things are wrong",
        "WRONG   order torn is held back: corrupt: events.jsonl: line 1 is damaged",
        "do     write one known state into it (echo NEW > work-orders/lost/.state), and then: shopfloor release lost",
        "line 2",
    ]);
}

#[test]
fn strange_names_links_and_rights_are_told_with_what_to_do() {
    let scene = Scene::ready();
    scene.add("a");
    symlink("/etc", scene.queue("etc")).unwrap();
    fs::create_dir(scene.queue("UPPER\u{1b}[2J")).unwrap();
    fs::write(scene.queue(".floor/mystery"), "").unwrap();
    symlink("/etc/passwd", scene.queue("a/notes.md")).unwrap();
    fs::hard_link(scene.queue("a/.state"), scene.beside("second-name")).unwrap();
    let wanted = ["symlink", "symlink", "unknown-name", "unknown-name", "hard-link"];
    let told = finds(&scene, &wanted).ended(0);
    assert_eq!(told.json()["healthy"], true, "none of it stops work");
    let told =
        scene.run(&["doctor"]).ended(0).says(&["nothing is wrong; 5 things are worth knowing"]);
    assert!(!told.out.contains('\u{1b}'), "{}", told.out);
    fs::remove_file(scene.beside("second-name")).unwrap();
    for name in ["etc", "a/notes.md", ".floor/mystery"] {
        fs::remove_file(scene.queue(name)).unwrap();
    }
    fs::remove_dir(scene.queue("UPPER\u{1b}[2J")).unwrap();
    let set = |name: &str, mode| {
        fs::set_permissions(scene.queue(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    set("a", 0o777);
    set(".floor", 0o770);
    let told = finds(&scene, &["open-to-others", "open-to-others"]).ended(1);
    assert!(told.out.contains("chmod o-w work-orders/a") && told.out.contains("chmod g-w"));
    set("a", 0o775);
    set(".floor", 0o700);
    finds(&scene, &[]);
}

#[test]
fn a_stale_index_and_what_was_half_built_are_mended() {
    let scene = Scene::ready();
    ["a", "b"].iter().for_each(|id| scene.add(id));
    fs::remove_dir_all(scene.queue(".floor/ready")).unwrap();
    fs::create_dir_all(scene.queue(".floor/ready/IMPL")).unwrap();
    for name in ["5.0000000001.a", "5.0000000001.nobody", "rubbish"] {
        fs::write(scene.queue(&format!(".floor/ready/IMPL/{name}")), "").unwrap();
    }
    fs::create_dir_all(scene.queue(&format!(".floor/tmp/{}/half", ghost()))).unwrap();
    fs::write(scene.queue(".floor/tmp/fit-4194305-0badcafe.1"), "").unwrap();
    let told = finds(&scene, &["stale-index", "half-built"]).ended(0);
    assert!(told.out.contains("a, b ready and not in it; IMPL/5.0000000001.a, "), "{}", told.out);
    fixes(&scene, &["stale-index", "half-built"]);
    assert_eq!(fs::read_dir(scene.queue(".floor/ready/NEW")).unwrap().count(), 2);
    assert_eq!(fs::read_dir(scene.queue(".floor/ready/IMPL")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(scene.queue(".floor/tmp")).unwrap().count(), 0);
}

#[test]
fn what_the_dead_left_is_told_and_traces_that_hold_nothing_are_cleared_away() {
    let scene = Scene::ready();
    ["a", "b"].iter().for_each(|id| scene.add(id));
    claimed_by(&scene, "a", &ghost());
    fs::write(trace(&scene, &ghost()), "boot gone\n").unwrap();
    let mut child = Command::new("sleep");
    child.arg("300").env("SHOPFLOOR_COOKIE", format!("{}/s", ghost())).stdin(Stdio::null());
    let mut child = child.spawn().unwrap();
    let told = finds(&scene, &["orphaned-order", "left-over-process"]).ended(1);
    let pid = child.id();
    assert!(told.out.contains(&format!("PID {pid} (sleep 300) was left running")), "{}", told.out);
    // Nothing is killed and no order is changed: that is for `stop`.
    let told = doctor(&scene, &["--fix"]).ended(1);
    assert_eq!(kinds(&told), ["orphaned-order", "left-over-process"]);
    assert!(child.try_wait().unwrap().is_none());
    scene.run(&["stop"]).ended(0).remarks(&["left running by worker", "order a is ready again"]);
    child.wait().unwrap();
    finds(&scene, &[]).ended(0);
    let order = queue(&scene).look(&OrderId::parse("a").unwrap()).unwrap().unwrap();
    assert_eq!((order.state, order.history.open), (State::NEW, None));
    // Traces without orders.
    fs::write(trace(&scene, &ghost()), "boot gone\n").unwrap();
    let marks = trace(&scene, &ghost()).with_extension("claims");
    fs::create_dir_all(&marks).unwrap();
    fs::write(marks.join("b"), "").unwrap();
    finds(&scene, &["dead-traces"]).ended(0);
    fixes(&scene, &["dead-traces"]);
    assert!(!trace(&scene, &ghost()).exists() && !marks.exists());
}

#[test]
fn a_lock_that_outlives_its_worker_and_a_trace_that_can_not_be_read_are_named() {
    let scene = Scene::ready();
    scene.add("a");
    claimed_by(&scene, "a", &ghost());
    let lock = File::create(trace(&scene, &ghost())).unwrap();
    lock.try_lock().unwrap();
    let told = finds(&scene, &["borrowed-lock"]).ended(1);
    assert!(told.out.contains(&format!("held by PID {}", std::process::id())), "{}", told.out);
    drop(lock);
    fs::remove_file(trace(&scene, &ghost())).unwrap();
    fs::create_dir(trace(&scene, &ghost())).unwrap();
    finds(&scene, &["unreadable-trace"]).ended(1);
}

/// The project's workspace, as workers of this scene open it.
fn workspace(scene: &Scene, runtime: &tokio::runtime::Runtime) -> Workspace {
    let queue = queue(scene);
    let root = scene.beside("state/shopfloor").join(queue.id()).join("worktrees");
    let (project, locks) = (scene.project(), queue.floor().run());
    runtime.block_on(Workspace::open(&project, &root, None, &locks, "test/doctor")).unwrap()
}

#[test]
fn a_worktree_that_no_order_needs_is_taken_away_and_its_content_kept() {
    let scene = Scene::ready();
    ["kept", "gone"].iter().for_each(|id| scene.add(id));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let workspace = workspace(&scene, &runtime);
    let prepare = |id: &str| {
        let id = OrderId::parse(id).unwrap();
        runtime.block_on(workspace.prepare(&id)).unwrap().path
    };
    let (kept, gone) = (prepare("kept"), prepare("gone"));
    fs::write(gone.join("new"), "precious\n").unwrap();
    finds(&scene, &[]).ended(0);
    fs::remove_dir_all(scene.queue("gone")).unwrap();
    let told = doctor(&scene, &[]);
    assert!(kinds(&told).contains(&"leftover-worktree".to_owned()), "{}", told.out);
    // While a worker lives it may be at it.
    let owner = queue(&scene);
    let enlisted = owner.enlist("implement").unwrap();
    doctor(&scene, &["--fix"]).ended(0);
    assert!(gone.exists());
    drop(enlisted);
    let told = doctor(&scene, &["--fix"]).ended(0);
    assert!(told.out.contains("leftover-worktree"), "{}", told.out);
    assert!(!gone.exists() && kept.exists());
    let salvaged = scene.git(&["show", "refs/shopfloor/salvage/gone/0:new"]);
    assert_eq!(salvaged, "precious\n");
    finds(&scene, &[]).ended(0);
    // Its branch holds nothing that is not in main. One that does is told, and left.
    let tree = scene.git(&["rev-parse", "main^{tree}"]);
    let commit = scene.git(&["commit-tree", tree.trim(), "-p", "main", "-m", "never landed"]);
    scene.git(&["branch", "shopfloor/lost", commit.trim()]);
    let told = finds(&scene, &["leftover-branch"]).ended(0);
    assert!(told.out.contains("shopfloor/lost"), "{}", told.out);
}

#[test]
fn a_queue_that_is_not_there_or_of_a_newer_format_ends_with_7_and_the_rest_is_looked_at() {
    let scene = Scene::repository();
    let told = doctor(&scene, &[]).ended(7);
    assert_eq!(kinds(&told), ["configuration", "no-queue", "missing-tool", "missing-tool"]);
    let scene = Scene::ready();
    scene.add("a");
    let identity = scene.queue(".floor/queue.json");
    let text = fs::read_to_string(&identity).unwrap();
    fs::write(&identity, text.replace("\"format\": 1", "\"format\": 9")).unwrap();
    let told = doctor(&scene, &["--fix"]).ended(7);
    assert_eq!(kinds(&told), ["unfit-queue"]);
    assert!(told.out.contains("format 9"), "{}", told.out);
    scene.run(&["doctor"]).ended(7).says(&["use the newer shopfloor that made it"]);
    Scene::empty().run(&["doctor"]).ended(2).remarks(&["not inside a git repository"]);
}

#[test]
fn what_is_wrong_with_the_repository_is_told() {
    let scene = Scene::ready();
    let git = |name: &str| scene.project().join(".git").join(name);
    fs::write(git("MERGE_HEAD"), "").unwrap();
    let old = File::create(git("packed-refs.lock")).unwrap();
    old.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    File::create(git("index.lock")).unwrap();
    let told = finds(&scene, &["unfinished-git", "git-lock"]).ended(1);
    assert!(told.out.contains("git merge --continue") && !told.out.contains("index.lock"));
    for name in ["MERGE_HEAD", "packed-refs.lock", "index.lock"] {
        fs::remove_file(git(name)).unwrap();
    }
    scene.git(&["checkout", "-q", "--detach"]);
    let told = finds(&scene, &["repository"]).ended(1);
    assert!(told.out.contains("no branch is checked out"), "{}", told.out);
}

#[test]
fn a_disk_with_too_little_room_a_pause_and_logs_that_can_not_be_written_are_told() {
    let scene = Scene::ready();
    scene.add("a");
    let floor = Floor::of_queue(&scene.queue(""));
    let (why, mend) = ("no login".to_owned(), "log in".to_owned());
    let breaker =
        Breaker { stage: "spec".to_owned(), until: unix_now() + 600, count: 1, why, mend };
    floor.open_breaker(&breaker).unwrap();
    fs::remove_dir_all(scene.project().join("logs")).unwrap();
    scene.write("logs", "in the way\n");
    let told = finds(&scene, &["paused-stage", "logs"]).ended(0);
    assert!(told.out.contains("no login") && told.out.contains("log in"), "{}", told.out);
    let config = fs::read_to_string(scene.project().join("shopfloor.toml")).unwrap();
    scene.write("shopfloor.toml", &format!("{config}[limits]\nfree_mib = 99999999999\n"));
    let told = doctor(&scene, &[]).ended(1);
    assert!(kinds(&told).contains(&"low-disk".to_owned()), "{}", told.out);
    assert!(told.out.contains("MiB are free"), "{}", told.out);
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn programs_are_looked_for_and_known_ones_asked_for_their_version() {
    let scene = Scene::ready();
    let agent = |name: &str| scene.beside(name).display().to_string();
    script(
        &scene.beside("claude"),
        "echo \"$*\" > \"$(dirname \"$0\")/asked\"; echo '9.9.9 (a stand-in)'",
    );
    script(&scene.beside("own"), "echo \"$*\" > \"$(dirname \"$0\")/own-was-run\"");
    let config = format!(
        "agent_default = \"c\"\n[project.test]\ncommand = \"true\"\n\
         [agent.c]\ndriver = \"claude\"\nprogram = {:?}\n[agent.o]\ndriver = \"command\"\nprogram = {:?}\n",
        agent("claude"),
        agent("own")
    );
    scene.write("shopfloor.toml", &config);
    let told = finds(&scene, &["other-version"]).ended(0).json();
    let version = |name: &str| {
        let tools = told["tools"].as_array().unwrap().iter();
        tools.clone().find(|tool| tool["name"] == name).unwrap()["version"].clone()
    };
    assert_eq!(
        (version("agent c"), version("agent o")),
        ("9.9.9 (a stand-in)".into(), Value::Null)
    );
    assert!(version("git").as_str().unwrap().starts_with("git version 2"));
    assert_eq!(fs::read_to_string(scene.beside("asked")).unwrap(), "--version\n");
    assert!(!scene.beside("own-was-run").exists(), "a program of one's own is not run");
    script(&scene.beside("claude"), "echo broken >&2; exit 3");
    let told = finds(&scene, &["missing-tool"]).ended(1);
    assert!(told.out.contains("it ended with exit 3: broken"), "{}", told.out);
    scene.write(
        "shopfloor.toml",
        &config.replace("\"true\"", "\"no-such-runner\"").replace("/own", "/none"),
    );
    let wanted = ["missing-tool", "missing-tool"];
    let told = finds(&scene, &wanted).ended(1);
    assert!(told.out.contains("no-such-runner"), "{}", told.out);
    scene.write("shopfloor.toml", "[limits]\natempts = 3\n");
    let told = doctor(&scene, &[]).ended(1);
    assert!(kinds(&told).contains(&"configuration".to_owned()) && told.out.contains("line 2"));
}

/// Every file of the queue with its content, but for what may be made again.
fn contents(scene: &Scene) -> Vec<(String, Vec<u8>)> {
    let queue = scene.queue("");
    let passing = ["ready", "tmp", "workers", "run"].map(|name| queue.join(".floor").join(name));
    let files = walkdir::WalkDir::new(&queue).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = files.filter(|entry| !passing.iter().any(|path| entry.path().starts_with(path)));
    let read = |entry: walkdir::DirEntry| {
        let path = entry.path().display().to_string();
        (path, fs::read(entry.path()).unwrap_or_default())
    };
    files.map(read).collect()
}

#[test]
fn fix_changes_nothing_but_what_can_be_made_again() {
    let scene = Scene::ready();
    ["a", "torn", "lost", "held"].iter().for_each(|id| scene.add(id));
    fs::write(scene.queue("torn/events.jsonl"), "damaged\nmore\n").unwrap();
    fs::write(scene.queue("lost/.state"), "LIMBO\n").unwrap();
    fs::write(scene.queue("held/order.json"), "{").unwrap();
    symlink("/etc", scene.queue("etc")).unwrap();
    fs::write(scene.queue("notes.txt"), "mine\n").unwrap();
    // A person has just moved one and made another: that is for workers to put on record.
    fs::write(scene.queue("a/.state"), "IMPL\n").unwrap();
    fs::create_dir(scene.queue("by-hand")).unwrap();
    fs::remove_dir_all(scene.queue(".floor/ready")).unwrap();
    let before = contents(&scene);
    let told = doctor(&scene, &["--fix"]).ended(1);
    assert!(told.json()["mended"].as_array().unwrap().len() == 1, "{}", told.out);
    assert_eq!(contents(&scene), before);
    let marked =
        |state: &str| fs::read_dir(scene.queue(&format!(".floor/ready/{state}"))).unwrap().count();
    assert_eq!((marked("NEW"), marked("IMPL")), (2, 1));
}
