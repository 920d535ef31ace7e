//! opencode: `opencode run --format json`, one process and one prompt a batch, results by file.
//!
//! Written against opencode 1.18.33. It prints nothing while it retries, and tells no end of its own: what became of a
//! session is read from its last step, its last error and its process together.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use serde_json::json;

use super::driver::Driver;
use super::home::Home;
use super::oneshot::{OneShot, make_tmp, prepare, wall_in};
use super::pipes::Records;
use super::setup::Setup;
use super::{Session, SessionPlan};
use crate::error::Result;
use crate::process::Program;

mod fault;
mod reader;

use reader::Opencode as Reader;

/// The version this was written against.
pub(super) const WRITTEN_AGAINST: &str = "1.18.33";

/// The driver's own variables: nothing is fetched or sent home at the start, and nothing is read that another program,
/// the repository or its servers have left.
const OWN: [(&str, &str); 11] = [
    ("TERM", "dumb"),
    ("NO_COLOR", "1"),
    ("LANG", "C.UTF-8"),
    ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
    ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
    ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
    ("OPENCODE_DISABLE_SHARE", "1"),
    ("OPENCODE_DISABLE_PROJECT_CONFIG", "1"),
    ("OPENCODE_DISABLE_CLAUDE_CODE", "1"),
    ("OPENCODE_DISABLE_EXTERNAL_SKILLS", "1"),
    ("OPENCODE_DISABLE_DEFAULT_PLUGINS", "1"),
];
/// Where it looks for settings and plugins in its HOME.
const SETTINGS_FOLDERS: [&str; 2] = [".config/opencode", ".opencode"];
/// Settings, which win over every file of settings but an organisation's.
const SETTINGS: &str = "OPENCODE_CONFIG_CONTENT";

/// The agent.
#[derive(Debug)]
pub struct Opencode {
    setup: Setup,
}

impl Opencode {
    pub(super) fn new(setup: Setup) -> Self {
        Self { setup }
    }

    fn program(&self, plan: &SessionPlan) -> Result<Program> {
        let mut own: BTreeMap<&'static str, OsString> =
            OWN.into_iter().map(|(name, value)| (name, value.into())).collect();
        own.insert("TMPDIR", make_tmp(plan)?);
        own.insert(SETTINGS, settings().into());
        let mut program = self.setup.program(self.args(plan), own, plan)?;
        let home = Home::of(&mut program, plan)?;
        for folder in SETTINGS_FOLDERS {
            home.renew(folder)?;
        }
        if home.own {
            for (name, folder) in [
                ("XDG_CONFIG_HOME", ".config"),
                ("XDG_DATA_HOME", ".local/share"),
                ("XDG_STATE_HOME", ".local/state"),
            ] {
                let folder = home.path.join(folder).into_os_string();
                program.env.entry(OsStr::new(name).to_owned()).or_insert(folder);
            }
        }
        wall_in(&mut program, plan)?;
        Ok(program)
    }

    fn args(&self, plan: &SessionPlan) -> Vec<String> {
        // A title of ours saves the request for one.
        let title = format!("shopfloor {}", plan.session);
        let mut args =
            ["run", "--pure", "--format", "json", "--title", &title].map(str::to_owned).to_vec();
        if let Some(model) = &self.setup.model {
            args.extend(["-m".to_owned(), model.clone()]);
        }
        args.extend(self.setup.args.iter().cloned());
        args
    }
}

/// Whatever asks for a permission is refused when nobody answers, and ends the run. So nothing asks.
fn settings() -> String {
    json!({"autoupdate": false, "share": "disabled", "permission": {"*": "allow"}}).to_string()
}

impl Driver for Opencode {
    const TAKES_TURNS: bool = false;

    fn setup(&self) -> &Setup {
        &self.setup
    }

    async fn start(&self, plan: SessionPlan) -> Result<Box<dyn Session>> {
        prepare(&plan)?;
        let program = self.program(&plan)?;
        let records = Records::open(&plan.dir)?;
        let reader = Reader::new(plan.orders.len());
        Ok(Box::new(OneShot::start(&program, records, &plan, reader)?))
    }
}
