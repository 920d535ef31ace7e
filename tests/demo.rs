//! The demo: it ends as it should, and leaves nothing, however it ends.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::house::{Worker, left_over, program, shown};

/// The longest a test waits for anything.
const LIMIT: Duration = Duration::from_secs(180);

/// A temporary folder in which the demo makes its own. Everything it starts knows it by TMPDIR.
struct Stage {
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let stage = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(stage.temporary()).unwrap();
        stage
    }

    fn temporary(&self) -> PathBuf {
        self.folder.path().join("temporary")
    }

    /// `shopfloor demo`, started from a folder that is no project, with nothing but what a tool chain needs.
    fn demo(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program("shopfloor"));
        command.arg("demo").args(args).current_dir(self.folder.path()).env_clear();
        for name in ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("TMPDIR", self.temporary()).stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.demo(args).output().unwrap()
    }

    /// Fails when a file or a process is left.
    fn is_bare(&self) {
        let files: Vec<_> = fs::read_dir(self.temporary()).unwrap().flatten().collect();
        assert!(files.is_empty(), "left: {files:?}");
        let processes = left_over(&self.temporary());
        assert!(processes.is_empty(), "left: {processes:#?}");
    }

    /// A demo that has come so far that workers are at work. Its further lines can be read.
    fn begun(&self, args: &[&str]) -> (Worker, impl Iterator<Item = String> + use<>) {
        let mut command = self.demo(&[&["--speed", "40"], args].concat());
        command.stdout(Stdio::piped()).stderr(fs::File::create(self.remarks()).unwrap());
        let mut demo = Worker { child: command.spawn().unwrap() };
        let mut lines =
            BufReader::new(demo.child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("-> TESTS_PRE")), "{:?}", self.remarked());
        (demo, lines)
    }

    fn remarks(&self) -> PathBuf {
        self.folder.path().join("remarks")
    }

    fn remarked(&self) -> String {
        fs::read_to_string(self.remarks()).unwrap()
    }
}

#[test]
fn the_demo_ends_with_five_ready_one_failed_and_nothing_left() {
    let stage = Stage::new();
    let ran = stage.run(&["--json", "--speed", "100"]);
    assert_eq!(ran.status.code(), Some(0), "{}", shown(&ran));
    let told: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stderr), "");
    let counts = serde_json::json!({"READY_FOR_REVIEW": 5, "FAILED": 1});
    assert_eq!(told["counts"], counts, "{told:#}");
    assert_eq!(told["simulated"], true);
    assert_eq!(told["model_calls_while_idle"], 0);
    assert_eq!(told["model_calls"], told["turns"], "{told:#}");
    assert!(told["liar_report"].as_str().unwrap().contains("3 tries of the implement stage"));
    let order = |id: &str| {
        let orders = told["orders"].as_array().unwrap();
        orders.iter().find(|order| order["id"] == id).unwrap().clone()
    };
    assert_eq!(
        (&order("reverse")["state"], &order("reverse")["commit"]),
        (&"FAILED".into(), &Value::Null)
    );
    assert_eq!(order("reverse")["attempts"], 3);
    assert_eq!(order("headline")["fix_turns"], 1);
    assert_eq!(order("shorten")["bounces"], 1);
    assert_eq!(order("permalink")["commit"].as_str().unwrap().len(), 40);
    stage.is_bare();
}

#[test]
fn ctrl_c_in_the_middle_of_the_demo_leaves_nothing_and_says_so() {
    let stage = Stage::new();
    let (mut demo, _lines) = stage.begun(&[]);
    demo.signal("INT");
    assert_eq!(demo.end(LIMIT), Some(130), "{}", stage.remarked());
    assert!(
        stage.remarked().contains("have ended and its folder is removed"),
        "{}",
        stage.remarked()
    );
    stage.is_bare();
}

#[test]
fn launcher_and_workers_end_by_themselves_when_the_demo_is_killed() {
    let stage = Stage::new();
    let (mut demo, _lines) = stage.begun(&[]);
    demo.signal("KILL");
    assert_eq!(demo.end(LIMIT), None);
    let begun = Instant::now();
    while !left_over(&stage.temporary()).is_empty() {
        assert!(begun.elapsed() < LIMIT, "{:#?}", left_over(&stage.temporary()));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_demo_whose_reader_has_gone_ends_and_leaves_nothing() {
    let stage = Stage::new();
    let (mut demo, lines) = stage.begun(&[]);
    drop(lines);
    assert_eq!(demo.end(LIMIT), Some(0), "{}", stage.remarked());
    stage.is_bare();
}

#[test]
fn what_the_demo_lacks_is_named_with_the_next_step() {
    let cases: [(&[&str], &str, i32, &str); 5] = [
        (&["--agent", "gpt"], "", 2, "the demo has no agent \"gpt\""),
        (&["--speed", "0"], "", 2, "--speed 0 is not between"),
        (&["--agent", "claude", "--speed", "2"], "", 2, "--speed is for the simulated agent"),
        (&["--agent", "claude"], "/nowhere", 1, "there is no program claude on PATH"),
        (&[], "/nowhere", 1, "install Rust"),
    ];
    for (args, path, code, words) in cases {
        let stage = Stage::new();
        let mut command = stage.demo(args);
        if !path.is_empty() {
            command.env("PATH", Path::new(path));
        }
        let ran = command.output().unwrap();
        assert_eq!(ran.status.code(), Some(code), "{args:?}: {}", shown(&ran));
        let told = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(told.contains(words), "{args:?}: {told}");
        stage.is_bare();
    }
}

#[test]
fn a_kept_demo_is_a_project_to_look_at_even_when_it_was_stopped() {
    let stage = Stage::new();
    let (mut demo, mut lines) = stage.begun(&["--keep"]);
    demo.signal("INT");
    let kept = lines.find_map(|line| line.strip_prefix("The folder is kept: ").map(str::to_owned));
    let project = Path::new(&kept.unwrap()).join("wordcraft");
    assert_eq!(demo.end(LIMIT), Some(130), "{}", stage.remarked());
    let mut status = Command::new(program("shopfloor"));
    let status = status.args(["status", "-C"]).arg(&project).output().unwrap();
    assert!(
        status.status.success() && project.join("shopfloor.toml").is_file(),
        "{}",
        shown(&status)
    );
    assert!(left_over(&stage.temporary()).is_empty());
}
