//! Plans as people write them, and what is made of each.

use super::super::{Mark, Reading, Source, markdown};

fn plan(text: &str) -> Reading {
    markdown::read(&Source { file: "p/plan-a.md", origin: "p/plan-a.md", key: "plan-a", text })
}

/// One line for each task: number, mark, phase, title, needs.
fn tasks(reading: &Reading) -> Vec<String> {
    let told = reading.wishes.iter().map(|wish| {
        let needs: Vec<&str> =
            wish.needs.iter().map(|need| need.name.trim_start_matches("plan-a#")).collect();
        let phase = wish.more.get("phase").map_or("-".to_owned(), ToString::to_string);
        let name = wish.external_id.trim_start_matches("plan-a#");
        let mark =
            if wish.mark == Mark::Open { String::new() } else { format!(" {}", wish.mark.word()) };
        format!("{name}{mark} ({phase}) {} <- {}", wish.title, needs.join(" "))
    });
    told.collect()
}

fn places(all: &[super::super::Told]) -> Vec<String> {
    all.iter().map(|told| format!("{}:{}", told.spot.line, told.spot.column)).collect()
}

const PLAN: &str = "# Plan: Stacking\n\n## Overview\n\n- **Goal:** `[SEQUENTIAL]` work\n\n## Phase 1: Ground\n\n\
    **Objective:** x\n**Execution Note:** Tasks 1.1-1.2 are [SEQUENTIAL] - one file\n\n**Tasks:**\n\
    - [x] 1.1 Make `a.rs`:\n  - with care\n    - [ ] and speed\n\n  ```text\n  - [ ] 9.9 not a task\n  ```\n\
    - [~] 1.2 Use it (depends: 1.1)\n- [-] 1.3 Skip it\n\n**VERIFY Phase 1:**\n- [ ] 1.4 It works\n- [ ] it is fast\n\n---\n\n\
    ## Phase 2: Walls [PARALLEL]\n\n- [ ] 2.1 Build\n  - Depends on: 1.2, 1.4\n  - Files: src/wall.rs, src/b.rs\n- [!] 2.2 Paint (depends: 2.1, 1.1)\n\n\
    ## Success Criteria\n\n- [ ] all is well\n";

#[test]
fn a_plan_is_read_with_every_checkbox_accounted_for() {
    let reading = plan(PLAN);
    assert_eq!(
        tasks(&reading),
        [
            "1.1 done (1) Make `a.rs` <- ",
            "1.2 in progress (1) Use it <- 1.1",
            "1.3 skipped (1) Skip it <- ",
            "1.4 (1) It works <- ",
            "2.1 (2) Build <- 1.2 1.4",
            "2.2 failed (2) Paint <- 2.1 1.1",
        ]
    );
    assert_eq!(
        reading.wishes[0].body,
        "- with care\n  - [ ] and speed\n\n```text\n- [ ] 9.9 not a task\n```"
    );
    assert_eq!(reading.wishes[4].files, ["src/wall.rs", "src/b.rs"]);
    assert_eq!(reading.wishes[3].labels, ["verify"]);
    assert_eq!(reading.wishes[1].spot.to_string(), "p/plan-a.md:20:1");
    assert_eq!(reading.wishes[1].needs[0].spot.to_string(), "p/plan-a.md:20:18");
    assert_eq!(places(&reading.set_aside), ["25:1", "38:1"]);
    assert_eq!(reading.unusable, []);
    let totals = reading.totals;
    assert_eq!((totals.phases, totals.parallel_phases, totals.tasks, totals.nested), (2, 1, 6, 1));
    assert_eq!((totals.done, totals.skipped, totals.in_progress, totals.failed), (1, 1, 1, 1));
    assert_eq!((totals.needs, totals.groups, totals.set_aside), (5, 1, 2));
}

#[test]
fn fields_for_the_planner_are_written() {
    let reading = plan(PLAN);
    let more = |at: usize, key: &str| {
        reading.wishes[at].more.get(key).map(ToString::to_string).unwrap_or_default()
    };
    assert_eq!([more(1, "group"), more(1, "sequence")], ["\"1.1-1.2\"", "2"]);
    assert_eq!([more(0, "group_reason"), more(2, "group")], ["\"one file\"", ""]);
    assert_eq!([more(4, "phase_parallel"), more(0, "phase_parallel")], ["true", ""]);
    assert_eq!([more(4, "plan"), more(4, "phase_title")], ["\"Plan: Stacking\"", "\"Walls\""]);
}

#[test]
fn line_ends_tabs_and_a_mark_before_the_text_change_nothing() {
    let wanted = tasks(&plan(PLAN));
    for other in
        [PLAN.replace('\n', "\r\n"), format!("\u{feff}{PLAN}"), PLAN.replace("\n  - ", "\n\t- ")]
    {
        let reading = plan(&other);
        assert_eq!(tasks(&reading), wanted, "{other:?}");
        assert_eq!(places(&reading.set_aside), ["25:1", "38:1"]);
    }
}

#[test]
fn odd_headings_and_marks_are_read() {
    let text = "**Phase 1: Bold**\n\n* [x] **1.1** One\n1. [ ] Task 1.2: Two\n\n### PHASE 2 - Deep\n\n+ [ ] `2.1` Three\n\n##Phase 3\n- ✅ 3.1 Four\n\n\
        Phase 4 - Underlined\n---\n\n- [ ] ~~4.1 Five~~\n- [?] 4.2 Six\n";
    let reading = plan(text);
    assert_eq!(
        tasks(&reading),
        [
            "1.1 done (1) One <- ",
            "1.2 (1) Two <- ",
            "2.1 (2) Three <- ",
            "3.1 done (3) Four <- ",
            "4.1 skipped (4) Five <- ",
            "4.2 (4) Six <- ",
        ]
    );
    assert_eq!((places(&reading.remarks), reading.totals.phases), (vec!["17:1".to_owned()], 4));
}

