//! A session's program behind its walls: what the driver, the operator and the program itself need is added to what the
//! batch may reach.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::SessionPlan;
use super::home::{Home, TOOL_CHAINS};
use crate::error::{Error, Result};
use crate::process::Program;

/// Variables that name a folder of the program's own. What the operator sets of them may be written.
const PLACES: [&str; 13] = [
    "HOME",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "CODEX_HOME",
    "CLAUDE_CONFIG_DIR",
    "CARGO_HOME",
    "CARGO_TARGET_DIR",
    "GOPATH",
    "GOCACHE",
    "npm_config_cache",
];

/// Puts the program behind the session's walls, if there are any. `own` are folders that its driver has it write to.
pub(super) fn enclose(program: &mut Program, plan: &SessionPlan, own: &[PathBuf]) -> Result<()> {
    let Some(walls) = &plan.walls else { return Ok(()) };
    let mut doors = walls.doors.clone();
    let person = std::env::var_os("HOME").map(PathBuf::from);
    // Where the driver left it to us.
    Home::of(program, plan)?;
    let tmp = plan.dir.join("tmp");
    std::fs::create_dir_all(&tmp).map_err(|error| Error::io("create", &tmp, error))?;
    program.env.entry("TMPDIR".into()).or_insert(tmp.into());
    let places = PLACES.iter().filter_map(|name| program.env.get(OsStr::new(name)));
    let folders = places.map(PathBuf::from).filter(|path| path.is_absolute());
    // The person's own tool chains may be read.
    let shared = |path: &PathBuf| {
        let person = person.as_ref();
        person.is_some_and(|home| TOOL_CHAINS.iter().any(|(_, own)| *path == home.join(own)))
    };
    doors.write.extend(folders.filter(|path| !shared(path)));
    doors.write.extend(own.iter().cloned());
    doors.write = outermost(&doors.write);
    let needed = needed(program, &doors.write);
    doors.read.extend(needed);
    program.wall = walls.means.wall(&doors)?;
    Ok(())
}

/// The doors that lie in no other. One inside a folder that the agent may write to opens nothing more, but for what an earlier
/// session may have put in its place: a link to what it wants to get at.
fn outermost(doors: &[PathBuf]) -> Vec<PathBuf> {
    let inside = |path: &Path, of: &Path| path != of && path.starts_with(of);
    let outer = |path: &&PathBuf| !doors.iter().any(|door| inside(path, door));
    doors.iter().filter(outer).cloned().collect()
}

/// What the program is made of, as far as its command line and its variables say. What lies in a folder that the agent
/// may write to is not asked for, nor where a link there leads.
fn needed(program: &Program, written: &[PathBuf]) -> Vec<PathBuf> {
    let inherited = crate::process::inherited().map(|(_, value)| value);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = std::env::split_paths(&paths).collect();
    let own = [program.program.clone()];
    let words = own.iter().chain(&program.args).chain(program.env.values()).cloned();
    let mut needed: Vec<PathBuf> = words.chain(inherited).map(PathBuf::from).collect();
    needed.extend(on_path.iter().map(|folder| folder.join(&program.program)));
    needed.retain(|path| path.is_absolute() && !written.iter().any(|door| path.starts_with(door)));
    needed.retain(|path| path.exists());
    // The whole of a folder like `/` or a home is never meant.
    needed
        .retain(|path| path.is_file() || path.starts_with("/tmp") || path.starts_with("/var/tmp"));
    let real: Vec<PathBuf> = needed.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let person = std::env::var_os("HOME").map(PathBuf::from);
    needed.extend(real);
    needed.retain(|path| Some(path) != person.as_ref() && path != Path::new("/tmp"));
    needed
}
