//! Figure 5 of planning: three orders of the demo's project are driven by hand, with the real workers and a SIMULATED agent,
//! while the others wait.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::house::{program, shown};

const THREE: [&str; 3] = ["slugify", "shorten", "frequency"];
const OTHERS: [&str; 2] = ["headline", "permalink"];

/// A row of figure 5.
fn row(what: &str, figure: &str, good: bool) {
    super::row(&format!("5: {what}"), figure, good);
}

/// The demo's project in a folder of its own.
struct Demo {
    folder: tempfile::TempDir,
}

impl Demo {
    fn new() -> Self {
        let demo = Self { folder: tempfile::tempdir().unwrap() };
        let house = Path::new(env!("CARGO_MANIFEST_DIR")).join("launcher/demo");
        copy(&house.join("wordcraft"), &demo.project());
        fs::copy(house.join("scenario.toml"), demo.path("scenario.toml")).unwrap();
        let quoted = |path: &Path| format!("{:?}", path.display().to_string());
        let config = format!(
            "[project]\nbase = \"main\"\n[project.test]\ncommand = \"cargo test --offline --no-fail-fast\"\ntimeout = \"5m\"\n\
             [worktree]\nroot = {}\n[limits]\nattempts = 3\nbackoff = \"1s\"\nbreaker = \"1s\"\npoll = \"200ms\"\n\
             [agent.sim]\ndriver = \"claude\"\nprogram = {}\nsimulated = true\n[agent.sim.env]\nSIM_AGENT_SCENARIO = {}\nSIM_AGENT_SPEED = \"40\"\n",
            quoted(&demo.path("worktrees")),
            quoted(&program("sim-agent")),
            quoted(&demo.path("scenario.toml")),
        );
        fs::write(demo.project().join("shopfloor.toml"), config).unwrap();
        for args in [
            &["init", "-q", "-b", "main"][..],
            &["config", "user.name", "A Person"],
            &["config", "user.email", "person@localhost"],
            &["add", "-A"],
            &["commit", "-q", "-m", "first"],
        ] {
            assert!(
                Command::new("git")
                    .args(args)
                    .current_dir(demo.project())
                    .status()
                    .unwrap()
                    .success()
            );
        }
        demo.shopfloor(&["init"]);
        demo
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn project(&self) -> std::path::PathBuf {
        self.path("wordcraft")
    }

    fn shopfloor(&self, args: &[&str]) -> Output {
        let mut command = Command::new(program("shopfloor"));
        command.args(args).current_dir(self.project()).env("XDG_STATE_HOME", self.path("state"));
        command.output().unwrap()
    }

    fn journal(&self, id: &str) -> Vec<u8> {
        fs::read(self.project().join("work-orders").join(id).join("events.jsonl")).unwrap()
    }

    fn state(&self, id: &str) -> String {
        let state = self.project().join("work-orders").join(id).join(".state");
        fs::read_to_string(state).unwrap_or_default().trim().to_owned()
    }
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap();
    assert!(done.success());
}

#[test]
#[ignore = "a measurement: .ci/prove plan runs it"]
fn three_orders_are_driven_and_the_others_wait() {
    let demo = Demo::new();
    for id in THREE.iter().chain(&OTHERS) {
        let added =
            demo.shopfloor(&["add", &format!("The module {id}, in `src/{id}.rs`"), "--id", id]);
        assert!(added.status.success(), "{}", shown(&added));
    }
    let before = OTHERS.map(|id| demo.journal(id));
    for (args, end) in [
        (&["--until", "TESTS_PRE"][..], "TESTS_PRE"),
        (&["--lifecycle", "design"], "IMPL"),
        (&["--until", "READY_FOR_REVIEW"], "READY_FOR_REVIEW"),
    ] {
        let begun = Instant::now();
        let ran = demo.shopfloor(&[&["run"], &THREE[..], args, &["--json"]].concat());
        let took: Duration = begun.elapsed();
        let told: Value = serde_json::from_slice(&ran.stdout).unwrap_or_default();
        let arrived = THREE
            .iter()
            .filter(|id| told["orders"][**id]["standing"] == "arrived" && demo.state(id) == end)
            .count();
        let turns: u64 = THREE.iter().filter_map(|id| told["orders"][*id]["turns"].as_u64()).sum();
        let same = OTHERS.map(|id| demo.journal(id)) == before;
        if !ran.status.success() {
            println!("{}", shown(&ran));
        }
        row(
            &format!("run {} {} (SIMULATED agent)", THREE.join(" "), args.join(" ")),
            &format!(
                "{arrived} of 3 in {end}, {turns} turns, {:.0} s; the {} others {}",
                took.as_secs_f64(),
                OTHERS.len(),
                if same { "untouched" } else { "TOUCHED" }
            ),
            arrived == 3 && same && ran.status.success(),
        );
    }
}
