//! Gemini CLI: one process and one prompt a batch, results by file.
//!
//! Written against Gemini CLI 0.61.0. Its exit code is 0 for a session that was stopped by a signal, and the HTTP status
//! modulo 256 for one that an error of its server has ended: only a line `result` says that it came to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;

use serde_json::json;

use super::driver::Driver;
use super::home::Home;
use super::oneshot::{OneShot, make_tmp, most_rounds, prepare, stop_search, wall_in};
use super::pipes::Records;
use super::setup::Setup;
use super::{Session, SessionPlan};
use crate::error::{Error, Kind, Result};
use crate::process::Program;

mod fault;
mod reader;

use reader::Gemini as Reader;

/// The version this was written against.
pub(super) const WRITTEN_AGAINST: &str = "0.61.0";

/// The longest prompt it reads. It cuts a longer one off there, and does nothing with it.
const LONGEST_PROMPT_BYTES: usize = 8 * 1024 * 1024;
/// The most folders it may be given beside its own.
const MOST_FOLDERS: usize = 5;

/// The driver's own variables. Without the last one a second process does the work, and outlives the first.
const OWN: [(&str, &str); 4] =
    [("TERM", "dumb"), ("NO_COLOR", "1"), ("LANG", "C.UTF-8"), ("GEMINI_CLI_NO_RELAUNCH", "true")];

/// The agent.
#[derive(Debug)]
pub struct Gemini {
    setup: Setup,
}

impl Gemini {
    pub(super) fn new(setup: Setup) -> Self {
        Self { setup }
    }

    fn check(&self, plan: &SessionPlan) -> Result<()> {
        let bytes = plan.brief.len();
        if bytes < LONGEST_PROMPT_BYTES {
            return Ok(());
        }
        let name = &self.setup.name;
        let why = format!(
            "failed to open a session of agent {name}: its prompt has {bytes} bytes, and Gemini CLI reads {LONGEST_PROMPT_BYTES}"
        );
        Err(Error::new(Kind::Environment, why)
            .hint(format!("set a smaller batch for stage {} in shopfloor.toml", plan.stage)))
    }

    fn home(&self, program: &mut Program, plan: &SessionPlan) -> Result<()> {
        let home = Home::of(program, plan)?;
        home.renew(".env")?;
        home.settle(".gemini", "settings.json", &settings(most_rounds(plan.orders.len())))?;
        // It looks for a file of variables in every folder above its own, the repository's among them, and takes the
        // first one it finds.
        stop_search(plan, ".gemini")
    }

    fn args(&self, plan: &SessionPlan) -> Vec<String> {
        let session = plan.session.as_str();
        // Untrusted, it would go back to asking for every command.
        let mut args = ["-o", "stream-json", "--approval-mode", "yolo", "--skip-trust"]
            .into_iter()
            .chain(["--session-id", session])
            .map(str::to_owned)
            .collect::<Vec<_>>();
        // Without a model it asks another one which to take.
        if let Some(model) = &self.setup.model {
            args.extend(["-m".to_owned(), model.clone()]);
        }
        for folder in folders(plan).iter().take(MOST_FOLDERS) {
            args.extend(["--include-directories".to_owned(), folder.display().to_string()]);
        }
        args.extend(self.setup.args.iter().cloned());
        args
    }
}

/// Where its own tools may read and write beside its folder: where the worktrees and the desks are, and not these
/// themselves, which may be many. It takes for instructions the GEMINI.md of each folder it is given, and later that of
/// a folder in which it reads a file: that can't be turned off, but for the folders above them.
fn folders(plan: &SessionPlan) -> BTreeSet<&Path> {
    let used = plan.orders.iter().flat_map(|turn| turn.worktree.iter().chain([&turn.desk]));
    used.filter_map(|folder| folder.parent()).collect()
}

/// Nothing is sent home or fetched. Retries are few, since they belong to us, where they can be seen. The folders of a
/// floor are ignored by git, and are to be read all the same.
fn settings(rounds: usize) -> String {
    json!({
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": false},
        "telemetry": {"enabled": false},
        "general": {"enableAutoUpdate": false, "enableAutoUpdateNotification": false, "maxAttempts": 3},
        "model": {"maxSessionTurns": rounds},
        "context": {
            "memoryBoundaryMarkers": [],
            "fileFiltering": {"respectGitIgnore": false, "respectGeminiIgnore": false},
        },
    })
    .to_string()
}

impl Driver for Gemini {
    const TAKES_TURNS: bool = false;

    fn setup(&self) -> &Setup {
        &self.setup
    }

    async fn start(&self, plan: SessionPlan) -> Result<Box<dyn Session>> {
        self.check(&plan)?;
        prepare(&plan)?;
        let mut own: BTreeMap<&'static str, OsString> =
            OWN.into_iter().map(|(name, value)| (name, value.into())).collect();
        own.insert("TMPDIR", make_tmp(&plan)?);
        let mut program = self.setup.program(self.args(&plan), own, &plan)?;
        self.home(&mut program, &plan)?;
        wall_in(&mut program, &plan)?;
        let records = Records::open(&plan.dir)?;
        Ok(Box::new(OneShot::start(&program, records, &plan, Reader::default())?))
    }
}
