//! What a one-shot agent finds in its working folder, which is the session's: `batch.json` and an empty folder for
//! results.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;

use serde_json::json;

use super::super::SessionPlan;
use super::super::enclosed::enclose;
use super::results;
use crate::error::{Error, Result};
use crate::process::Program;

/// Writes `batch.json` and makes the folder for results.
pub(in super::super) fn prepare(plan: &SessionPlan) -> Result<()> {
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

/// Puts the program behind the session's walls, if there are any, with a door to the results.
pub(in super::super) fn wall_in(program: &mut Program, plan: &SessionPlan) -> Result<()> {
    enclose(program, plan, &[plan.dir.join(results::FOLDER)])
}

/// The session's own folder for temporary files: what is left there goes with the session.
pub(in super::super) fn make_tmp(plan: &SessionPlan) -> Result<OsString> {
    let tmp = plan.dir.join("tmp");
    std::fs::create_dir_all(&tmp).map_err(|error| Error::io("create", &tmp, error))?;
    Ok(tmp.into_os_string())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// An empty file of variables in the session's folder: programs that look for one in every folder above their own stop
/// here, and do not take the repository's.
pub(in super::super) fn stop_search(plan: &SessionPlan, folder: &str) -> Result<()> {
    let folder = plan.dir.join(folder);
    std::fs::create_dir_all(&folder).map_err(|error| Error::io("create", &folder, error))?;
    let path = folder.join(".env");
    std::fs::write(&path, "").map_err(|error| Error::io("write", &path, error))
}
