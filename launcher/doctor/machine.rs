//! Findings about the machine: room on its disks, and watches for workers that sleep.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use shopfloor::queue::files::FileQueue;

use super::finding::Finding;

/// Watches that a worker hangs on the index: one for each state of its stage, and some to spare.
const WATCHES_OF_A_WORKER: u64 = 8;

/// Each file system that these folders (or what is there of their paths) are on has room.
pub(crate) fn rooms(
    folders: &[&Path],
    free_mib: u64,
    shown: &dyn Fn(&Path) -> String,
) -> Vec<Finding> {
    let mut seen = Vec::new();
    let mut findings = Vec::new();
    for folder in folders {
        let Some(there) = folder.ancestors().find(|path| path.exists()) else { continue };
        let Ok(device) = there.metadata().map(|facts| facts.dev()) else { continue };
        if seen.contains(&device) {
            continue;
        }
        seen.push(device);
        if let Err(error) = FileQueue::check_room(there, free_mib) {
            findings.push(Finding::of_error("low-disk", shown(there), &error));
        }
    }
    findings
}

/// What the kernel allows a user of inotify, and how much of it is used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inotify {
    /// How many instances one user may have.
    instances: u64,
    /// How many watches one user may have.
    watches: u64,
    /// Instances in use, as far as we may see.
    used: u64,
}

impl Inotify {
    /// Reads it from the kernel's files; `None` where they can't be read. `limits` is `/proc/sys/fs/inotify`.
    pub(crate) fn read(limits: &Path) -> Option<Self> {
        let number = |name: &str| {
            std::fs::read_to_string(limits.join(name)).ok()?.trim().parse::<u64>().ok()
        };
        let instances = number("max_user_instances")?;
        let watches = number("max_user_watches")?;
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let handles = processes
            .flat_map(|process| std::fs::read_dir(process.path().join("fd")).into_iter().flatten())
            .flatten();
        let inotify = handles.filter(|handle| {
            std::fs::read_link(handle.path())
                .is_ok_and(|link| link.as_os_str() == "anon_inode:inotify")
        });
        Some(Self { instances, watches, used: inotify.count() as u64 })
    }

    /// Whether `workers` more of them find a bell to sleep at.
    pub(crate) fn judge(self, workers: u64) -> Option<Finding> {
        let Self { instances, watches, used } = self;
        let place = "/proc/sys/fs/inotify";
        let told = |what: String, setting: &str, number: u64| {
            let what = format!(
                "{what}: workers that get none find new orders by looking every few seconds"
            );
            let mend = format!("sudo sysctl fs.inotify.{setting}={number}");
            Some(Finding::note("inotify", place, what, mend))
        };
        if instances < used + workers {
            let what = format!(
                "{used} of {instances} inotify instances are in use, and {workers} more are wanted"
            );
            return told(what, "max_user_instances", (used + workers).max(512));
        }
        if watches < workers * WATCHES_OF_A_WORKER {
            let what = format!("a user may have only {watches} inotify watches");
            return told(what, "max_user_watches", 65_536);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_instances_or_watches_are_told_with_the_setting() {
        let folder = tempfile::tempdir().unwrap();
        let set = |instances: &str, watches: &str| {
            std::fs::write(folder.path().join("max_user_instances"), instances).unwrap();
            std::fs::write(folder.path().join("max_user_watches"), watches).unwrap();
            Inotify { used: 3, ..Inotify::read(folder.path()).unwrap() }.judge(5)
        };
        assert_eq!(set("8\n", "40\n"), None);
        assert!(set("7\n", "65536\n").unwrap().mend.contains("max_user_instances=512"));
        assert!(set("128\n", "39\n").unwrap().mend.contains("max_user_watches"));
        assert!(Inotify::read(Path::new("/nowhere")).is_none());
    }

    #[test]
    fn one_full_file_system_is_one_finding_however_many_folders_are_on_it() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("not/there/yet");
        let shown = |path: &Path| path.display().to_string();
        assert_eq!(rooms(&[folder.path(), &missing], 0, &shown), []);
        let found = rooms(&[folder.path(), &missing], u64::MAX, &shown);
        assert_eq!((found.len(), found[0].kind), (1, "low-disk"));
        assert!(found[0].what.contains("MiB are free"), "{found:?}");
    }
}
