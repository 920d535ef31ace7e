//! Who lives. A worker is known as alive by two witnesses: the lock on `workers/<wid>.lock`, held for the life of its
//! process, and the process itself, by pid and start time. It is dead only when both say so. No clock is asked.
//!
//! The lock's file says on which boot it was made (a pid and a start time mean nothing after the next one), and a
//! worker that ends in good order writes `ended` into it, since its process may go on.

use std::path::PathBuf;
use std::time::Duration;

use super::claims;
use super::folder::failed;
use super::lock::{self, Held};
use super::machine::{Errno, Machine, Opening};
use super::site::Site;
use crate::error::Result;
use crate::floor::Floor;
use crate::holder::WorkerId;
use crate::queue::Enlisted;

/// The most bytes of a lock's file that are read.
const LIMIT_BYTES: u64 = 4096;

/// The lock of a live worker.
struct Alive(Held);

impl Drop for Alive {
    fn drop(&mut self) {
        if let Err(error) = self.0.file().write(b"ended\n") {
            // It is then taken for alive until this process ends.
            tracing::warn!(%error, "could not write down that a worker ended");
        }
    }
}

/// Makes this process known as a live worker.
pub(super) fn enlist(site: &Site, stage: &str) -> Result<Enlisted> {
    let (machine, floor) = (&site.machine, &site.floor);
    let pid = machine.own_pid();
    let start = machine.start_time(pid).unwrap_or_else(|| {
        tracing::warn!("/proc can't be read: the lock alone says which worker lives");
        0
    });
    site.make_folder(&floor.workers())?;
    loop {
        let worker = WorkerId::new(pid, start, machine.chance() as u32);
        let path = lock_path(floor, &worker);
        let file = match machine.open(&path, Opening::New) {
            Ok(file) => file,
            Err(Errno::EXIST) => continue,
            Err(error) => return Err(failed("create", &path, error)),
        };
        file.write(format!("boot {}\nstage {stage}\n", machine.boot()).as_bytes())
            .map_err(|error| failed("write", &path, error))?;
        // Somebody may be probing it this moment, or (where /proc can't be read) have taken it for a dead one's.
        let held = lock::exclusive(file).map_err(|error| failed("lock", &path, error))?;
        let there = site.is_there(&path);
        match held {
            Some(held) if there => {
                site.make_folder(&claims::folder(floor, &worker))?;
                return Ok(Enlisted::new(worker, Box::new(Alive(held))));
            }
            Some(_) | None => {
                site.remove(&path)?;
                machine.pause(Duration::from_millis(1));
            }
        }
    }
}

/// True while that worker lives.
pub(super) fn lives(site: &Site, worker: &WorkerId) -> Result<bool> {
    let path = lock_path(&site.floor, worker);
    let mut told = String::new();
    match site.machine.open(&path, Opening::Read) {
        Ok(file) => match lock::shared(file).map_err(|error| failed("probe", &path, error))? {
            None => return Ok(true),
            Some(held) => {
                let read = held.file().read(LIMIT_BYTES);
                let read = read.map_err(|error| failed("read", &path, error))?;
                told = String::from_utf8_lossy(&read).into_owned();
            }
        },
        // A person took the lock's file away: the process itself is left as a witness.
        Err(Errno::NOENT) => {}
        Err(error) => return Err(failed("open", &path, error)),
    }
    let now = site.machine.boot();
    let before = told.lines().find_map(|line| line.strip_prefix("boot "));
    let rebooted = before.is_some_and(|then| !now.is_empty() && then != now);
    Ok(!rebooted && !told.lines().any(|line| line == "ended") && runs(&*site.machine, worker))
}

/// True for a worker that said itself that it ended: nothing of it is left to look after.
pub(super) fn ended_well(site: &Site, worker: &WorkerId) -> bool {
    let told = site.read(&lock_path(&site.floor, worker));
    told.is_ok_and(|told| told.lines().any(|line| line == "ended"))
}

/// True when the very process of that worker runs. Where /proc can't be read it is no witness, and the lock decides.
fn runs(machine: &dyn Machine, worker: &WorkerId) -> bool {
    machine.start_time(machine.own_pid()).is_some()
        && machine.start_time(worker.pid()) == Some(worker.start_time())
}

