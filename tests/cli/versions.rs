//! An agent of another version than its driver was written against is told, and used all the same.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;

use super::scene::Scene;

/// A program that says this version and does nothing else.
fn agent(scene: &Scene, says: &str, more: &str) {
    let path = scene.beside("agent");
    fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let program = path.display();
    scene.write(
        "shopfloor.toml",
        &format!(
            "[project.test]\ncommand = \"true\"\n[agent.mine]\ndriver = \"claude\"\nprogram = \"{program}\"\n{more}\n"
        ),
    );
}

/// Starts the stand-ins, stops them at once, and gives what was said.
fn started(scene: &Scene) -> (String, String) {
    let launcher = scene.start(&[]);
    let status = scene.run(&["status"]).ended(0).out;
    launcher.signal(Signal::TERM);
    (launcher.end().err, status)
}

#[test]
fn a_version_that_was_not_tried_is_warned_of_and_shown() {
    let scene = Scene::ready();
    agent(&scene, "2.9.9 (Claude Code)", "");
    let told = "mine 2.9.9 (Claude Code) (wanted: 2.1.328)";
    let (warned, status) = started(&scene);
    assert!(warned.contains("another version than was tried") && warned.contains(told), "{warned}");
    assert!(status.contains(&format!("Agents: {told}")), "{status}");
    scene.run(&["doctor"]).says(&["another version than was tried", told]);
    agent(&scene, "2.9.9 (Claude Code)", "version = \"2.9.9\"");
    let (warned, status) = started(&scene);
    assert!(!warned.contains("another version"), "{warned}");
    assert!(status.contains("Agents: mine 2.9.9 (Claude Code)\n"), "{status}");
}
