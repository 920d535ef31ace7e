//! Is this file system fit for a queue? Asked at start: by its type, and by trying what the queue rests on.

use std::path::Path;

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use super::floor_files::{make_folder, open, remove};
use super::folder::{failed, sync, sync_folder};
use super::lock;
use crate::error::{Error, Kind, Result};
use crate::floor::Floor;

/// Types that several machines can share, or that answer for a file system they don't know: locks and syncs there
/// mean less than they say. The numbers are those of statfs(2).
const UNFIT: [(u64, &str); 13] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x0102_1997, "9p"),
    (0x6573_5546, "FUSE"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
    (0x7375_7245, "Coda"),
    (0xbacb_acbc, "VMware shared folders"),
    (0x786f_4256, "VirtualBox shared folders"),
    (0x0bd0_0bd0, "Lustre"),
    (0x7461_636f, "OCFS2"),
];

const HINT: &str = "keep the queue on a local disk (ext4, xfs, btrfs), and link to it from where you want to see it";

/// Refuses (kind `Unfit`) a folder on a file system that can't carry a queue; without `trial` by its type alone.
pub(super) fn check(floor: &Floor, trial: bool) -> Result<()> {
    let root = floor.root();
    let found = rustix::fs::statfs(root).map_err(|error| failed("look at", root, error))?;
    refuse_type(root, found.f_type.cast_unsigned())?;
    if !trial {
        return Ok(());
    }
    make_folder(&floor.tmp())?;
    let name = format!("fit-{}-{:08x}", std::process::id(), fastrand::u32(..));
    let (one, two) = (floor.tmp().join(format!("{name}.1")), floor.tmp().join(format!("{name}.2")));
    let tried = try_out(&floor.tmp(), &one, &two);
    let removed = remove(&one).and(remove(&two));
    tried.and(removed.map(drop))
}

/// The process that left the trial file `name` behind, if it is one.
pub(super) fn tried_by(name: &str) -> Option<u32> {
    name.strip_prefix("fit-")?.split('-').next()?.parse().ok()
}

fn refuse_type(root: &Path, number: u64) -> Result<()> {
    // The type is 32 bits wide; a wider field may carry its sign.
    let number = number & 0xffff_ffff;
    let Some((_, name)) = UNFIT.iter().find(|(unfit, _)| *unfit == number) else { return Ok(()) };
    Err(unfit(format!("failed to open the queue in {}: it is on {name}", root.display())))
}

fn unfit(message: String) -> Error {
    Error::new(Kind::Unfit, message).hint(HINT)
}

/// Two opens of one file conflict, a rename does not replace, file and folder can be synced.
fn try_out(folder: &Path, one: &Path, two: &Path) -> Result<()> {
    let opened =
        |path: &Path, make| open(path, true, make).map_err(|error| failed("open", path, error));
    let locked = |file, path: &Path| {
        lock::exclusive(file).map_err(|error| {
            let told = failed("lock", path, error).of_kind(Kind::Unfit);
            if told.next_step().is_some() { told } else { told.hint(HINT) }
        })
    };
    let first = locked(opened(one, true)?, one)?;
    if first.is_none() || locked(opened(one, false)?, one)?.is_some() {
        let path = one.display();
        return Err(unfit(format!("two locks on {path} do not exclude each other")));
    }
    opened(two, true)?;
    match rustix::fs::renameat_with(CWD, one, CWD, two, RenameFlags::NOREPLACE) {
        Err(Errno::EXIST) => {}
        Ok(()) => return Err(unfit(format!("a rename to {} replaced it", two.display()))),
        Err(error) => {
            return Err(failed("rename a file to", two, error).of_kind(Kind::Unfit).hint(HINT));
        }
    }
    sync(&opened(two, false)?, two)?;
    sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_file_system_is_refused_by_its_type_with_what_to_do() {
        for (number, name) in UNFIT {
            let error = refuse_type(Path::new("/q"), number).unwrap_err();
            assert!(error.kind() == Kind::Unfit && error.to_string().contains(name));
            assert!(error.next_step().unwrap().contains("local disk"));
        }
        assert!(refuse_type(Path::new("/q"), 0xffff_ffff_ff53_4d42).is_err());
        assert!(refuse_type(Path::new("/q"), 0xef53).is_ok());
    }

    #[test]
    fn the_trial_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let floor = Floor::of_queue(folder.path());
        make_folder(floor.root()).unwrap();
        check(&floor, true).unwrap();
        assert_eq!(std::fs::read_dir(floor.tmp()).unwrap().count(), 0);
    }
}