/// Every worker that has left a trace.
pub(super) fn known(site: &Site) -> Result<Vec<WorkerId>> {
    let names = site.names(&site.floor.workers())?;
    let stems = names.iter().filter_map(|name| name.rsplit_once('.'));
    let mut workers: Vec<WorkerId> =
        stems.filter_map(|(stem, _)| WorkerId::parse(stem).ok()).collect();
    workers.sort();
    workers.dedup();
    Ok(workers)
}

/// Takes the traces of a dead worker away. The list of its claims must be empty: it goes last but the lock, and a
/// crash in between leaves a dead worker to find again.
pub(super) fn forget(site: &Site, worker: &WorkerId) -> Result<()> {
    let list = claims::folder(&site.floor, worker);
    match site.machine.remove_folder(&list) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(failed("remove", &list, error)),
    }
    site.remove(&site.floor.workers().join(format!("{worker}.json")))?;
    site.remove(&lock_path(&site.floor, worker))?;
    Ok(())
}

/// The file whose lock that worker holds while it lives.
pub(super) fn lock_path(floor: &Floor, worker: &WorkerId) -> PathBuf {
    floor.workers().join(format!("{worker}.lock"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process;
    use crate::queue::files::machine::Linux;
    use std::sync::Arc;

    fn site(folder: &tempfile::TempDir) -> Site {
        Site::of(folder.path(), Arc::new(Linux)).unwrap()
    }

    #[test]
    fn a_worker_whose_lock_file_was_removed_lives_as_long_as_its_process() {
        let folder = tempfile::tempdir().unwrap();
        let site = site(&folder);
        let worker = enlist(&site, "spec").unwrap();
        assert!(lives(&site, &worker.worker).unwrap());
        std::fs::remove_file(lock_path(&site.floor, &worker.worker)).unwrap();
        assert!(lives(&site, &worker.worker).unwrap());
    }

    #[test]
    fn a_dropped_guard_is_the_end_even_while_the_process_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let site = site(&folder);
        let enlisted = enlist(&site, "spec").unwrap();
        let worker = enlisted.worker.clone();
        drop(enlisted);
        assert!(!lives(&site, &worker).unwrap());
        assert_eq!(known(&site).unwrap(), std::slice::from_ref(&worker));
        forget(&site, &worker).unwrap();
        assert_eq!(known(&site).unwrap(), []);
    }

    #[test]
    fn a_reused_pid_and_an_earlier_boot_are_dead() {
        let folder = tempfile::tempdir().unwrap();
        let site = site(&folder);
        let own = std::process::id();
        let start = process::start_time(own).unwrap();
        assert!(!lives(&site, &WorkerId::new(own, start + 1, 1)).unwrap());
        let worker = WorkerId::new(own, start, 1);
        site.make_folder(&site.floor.workers()).unwrap();
        std::fs::write(lock_path(&site.floor, &worker), "boot of-yesterday\n").unwrap();
        assert!(!lives(&site, &worker).unwrap());
    }

    #[test]
    fn two_workers_that_draw_the_same_id_get_two() {
        let folder = tempfile::tempdir().unwrap();
        let site = site(&folder);
        fastrand::seed(7);
        let first = enlist(&site, "spec").unwrap();
        fastrand::seed(7);
        let second = enlist(&site, "spec").unwrap();
        assert_ne!(first.worker, second.worker);
        assert!(lives(&site, &first.worker).unwrap() && lives(&site, &second.worker).unwrap());
    }

    #[test]
    fn a_held_lock_is_life_whatever_the_pid_says() {
        let folder = tempfile::tempdir().unwrap();
        let site = site(&folder);
        let worker = WorkerId::new(u32::MAX, 1, 1);
        site.make_folder(&site.floor.workers()).unwrap();
        let held =
            lock::exclusive(Linux.open(&lock_path(&site.floor, &worker), Opening::New).unwrap());
        let held = held.unwrap();
        assert!(lives(&site, &worker).unwrap());
        drop(held);
        assert!(!lives(&site, &worker).unwrap());
    }
}
