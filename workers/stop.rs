//! Being asked to stop: once politely (drain), twice at once (now).

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ask_drains_and_the_second_is_at_once() {
        let stop = Stop::new();
        stop.ask();
        assert!(stop.draining() && !stop.is_now());
        stop.clone().ask();
        assert!(stop.is_now());
    }
}
