//! `next`, `plan`, `why`, `add` and `start --dry-run`, as a person meets them.

use std::path::Path;

use super::patterns::json;
use crate::house::{House, shown};

fn add(house: &House, args: &[&str]) {
    let ran = house.shopfloor(&[&["add"], args].concat());
    assert!(ran.status.success(), "{}", shown(&ran));
}

/// What is in a folder, with sizes and times.
fn listing(folder: &Path) -> Vec<String> {
    let all = walkdir::WalkDir::new(folder).sort_by_file_name();
    let told = all.into_iter().map(|entry| {
        let entry = entry.unwrap();
        let facts = entry.metadata().unwrap();
        format!("{} {} {:?}", entry.path().display(), facts.len(), facts.modified().unwrap())
    });
    told.collect()
}

#[test]
fn next_has_the_shape_that_was_promised() {
    let house = House::new();
    add(
        &house,
        &["Change the parser", "--id", "one", "--file", "src/parse.rs", "--priority", "high"],
    );
    add(&house, &["Update src/parse.rs", "--id", "two"]);
    std::fs::create_dir(house.order("three")).unwrap();
    let request =
        r#"{"title":"t","phase":1,"group":"db","group_reason":"one schema","sequence":1}"#;
    std::fs::write(house.order("three").join("order.json"), request).unwrap();
    let next = json(&house, &["next", "--json"]);
    assert_eq!(next["count"], 3);
    let tasks = next["tasks"].as_array().unwrap();
    let ids: Vec<&str> = tasks.iter().map(|task| task["id"].as_str().unwrap()).collect();
    assert_eq!(ids[0], "one");
    let two = &tasks[ids.iter().position(|id| *id == "two").unwrap()];
    for field in [
        "id",
        "title",
        "phase",
        "status",
        "reason",
        "sequential",
        "sequentialGroup",
        "sequentialReason",
        "fileConflict",
        "conflictsWith",
        "conflictingFiles",
        "blockedBy",
    ] {
        assert!(two.get(field).is_some(), "{field}: {two}");
    }
    assert_eq!(two["status"], "ready");
    assert_eq!(two["fileConflict"], true);
    assert_eq!(two["conflictsWith"], serde_json::json!(["one"]));
    assert_eq!(two["conflictingFiles"], serde_json::json!(["src/parse.rs"]));
    let three = &tasks[ids.iter().position(|id| *id == "three").unwrap()];
    assert_eq!((&three["phase"], &three["sequential"]), (&1.into(), &true.into()));
    assert_eq!(
        (&three["sequentialGroup"], &three["sequentialReason"]),
        (&"db".into(), &"one schema".into())
    );
    assert_eq!(json(&house, &["next", "1", "--json"])["count"], 1);
    let none = house.shopfloor(&["next", "--stage", "commit"]);
    assert_eq!(none.status.code(), Some(4), "{}", shown(&none));
    let unknown = house.shopfloor(&["next", "--stage", "paint"]);
    assert_eq!(unknown.status.code(), Some(2), "{}", shown(&unknown));
}

