//! What `status` shows of workers, and what a launcher does for the orders of a worker that died.

use std::fs;

use rustix::process::Signal;
use shopfloor::floor::{Breaker, Floor, WorkerStatus, unix_now};
use shopfloor::holder::{Holder, SessionId, WorkerId};
use shopfloor::order::OrderId;
use shopfloor::process;
use shopfloor::queue::files::{FileQueue, Options};
use shopfloor::queue::{Claiming, Queue as _};
use shopfloor::state::State;

use super::scene::{Scene, send};

fn status(stage: &str, worker: WorkerId) -> WorkerStatus {
    WorkerStatus {
        worker,
        stage: stage.to_owned(),
        session: None,
        order: Some(OrderId::parse("a").unwrap()),
        held: Vec::new(),
        doing: "turn of a\u{1b}[2J".to_owned(),
        idle: false,
        simulated: true,
        sandbox: "none".to_owned(),
        batch: 3,
        advanced: 7,
        sessions: 2,
        turns: 9,
        beat: 1,
    }
}

#[test]
fn status_shows_workers_dead_or_alive_and_what_is_simulated() {
    let scene = Scene::ready();
    let floor = Floor::of_queue(&scene.queue(""));
    let queue = FileQueue::open(&scene.queue(""), Options::default()).unwrap();
    let enlisted = queue.enlist("implement").unwrap();
    floor.put_status(&status("implement", enlisted.worker.clone())).unwrap();
    let told = scene.run(&["status"]).ended(0);
    assert!(
        told.out.contains("NO SANDBOX stands around the agent of stage implement"),
        "{}",
        told.out
    );
    floor.put_status(&status("spec", WorkerId::new(4_000_000, 1, 1))).unwrap();
    let told = scene.run(&["status"]).ended(0).says(&["SIMULATED", "turn of a"]);
    assert!(!told.out.contains('\u{1b}'));
    let row = |stage: &str| {
        told.out.lines().find(|line| line.trim().starts_with(stage)).unwrap().to_owned()
    };
    assert!(row("implement").contains("alive") && row("spec").contains("DEAD"), "{}", told.out);
    let json = scene.run(&["status", "--json"]).ended(0).json();
    let worker = &json["workers"][1];
    assert_eq!((&worker["pid"], &worker["alive"]), (&std::process::id().into(), &true.into()));
    assert_eq!((&worker["simulated"], &worker["turns"]), (&true.into(), &9.into()));
}

#[test]
fn status_shows_a_stage_that_pauses_until_when_and_what_to_mend() {
    let scene = Scene::ready();
    scene.add("a");
    let floor = Floor::of_queue(&scene.queue(""));
    let breaker = |stage: &str, until| Breaker {
        stage: stage.to_owned(),
        until,
        count: 1,
        why: format!("no login for {stage}"),
        mend: "log in".to_owned(),
    };
    floor.open_breaker(&breaker("spec", unix_now() + 600)).unwrap();
    floor.open_breaker(&breaker("commit", unix_now() - 1)).unwrap();
    let told = scene.run(&["status"]).ended(0);
    let told = told.says(&["Stage spec pauses until", "no login for spec", "mend: log in"]);
    assert!(!told.out.contains("no login for commit"), "{}", told.out);
    let json = scene.run(&["status", "--json"]).ended(0).json();
    assert_eq!(
        (&json["waiting"][0]["kind"], &json["breakers"][0]["stage"]),
        (&"paused".into(), &"spec".into())
    );
}

#[test]
#[expect(clippy::mem_forget, reason = "a worker that dies gives nothing back")]
fn the_orders_of_a_worker_that_died_are_ready_again_at_once() {
    let scene = Scene::ready();
    scene.add("a");
    let launcher = scene.start(&[]);
    let pid = launcher.workers()[0];
    // The stand-in can't claim: it is done in its name.
    let worker = WorkerId::new(pid, process::start_time(pid).unwrap(), 0xabc);
    let queue = FileQueue::open(&scene.queue(""), Options::default()).unwrap();
    let id = OrderId::parse("a").unwrap();
    let holder = Holder { worker: worker.clone(), session: SessionId::fresh() };
    match queue.clone().claim(&id, &State::NEW, &holder).unwrap() {
        Claiming::Won(claim) => std::mem::forget(claim),
        Claiming::Skipped(skip) => panic!("{skip:?}"),
    }
    fs::write(scene.queue(&format!(".floor/workers/{worker}.lock")), "").unwrap();
    scene.run(&["show", "a"]).ended(0).says(&[&format!("worker {pid} has it in hand")]);
    scene.run(&["retry", "a"]).ended(4).remarks(&["is at a this moment"]);
    send(pid, Signal::KILL);
    launcher.wait_for("the recovery", || launcher.err().contains("order a is ready again"));
    assert_eq!(queue.look(&id).unwrap().unwrap().history.open, None);
    launcher.signal(Signal::TERM);
    launcher.end().ended(0);
}
