//! Being asked to stop: once politely (drain), twice at once (now).

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// Two one-way switches that every wait listens to. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    drain: CancellationToken,
    now: CancellationToken,
}

impl Stop {
    /// A stop that nobody has asked for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks once more: the first time politely, the second time at once.
    pub fn ask(&self) {
        if self.drain.is_cancelled() {
            self.now.cancel();
        }
        self.drain.cancel();
    }

    /// Asks for an end at once.
    pub fn ask_now(&self) {
        self.drain.cancel();
        self.now.cancel();
    }

    /// True once anybody has asked at all: nothing new may begin.
    pub fn draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// True once the end is wanted at once.
    pub fn is_now(&self) -> bool {
        self.now.is_cancelled()
    }

    /// Waits until somebody asks.
    pub async fn drain_asked(&self) {
        self.drain.cancelled().await;
    }

    /// Waits until the end is wanted at once.
    pub async fn now_asked(&self) {
        self.now.cancelled().await;
    }
}

/// Two signals that come within this are one wish: `timeout` sends its signal twice, and so does a closed terminal.
/// Nobody presses Ctrl-C that fast.
pub const ECHO: Duration = Duration::from_millis(50);

/// Tells a new wish from the echo of the last one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Echo(Option<Instant>);

impl Echo {
    /// True when a signal that came at `now` is a wish of its own.
    pub fn is_new(&mut self, now: Instant) -> bool {
        let new = self.0.is_none_or(|last| now.saturating_duration_since(last) > ECHO);
        if new {
            self.0 = Some(now);
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_signals_in_the_same_instant_are_one_wish() {
        let (mut echo, now) = (Echo::default(), Instant::now());
        let at = |ms| now + Duration::from_millis(ms);
        assert!(echo.is_new(at(0)) && !echo.is_new(at(0)) && !echo.is_new(at(50)));
        assert!(echo.is_new(at(500)) && echo.is_new(at(1000)));
    }

    #[test]
    fn what_is_asked_after_at_once_is_nothing_new() {
        let stop = Stop::new();
        (0..5).for_each(|_| stop.ask());
        assert!(stop.draining() && stop.is_now());
    }

    #[test]
    fn the_first_ask_drains_and_the_second_is_at_once() {
        let stop = Stop::new();
        stop.ask();
        assert!(stop.draining() && !stop.is_now());
        stop.clone().ask();
        assert!(stop.is_now());
    }
}
