//! An account that is parked.

use shopfloor::accounts::{Accounts, Cause};
use shopfloor::config::Limits;
use shopfloor::failure::Fault;
use shopfloor::floor::{Floor, unix_now};

use super::*;

const LIMIT: &str = "[[act]]\norder = \"c\"\nstage = \"spec\"\ntimes = 1\nmisbehave = \"usage-limit\"\nreset_in_s = 3600\n";

/// Figure 4: a batch of five, the limit after the second order, a worker that is restarted meanwhile.
#[test]
fn a_usage_limit_in_the_middle_of_a_batch_gives_the_rest_back_and_goes_on_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let other_calls = folder.path().join("other-calls");
    let more = second_agent("other", &other_calls);
    let house = House::with(
        &format!("{QUICK}{more}[stage.spec]\nagent = \"sim\"\n[stage.test]\nagent = \"other\"\n"),
        LIMIT,
    );
    house.add(&["a", "b", "c", "d", "e"]);
    let mut worker = house.start("spec-worker", &[]);
    house.wait("the limit", |house| !house.told("parked").is_empty());
    house.wait("the rest given back", |house| {
        ["c", "d", "e"].iter().all(|id| !told_of(house, "returned", id).is_empty())
    });
    let parked = &house.told("parked")[0];
    let until = parked["until"].as_u64().unwrap();
    assert_eq!(
        (parked["account"].as_str(), parked["fault"].as_str()),
        (Some("sim"), Some("usage limit"))
    );
    house.wait("the finished orders", |house| {
        ["a", "b"].iter().all(|id| house.state(id) == "TESTS_PRE")
    });
    for id in ["c", "d", "e"] {
        assert_eq!((house.state(id).as_str(), charged(&house, id)), ("NEW", 0), "{id}");
    }
    // It stands on disk, and is shown.
    let told = shown(&house.shopfloor(&["status"]));
    assert!(told.contains("Account sim: usage limit until "), "{told}");
    assert_eq!(status(&house)["accounts"][0]["until"].as_u64(), Some(until));
    // The worker is restarted in between, and begins nothing.
    worker.signal("TERM");
    assert_eq!(worker.end(PATIENCE), Some(0));
    let mut worker = house.start("spec-worker", &["--until-idle"]);
    // Another stage, on another account, goes on meanwhile.
    house.run("test-worker", &["--until-idle"]);
    for id in ["a", "b"] {
        assert_eq!(house.state(id), "IMPL", "{}", house.scene());
    }
    assert_eq!(calls(&other_calls).len(), 2);
    // An hour is too long for a test: what stands on disk is what counts, so it is made to end soon.
    assert_eq!(calls(&house.path("calls")).len(), 3, "requests while it was parked");
    let path = house.project().join("work-orders/.floor/accounts/sim.json");
    let mut parked: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(parked["until"].as_u64(), Some(until));
    let until = (unix_ms() / 1000) as u64 + 3;
    parked["until"] = until.into();
    fs::write(&path, parked.to_string()).unwrap();
    assert_eq!(worker.end(PATIENCE), Some(0), "{}", house.scene());
    for id in ["c", "d", "e"] {
        assert_eq!((house.state(id).as_str(), charged(&house, id)), ("TESTS_PRE", 0), "{id}");
    }
    let calls: Vec<_> = calls(&house.path("calls"));
    let orders: Vec<&str> = calls.iter().map(|(.., order)| order.as_str()).collect();
    assert_eq!(orders, ["a", "b", "c", "c", "d", "e"], "{}", house.scene());
    let between = calls[3..].iter().filter(|(at, ..)| *at < u128::from(until) * 1000).count();
    assert_eq!(between, 0, "requests while it was parked: {calls:?}, parked until {until}");
    let late = calls[3].0.saturating_sub(u128::from(until) * 1000);
    println!(
        "FIGURE4|requests before the limit 3, while parked {between}, after it 3|went on {late} ms after the time"
    );
    assert_eq!(house.told("unparked").len(), 1);
    assert!(status(&house)["accounts"].as_array().unwrap().is_empty());
}

