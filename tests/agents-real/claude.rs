//! The claude driver against the real Claude Code 2.1.328.

use super::*;
use table::{Row, env, work};

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
    assert_eq!(ended.how, "exit 0");
    assert!(ended.unknown.is_empty(), "{ended:?}");
    let first = model.body(0);
    assert!(first.contains("The brief."), "{first}");
}

const LATER: u64 = 4_000_000_000;

fn rows() -> Vec<Row> {
    let error = Reply::error;
    let limit = env("usage limit", Reply::UsageLimit { reset: LATER }, "usage limit", true);
    vec![
        Row { until: Some(LATER), ..limit },
        env("login refused", error(401, "authentication_error"), "login", true),
        env("forbidden", error(403, "permission_error"), "login", true),
        env("no money", error(400, "credit_balance_too_low"), "billing", true),
        env("rate limit", error(429, "rate_limit_error"), "rate limit", true),
        env("server error", error(500, "api_error"), "overloaded", false),
        env("overloaded", error(529, "overloaded_error"), "overloaded", false),
        env("cut stream", Reply::Cut, "network", false),
        env("unknown model", error(404, "not_found_error"), "no such model", true),
        env("bad request", error(400, "invalid_request_error"), "bad request", true),
        work("context full", error(400, "prompt_is_too_long"), "context full", true),
    ]
}

#[tokio::test]
async fn every_failure_is_the_right_row_of_the_table() {
    let mut wrong = Vec::new();
    for row in rows() {
        let reply = row.reply.clone();
        let model = Model::start(move |_, _| reply.clone()).await;
        let Some(mut scene) = real_of(&model, rows().len()) else { return };
        scene.config.env.insert("CLAUDE_CODE_MAX_RETRIES".to_owned(), "1".to_owned());
        if row.until.is_some() {
            // Only an account's token has such limits.
            scene.config.env.remove("ANTHROPIC_API_KEY");
            let token = "sk-ant-oat01-not".to_owned();
            scene.config.env.insert("CLAUDE_CODE_OAUTH_TOKEN".to_owned(), token);
        }
        let mut session = scene.open("implement").await;
        let (turn, _) = turn_of(&scene, &mut *session, "a").await;
        end(&scene, session, GRACE).await;
        wrong.extend(table::check("claude", &row, &turn, model.requests()).err());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_refused_login_is_killed_at_the_first_retry() {
    for (status, kind) in [(401, "authentication_error"), (403, "permission_error")] {
        let model = Model::start(move |_, _| Reply::error(status, kind)).await;
        let Some(scene) = real(&model) else { return };
        let mut session = scene.open("implement").await;
        let (turn, _) = turn_of(&scene, &mut *session, "a").await;
        let failure = failed(&turn);
        assert_eq!((failure.class, failure.session_over), (Class::Env, true), "{failure:?}");
        println!("{status}: {} requests", model.requests());
        assert!(model.requests() <= 3, "{}", model.requests());
        end(&scene, session, GRACE).await;
    }
}

#[tokio::test]
async fn an_interrupted_turn_is_lost_and_the_session_lives_on() {
    let model = Model::start(|nth, _| if nth == 0 { Reply::Stall } else { Reply::Result }).await;
    let Some(scene) = real(&model) else { return };
    let mut session = scene.open("implement").await;
    session.give(&scene.turn("implement", "a")).await.unwrap();
    model.asked().await;
    assert!(session.interrupt().await);
    let (turn, _, said) = turn_end(&mut *session).await;
    println!("{turn:?} after {said:#?}");
    assert_eq!(failed(&turn).class, Class::Lost);
    let (turn, _) = turn_of(&scene, &mut *session, "b").await;
    assert_eq!(testified(&turn).order, "b");
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn a_turn_of_words_only_is_silent() {
    let model = Model::start(|_, _| Reply::Text("All tests pass!")).await;
    let Some(scene) = real(&model) else { return };
    let mut session = scene.open("implement").await;
    let (turn, _) = turn_of(&scene, &mut *session, "a").await;
    assert!(matches!(&turn, TurnEnd::Silent(why) if why.contains("All tests pass!")), "{turn:?}");
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn a_result_that_names_another_order_is_refused() {
    let model = Model::start(|_, _| Reply::ResultFor("stranger")).await;
    let Some(scene) = real(&model) else { return };
    let mut session = scene.open("implement").await;
    session.give(&scene.turn("implement", "a")).await.unwrap();
    let (turn, _, said) = turn_end(&mut *session).await;
    assert!(matches!(turn, TurnEnd::Silent(_)), "{turn:?}");
    assert!(refusals(&said)[0].contains("stranger"), "{said:?}");
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn work_is_done_outside_the_working_folder_and_what_it_leaves_running_is_ended() {
    let model = Model::start(|nth, _| match nth {
        0 => Reply::Bash(
            "(setsid sleep 300 </dev/null >/dev/null 2>&1 &) ; echo hi > ../work/out; env > ../env",
        ),
        _ => Reply::Result,
    })
    .await;
    let Some(scene) = real(&model) else { return };
    let mut session = scene.open("implement").await;
    let (turn, _) = turn_of(&scene, &mut *session, "a").await;
    testified(&turn);
    assert_eq!(scene.read("work/out"), "hi\n");
    assert!(scene.read("env").contains(&scene.cookie()));
    assert!(end(&scene, session, GRACE).await.left_over >= 1);
}

#[tokio::test]
async fn a_budget_that_is_used_up_ends_the_session() {
    let model = Model::start(|_, _| Reply::Result).await;
    let Some(mut scene) = real(&model) else { return };
    scene.config.args = vec!["--max-budget-usd".to_owned(), "0.0001".to_owned()];
    let mut session = scene.open("implement").await;
    let (first, _) = turn_of(&scene, &mut *session, "a").await;
    let end_of = match first {
        TurnEnd::Failed(_) => first,
        _ => turn_of(&scene, &mut *session, "b").await.0,
    };
    let failure = failed(&end_of);
    assert_eq!((failure.fault, failure.session_over), (Fault::Budget, true), "{failure:?}");
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn a_key_that_is_missing_is_the_environments() {
    let model = Model::start(|_, _| Reply::Result).await;
    let Some(mut scene) = real(&model) else { return };
    scene.config.env.remove("ANTHROPIC_API_KEY");
    let mut session = scene.open("implement").await;
    let (turn, _) = turn_of(&scene, &mut *session, "a").await;
    let failure = failed(&turn);
    assert_eq!((failure.class, failure.session_over), (Class::Env, true), "{failure:?}");
    assert_eq!(model.requests(), 0);
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn a_flag_it_does_not_know_is_the_environments() {
    let model = Model::start(|_, _| Reply::Result).await;
    let Some(mut scene) = real(&model) else { return };
    scene.config.args = vec!["--no-such-flag".to_owned()];
    let mut session = scene.open("implement").await;
    let (turn, _) = turn_of(&scene, &mut *session, "a").await;
    assert_eq!(failed(&turn).class, Class::Env);
    end(&scene, session, GRACE).await;
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
    for folder in ["", "work", "session", "home"].map(|name| scene.path(name)) {
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
