//! `shopfloor import`, as a person meets it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::full_disk::{fill, small_house};
use crate::house::{House, shown};

const PLAN: &str = "# Plan\n\n## Phase 1: Ground\n\n- [x] 1.1 Dig\n- [ ] 1.2 Fill (depends: 1.1)\n  - with sand\n\n## Phase 2: Walls\n\n\
    **Execution Note:** Tasks 2.1-2.2 are [SEQUENTIAL] - one wall\n\n- [ ] 2.1 Build (depends: 1.2)\n- [ ] 2.2 Paint (depends: 2.1)\n\n\
    **VERIFY Phase 2:**\n- [ ] it stands\n";

fn house() -> House {
    let house = House::new();
    fs::write(house.project().join("plan-a.md"), PLAN).unwrap();
    house
}

fn import(house: &House, args: &[&str]) -> Output {
    let ran = house.shopfloor(&[&["import"], args].concat());
    assert!(ran.status.success(), "{}", shown(&ran));
    ran
}

/// An import that must be refused; what it said.
fn refused(house: &House, args: &[&str]) -> String {
    let ran = house.shopfloor(&[&["import"], args].concat());
    assert_eq!(ran.status.code(), Some(2), "{}", shown(&ran));
    shown(&ran)
}

fn orders(house: &House) -> Vec<String> {
    let entries = fs::read_dir(house.project().join("work-orders")).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    let mut names: Vec<String> =
        names.filter(|name| !name.starts_with('.') && name != "README.md").collect();
    names.sort();
    names
}

fn order(house: &House, id: &str) -> Value {
    serde_json::from_slice(&fs::read(house.order(id).join("order.json")).unwrap()).unwrap()
}

fn held(house: &House, id: &str) -> Option<String> {
    fs::read_to_string(house.order(id).join(".hold")).ok()
}

fn json(ran: &Output) -> Value {
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", shown(ran)))
}

const THREE: [&str; 3] = ["plan-a-1.2-fill", "plan-a-2.1-build", "plan-a-2.2-paint"];

#[test]
fn a_plan_becomes_orders_on_hold_and_the_same_again_changes_nothing() {
    let house = house();
    let first = import(&house, &["markdown", "plan-a.md"]);
    assert!(shown(&first).contains("3 orders imported, on hold (imported)"), "{}", shown(&first));
    assert_eq!(orders(&house), THREE);
    let paint = order(&house, THREE[2]);
    assert_eq!(paint["needs"], serde_json::json!([THREE[1]]));
    assert_eq!(
        (&paint["phase"], &paint["group"], &paint["sequence"]),
        (&2.into(), &"2.1-2.2".into(), &2.into())
    );
    assert_eq!(
        (&paint["external_id"], &paint["source"]),
        (&"plan-a#2.2".into(), &"plan-a.md".into())
    );
    let fill = order(&house, THREE[0]);
    assert_eq!((&fill["needs"], &fill["body"]), (&Value::Null, &"- with sand".into()));
    for id in THREE {
        assert_eq!(held(&house, id).as_deref(), Some("imported\n"));
    }
    let before: Vec<String> =
        THREE.map(|id| fs::read_to_string(house.order(id).join("events.jsonl")).unwrap()).to_vec();
    let worker = house.command("spec-worker").arg("--once").output().unwrap();
    assert_eq!(worker.status.code(), Some(4), "{}", shown(&worker));
    let again = import(&house, &["markdown", "plan-a.md"]);
    assert!(
        shown(&again).contains("Nothing new: no order was made; 3 are in the queue already"),
        "{}",
        shown(&again)
    );
    let after: Vec<String> =
        THREE.map(|id| fs::read_to_string(house.order(id).join("events.jsonl")).unwrap()).to_vec();
    assert_eq!((orders(&house).len(), before), (3, after));
}

