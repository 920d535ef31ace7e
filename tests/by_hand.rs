//! Batches by hand: `shopfloor run` drives exactly the orders that are named, and the records say what came of it.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::house::{House, shown};

const THREE: [&str; 3] = ["alpha", "beta", "gamma"];

fn json(ran: &Output) -> Value {
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", shown(ran)))
}

fn run(house: &House, args: &[&str]) -> Output {
    house.shopfloor(&[&["run"], args].concat())
}

/// Everything in the journals of these orders.
fn journals(house: &House, ids: &[&str]) -> BTreeMap<String, String> {
    let read = |id: &&str| {
        (id.to_string(), fs::read_to_string(house.order(id).join("events.jsonl")).unwrap())
    };
    ids.iter().map(read).collect()
}

/// Everything in the folders of these orders: names and contents.
fn untouched(house: &House, ids: &[&str]) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for id in ids {
        for entry in fs::read_dir(house.order(id)).unwrap().flatten() {
            let name = format!("{id}/{}", entry.file_name().to_string_lossy());
            all.push((name, fs::read(entry.path()).unwrap_or_default()));
        }
    }
    all.sort();
    all
}

#[test]
fn three_are_designed_and_then_built_while_others_wait_untouched() {
    let house = House::new();
    let others = ["aaa-first", "zzz-last"];
    house.add(&others);
    house.add(&THREE);
    let before = (journals(&house, &others), untouched(&house, &others));
    let ran = run(&house, &["alpha", "beta", "gamma", "--lifecycle", "design", "--json"]);
    assert!(ran.status.success(), "{}\n{}", shown(&ran), house.scene());
    let told = json(&ran);
    assert_eq!((&told["lifecycle"], &told["until"]), (&"design".into(), &"IMPL".into()));
    for id in THREE {
        let order = &told["orders"][id];
        assert_eq!(
            (&order["from"], &order["state"], &order["standing"]),
            (&"NEW".into(), &"IMPL".into(), &"arrived".into())
        );
        assert!(order["turns"].as_u64().unwrap() >= 2, "{told}");
        assert!(house.order(id).join("work-order.md").is_file(), "{id} has a spec");
        assert_eq!(house.state(id), "IMPL");
    }
    let err = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(err.contains("alpha: NEW -> TESTS_PRE") && err.contains("-> IMPL"), "progress: {err}");
    assert_eq!(
        (journals(&house, &others), untouched(&house, &others)),
        before,
        "others are left alone"
    );
    let ran = run(&house, &["alpha", "beta", "gamma", "--lifecycle", "build"]);
    assert!(ran.status.success(), "{}\n{}", shown(&ran), house.scene());
    for id in THREE {
        assert_eq!(house.state(id), "PLAYTEST");
        assert_eq!(house.moves(id).len(), 5, "{:?}", house.moves(id));
    }
    assert_eq!(
        (journals(&house, &others), untouched(&house, &others)),
        before,
        "others are left alone"
    );
    let again = run(&house, &["alpha", "--lifecycle", "build", "--json"]);
    assert!(again.status.success(), "{}", shown(&again));
    assert_eq!(json(&again)["orders"]["alpha"]["turns"], 0, "it is there already");
}

#[test]
fn an_order_stops_at_the_state_that_was_said_even_in_the_middle_of_a_stage() {
    let house = House::new();
    house.add(&["one"]);
    for (until, wanted) in
        [("TESTS_PRE", 1), ("IMPL", 2), ("TESTS_POST", 3), ("REVIEW", 4), ("COMMIT", 6)]
    {
        let ran = run(&house, &["one", "--until", until]);
        assert!(ran.status.success(), "{until}: {}\n{}", shown(&ran), house.scene());
        assert_eq!((house.state("one").as_str(), house.moves("one").len()), (until, wanted));
    }
    let sessions = house.told("session_opened").len();
    assert_eq!(sessions, 4, "gates that were left over need no session");
    let ran = run(&house, &["one"]);
    assert!(ran.status.success(), "{}\n{}", shown(&ran), house.scene());
    assert_eq!(house.state("one"), "READY_FOR_REVIEW");
}

#[test]
fn orders_that_touch_the_same_file_are_designed_in_one_session_and_none_is_left_waiting() {
    // The specs take different times: without care the first would be at its tests before the others have come.
    let acts = "[[act]]\norder = \"beta\"\nstage = \"spec\"\nms = 1500\n[[act]]\norder = \"gamma\"\nstage = \"spec\"\nms = 1500\n";
    let house = House::with("", acts);
    for id in THREE {
        let added =
            house.shopfloor(&["add", &format!("Do {id}"), "--id", id, "--file", "src/shared.sh"]);
        assert!(added.status.success(), "{}", shown(&added));
    }
    for (lifecycle, end) in [("design", "IMPL"), ("build", "PLAYTEST")] {
        let ran = run(&house, &["alpha", "beta", "gamma", "--lifecycle", lifecycle]);
        assert!(ran.status.success(), "{lifecycle}: {}\n{}", shown(&ran), house.scene());
        assert!(THREE.iter().all(|id| house.state(id) == end), "{}", house.scene());
    }
    let record: Value = serde_json::from_slice(
        &fs::read(session(&house, "test", None).join("record.json")).unwrap(),
    )
    .unwrap();
    assert_eq!(record["orders"].as_array().unwrap().len(), 3, "{record}");
}

