//! Work behind walls: the whole way with real workers, and what `doctor` and `status` say about it.

#![expect(clippy::print_stdout, reason = "a sandbox that can't be had is told")]

use std::path::Path;

use serde_json::Value;
use shopfloor::process::shim;
use shopfloor::sandbox::Means;

use crate::house::House;

/// The means that can be had here; of the others it is told that they can't.
async fn there() -> Vec<Means> {
    shim::stands_at(Path::new(env!("CARGO_BIN_EXE_shopfloor")));
    let mut there = Vec::new();
    for means in Means::ALL {
        match means.tried().await {
            Ok(()) => there.push(means),
            Err(why) => println!("SKIPPED|sandbox {}|1|{why}", means.as_str()),
        }
    }
    there
}

fn everywhere(sandbox: &str) -> String {
    let stages = ["spec", "test", "implement", "playtest", "commit"];
    stages.map(|stage| format!("[stage.{stage}]\nsandbox = \"{sandbox}\"\n")).concat()
}

/// A house whose simulated agent stands behind these walls. It counts no calls: the file for them lies outside.
fn walled(means: Means, acts: &str) -> House {
    let house = House::with(&everywhere(means.as_str()), acts);
    let path = house.project().join("shopfloor.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(", SIM_AGENT_CALLS = ").unwrap();
    let (_, after) = rest.split_once(" }").unwrap();
    std::fs::write(&path, format!("{before} }}{after}")).unwrap();
    house
}

#[tokio::test]
async fn orders_go_all_the_way_behind_every_wall() {
    for means in there().await {
        let house = walled(means, "");
        house.add(&["one", "two"]);
        house.run_all();
        for id in ["one", "two"] {
            assert_eq!(
                house.state(id),
                "READY_FOR_REVIEW",
                "{}: {}",
                means.as_str(),
                house.scene()
            );
        }
        // The agent's own HOME was used, and the checkouts that were looked at are gone.
        assert!(house.project().join("work-orders/.floor/homes/spec-worker").is_dir());
    }
}

/// An agent that leaves links in its HOME for the next session, where a program keeps its caches, and then goes through them.
const LINKS: &str = r#"
{
  echo escaped > "$HOME/.cache/escaped"
  cat "$HOME/.local/state"
  rm -rf "$HOME/.cache" "$HOME/.local" "$HOME/.config"
  mkdir -p "$HOME/.local"
  ln -s "$OUTSIDE" "$HOME/.cache"
  ln -s "$PERSON/.ssh/id" "$HOME/.local/state"
  ln -s "$OUTSIDE" "$HOME/.config"
} > "$TMPDIR/outcome" 2>&1
cat "$TMPDIR/outcome"
"#;

#[tokio::test]
async fn links_that_a_session_leaves_in_its_home_are_no_doors_for_the_next() {
    for means in there().await {
        for driver in ["command", "opencode"] {
            let house = House::with("", "");
            let (outside, person) = (house.path("outside"), house.path("home"));
            std::fs::create_dir_all(outside.join("opencode")).unwrap();
            std::fs::create_dir_all(person.join(".ssh")).unwrap();
            std::fs::write(person.join(".ssh/id"), "a secret\n").unwrap();
            let agent = house.path("agent.sh");
            std::fs::write(&agent, format!("#!/bin/sh\n{LINKS}")).unwrap();
            let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&agent, executable).unwrap();
            let config = format!(
                "[agent.links]\ndriver = \"{driver}\"\nprogram = {agent:?}\n\
                 env = {{ OUTSIDE = {outside:?}, PERSON = {person:?} }}\n\
                 [stage.spec]\nagent = \"links\"\nsandbox = \"{}\"\nbatch = 1\n",
                means.as_str()
            );
            let path = house.project().join("shopfloor.toml");
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, format!("{text}{config}")).unwrap();
            house.add(&["one", "two"]);
            for _ in 0..2 {
                house.run("spec-worker", &["--once"]);
            }
            let told = house.told("session_ended").len();
            assert_eq!(told, 2, "{}", house.scene());
            let floor = house.project().join("work-orders/.floor");
            let link = floor.join("homes/spec-worker/.cache");
            assert!(link.is_symlink(), "the first session left no link: {}", house.scene());
            let shown = format!("{} {driver}: {}", means.as_str(), house.scene());
            assert!(!outside.join("escaped").exists(), "{shown}");
            assert!(outside.join("opencode").is_dir(), "{shown}");
            // What it printed is kept with its session, and the log tells of it.
            let grep = ["-r", "a secret", "work-orders/.floor", "logs"];
            let found = std::process::Command::new("grep")
                .args(grep)
                .current_dir(house.project())
                .output()
                .unwrap();
            assert_eq!(found.status.code(), Some(1), "{shown}\n{found:?}");
        }
    }
}

