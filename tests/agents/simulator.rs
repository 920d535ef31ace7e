//! The simulator's honest work: good enough for any order at any stage of a project with shell tests.

use super::*;

fn shell_test(scene: &Scene) -> bool {
    let test = std::process::Command::new("sh")
        .arg("tests/a.sh")
        .current_dir(scene.path("worktree"))
        .output()
        .unwrap();
    test.status.success()
}

#[tokio::test]
async fn its_honest_work_is_red_before_and_green_after_and_every_paper_is_there() {
    let scene = Scene::simulated(DriverName::Claude, "");
    let mut told = Vec::new();
    for stage in &STAGES {
        let mut session = scene.open(stage.name).await;
        session.give(&scene.turn(stage.name, "a")).await.unwrap();
        let (turn, ..) = turn_end(&mut *session).await;
        let testimony = testified(&turn).clone();
        assert!(testimony.artifacts.iter().all(|name| scene.path("desks/a").join(name).is_file()));
        for paper in stage.leaves {
            assert!(scene.read(&format!("desks/a/{paper}")).contains("SIMULATED"), "{paper}");
        }
        told.push((stage.name, scene.path("worktree/tests/a.sh").is_file() && shell_test(&scene)));
        end(&scene, session, Duration::from_secs(10)).await;
    }
    assert_eq!(
        told,
        [
            ("spec", false),
            ("test", false),
            ("implement", true),
            ("playtest", true),
            ("commit", true)
        ]
    );
    let spec = scene.read("desks/a/work-order.md");
    for heading in ["Goal", "Acceptance criteria", "Files", "How to playtest"] {
        assert!(spec.contains(&format!("## {heading}\n\n")), "{spec}");
    }
    let report = scene.read("desks/a/playtest-report.md");
    assert!(report.contains("SIMULATED work of a"), "{report}");
    assert_eq!(report.trim_end().lines().last(), Some("Verdict: APPROVED"));
}

#[tokio::test]
async fn a_scenario_says_what_is_written_appended_run_and_answered() {
    let scenario = r#"
[[act]]
stage = "implement"
files = { "src/{{id}}.txt" = "of {{title}}" }
append = { "list.txt" = "{{id}}\n" }
[[act]]
stage = "playtest"
verdict = "needs_work"
why = "it is wrong"
run = [["cat", "list.txt"]]
capture = "session.txt"
papers = { "playtest-report.md" = "{{output}}\nVerdict: NEEDS_WORK\n" }
artifacts = ["session.txt"]
"#;
    let scene = Scene::simulated(DriverName::Claude, scenario);
    for _ in 0..2 {
        let mut session = scene.open("implement").await;
        session.give(&scene.turn("implement", "a")).await.unwrap();
        testified(&turn_end(&mut *session).await.0);
        end(&scene, session, Duration::from_secs(10)).await;
    }
    assert_eq!(scene.read("worktree/src/a.txt"), "of The title of a");
    assert_eq!(scene.read("worktree/list.txt"), "a\n");
    let mut session = scene.open("playtest").await;
    session.give(&scene.turn("playtest", "a")).await.unwrap();
    let (turn, ..) = turn_end(&mut *session).await;
    let testimony = testified(&turn);
    assert_eq!(testimony.verdict, shopfloor::verdict::Verdict::NeedsWork);
    assert_eq!(testimony.why, "SIMULATED: it is wrong");
    assert_eq!(testimony.artifacts, ["session.txt"]);
    assert!(scene.read("desks/a/playtest-report.md").starts_with("$ cat list.txt\na\n"));
    end(&scene, session, Duration::from_secs(10)).await;
}

#[tokio::test]
async fn it_says_what_it_is_and_its_speed_divides_every_time() {
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_sim-agent")).arg("--help").output();
    let help = String::from_utf8(help.unwrap().stdout).unwrap();
    assert!(help.starts_with("SIMULATED"), "{help}");
    let mut scene = Scene::simulated(DriverName::Claude, "");
    std::fs::write(scene.path("slow.toml"), "startup_ms = 0\nturn_ms = 3600000\n").unwrap();
    scene.config.args =
        vec!["--scenario".to_owned(), scene.path("slow.toml").display().to_string()];
    scene.config.env.insert("SIM_AGENT_SPEED".to_owned(), "1000000".to_owned());
    let mut session = scene.open("spec").await;
    session.give(&scene.turn("spec", "a")).await.unwrap();
    testified(&turn_end(&mut *session).await.0);
    end(&scene, session, Duration::from_secs(10)).await;
}
