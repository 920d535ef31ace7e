//! The gemini driver against the real Gemini CLI 0.61.0.

use super::oneshot::{Kind, killed, repository, rows};
use super::*;
use table::{env, work};

pub(super) const KIND: Kind =
    Kind { driver: DriverName::Gemini, name: "gemini", version: "0.61.0", set_up };

fn set_up(scene: &mut Scene, url: &str) {
    scene.config.model = Some("gemini-2.5-pro".to_owned());
    let own = [("GOOGLE_GEMINI_BASE_URL", url), ("GEMINI_API_KEY", "not-a-key")];
    scene.config.env.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

oneshot::common_tests!(KIND);

#[tokio::test]
async fn failures_that_are_told_at_once_are_the_right_rows_of_the_table() {
    let error = Reply::error;
    rows(
        KIND,
        vec![
            env("login-refused", error(401, "UNAUTHENTICATED"), "login", true),
            env("forbidden", error(403, "PERMISSION_DENIED"), "login", true),
            env("bad-key", error(400, "API_KEY_INVALID"), "login", true),
            env("unknown-model", error(404, "NOT_FOUND"), "no such model", true),
            env("bad-request", error(400, "INVALID_ARGUMENT"), "bad request", true),
            work("context-full", error(400, "TOO_LONG"), "context full", true),
            env("usage-limit", error(429, "PerDay"), "usage limit", true),
            work("refused", Reply::Filtered, "refusal", true),
        ],
    )
    .await;
}

#[tokio::test]
async fn failures_that_it_retries_are_the_right_rows_of_the_table() {
    rows(
        KIND,
        vec![
            env("rate-limit", Reply::error(429, "RESOURCE_EXHAUSTED"), "rate limit", true),
            env("overloaded", Reply::error(503, "UNAVAILABLE"), "overloaded", true),
            env("cut-stream", Reply::Cut, "network", true),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_same_command_over_and_over_is_no_good_end() {
    let model = Model::start(|_, _| Reply::Bash("true")).await;
    let Some(scene) = KIND.real(&model, 1) else { return };
    let (said, _) = oneshot::run(&scene, &["a"]).await;
    KIND.record(&scene, &model, "circle");
    let row = work("the same command over and over", Reply::Stall, "too many rounds", true);
    table::check(KIND.name, &row, ends(&said)[0].1, model.requests()).unwrap();
}

#[tokio::test]
async fn a_session_that_a_signal_stopped_is_a_crash_although_it_exits_with_0() {
    killed(KIND, rustix::process::Signal::TERM).await;
}

#[tokio::test]
async fn a_key_that_is_missing_is_the_environments() {
    let model = Model::start(|_, _| Reply::Text("x")).await;
    let Some(mut scene) = KIND.real(&model, 1) else { return };
    scene.config.env.remove("GEMINI_API_KEY");
    let (said, _) = oneshot::run(&scene, &["a"]).await;
    let failure = failed(ends(&said)[0].1);
    assert!(failure.evidence.starts_with("login: "), "{failure:?}");
    assert_eq!((failure.class, failure.session_over), (Class::Env, true));
    assert_eq!(model.requests(), 0);
}

#[tokio::test]
async fn the_repositorys_own_settings_and_instructions_are_left_alone() {
    repository(KIND, |folder, run| {
        // In the folder it is given, where the worktrees are, its instructions can't be turned off; on a floor there are none.
        if folder.ends_with("worktree") {
            std::fs::write(folder.join("GEMINI.md"), "Planted instructions.").unwrap();
        }
        std::fs::write(folder.join("AGENTS.md"), "Planted instructions.").unwrap();
        std::fs::create_dir_all(folder.join(".gemini")).unwrap();
        let settings = serde_json::json!({
            "mcpServers": {"planted": {"command": "sh", "args": ["-c", run]}},
            "hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": run}]}]},
        });
        std::fs::write(folder.join(".gemini/settings.json"), settings.to_string()).unwrap();
        std::fs::write(folder.join(".gemini/.env"), "PLANTED=variable\n").unwrap();
    })
    .await;
}
