//! The claude driver against the real Claude Code 2.1.328.

use super::*;

mod faults;

/// A scene with the real program, or `None` (and a word about it).
pub(super) fn real(model: &Model) -> Option<Scene> {
    real_of(model, 1)
}

/// The same; `tests` is how many are skipped when there is none.
fn real_of(model: &Model, tests: usize) -> Option<Scene> {
    let program = found::program("claude", "2.1.328", tests)?;
    let mut scene = Scene::new(DriverName::Claude, &program.to_string_lossy());
    let home = scene.path("home");
    std::fs::create_dir(&home).unwrap();
    let key = "ANTHROPIC_API_KEY".to_owned();
    scene.config.env = BTreeMap::from([
        ("HOME".to_owned(), home.display().to_string()),
        ("ANTHROPIC_BASE_URL".to_owned(), model.url()),
        (key, "sk-ant-not-a-key".to_owned()),
    ]);
    Some(scene)
}

/// Keeps what the program printed.
fn record(scene: &Scene, model: &Model, name: &str) {
    super::record(scene, model, "claude/2.1.328", name);
}

#[tokio::test]
async fn two_orders_and_a_fix_turn_in_one_process_are_three_checked_results() {
    let model = Model::start(|_, _| Reply::Result).await;
    let Some(scene) = real(&model) else { return };
    let mut session = scene.open("implement").await;
    for order in ["a", "b"] {
        let (turn, usage) = turn_of(&scene, &mut *session, order).await;
        assert_eq!(testified(&turn).order, order);
        assert_eq!((usage.input_tokens, usage.output_tokens), (Some(110), Some(50)));
        assert!(usage.cost_usd.unwrap() > 0.0);
    }
    session.give(&scene.fix("implement", "b")).await.unwrap();
    testified(&turn_end(&mut *session).await.0);
    assert_eq!(model.requests(), 3);
    let ended = end(&scene, session, GRACE).await;
    record(&scene, &model, "two-orders");
    assert_eq!(ended.how, "exit 0");
    assert!(ended.unknown.is_empty(), "{ended:?}");
    let first = model.body(0);
    assert!(first.contains("The brief."), "{first}");
}

#[tokio::test]
async fn an_interrupted_turn_is_lost_and_the_session_lives_on() {
    let model = Model::start(|nth, _| if nth == 0 { Reply::Stall } else { Reply::Result }).await;
    let Some(scene) = real(&model) else { return };
    interrupted(&scene, &model).await;
    record(&scene, &model, "interrupt");
}

#[tokio::test]
async fn work_is_done_outside_the_working_folder_and_what_it_leaves_running_is_ended() {
    let model = Model::start(|nth, _| match nth {
        0 => Reply::Bash(
            "(setsid sleep 300 </dev/null >/dev/null 2>&1 &) ; echo hi > ../worktree/out; env > ../env",
        ),
        _ => Reply::Result,
    })
    .await;
    let Some(scene) = real(&model) else { return };
    let mut session = scene.open("implement").await;
    let (turn, _) = turn_of(&scene, &mut *session, "a").await;
    testified(&turn);
    assert_eq!(scene.read("worktree/out"), "hi\n");
    assert!(scene.read("env").contains(&scene.cookie()));
    assert!(end(&scene, session, GRACE).await.left_over >= 1);
    record(&scene, &model, "tools");
}

#[tokio::test]
async fn settings_servers_and_instructions_of_the_repository_or_an_earlier_session_are_left_alone()
{
    let model = Model::start(|_, _| Reply::Result).await;
    let Some(scene) = real(&model) else { return };
    let run = format!("touch {}", scene.path("ran").display());
    let hook = serde_json::json!({"hooks": [{"type": "command", "command": run}]});
    let settings = serde_json::json!({
        "hooks": {"SessionStart": [hook], "UserPromptSubmit": [hook]},
        "env": {"PLANTED": "variable"},
    });
    let server =
        serde_json::json!({"mcpServers": {"planted": {"command": "sh", "args": ["-c", run]}}});
    // The session's folder lies inside the repository, as it does on a floor.
    for folder in ["", "worktree", "session", "home"].map(|name| scene.path(name)) {
        std::fs::create_dir_all(folder.join(".claude")).unwrap();
        std::fs::write(folder.join(".claude/settings.json"), settings.to_string()).unwrap();
        for name in ["CLAUDE.md", "CLAUDE.local.md", ".claude/CLAUDE.md"] {
            std::fs::write(folder.join(name), "Planted instructions.").unwrap();
        }
        for name in [".mcp.json", ".claude.json"] {
            std::fs::write(folder.join(name), server.to_string()).unwrap();
        }
    }
    let mut session = scene.open("implement").await;
    let (turn, _) = turn_of(&scene, &mut *session, "a").await;
    testified(&turn);
    end(&scene, session, GRACE).await;
    assert!(!scene.path("ran").exists(), "a planted command has run");
    let asked = model.body(0);
    assert!(!asked.contains("Planted instructions"), "{asked}");
    assert!(!asked.contains("mcp__planted"), "{asked}");
}
