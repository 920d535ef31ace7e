//! Stories of a third person: the record of an honest order is agreed with, and a changed one is not.

mod command;
mod honest;
mod scene;
mod tampered;

use shopfloor::check::GateReport;
use shopfloor::gate::{Again, Agreement, Recorded};
use shopfloor::stage::Gate;
use shopfloor::state::State;
use shopfloor::stop::Stop;

use crate::gates::{House, Job};

/// Runs every `tests/*.sh` and tells each by its name.
const TAP: &str = r#"count=0; status=0
for test in tests/*.sh; do
    count=$((count + 1))
    if sh "$test"; then echo "ok $count - $test"; else echo "not ok $count - $test"; status=1; fi
done
echo "1..$count"
exit $status
"#;

/// A house whose tests have names.
async fn named() -> House {
    let house = House::new().await;
    house.commit("run-tests.sh", TAP);
    house
}

#[track_caller]
fn passed(report: &GateReport) {
    assert!(report.check.passed(), "{report:#?}");
}

/// RED, as the test worker has it: the tests are written, and the next turn is of another generation.
async fn red(house: &House, job: &mut Job) {
    let report = house.check(Gate::Red, job).await;
    passed(&report);
    job.frozen = report.proof;
    job.generation += 1;
}

async fn green(house: &House, job: &Job) {
    passed(&house.check(Gate::Green, job).await);
}

/// An order with a shell test and what it wants, on the way to the union.
async fn ready_to_land(house: &House, id: &str) -> Job {
    let mut job = house.tested(id).await;
    red(house, &mut job).await;
    job.work(&format!("src/{id}"), "here\n");
    green(house, &job).await;
    job
}

/// What is known of a finished order.
async fn recorded(house: &House, job: &Job) -> Recorded {
    Recorded {
        order: job.id.clone(),
        state: State::READY_FOR_REVIEW,
        request: job.request.clone(),
        papers: job.papers.clone(),
        frozen: job.frozen.clone(),
        approved: house.scene(job).await.tree,
    }
}

async fn verified(house: &House, recorded: &Recorded) -> Vec<Again> {
    house.gates.verify(recorded, &|_| {}, &Stop::new()).await.unwrap()
}

/// Every gate agrees, with these words in the lines of RED, GREEN and UNION.
#[track_caller]
fn agree(all: &[Again], words: [&str; 3]) {
    assert!(all.iter().all(|again| again.outcome == Agreement::Agree), "{all:#?}");
    for (again, words) in all[1..].iter().zip(words) {
        assert!(again.line.contains(words), "{words:?} is not in {again:#?}");
    }
    assert!(all.iter().all(|again| again.runs > 0), "{all:#?}");
}