#[test]
fn one_worker_alone_finds_out_whether_an_account_works_again() {
    // It was parked before, and whoever asks first is told that the limit lasts longer.
    let acts =
        "[[act]]\nstage = \"spec\"\ntimes = 1\nmisbehave = \"usage-limit\"\nreset_in_s = 4\n";
    let house = House::with(QUICK, acts);
    let ids = ["a", "b", "c", "d", "e", "f"];
    house.add(&ids);
    let floor = Floor::of_queue(&house.project().join("work-orders"));
    let now = unix_now();
    let ends = now + 2;
    let cause =
        Cause { fault: Fault::UsageLimit, why: "before", until: Some(ends), by_hand: false };
    Accounts::of(&floor).park("sim", cause, &Limits::default(), now, 0.5).unwrap();
    let mut workers: Vec<_> = (1..=3)
        .map(|k| {
            house.start(
                "spec-worker",
                &["--until-idle", "--batch-size", "1", "--instance", &k.to_string()],
            )
        })
        .collect();
    for worker in &mut workers {
        assert_eq!(worker.end(PATIENCE), Some(0), "{}", house.scene());
    }
    for id in ids {
        moved_on_uncharged(&house, id);
    }
    let longer = house.told("parked")[0]["until"].as_u64().unwrap();
    let calls = calls(&house.path("calls"));
    let before = |unix: u64| calls.iter().filter(|(at, ..)| *at < u128::from(unix) * 1000).count();
    assert_eq!((before(ends), before(longer)), (0, 1), "{calls:?}: {}", house.scene());
    assert_eq!(calls.len(), 1 + ids.len(), "{}", house.scene());
    assert_eq!(house.told("unparked").len(), 1, "{}", house.scene());
}

#[test]
fn a_refused_login_stops_every_stage_of_the_account_until_a_person_says_so() {
    let acts = "[[act]]\nstage = \"spec\"\norder = \"b\"\ntimes = 1\nmisbehave = \"login\"\n";
    let house = House::with(QUICK, acts);
    house.add(&["a", "b", "c"]);
    let mut spec = house.start("spec-worker", &["--until-idle"]);
    house.wait("the login", |house| !house.told("parked").is_empty());
    let parked = &house.told("parked")[0];
    assert!(
        parked["until"].is_null()
            && parked["told"].as_str().unwrap().contains("shopfloor resume sim"),
        "{parked}"
    );
    house.wait("a through", |house| house.state("a") == "TESTS_PRE");
    let calls = house.calls();
    // The test stage has work, and the same account.
    house.command("test-worker").args(["--once"]).output().unwrap();
    assert_eq!(
        (house.state("a").as_str(), house.calls()),
        ("TESTS_PRE", calls),
        "{}",
        house.scene()
    );
    let shown_order = shown(&house.shopfloor(&["show", "b"]));
    assert!(shown_order.contains("waits for a person"), "{shown_order}");
    assert_eq!(house.told("parked").len(), 1, "one clear message");
    let resumed = house.shopfloor(&["resume", "sim"]);
    assert!(resumed.status.success(), "{}", shown(&resumed));
    assert_eq!(spec.end(PATIENCE), Some(0), "{}", house.scene());
    for id in ["b", "c"] {
        moved_on_uncharged(&house, id);
    }
    assert_eq!(house.shopfloor(&["resume", "sim"]).status.code(), Some(3));
    assert_eq!(house.shopfloor(&["resume"]).status.code(), Some(4));
}

#[test]
fn an_account_may_be_left_parked_until_a_person_resumes_it() {
    let acts =
        "[[act]]\nstage = \"spec\"\ntimes = 1\nmisbehave = \"usage-limit\"\nreset_in_s = 1\n";
    let house = House::with(&format!("{QUICK}[account.sim]\nresume = \"by-hand\"\n"), acts);
    house.add(&["a"]);
    let mut worker = house.start("spec-worker", &["--until-idle"]);
    house.wait("the limit", |house| !house.told("parked").is_empty());
    assert!(house.told("parked")[0]["until"].is_null());
    let resumes = unix_ms() + 2_000;
    house.wait("the told time to pass", |_| unix_ms() > resumes);
    assert_eq!((house.calls(), house.state("a").as_str()), (1, "NEW"), "{}", house.scene());
    assert!(house.shopfloor(&["resume"]).status.success());
    assert_eq!(worker.end(PATIENCE), Some(0));
    assert_eq!(house.state("a"), "TESTS_PRE");
}

#[test]
fn a_limit_that_lasts_too_long_ends_the_worker_and_leaves_the_orders() {
    let acts = "[[act]]\nstage = \"spec\"\nmisbehave = \"usage-limit\"\nreset_in_s = 3600\n";
    let house = House::with(QUICK, acts);
    house.add(&["a", "b"]);
    let mut worker = house.start("spec-worker", &["--max-limit-wait", "10m"]);
    assert_eq!(worker.end(PATIENCE), Some(8), "{}", house.scene());
    let warned = house.told("warning");
    let told =
        warned.iter().any(|event| event["text"].as_str().unwrap().contains("max_limit_wait"));
    assert!(told, "{warned:?}");
    for id in ["a", "b"] {
        assert_eq!((house.state(id).as_str(), charged(&house, id)), ("NEW", 0));
    }
    assert_eq!(house.calls(), 1);
}

