//! A session's program behind its walls: what the driver, the operator and the program itself need is added to what the
//! batch may reach.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::SessionPlan;
use crate::error::{Error, Result};
use crate::process::Program;
use crate::sandbox::Walls;

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
/// Tools that are found by the person's home unless a variable names them. They may be read there.
const TOOLS: [(&str, &str); 2] = [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")];
/// Logins that an agent keeps in its HOME: a copy of each is in the agent's own.
const LOGINS: [&str; 1] = [".claude/.credentials.json"];

/// Puts the program behind the session's walls, if there are any. `own` are folders that its driver has it write to.
pub(super) fn enclose(program: &mut Program, plan: &SessionPlan, own: &[PathBuf]) -> Result<()> {
    let Some(walls) = &plan.walls else { return Ok(()) };
    let mut doors = walls.doors.clone();
    let person = std::env::var_os("HOME").map(PathBuf::from);
    if !program.env.contains_key(OsStr::new("HOME")) {
        make_home(walls, person.as_deref())?;
        program.env.insert("HOME".into(), walls.home.clone().into());
        for (name, folder) in TOOLS {
            let there = person.as_ref().map(|home| home.join(folder)).filter(|path| path.is_dir());
            let set = program.env.contains_key(OsStr::new(name));
            if let Some(there) = there.filter(|_| !set && std::env::var_os(name).is_none()) {
                program.env.insert(name.into(), there.into());
            }
        }
        // The person's cache can't be written.
        program.env.entry("XDG_CACHE_HOME".into()).or_insert(walls.home.join(".cache").into());
    }
    let tmp = plan.dir.join("tmp");
    std::fs::create_dir_all(&tmp).map_err(|error| Error::io("create", &tmp, error))?;
    program.env.entry("TMPDIR".into()).or_insert(tmp.into());
    let places = PLACES.iter().filter_map(|name| program.env.get(OsStr::new(name)));
    let tools = TOOLS.map(|(name, _)| OsString::from(name));
    let folders = places.map(PathBuf::from).filter(|path| path.is_absolute());
    let shared = |path: &PathBuf| {
        tools.iter().any(|name| {
            let ours = program.env.get(name).map(Path::new) == Some(path);
            ours && person.as_ref().is_some_and(|home| path.starts_with(home))
        })
    };
    doors.write.extend(folders.filter(|path| !shared(path)));
    doors.write.extend(own.iter().cloned());
    doors.read.extend(needed(program));
    program.wall = walls.means.wall(&doors)?;
    Ok(())
}

/// What the program is made of, as far as its command line and its variables say.
fn needed(program: &Program) -> Vec<PathBuf> {
    let inherited = crate::process::inherited().map(|(_, value)| value);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = std::env::split_paths(&paths).collect();
    let own = [program.program.clone()];
    let words = own.iter().chain(&program.args).chain(program.env.values()).cloned();
    let mut needed: Vec<PathBuf> = words.chain(inherited).map(PathBuf::from).collect();
    needed.extend(on_path.iter().map(|folder| folder.join(&program.program)));
    needed.retain(|path| path.is_absolute() && path.exists());
    // The whole of a folder like `/` or a home is never meant.
    needed
        .retain(|path| path.is_file() || path.starts_with("/tmp") || path.starts_with("/var/tmp"));
    let real: Vec<PathBuf> = needed.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let person = std::env::var_os("HOME").map(PathBuf::from);
    needed.extend(real);
    needed.retain(|path| Some(path) != person.as_ref() && path != Path::new("/tmp"));
    needed
}

/// The agent's HOME, with a copy of the person's login where that is newer.
fn make_home(walls: &Walls, person: Option<&Path>) -> Result<()> {
    let home = &walls.home;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(home);
    made.map_err(|error| Error::io("create", home, error))?;
    for name in LOGINS {
        let Some(from) = person.map(|home| home.join(name)).filter(|path| path.is_file()) else {
            continue;
        };
        let to = home.join(name);
        let time = |path: &Path| path.metadata().and_then(|facts| facts.modified()).ok();
        if time(&to) >= time(&from) {
            continue;
        }
        let folder = to.parent().unwrap_or(home);
        std::fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
        // With its mode: nobody else may read it.
        std::fs::copy(&from, &to).map_err(|error| Error::io("copy the login", &from, error))?;
    }
    Ok(())
}
