//! Qwen Code: one process and one prompt a batch, results by file.
//!
//! Written against Qwen Code 0.24.4. It speaks to any server of OpenAI's chat completions, and prints events much like
//! Claude Code's. A launcher starts the real agent: who signals one of them signals the group.

use std::collections::BTreeMap;
use std::ffi::OsString;

use serde_json::json;

use super::driver::Driver;
use super::home::Home;
use super::oneshot::{OneShot, make_tmp, most_rounds, prepare, stop_search, wall_in};
use super::pipes::Records;
use super::setup::Setup;
use super::{Session, SessionPlan};
use crate::error::Result;

mod fault;
mod reader;

use reader::Qwen as Reader;

/// The version this was written against.
pub(super) const WRITTEN_AGAINST: &str = "0.24.4";

/// The driver's own variables.
const OWN: [(&str, &str); 4] = [
    ("TERM", "dumb"),
    ("NO_COLOR", "1"),
    ("LANG", "C.UTF-8"),
    ("QWEN_CODE_SUPPRESS_YOLO_WARNING", "1"),
];

/// The agent.
#[derive(Debug)]
pub struct Qwen {
    setup: Setup,
}

impl Qwen {
    pub(super) fn new(setup: Setup) -> Self {
        Self { setup }
    }

    fn args(&self, plan: &SessionPlan) -> Vec<String> {
        let rounds = most_rounds(plan.orders.len()).to_string();
        // The safe mode reads no instructions, hooks, skills or servers of the repository's or anybody's.
        let mut args = ["-o", "stream-json", "--approval-mode", "yolo", "--safe-mode"]
            .into_iter()
            .chain(["--auth-type", "openai", "--max-session-turns", &rounds])
            .chain(["--session-id", plan.session.as_str()])
            .map(str::to_owned)
            .collect::<Vec<_>>();
        if let Some(model) = &self.setup.model {
            args.extend(["-m".to_owned(), model.clone()]);
        }
        for folder in &plan.folders {
            args.extend(["--add-dir".to_owned(), folder.display().to_string()]);
        }
        args.extend(self.setup.args.iter().cloned());
        args
    }
}

/// Nothing is sent home, fetched, or learnt from one session for the next. Retries are few, since they belong to us,
/// where they can be seen, and a silent answer is ended after two minutes. The folders of a floor are ignored by git,
/// and are to be read all the same.
fn settings() -> String {
    json!({
        "privacy": {"usageStatisticsEnabled": false},
        "telemetry": {"enabled": false},
        "general": {"enableAutoUpdate": false},
        "memory": {"enableManagedAutoMemory": false, "enableManagedAutoDream": false},
        "ui": {"enableFollowupSuggestions": false},
        "model": {"generationConfig": {"maxRetries": 0, "streamIdleTimeoutMs": 120_000}},
        "context": {"fileFiltering": {"respectGitIgnore": false, "respectQwenIgnore": false}},
    })
    .to_string()
}

impl Driver for Qwen {
    const TAKES_TURNS: bool = false;

    fn setup(&self) -> &Setup {
        &self.setup
    }

    async fn start(&self, plan: SessionPlan) -> Result<Box<dyn Session>> {
        prepare(&plan)?;
        let mut own: BTreeMap<&'static str, OsString> =
            OWN.into_iter().map(|(name, value)| (name, value.into())).collect();
        own.insert("TMPDIR", make_tmp(&plan)?);
        let mut program = self.setup.program(self.args(&plan), own, &plan)?;
        let home = Home::of(&mut program, &plan)?;
        // It takes variables from there, whatever it finds above its folder.
        home.renew(".env")?;
        home.settle(".qwen", "settings.json", &settings())?;
        stop_search(&plan, ".qwen")?;
        wall_in(&mut program, &plan)?;
        let records = Records::open(&plan.dir)?;
        Ok(Box::new(OneShot::start(&program, records, &plan, Reader::default())?))
    }
}
