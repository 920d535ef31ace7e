//! Room on the disk: nothing new is begun below a limit, so that what is under way can end.

use std::path::Path;

use super::machine::Machine;
use crate::error::{Error, FULL, Kind, Result};

/// Inodes that are kept free: an order and its session take a few dozen.
const INODES_KEPT: u64 = 256;

/// Refuses (kind `DiskFull`) when less than `free_mib` MiB or too few inodes are left where `folder` is.
pub(super) fn check(machine: &dyn Machine, folder: &Path, free_mib: u64) -> Result<()> {
    let Some(room) = machine.room(folder) else { return Ok(()) };
    if room.mib < free_mib {
        return Err(Error::new(
            Kind::DiskFull,
            format!(
                "failed to begin anything new in {}: {} MiB are free on its file system, and {free_mib} MiB are kept \
                 free",
                folder.display(),
                room.mib
            ),
        )
        .hint("free some space, or lower [limits] free_mib; nothing was changed"));
    }
    if room.inodes.is_some_and(|inodes| inodes < INODES_KEPT) {
        return Err(Error::new(
            Kind::DiskFull,
            format!(
                "failed to begin anything new in {}: {} inodes are free on its file system",
                folder.display(),
                room.inodes.unwrap_or(0)
            ),
        )
        .hint(
            "remove some files there (inodes are used up by many small ones); nothing was changed",
        ));
    }
    Ok(())
}

/// Adds to an error about a full disk how full it is, unless it says so itself.
pub(super) fn told(machine: &dyn Machine, error: Error, folder: &Path) -> Error {
    let vague = error.kind() == Kind::DiskFull && error.next_step() == Some(FULL);
    match machine.room(folder).filter(|_| vague) {
        Some(room) if room.mib < 1024 => {
            let inodes = room.inodes.map_or_else(String::new, |n| format!(" and {n} inodes"));
            error.hint(format!(
                "{} MiB{inodes} are free on the file system of {}: free some space; nothing was lost",
                room.mib,
                folder.display()
            ))
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::files::machine::Linux;

    #[test]
    fn too_little_room_names_the_path_and_what_is_free() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check(&Linux, folder.path(), 0).is_ok());
        let error = check(&Linux, folder.path(), u64::MAX).unwrap_err();
        assert_eq!(error.kind(), Kind::DiskFull);
        assert!(error.to_string().contains(&*folder.path().to_string_lossy()));
        assert!(error.to_string().contains("MiB are free"), "{error}");
    }
}