#[test]
fn whoever_waits_for_limits_for_so_long_only_does_not_wait_for_a_person() {
    let acts = "[[act]]\nstage = \"spec\"\nmisbehave = \"login\"\n";
    let house = House::with(QUICK, acts);
    house.add(&["a"]);
    let mut worker = house.start("spec-worker", &["--max-limit-wait", "6h", "--until-idle"]);
    assert_eq!(worker.end(PATIENCE), Some(8), "{}", house.scene());
    assert_eq!((house.state("a").as_str(), charged(&house, "a")), ("NEW", 0));
}

#[test]
fn a_warm_session_whose_account_was_parked_meanwhile_opens_it_with_its_own_next_turn() {
    let acts = "[[act]]\nstage = \"spec\"\norder = \"a\"\nms = 3000\n";
    let house = House::with(QUICK, acts);
    house.add(&["a", "b"]);
    let mut worker = house.start("spec-worker", &["--until-idle"]);
    house.wait("the first turn", |house| house.calls() == 1);
    // Another worker finds the limit; it has passed before the turn under way ends.
    let floor = Floor::of_queue(&house.project().join("work-orders"));
    let now = unix_now();
    let cause = Cause { fault: Fault::UsageLimit, why: "w", until: Some(now + 1), by_hand: false };
    Accounts::of(&floor).park("sim", cause, &Limits::default(), now, 0.5).unwrap();
    assert_eq!(worker.end(PATIENCE), Some(0), "{}", house.scene());
    for id in ["a", "b"] {
        moved_on_uncharged(&house, id);
    }
    // It asked for the right to try, and found out.
    assert_eq!(house.told("unparked").len(), 1, "{}", house.scene());
    assert_eq!(house.told("session_opened").len(), 1, "{}", house.scene());
    assert!(Accounts::of(&floor).all().is_empty());
}

#[test]
fn what_needs_only_its_gates_goes_on_while_the_account_is_parked() {
    let house = House::new();
    house.add(&["a"]);
    house.run("spec-worker", &["--until-idle"]);
    let config = house.project().join("shopfloor.toml");
    let good = fs::read_to_string(&config).unwrap();
    fs::write(&config, good.replace("\"sh\", \"run-tests.sh\"", "\"no-such-runner\"")).unwrap();
    // The turn is paid for, and its gate could not run.
    house.run("test-worker", &["--once"]);
    fs::write(&config, good).unwrap();
    let accounts = house.project().join("work-orders/.floor/accounts");
    fs::create_dir_all(&accounts).unwrap();
    let parked = r#"{"account":"sim","fault":"login","why":"w","since":1,"until":null,"told":false,"count":1}"#;
    fs::write(accounts.join("sim.json"), parked).unwrap();
    let calls = house.calls();
    house.run("test-worker", &["--until-idle"]);
    assert_eq!((house.state("a").as_str(), house.calls()), ("IMPL", calls), "{}", house.scene());
}

#[test]
fn a_fallback_works_while_the_first_account_is_parked_and_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let other_calls = folder.path().join("other-calls");
    let more = second_agent("other", &other_calls);
    let acts = "[[act]]\norder = \"b\"\nstage = \"spec\"\ntimes = 1\nmisbehave = \"usage-limit\"\nreset_in_s = 3600\n";
    let house = House::with(
        &format!("{QUICK}{more}[stage.spec]\nagents = [\"sim:work\", \"other\"]\n"),
        acts,
    );
    house.add(&["a", "b", "c"]);
    house.run("spec-worker", &["--until-idle"]);
    for id in ["a", "b", "c"] {
        moved_on_uncharged(&house, id);
    }
    let of = |calls: Vec<(u128, String, String)>| {
        calls.into_iter().map(|(.., order)| order).collect::<Vec<_>>()
    };
    assert_eq!(of(calls(&house.path("calls"))), ["a", "b"], "{}", house.scene());
    assert_eq!(of(calls(&other_calls)), ["b", "c"]);
    assert_eq!(house.told("parked")[0]["account"], "work");
    let agents: Vec<_> =
        house.told("session_opened").iter().map(|event| event["agent"].clone()).collect();
    assert_eq!(agents, ["sim:work", "other"]);
    assert!(house.shopfloor(&["resume", "work"]).status.success());
    house.add(&["d"]);
    house.run("spec-worker", &["--until-idle"]);
    assert_eq!(of(calls(&house.path("calls"))), ["a", "b", "d"]);
}
