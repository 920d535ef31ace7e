//! Time that counts: only while this process was running.
//!
//! A worker that is stopped (Ctrl-Z, SIGSTOP), or whose machine sleeps, must not find at its next breath that every limit has
//! run out meanwhile. No clock of the system tells a process for how long it was stopped. So the time is taken in beats, and
//! a gap between two of them that is far longer than a beat counts as a short one. What that gives away to a machine
//! under load makes limits longer, never shorter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How often the time is taken.
const BEAT: Duration = Duration::from_millis(100);

/// The most that the gap between two beats counts for.
const MOST: Duration = Duration::from_secs(1);

/// What a gap between two beats counts for.
fn counts(gap: Duration) -> Duration {
    gap.min(MOST)
}

/// Sleeps until this process has been running for `limit` from now on.
pub async fn sleep(limit: Duration) {
    // Fewer wake-ups than a watch needs: nobody reads this one meanwhile.
    let nap = BEAT * 5;
    let mut left = limit;
    while !left.is_zero() {
        let begun = Instant::now();
        tokio::time::sleep(left.min(nap)).await;
        left = left.saturating_sub(counts(begun.elapsed()));
    }
}

/// Counts the time in which this process runs, from the moment it was started. It ticks on a task of its own, whatever its
/// owner is busy with.
#[derive(Debug)]
pub struct Watch {
    millis: Arc<AtomicU64>,
    ticking: JoinHandle<()>,
}

impl Watch {
    /// One that stands at zero. Inside of a runtime only.
    pub fn start() -> Self {
        let millis = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&millis);
        let ticking = tokio::spawn(async move {
            let mut all = Duration::ZERO;
            let mut last = Instant::now();
            loop {
                tokio::time::sleep(BEAT).await;
                let now = Instant::now();
                all += counts(now - last);
                last = now;
                counted.store(all.as_millis() as u64, Ordering::Relaxed);
            }
        });
        Self { millis, ticking }
    }

    /// What it shows.
    pub fn read(&self) -> Duration {
        Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }

    /// Waits until it shows `at`.
    pub async fn until(&self, at: Duration) {
        loop {
            let left = at.saturating_sub(self.read());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.clamp(BEAT / 2, MOST)).await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ticking.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_that_is_far_longer_than_a_beat_counts_as_a_short_one() {
        assert_eq!(counts(Duration::from_millis(120)), Duration::from_millis(120));
        assert_eq!(counts(Duration::from_secs(8 * 3600)), MOST);
    }

    #[tokio::test]
    async fn a_watch_and_a_sleep_go_on_with_the_time_of_a_process_that_runs() {
        let watch = Watch::start();
        let begun = std::time::Instant::now();
        watch.until(Duration::from_millis(300)).await;
        sleep(Duration::from_millis(700)).await;
        assert!(begun.elapsed() >= Duration::from_millis(950), "{:?}", begun.elapsed());
        assert!(watch.read() >= Duration::from_millis(900), "{:?}", watch.read());
    }

    /// A thread that nothing else runs on stands still for a while: to its tasks this is as if the process had.
    #[tokio::test]
    async fn what_stands_still_finds_little_of_that_time_counted() {
        let watch = Watch::start();
        let asleep = tokio::spawn(sleep(Duration::from_millis(1600)));
        tokio::task::yield_now().await;
        std::thread::sleep(Duration::from_millis(2500));
        watch.until(Duration::from_millis(1)).await;
        assert!(watch.read() < Duration::from_millis(2000), "{:?}", watch.read());
        assert!(!asleep.is_finished(), "the time in which nothing ran was counted");
        asleep.await.unwrap();
    }
}
