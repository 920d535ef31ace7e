//! `verify`, `gates` and `show --evidence` as a person meets them, on orders that the real workers finished.

use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use serde_json::Value;

use crate::house::{House, left_over, shown};

/// What `verify --json` says, with its exit code.
fn verified(house: &House, id: &str) -> (Option<i32>, Value) {
    let ran = house.shopfloor(&["verify", id, "--json"]);
    let said: Value =
        serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", shown(&ran)));
    (ran.status.code(), said)
}

/// What `verify` left where it works.
fn checkouts(house: &House) -> Vec<PathBuf> {
    let all = walkdir::WalkDir::new(house.path("state")).into_iter().flatten();
    let ours = all.filter(|e| e.file_name().to_string_lossy().starts_with("verify-"));
    ours.map(|entry| entry.into_path()).collect()
}

fn outcomes(said: &Value) -> Vec<&str> {
    let gates = said["gates"].as_array().unwrap();
    gates.iter().map(|again| again["outcome"].as_str().unwrap()).collect()
}

/// What it printed, with commits and times made the same.
fn printed(ran: &Output) -> String {
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let mut plain = String::new();
    for word in text.split_inclusive([' ', '\n', ';', ')']) {
        let bare = word.trim_end_matches([' ', '\n', ';', ')']);
        let hash = bare.len() == 10 && bare.bytes().all(|b| b.is_ascii_hexdigit());
        let time = bare.parse::<f64>().is_ok() && bare.contains('.');
        let shown = if hash {
            "COMMIT"
        } else if time {
            "N"
        } else {
            bare
        };
        plain.push_str(&word.replace(bare, shown));
    }
    plain
}

