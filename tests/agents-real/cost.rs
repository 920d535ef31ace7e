//! What it costs to start: time and bytes of prompts per order, with batches of 1, 3, 5 and 8 orders.
//!
//! The model answers at once and every order is the same small one, so that the time is the program's own and ours.

use std::sync::Mutex;

use super::*;
use crate::house::{House, shown};
use model::fact;
use stages::Hired;

/// The sizes of a batch.
const BATCHES: [usize; 4] = [1, 3, 5, 8];

/// Requests of one batch: when each came (Unix milliseconds), and its size.
type Requests = Arc<Mutex<Vec<(i64, usize)>>>;

/// A command that writes the spec, and the result.
fn reply(requests: &Requests, body: &str) -> Reply {
    let mut requests = requests.lock().unwrap();
    requests.push((jiff::Timestamp::now().as_millisecond(), body.len()));
    if requests.len().is_multiple_of(2) {
        return Reply::Result;
    }
    let (desk, order) = (fact(body, "Desk"), fact(body, "Order"));
    Reply::Work(format!(
        "cat > {desk}/work-order.md <<'END'\n# T\n\n## Goal\n\nBe there.\n\n## Acceptance criteria\n\n- it is there\n\n\
         ## Files\n\n- `done/{order}.txt`\n\n## How to playtest\n\n1. Look.\nEND\n"
    ))
}

/// What one batch cost.
struct Cost {
    /// From the claim to the first request.
    start_ms: i64,
    /// From the claim to the session's end.
    whole_ms: i64,
    /// Bytes of all requests.
    sent: usize,
    /// Bytes of the first request.
    first: usize,
    /// Bytes of the last one, which holds all that was said.
    last: usize,
}

fn batch_of(size: usize, hired: &Hired, requests: &Requests) -> Cost {
    requests.lock().unwrap().clear();
    let folder = tempfile::tempdir().unwrap();
    let table = hired.table(folder.path());
    let house = House::at(folder, &format!("[stage.spec]\nbatch = {size}\n\n"), "");
    let path = house.project().join("shopfloor.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{table}\n{config}")).unwrap();
    let ids: Vec<String> = (1..=size).map(|nth| format!("order-{nth}")).collect();
    house.add(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    let ran = house.command("spec-worker").arg("--until-idle").output().unwrap();
    assert!(ran.status.success(), "{}", shown(&ran));
    for id in &ids {
        assert_eq!(house.state(id), "TESTS_PRE", "{}", house.scene());
    }
    assert_eq!(Hired::starts(&house.path("")), 1, "{}", house.scene());
    let at = |kind: &str| {
        let told = house.told(kind);
        assert_eq!(told.len(), 1, "{told:?}");
        told[0]["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond()
    };
    let (claimed, ended) = (at("claimed"), at("session_ended"));
    let requests = requests.lock().unwrap();
    assert_eq!(requests.len(), 2 * size);
    Cost {
        start_ms: requests[0].0 - claimed,
        whole_ms: ended - claimed,
        sent: requests.iter().map(|(_, bytes)| bytes).sum(),
        first: requests[0].1,
        last: requests.last().unwrap().1,
    }
}

async fn table(hire: fn(&str, usize) -> Option<Hired>) {
    let requests = Requests::default();
    let seen = Arc::clone(&requests);
    let model = Model::start(move |_, body| reply(&seen, body)).await;
    let Some(hired) = hire(&model.url(), BATCHES.len()) else { return };
    let mut per_order = Vec::new();
    for size in BATCHES {
        let cost = tokio::task::block_in_place(|| batch_of(size, &hired, &requests));
        let each = |all: i64| all / size as i64;
        per_order.push(each(cost.whole_ms));
        println!(
            "COST|{}|{size}|{}|{}|{}|{}|{}",
            hired.name,
            cost.start_ms,
            each(cost.whole_ms),
            cost.first,
            cost.last / size,
            cost.sent / size,
        );
    }
    assert!(per_order[3] < per_order[0], "a batch saves nothing: {per_order:?} ms per order");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measure: .ci/prove agents"]
async fn what_an_order_costs_with_claude_by_the_size_of_its_batch() {
    table(stages::claude).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measure: .ci/prove agents"]
async fn what_an_order_costs_with_codex_by_the_size_of_its_batch() {
    table(stages::codex).await;
}
