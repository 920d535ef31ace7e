//! Stories of a third person: the record of an honest order is agreed with, and a changed one is not.

use std::fs;

use serde_json::Value;

use crate::house::{House, shown};

/// What `verify` says: its exit code, and each gate's outcome by name.
fn verified(house: &House) -> (Option<i32>, Value) {
    let ran = house.shopfloor(&["verify", "one", "--json"]);
    let said: Value =
        serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", shown(&ran)));
    (ran.status.code(), said)
}

#[track_caller]
fn disagrees(house: &House, gate: &str, part: &str) {
    let (code, said) = verified(house);
    let gates = said["gates"].as_array().unwrap();
    let found = gates.iter().find(|again| again["gate"] == gate).unwrap();
    let told = found["line"].as_str().unwrap();
    assert!(code == Some(1) && found["outcome"] == "disagree" && told.contains(part), "{said:#}");
}

/// Edits a file of the order, and gives back what it was.
fn edit(house: &House, name: &str, change: impl Fn(&str) -> String) -> String {
    let path = house.order("one").join(name);
    let before = fs::read_to_string(&path).unwrap();
    let after = change(&before);
    assert_ne!(before, after, "{name} was to be changed");
    fs::write(path, after).unwrap();
    before
}

/// The record with one gate's lines changed.
fn record(gate: &'static str, from: &'static str, to: &'static str) -> impl Fn(&str) -> String {
    move |text| {
        let of_gate = format!("\"gate\":\"{gate}\"");
        let lines = text.lines().map(|line| match line.contains(&of_gate) {
            true => line.replace(from, to) + "\n",
            false => format!("{line}\n"),
        });
        lines.collect()
    }
}

#[test]
fn an_honest_order_is_agreed_with_and_a_tampered_one_is_not() {
    let house = House::new();
    house.add(&["one"]);
    house.run_all();
    assert_eq!(house.state("one"), "READY_FOR_REVIEW", "{}", house.scene());
    let (code, said) = verified(&house);
    assert!(code == Some(0) && said["agrees"] == true, "{said:#}");
    assert_eq!(said["gates"].as_array().unwrap().len(), 4);
    let put_back = |name: &str, text: &str| fs::write(house.order("one").join(name), text).unwrap();

    let name = "evidence/record.jsonl";
    let before = edit(&house, name, record("red", "\"exit\":1", "\"exit\":0"));
    disagrees(&house, "red", "its own runs do not");
    put_back(name, &before);
    let tree = house.git(&["rev-parse", "main^{tree}"]).trim().to_owned();
    edit(&house, name, |text| {
        let line = text.lines().find(|line| line.contains("\"gate\":\"green\"")).unwrap();
        let was: Value = serde_json::from_str(line).unwrap();
        text.replace(line, &line.replace(was["tree"].as_str().unwrap(), &tree))
    });
    disagrees(&house, "green", "differ: tree");
    put_back(name, &before);

    let name = "evidence/frozen.json";
    let before = edit(&house, name, |text| text.replace("tests/one.sh", "tests/base.sh"));
    disagrees(&house, "red", "was changed");
    disagrees(&house, "green", "was changed");
    put_back(name, &before);

    let landed = house.git(&["rev-parse", "shopfloor/one"]).trim().to_owned();
    house.git(&["update-ref", "refs/heads/shopfloor/one", "main"]);
    disagrees(&house, "union", "its branch is at");
    // A test made weaker in the landed commit, and the record's name of it changed to fit.
    house.git(&["checkout", "-q", "--detach", &landed]);
    fs::write(house.project().join("tests/one.sh"), "true\n").unwrap();
    house.git(&["commit", "-q", "--amend", "--no-edit", "tests/one.sh"]);
    let forged = house.git(&["rev-parse", "HEAD"]).trim().to_owned();
    house.git(&["checkout", "-q", "main"]);
    for name in ["one", "ready"] {
        house.git(&["update-ref", &format!("refs/heads/shopfloor/{name}"), &forged]);
    }
    let name = "evidence/record.jsonl";
    let before = edit(&house, name, |text| text.replace(&landed[..10], &forged[..10]));
    disagrees(&house, "union", "frozen tests are not as recorded");
    put_back(name, &before);
    for name in ["one", "ready"] {
        house.git(&["update-ref", &format!("refs/heads/shopfloor/{name}"), &landed]);
    }
    assert_eq!(verified(&house).0, Some(0), "put back, it is agreed with");
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
    let told = shown(&house.shopfloor(&["show", "one", "--evidence"]));
    let parts = ["GREEN FAIL", "GREEN PASS", "sh run-tests.sh", "on worktree", "exit code only"];
    assert!(parts.iter().all(|part| told.contains(part)), "{told}");
}
