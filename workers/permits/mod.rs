//! Permits: how many agent sessions run at once over all stages (`[floor] sessions`). They float: whoever has one keeps it
//! until its session ends, and then it goes to the most upstream stage that waits.
//!
//! A permit is a locked file, `.floor/permits/<n>`, and the kernel frees it when its holder dies. What stands in it says who
//! holds it; a holder that ends in good order leaves it empty. So whoever finds words in a free permit knows that its
//! holder died, and ends what is left of that worker's sessions before it opens its own: there are never more agents
//! than permits. Who waits holds a lock on a file of its own in `waiting/`, which dies with it as well.

mod bell;
mod files;
mod wait;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::FloorConfig;
use crate::error::Result;
use crate::floor::{Floor, unix_now};
use crate::holder::WorkerId;
use files::{Locked, lock, names};

pub use bell::PermitBell;
pub use wait::Waiting;

/// Who holds a permit or waits for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The stage's name.
    pub stage: String,
    /// The stage's place in the pipeline: 0 is the most upstream.
    pub place: usize,
    /// The worker.
    pub worker: WorkerId,
    /// Since when, unix seconds.
    pub since: u64,
}

/// How the permits stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// How many there are.
    pub limit: usize,
    /// Who holds one.
    pub held: Vec<Who>,
    /// Who waits for one, the next first.
    pub waiting: Vec<Who>,
}

/// The permits of one floor.
#[derive(Debug, Clone)]
pub struct Permits {
    folder: PathBuf,
    limit: usize,
}

/// The right to run one agent session, until it is dropped.
#[derive(Debug)]
pub struct Permit {
    file: Locked,
}

impl Drop for Permit {
    fn drop(&mut self) {
        // Empty: we end in good order.
        self.file.put("");
    }
}

impl Permits {
    /// The permits of a floor; `None` when sessions have no limit.
    pub fn of(floor: &Floor, config: &FloorConfig) -> Option<Self> {
        let limit = usize::try_from(u32::from(config.sessions?)).unwrap_or(usize::MAX);
        Some(Self { folder: floor.permits(), limit })
    }

    /// Takes a permit for `who`, if one is free that nobody comes before it for. `undertaker` ends what a dead worker has
    /// left running, and says `false` when something can't be ended: its permit is not free then.
    pub fn take(
        &self,
        who: &Who,
        undertaker: &dyn Fn(&WorkerId) -> bool,
    ) -> Result<Option<Permit>> {
        let mut free = {
            // One at a time, so that nobody takes a permit that another one only looks at for a taken one.
            let Some(_door) = files::door(&self.folder)? else { return Ok(None) };
            let now = unix_now();
            let ahead = wait::all(&self.folder, true)?
                .into_iter()
                .filter(|other| other.worker != who.worker && wait::before(other, who, now));
            let ahead = ahead.count();
            let mut free = Vec::new();
            for number in 1..=self.limit {
                if free.len() > ahead {
                    break;
                }
                free.extend(lock(&self.folder.join(format!("{number}")))?);
            }
            if free.len() <= ahead {
                return Ok(None);
            }
            free.truncate(ahead + 1);
            free
        };
        let Some(mut file) = free.pop() else { return Ok(None) };
        drop(free);
        if let Some(dead) = file.who()
            && dead.worker != who.worker
            && !undertaker(&dead.worker)
        {
            return Ok(None);
        }
        file.put(&serde_json::to_string(who).unwrap_or_default());
        Ok(Some(Permit { file }))
    }

    /// Puts `who` on the list of those who wait, until what is returned is dropped.
    pub fn wait(&self, who: &Who) -> Result<Waiting> {
        Waiting::begin(&self.folder, who)
    }

    /// A bell that rings when a permit may have become free.
    pub fn bell(&self) -> Result<PermitBell> {
        PermitBell::hang(&self.folder)
    }