#[test]
fn one_that_fails_does_not_stop_the_rest() {
    let acts = "[[act]]\norder = \"bad\"\nstage = \"spec\"\nfiles = { \"work-order.md\" = \"no sections\" }\n";
    let house = House::with("", acts);
    house.add(&["bad", "good"]);
    let ran = run(&house, &["bad", "good", "--until", "TESTS_PRE", "--json"]);
    assert_eq!(ran.status.code(), Some(100), "{}\n{}", shown(&ran), house.scene());
    let told = json(&ran);
    assert_eq!(
        (&told["orders"]["good"]["standing"], &told["orders"]["bad"]["standing"]),
        (&"arrived".into(), &"failed".into())
    );
    assert_eq!(
        (house.state("good"), house.state("bad")),
        ("TESTS_PRE".to_owned(), "FAILED".to_owned())
    );
    assert!(!told["orders"]["bad"]["why"].as_str().unwrap().is_empty());
}

#[test]
fn what_can_not_be_run_is_refused_before_anybody_starts() {
    let house = House::with("[floor]\nmax_batch_size = 2\n", "");
    house.add(&THREE);
    house.add(&["later"]);
    fs::write(house.order("later").join(".state"), "IMPL\n").unwrap();
    let refused = |args: &[&str], code: i32, words: &str| {
        let ran = run(&house, args);
        assert!(
            ran.status.code() == Some(code) && shown(&ran).contains(words),
            "{words}: {}",
            shown(&ran)
        );
    };
    refused(&["alpha", "later"], 2, "one lifecycle per batch");
    refused(&["alpha", "--lifecycle", "build"], 2, "alpha (NEW) is in design, not in build");
    refused(&THREE, 2, "3 orders are more than one batch may have (2)");
    refused(&["alhpa"], 3, "did you mean alpha?");
    refused(&["alpha", "--lifecycle", "desing"], 2, "the lifecycles are design, build");
    refused(&["alpha", "--until", "NOWHERE"], 2, "no order is driven to that state");
    assert_eq!(house.told("started").len(), 0, "no worker was started");
    house.shopfloor(&["hold", "alpha", "later, please"]);
    let ran = run(&house, &["alpha", "--json"]);
    assert_eq!(ran.status.code(), Some(100), "{}", shown(&ran));
    assert!(
        json(&ran)["orders"]["alpha"]["why"].as_str().unwrap().contains("on hold: later, please")
    );
}

#[test]
fn a_launcher_that_runs_already_keeps_it_out() {
    let house = House::new();
    house.add(&["one"]);
    house.shopfloor(&["hold", "one"]);
    let started = house.shopfloor(&["start", "-d"]);
    assert!(started.status.success(), "{}", shown(&started));
    let ran = run(&house, &["one"]);
    let stopped = house.shopfloor(&["stop"]);
    assert!(
        ran.status.code() == Some(5)
            && shown(&ran).contains("a launcher runs on this queue already"),
        "{}",
        shown(&ran)
    );
    assert!(stopped.status.success(), "{}", shown(&stopped));
}