#[tokio::test]
async fn doctor_tries_to_escape_and_says_what_it_could() {
    let there = there().await;
    let Some(means) = there.first() else { return };
    let house = House::with(&everywhere(means.as_str()), "");
    house.add(&["one"]);
    let told = house.shopfloor(&["doctor", "--json"]);
    let json: Value = serde_json::from_slice(&told.stdout).unwrap();
    for means in there {
        let all = json["sandboxes"].as_array().unwrap();
        let tried = all.iter().find(|tried| tried["sandbox"] == means.as_str()).unwrap();
        for attempt in tried["attempts"].as_array().unwrap() {
            let expected = if attempt["attempt"] == "own_worktree" { "yes" } else { "no" };
            let could = attempt["could"].as_str().unwrap();
            assert!([expected, "nothing_there"].contains(&could), "{}: {attempt}", means.as_str());
        }
    }
    // Without walls the same can be done: it was a real attempt.
    let none = json["sandboxes"].as_array().unwrap().last().unwrap().clone();
    let could = |name: &str| {
        let attempts = none["attempts"].as_array().unwrap();
        attempts.iter().find(|tried| tried["attempt"] == name).unwrap()["could"].clone()
    };
    for name in ["queue", "order_state", "base_checkout", "repository", "home", "kill"] {
        assert_eq!(could(name), "yes", "{name}");
    }
    assert_eq!(could("outlive"), "no", "the shim ends what no sandbox holds");
    assert_eq!(house.git(&["status", "--porcelain"]), "?? shopfloor.toml\n", "it left something");
}

#[test]
fn a_sandbox_that_is_asked_for_and_not_there_ends_the_worker() {
    let house = House::with(&everywhere("bwrap"), "");
    house.add(&["one"]);
    let git = std::process::Command::new("sh").args(["-c", "command -v git"]).output().unwrap();
    let tools = house.path("tools");
    std::fs::create_dir(&tools).unwrap();
    let git = String::from_utf8(git.stdout).unwrap();
    std::os::unix::fs::symlink(git.trim(), tools.join("git")).unwrap();
    let mut command = house.command("spec-worker");
    let ran = command.env("PATH", &tools).arg("--once").output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(!ran.status.success(), "{said}");
    assert!(said.contains("sandbox = \"bwrap\" can't be had here"), "{said}");
    assert_eq!((house.state("one").as_str(), house.calls()), ("NEW", 0));
}

/// What a worker's sessions were given, in turn: `session` for each that was opened, and the orders.
fn sessions_of(house: &House, worker: &str) -> Vec<String> {
    let own = house.events().into_iter().filter(|event| event["by"] == worker);
    own.filter_map(|event| match event["event"].as_str()? {
        "session_opened" => Some("session".to_owned()),
        "turn_began" => Some(event["order"].as_str()?.to_owned()),
        _ => None,
    })
    .collect()
}

#[tokio::test]
async fn behind_walls_an_order_joins_the_warm_session_when_it_was_on_its_way_at_the_start_and_else_the_next()
 {
    let acts = "[[act]]\norder = \"coming\"\nstage = \"test\"\nms = 3000\n\n\
                [[act]]\norder = \"first\"\nstage = \"implement\"\nms = 9000\n";
    for means in there().await {
        let house = walled(means, acts);
        house.add(&["first", "unseen", "coming"]);
        house.run("spec-worker", &["--until-idle"]);
        for id in ["coming", "unseen"] {
            assert!(house.shopfloor(&["hold", id]).status.success());
        }
        house.run("test-worker", &["--until-idle"]);
        assert!(house.shopfloor(&["release", "unseen"]).status.success());
        house.run("test-worker", &["--until-idle"]);
        assert!(house.shopfloor(&["hold", "unseen"]).status.success());
        assert!(house.shopfloor(&["release", "coming"]).status.success());
        let of_tests = || sessions_of(&house, "test-worker");
        // `first` can be had, the worker before has `coming` in hand, and nobody has `unseen`.
        let mut before = house.start("test-worker", &["--until-idle"]);
        house.wait("the turn before", |_| of_tests().last().is_some_and(|order| order == "coming"));
        let mut worker = house.start("implement-worker", &["--until-idle"]);
        house.wait("the session", |house| sessions_of(house, "implement-worker").len() == 2);
        assert!(house.shopfloor(&["release", "unseen"]).status.success());
        assert_eq!(before.end(std::time::Duration::from_secs(60)), Some(0));
        assert_eq!(worker.end(std::time::Duration::from_secs(60)), Some(0), "{}", house.scene());
        assert_eq!(
            sessions_of(&house, "implement-worker"),
            ["session", "first", "coming", "session", "unseen"],
            "{}: {}",
            means.as_str(),
            house.scene()
        );
        for id in ["first", "coming", "unseen"] {
            assert_eq!(house.state(id), "PLAYTEST", "{}: {}", means.as_str(), house.scene());
        }
    }
}
