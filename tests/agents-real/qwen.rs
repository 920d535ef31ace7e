//! The qwen driver against the real Qwen Code 0.24.4.

use super::oneshot::{Kind, common_rows, killed, repository, rows};
use super::*;
use table::env;

pub(super) const KIND: Kind =
    Kind { driver: DriverName::Qwen, name: "qwen", version: "0.24.4", set_up };

fn set_up(scene: &mut Scene, url: &str) {
    scene.config.model = Some("m".to_owned());
    let own =
        [("OPENAI_BASE_URL", format!("{url}/v1")), ("OPENAI_API_KEY", "not-a-key".to_owned())];
    scene.config.env.extend(own.map(|(name, value)| (name.to_owned(), value)));
}

oneshot::common_tests!(KIND);

#[tokio::test]
async fn failures_that_are_told_at_once_are_the_right_rows_of_the_table() {
    rows(KIND, common_rows()).await;
}

#[tokio::test]
async fn failures_that_it_retries_are_the_right_rows_of_the_table() {
    rows(
        KIND,
        vec![
            env("no-money", Reply::error(429, "insufficient_quota"), "billing", true),
            env("rate-limit", Reply::error(429, "rate_limit_exceeded"), "rate limit", true),
            env("overloaded", Reply::error(503, "server_error"), "overloaded", true),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_killed_session_is_a_crash_of_the_order_at_work_alone() {
    killed(KIND, rustix::process::Signal::KILL).await;
}

#[tokio::test]
async fn the_repositorys_own_settings_and_instructions_are_left_alone() {
    repository(KIND, |folder, run| {
        std::fs::write(folder.join("QWEN.md"), "Planted instructions.").unwrap();
        std::fs::write(folder.join("AGENTS.md"), "Planted instructions.").unwrap();
        std::fs::create_dir_all(folder.join(".qwen")).unwrap();
        let settings = serde_json::json!({
            "mcpServers": {"planted": {"command": "sh", "args": ["-c", run]}},
            "hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": run}]}]},
        });
        std::fs::write(folder.join(".qwen/settings.json"), settings.to_string()).unwrap();
        std::fs::write(folder.join(".qwen/.env"), "PLANTED=variable\n").unwrap();
    })
    .await;
}