#[test]
fn a_batch_that_is_stopped_leaves_its_orders_where_they_are() {
    let house = House::with("", "[[act]]\norder = \"*\"\nstage = \"spec\"\nms = 60000\n");
    house.add(&["one", "two"]);
    let mut command = house.command("shopfloor");
    command.args(["run", "one", "two", "--lifecycle", "design", "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    house.wait("the first turn", |house| !house.told("turn_began").is_empty());
    for _ in 0..2 {
        Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        std::thread::sleep(shopfloor::stop::ECHO * 2);
    }
    let ran = child.wait_with_output().unwrap();
    assert_eq!(ran.status.code(), Some(130), "{}", shown(&ran));
    assert_eq!(json(&ran)["orders"]["two"]["standing"], "unfinished");
    assert_eq!((house.state("one"), house.state("two")), ("NEW".to_owned(), "NEW".to_owned()));
    let closed =
        |id: &str| house.journal(id).iter().filter(|entry| entry["e"] == "release").count();
    assert!(closed("one") >= 1, "{}", house.scene());
}

#[test]
fn ours_are_found_behind_a_crowd_and_a_worker_takes_nobody_else_to_a_warm_session() {
    let house = House::new();
    let crowd: Vec<String> = (0..40).map(|nth| format!("a-{nth:02}")).collect();
    house.add(&crowd.iter().map(String::as_str).collect::<Vec<_>>());
    house.add(&["z-ours"]);
    house.run("spec-worker", &["--only", "z-ours", "--until", "TESTS_PRE", "--once"]);
    assert_eq!(house.state("z-ours"), "TESTS_PRE");
    assert!(crowd.iter().all(|id| house.journal(id).len() == 1), "{}", house.scene());
    let told = house.command("spec-worker").args(["--until", "LIMBO", "--once"]).output().unwrap();
    assert!(
        told.status.code() == Some(2) && shown(&told).contains("is not a state"),
        "{}",
        shown(&told)
    );
}

/// The folder of a session of a stage, the one that had `order` where one is named.
fn session(house: &House, stage: &str, order: Option<&str>) -> std::path::PathBuf {
    let sessions = house.project().join("work-orders/.floor/sessions");
    let mut found =
        fs::read_dir(sessions).unwrap().flatten().map(|entry| entry.path()).filter(|path| {
            let record: Value =
                serde_json::from_slice(&fs::read(path.join("record.json")).unwrap_or_default())
                    .unwrap_or_default();
            record["stage"] == stage && order.is_none_or(|order| !record["work"][order].is_null())
        });
    found.next().unwrap_or_else(|| panic!("no session of {stage}"))
}

#[test]
fn every_batch_leaves_a_record_that_a_person_can_read() {
    let house = House::new();
    house.add(&["first", "second"]);
    let added = house.shopfloor(&["add", "Do third", "--id", "third", "--needs", "first"]);
    assert!(added.status.success(), "{}", shown(&added));
    let ran = run(&house, &["first", "second"]);
    assert!(ran.status.success(), "{}\n{}", shown(&ran), house.scene());
    let folder = session(&house, "commit", Some("first"));
    let page = fs::read_to_string(folder.join("summary.md")).unwrap();
    for words in [
        "# Batch of the commit stage: ",
        "agent sim (SIMULATED)",
        "ended: ",
        "## Objectives",
        "- [first](tasks/first/): Do first",
        "## Success criteria\n\n- union: all that lands together passes every test on a fresh base",
        "| first | moved on | COMMIT | READY_FOR_REVIEW | 1 |",
        "- gate union: pass",
        "- evidence: [EVIDENCE.md](tasks/first/EVIDENCE.md)",
        "## What may begin now because of it\n\n- third",
        "## Why these orders",
    ] {
        assert!(page.contains(words), "{words}\n{page}");
    }
    let cost = page.lines().find_map(|line| line.strip_prefix("- cost: $")).unwrap();
    assert!(cost.parse::<f64>().unwrap() > 0.0, "{page}");
    assert!(folder.join("tasks/first/order.json").is_file(), "the link leads to the order");
    let commit = house.git(&["rev-parse", "shopfloor/first"]);
    let landed = fs::read_to_string(folder.join("integration.md")).unwrap();
    assert!(landed.contains(commit.trim()) && landed.contains("| first | pass |"), "{landed}");
    let spec =
        fs::read_to_string(session(&house, "spec", Some("first")).join("summary.md")).unwrap();
    assert!(spec.contains("Nothing waited for these alone."), "{spec}");
    let told = json(&house.shopfloor(&["batches", "--json"]));
    let batches = told["batches"].as_array().unwrap();
    // One of each stage at least: who comes late finds its session over.
    assert!(batches.len() >= 5 && told["count"] == batches.len(), "{told}");
    assert!(
        batches.iter().all(|batch| batch["status"] == "ended" && batch["simulated"] == true),
        "{told}"
    );
    let landing =
        |batch: &&Value| batch["stage"] == "commit" && batch["work"]["first"]["fate"] == "moved_on";
    let landing = batches.iter().find(landing).unwrap();
    assert_eq!(landing["unlocked"], serde_json::json!(["third"]));
    let table = shown(&house.shopfloor(&["batches"]));
    assert!(
        table.contains("SESSION") && table.contains("implement") && table.contains("SIMULATED"),
        "{table}"
    );
    let id = folder.file_name().unwrap().to_str().unwrap();
    assert!(shown(&house.shopfloor(&["batches", &id[..12]])).contains("## Why these orders"));
    assert_eq!(house.shopfloor(&["batches", "nope"]).status.code(), Some(3));
}

#[test]
fn a_record_is_written_before_the_session_and_a_batch_that_died_is_cut_short() {
    let house = House::with("", "[[act]]\norder = \"*\"\nstage = \"spec\"\nms = 60000\n");
    house.add(&["one"]);
    let mut worker = house.start("spec-worker", &[]);
    house.wait("the turn", |house| !house.told("turn_began").is_empty());
    let page = fs::read_to_string(session(&house, "spec", None).join("summary.md")).unwrap();
    assert!(
        page.contains("status: under way") && page.contains("- [one](tasks/one/): Do one"),
        "{page}"
    );
    assert!(page.contains("Told at the end."), "{page}");
    assert_eq!(json(&house.shopfloor(&["batches", "--json"]))["batches"][0]["status"], "under way");
    worker.signal("KILL");
    worker.end(Duration::from_secs(30));
    assert_eq!(json(&house.shopfloor(&["batches", "--json"]))["batches"][0]["status"], "cut short");
    // What the dead worker left running is ended by the next one who looks.
    let next = house.command("test-worker").arg("--until-idle").output().unwrap();
    assert!(next.status.success(), "{}", shown(&next));
}