#[test]
fn a_dry_run_says_everything_and_touches_nothing() {
    let house = house();
    fs::write(
        house.project().join("odd.md"),
        "## Phase 1\n- [ ]\n\n**Execution Note:** slowly\n\n- [ ] 1.1 A\n",
    )
    .unwrap();
    let ran = import(&house, &["markdown", "plan-a.md", "odd.md", "--dry-run", "--json"]);
    let told = json(&ran);
    let files = told["files"].as_array().unwrap();
    let totals = &files[0]["totals"];
    let figures = ["phases", "tasks", "done", "needs", "groups", "set_aside", "unusable"]
        .map(|name| totals[name].as_u64().unwrap());
    assert_eq!(figures, [2, 4, 1, 3, 1, 1, 0]);
    let spots: Vec<String> = files[1]["unusable"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            format!("{}:{}:{}", line["file"].as_str().unwrap(), line["line"], line["column"])
        })
        .collect();
    assert_eq!(spots, ["odd.md:2:1", "odd.md:4:1"]);
    assert_eq!(
        (told["orders"].as_array().unwrap().len(), &told["totals"]["tasks"]),
        (4, &5.into())
    );
    assert!(
        told["remarks"][0]["why"].as_str().unwrap().contains("plan-a#1.1, which is done"),
        "{told}"
    );
    assert_eq!(orders(&house), [""; 0]);
    let table = shown(&import(&house, &["markdown", "plan-a.md", "odd.md", "--dry-run"]));
    for words in [
        "FILE",
        "GROUPS",
        "unusable  odd.md:2:1: a checkbox without words",
        "4 orders would be imported (nothing was touched)",
    ] {
        assert!(table.contains(words), "{words}\n{table}");
    }
}

#[test]
fn released_orders_can_be_worked_on_and_a_held_import_is_released_by_the_same_again() {
    let house = house();
    import(&house, &["markdown", "plan-a.md"]);
    fs::write(house.order(THREE[1]).join(".hold"), "ask Ada\n").unwrap();
    let ran = import(&house, &["markdown", "plan-a.md", "--release", "--json"]);
    assert_eq!(json(&ran)["released"], serde_json::json!([THREE[0], THREE[2]]));
    assert_eq!(held(&house, THREE[1]).as_deref(), Some("ask Ada\n"), "a person's own hold stays");
    house.run("spec-worker", &["--until-idle"]);
    assert_eq!(house.state(THREE[0]), "TESTS_PRE");
    assert_eq!(house.state(THREE[2]), "NEW", "it needs one that is not done");
}

#[test]
fn what_cannot_be_taken_in_whole_is_not_taken_in_at_all() {
    let house = house();
    house.add(&["mine"]);
    let cases = [
        (
            "missing",
            "- [ ] 1.1 A\n- [ ] 1.2 B (depends: 9.9)\n",
            "missing.md:2:13: missing#1.2 needs missing#9.9, which is neither",
        ),
        (
            "circle",
            "- [ ] 1.1 A (depends: 1.2)\n- [ ] 1.2 B (depends: 1.1)\n",
            "circle.md:1:1: needs go round in a circle: circle#1.1 -> circle#1.2 -> circle#1.1",
        ),
        (
            "twice",
            "- [ ] 1.1 A\n- [ ] 1.1 B\n",
            "twice.md:2:1: twice#1.1 stands twice: the first is at twice.md:1:1",
        ),
    ];
    for (name, text, why) in cases {
        let file = format!("{name}.md");
        fs::write(house.project().join(&file), text).unwrap();
        let told = refused(&house, &["markdown", "plan-a.md", &file]);
        assert!(told.contains(why) && told.contains("nothing was imported"), "{why}\n{told}");
        assert_eq!(orders(&house), ["mine"]);
        let dry = refused(&house, &["markdown", &file, "--dry-run", "--json"]);
        assert!(dry.contains("\"faults\": [\n"), "{dry}");
    }
    let left_out = import(&house, &["markdown", "missing.md", "--drop-missing"]);
    assert!(
        shown(&left_out).contains("which is nowhere: the need is left out"),
        "{}",
        shown(&left_out)
    );
    assert_eq!(orders(&house), ["mine", "missing-1.1-a", "missing-1.2-b"]);
}