#[test]
fn what_is_tried_again_stands_between_what_is_in_progress_and_what_is_ready() {
    // Neither at its turn nor at the one that asks for the result alone.
    let acts =
        "[[act]]\norder = \"again\"\nstage = \"spec\"\ntimes = 2\nmisbehave = \"no-result\"\n";
    let house = House::with("[limits]\nbackoff = \"1h\"\npoll = \"200ms\"\n", acts);
    house.add(&["again"]);
    house.run("spec-worker", &["--once"]);
    house.add(&["fresh"]);
    let next = json(&house, &["next", "--json"]);
    let told: Vec<(&str, &str)> = next["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| (task["id"].as_str().unwrap(), task["status"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("again", "failed"), ("fresh", "ready")], "{next}");
    assert!(next["tasks"][0]["reason"].as_str().unwrap().starts_with("failed 1 times, last:"));
}

#[test]
fn what_was_through_before_an_import_counts_for_its_phase_and_for_needs() {
    let house = House::new();
    let plan = "# Plan\n\n## Phase 1: x\n\n- [x] 1.1 a\n- [x] 1.2 b\n- [x] 1.3 c\n- [x] 1.4 d\n- [ ] 1.5 e\n\n\
                ## Phase 2: y\n\n- [ ] 2.1 f\n- [ ] 2.2 g\n\n## Phase 3: z\n\n- [ ] 3.1 h (depends: 1.1)\n- [ ] 3.2 i\n";
    std::fs::write(house.project().join("plan.md"), plan).unwrap();
    let ran = house.shopfloor(&["import", "markdown", "--release", "plan.md"]);
    assert!(ran.status.success(), "{}", shown(&ran));
    let next = json(&house, &["next", "--json"]);
    let titles: Vec<&str> = next["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| task["title"].as_str().unwrap())
        .collect();
    // Four of five are 80 %; 3.1 needs what is done, which stands above its phase; 3.2 waits for phase 2.
    assert_eq!(titles.len(), 4, "{next}");
    assert!(["e", "f", "g", "h"].iter().all(|title| titles.contains(title)), "{titles:?}");
    house.run("spec-worker", &["--until-idle"]);
    assert_eq!(house.calls(), 4, "the workers see it the same way: {}", house.scene());
}

#[test]
fn a_circle_is_found_when_it_is_written_and_names_itself() {
    let house = House::new();
    add(&house, &["First", "--id", "first", "--needs", "third", "--allow-missing"]);
    add(&house, &["Second", "--id", "second", "--needs", "first"]);
    let ran = house.shopfloor(&["add", "Third", "--id", "third", "--needs", "second"]);
    assert_eq!(ran.status.code(), Some(2), "{}", shown(&ran));
    let told = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(told.contains("third -> second -> first -> third"), "{told}");
    let own = house.shopfloor(&["add", "Own", "--id", "own", "--needs", "own"]);
    assert_eq!(own.status.code(), Some(2), "{}", shown(&own));
    assert!(!house.order("third").exists() && !house.order("own").exists());
    // One that was written by hand is named by `plan` and `why`, and spins nobody.
    std::fs::create_dir(house.order("third")).unwrap();
    let request = r#"{"title":"t","needs":["second"]}"#;
    std::fs::write(house.order("third").join("order.json"), request).unwrap();
    let plan = json(&house, &["plan", "--json"]);
    assert_eq!(plan["circles"].as_array().unwrap().len(), 1, "{plan}");
    let why = json(&house, &["why", "first", "--json"])["why"].to_string();
    assert!(
        why.contains("its needs go round in a circle: first -> third -> second -> first"),
        "{why}"
    );
    house.run("spec-worker", &["--until-idle"]);
    assert_eq!(house.calls(), 0);
}

#[test]
fn an_order_behind_a_failed_one_says_so_and_what_comes_of_it() {
    let house = House::new();
    add(&house, &["First", "--id", "first"]);
    add(&house, &["Second", "--id", "second", "--needs", "first"]);
    add(&house, &["Third", "--id", "third", "--needs", "second"]);
    assert!(house.shopfloor(&["kick", "first", "--to", "FAILED"]).status.success());
    let why = |id: &str| json(&house, &["why", id, "--json"]);
    assert_eq!(why("second")["why"], "second needs first, which FAILED.");
    let third = why("third");
    assert!(third["details"].to_string().contains("second needs first, which FAILED"), "{third}");
    let plan = json(&house, &["plan", "--json"]);
    assert_eq!(plan["never"].as_array().unwrap().len(), 2, "{plan}");
    let retry = house.shopfloor(&["retry", "second"]);
    let told = shown(&retry);
    assert!(
        retry.status.success() && told.contains("it waits: needs first, which FAILED"),
        "{told}"
    );
    house.run_all();
    assert_eq!((house.state("second"), house.calls()), ("NEW".to_owned(), 0));
}

#[test]
fn a_dry_run_tells_what_would_be_done_and_touches_nothing() {
    let house = House::new();
    house.add(&["a", "b", "c"]);
    add(&house, &["Later", "--id", "later", "--needs", "a"]);
    let before = listing(&house.project());
    let told = json(
        &house,
        &["start", "--dry-run", "--spec-batch", "2", "--parallel", "spec=2", "--json"],
    );
    assert_eq!(listing(&house.project()), before);
    assert!(!house.path("state").exists(), "no worktrees' folder was made");
    assert_eq!(told["workers"].as_array().unwrap().len(), 6);
    let batches = told["batches"].as_array().unwrap();
    assert_eq!(batches[0]["orders"].as_array().unwrap().len(), 2, "{told}");
    assert_eq!(told["waiting"][0]["id"], "later");
    let text = shown(&house.shopfloor(&["start", "--dry-run"]));
    assert!(text.contains("spec-worker") && text.contains("Nothing was touched"), "{text}");
    assert_eq!(listing(&house.project()), before);
}

#[test]
fn a_plan_is_shown_as_a_tree_and_as_a_graph_and_a_file_is_only_read() {
    let house = House::new();
    add(&house, &["Write \"src/x.rs\"", "--id", "a"]);
    add(&house, &["Also update src/x.rs", "--id", "b"]);
    add(&house, &["After", "--id", "c", "--needs", "a,b"]);
    let tree = shown(&house.shopfloor(&["plan"]));
    for words in
        ["tier 1: 2 side by side", "a and b not at once: both touch src/x.rs", "Critical path (2)"]
    {
        assert!(tree.contains(words), "{words}: {tree}");
    }
    let dot = shown(&house.shopfloor(&["plan", "--queue", "--dot"]));
    assert!(dot.contains("digraph plan {") && dot.contains("\"a\" -> \"c\""), "{dot}");
    std::fs::write(
        house.project().join("plan.md"),
        "# Plan\n\n## Phase 1: x\n\n- [ ] 1.1 One\n- [ ] 1.2 Two (depends: 1.1)\n",
    )
    .unwrap();
    let of_file = json(&house, &["plan", "plan.md", "--json"]);
    assert_eq!(of_file["tiers"].as_array().unwrap().len(), 2, "{of_file}");
    assert_eq!(json(&house, &["plan", "--json"])["orders"], 3);
}
