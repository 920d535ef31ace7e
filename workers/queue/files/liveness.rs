//! Who lives. A worker is known as alive by two witnesses: the lock on `workers/<wid>.lock`, held for the life of its
//! process, and the process itself, by pid and start time. It is dead only when both say so. No clock is asked.
//!
//! The lock's file says on which boot it was made (a pid and a start time mean nothing after the next one), and a
//! worker that ends in good order writes `ended` into it, since its process may go on.

use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use super::claims;
use super::floor_files::{make_folder, names, open, remove};
use super::folder::failed;
use super::lock::{self, Held};
use crate::error::{Error, Result};
use crate::floor::Floor;
use crate::holder::WorkerId;
use crate::process;
use crate::queue::Enlisted;

/// The lock of a live worker.
struct Alive(Held);

impl Drop for Alive {
    fn drop(&mut self) {
        if let Err(error) = self.0.file().write_all(b"ended\n") {
            // It is then taken for alive until this process ends.
            tracing::warn!(%error, "could not write down that a worker ended");
        }
    }
}

/// Makes this process known as a live worker.
pub(super) fn enlist(floor: &Floor, stage: &str) -> Result<Enlisted> {
    let pid = std::process::id();
    let start = process::start_time(pid).unwrap_or_else(|| {
        tracing::warn!("/proc can't be read: the lock alone says which worker lives");
        0
    });
    make_folder(&floor.workers())?;
    loop {
        let worker = WorkerId::new(pid, start, fastrand::u32(..));
        let path = lock_path(floor, &worker);
        let mut file = match open(&path, true, true) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(failed("create", &path, error)),
        };
        file.write_all(format!("boot {}\nstage {stage}\n", boot()).as_bytes())
            .map_err(|error| failed("write", &path, error))?;
        // Somebody may be probing it this moment, or (where /proc can't be read) have taken it for a dead one's.
        let held = lock::exclusive(file).map_err(|error| failed("lock", &path, error))?;
        let there = std::fs::symlink_metadata(&path).is_ok();
        match held {
            Some(held) if there => {
                make_folder(&claims::folder(floor, &worker))?;
                return Ok(Enlisted::new(worker, Box::new(Alive(held))));
            }
            Some(_) | None => {
                remove(&path)?;
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

/// True while that worker lives.
pub(super) fn lives(floor: &Floor, worker: &WorkerId) -> Result<bool> {
    let path = lock_path(floor, worker);
    let mut told = String::new();
    match open(&path, false, false) {
        Ok(file) => match lock::shared(file).map_err(|error| failed("probe", &path, error))? {
            None => return Ok(true),
            Some(held) => {
                let read = held.file().take(4096).read_to_string(&mut told);
                read.map_err(|error| failed("read", &path, error))?;
            }
        },
        // A person took the lock's file away: the process itself is left as a witness.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed("open", &path, error)),
    }
    let now = boot();
    let before = told.lines().find_map(|line| line.strip_prefix("boot "));
    let rebooted = before.is_some_and(|then| !now.is_empty() && then != now);
    Ok(!rebooted && !told.lines().any(|line| line == "ended") && runs(worker))
}

/// True for a worker that said itself that it ended: nothing of it is left to look after.
pub(super) fn ended_well(floor: &Floor, worker: &WorkerId) -> bool {
    let mut told = String::new();
    let read = open(&lock_path(floor, worker), false, false)
        .and_then(|file| file.take(4096).read_to_string(&mut told));
    read.is_ok() && told.lines().any(|line| line == "ended")
}

/// True when the very process of that worker runs. Where /proc can't be read it is no witness, and the lock decides.
fn runs(worker: &WorkerId) -> bool {
    process::start_time(std::process::id()).is_some()
        && process::start_time(worker.pid()) == Some(worker.start_time())
}

/// This boot's id; empty where the kernel does not tell.
pub(super) fn boot() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.trim().to_owned()
}

/// Every worker that has left a trace.
pub(super) fn known(floor: &Floor) -> Result<Vec<WorkerId>> {
    let names = names(&floor.workers())?;
    let stems = names.iter().filter_map(|name| name.rsplit_once('.'));
    let mut workers: Vec<WorkerId> =
        stems.filter_map(|(stem, _)| WorkerId::parse(stem).ok()).collect();
    workers.sort();
    workers.dedup();
    Ok(workers)
}

/// Takes the traces of a dead worker away. The list of its claims must be empty: it goes last but the lock, and a
/// crash in between leaves a dead worker to find again.
pub(super) fn forget(floor: &Floor, worker: &WorkerId) -> Result<()> {
    let list = claims::folder(floor, worker);
    match std::fs::remove_dir(&list) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::io("remove", &list, error));
        }
        _ => {}
    }
    remove(&floor.workers().join(format!("{worker}.json")))?;
    remove(&lock_path(floor, worker))?;
    Ok(())
}

