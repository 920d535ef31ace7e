//! What an agent is told, end to end: the project's own templates and instructions, and the fingerprints on record.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use shopfloor::brief::fingerprint;

use crate::house::{House, program};

/// A house whose simulated agent is overheard: every line it is given stands in `heard`.
fn overheard(more: &str) -> House {
    let house = House::with(more, "");
    let (sim, heard) = (program("sim-agent"), house.path("heard"));
    let script = format!("#!/bin/sh\ntee -a '{}' | '{}' \"$@\"\n", heard.display(), sim.display());
    let agent = house.path("overheard-agent");
    fs::write(&agent, script).unwrap();
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
    let file = house.project().join("shopfloor.toml");
    let text = fs::read_to_string(&file).unwrap();
    let named = text.replace(&format!("{sim:?}"), &format!("{agent:?}"));
    assert_ne!(named, text, "the agent's program is not where it was");
    fs::write(&file, named).unwrap();
    house
}

/// The messages that the agent was given, as text.
fn messages(house: &House) -> Vec<String> {
    let heard = fs::read_to_string(house.path("heard")).unwrap();
    let lines = heard.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let users = lines.filter(|line| line["type"] == "user");
    users.map(|line| line["message"]["content"].as_str().unwrap().to_owned()).collect()
}

/// The record of the one session there was.
fn record(house: &House) -> Value {
    let sessions = fs::read_dir(house.project().join("work-orders/.floor/sessions")).unwrap();
    let records = sessions.flatten().map(|session| session.path().join("record.json"));
    let records: Vec<_> = records.filter(|path| path.is_file()).collect();
    assert_eq!(records.len(), 1, "{records:?}");
    serde_json::from_slice(&fs::read(&records[0]).unwrap()).unwrap()
}

fn commit(house: &House, name: &str, text: &str) {
    fs::write(house.project().join(name), text).unwrap();
    house.git(&["add", name]);
    house.git(&["commit", "-q", "-m", "instructions"]);
}

#[test]
fn own_templates_and_the_projects_instructions_are_told_and_fingerprinted() {
    let house = overheard("");
    commit(&house, "AGENTS.md", "Indent with tabs.\n");
    commit(&house, "CLAUDE.md", "This one is not asked.\n");
    // Not committed: it instructs nobody.
    fs::write(house.project().join("AGENTS.md"), "Indent with blanks.\n").unwrap();
    let folder = house.project().join("shopfloor-prompts");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("spec.md"), "You are the spec worker, and you are brief.\n").unwrap();
    house.add(&["one"]);
    house.run("spec-worker", &["--until-idle"]);
    assert_eq!(house.state("one"), "TESTS_PRE", "{}", house.scene());
    let messages = messages(&house);
    let told = &messages[0];
    assert!(told.starts_with("You are the spec worker, and you are brief.\n\n"), "{told}");
    let at = told.find("Indent with tabs.").unwrap();
    let marks = &told[..at].rsplit_once("<<<").unwrap().1;
    assert!(told[at..].starts_with(&format!("Indent with tabs.\n{}>>>", marks.trim())), "{told}");
    assert!(!told.contains("not asked") && !told.contains("with blanks"), "{told}");
    let (opening, prompt) = told.split_at(told.find("# Work order one").unwrap());
    let record = record(&house);
    assert_eq!(record["opening"], fingerprint(opening.strip_suffix("\n\n").unwrap()), "{told}");
    assert_eq!(record["work"]["one"]["prompts"], serde_json::json!([fingerprint(prompt)]));
    let began = &house.told("turn_began")[0];
    assert_eq!(began["prompt"], fingerprint(prompt));
}

#[test]
fn the_operator_says_which_instructions_there_are() {
    let house = overheard("[project]\ninstructions = [\"docs/none.md\", \"CLAUDE.md\"]\n");
    commit(&house, "AGENTS.md", "Indent with tabs.\n");
    commit(&house, "CLAUDE.md", "Be brief.\n");
    house.add(&["one"]);
    house.run("spec-worker", &["--until-idle"]);
    let told = messages(&house)[0].clone();
    assert!(told.contains("Be brief.") && !told.contains("tabs"), "{told}");
}
