//! Any program as an agent: started once per batch, told everything on its input, and heard through result files.
//!
//! The contract is in docs/agents.md. In short: the working folder is the session's; `batch.json` there lists the
//! orders; the prompt comes on the standard input; for each finished order it leaves `results/<id>.json`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;

use serde_json::json;

use super::enclosed::enclose;
use super::setup::Setup;
use super::{Agent, Session, SessionPlan, Waiting};
use crate::error::{Error, Result};

mod results;
mod session;

/// The agent.
#[derive(Debug)]
pub struct Command {
    setup: Setup,
}

impl Command {
    pub(super) fn new(setup: Setup) -> Self {
        Self { setup }
    }

    fn start(&self, plan: &SessionPlan) -> Result<Box<dyn Session>> {
        write_batch(plan)?;
        let own = BTreeMap::from([
            ("SHOPFLOOR_SESSION_DIR", OsString::from(&plan.dir)),
            ("SHOPFLOOR_STAGE", OsString::from(&plan.stage)),
            ("SHOPFLOOR_NONCE", OsString::from(&plan.nonce)),
        ]);
        let mut program = self.setup.program(self.setup.args.clone(), own, plan)?;
        enclose(&mut program, plan, &[plan.dir.join(results::FOLDER)])?;
        Ok(Box::new(session::CommandSession::start(&program, plan)?))
    }
}

impl Agent for Command {
    fn name(&self) -> &str {
        &self.setup.name
    }

    fn simulated(&self) -> bool {
        self.setup.simulated
    }

    fn takes_turns(&self) -> bool {
        false
    }

    fn open(&self, plan: SessionPlan) -> Waiting<'_, Result<Box<dyn Session>>> {
        Box::pin(std::future::ready(self.start(&plan)))
    }
}

/// Writes `batch.json` and makes the empty folder for results.
fn write_batch(plan: &SessionPlan) -> Result<()> {
    let orders: Vec<serde_json::Value> = plan
        .orders
        .iter()
        .map(|turn| {
            json!({
                "id": turn.order.as_str(),
                "gen": turn.generation,
                "title": turn.title,
                "desk": shown(&turn.desk),
                "worktree": turn.worktree.as_deref().map(shown),
            })
        })
        .collect();
    let batch = json!({
        "stage": plan.stage,
        "session": plan.session.as_str(),
        "nonce": plan.nonce,
        "orders": orders,
    });
    let results = plan.dir.join(results::FOLDER);
    std::fs::create_dir_all(&results).map_err(|error| Error::io("create", &results, error))?;
    let path = plan.dir.join("batch.json");
    let failed = |error| Error::io("write", &path, error);
    let mut file = tempfile::NamedTempFile::new_in(&plan.dir).map_err(failed)?;
    file.write_all(format!("{batch:#}\n").as_bytes()).map_err(failed)?;
    file.persist(&path).map_err(|error| failed(error.error))?;
    Ok(())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