#[test]
fn orders_of_one_batch_are_agreed_with_also_from_the_archive() {
    let house = House::new();
    house.add(&["one", "two"]);
    house.run_all();
    assert_eq!(house.state("two"), "READY_FOR_REVIEW", "{}", house.scene());
    let ran = house.shopfloor(&["verify", "one"]);
    assert_eq!(ran.status.code(), Some(0), "{}", shown(&ran));
    insta::assert_snapshot!(printed(&ran), @r"
    baseline  agree          the base COMMIT passes
    red       agree          the tests fail on the base, twice (weaker proof: exit code only); 1 frozen file as recorded
    green     agree          the tests pass, twice (weaker proof: exit code only)
    union     agree          COMMIT is the order's change and has landed; the tests pass on it

    one (READY_FOR_REVIEW): its record holds: every gate agrees (6 runs of the tests, N s).
    ");
    let told = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(told.contains("Running `sh run-tests.sh` again in clean checkouts"), "{told}");

    let (code, said) = verified(&house, "two");
    assert!(code == Some(0) && said["agrees"] == true, "{said:#}");
    assert_eq!((&said["order"], &said["state"]), (&"two".into(), &"READY_FOR_REVIEW".into()));
    assert_eq!(outcomes(&said), ["agree"; 4]);
    assert!(said["gates"][1]["runs"] == 2 && said["gates"][1]["took_ms"].is_u64(), "{said:#}");

    let ran = house.shopfloor(&["archive", "two"]);
    assert!(ran.status.success(), "{}", shown(&ran));
    let (code, said) = verified(&house, "two");
    assert!(code == Some(0) && said["agrees"] == true, "{said:#}");
    let told = shown(&house.shopfloor(&["show", "two", "--evidence"]));
    assert!(told.contains("UNION PASS"), "{told}");
    assert_eq!(checkouts(&house), Vec::<PathBuf>::new());
    assert!(!house.git(&["worktree", "list"]).contains("verify-"));
}

#[test]
fn a_tampered_order_and_one_that_never_came_to_a_gate_are_told_with_exit_1_and_2() {
    let house = House::new();
    house.add(&["one", "new"]);
    house.run("spec-worker", &["--until-idle"]);
    let ran = house.shopfloor(&["verify", "new"]);
    assert_eq!(ran.status.code(), Some(2), "{}", shown(&ran));
    assert!(shown(&ran).contains("new has no record to check: it is in TESTS_PRE"));
    let ran = house.shopfloor(&["verify", "nobody"]);
    assert_eq!(ran.status.code(), Some(3), "{}", shown(&ran));
    house.run_all();

    let record = house.order("one").join("evidence/record.jsonl");
    let text = fs::read_to_string(&record).unwrap();
    let green = text.lines().find(|line| line.contains("\"gate\":\"green\"")).unwrap();
    fs::write(&record, text.replace(green, &green.replacen("\"pass\"", "\"fail\"", 1))).unwrap();
    house.git(&["update-ref", "-d", "refs/heads/shopfloor/one"]);
    let (code, said) = verified(&house, "one");
    assert!(code == Some(1) && said["agrees"] == false, "{said:#}");
    assert_eq!(outcomes(&said), ["agree", "agree", "disagree", "disagree"], "{said:#}");
    let ran = house.shopfloor(&["verify", "one"]);
    assert_eq!(ran.status.code(), Some(1), "{}", shown(&ran));
    let told = printed(&ran);
    assert!(told.contains("its record does not hold: green, union"), "{told}");
    assert_eq!(verified(&house, "new").0, Some(0), "the other one is as it was");
}

/// Two orders write the same file; one goes back from the union, is put onto the other one's work, and lands.
#[test]
fn an_order_that_came_back_from_the_union_of_real_workers_is_agreed_with() {
    let act = |order: &str, times: &str, text: &str| {
        format!(
            "[[act]]\norder = \"{order}\"\nstage = \"implement\"\n{times}\
             files = {{ \"shared.txt\" = \"{text}\\n\", \"done/{order}.txt\" = \"SIMULATED work of {order}\\n\" }}\n"
        )
    };
    let acts = ["one", "two"].map(|id| act(id, "times = 1\n", id) + &act(id, "", "both"));
    let house = House::with("", &acts.concat());
    house.add(&["one", "two"]);
    house.run_all();
    let mut back = ["one", "two"].into_iter().filter(|id| house.state(id) == "IMPL");
    let (Some(back), None) = (back.next(), back.next()) else { panic!("{}", house.scene()) };
    house.run_all();
    assert_eq!(house.state(back), "READY_FOR_REVIEW", "{}", house.scene());
    for id in ["one", "two"] {
        let (code, said) = verified(&house, id);
        assert!(code == Some(0) && outcomes(&said) == ["agree"; 4], "{said:#}");
    }
    // RED stood on the first base, GREEN on the second.
    let (_, said) = verified(&house, back);
    assert_eq!(said["gates"][0]["runs"], 2, "{said:#}");
}

#[test]
fn a_verify_that_is_stopped_leaves_no_process_and_no_checkout() {
    let house = House::new();
    house.add(&["one"]);
    house.run_all();
    // From now on the tests take for ever, and say that they began.
    let begun = house.path("begun");
    let slow = format!("touch {0}; sleep 600; sh run-tests.sh", begun.display());
    let config = house.project().join("shopfloor.toml");
    let text = fs::read_to_string(&config).unwrap();
    let text = text.replace("\"run-tests.sh\"]", &format!("\"-c\", {slow:?}]"));
    fs::write(&config, text).unwrap();
    let mut verify = house.start("shopfloor", &["verify", "one"]);
    house.wait("the first run", |_| begun.exists());
    verify.signal("INT");
    assert_eq!(verify.end(Duration::from_secs(60)), Some(130));
    let left = left_over(&house.path(""));
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(checkouts(&house), Vec::<PathBuf>::new());
}

/// What docs/gates.md promises of a line of the record, on lines that real workers wrote.
#[test]
fn the_record_has_for_every_run_what_somebody_else_needs() {
    let house = House::new();
    house.add(&["one"]);
    house.run_all();
    let text = fs::read_to_string(house.order("one").join("evidence/record.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for gate in ["red", "green", "union"] {
        let line = lines.iter().find(|line| line["gate"] == gate).unwrap();
        let there = [
            "command",
            "ended",
            "took_ms",
            "tree",
            "base",
            "environment",
            "adapter",
            "strength",
            "outcome",
            "line",
            "gen",
            "stage",
            "order",
            "at",
        ];
        assert!(there.iter().all(|field| !line[field].is_null()), "{line:#}");
        for run in line["runs"].as_array().unwrap() {
            let there = ["argv", "exit", "ended", "took_ms", "tree", "place", "transcript"];
            assert!(there.iter().all(|field| !run[field].is_null()), "{run:#}");
        }
    }
    let union = lines.iter().find(|line| line["gate"] == "union").unwrap();
    let landed = house.git(&["rev-parse", "shopfloor/one"]);
    assert_eq!(union["landed"], landed.trim(), "{union:#}");
}

#[test]
fn the_health_of_gates_and_the_evidence_of_an_order_are_shown() {
    let acts = "[[act]]\norder = \"one\"\nstage = \"implement\"\ntimes = 1\nmisbehave = \"lie\"\n";
    let house = House::with("", acts);
    house.add(&["one"]);
    house.run_all();
    let ran = house.shopfloor(&["gates", "--json"]);
    let said: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let gate = |name: &str| {
        let gates = said["gates"].as_array().unwrap();
        gates.iter().find(|gate| gate["gate"] == name).unwrap().clone()
    };
    let green = gate("green");
    assert!(green["pass"] == 1 && green["fail"] == 1 && green["flag"].is_null(), "{said:#}");
    assert_eq!(green["last_change"]["to"], "pass");
    assert!(gate("red")["flag"].as_str().unwrap().contains("never failed"), "{said:#}");
    // The base was tested once, for RED; what landed is known without a run.
    assert!(gate("baseline")["runs"] == 1 && gate("baseline")["pass"] == 1, "{said:#}");
    let names: Vec<&str> = said["gates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gate| gate["gate"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["spec", "baseline", "red", "green", "policy", "playtest", "union"]);
    let told = shown(&house.shopfloor(&["gates"]));
    assert!(
        told.contains("never failed: would it notice?") && told.contains("over 1 order(s)"),
        "{told}"
    );
    let told = shown(&house.shopfloor(&["show", "one", "--evidence"]));
    let parts = ["GREEN FAIL", "GREEN PASS", "sh run-tests.sh", "on worktree", "exit code only"];
    assert!(parts.iter().all(|part| told.contains(part)), "{told}");
}
