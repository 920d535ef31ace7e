//! The command line of bubblewrap.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Doors;
use super::hidden::{NEEDED_OF_RUN, SHARED, secrets_but};

/// What root keeps inside: enough to handle files of other owners as it is used to. Nothing with which a mount could be
/// made or a device.
const ROOT_KEEPS: [&str; 3] = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER"];

/// bubblewrap with these doors; the program and its arguments follow it.
///
/// Everything is there and read-only, but for what is covered (by an empty folder, or an empty file) and for the doors.
/// Later arguments lie over earlier ones. Processes outside can't be seen; all that is inside dies with the first of it,
/// and that with bubblewrap, and that with the shim.
pub(super) fn argv(doors: &Doors) -> Vec<OsString> {
    let mut words = Words(vec!["bwrap".into()]);
    words.add(&["--die-with-parent", "--unshare-pid", "--unshare-ipc"]);
    if rustix::process::geteuid().is_root() {
        words.add(&["--cap-drop", "ALL"]);
        ROOT_KEEPS.iter().for_each(|kept| words.add(&["--cap-add", kept]));
    }
    words.add(&["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]);
    let shared: Vec<PathBuf> = SHARED.iter().map(PathBuf::from).filter(|p| is_plain(p)).collect();
    shared.iter().for_each(|folder| words.cover(folder));
    NEEDED_OF_RUN.iter().for_each(|path| words.add(&["--ro-bind-try", path, path]));
    let needed: Vec<PathBuf> = doors.read.iter().chain(&doors.write).cloned().collect();
    let secrets = secrets_but(&needed);
    let covered = |path: &Path, by: &[PathBuf]| by.iter().any(|cover| path.starts_with(cover));
    doors.read.iter().filter(|p| covered(p, &shared)).for_each(|path| words.show(path));
    secrets.iter().for_each(|secret| words.cover(secret));
    doors.write.iter().filter(|path| path.exists()).for_each(|path| words.open(path));
    words.add(&["--"]);
    words.0
}

/// A folder, and no symlink to one: what stands behind that is covered in its own right.
fn is_plain(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|facts| facts.is_dir())
}

struct Words(Vec<OsString>);

impl Words {
    fn add(&mut self, words: &[&str]) {
        self.0.extend(words.iter().map(OsString::from));
    }

    /// An empty folder, or an empty file, in its place.
    fn cover(&mut self, path: &Path) {
        match path.is_dir() {
            true => self.0.extend(["--tmpfs".into(), path.into()]),
            false => self.0.extend(["--ro-bind".into(), "/dev/null".into(), path.into()]),
        }
    }

    fn show(&mut self, path: &Path) {
        self.0.extend(["--ro-bind-try".into(), path.into(), path.into()]);
    }

    fn open(&mut self, path: &Path) {
        self.0.extend(["--bind".into(), path.into(), path.into()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_lies_over_what_is_covered_and_nothing_is_read_by_a_shell() {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let (read, write) = (folder.path().join("a project; rm"), folder.path().join("work"));
        std::fs::create_dir_all(&read).unwrap();
        std::fs::create_dir_all(&write).unwrap();
        let gone = folder.path().join("gone");
        let doors = Doors { write: vec![write.clone(), gone.clone()], read: vec![read.clone()] };
        let words = argv(&doors);
        let at = |words: &[OsString], wanted: &[OsString]| {
            words.windows(wanted.len()).position(|found| found == wanted).unwrap()
        };
        let root = at(&words, &["--ro-bind".into(), "/".into(), "/".into()]);
        let tmp = at(&words, &["--tmpfs".into(), "/tmp".into()]);
        let shown = at(&words, &["--ro-bind-try".into(), read.clone().into(), read.into()]);
        let open = at(&words, &["--bind".into(), write.clone().into(), write.into()]);
        assert!(root < tmp && tmp < shown && shown < open);
        assert!(!words.contains(&gone.into()), "what is not there can't be opened");
        assert_eq!(words.last().unwrap(), "--");
    }
}
