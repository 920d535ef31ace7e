//! How Claude Code is started for a batch that nobody watches: arguments and environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::super::SessionPlan;
use super::super::schema;
use super::super::setup::Setup;
use crate::config::Permissions;
use crate::error::{Error, Result};

/// Model rounds one order may take. A turn that needs more is too large an order.
const MOST_ROUNDS: u32 = 200;

/// The driver's own variables.
///
/// Nothing is sent home, nothing is learnt from one session for the next, nothing runs on in the background after a
/// result. Retries are few, since they belong to us, where they can be seen. The byte watchdog ends a silent
/// response after two minutes (without it: five, and a silent socket never).
const OWN: [(&str, &str); 12] = [
    ("TERM", "dumb"),
    ("LANG", "C.UTF-8"),
    ("DISABLE_TELEMETRY", "1"),
    ("DISABLE_ERROR_REPORTING", "1"),
    ("DISABLE_AUTOUPDATER", "1"),
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1"),
    ("CLAUDE_CODE_DISABLE_AUTO_MEMORY", "1"),
    ("CLAUDE_CODE_MAX_RETRIES", "4"),
    ("BASH_DEFAULT_TIMEOUT_MS", "600000"),
    ("BASH_MAX_TIMEOUT_MS", "1800000"),
    ("CLAUDE_ENABLE_BYTE_WATCHDOG", "1"),
];
const STALL: (&str, &str) = ("CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS", "120000");

/// The arguments. Prompts are not among them: an argument is limited to 131,071 bytes and every user can read it.
pub(super) fn args(setup: &Setup, plan: &SessionPlan) -> Vec<String> {
    let schema = schema::result().to_string();
    let rounds = MOST_ROUNDS.to_string();
    let mut args: Vec<&str> = Vec::new();
    args.extend(["-p", "--input-format", "stream-json", "--output-format", "stream-json"]);
    args.push("--verbose");
    if let Some(model) = &setup.model {
        args.extend(["--model", model]);
    }
    args.extend(["--session-id", plan.session.as_str()]);
    // Whoever needs a wall around the agent puts one around the program: no permission mode is a sandbox.
    args.extend([
        "--permission-mode",
        match setup.permissions {
            Permissions::Work => "dontAsk",
            Permissions::Full => "bypassPermissions",
        },
    ]);
    args.extend(["--allowedTools", "Bash,Edit,Write,Read,Glob,Grep"]);
    args.extend(["--tools", "Bash,Edit,Read,Write"]);
    // The repository that is worked on must not run code at our start, nor change the agent's settings.
    args.extend(["--strict-mcp-config", "--setting-sources", "", "--disable-slash-commands"]);
    args.extend(["--json-schema", &schema, "--max-turns", &rounds]);
    if plan.caps.tokens {
        // Without them it tells what a turn has written only at its end.
        args.push("--include-partial-messages");
    }
    let mut args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    if let Some(usd) = plan.caps.session_usd {
        args.extend(["--max-budget-usd".to_owned(), usd.to_string()]);
    }
    for folder in &plan.folders {
        args.extend(["--add-dir".to_owned(), folder.display().to_string()]);
    }
    args.extend(setup.args.iter().cloned());
    args
}

/// The driver's own environment; `tmp` is the session's folder for temporary files.
pub(super) fn environment(tmp: OsString) -> BTreeMap<&'static str, OsString> {
    let mut env: BTreeMap<&'static str, OsString> =
        OWN.into_iter().chain([STALL]).map(|(name, value)| (name, value.into())).collect();
    env.insert("TMPDIR", tmp);
    env
}

/// The session's own folder for temporary files: what is left there goes with the session.
pub(super) fn make_tmp(dir: &Path) -> Result<PathBuf> {
    let tmp = dir.join("tmp");
    std::fs::create_dir_all(&tmp).map_err(|error| Error::io("create", &tmp, error))?;
    Ok(tmp)
}
