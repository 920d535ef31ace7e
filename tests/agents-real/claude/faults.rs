//! Every failure that a scripted model can bring about with the real Claude Code, and what becomes of it.

use super::*;
use table::{Row, env, work};

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
        env("silent stream", Reply::Silence, "network", false),
        work("context full", error(400, "prompt_is_too_long"), "context full", true),
        work("truncated", Reply::Truncated, "truncated", false),
        work("refused", Reply::Filtered, "refusal", false),
        work("a result that its schema forbids", Reply::BadResult, "no valid result", false),
        Row {
            args: &["--max-turns", "2"],
            ..work("too many rounds", Reply::Bash("true"), "too many rounds", false)
        },
        Row {
            args: &["--max-budget-usd", "0.0001"],
            ..work("budget used up", Reply::Bash("true"), "budget used up", true)
        },
        Row {
            args: &["--disallowedTools", "Bash(rm:*)"],
            then: Some(Reply::Result),
            ..work("denied", Reply::Bash("rm -f x"), "denied without a word", false)
        },
    ]
}

/// A server that is not there, and a stream that falls silent, are to be seen soon.
const IMPATIENT: [(&str, &str); 2] =
    [("CLAUDE_CODE_MAX_RETRIES", "1"), ("CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS", "4000")];

#[tokio::test]
async fn every_failure_is_the_right_row_of_the_table() {
    let mut wrong = Vec::new();
    for row in rows() {
        let (reply, then) = (row.reply.clone(), row.then.clone());
        let script = move |nth, _: &str| match &then {
            Some(then) if nth > 0 => then.clone(),
            _ => reply.clone(),
        };
        let model = Model::start(script).await;
        let Some(mut scene) = real_of(&model, rows().len()) else { return };
        scene.config.args = row.args.iter().map(|&arg| arg.to_owned()).collect();
        let impatient = IMPATIENT.map(|(name, value)| (name.to_owned(), value.to_owned()));
        scene.config.env.extend(impatient);
        if row.until.is_some() {
            // Only an account's token has such limits.
            scene.config.env.remove("ANTHROPIC_API_KEY");
            let token = "sk-ant-oat01-not".to_owned();
            scene.config.env.insert("CLAUDE_CODE_OAUTH_TOKEN".to_owned(), token);
        }
        let mut session = scene.open("implement").await;
        let (turn, _) = turn_of(&scene, &mut *session, "a").await;
        end(&scene, session, GRACE).await;
        record(&scene, &model, row.name);
        wrong.extend(table::check("claude", &row, &turn, model.requests()).err());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_the_network() {
    let model = Model::start(|_, _| Reply::Result).await;
    let Some(mut scene) = real(&model) else { return };
    let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    scene.config.env.insert("ANTHROPIC_BASE_URL".to_owned(), format!("http://{nobody}"));
    scene.config.env.extend(IMPATIENT.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let mut session = scene.open("implement").await;
    let (turn, _) = turn_of(&scene, &mut *session, "a").await;
    end(&scene, session, GRACE).await;
    let row = env("no server", Reply::Stall, "network", false);
    table::check("claude", &row, &turn, model.requests()).unwrap();
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
async fn a_turn_of_words_only_is_silent() {
    let model = Model::start(|_, _| Reply::Text("All tests pass!")).await;
    let Some(scene) = real(&model) else { return };
    let mut session = scene.open("implement").await;
    let (turn, _) = turn_of(&scene, &mut *session, "a").await;
    assert!(matches!(&turn, TurnEnd::Silent(why) if why.contains("All tests pass!")), "{turn:?}");
    table::check_silent("claude", "words-only", &turn, model.requests());
    record(&scene, &model, "words-only");
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn a_result_that_names_another_order_is_refused() {
    let model = Model::start(|_, _| Reply::ResultFor("stranger")).await;
    let Some(scene) = real(&model) else { return };
    let mut session = scene.open("implement").await;
    session.give(&scene.turn("implement", "a")).await.unwrap();
    let (turn, _, said) = turn_end(&mut *session).await;
    table::check_silent("claude", "wrong-order", &turn, model.requests());
    record(&scene, &model, "wrong-order");
    assert!(refusals(&said)[0].contains("stranger"), "{said:?}");
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn a_key_that_is_missing_is_the_environments() {
    let model = Model::start(|_, _| Reply::Result).await;
    let Some(mut scene) = real(&model) else { return };
    scene.config.env.remove("ANTHROPIC_API_KEY");
    let mut session = scene.open("implement").await;
    let (turn, _) = turn_of(&scene, &mut *session, "a").await;
    table::check("claude", &table::no_key(), &turn, model.requests()).unwrap();
    record(&scene, &model, "no-key");
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
    let row = env("a flag it does not know", Reply::Result, "set-up", true);
    table::check("claude", &row, &turn, model.requests()).unwrap();
    end(&scene, session, GRACE).await;
}

#[tokio::test]
async fn a_killed_program_is_a_crash() {
    let model = Model::start(|_, _| Reply::Bash("echo > ../worktree/begun; sleep 300")).await;
    let Some(scene) = real(&model) else { return };
    let mut session = scene.open("implement").await;
    session.give(&scene.turn("implement", "a")).await.unwrap();
    command_began(&scene, &mut *session).await;
    kill(&scene, "--input-format");
    let said = to_the_end(&mut *session).await;
    table::check("claude", &table::killed(), ends(&said)[0].1, model.requests()).unwrap();
    end(&scene, session, GRACE).await;
}
