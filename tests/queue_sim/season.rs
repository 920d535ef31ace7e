//! Many histories, side by side.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::cast::Cast;
use super::counts::Counts;
use super::draw::{self, Weather};
use super::history::{Playing, play};
use super::oracle::Broken;

/// How many a thread takes at once.
const TAKEN_AT_ONCE: u64 = 50;

/// Which histories are played.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Season {
    pub(crate) first_seed: u64,
    pub(crate) histories: u64,
    pub(crate) jobs: usize,
    pub(crate) weather: Weather,
    pub(crate) playing: Playing,
    /// Ends at the first one that fails.
    pub(crate) to_first: bool,
}

/// What came of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    pub(crate) counts: Counts,
    /// Seeds and what was broken, by seed.
    pub(crate) failed: Vec<(u64, Broken)>,
    pub(crate) took: Duration,
}

impl Season {
    /// Plays all of them.
    pub(crate) fn play(&self) -> Outcome {
        let begun = Instant::now();
        let (next, enough) = (AtomicU64::new(0), AtomicBool::new(false));
        let all = Mutex::new(Outcome::default());
        std::thread::scope(|threads| {
            for _ in 0..self.jobs.max(1) {
                threads.spawn(|| {
                    let own = self.play_some(&next, &enough);
                    let mut all = all.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    all.counts.add(&own.counts);
                    all.failed.extend(own.failed);
                });
            }
        });
        let mut all = all.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.failed.sort_by_key(|(seed, _)| *seed);
        all.took = begun.elapsed();
        all
    }

    fn play_some(&self, next: &AtomicU64, enough: &AtomicBool) -> Outcome {
        let (cast, mut own) = (Cast::new(), Outcome::default());
        loop {
            let from = next.fetch_add(TAKEN_AT_ONCE, Ordering::Relaxed);
            if from >= self.histories || enough.load(Ordering::Relaxed) {
                return own;
            }
            for number in from..self.histories.min(from + TAKEN_AT_ONCE) {
                let seed = self.first_seed.wrapping_add(number);
                let played = play(&draw::script(seed, self.weather), self.playing, &cast);
                own.counts.add(&played.counts);
                if let Some(broken) = played.broken {
                    own.failed.push((seed, broken));
                    if self.to_first {
                        enough.store(true, Ordering::Relaxed);
                        break;
                    }
                }
            }
        }
    }
}
