//! The witness of a session: what workers and commands do is in the journals, and nothing else goes unseen.

use std::fs;
use std::path::Path;

use shopfloor::order::OrderId;
use shopfloor::queue::{Move, Release};
use shopfloor::state::State;
use shopfloor::witness::Witness;

use crate::contract::worlds::Files;
use crate::contract::{World, claim, id, look, make};

fn file(world: &Files, order: &OrderId, name: &str) -> std::path::PathBuf {
    world.queue.paper_folder(order).join(name)
}

fn witness(world: &Files) -> Witness {
    Witness::of(world.folder.path()).unwrap()
}

#[test]
fn what_workers_and_commands_do_is_no_disturbance() {
    let mut world = Files::new();
    let worker = world.hire();
    let queue = world.queue();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| make(&queue, name));
    let seen = witness(&world);
    let held = claim(&queue, &a, &State::NEW, &worker);
    let _moved = held.advance(&Move::forward(State::TESTS_PRE, "on")).unwrap();
    let _back = claim(&queue, &b, &State::NEW, &worker).release(&Release::lost("back")).unwrap();
    assert!(queue.hold(&c, "wait").unwrap());
    assert!(queue.unhold(&c).unwrap() && queue.hold(&c, "wait again").unwrap());
    assert!(queue.kick(&b, &State::IMPL, "go").unwrap());
    assert!(queue.archive(&d).unwrap());
    make(&queue, "e");
    let _swept = queue.sweep().unwrap();
    assert_eq!(seen.compare(), []);
}

#[test]
fn every_change_by_hand_is_told_with_its_order() {
    let world = Files::new();
    let queue = world.queue();
    let names = ["edited", "emptied", "gone", "held", "journal", "request"];
    let ids = names.map(|name| make(&queue, name));
    let seen = witness(&world);
    let path = |at: usize, name: &str| file(&world, &ids[at], name);
    fs::write(path(0, ".state"), "IMPL\n").unwrap();
    fs::write(path(1, ".state"), "").unwrap();
    fs::remove_dir_all(world.queue.paper_folder(&ids[2])).unwrap();
    fs::write(path(3, ".hold"), "mine\n").unwrap();
    fs::write(path(4, "events.jsonl"), "").unwrap();
    fs::write(path(5, "order.json"), r#"{"title": "another"}"#).unwrap();
    fs::create_dir(world.folder.path().join("made")).unwrap();
    // A file that is nobody's business.
    fs::write(path(0, "notes.md"), "mine\n").unwrap();
    let wanted = [
        ("edited", ".state was written"),
        ("emptied", ".state was written"),
        ("gone", "the order was removed"),
        ("held", ".hold was written or removed"),
        ("journal", "events.jsonl was replaced, cut or removed"),
        ("made", "the order was made"),
        ("request", "order.json was written or removed"),
    ];
    let wanted = wanted.map(|(id, what)| (id.to_owned(), what.to_owned()));
    let told = |seen: &Witness| {
        let mut told = seen.compare();
        told.sort();
        told
    };
    assert_eq!(told(&seen), wanted);
    // A sweep puts on record what it finds: that explains nothing away.
    let _swept = queue.sweep().unwrap();
    assert_eq!(look(&queue, &id("edited")).state, State::IMPL);
    assert_eq!(told(&seen), wanted);
}

#[test]
fn a_folder_that_is_no_queue_has_no_witness() {
    assert!(Witness::of(Path::new("/nowhere/at/all")).is_none());
}
