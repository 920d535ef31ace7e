//! The HOME of a worker's agents: never the operator's, and kept from one session to the next, so that caches and
//! databases are warm. What an agent reads as its settings is made anew for each session.
//!
//! Agents write there, so everything in it is of unknown origin: a link among its folders is not followed by us, it is
//! removed.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::SessionPlan;
use crate::error::{Error, Result};
use crate::process::Program;

/// Tool chains that live in the operator's HOME where nothing else is said. They stay where they are.
pub(super) const TOOL_CHAINS: [(&str, &str); 3] =
    [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup"), ("GOPATH", "go")];

/// Where an agent keeps its state.
#[derive(Debug)]
pub(super) struct Home {
    /// The folder.
    pub(super) path: PathBuf,
    /// The worker's. False: the operator's, named in `env`; what lies there is his.
    pub(super) own: bool,
}

impl Home {
    /// The operator's, where `program` has one by name; else the worker's, which is made when it is missing.
    pub(super) fn of(program: &mut Program, plan: &SessionPlan) -> Result<Self> {
        if let Some(path) = program.env.get(OsStr::new("HOME")) {
            return Ok(Self { path: path.into(), own: false });
        }
        let home = Self { path: plan.home.clone(), own: true };
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&home.path);
        made.map_err(|error| Error::io("create", &home.path, error))?;
        let person: Option<PathBuf> = std::env::var_os("HOME").map(PathBuf::from);
        for (name, folder) in TOOL_CHAINS {
            let there = person.as_ref().map(|person| person.join(folder));
            let there = there.filter(|there| there.is_dir() && std::env::var_os(name).is_none());
            if let Some(there) = there {
                program.env.entry(name.into()).or_insert_with(|| there.into_os_string());
            }
        }
        let cache: OsString = home.path.join(".cache").into();
        program.env.entry("XDG_CACHE_HOME".into()).or_insert(cache);
        program.env.insert("HOME".into(), home.path.clone().into());
        Ok(home)
    }

    /// Removes settings that an earlier session may have left in `folder`, where the HOME is the worker's.
    pub(super) fn renew(&self, folder: &str) -> Result<()> {
        if !self.own {
            return Ok(());
        }
        let (parent, name) = folder.rsplit_once('/').unwrap_or(("", folder));
        let failed = |error| Error::io("remove", &self.path.join(folder), error);
        let inside = self.enter(parent).map_err(failed)?;
        match std::fs::remove_dir_all(inside.path.join(name)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                std::fs::remove_file(inside.path.join(name)).map_err(failed)
            }
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        }
    }

    /// Leaves the agent's settings as the only file of `folder`, where the HOME is the worker's: the operator's own say
    /// what he wants.
    pub(super) fn settle(&self, folder: &str, file: &str, text: &str) -> Result<()> {
        self.renew(folder)?;
        if self.own { self.write(folder, file, text.as_bytes()) } else { Ok(()) }
    }

    /// A copy of the login that the operator has in `file` of `folder` in his own HOME, where that is newer than what is
    /// here.
    pub(super) fn bring_login(&self, person: &Path, folder: &str, file: &str) -> Result<()> {
        let from = person.join(folder).join(file);
        let time = |facts: std::fs::Metadata| facts.modified().ok();
        let theirs = from.metadata().ok().filter(|facts| facts.is_file()).and_then(time);
        let ours = self.path.join(folder).join(file).symlink_metadata().ok().and_then(time);
        if !self.own || theirs.is_none() || ours >= theirs {
            return Ok(());
        }
        let login =
            std::fs::read(&from).map_err(|error| Error::io("read the login", &from, error))?;
        self.write(folder, file, &login)
    }

    /// Puts a file into `folder`, for the user alone.
    fn write(&self, folder: &str, file: &str, content: &[u8]) -> Result<()> {
        let put = || -> std::io::Result<()> {
            let inside = self.enter(folder)?;
            let (new, path) = (inside.path.join(format!("{file}.new")), inside.path.join(file));
            match std::fs::remove_file(&new) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut options = std::fs::File::options();
            options.write(true).create_new(true).mode(0o600).open(&new)?.write_all(content)?;
            std::fs::rename(&new, &path)
        };
        put().map_err(|error| Error::io("write", &self.path.join(folder).join(file), error))
    }

    /// A folder of this HOME, made where it is missing. Whatever else stands in its place is removed.
    fn enter(&self, folder: &str) -> std::io::Result<Inside> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut at = rustix::fs::open(&self.path, flags, Mode::empty())?;
        for name in folder.split('/').filter(|name| !name.is_empty()) {
            let found = rustix::fs::openat(&at, name, flags, Mode::empty());
            at = match found {
                Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => {
                    match rustix::fs::unlinkat(&at, name, AtFlags::empty()) {
                        Ok(()) | Err(Errno::NOENT) => {}
                        Err(error) => return Err(error.into()),
                    }
                    rustix::fs::mkdirat(&at, name, Mode::RWXU)?;
                    rustix::fs::openat(&at, name, flags, Mode::empty())?
                }
                found => found?,
            };
        }
        Ok(Inside { path: format!("/proc/self/fd/{}", at.as_raw_fd()).into(), _open: at })
    }
}

