//! The account's limit in the middle of a batch, with the real Claude Code and the real worker.

use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use super::*;
use crate::house::{House, shown};

/// Seconds from the first word of the limit to its end.
const LASTS: u64 = 15;

/// Writes the papers of every order that has none yet: only the one whose turn it is has a desk.
const SPEC: &str = "for desk in desks/*; do test -f $desk/work-order.md || printf '%s\\n\\n' '# T' '## Goal' 'Be there.' \
    '## Acceptance criteria' '- it is there' '## Files' '- `done/x.txt`' '## How to playtest' '1. Look.' > $desk/work-order.md; done";

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// What the model has seen: when each request came, and when the limit ends (Unix milliseconds and seconds).
#[derive(Debug, Default)]
struct Seen {
    requests: Vec<u64>,
    limited: usize,
    reset: u64,
}

/// A command and a result for every order; the limit at the first request of the third.
fn script(seen: &mut Seen) -> Reply {
    let nth = seen.requests.len() - seen.limited;
    seen.requests.push(unix_ms());
    if nth == 4 {
        if seen.reset == 0 {
            seen.reset = unix_ms() / 1000 + LASTS;
        }
        if unix_ms() < seen.reset * 1000 {
            seen.limited += 1;
            return Reply::UsageLimit { reset: seen.reset };
        }
    }
    if nth.is_multiple_of(2) { Reply::Bash(SPEC) } else { Reply::Result }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_usage_limit_in_the_middle_of_a_batch_of_five_is_waited_out_without_a_request() {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let told = Arc::clone(&seen);
    let model = Model::start(move |_, _| script(&mut told.lock().unwrap())).await;
    let Some(program) = found::program("claude", "2.1.328", 1) else { return };
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("agents-home");
    std::fs::create_dir(&home).unwrap();
    let config = format!(
        "[agent.claude]\ndriver = \"claude\"\nprogram = {:?}\nenv = {{ HOME = {:?}, ANTHROPIC_BASE_URL = {:?}, \
         CLAUDE_CODE_OAUTH_TOKEN = \"sk-ant-oat01-not\" }}\n[stage.spec]\nagent = \"claude:work\"\nbatch = 5\n",
        program.display().to_string(),
        home.display().to_string(),
        model.url(),
    );
    let house = House::at(folder, &config, "");
    let orders = ["a", "b", "c", "d", "e"];
    house.add(&orders);
    tokio::task::block_in_place(|| story(&house, &orders));
    let seen = seen.lock().unwrap();
    let reset = seen.reset * 1000;
    // The limit's own answers came before anybody knew of it.
    let before = seen.requests.iter().filter(|&&at| at < reset).count();
    assert_eq!(before, 4 + seen.limited, "{seen:?}");
    let last_limited = seen.requests[before - 1];
    let first_after = seen.requests[before];
    let between = seen.requests.iter().filter(|&&at| at > last_limited && at < reset).count();
    assert_eq!((between, seen.requests.len() - before), (0, 6), "{seen:?}");
    println!(
        "FIGURE|real claude, usage limit after order 2 of 5|{} requests, {} of them refused; parked {} ms: {between} requests; \
         went on {} ms after the time|ok",
        seen.requests.len(),
        seen.limited,
        reset - last_limited,
        first_after - reset,
    );
}

fn story(house: &House, orders: &[&str]) {
    let mut worker = house.start("spec-worker", &[]);
    house.wait("the limit", |house| {
        !house.told("parked").is_empty() && house.told("session_ended").len() == 1
    });
    let lost = |id: &str| {
        let charges =
            house.journal(id).into_iter().filter_map(|e| Some(e["class"].as_str()?.to_owned()));
        charges.filter(|class| class == "work" || class == "crash").count()
    };
    for id in &orders[..2] {
        house.wait("the finished orders", |house| house.state(id) == "TESTS_PRE");
    }
    for id in &orders[2..] {
        house.wait("the rest", |house| {
            house.told("returned").iter().any(|event| event["order"] == **id)
        });
        assert_eq!((house.state(id).as_str(), lost(id)), ("NEW", 0), "{}", house.scene());
    }
    let status = shown(&house.shopfloor(&["status"]));
    assert!(status.contains("Account work: usage limit until "), "{status}");
    worker.signal("TERM");
    assert_eq!(worker.end(PATIENCE), Some(0), "{}", house.scene());
    let mut worker = house.start("spec-worker", &["--until-idle"]);
    assert_eq!(worker.end(PATIENCE * 2), Some(0), "{}", house.scene());
    for id in orders {
        assert_eq!((house.state(id).as_str(), lost(id)), ("TESTS_PRE", 0), "{}", house.scene());
    }
}

/// Three commands, and then the result.
fn four_requests(nth: usize) -> Reply {
    if nth < 3 { Reply::Bash("true") } else { Reply::Result }
}

/// What was told while the turn ran, in tokens, and what was told at its end.
async fn counted(scene: &Scene) -> (Vec<u64>, u64) {
    let mut session = scene.open("implement").await;
    session.give(&scene.turn("implement", "a")).await.unwrap();
    let (turn, usage, said) = turn_end(&mut *session).await;
    testified(&turn);
    end(scene, session, GRACE).await;
    let live = said.iter().filter_map(|said| match said {
        Said::Used(usage) => Some(usage.known_tokens()),
        _ => None,
    });
    (live.collect(), usage.known_tokens())
}

#[tokio::test]
async fn tokens_are_counted_while_a_turn_of_claude_runs_and_come_to_what_its_end_says() {
    let model = Model::start(|nth, _| four_requests(nth)).await;
    let Some(mut scene) = claude::real(&model) else { return };
    scene.caps.tokens = true;
    let (live, total) = counted(&scene).await;
    assert_eq!((total, live.last()), (4 * 160, Some(&total)), "{live:?}");
    assert!(live.is_sorted() && live.len() >= 4, "{live:?}");
}

#[tokio::test]
async fn tokens_are_counted_while_a_turn_of_codex_runs_and_come_to_what_its_end_says() {
    let model = Model::start(|nth, _| four_requests(nth)).await;
    let Some(mut scene) = codex::real(DriverName::Codex, &model, 1) else { return };
    scene.caps.tokens = true;
    let (live, total) = counted(&scene).await;
    assert_eq!(live.last(), Some(&total), "{live:?}");
    assert!(total > 0 && live.is_sorted() && live.len() >= 3, "{live:?}");
}