    /// How they stand. Takes nothing.
    pub fn standing(&self) -> Result<Standing> {
        // Our looking must not pass for a lock. Where nothing can be written nobody takes any.
        let _door = files::door(&self.folder).ok();
        let numbers = names(&self.folder)?.into_iter().filter(|name| name.parse::<u32>().is_ok());
        let mut held = Vec::new();
        for name in numbers {
            held.extend(files::holder(&self.folder.join(name))?);
        }
        held.sort_by_key(|who: &Who| (who.place, who.since));
        let now = unix_now();
        let mut waiting = wait::all(&self.folder, false)?;
        waiting.sort_by(|a, b| wait::order(a, now).cmp(&wait::order(b, now)));
        Ok(Standing { limit: self.limit, held, waiting })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(limit: u32) -> (tempfile::TempDir, Permits) {
        let folder = tempfile::tempdir().unwrap();
        let floor = Floor::of_queue(folder.path());
        let sessions = std::num::NonZeroU32::new(limit);
        let permits = Permits::of(&floor, &FloorConfig { sessions, ..FloorConfig::default() });
        (folder, permits.unwrap())
    }

    fn who(place: usize, number: u32) -> Who {
        let worker = WorkerId::new(number, 1, 1);
        Who { stage: format!("stage-{place}"), place, worker, since: unix_now() }
    }

    fn take(permits: &Permits, who: &Who) -> Option<Permit> {
        permits.take(who, &|_| panic!("nobody died")).unwrap()
    }

    #[test]
    fn there_are_as_many_as_were_set_and_a_dropped_one_is_free_again() {
        let (_folder, permits) = scene(2);
        let first = take(&permits, &who(0, 1)).unwrap();
        let _second = take(&permits, &who(0, 2)).unwrap();
        assert!(take(&permits, &who(0, 3)).is_none());
        assert_eq!(permits.standing().unwrap().held.len(), 2);
        drop(first);
        assert_eq!(permits.standing().unwrap().held, [who(0, 2)]);
        assert!(take(&permits, &who(0, 3)).is_some());
    }

    #[test]
    fn a_free_permit_goes_to_the_most_upstream_stage_that_waits() {
        let (_folder, permits) = scene(1);
        let held = take(&permits, &who(4, 1)).unwrap();
        let down = permits.wait(&who(3, 2)).unwrap();
        let up = permits.wait(&who(1, 3)).unwrap();
        let standing = permits.standing().unwrap();
        assert_eq!(standing.waiting.iter().map(|who| who.place).collect::<Vec<_>>(), [1, 3]);
        drop(held);
        assert!(take(&permits, &who(3, 2)).is_none(), "another one is before it");
        assert!(take(&permits, &who(4, 1)).is_none(), "and so for who held it before");
        let held = take(&permits, &who(1, 3)).unwrap();
        drop((up, held));
        assert!(take(&permits, &who(3, 2)).is_some());
        drop(down);
    }

    #[test]
    fn who_waits_too_long_is_not_overtaken_for_ever() {
        let (_folder, permits) = scene(1);
        let old = Who { since: unix_now() - 3600, ..who(4, 1) };
        let _waits = permits.wait(&old).unwrap();
        let _up = permits.wait(&who(0, 2)).unwrap();
        assert!(take(&permits, &who(0, 2)).is_none());
        assert!(take(&permits, &old).is_some());
    }

    #[test]
    fn what_a_dead_holder_left_is_ended_before_its_permit_is_used() {
        let (_folder, permits) = scene(1);
        let dead = take(&permits, &who(0, 7)).unwrap();
        // As if the kernel had closed it: what stands in it stays.
        let words = std::fs::read(permits.folder.join("1")).unwrap();
        drop(dead);
        std::fs::write(permits.folder.join("1"), words).unwrap();
        let asked = std::cell::RefCell::new(Vec::new());
        let undertaker = |answer: bool| {
            let asked = &asked;
            move |worker: &WorkerId| {
                asked.borrow_mut().push(worker.pid());
                answer
            }
        };
        assert!(permits.take(&who(0, 8), &undertaker(false)).unwrap().is_none());
        assert!(permits.take(&who(0, 8), &undertaker(true)).unwrap().is_some());
        assert!(permits.take(&who(0, 9), &|_| panic!("it ended well")).unwrap().is_some());
        assert_eq!(*asked.borrow(), [7, 7]);
    }

    #[test]
    fn no_limit_means_no_permits() {
        let folder = tempfile::tempdir().unwrap();
        let floor = Floor::of_queue(folder.path());
        assert!(Permits::of(&floor, &FloorConfig::default()).is_none());
    }
}
