//! The file queue: what people, copies, damage and strange files do to it.
#![expect(clippy::unwrap_used, reason = "a test that can't set its scene fails")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shopfloor::error::Kind as Fault;
use shopfloor::history::topic;
use shopfloor::order::{OrderId, Request};
use shopfloor::queue::files::{FileQueue, Options};
use shopfloor::queue::{Created, Kept, Move, Moved, Note, Queue, Skip};
use shopfloor::state::State;

use crate::contract::worlds::Files;
use crate::contract::{World, claim, id, look, make, ready, skip};

fn forward(to: State) -> Move {
    Move::forward(to, "test")
}

fn paper(world: &Files, order: &OrderId, name: &str) -> PathBuf {
    world.queue.paper_folder(order).join(name)
}

fn word(world: &Files, order: &OrderId) -> String {
    fs::read_to_string(paper(world, order, ".state")).unwrap()
}

fn journal(world: &Files, order: &OrderId) -> String {
    fs::read_to_string(paper(world, order, "events.jsonl")).unwrap()
}

/// A queue in which "good" is claimable whatever befalls "bad".
fn two(world: &Files) -> (Arc<dyn Queue>, OrderId) {
    let queue = world.queue();
    drop(make(&queue, "good"));
    let bad = make(&queue, "bad");
    (queue, bad)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn only_a_plain_known_word_is_a_state_and_the_rest_is_held() {
    let mut world = Files::new();
    let worker = world.hire();
    let (queue, bad) = two(&world);
    let state = paper(&world, &bad, ".state");
    let contents: [&[u8]; 11] = [
        b"  \n",
        b"\xef\xbb\xbfIMPL\n",
        b"impl\n",
        b"\0\0\0\0\0",
        b"\xff\xfe\xfd",
        b"IMPL\nNEW\n",
        b"SOMEWHERE\n",
        b"../../etc/passwd",
        b"NEW NEW",
        &[b'A'; 65],
        &[b'N'; 10_000_000],
    ];
    for content in contents {
        fs::write(&state, content).unwrap();
        let shown = content.escape_ascii().to_string();
        let Skip::Held(why) = skip(&queue, &bad, &State::NEW, &worker) else {
            panic!("{shown:.40} was taken for a state")
        };
        assert_eq!(look(&queue, &bad).hold, Some(why), "{shown:.40}");
        assert_eq!(fs::read(&state).unwrap(), content, "nothing is repaired");
        fs::remove_file(paper(&world, &bad, ".hold")).unwrap();
    }
    fs::write(&state, "NEW \r\n").unwrap();
    drop(claim(&queue, &bad, &State::NEW, &worker));
    drop(claim(&queue, &id("good"), &State::NEW, &worker));
}

#[test]
fn a_state_that_is_no_plain_file_blocks_nobody_and_is_held() {
    let mut world = Files::new();
    let worker = world.hire();
    let (queue, bad) = two(&world);
    let state = paper(&world, &bad, ".state");
    let good = paper(&world, &id("good"), ".state");
    let kinds: [&dyn Fn(); 4] = [
        &|| fs::create_dir(&state).unwrap(),
        &|| symlink(&good, &state).unwrap(),
        &|| symlink("/dev/zero", &state).unwrap(),
        &|| {
            let made = std::process::Command::new("mkfifo").arg(&state).status().unwrap();
            assert!(made.success());
        },
    ];
    fs::remove_file(&state).unwrap();
    for make_it in kinds {
        make_it();
        assert!(matches!(skip(&queue, &bad, &State::NEW, &worker), Skip::Held(_)));
        assert!(look(&queue, &bad).hold.is_some());
        assert_eq!(queue.sweep().unwrap().broken.len(), 1);
        fs::remove_dir(&state).or_else(|_| fs::remove_file(&state)).unwrap();
        fs::remove_file(paper(&world, &bad, ".hold")).unwrap();
    }
    drop(claim(&queue, &bad, &State::NEW, &worker));
}

#[test]
fn a_lost_or_emptied_state_is_written_again_from_the_journal() {
    let mut world = Files::new();
    let worker = world.hire();
    let queue = world.queue();
    let order = make(&queue, "a");
    let held = claim(&queue, &order, &State::NEW, &worker);
    assert_eq!(held.advance(&forward(State::TESTS_PRE)).unwrap(), Moved::Done);
    fs::write(paper(&world, &order, ".state"), "").unwrap();
    assert_eq!(look(&queue, &order).state, State::TESTS_PRE);
    drop(claim(&queue, &order, &State::TESTS_PRE, &worker));
    assert_eq!(word(&world, &order), "TESTS_PRE\n");
    fs::remove_file(paper(&world, &order, ".state")).unwrap();
    drop(claim(&queue, &order, &State::TESTS_PRE, &worker));
    assert_eq!(word(&world, &order), "TESTS_PRE\n");
}

#[test]
fn a_move_that_was_committed_and_not_applied_is_applied_by_the_next() {
    let mut world = Files::new();
    let worker = world.hire();
    let queue = world.queue();
    let order = make(&queue, "a");
    let state = paper(&world, &order, ".state");
    let kept = paper(&world, &order, "kept");
    let held = claim(&queue, &order, &State::NEW, &worker);
    // The very file of before the move, as if the rename had not come to pass.
    fs::hard_link(&state, &kept).unwrap();
    assert_eq!(held.advance(&forward(State::TESTS_PRE)).unwrap(), Moved::Done);
    fs::rename(&kept, &state).unwrap();
    assert_eq!(word(&world, &order), "NEW\n");
    assert_eq!(look(&queue, &order).state, State::TESTS_PRE);
    assert_eq!(skip(&queue, &order, &State::NEW, &worker), Skip::Moved(State::TESTS_PRE));
    assert_eq!(word(&world, &order), "TESTS_PRE\n");
    assert!(!journal(&world, &order).contains("manual"));
    drop(claim(&queue, &order, &State::TESTS_PRE, &worker));
}

#[test]
fn a_folder_made_by_hand_is_a_new_order() {
    let mut world = Files::new();
    let worker = world.hire();
    let queue = world.queue();
    let order = id("by-hand");
    fs::create_dir(world.folder.path().join("by-hand")).unwrap();
    let seen = look(&queue, &order);
    assert_eq!((seen.state, seen.request.unwrap().title.as_str()), (State::NEW, "by-hand"));
    assert_eq!(queue.sweep().unwrap().added, 1);
    assert_eq!(ready(&queue, &State::NEW), ["by-hand"]);
    let held = claim(&queue, &order, &State::NEW, &worker);
    assert_eq!((held.request().title.as_str(), held.generation()), ("by-hand", 1));
    assert_eq!(word(&world, &order), "NEW\n");
    drop(held);
    // And one that is to begin further on.
    fs::create_dir(world.folder.path().join("later")).unwrap();
    fs::write(paper(&world, &id("later"), ".state"), "IMPL\n").unwrap();
    drop(claim(&queue, &id("later"), &State::IMPL, &worker));
}

#[test]
fn a_deleted_journal_is_begun_anew_above_every_generation_given_out() {
    let mut world = Files::new();
    let worker = world.hire();
    let queue = world.queue();
    let order = make(&queue, "a");
    let held = claim(&queue, &order, &State::NEW, &worker);
    fs::remove_file(paper(&world, &order, "events.jsonl")).unwrap();
    let old = held.generation();
    assert!(matches!(held.advance(&forward(State::IMPL)).unwrap(), Moved::LostClaim(_)));
    assert_eq!(look(&queue, &order).state, State::NEW);
    let again = claim(&queue, &order, &State::NEW, &worker);
    assert!(again.generation() > old + 1_000_000);
}

#[test]
fn a_torn_tail_is_cut_and_the_order_goes_on() {
    let mut world = Files::new();
    let worker = world.hire();
    let queue = world.queue();
    let order = make(&queue, "a");
    let path = paper(&world, &order, "events.jsonl");
    for tail in [&b"{\"v\":1,\"seq\":2,\"e\":\"cl"[..], b"\0\0\0\0\0", b"garbage\n"] {
        let sound = fs::read(&path).unwrap();
        fs::write(&path, [&sound, tail].concat()).unwrap();
        assert_eq!(look(&queue, &order).hold, None);
        drop(claim(&queue, &order, &State::NEW, &worker));
        assert!(fs::read(&path).unwrap().starts_with(&sound));
    }
    let text = journal(&world, &order);
    assert_eq!(text.lines().count(), 7, "create and three times claim and release");
    assert!(!text.contains("garbage"));
}

#[test]
fn damage_in_the_middle_of_a_journal_holds_that_order_alone() {
    let mut world = Files::new();
    let worker = world.hire();
    let (queue, bad) = two(&world);
    drop(claim(&queue, &bad, &State::NEW, &worker));
    let path = paper(&world, &bad, "events.jsonl");
    let mut bytes = fs::read(&path).unwrap();
    bytes[10] ^= 4;
    fs::write(&path, &bytes).unwrap();
    let Skip::Held(why) = skip(&queue, &bad, &State::NEW, &worker) else { panic!("not held") };
    assert!(why.starts_with("corrupt: "), "{why}");
    assert_eq!(fs::read(&path).unwrap(), bytes, "nothing is repaired");
    assert_eq!(ready(&queue, &State::NEW), ["good"], "told once: no marker leads there again");
    assert!(fs::read_to_string(paper(&world, &bad, ".hold")).unwrap().starts_with("corrupt"));
    // To let it go without mending it is refused, and it stays on hold.
    assert_eq!(queue.unhold(&bad).unwrap_err().kind(), Fault::BrokenOrder);
    assert!(look(&queue, &bad).hold.is_some());
    // A person moves the damaged journal away.
    fs::rename(&path, paper(&world, &bad, "events.jsonl.bad")).unwrap();
    assert!(queue.unhold(&bad).unwrap());
    drop(claim(&queue, &bad, &State::NEW, &worker));
    drop(claim(&queue, &id("good"), &State::NEW, &worker));
}

#[test]
fn a_broken_request_is_held_with_its_place_and_the_others_go_on() {
    let mut world = Files::new();
    let worker = world.hire();
    let (queue, bad) = two(&world);
    let deep = format!("{{\"title\":\"t\",\"x\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for text in ["{\n  \"title\": 3\n}", "{", "", "{\"title\":\"a\",\"title\":\"b\"}", &deep] {
        fs::write(paper(&world, &bad, "order.json"), text).unwrap();
        let Skip::Held(why) = skip(&queue, &bad, &State::NEW, &worker) else { panic!("taken") };
        assert!(why.contains("order.json") && why.contains("line "), "{why}");
        assert!(look(&queue, &bad).request.is_err());
        assert!(queue.unhold(&bad).unwrap());
    }
    fs::write(paper(&world, &bad, "order.json"), r#"{"title":"mended","own":1}"#).unwrap();
    assert_eq!(claim(&queue, &bad, &State::NEW, &worker).request().title, "mended");
    drop(claim(&queue, &id("good"), &State::NEW, &worker));
}

#[test]
fn names_that_are_no_orders_are_listed_as_strange_and_never_used() {
    let world = Files::new();
    let queue = world.queue();
    let folder = world.folder.path();
    drop(make(&queue, "good"));
    let strange = ["-rf", "UPPER", "a b", "a\nb", "$(x)", "x.lock", "ä", "b\u{202e}c", "CON"];
    for name in strange.iter().copied().chain([&*"n".repeat(200)]) {
        fs::create_dir(folder.join(name)).unwrap();
    }
    symlink("/etc", folder.join("etc")).unwrap();
    symlink(folder.join("good"), folder.join("twin")).unwrap();
    symlink("itself", folder.join("itself")).unwrap();
    fs::write(folder.join("notes.txt"), "").unwrap();
    fs::write(folder.join("README.md"), "").unwrap();
    fs::write(folder.join(".hidden"), "").unwrap();
    let listing = queue.list().unwrap();
    assert_eq!(listing.orders, [id("good")]);
    assert_eq!(listing.strange.len(), strange.len() + 1 + 4);
    for link in ["etc", "twin", "itself"] {
        assert!(listing.strange.iter().any(|(name, why)| name == link && why.contains("link")));
        assert!(queue.look(&id(link)).unwrap().is_none());
        assert!(!queue.hold(&id(link), "").unwrap());
    }
    assert_eq!(queue.sweep().unwrap().orders, 1);
    assert_eq!(queue.create(&id("twin"), &Request::titled("t")).unwrap(), Created::Exists);
    assert!(!Path::new("/etc/.lock").exists());
}

#[test]
fn a_copied_folder_is_held_as_a_copy() {
    let mut world = Files::new();
    let worker = world.hire();
    let queue = world.queue();
    let order = make(&queue, "a");
    copy(&world.queue.paper_folder(&order), &world.queue.paper_folder(&id("b")));
    let Skip::Held(why) = skip(&queue, &id("b"), &State::NEW, &worker) else { panic!("taken") };
    assert!(why.starts_with("copy of a"), "{why}");
    drop(claim(&queue, &order, &State::NEW, &worker));
    // Made an order of its own by hand, as the reason says.
    for name in ["events.jsonl", ".state", ".hold"] {
        fs::remove_file(paper(&world, &id("b"), name)).unwrap();
    }
    drop(claim(&queue, &id("b"), &State::NEW, &worker));
}

#[test]
fn an_order_removed_or_renamed_in_progress_does_not_rise_again() {
    let mut world = Files::new();
    let worker = world.hire();
    let queue = world.queue();
    let (gone, renamed) = (make(&queue, "gone"), make(&queue, "renamed"));
    let first = claim(&queue, &gone, &State::NEW, &worker);
    let second = claim(&queue, &renamed, &State::NEW, &worker);
    fs::remove_dir_all(world.queue.paper_folder(&gone)).unwrap();
    let moved = world.queue.paper_folder(&id("elsewhere"));
    fs::rename(world.queue.paper_folder(&renamed), &moved).unwrap();
    assert!(matches!(first.advance(&forward(State::IMPL)).unwrap(), Moved::LostClaim(_)));
    assert!(matches!(second.advance_and_keep(&forward(State::IMPL)).unwrap(), Kept::LostClaim(_)));
    assert!(!world.queue.paper_folder(&gone).exists());
    assert!(!world.queue.paper_folder(&renamed).exists());
    assert_eq!(fs::read_to_string(moved.join(".state")).unwrap(), "NEW\n");
    world.kill(&worker);
    assert_eq!(queue.recover(&|_| true).unwrap(), []);
}

#[test]
fn removing_lock_files_gives_an_order_no_second_owner() {
    let mut world = Files::new();
    let (worker, other) = (world.hire(), world.hire());
    let queue = world.queue();
    let order = make(&queue, "a");
    let enlisted = queue.enlist("spec").unwrap();
    let held = claim(&queue, &order, &State::NEW, &enlisted.worker);
    fs::remove_file(paper(&world, &order, ".lock")).unwrap();
    for entry in fs::read_dir(world.queue.floor().workers()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "lock") {
            fs::remove_file(path).unwrap();
        }
    }
    assert_eq!(queue.recover(&|_| true).unwrap(), []);
    let skipped = skip(&queue, &order, &State::NEW, &other);
    assert_eq!(skipped, Skip::Claimed(enlisted.worker.clone()));
    assert_eq!(held.advance(&forward(State::TESTS_PRE)).unwrap(), Moved::Done);
    drop(claim(&queue, &order, &State::TESTS_PRE, &worker));
}

#[test]
fn after_a_power_cut_recovery_finds_claims_without_their_marks() {
    let mut world = Files::new();
    let worker = world.hire();
    let queue = world.queue();
    let order = make(&queue, "a");
    let held = claim(&queue, &order, &State::NEW, &worker);
    assert_eq!(held.note(&Note::of(topic::TURN_BEGUN, "")).unwrap(), Moved::Done);
    world.kill(&worker);
    let floor = world.queue.floor();
    fs::remove_dir_all(floor.workers()).unwrap();
    fs::remove_dir_all(floor.ready()).unwrap();
    fs::write(floor.run().join("boot"), "of-yesterday").unwrap();
    let back = queue.recover(&|_| true).unwrap();
    assert_eq!((back.len(), &back[0].id, &back[0].worker), (1, &order, &worker));
    assert_eq!(queue.recover(&|_| true).unwrap(), []);
    assert_eq!(fs::read_dir(floor.workers()).unwrap().count(), 0, "its traces are gone");
    drop(held);
}

#[test]
fn a_worker_that_died_before_its_marker_was_made_loses_no_order() {
    let mut world = Files::new();
    let worker = world.hire();
    let queue = world.queue();
    let order = make(&queue, "a");
    // What is left when it dies right after the commit: its mark, and no marker.
    let list = world.queue.floor().workers().join(format!("{worker}.claims"));
    fs::create_dir_all(&list).unwrap();
    fs::write(list.join("a"), "").unwrap();
    assert!(queue.kick(&order, &State::IMPL, "").unwrap());
    world.lose_index();
    world.kill(&worker);
    assert_eq!(queue.recover(&|_| true).unwrap(), []);
    assert_eq!(ready(&queue, &State::IMPL), ["a"]);
}

#[test]
fn a_hold_made_by_hand_counts_and_its_text_is_the_reason() {
    let mut world = Files::new();
    let worker = world.hire();
    let queue = world.queue();
    let order = make(&queue, "a");
    let hold = paper(&world, &order, ".hold");
    fs::write(&hold, "ask Ada first\n").unwrap();
    let reason = Skip::Held("ask Ada first".to_owned());
    assert_eq!(skip(&queue, &order, &State::NEW, &worker), reason);
    assert_eq!(ready(&queue, &State::NEW), [""; 0]);
    fs::remove_file(&hold).unwrap();
    assert_eq!(queue.sweep().unwrap().added, 1);
    fs::create_dir(&hold).unwrap();
    assert!(matches!(skip(&queue, &order, &State::NEW, &worker), Skip::Held(_)));
}

#[test]
fn a_sweep_takes_away_what_misleads_and_what_the_dead_were_building() {
    let mut world = Files::new();
    let worker = world.hire();
    let queue = world.queue();
    let order = make(&queue, "a");
    let floor = world.queue.floor();
    for name in ["IMPL/5.0000000001.a", "IMPL/5.0000000001.nobody", "NEW/rubbish"] {
        let path = floor.ready().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    world.kill(&worker);
    let floor = world.queue.floor();
    fs::create_dir(floor.tmp().join(worker.as_str())).unwrap();
    let swept = queue.sweep().unwrap();
    assert_eq!((swept.added, swept.removed), (0, 3));
    assert_eq!(fs::read_dir(floor.tmp()).unwrap().count(), 0);
    assert_eq!(ready(&queue, &State::IMPL), [""; 0]);
    // A priority changed by hand is followed.
    fs::write(paper(&world, &order, "order.json"), r#"{"title":"a","priority":0}"#).unwrap();
    let swept = queue.sweep().unwrap();
    assert_eq!((swept.added, swept.removed), (1, 1));
}

#[test]
fn the_archive_keeps_the_whole_folder() {
    let world = Files::new();
    let queue = world.queue();
    for name in [".", "~2"] {
        let order = make(&queue, "a");
        fs::write(paper(&world, &order, "EVIDENCE.md"), name).unwrap();
        assert!(queue.archive(&order).unwrap());
    }
    let month = fs::read_dir(world.queue.floor().archive()).unwrap().next().unwrap();
    let month = month.unwrap().path();
    assert_eq!(fs::read_to_string(month.join("a/EVIDENCE.md")).unwrap(), ".");
    assert_eq!(fs::read_to_string(month.join("a~2/EVIDENCE.md")).unwrap(), "~2");
    let events = fs::read_to_string(month.join("a/events.jsonl")).unwrap();
    assert!(events.lines().last().unwrap().contains("\"e\":\"archive\""));
}

#[test]
fn below_the_limit_of_free_space_nothing_is_begun_and_what_is_under_way_ends() {
    let mut world = Files::new();
    let worker = world.hire();
    let queue = world.queue();
    let (order, waiting) = (make(&queue, "a"), make(&queue, "b"));
    let options = Options { free_mib: u64::MAX, ..Options::default() };
    let full: Arc<dyn Queue> = FileQueue::open(world.folder.path(), options).unwrap();
    let held = claim(&queue, &order, &State::NEW, &worker);
    let before = journal(&world, &waiting);
    let holder = held.holder().clone();
    let error = full.clone().claim(&waiting, &State::NEW, &holder).unwrap_err();
    assert_eq!(error.kind(), Fault::DiskFull);
    let path = world.queue.folder().display().to_string();
    assert!(error.to_string().contains(&path) && error.to_string().contains("MiB are free"));
    let made = full.create(&id("c"), &Request::titled("c"));
    assert_eq!(made.unwrap_err().kind(), Fault::DiskFull);
    assert_eq!(journal(&world, &waiting), before);
    assert!(full.look(&id("c")).unwrap().is_none());
    assert_eq!(held.advance(&forward(State::TESTS_PRE)).unwrap(), Moved::Done);
}

#[test]
fn init_twice_keeps_everything_and_a_newer_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let missing = FileQueue::open(folder.path(), Options::default()).unwrap_err();
    assert_eq!(missing.kind(), Fault::NotFound);
    assert!(missing.next_step().unwrap().contains("init"));
    fs::write(folder.path().join("README.md"), "mine").unwrap();
    let first = FileQueue::init(folder.path()).unwrap();
    assert_eq!(first.create(&id("a"), &Request::titled("a")).unwrap(), Created::Made);
    let second = FileQueue::init(folder.path()).unwrap();
    assert_eq!(first.id(), second.id());
    assert_eq!(second.list().unwrap().orders, [id("a")]);
    assert_eq!(fs::read_to_string(folder.path().join("README.md")).unwrap(), "mine");
    let path = second.floor().identity();
    fs::write(&path, r#"{"format":2,"id":{"new":"shape"}}"#).unwrap();
    let newer = FileQueue::open(folder.path(), Options::default()).unwrap_err();
    assert_eq!(newer.kind(), Fault::Unfit);
    assert!(newer.to_string().contains("format 2"), "{newer}");
    assert!(fs::read_to_string(&path).unwrap().contains("shape"), "nothing was changed");
}

#[test]
fn linked_states_of_two_orders_move_apart() {
    let mut world = Files::new();
    let worker = world.hire();
    let queue = world.queue();
    let (one, other) = (make(&queue, "one"), make(&queue, "other"));
    fs::remove_file(paper(&world, &other, ".state")).unwrap();
    fs::hard_link(paper(&world, &one, ".state"), paper(&world, &other, ".state")).unwrap();
    let held = claim(&queue, &one, &State::NEW, &worker);
    assert_eq!(held.advance(&forward(State::TESTS_PRE)).unwrap(), Moved::Done);
    assert_eq!(
        (word(&world, &one).as_str(), word(&world, &other).as_str()),
        ("TESTS_PRE\n", "NEW\n")
    );
}

#[test]
fn an_order_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = Files::new();
    let order = make(&world.queue(), "a");
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(world.queue.paper_folder(&order)), 0o700);
    assert_eq!(mode(paper(&world, &order, "events.jsonl")), 0o600);
}
