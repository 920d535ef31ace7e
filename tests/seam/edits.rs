//! A person writes `.state` between two calls of a move.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use shopfloor::queue::Queue;
use shopfloor::queue::files::machine::{Answer, Errno, Renaming};
use shopfloor::state::State;

use super::watched::{Call, Watch};
use super::{Scene, forward, is};
use crate::contract::{claim, id, look, make, ready};

/// How a person writes it.
#[derive(Debug, Clone, Copy)]
enum Hand {
    /// `echo WORD > .state`
    InPlace,
    /// An editor writes another file and renames it.
    Anew,
    /// `rm .state; echo WORD > .state`
    Removed,
}

use Hand::{Anew, InPlace, Removed};

fn write(hand: Hand, path: &Path, word: &State) {
    let text = format!("{word}\n");
    match hand {
        InPlace => fs::write(path, text).unwrap(),
        Anew => {
            let beside = path.with_file_name("4913~");
            fs::write(&beside, text).unwrap();
            fs::rename(beside, path).unwrap();
        }
        Removed => {
            fs::remove_file(path).unwrap();
            fs::write(path, text).unwrap();
        }
    }
}

/// A person who writes the next of `edits` just before each rename to `.state`, and a process that may die.
struct Person {
    state: PathBuf,
    edits: Mutex<Vec<(Hand, State)>>,
    /// Calls that the process still makes once the person has written.
    left: AtomicUsize,
    /// The file system can't exchange two files.
    without_exchange: bool,
}

impl Person {
    fn of(scene: &Scene, edits: &[(Hand, State)]) -> Self {
        Self {
            state: scene.paper(".state"),
            edits: Mutex::new(edits.iter().rev().cloned().collect()),
            left: AtomicUsize::new(usize::MAX),
            without_exchange: false,
        }
    }

    /// Nothing that the process does after `calls` more calls comes to pass.
    fn and_a_death_after(mut self, calls: usize) -> Self {
        self.left = AtomicUsize::new(calls);
        self
    }

    fn is_done(&self) -> bool {
        self.edits.lock().unwrap().is_empty()
    }

    fn process_died(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }
}

impl Watch for Person {
    fn before(&self, call: Call<'_>) -> Answer<()> {
        let in_the_swap = matches!(call, Call::Rename(to, _) if is(to, ".state"));
        if in_the_swap && let Some((hand, word)) = self.edits.lock().unwrap().pop() {
            write(hand, &self.state, &word);
        }
        if matches!(call, Call::Rename(_, Renaming::Exchange)) && self.without_exchange {
            return Err(Errno::INVAL);
        }
        if self.is_done() {
            let left = self.left.load(Ordering::SeqCst);
            if left == 0 {
                return Err(Errno::IO);
            }
            self.left.store(left.saturating_sub(usize::from(left != usize::MAX)), Ordering::SeqCst);
        }
        Ok(())
    }
}

/// What moves the order meanwhile.
#[derive(Debug, Clone, Copy)]
enum Mover {
    Worker,
    WorkerWhoKeepsIt,
    Kick,
}

/// The order `a`, moved from NEW to IMPL by `mover` while `person` writes.
fn moved(scene: &Scene, mover: Mover, person: &Arc<Person>) {
    let order = make(&scene.queue(), "a");
    let queue = scene.seen_by(person.clone());
    let enlisted = scene.queue().enlist("spec").unwrap();
    // What becomes of the deed is not asked here: a dead process has no answer.
    match mover {
        Mover::Kick => drop(queue.kick(&order, &State::IMPL, "test")),
        Mover::Worker => {
            let held = claim(&queue, &order, &State::NEW, &enlisted.worker);
            drop(held.advance(&forward(State::IMPL)));
        }
        Mover::WorkerWhoKeepsIt => {
            let held = claim(&queue, &order, &State::NEW, &enlisted.worker);
            drop(held.advance_and_keep(&forward(State::IMPL)));
        }
    }
    assert!(person.is_done(), "the person was not asked");
}

fn check(scene: &Scene, word: &State, what: &str) {
    let (queue, order): (Arc<dyn Queue>, _) = (scene.queue(), id("a"));
    queue.recover(&|_| true).unwrap();
    queue.sweep().unwrap();
    assert_eq!(scene.word(), word.as_str(), "{what}\n{}", scene.journal());
    let seen = look(&queue, &order);
    assert_eq!((&seen.state, seen.hold.as_deref()), (word, None), "{what}\n{}", scene.journal());
    assert!(scene.journal().contains("\"e\":\"manual\""), "{what}\n{}", scene.journal());
    assert!(seen.history.open.is_none(), "{what}: its claim is closed by the edit");
    assert_eq!(ready(&queue, word), ["a"], "{what}");
    for left in [".state.old", ".state.next"] {
        assert!(!scene.paper(left).exists() || left == ".state.next", "{what}: {left} stays");
    }
}

#[test]
fn a_state_that_a_person_writes_while_a_move_is_applied_stands() {
    for mover in [Mover::Worker, Mover::WorkerWhoKeepsIt, Mover::Kick] {
        for hand in [InPlace, Anew, Removed] {
            // Somewhere else, and where it was.
            for word in [State::TESTS_PRE, State::NEW] {
                let scene = Scene::empty();
                let person = Arc::new(Person::of(&scene, &[(hand, word.clone())]));
                moved(&scene, mover, &person);
                check(&scene, &word, &format!("{mover:?}, {hand:?} {word}"));
            }
        }
    }
}

#[test]
fn of_two_states_that_a_person_writes_while_a_move_is_applied_the_later_stands() {
    for first in [InPlace, Anew, Removed] {
        for second in [InPlace, Anew, Removed] {
            let scene = Scene::empty();
            let edits = [(first, State::TESTS_PRE), (second, State::PLAYTEST)];
            let person = Arc::new(Person::of(&scene, &edits));
            moved(&scene, Mover::Worker, &person);
            check(&scene, &State::PLAYTEST, &format!("{first:?}, then {second:?}"));
        }
    }
}

#[test]
fn wherever_a_process_dies_while_it_puts_a_persons_state_back_that_state_stands() {
    let mut points = 0;
    for hand in [InPlace, Anew, Removed] {
        for calls in 0.. {
            let scene = Scene::empty();
            let person = Person::of(&scene, &[(hand, State::TESTS_PRE)]).and_a_death_after(calls);
            let person = Arc::new(person);
            moved(&scene, Mover::Worker, &person);
            check(&scene, &State::TESTS_PRE, &format!("{hand:?}, dead after {calls} calls"));
            if !person.process_died() {
                break;
            }
            points += 1;
        }
    }
    assert!(points > 30, "it died at {points} points only");
}

#[test]
fn where_two_files_can_not_be_exchanged_a_move_is_applied_all_the_same() {
    let scene = Scene::empty();
    let person = Person { without_exchange: true, ..Person::of(&scene, &[]) };
    moved(&scene, Mover::Worker, &Arc::new(person));
    assert_eq!(scene.word(), "IMPL");
    assert!(!scene.journal().contains("manual"), "{}", scene.journal());
    assert!(!scene.paper(".state.old").exists());
}

#[test]
fn where_two_files_can_not_be_exchanged_a_person_is_seen_until_the_last_look() {
    let scene = Scene::empty();
    let edits = [(InPlace, State::TESTS_PRE)];
    let person = Arc::new(Person { without_exchange: true, ..Person::of(&scene, &edits) });
    moved(&scene, Mover::Worker, &person);
    check(&scene, &State::TESTS_PRE, "without an exchange");
}
