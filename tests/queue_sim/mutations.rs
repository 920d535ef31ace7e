//! Each sync of the queue left out in turn: a power cut has to show that it is missed.

use shopfloor::queue::files::machine::SyncPoint;

use super::aimed;
use super::cast::Cast;
use super::draw::{self, Weather};
use super::history::{Playing, play};
use super::oracle::Broken;
use super::scene;

/// Syncs that no power cut in this world shows, each with its reason. `docs/queue-on-disk.md` has the same list.
pub(crate) const UNSEEN: &[(SyncPoint, &str)] = &[
    (
        SyncPoint::NewLock,
        "it is empty: nothing of it can be lost but its name, which `NewFolder` keeps",
    ),
    (
        SyncPoint::ArchivedName,
        "a rename is one change of both folders, and `ArchivedFrom` keeps it",
    ),
    (
        SyncPoint::ArchivedFrom,
        "a rename is one change of both folders, and `ArchivedName` keeps it",
    ),
    (SyncPoint::IdentityName, "`InitFloor` syncs the same folder after it"),
    (
        SyncPoint::InitFloor,
        "`IdentityName` syncs the same folder before it, where `queue.json` is made",
    ),
    (SyncPoint::TrialFile, "a trial: what it wrote is taken away again"),
    (SyncPoint::TrialFolder, "a trial: what it wrote is taken away again"),
];

/// Syncs of the making of a queue, which is played apart.
const BEGINNINGS: [SyncPoint; 4] =
    [SyncPoint::Identity, SyncPoint::IdentityName, SyncPoint::InitFloor, SyncPoint::InitQueue];

/// What came of leaving one sync out.
#[derive(Debug, Clone)]
pub(crate) struct Mutation {
    pub(crate) point: SyncPoint,
    /// After how many histories it was missed, in which one, and how.
    pub(crate) missed: Option<(u64, u64, Broken)>,
    /// How many were played.
    pub(crate) played: u64,
}

impl Mutation {
    /// Leaves `point` out of at most `most` histories with power cuts.
    pub(crate) fn of(point: SyncPoint, first_seed: u64, most: u64, cast: &Cast) -> Self {
        let without = Playing { without: Some(point), ..Playing::default() };
        for number in 0..most {
            let seed = first_seed.wrapping_add(number);
            if BEGINNINGS.contains(&point) {
                let Some(broken) = scene::begin(seed, Some(point)) else { continue };
                if scene::begin(seed, None).is_none() {
                    return Self {
                        point,
                        missed: Some((number + 1, seed, broken)),
                        played: number + 1,
                    };
                }
                continue;
            }
            let aimed = aimed::script(point, seed);
            let script = aimed.unwrap_or_else(|| draw::script(seed, Weather::Cuts));
            let Some(broken) = play(&script, without, cast).broken else { continue };
            // It counts only when the same history is fine with the sync.
            if play(&script, Playing::default(), cast).broken.is_none() {
                return Self {
                    point,
                    missed: Some((number + 1, seed, broken)),
                    played: number + 1,
                };
            }
        }
        Self { point, missed: None, played: most }
    }

    /// Why it need not be missed, if that is written down.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        UNSEEN.iter().find(|(point, _)| *point == self.point).map(|(_, reason)| *reason)
    }

    /// True when it was missed, or need not be.
    pub(crate) fn is_fine(&self) -> bool {
        self.missed.is_some() || self.reason().is_some()
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let told = match (&self.missed, self.reason()) {
            (Some((after, seed, broken)), _) => {
                format!(
                    "red after {after} (seed {seed}, promise {}): {}",
                    broken.promise, broken.what
                )
            }
            (None, Some(reason)) => format!("not red in {}; listed: {reason}", self.played),
            (None, None) => format!("NOT RED in {} and not listed", self.played),
        };
        format!("{:14}{told}", self.point.name())
    }
}
