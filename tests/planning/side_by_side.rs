//! Orders that touch the same files, on the real programs with the simulated agent.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::house::{House, shown};

/// A turn of one order: when it began and ended (milliseconds since 1970), and whose it was.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    order: String,
    by: String,
    from: i64,
    to: i64,
}

fn millis(event: &Value) -> i64 {
    event["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

/// All turns in stages that touch files, as the events tell them.
pub(crate) fn turns(house: &House) -> Vec<Turn> {
    let mut open: BTreeMap<(String, String), i64> = BTreeMap::new();
    let mut turns = Vec::new();
    for event in house.events() {
        let (Some(order), Some(by)) = (event["order"].as_str(), event["by"].as_str()) else {
            continue;
        };
        let key = (order.to_owned(), by.to_owned());
        match event["event"].as_str() {
            Some("turn_began") if !by.starts_with("spec") => {
                open.insert(key, millis(&event));
            }
            Some("turn_ended") => {
                if let Some(from) = open.remove(&key) {
                    let (order, by) = key;
                    turns.push(Turn { order, by, from, to: millis(&event) });
                }
            }
            _ => {}
        }
    }
    turns
}

/// Pairs of turns of these orders that two workers had at the same time.
pub(crate) fn beside(turns: &[Turn], orders: &[&str]) -> Vec<(Turn, Turn)> {
    let ours: Vec<&Turn> = turns.iter().filter(|t| orders.contains(&t.order.as_str())).collect();
    let mut found = Vec::new();
    for (at, one) in ours.iter().enumerate() {
        for other in &ours[at + 1..] {
            let together = one.from < other.to && other.from < one.to;
            if one.order != other.order && one.by != other.by && together {
                found.push(((*one).clone(), (*other).clone()));
            }
        }
    }
    found
}

/// Starts the launcher and waits until nothing can move any more.
pub(crate) fn until_idle(house: &House, args: &[&str]) {
    let mut command = house.command("shopfloor");
    let heard = std::fs::File::create(house.path("launcher.txt")).unwrap();
    command.arg("start").arg("--until-idle").args(args).stdout(Stdio::null()).stderr(heard);
    let mut child = command.spawn().unwrap();
    let begun = Instant::now();
    loop {
        if child.try_wait().unwrap().is_some() {
            return;
        }
        if begun.elapsed() > Duration::from_secs(240) {
            let mut sender = Command::new("kill");
            let _sent = sender.arg(child.id().to_string()).status();
            panic!("it does not come to its end:\n{}", house.scene());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

const SLOW: &str = "[[act]]\norder = \"*\"\nstage = \"*\"\nms = 400\n";
const PAIRS: &str = "[limits]\nbackoff = \"1s\"\npoll = \"200ms\"\n\
                     [stage.test]\nparallel = 2\nbatch = 1\n[stage.implement]\nparallel = 3\nbatch = 1\n\
                     [stage.playtest]\nparallel = 2\nbatch = 1\n";

fn add(house: &House, id: &str, files: &[&str]) {
    let mut args = vec!["add", "Do it", "--id", id];
    for file in files {
        args.extend(["--file", file]);
    }
    let ran = house.shopfloor(&args);
    assert!(ran.status.success(), "{}", shown(&ran));
}

#[test]
fn orders_that_touch_one_file_are_never_worked_on_side_by_side_and_the_others_are() {
    let house = House::with(PAIRS, SLOW);
    let same = ["same-1", "same-2", "same-3"];
    for id in same {
        add(&house, id, &["src/one.rs"]);
    }
    let apart = ["apart-1", "apart-2", "apart-3"];
    for id in apart {
        add(&house, id, &[&format!("src/{id}.rs")]);
    }
    until_idle(&house, &[]);
    for id in same.iter().chain(&apart) {
        assert_eq!(house.state(id), "READY_FOR_REVIEW", "{id}:\n{}", house.scene());
    }
    let turns = turns(&house);
    assert!(beside(&turns, &same).is_empty(), "{:#?}", beside(&turns, &same));
    assert!(!beside(&turns, &apart).is_empty(), "nothing ran side by side: {turns:#?}");
    let waited = house
        .told("skipped")
        .into_iter()
        .filter(|event| event["why"].as_str().unwrap().contains("both touch src/one.rs"));
    assert!(waited.count() > 0, "nobody was told to wait");
    assert_eq!(
        std::fs::read_dir(house.project().join("work-orders/.floor/line")).unwrap().count(),
        0
    );
}

#[test]
fn orders_that_touch_one_file_go_into_one_batch_one_after_the_other_and_the_record_says_why() {
    let house = House::new();
    add(&house, "first", &["src/one.rs"]);
    add(&house, "other", &["src/two.rs"]);
    add(&house, "second", &["src/one.rs"]);
    house.run_all();
    assert_eq!(house.state("second"), "READY_FOR_REVIEW", "{}", house.scene());
    let sessions = house.project().join("work-orders/.floor/sessions");
    let records = std::fs::read_dir(sessions).unwrap().flatten().filter_map(|session| {
        let text = std::fs::read_to_string(session.path().join("record.json")).ok()?;
        serde_json::from_str::<Value>(&text).ok()
    });
    let record = records.into_iter().find(|record| record["stage"] == "implement").unwrap();
    let orders: Vec<&str> =
        record["orders"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let at = |id: &str| orders.iter().position(|other| *other == id).unwrap();
    assert_eq!(at("first").abs_diff(at("second")), 1, "kin keeps together: {record:#}");
    let reasons = record["decisions"][0]["reasons"].to_string();
    assert!(reasons.contains("in the same batch: both touch src/one.rs"), "{record:#}");
    assert!(
        record["decisions"][0]["share"].as_str().unwrap().starts_with("2 at once"),
        "{record:#}"
    );
}

#[test]
fn what_was_really_changed_counts_as_well() {
    // The first one says nothing of the file that it changes; the second one declares it.
    let acts = "[[act]]\norder = \"quiet\"\nstage = \"test\"\nfiles = { \"src/one.rs\" = \"touched\", \"tests/quiet.sh\" = \
                \"[ -e done/quiet.txt ]\\n\" }\n";
    let house = House::with("", acts);
    add(&house, "quiet", &[]);
    house.run("spec-worker", &["--until-idle"]);
    house.run("test-worker", &["--until-idle"]);
    assert_eq!(house.state("quiet"), "IMPL", "{}", house.scene());
    add(&house, "loud", &["src/one.rs"]);
    house.run("spec-worker", &["--until-idle"]);
    house.run("test-worker", &["--until-idle"]);
    assert_eq!(house.state("loud"), "TESTS_PRE", "{}", house.scene());
    let why = house.shopfloor(&["why", "loud"]);
    let told = "loud waits for quiet, which came first and has not landed: both touch src/one.rs.";
    assert!(shown(&why).contains(told), "{}", shown(&why));
    for worker in &crate::house::WORKERS[2..] {
        house.run(worker, &["--until-idle"]);
    }
    assert_eq!(house.state("quiet"), "READY_FOR_REVIEW", "{}", house.scene());
    house.run("test-worker", &["--until-idle"]);
    assert_eq!(house.state("loud"), "IMPL", "{}", house.scene());
}

#[test]
fn a_group_is_done_in_its_order() {
    let house = House::with(PAIRS, SLOW);
    for (id, place) in [("step-c", 1), ("step-a", 2), ("step-b", 3)] {
        std::fs::create_dir(house.order(id)).unwrap();
        let request = serde_json::json!({ "title": "t", "group": "steps", "sequence": place });
        std::fs::write(house.order(id).join("order.json"), request.to_string()).unwrap();
    }
    until_idle(&house, &[]);
    let turns = turns(&house);
    assert!(beside(&turns, &["step-a", "step-b", "step-c"]).is_empty(), "{turns:#?}");
    let first = |id: &str| turns.iter().find(|turn| turn.order == id).unwrap().from;
    assert!(first("step-c") < first("step-a") && first("step-a") < first("step-b"), "{turns:#?}");
    for id in ["step-a", "step-b", "step-c"] {
        assert_eq!(house.state(id), "READY_FOR_REVIEW", "{id}:\n{}", house.scene());
    }
}