/// An open folder: its path leads there whatever becomes of the folders above it.
struct Inside {
    path: PathBuf,
    _open: OwnedFd,
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn login(home: &Home, person: &Path) {
        home.bring_login(person, ".claude", ".credentials.json").unwrap();
    }

    fn home(folder: &Path) -> Home {
        let path = folder.join("home");
        std::fs::create_dir(&path).unwrap();
        Home { path, own: true }
    }

    #[test]
    fn settings_are_made_anew_and_the_rest_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let home = home(folder.path());
        std::fs::create_dir_all(home.path.join(".gemini/extensions/mine")).unwrap();
        std::fs::create_dir(home.path.join(".cache")).unwrap();
        home.settle(".gemini", "settings.json", "{}").unwrap();
        let left: Vec<_> = std::fs::read_dir(home.path.join(".gemini")).unwrap().collect();
        assert_eq!(left.len(), 1);
        let path = home.path.join(".gemini/settings.json");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{}");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(home.path.join(".cache").is_dir());
        home.renew(".config/opencode").unwrap();
        assert!(home.path.join(".config").is_dir());
        let theirs = Home { own: false, ..home };
        theirs.settle(".gemini", "settings.json", "else").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{}");
    }

    #[test]
    fn links_that_an_agent_left_lead_us_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let (home, outside) = (home(folder.path()), folder.path().join("outside"));
        std::fs::create_dir_all(outside.join("opencode")).unwrap();
        std::fs::write(outside.join("settings.json"), "theirs").unwrap();
        for name in [".config", ".claude"] {
            symlink(&outside, home.path.join(name)).unwrap();
        }
        home.renew(".config/opencode").unwrap();
        assert!(outside.join("opencode").is_dir());
        // The file itself may be a link as well, or a folder or link may stand where it is written first.
        std::fs::create_dir(home.path.join(".qwen")).unwrap();
        for name in ["settings.json", "settings.json.new"] {
            symlink(outside.join("settings.json"), home.path.join(".qwen").join(name)).unwrap();
        }
        home.write(".qwen", "settings.json", b"ours").unwrap();
        home.settle(".qwen", "settings.json", "ours").unwrap();
        assert_eq!(std::fs::read_to_string(outside.join("settings.json")).unwrap(), "theirs");
        let person = folder.path().join("person");
        std::fs::create_dir_all(person.join(".claude")).unwrap();
        std::fs::write(person.join(".claude/.credentials.json"), "a login").unwrap();
        login(&home, &person);
        assert!(!outside.join(".credentials.json").exists());
        let copy = home.path.join(".claude/.credentials.json");
        assert_eq!(std::fs::read_to_string(copy).unwrap(), "a login");
    }

    #[test]
    fn a_login_is_copied_once_and_again_when_it_is_newer() {
        let folder = tempfile::tempdir().unwrap();
        let (home, person) = (home(folder.path()), folder.path().join("person"));
        login(&home, &person);
        assert!(!home.path.join(".claude").exists());
        std::fs::create_dir_all(person.join(".claude")).unwrap();
        let (theirs, ours) =
            (person.join(".claude/.credentials.json"), home.path.join(".claude/.credentials.json"));
        std::fs::write(&theirs, "first").unwrap();
        login(&home, &person);
        // The agent's program has renewed it.
        std::fs::write(&ours, "renewed").unwrap();
        login(&home, &person);
        assert_eq!(std::fs::read_to_string(&ours).unwrap(), "renewed");
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
        std::fs::write(&theirs, "second").unwrap();
        std::fs::File::options().write(true).open(&theirs).unwrap().set_modified(later).unwrap();
        login(&home, &person);
        assert_eq!(std::fs::read_to_string(&ours).unwrap(), "second");
    }
}