#[test]
fn a_plan_without_phases_or_numbers_is_one_too() {
    assert_eq!(
        tasks(&plan("- [ ] 1.1 A\n- [ ] 2.1 B (depends: 1.1)\n")),
        ["1.1 (1) A <- ", "2.1 (2) B <- 1.1"]
    );
    let reading = plan("# T\n- [ ] Write it\n- [ ] Write it\n## Success criteria\n- [ ] fast\n");
    assert_eq!(tasks(&reading), ["write-it (-) Write it <- ", "write-it~2 (-) Write it <- "]);
    assert_eq!(places(&reading.set_aside), ["5:1"]);
    let reading = plan(
        "## Phase 1\n- [ ] Write it\n- [ ] Task 1.1 works\n**Checks**\n- [ ] Task 1.1 works\n",
    );
    assert_eq!(tasks(&reading), ["1/write-it (1) Write it <- ", "1.1 (1) works <- "]);
    assert_eq!(places(&reading.set_aside), ["5:1"]);
}

#[test]
fn phases_that_are_no_whole_numbers_are_counted_by_their_places() {
    let reading = plan(
        "## Phase A\n- [ ] 1.1 A\n## Phase 2.5: B\n- [ ] 2.1 B\n## Phase A: again\n- [ ] 1.2 C\n",
    );
    assert_eq!(tasks(&reading), ["1.1 (1) A <- ", "2.1 (2) B <- ", "1.2 (1) C <- "]);
    assert_eq!(places(&reading.remarks), ["1:1", "3:1"]);
}

#[test]
fn needs_name_ranges_phases_nested_tasks_and_other_plans() {
    let text = "## Phase 1\n- [ ] 1.1 A\n  - [ ] 1.1.1 Part\n- [ ] 1.2 B\n## Phase 2\n- [ ] 2.1 C (depends: 1.1-1.2)\n\
        - [ ] 2.2 D (depends on: Phase 1)\n- [ ] 2.3 E (depends: 1.1.1, other#3.1)\n- [ ] 2.4 F (depends: 9.9)\n- [ ] 2.5 G (depends: the moon rises)\n";
    let reading = plan(text);
    assert_eq!(
        tasks(&reading)[2..],
        [
            "2.1 (2) C <- 1.1 1.2",
            "2.2 (2) D <- 1.1 1.2",
            "2.3 (2) E <- 1.1 other#3.1",
            "2.4 (2) F <- 9.9",
            "2.5 (2) G <- ",
        ]
    );
    assert_eq!(places(&reading.unusable), ["10:13"]);
}

#[test]
fn notes_are_followed_or_told() {
    let text = "## Phase 1\n**Execution Note:** Tasks 7.1-7.2 are [SEQUENTIAL]\n\n- [ ] 1.1 A\n- [ ] 1.2 B\n\n## Phase 2\n\
        > **Execution Note:** [SEQUENTIAL] - one file\n\n- [ ] 2.1 C\n- [ ] 2.2 D\n\n**Execution Note:** go easy\n\n\
        **Execution Notes:**\n- Phases 1-2 are [PARALLEL]\n- Tasks 1.1, 1.2 are [SEQUENTIAL]: same file\n";
    let reading = plan(text);
    let groups: Vec<String> = reading
        .groups
        .iter()
        .map(|group| format!("{} {:?} {}", group.name, group.members, group.reason))
        .collect();
    assert_eq!(groups, ["phase 2 [2, 3] one file", "1.1,1.2 [0, 1] same file"]);
    assert_eq!(places(&reading.unusable), ["13:1", "2:1"]);
    assert_eq!(reading.totals.parallel_phases, 2);
}

#[test]
fn what_was_meant_as_a_task_and_is_none_is_told() {
    let text = "## Phase 1\n\n-[ ] 1.1 No blank\n\n- [ ]\n\n> - [ ] 1.2 Quoted\n\n### Task 1.3: As a heading\n\nText.\n\n| a |\n|---|\n| [ ] 1.4 |\n\n\
        <!--\n- [ ] 1.5 Hidden\n-->\n";
    let reading = plan(text);
    assert_eq!(tasks(&reading), [""; 0]);
    assert_eq!(places(&reading.unusable), ["3:1", "5:1", "13:1", "9:1"]);
    assert_eq!(places(&reading.set_aside), ["7:3"]);
}

#[test]
fn long_words_are_cut_and_nothing_is_lost_of_them() {
    let reading = plan(&format!("- [ ] 1.1 {}\n", "word ".repeat(100)));
    let wish = &reading.wishes[0];
    assert!(wish.title.chars().count() <= super::super::TITLE_LIMIT);
    assert_eq!(wish.body.split(' ').count(), 100);
    let reading = plan(&format!("- [ ] 1.1 A\n  - {}\n", "x".repeat(300_000)));
    assert!(reading.wishes[0].body.len() <= super::super::BODY_LIMIT_BYTES);
    assert_eq!(reading.remarks.len(), 1);
}

#[test]
fn a_huge_plan_is_read_in_time_that_grows_with_it() {
    let tasks: String = (1..=20_000)
        .map(|nth| format!("- [ ] 1.{nth} Task (depends: 1.{})\n", nth.max(2) - 1))
        .collect();
    let begun = std::time::Instant::now();
    let reading = plan(&format!("## Phase 1\n{tasks}"));
    assert_eq!((reading.totals.tasks, reading.totals.needs), (20_000, 20_000));
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}
