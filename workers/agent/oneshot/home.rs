//! A session's own HOME: an agent reads its settings and keeps its history there, and never in the operator's.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::super::SessionPlan;
use crate::error::{Error, Result};
use crate::process::Program;

/// Tool chains that live in the operator's HOME where nothing else is said. They stay where they are.
const TOOL_CHAINS: [(&str, &str); 3] =
    [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup"), ("GOPATH", "go")];

/// Where an agent keeps its state.
#[derive(Debug)]
pub(in super::super) struct Home {
    /// The folder.
    pub(in super::super) path: PathBuf,
    /// Made for this session, and removed with it. False: the operator's, named in `env`.
    pub(in super::super) own: bool,
}

impl Home {
    /// The operator's, where `program` has one by name; else a fresh one in the session's folder.
    pub(in super::super) fn of(program: &mut Program, plan: &SessionPlan) -> Result<Self> {
        if let Some(path) = program.env.get(OsStr::new("HOME")) {
            return Ok(Self { path: path.into(), own: false });
        }
        let path = plan.dir.join("home");
        make(&path)?;
        let ours: Option<OsString> = std::env::var_os("HOME");
        for (name, folder) in TOOL_CHAINS {
            let there = ours.as_ref().map(|home| Path::new(home).join(folder));
            let there = there.filter(|there| there.is_dir() && std::env::var_os(name).is_none());
            if let Some(there) = there {
                program.env.entry(name.into()).or_insert_with(|| there.into_os_string());
            }
        }
        let cache = path.join(".cache").into_os_string();
        program.env.entry("XDG_CACHE_HOME".into()).or_insert(cache);
        program.env.insert("HOME".into(), path.clone().into_os_string());
        Ok(Self { path, own: true })
    }

    /// Leaves the agent's settings, where the HOME is ours: the operator's own say what he wants.
    pub(in super::super) fn settle(&self, file: &str, text: &str) -> Result<()> {
        if !self.own {
            return Ok(());
        }
        let path = self.path.join(file);
        if let Some(folder) = path.parent() {
            make(folder)?;
        }
        std::fs::write(&path, text).map_err(|error| Error::io("write", &path, error))
    }

    /// Removes what has no use once the session is over. What can't be removed stays: it is in nobody's way.
    pub(in super::super) fn clear(&self) {
        if self.own {
            let _gone = std::fs::remove_dir_all(&self.path);
        }
    }
}

fn make(folder: &Path) -> Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| Error::io("create", folder, error))
}
