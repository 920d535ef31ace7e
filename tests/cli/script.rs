//! `launcher/launch.sh`: builds when it must, and hands everything on.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::scene::{Scene, Told, WORKERS, lines, told};

const STAND_IN: &str = "#!/bin/sh\necho \"shopfloor $*\"\nexit 42\n";

fn program(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// All programs as if they had been built.
fn build(scene: &Scene) -> PathBuf {
    let target = scene.beside("target");
    for name in WORKERS.into_iter().chain(["shopfloor", "sim-agent"]) {
        program(&target.join("release").join(name), STAND_IN);
    }
    target
}

fn launch(scene: &Scene, args: &[&str]) -> Told {
    // A cargo that writes down how it was called, and builds the one program that is started.
    let cargo = format!(
        "#!/bin/sh\necho \"$*\" >> '{}'\ncp \"$CARGO_TARGET_DIR/release/spec-worker\" \"$CARGO_TARGET_DIR/release/shopfloor\"\n",
        scene.beside("cargo").display()
    );
    program(&scene.beside("bin/cargo"), &cargo);
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/launcher/launch.sh"));
    let path = format!("{}:/usr/bin:/bin", scene.beside("bin").display());
    command.args(args).env_clear().env("PATH", path).current_dir(scene.project());
    command.env("CARGO_TARGET_DIR", scene.beside("target"));
    told(command)
}

#[test]
fn what_is_built_is_started_with_the_same_flags_and_its_exit_code() {
    let scene = Scene::empty();
    build(&scene);
    let told = launch(&scene, &["--test-batch", "10", "-C", "a b"]).ended(42);
    assert_eq!(told.out, "shopfloor start --test-batch 10 -C a b\n");
    assert!(!scene.beside("cargo").exists());
}

#[test]
fn what_is_missing_is_built_first() {
    let scene = Scene::empty();
    let target = build(&scene);
    fs::remove_file(target.join("release/shopfloor")).unwrap();
    launch(&scene, &[]).ended(42).remarks(&["Building"]);
    let calls = lines(&scene.beside("cargo"));
    assert!(calls.len() == 1 && calls[0].starts_with("build --release"), "{calls:?}");
}

#[test]
fn demo_as_its_first_word_is_the_demo() {
    let scene = Scene::empty();
    build(&scene);
    let told = launch(&scene, &["demo", "--json"]).ended(42);
    assert_eq!(told.out, "shopfloor demo --json\n");
}

#[test]
fn the_flags_in_its_help_are_those_of_start() {
    let scene = Scene::empty();
    let help = launch(&scene, &["--help"]).ended(0).out;
    let start = scene.run(&["start", "--help"]).ended(0).out;
    let flags: Vec<&str> = help.split_whitespace().filter(|word| word.starts_with("--")).collect();
    assert!(flags.len() >= 9, "{flags:?}");
    for flag in flags {
        assert!(start.contains(flag), "{flag} is not a flag of start");
    }
}
