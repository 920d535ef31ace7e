//! How long things take: seeded, so that the same run takes the same times.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

/// Seed, speed and spread of all times.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    seed: u64,
    speed: f64,
    jitter: f64,
}

impl Pace {
    pub(crate) fn new(seed: u64, speed: f64, jitter: f64) -> Self {
        Self { seed, speed, jitter: jitter.clamp(0.0, 1.0) }
    }

    /// `ms` milliseconds, spread by the jitter (the same for the same `what`) and divided by the speed.
    pub(crate) fn time(&self, ms: u64, what: &str) -> Duration {
        let mut hasher = DefaultHasher::new();
        (self.seed, what).hash(&mut hasher);
        let mut random = fastrand::Rng::with_seed(hasher.finish());
        let spread = 1.0 + self.jitter * (2.0 * random.f64() - 1.0);
        Duration::from_secs_f64(ms as f64 / 1000.0 * spread / self.speed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_repeat_with_the_seed_and_stay_within_the_jitter() {
        let pace = Pace::new(1, 2.0, 0.5);
        assert_eq!(pace.time(1000, "a"), pace.time(1000, "a"));
        assert_ne!(pace.time(1000, "a"), pace.time(1000, "b"));
        for n in 0..100 {
            let ms = pace.time(1000, &n.to_string()).as_millis();
            assert!((250..=750).contains(&ms), "{ms}");
        }
    }
}
