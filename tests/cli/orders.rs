//! Orders: taking them in, looking at them, and a person's hand on them.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use super::scene::{Scene, Told};

fn state(scene: &Scene, id: &str) -> String {
    fs::read_to_string(scene.queue(id).join(".state")).unwrap().trim().to_owned()
}

fn orders(scene: &Scene) -> Vec<String> {
    let names = fs::read_dir(scene.queue("")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

fn add_from_stdin(scene: &Scene, body: &[u8]) -> Told {
    let mut command = scene.command(&["add", "from stdin", "--body", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(body).unwrap();
    let ran = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Told { code: ran.status.code(), out: text(ran.stdout), err: text(ran.stderr) }
}

#[test]
fn add_prints_the_id_and_a_title_used_again_gets_a_number() {
    let scene = Scene::ready();
    for wanted in ["stack-items\n", "stack-items-2\n", "stack-items-3\n"] {
        let told = scene.run(&["add", "Stack items!"]).ended(0);
        assert_eq!((told.out.as_str(), told.err.as_str()), (wanted, ""));
    }
    let told = scene
        .run(&[
            "add",
            "Craft",
            "--needs",
            "stack-items",
            "stack-items-2@IMPL",
            "--priority",
            "high",
            "--file",
            "src/a.rs",
            "--label",
            "ui",
            "--json",
        ])
        .ended(0);
    assert_eq!((&told.json()["id"], &told.json()["state"]), (&"craft".into(), &"NEW".into()));
    let request: serde_json::Value =
        serde_json::from_slice(&fs::read(scene.queue("craft/order.json")).unwrap()).unwrap();
    assert_eq!(request["needs"], serde_json::json!(["stack-items", "stack-items-2@IMPL"]));
    assert_eq!((&request["priority"], &request["files"][0]), (&"high".into(), &"src/a.rs".into()));
    assert_eq!(state(&scene, "craft"), "NEW");
}

#[test]
fn a_body_comes_from_a_file_or_stdin_and_what_is_no_text_names_its_line() {
    let scene = Scene::ready();
    scene.write("notes.md", "the whole story\n");
    scene.run(&["add", "a", "--body", "notes.md"]).ended(0);
    scene.run(&["show", "a"]).ended(0).says(&["the whole story"]);
    assert_eq!(add_from_stdin(&scene, b"# more\n").ended(0).out, "from-stdin\n");
    add_from_stdin(&scene, b"one\ntwo\n\xff\n").ended(2).remarks(&["line 3", "UTF-8"]);
    add_from_stdin(&scene, &vec![b'x'; 300 * 1024]).ended(2).remarks(&["KiB"]);
    scene.run(&["add", "b", "--body", "none.md"]).ended(3).remarks(&["none.md"]);
}

#[test]
fn ids_titles_and_files_that_can_not_be_are_refused_and_nothing_is_made() {
    let scene = Scene::ready();
    let long = "a".repeat(300);
    for id in ["../x", "a/b", "a\nb", &long, "", ".hidden", "A", "x.lock", "-rf"] {
        let id = format!("--id={id}");
        scene.run(&["add", "t", &id]).ended(2).remarks(&["is not an order id", "next:"]);
    }
    for title in ["", "  ", "two\nlines", "bell\u{7}", &long] {
        scene.run(&["add", title, "--id", "t"]).ended(2).remarks(&["title"]);
    }
    scene.run(&["add", "¿?"]).ended(2).remarks(&["--id"]);
    for file in ["../x", "/etc/passwd", ""] {
        let file = format!("--file={file}");
        scene.run(&["add", "t", &file]).ended(2).remarks(&["inside the repository"]);
    }
    scene.run(&["add", "t", "--priority", "soon"]).ended(2).remarks(&["not a priority"]);
    assert!(orders(&scene).is_empty());
}

#[test]
fn an_id_that_is_taken_is_refused() {
    let scene = Scene::ready();
    scene.add("a");
    scene.run(&["add", "t", "--id", "a"]).ended(2).remarks(&["there is an order a already"]);
}

#[test]
fn a_need_must_exist_unless_told_otherwise() {
    let scene = Scene::ready();
    scene.add("item-stacking");
    let told = scene.run(&["add", "b", "--needs", "item-staking"]).ended(3);
    told.remarks(&[
        "there is no order item-staking",
        "did you mean item-stacking?",
        "--allow-missing",
    ]);
    scene
        .run(&["add", "b", "--needs", "item-stacking@LIMBO"])
        .ended(2)
        .remarks(&["LIMBO", "PLAYTEST"]);
    scene.run(&["add", "b", "--id", "b", "--needs", "b"]).ended(2).remarks(&["can't need itself"]);
    assert_eq!(orders(&scene), ["item-stacking"]);
    scene.run(&["add", "b", "--needs", "later", "--allow-missing"]).ended(0).remarks(&["later"]);
    scene
        .run(&["status"])
        .ended(0)
        .says(&["needs later, and there is no such order", "there is no such order"]);
}

#[test]
fn an_unknown_id_ends_with_3_and_a_guess() {
    let scene = Scene::ready();
    scene.add("item-stacking");
    for command in ["show", "hold", "release", "retry", "kick", "archive", "logs"] {
        let told = scene.run(&[command, "item-stackign"]).ended(3);
        told.remarks(&["there is no order item-stackign", "did you mean item-stacking?"]);
        scene.run(&[command, "../etc"]).ended(3).remarks(&["is not an order id"]);
    }
}

#[test]
fn holds_come_and_go_and_show_their_reason() {
    let scene = Scene::ready();
    scene.add("a");
    scene.run(&["hold", "a", "wait for the art"]).ended(0);
    scene.run(&["status"]).ended(0).says(&["On hold", "wait for the art"]);
    let status = scene.run(&["status", "--json"]).ended(0).json();
    assert_eq!(
        (&status["holds"][0]["id"], &status["holds"][0]["why"]),
        (&"a".into(), &"wait for the art".into())
    );
    scene.run(&["show", "a"]).ended(0).says(&["on hold: wait for the art", "put on hold"]);
    scene.run(&["release", "a"]).ended(0).says(&["no longer on hold"]);
    scene.run(&["unhold", "a"]).ended(4).remarks(&["was not on hold"]);
    // By hand, as the queue promises it.
    fs::write(scene.queue("a/.hold"), "by hand\n").unwrap();
    scene.run(&["status"]).ended(0).says(&["by hand"]);
}

#[test]
fn a_failed_order_gets_another_chance_where_its_agent_works() {
    let scene = Scene::ready();
    scene.add("a");
    scene.run(&["kick", "a"]).ended(2).remarks(&["is in NEW, not FAILED", "--to"]);
    scene.run(&["kick", "a", "--to", "REVIEW"]).ended(0).says(&["a is in REVIEW"]);
    scene.run(&["kick", "a", "--to", "FAILED"]).ended(0);
    scene.run(&["status"]).ended(0).says(&["FAILED"]);
    scene.run(&["show", "a"]).ended(0).says(&["FAILED:", "shopfloor retry a"]);
    scene.run(&["kick", "a"]).ended(0).says(&["a is in IMPL"]);
    scene.run(&["kick", "a", "--to", "FAILED"]).ended(0);
    scene.run(&["retry", "a"]).ended(0).says(&["a is in IMPL"]);
    scene.run(&["retry", "a"]).ended(0).says(&["a is in IMPL"]);
    scene.run(&["kick", "a", "--to", "READY_FOR_REVIEW"]).ended(0);
    scene.run(&["retry", "a"]).ended(4).remarks(&["nothing to try again"]);
    scene.run(&["kick", "a", "--to", "LIMBO"]).ended(2).remarks(&["TESTS_PRE"]);
    assert_eq!(state(&scene, "a"), "READY_FOR_REVIEW");
}

#[test]
fn only_finished_orders_go_into_the_archive_and_needs_on_them_are_met() {
    let scene = Scene::ready();
    scene.add("a");
    scene.run(&["archive", "a"]).ended(2).remarks(&["not finished", "--force"]);
    scene.run(&["kick", "a", "--to", "READY_FOR_REVIEW"]).ended(0);
    scene.run(&["archive", "a"]).ended(0);
    assert!(orders(&scene).is_empty());
    scene.run(&["add", "b", "--needs", "a"]).ended(0);
    let status = scene.run(&["status", "--json"]).ended(0).json();
    assert_eq!(status["waiting"][0]["kind"], "ready");
}

#[test]
fn several_orders_at_once_or_none_of_them() {
    let scene = Scene::ready();
    ["a", "b"].iter().for_each(|id| scene.add(id));
    ["a", "b"].iter().for_each(|id| drop(scene.run(&["hold", id]).ended(0)));
    scene.run(&["release", "a", "nope"]).ended(3);
    assert!(scene.queue("a/.hold").exists());
    scene.run(&["release", "a", "b"]).ended(0);
    assert!(!scene.queue("a/.hold").exists() && !scene.queue("b/.hold").exists());
}

#[test]
fn a_broken_request_is_shown_with_its_line_and_hides_nothing_else() {
    let scene = Scene::ready();
    ["a", "b"].iter().for_each(|id| scene.add(id));
    fs::write(scene.queue("a/order.json"), "{\n  \"title\": 3\n}\n").unwrap();
    scene.run(&["status"]).ended(0).says(&["Broken", "line 2"]);
    let status = scene.run(&["status", "--json"]).ended(0).json();
    assert_eq!(
        (&status["broken"][0]["id"], &status["waiting"][0]["id"]),
        (&"a".into(), &"b".into())
    );
    scene.run(&["show", "a"]).ended(0).says(&["can't be read", "line 2", "order.json"]);
    assert_eq!(fs::read_to_string(scene.queue("a/order.json")).unwrap(), "{\n  \"title\": 3\n}\n");
}

#[test]
fn a_state_nobody_knows_is_shown_and_left_as_it_is() {
    let scene = Scene::ready();
    scene.add("a");
    fs::write(scene.queue("a/.state"), "LIMBO\n").unwrap();
    scene.run(&["status"]).ended(0).says(&["LIMBO"]);
    scene.run(&["show", "a"]).ended(0).says(&["LIMBO"]);
    assert_eq!(state(&scene, "a"), "LIMBO");
}

#[test]
fn a_person_with_mkdir_and_echo_is_a_supported_user() {
    let scene = Scene::ready();
    fs::create_dir(scene.queue("by-hand")).unwrap();
    scene.run(&["show", "by-hand"]).ended(0).says(&["NEW"]);
    scene.add("a");
    fs::write(scene.queue("a/.state"), "IMPL\n").unwrap();
    let status = scene.run(&["status", "--json"]).ended(0).json();
    assert_eq!((&status["counts"]["NEW"], &status["counts"]["IMPL"]), (&1.into(), &1.into()));
}

#[test]
fn a_name_that_is_no_id_is_shown_without_its_control_characters() {
    let scene = Scene::ready();
    fs::create_dir(scene.queue("bad\u{1b}[2Jname")).unwrap();
    let told = scene.run(&["status"]).ended(0).says(&["Broken", "bad"]);
    assert!(!told.out.contains('\u{1b}'), "{:?}", told.out);
}

#[test]
fn show_tells_the_whole_story_as_json_too() {
    let scene = Scene::ready();
    scene.add("a");
    scene.run(&["kick", "a", "--to", "IMPL"]).ended(0);
    fs::create_dir_all(scene.queue("a/evidence/1")).unwrap();
    fs::write(scene.queue("a/evidence/1/red.txt"), "x").unwrap();
    fs::write(scene.queue("a/work-order.md"), "x").unwrap();
    let shown = scene.run(&["show", "a", "--json"]).ended(0).json();
    let of = |name: &str| shown[name].clone();
    assert_eq!(
        (of("id"), of("state"), of("branch")),
        ("a".into(), "IMPL".into(), "shopfloor/a".into())
    );
    assert_eq!(of("papers"), serde_json::json!(["work-order.md"]));
    assert_eq!(of("evidence"), serde_json::json!(["evidence/1/red.txt"]));
    assert_eq!((of("hold"), of("claim"), of("worktree")), Default::default());
    let events: Vec<&str> =
        shown["events"].as_array().unwrap().iter().map(|e| e["e"].as_str().unwrap()).collect();
    assert_eq!(events, ["create", "kick"]);
    assert_eq!(shown["request"]["title"], "a");
}

#[test]
fn logs_of_a_stage_and_events_of_an_order() {
    let scene = Scene::ready();
    scene.add("a");
    scene.run(&["logs"]).ended(4).remarks(&["no log"]);
    scene.write("logs/spec-worker.log", "one\ntwo\nthree\n");
    scene.write("logs/implement-worker-2.log", "second\n");
    scene.write("logs/other.log", "no\n");
    assert_eq!(scene.run(&["logs", "spec", "-n", "2"]).ended(0).out, "two\nthree\n");
    let all = scene.run(&["logs"]).ended(0);
    assert_eq!(
        all.out,
        "==> implement-worker-2 <==\nsecond\n==> spec-worker <==\none\ntwo\nthree\n"
    );
    let events =
        "{\"order\":\"a\",\"text\":\"x\"}\n{\"order\":\"b\"}\n{\"order\":\"a\",\"text\":\"y\"}\n";
    fs::write(scene.queue(".floor/events.jsonl"), events).unwrap();
    let of_a = scene.run(&["logs", "a"]).ended(0).out;
    assert_eq!(of_a.lines().count(), 2, "{of_a}");
}
