//! Every failure that a scripted model can bring about with the real Codex, and what becomes of it.

use super::*;
use table::{Row, env, work};

/// A full minute: in words, Codex tells the time to the minute.
const LATER: u64 = 4_000_000_020;
/// The end of that minute: where the time is told in words alone, it is over for certain only then.
const OVER: u64 = LATER + 60;

fn told(driver: DriverName) -> String {
    format!("codex {}", shown(driver))
}

fn rows(driver: DriverName) -> Vec<Row> {
    let limit =
        |name, reply, until| Row { until: Some(until), ..env(name, reply, "usage limit", true) };
    // `codex exec` passes the structured news on to nobody.
    let structured = if driver == DriverName::CodexExec { OVER } else { LATER };
    let failed = |code| Reply::Failed { code };
    vec![
        limit("usage-limit", Reply::UsageLimit { reset: LATER }, structured),
        limit("usage-limit-in-words", Reply::UsageLimitInWords { reset: LATER }, OVER),
        env("no-money", Reply::error(429, "insufficient_quota"), "billing", true),
        env("login-refused", Reply::error(401, "invalid_api_key"), "login", true),
        env("forbidden", Reply::error(403, "forbidden"), "login", true),
        env("rate-limit", Reply::error(429, "rate_limit_error"), "rate limit", true),
        env("server-error", Reply::error(500, "server_error"), "overloaded", false),
        env("overloaded", Reply::error(503, "server_is_overloaded"), "overloaded", false),
        env("overloaded-midway", failed("server_is_overloaded"), "overloaded", false),
        env("cut-stream", Reply::Cut, "network", false),
        env("silent-stream", Reply::Silence, "network", false),
        env("unknown-model", Reply::error(404, "model_not_found"), "no such model", true),
        env("bad-request", Reply::error(400, "invalid_request_error"), "bad request", true),
        work("context-full", failed("context_length_exceeded"), "context full", true),
        work("truncated", Reply::Truncated, "truncated", false),
    ]
}