#[test]
fn needs_reach_into_the_queue_and_its_archive() {
    let house = house();
    house.add(&["mine"]);
    import(&house, &["markdown", "plan-a.md"]);
    let archived = house.shopfloor(&["archive", THREE[0], "--force"]);
    assert!(archived.status.success(), "{}", shown(&archived));
    fs::write(
        house.project().join("more.md"),
        "- [ ] 1.1 A (depends: mine, plan-a#1.2, plan-a#2.1)\n",
    )
    .unwrap();
    import(&house, &["markdown", "more.md", "plan-a.md"]);
    assert_eq!(
        order(&house, "more-1.1-a")["needs"],
        serde_json::json!(["mine", THREE[0], THREE[1]])
    );
    assert!(!house.order(THREE[0]).exists(), "what is in the archive is not made again");
}

#[test]
fn an_import_that_was_cut_short_is_completed_by_the_same_again() {
    let house = House::new();
    let tasks: String = (1..=60)
        .map(|nth| format!("- [ ] 1.{nth} Task (depends: 1.{})\n", nth.max(2) - 1))
        .collect();
    let tasks = tasks.replacen(" (depends: 1.1)", "", 1);
    fs::write(house.project().join("long.md"), &tasks).unwrap();
    let mut partial = 0;
    for wait_ms in [5, 20, 60, 120, 240, 400, 600, 900] {
        let mut child = house.command("shopfloor");
        let child = child
            .args(["import", "markdown", "long.md", "--release"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = child.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait_ms));
        let _gone = child.kill();
        let _gone = child.wait();
        partial += usize::from((1..60).contains(&orders(&house).len()));
        // Whatever stands there is whole, and free only when all of it is there.
        let free = orders(&house).iter().filter(|id| held(&house, id).is_none()).count();
        assert!(free == 0 || orders(&house).len() == 60, "{free} free of {}", orders(&house).len());
    }
    let told = json(&import(&house, &["markdown", "long.md", "--release", "--json"]));
    assert!(told["faults"].as_array().unwrap().is_empty());
    assert_eq!(orders(&house).len(), 60);
    assert_eq!(orders(&house).iter().filter(|id| held(&house, id).is_some()).count(), 0);
    let ids: Vec<String> = orders(&house);
    let external: std::collections::BTreeSet<String> = ids
        .iter()
        .map(|id| order(&house, id)["external_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!((external.len(), partial <= 8), (60, true));
    house.shopfloor(&["status"]);
    let told = json(&import(&house, &["markdown", "long.md", "--json"]));
    assert_eq!(
        (told["orders"].as_array().unwrap().len(), told["present"].as_array().unwrap().len()),
        (0, 60)
    );
}

#[test]
fn a_disk_that_runs_full_in_the_middle_leaves_the_queue_as_it_was() {
    let Some((_disk, house)) = small_house(1, "") else { return };
    let tasks: String = (1..=150)
        .map(|nth| format!("- [ ] 1.{nth} Task\n  - {}\n", "words ".repeat(5_000)))
        .collect();
    fs::write(house.project().join("long.md"), &tasks).unwrap();
    house.add(&["mine"]);
    fill(&house, 3 * 1024);
    let ran = house.shopfloor(&["import", "markdown", "long.md"]);
    assert_eq!(ran.status.code(), Some(7), "{}", shown(&ran));
    assert_eq!(orders(&house), ["mine"]);
    let aside = fs::read_dir(house.project().join("work-orders/.floor/tmp")).unwrap().count();
    assert_eq!(aside, 0, "nothing is left of it");
    fs::remove_file(house.path("filler")).unwrap();
    import(&house, &["markdown", "long.md"]);
    assert_eq!(orders(&house).len(), 151);
}

#[test]
fn orders_that_are_missing_after_a_crash_are_made_with_the_same_ids() {
    let house = house();
    import(&house, &["markdown", "plan-a.md"]);
    // As a crash between two renames leaves it: the later ones are not there.
    fs::remove_dir_all(house.order(THREE[2])).unwrap();
    let ran = import(&house, &["markdown", "plan-a.md"]);
    assert!(
        shown(&ran).contains("1 order imported")
            && shown(&ran).contains("2 are in the queue already"),
        "{}",
        shown(&ran)
    );
    assert_eq!(orders(&house), THREE);
    assert_eq!(order(&house, THREE[2])["needs"], serde_json::json!([THREE[1]]));
}

#[test]
fn two_imports_at_once_make_every_order_once() {
    let house = house();
    let start = || {
        let mut command = house.command("shopfloor");
        command
            .args(["import", "markdown", "plan-a.md"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let codes: Vec<Option<i32>> = [start(), start(), start()]
        .into_iter()
        .map(|mut child| child.wait().unwrap().code())
        .collect();
    assert!(
        codes.contains(&Some(0)) && codes.iter().all(|code| matches!(code, Some(0 | 5))),
        "{codes:?}"
    );
    assert_eq!(orders(&house), THREE);
}

#[test]
fn work_items_come_from_a_folder() {
    let house = House::new();
    let items = house.project().join("items");
    fs::create_dir_all(items.join("done")).unwrap();
    let item = |id: &str, more: &str| {
        format!("---\nid: {id}\ntitle: 'Item {id}'\n{more}---\n# {id}\n\nText of {id}.\n")
    };
    fs::write(items.join("I-1.md"), item("I-1", "status: active\npriority: high\neffort: medium\nblocked_by: [I-2, I-3]\nsource_files:\n- src/a.rs\n")).unwrap();
    fs::write(
        items.join("I-2.md"),
        item("I-2", "status: open\nacceptance_criteria:\n- it works\n"),
    )
    .unwrap();
    fs::write(items.join("done/I-3.md"), item("I-3", "status: complete\nblocked_by: [I-99]\n"))
        .unwrap();
    fs::write(items.join("README.md"), "# Not an item\n").unwrap();
    let told = json(&import(&house, &["work-items", "items", "--json"]));
    assert_eq!(
        (&told["totals"]["tasks"], &told["totals"]["done"], &told["totals"]["unusable"]),
        (&3.into(), &1.into(), &1.into())
    );
    assert_eq!(orders(&house), ["i-1-item-i-1", "i-2-item-i-2"]);
    let one = order(&house, "i-1-item-i-1");
    assert_eq!(
        (&one["priority"], &one["weight"], &one["needs"]),
        (&"high".into(), &3.into(), &serde_json::json!(["i-2-item-i-2"]))
    );
    assert_eq!(one["files"], serde_json::json!(["src/a.rs"]));
    assert!(
        order(&house, "i-2-item-i-2")["body"]
            .as_str()
            .unwrap()
            .contains("## Acceptance criteria\n\n- it works")
    );
}

const ISSUES: &str = r#"[{"number": 7, "title": "Log in", "body": "Depends on #8 and #9.", "labels": [{"name": "P1"}]},
 {"number": 8, "title": "Schema", "body": "", "labels": []},
 {"number": 9, "title": "Old", "body": "", "labels": [], "state": "CLOSED"}]"#;

#[test]
fn issues_come_from_a_file_from_stdin_or_from_gh() {
    let house = House::new();
    fs::write(house.project().join("issues.json"), ISSUES).unwrap();
    import(&house, &["github", "issues.json"]);
    assert_eq!(orders(&house), ["issue-7-log-in", "issue-8-schema"]);
    let seven = order(&house, "issue-7-log-in");
    assert_eq!(
        (&seven["needs"], &seven["priority"]),
        (&serde_json::json!(["issue-8-schema"]), &"high".into())
    );
    let mut command = house.command("shopfloor");
    command
        .args(["import", "github", "-"])
        .stdin(fs::File::open(house.project().join("issues.json")).unwrap());
    let ran = command.output().unwrap();
    assert!(shown(&ran).contains("2 are in the queue already"), "{}", shown(&ran));
}

/// `gh` on PATH, as a script.
fn with_gh(house: &House, script: &str) -> String {
    let folder = house.path("bin");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("gh"), format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(folder.join("gh"), fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

#[test]
fn a_repository_is_asked_for_by_gh_and_its_absence_is_told() {
    let house = House::new();
    fs::write(house.path("issues.json"), ISSUES).unwrap();
    let path = with_gh(
        &house,
        &format!(
            "echo noise >&2; echo \"$@\" > {0}/args; cat {0}/issues.json",
            house.path("").display()
        ),
    );
    let ran = house
        .command("shopfloor")
        .env("PATH", &path)
        .args(["import", "github", "me/tool"])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", shown(&ran));
    let args = fs::read_to_string(house.path("args")).unwrap();
    assert!(
        args.starts_with("issue list --repo me/tool --state all --limit 5000 --json number,title"),
        "{args}"
    );
    assert_eq!(order(&house, "issue-7-log-in")["external_id"], "me/tool#7");
    let path = with_gh(&house, "echo 'not logged in' >&2; exit 4");
    let ran = house
        .command("shopfloor")
        .env("PATH", &path)
        .args(["import", "github", "me/tool"])
        .output()
        .unwrap();
    assert!(
        shown(&ran).contains("not logged in") && ran.status.code() == Some(1),
        "{}",
        shown(&ran)
    );
    let ran = house
        .command("shopfloor")
        .env("PATH", "/nowhere")
        .args(["import", "github", "me/tool"])
        .output()
        .unwrap();
    assert!(shown(&ran).contains("the gh command is not on PATH"), "{}", shown(&ran));
    assert_eq!(ran.status.code(), Some(1));
}

#[test]
fn json_lines_and_roadmaps_become_orders() {
    let house = House::new();
    fs::write(house.project().join("w.jsonl"), "{\"id\":\"auth\",\"title\":\"Log in\",\"team\":\"blue\"}\nnot json\n{\"title\":\"Log out\",\"needs\":[\"auth@IMPL\"]}\n").unwrap();
    fs::write(house.project().join("ROADMAP.md"), "# Roadmap\n\n## Next\n- **Stacking** of items\n  - equal ones\n- Trading (depends: stacking-of-items)\n## Done\n- Saving\n").unwrap();
    let told = shown(&import(&house, &["jsonl", "w.jsonl"]));
    assert!(told.contains("unusable  w.jsonl:2:"), "{told}");
    import(&house, &["roadmap", "ROADMAP.md"]);
    assert_eq!(orders(&house), ["auth", "log-out", "stacking-of-items", "trading"]);
    assert_eq!(order(&house, "auth")["team"], "blue");
    assert_eq!(order(&house, "log-out")["needs"], serde_json::json!(["auth@IMPL"]));
    assert_eq!(order(&house, "trading")["needs"], serde_json::json!(["stacking-of-items"]));
}

#[test]
fn what_is_no_file_or_too_large_is_an_error_with_a_next_step() {
    let house = House::new();
    let told = |args: &[&str]| {
        let ran = house.shopfloor(&[&["import"], args].concat());
        (ran.status.code(), shown(&ran))
    };
    let (code, text) = told(&["markdown", "gone.md"]);
    assert!(code == Some(3) && text.contains("gone.md") && text.contains("next:"), "{text}");
    fs::create_dir(house.project().join("empty")).unwrap();
    assert_eq!(told(&["jsonl", "empty"]).0, Some(3));
    fs::write(house.project().join("large.md"), "x".repeat(17 * 1024 * 1024)).unwrap();
    let (code, text) = told(&["markdown", "large.md"]);
    assert!(code == Some(2) && text.contains("more than 16 MiB"), "{text}");
    fs::write(house.project().join("latin.md"), b"- [ ] 1.1 caf\xe9\n").unwrap();
    let (code, text) = told(&["markdown", "latin.md", "--dry-run"]);
    assert!(code == Some(0) && text.contains("latin.md:1:14: this is not UTF-8"), "{text}");
}
