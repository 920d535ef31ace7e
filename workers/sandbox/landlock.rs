//! The rules of Landlock for an agent. They can only allow, so what is hidden is left out: of a folder that holds something
//! hidden its entries are allowed one by one.

use std::path::{Path, PathBuf};

use super::Doors;
use super::hidden::secrets_but;
use crate::error::{Error, Kind, Result};
use crate::process::Fence;

/// Devices that programs write to. (Terminals are made there too.)
const DEVICES: [&str; 9] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/shm",
];

/// The rules with these doors.
pub(super) fn fence(doors: &Doors) -> Result<Fence> {
    let needed: Vec<PathBuf> = doors.read.iter().chain(&doors.write).cloned().collect();
    let mut read = Vec::new();
    all_but(Path::new("/"), &secrets_but(&needed), &mut read);
    let devices = DEVICES.iter().map(PathBuf::from);
    let write: Vec<PathBuf> =
        doors.write.iter().cloned().chain(devices).filter(|path| path.exists()).collect();
    if let Some(odd) = read.iter().chain(&write).find(|path| path.to_str().is_none()) {
        let told = format!("failed to make a sandbox: {} is not UTF-8 text", odd.display());
        return Err(Error::new(Kind::Environment, told)
            .hint("rename it, or set sandbox = \"bwrap\" for the stage"));
    }
    Ok(Fence { read, write })
}

/// Everything in `folder` but the hidden, in as few paths as can be. A symlink is no path of its own: where it leads to is
/// allowed or not.
fn all_but(folder: &Path, hidden: &[PathBuf], into: &mut Vec<PathBuf>) {
    if !hidden.iter().any(|path| path.starts_with(folder)) {
        into.push(folder.to_owned());
        return;
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let plain = path.symlink_metadata().is_ok_and(|facts| !facts.is_symlink());
        if plain && !hidden.contains(&path) {
            all_but(&path, hidden, into);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_in_no_folder_that_may_be_read() {
        let top = tempfile::tempdir().unwrap();
        for name in ["a/b/secret", "a/b/plain", "a/c", "d"] {
            std::fs::create_dir_all(top.path().join(name)).unwrap();
        }
        std::os::unix::fs::symlink(top.path().join("a/b/secret"), top.path().join("d/link"))
            .unwrap();
        let mut allowed = Vec::new();
        let hidden = [top.path().join("a/b/secret")];
        all_but(top.path(), &hidden, &mut allowed);
        allowed.sort();
        assert_eq!(allowed, ["a/b/plain", "a/c", "d"].map(|name| top.path().join(name)));
        let mut all = Vec::new();
        all_but(top.path(), &[], &mut all);
        assert_eq!(all, [top.path()]);
    }
}
