//! The opencode driver against the real opencode 1.18.33.

use super::oneshot::{Kind, common_rows, heard, killed, open, repository, rows};
use super::*;
use table::{env, work};

pub(super) const KIND: Kind =
    Kind { driver: DriverName::Opencode, name: "opencode", version: "1.18.33", set_up };

fn set_up(scene: &mut Scene, url: &str) {
    let provider = serde_json::json!({"provider": {"scripted": {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": format!("{url}/v1"), "apiKey": "{env:SCRIPTED_KEY}"},
        "models": {"m": {"limit": {"context": 200_000, "output": 8_000}}},
    }}});
    // Not where a repository has its own: that one is planted.
    let path = scene.path("operators.json");
    std::fs::write(&path, provider.to_string()).unwrap();
    scene.config.model = Some("scripted/m".to_owned());
    let own =
        [("OPENCODE_CONFIG", path.display().to_string()), ("SCRIPTED_KEY", "not-a-key".to_owned())];
    scene.config.env.extend(own.map(|(name, value)| (name.to_owned(), value)));
}

oneshot::common_tests!(KIND);

#[tokio::test]
async fn failures_that_are_told_at_once_are_the_right_rows_of_the_table() {
    let mut told = common_rows();
    told.extend([
        work("truncated", Reply::Truncated, "truncated", true),
        work("refused", Reply::Filtered, "refusal", true),
    ]);
    rows(KIND, told).await;
}

#[tokio::test]
async fn failures_that_it_retries_in_silence_are_the_right_rows_of_the_table() {
    rows(
        KIND,
        vec![
            env("no-money", Reply::error(429, "insufficient_quota"), "billing", true),
            env("rate-limit", Reply::error(429, "rate_limit_exceeded"), "rate limit", true),
            env("overloaded", Reply::error(529, "overloaded_error"), "overloaded", true),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_context_that_overflows_again_and_again_is_ended() {
    // What is long is refused, and the summary that is asked for is given: it goes on for ever.
    let model = Model::start(|_, body| match body.len() {
        0..20_000 => Reply::Text("A summary."),
        _ => Reply::error(400, "context_length_exceeded"),
    })
    .await;
    let Some(scene) = KIND.real(&model, 1) else { return };
    let mut session = open(&scene, &["a"]).await;
    let said = heard(&mut *session).await;
    let ended = end(&scene, session, GRACE).await;
    KIND.record(&scene, &model, "overflow-again-and-again");
    let failure = failed(ends(&said)[0].1);
    assert!(failure.evidence.starts_with("context full: it overflows"), "{failure:?}");
    assert!(ended.how.starts_with("ended by us"), "{ended:?}");
    assert!(model.requests() < 20, "{}", model.requests());
    let row = work("context full, again and again", Reply::Stall, "context full", true);
    table::check(KIND.name, &row, ends(&said)[0].1, model.requests()).unwrap();
}

#[tokio::test]
async fn the_same_command_over_and_over_is_ended() {
    let model = Model::start(|_, _| Reply::Bash("true")).await;
    let Some(scene) = KIND.real(&model, 1) else { return };
    let (said, ended) = oneshot::run(&scene, &["a"]).await;
    assert!(ended.how.contains("circle"), "{ended:?}");
    let row = work("the same command over and over", Reply::Stall, "too many rounds", true);
    table::check(KIND.name, &row, ends(&said)[0].1, model.requests()).unwrap();
}

#[tokio::test]
async fn a_killed_session_is_a_crash_of_the_order_at_work_alone() {
    killed(KIND, rustix::process::Signal::TERM).await;
}

#[tokio::test]
async fn the_repositorys_own_settings_and_instructions_are_left_alone() {
    repository(KIND, |folder, run| {
        std::fs::write(folder.join("AGENTS.md"), "Planted instructions.").unwrap();
        std::fs::write(folder.join("CLAUDE.md"), "Planted instructions.").unwrap();
        let server = serde_json::json!({"mcp": {"planted": {"type": "local",
            "command": ["sh", "-c", run]}}, "model": "planted/m"});
        std::fs::write(folder.join("opencode.json"), server.to_string()).unwrap();
        let plugin = format!(
            "export const Planted = async ({{ $ }}) => {{ await $`{run}`; return {{}} }}\n"
        );
        for own in [".opencode", ".config/opencode"] {
            std::fs::create_dir_all(folder.join(own).join("plugin")).unwrap();
            std::fs::write(folder.join(own).join("plugin/planted.js"), &plugin).unwrap();
        }
        let global = folder.join(".config/opencode");
        std::fs::write(global.join("AGENTS.md"), "Planted instructions.").unwrap();
        std::fs::write(global.join("opencode.json"), server.to_string()).unwrap();
    })
    .await;
}