/// The file whose lock that worker holds while it lives.
pub(super) fn lock_path(floor: &Floor, worker: &WorkerId) -> PathBuf {
    floor.workers().join(format!("{worker}.lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floor(folder: &tempfile::TempDir) -> Floor {
        Floor::of_queue(folder.path())
    }

    #[test]
    fn a_worker_whose_lock_file_was_removed_lives_as_long_as_its_process() {
        let folder = tempfile::tempdir().unwrap();
        let floor = floor(&folder);
        let worker = enlist(&floor, "spec").unwrap();
        assert!(lives(&floor, &worker.worker).unwrap());
        std::fs::remove_file(lock_path(&floor, &worker.worker)).unwrap();
        assert!(lives(&floor, &worker.worker).unwrap());
    }

    #[test]
    fn a_dropped_guard_is_the_end_even_while_the_process_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let floor = floor(&folder);
        let enlisted = enlist(&floor, "spec").unwrap();
        let worker = enlisted.worker.clone();
        drop(enlisted);
        assert!(!lives(&floor, &worker).unwrap());
        assert_eq!(known(&floor).unwrap(), std::slice::from_ref(&worker));
        forget(&floor, &worker).unwrap();
        assert_eq!(known(&floor).unwrap(), []);
    }

    #[test]
    fn a_reused_pid_and_an_earlier_boot_are_dead() {
        let folder = tempfile::tempdir().unwrap();
        let floor = floor(&folder);
        let own = std::process::id();
        let start = process::start_time(own).unwrap();
        assert!(!lives(&floor, &WorkerId::new(own, start + 1, 1)).unwrap());
        let worker = WorkerId::new(own, start, 1);
        make_folder(&floor.workers()).unwrap();
        std::fs::write(lock_path(&floor, &worker), "boot of-yesterday\n").unwrap();
        assert!(!lives(&floor, &worker).unwrap());
    }

    #[test]
    fn two_workers_that_draw_the_same_id_get_two() {
        let folder = tempfile::tempdir().unwrap();
        let floor = floor(&folder);
        fastrand::seed(7);
        let first = enlist(&floor, "spec").unwrap();
        fastrand::seed(7);
        let second = enlist(&floor, "spec").unwrap();
        assert_ne!(first.worker, second.worker);
        assert!(lives(&floor, &first.worker).unwrap() && lives(&floor, &second.worker).unwrap());
    }

    #[test]
    fn a_held_lock_is_life_whatever_the_pid_says() {
        let folder = tempfile::tempdir().unwrap();
        let floor = floor(&folder);
        let worker = WorkerId::new(u32::MAX, 1, 1);
        make_folder(&floor.workers()).unwrap();
        let held = lock::exclusive(open(&lock_path(&floor, &worker), true, true).unwrap()).unwrap();
        assert!(lives(&floor, &worker).unwrap());
        drop(held);
        assert!(!lives(&floor, &worker).unwrap());
    }
}
