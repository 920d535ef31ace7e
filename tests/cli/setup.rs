//! Setting a project up, and finding things.

use std::fs;

use super::scene::{Scene, told};

#[test]
fn init_outside_a_repository_or_without_a_commit_says_what_to_do_and_makes_nothing() {
    let scene = Scene::empty();
    scene.run(&["init"]).ended(2).remarks(&["not inside a git repository", "next:", "git init"]);
    scene.git(&["init", "-q"]);
    scene.run(&["init"]).ended(2).remarks(&["has no commit", "next:", "git commit"]);
    let left: Vec<_> =
        fs::read_dir(scene.project()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, [".git"]);
}

#[test]
fn init_finds_the_tests_and_the_agent_and_keeps_its_folders_out_of_git() {
    let scene = Scene::repository();
    scene.write("go.mod", "module x\n");
    scene.worker("claude", "exit 0");
    let path = format!("{}:{}", scene.beside("workers").display(), std::env::var("PATH").unwrap());
    let mut command = scene.command(&["init"]);
    command.env("PATH", path);
    told(command).ended(0).says(&["go test ./...", "from go.mod", "claude"]);
    let written = fs::read_to_string(scene.project().join("shopfloor.toml")).unwrap();
    assert!(written.contains("\ncommand = \"go test ./...\"\n"), "{written}");
    assert!(written.contains("\nagent_default = \"claude\"\n"), "{written}");
    assert_eq!(scene.git(&["status", "--porcelain"]), "?? go.mod\n?? shopfloor.toml\n");
    assert!(scene.queue(".floor/queue.json").is_file());
}

#[test]
fn init_without_tests_or_agent_warns_and_start_refuses_and_names_both() {
    let scene = Scene::repository();
    let mut command = scene.command(&["init"]);
    command.env("PATH", "/usr/bin:/bin");
    told(command).ended(0).remarks(&["no test command", "no agent"]);
    let faults = scene.run(&["start"]).remarks(&["has no test command", "no agent is configured"]);
    faults.ended(2).remarks(&["[project.test]", "command ="]);
}

#[test]
fn a_second_init_changes_nothing_and_force_keeps_the_old_file() {
    let scene = Scene::repository();
    scene.run(&["init"]).ended(0);
    let path = scene.project().join("shopfloor.toml");
    fs::write(&path, "# mine\n").unwrap();
    scene.run(&["init"]).ended(5).remarks(&["set up already", "--force"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "# mine\n");
    let id = fs::read_to_string(scene.queue(".floor/queue.json")).unwrap();
    scene.run(&["init", "--force"]).ended(0).says(&[".bak"]);
    let kept = fs::read_dir(scene.project()).unwrap().map(|e| e.unwrap().path());
    let kept: Vec<_> = kept.filter(|path| path.extension().is_some_and(|e| e == "bak")).collect();
    assert_eq!(fs::read_to_string(&kept[0]).unwrap(), "# mine\n");
    assert_eq!(fs::read_to_string(scene.queue(".floor/queue.json")).unwrap(), id);
    let exclude = fs::read_to_string(scene.project().join(".git/info/exclude")).unwrap();
    assert_eq!(exclude.matches("/work-orders/").count(), 1, "{exclude}");
}

#[test]
fn a_clone_with_its_own_configuration_gets_the_rest() {
    let scene = Scene::repository();
    scene.write("shopfloor.toml", "# theirs\n");
    scene.run(&["init"]).ended(0).remarks(&["kept shopfloor.toml"]);
    let kept = fs::read_to_string(scene.project().join("shopfloor.toml")).unwrap();
    assert_eq!(kept, "# theirs\n");
    assert!(scene.queue(".floor/queue.json").is_file());
}

#[test]
fn init_works_in_a_linked_worktree_and_below_the_top() {
    let scene = Scene::repository();
    scene.git(&["worktree", "add", "-q", "../linked", "-b", "other"]);
    fs::create_dir(scene.beside("linked/deep")).unwrap();
    let mut command = scene.command(&["-C", "../linked/deep", "init"]);
    told(command).ended(0).says(&["/linked/work-orders"]);
    command = scene.command(&["status"]);
    command.current_dir(scene.beside("linked/deep"));
    told(command).ended(0).says(&["no launcher runs"]);
}

#[test]
fn without_a_queue_every_command_says_how_to_make_one() {
    let scene = Scene::repository();
    for args in [&["status"][..], &["add", "x"], &["show", "x"], &["stop"], &["hold", "x"]] {
        scene.run(args).ended(7).remarks(&["there is no queue in work-orders", "shopfloor init"]);
    }
    assert!(!scene.queue("").exists());
}

#[test]
fn flags_win_over_the_environment_and_it_over_the_default() {
    let scene = Scene::ready();
    let elsewhere = Scene::ready();
    scene.add("here");
    elsewhere.add("there");
    let of_env = || {
        let mut command = scene.command(&["status", "--json"]);
        command.env("SHOPFLOOR_QUEUE", elsewhere.queue(""));
        command
    };
    let queue = |told: super::scene::Told| told.ended(0).json()["waiting"][0]["id"].clone();
    assert_eq!(queue(told(of_env())), "there");
    let mut command = of_env();
    command.arg("--queue").arg(scene.queue(""));
    assert_eq!(queue(told(command)), "here");
    assert_eq!(queue(scene.run(&["status", "--json"])), "here");
}

#[test]
fn a_broken_configuration_names_file_line_and_next_step() {
    let scene = Scene::ready();
    scene.write("shopfloor.toml", "[limits]\natempts = 3\n");
    let told = scene.run(&["start"]).ended(2);
    told.remarks(&["shopfloor.toml", "line 2", "atempts", "next:"]);
    // What does not need it works all the same.
    scene.run(&["status"]).ended(0);
}

#[test]
fn usage_errors_end_with_2_and_help_goes_to_stdout() {
    let scene = Scene::empty();
    scene.run(&["stauts"]).ended(2).remarks(&["status"]);
    scene
        .run(&["start", "--parallel", "paint=2"])
        .ended(2)
        .remarks(&["no stage \"paint\"", "playtest"]);
    scene.run(&["start", "--impl-batch", "0"]).ended(2);
    let help = scene.run(&["start", "--help"]).ended(0);
    help.says(&["--impl-batch", "--playtest-batch", "Examples:"]);
    scene.run(&["-C", "no-such-folder", "status"]).ended(2).remarks(&["no-such-folder"]);
}

#[test]
fn a_reader_that_has_seen_enough_is_a_quiet_end() {
    let scene = Scene::ready();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = scene.command(&["status"]);
    let ran = command.stdout(writer).output().unwrap();
    assert_eq!((ran.status.code(), String::from_utf8(ran.stderr).unwrap().as_str()), (Some(0), ""));
}
