//! What the README says can be done is done here: its two commands and the commands for one's own project.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::house::{House, shown};

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The lines of the README's shell blocks, without remarks.
fn own_project() -> Vec<String> {
    let text = readme();
    let block = text.split("```sh\n").nth(1).unwrap().split("```").next().unwrap().to_owned();
    let plain = |line: &str| line.split("  #").next().unwrap_or_default().trim().to_owned();
    block.lines().map(plain).filter(|line| !line.is_empty()).collect()
}

#[test]
fn the_two_commands_are_the_ones_that_ci_runs() {
    let text = readme();
    let part = text.split("<!-- the two commands -->").nth(1).unwrap().split("<!-- end -->").next();
    let commands: Vec<&str> =
        part.unwrap().lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    assert_eq!(commands, ["launcher/launch.sh demo", "cargo test"]);
    let ci = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/run")).unwrap();
    // A line of its own, so that it is run and not only spoken of: with a limit of time, nothing on its input or a copy of what
    // it prints, and the tests in a network of their own.
    let run = |line: &str| {
        let line = line.split(['<', '|']).next()?.trim_end_matches(" 2>&1 ").trim();
        let (minutes, command) = line.strip_prefix("within ")?.split_once(' ')?;
        minutes.parse::<u8>().ok().map(|_| command.to_owned())
    };
    let runs: Vec<String> = ci.lines().filter_map(run).collect();
    for command in [".ci/alone cargo test", "launcher/launch.sh demo"] {
        assert!(runs.iter().any(|run| run == command), "{command}: {runs:#?}");
    }
}

#[test]
fn the_commands_for_ones_own_project_do_what_they_say() {
    let house = House::new();
    let programs = crate::house::program("shopfloor").parent().unwrap().to_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    let lines: Vec<String> = own_project()
        .into_iter()
        .filter(|line| !line.starts_with("cargo ") && !line.starts_with("cd "))
        .map(|line| line.replace("shopfloor start", "shopfloor start --until-idle"))
        .collect();
    assert!(lines.len() >= 5, "{lines:?}");
    for line in lines {
        let mut command = Command::new("sh");
        command
            .args(["-c", &line])
            .current_dir(house.project())
            .env_clear()
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("HOME", house.path("home"))
            .env("XDG_STATE_HOME", house.path("state"));
        let ran = command.output().unwrap();
        // The house has its queue already, and says so.
        let fine = ran.status.success()
            || (line.starts_with("shopfloor init") && ran.status.code() == Some(5));
        assert!(fine, "{line}: {}", shown(&ran));
        if line.starts_with("git log") {
            assert!(shown(&ran).contains("Order: stack-equal-items"), "{}", shown(&ran));
        }
    }
    assert_eq!(house.state("stack-equal-items"), "READY_FOR_REVIEW", "{}", house.scene());
}
