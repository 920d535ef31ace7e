//! Figure 1 of planning: people's backlogs are read whole, and the same import again changes nothing. On fixtures of our own,
//! and on the folder `SHOPFLOOR_PLAN_DATA` where it is set: its `plans/` and `work-items/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::house::{House, shown};

const PLAN: &str = "# Plan\n\n## Phase 1: Ground\n\n**Execution Note:** Tasks 1.2-1.3 are [SEQUENTIAL] - one file\n\n- [x] 1.1 Dig\n- [ ] 1.2 Fill (depends: 1.1)\n\
    \x20 - with sand\n\x20 - [ ] and stones\n- [ ] 1.3 Press (depends: 1.2)\n**VERIFY:**\n- [ ] it holds\n\n## Phase 2: Walls [PARALLEL]\n\n- [ ] 2.1 Build (depends: 1.2, 1.3)\n\
    - [-] 2.2 Paint\n\n```\n- [ ] 9.9 not a task\n```\n\n## Success Criteria\n- [ ] it stands\n";

/// What is written here of it, by hand: phases, tasks, done, needs, groups, set aside, unusable.
const PLAN_BY_HAND: [u64; 7] = [2, 5, 1, 4, 1, 2, 0];

const ITEM: &str = "---\nid: ITEM-1\ntitle: One\nstatus: active\npriority: high\neffort: large\nblocked_by:\n- ITEM-2\n---\n# ITEM-1: One\n\nText.\n";
const BLOCKER: &str = "---\nid: ITEM-2\ntitle: Two\nstatus: open\n---\nText.\n";

/// A row of figure 1.
fn row(what: &str, figure: &str, good: bool) {
    super::row(&format!("1: {what}"), figure, good);
}

/// One import, as JSON; `None` when it failed in any other way than by refusing.
fn import(house: &House, shape: &str, paths: &[PathBuf], more: &[&str]) -> Option<Value> {
    let paths: Vec<&str> = paths.iter().map(|path| path.to_str().unwrap()).collect();
    let ran = house.shopfloor(&[&["import", shape, "--json"], more, &paths].concat());
    let told = serde_json::from_slice(&ran.stdout).ok();
    if told.is_none() {
        println!("{}", shown(&ran));
    }
    told
}

fn figures(totals: &Value) -> [u64; 7] {
    ["phases", "tasks", "done", "needs", "groups", "set_aside", "unusable"]
        .map(|name| totals[name].as_u64().unwrap_or(u64::MAX))
}

fn told(figures: [u64; 7]) -> String {
    let [phases, tasks, done, needs, groups, aside, unusable] = figures;
    format!(
        "{phases} phases, {tasks} tasks, {done} done, {needs} needs, {groups} groups, {aside} set aside, {unusable} unusable"
    )
}

/// The files of a kind in a folder of the data, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    files.sort();
    files
}

/// Checkboxes at the beginning of a line, outside fences: counted without any of the reader's code.
fn boxes(text: &str) -> u64 {
    let (mut fenced, mut count) = (false, 0);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let mut chars = line.chars();
            let begin: String = chars.by_ref().take(3).collect();
            count += u64::from(begin == "- [" && chars.nth(1) == Some(']'));
        }
    }
    count
}

/// Every journal in the queue.
fn journals(house: &House) -> BTreeMap<String, Vec<u8>> {
    let orders = fs::read_dir(house.project().join("work-orders")).unwrap().flatten();
    let read = |entry: fs::DirEntry| {
        let journal = fs::read(entry.path().join("events.jsonl")).ok()?;
        Some((entry.file_name().to_string_lossy().into_owned(), journal))
    };
    orders.filter_map(read).collect()
}

/// Imports for good, twice: what the first made, and whether the second changed anything.
fn twice(house: &House, what: &str, shape: &str, paths: &[PathBuf]) {
    let first = import(house, shape, paths, &["--drop-missing"]);
    let made = first.as_ref().and_then(|told| told["orders"].as_array().map(Vec::len));
    let before = journals(house);
    let again = import(house, shape, paths, &["--drop-missing"]);
    let fresh = again.as_ref().and_then(|told| told["orders"].as_array().map(Vec::len));
    let changed = journals(house) != before;
    row(
        &format!("{what}: imported, and imported again"),
        &format!(
            "{made:?} orders made, then {fresh:?}; journals {}",
            if changed { "CHANGED" } else { "unchanged" }
        ),
        made.is_some_and(|made| made > 0) && fresh == Some(0) && !changed,
    );
}

#[test]
#[ignore = "a measurement: .ci/prove plan runs it"]
fn backlogs_are_read_whole_and_a_second_import_changes_nothing() {
    let house = House::new();
    let own = house.path("own");
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("plan-a.md"), PLAN).unwrap();
    fs::write(own.join("item-1.md"), ITEM).unwrap();
    fs::write(own.join("item-2.md"), BLOCKER).unwrap();
    let plan = vec![own.join("plan-a.md")];
    let read =
        import(&house, "markdown", &plan, &["--dry-run"]).map(|told| figures(&told["totals"]));
    row(
        "our own plan, against figures by hand",
        &read.map_or("not read".to_owned(), told),
        read == Some(PLAN_BY_HAND),
    );
    twice(&house, "our own plan", "markdown", &plan);
    twice(
        &house,
        "our own work items",
        "work-items",
        &[own.join("item-1.md"), own.join("item-2.md")],
    );
    let Some(data) = std::env::var_os("SHOPFLOOR_PLAN_DATA").map(PathBuf::from) else { return };
    let plans = files(&data.join("plans"));
    for path in &plans {
        let read = import(&house, "markdown", std::slice::from_ref(path), &["--dry-run"])
            .map(|told| figures(&told["totals"]));
        let counted = boxes(&fs::read_to_string(path).unwrap_or_default());
        // Every checkbox is a task, was set aside, or was told as unusable.
        let good = read.is_some_and(|[_, tasks, _, _, _, aside, unusable]| {
            let known = tasks + aside;
            known <= counted + unusable && counted <= known + unusable
        });
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        row(
            &format!("{name}: {counted} checkboxes by a plain count"),
            &read.map_or("not read".to_owned(), told),
            good,
        );
    }
    let items = files(&data.join("work-items"));
    let read =
        import(&house, "work-items", &items, &["--dry-run"]).map(|told| figures(&told["totals"]));
    row(
        &format!("{} work items", items.len()),
        &read.map_or("not read".to_owned(), told),
        read.is_some_and(|read| read[1] == items.len() as u64),
    );
    twice(&house, "all plans of the data", "markdown", &plans);
    twice(&house, "all work items of the data", "work-items", &items);
}