#[tokio::test]
async fn every_failure_is_the_right_row_of_the_table() {
    let mut wrong = Vec::new();
    for driver in BOTH {
        let rows = rows(driver);
        let count = 2 * rows.len();
        for row in rows {
            let reply = row.reply.clone();
            let model = Model::start(move |_, _| reply.clone()).await;
            let Some(mut scene) = real(driver, &model, count) else { return };
            if row.name == "silent-stream" {
                let patience = "stream_idle_timeout_ms=1000";
                scene.config.args[3] =
                    scene.config.args[3].replace("stream_idle_timeout_ms=20000", patience);
            }
            let mut session = scene.open("implement").await;
            let (turn, _) = turn_of(&scene, &mut *session, "a").await;
            end(&scene, session, GRACE).await;
            record(&scene, &model, driver, row.name);
            wrong.extend(table::check(&told(driver), &row, &turn, model.requests()).err());
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_refused_login_is_killed_at_the_first_retry() {
    for driver in BOTH {
        let model = Model::start(|_, _| Reply::error(401, "invalid_api_key")).await;
        let Some(mut scene) = real(driver, &model, 1) else { return };
        scene.config.args[3] =
            scene.config.args[3].replace("stream_max_retries=1", "stream_max_retries=9");
        let mut session = scene.open("implement").await;
        let (turn, _) = turn_of(&scene, &mut *session, "a").await;
        assert!(failed(&turn).evidence.starts_with("login: the login is refused"), "{turn:?}");
        assert!(model.requests() <= 2, "{}", model.requests());
        end(&scene, session, GRACE).await;
    }
}

#[tokio::test]
async fn a_retry_that_waits_an_hour_in_silence_is_given_up_after_a_minute() {
    let model = Model::start(|_, _| Reply::RetryAfter {
        status: 429,
        kind: "rate_limit_error",
        secs: 3600,
    })
    .await;
    let Some(scene) = real(DriverName::Codex, &model, 1) else { return };
    let mut session = scene.open("implement").await;
    session.give(&scene.turn("implement", "a")).await.unwrap();
    let begun = std::time::Instant::now();
    let said = loop {
        let said = tokio::time::timeout(2 * PATIENCE, session.next()).await.expect("an end");
        if matches!(said, Said::TurnEnded { .. }) {
            break said;
        }
    };
    let Said::TurnEnded { end: turn, .. } = said else { panic!("{said:?}") };
    assert!(failed(&turn).evidence.starts_with("rate limit: it went on retrying"), "{turn:?}");
    assert!(begun.elapsed() >= Duration::from_secs(55), "{:?}", begun.elapsed());
    assert_eq!(model.requests(), 1);
    let row = env("retry after an hour", Reply::Stall, "rate limit", true);
    table::check("codex app-server", &row, &turn, model.requests()).unwrap();
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn a_turn_of_words_only_is_silent() {
    for driver in BOTH {
        let model = Model::start(|_, _| Reply::Text("All tests pass!")).await;
        let Some(scene) = real(driver, &model, 1) else { return };
        let mut session = scene.open("implement").await;
        let (turn, _) = turn_of(&scene, &mut *session, "a").await;
        assert!(
            matches!(&turn, TurnEnd::Silent(why) if why.contains("All tests pass!")),
            "{turn:?}"
        );
        table::check_silent(&told(driver), "words-only", &turn, model.requests());
        end(&scene, session, GRACE).await;
        record(&scene, &model, driver, "words-only");
    }
}

#[tokio::test]
async fn a_result_that_names_another_order_is_refused() {
    for driver in BOTH {
        let model = Model::start(|_, _| Reply::ResultFor("stranger")).await;
        let Some(scene) = real(driver, &model, 1) else { return };
        let mut session = scene.open("implement").await;
        session.give(&scene.turn("implement", "a")).await.unwrap();
        let (turn, _, said) = turn_end(&mut *session).await;
        table::check_silent(&told(driver), "wrong-order", &turn, model.requests());
        assert!(refusals(&said)[0].contains("stranger"), "{said:?}");
        end(&scene, session, GRACE).await;
        record(&scene, &model, driver, "wrong-order");
    }
}

#[tokio::test]
async fn a_key_that_is_missing_is_the_environments() {
    for driver in BOTH {
        let model = Model::start(|_, _| Reply::Result).await;
        let Some(mut scene) = real(driver, &model, 1) else { return };
        scene.config.env.remove("KEY");
        let mut session = scene.open("implement").await;
        let (turn, _) = turn_of(&scene, &mut *session, "a").await;
        table::check(&told(driver), &table::no_key(), &turn, model.requests()).unwrap();
        assert_eq!(model.requests(), 0);
        end(&scene, session, GRACE).await;
        record(&scene, &model, driver, "no-key");
    }
}

#[tokio::test]
async fn a_flag_it_does_not_know_is_the_environments_and_no_sign_of_an_old_codex() {
    let model = Model::start(|_, _| Reply::Result).await;
    let Some(mut scene) = real(DriverName::Codex, &model, 1) else { return };
    scene.config.args.push("--no-such-flag".to_owned());
    let opened = scene.agent().open(scene.plan("implement", &[])).await;
    let Err(error) = opened else { panic!("it opened") };
    assert_eq!(error.kind(), shopfloor::error::Kind::Environment);
    assert!(error.to_string().contains("no-such-flag"), "{error}");
}

#[tokio::test]
async fn a_killed_app_server_is_a_crash_and_leaves_nothing_running() {
    let model = Model::start(|_, _| Reply::Bash("echo > begun; sleep 300")).await;
    let Some(scene) = real(DriverName::Codex, &model, 1) else { return };
    let mut session = scene.open("implement").await;
    session.give(&scene.turn("implement", "a")).await.unwrap();
    command_began(&scene, &mut *session).await;
    kill(&scene, "app-server");
    let said = to_the_end(&mut *session).await;
    let turn = ends(&said)[0].1;
    table::check(&told(DriverName::Codex), &table::killed(), turn, model.requests()).unwrap();
    end(&scene, session, GRACE).await;
}
