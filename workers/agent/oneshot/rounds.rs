//! A guard against sessions that turn in circles, for programs that have none of their own.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::super::fault::{Fault, Found};
use super::super::patience::GivenUp;

/// Model rounds one order may take. An order that needs more is too large.
const MOST_ROUNDS: usize = 200;
/// How often the same tool may be called with the same input, nothing else in between.
const MOST_ALIKE: usize = 30;

/// The rounds that a session of so many orders may take.
pub(in super::super) fn most_rounds(orders: usize) -> usize {
    MOST_ROUNDS * orders.max(1)
}

/// What has been gone round so far.
#[derive(Debug)]
pub(in super::super) struct Rounds {
    most: usize,
    taken: usize,
    last: u64,
    alike: usize,
}

impl Rounds {
    /// None yet; the session has so many orders.
    pub(in super::super) fn new(orders: usize) -> Self {
        Self { most: most_rounds(orders), taken: 0, last: 0, alike: 0 }
    }

    /// The model was asked once more.
    pub(in super::super) fn round(&mut self) -> Option<GivenUp> {
        self.taken += 1;
        (self.taken > self.most).then(|| {
            let found = Found::new(Fault::Rounds, format!("more than {} rounds", self.most));
            GivenUp::new("it came to no end", found)
        })
    }

    /// A tool was called: which, and with what.
    pub(in super::super) fn call(&mut self, call: &str) -> Option<GivenUp> {
        let mut hasher = DefaultHasher::new();
        call.hash(&mut hasher);
        let hash = hasher.finish();
        self.alike = if hash == self.last { self.alike + 1 } else { 1 };
        self.last = hash;
        (self.alike > MOST_ALIKE).then(|| {
            let found = Found::new(Fault::Rounds, format!("{} times the same: {call}", self.alike));
            GivenUp::new("it turns in a circle", found)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_call_again_and_again_is_a_circle() {
        let mut rounds = Rounds::new(1);
        for nth in 0..10 * MOST_ALIKE {
            assert_eq!(rounds.call(["a", "b"][nth % 2]), None);
        }
        assert!((0..MOST_ALIKE - 1).all(|_| rounds.call("b").is_none()));
        assert_eq!(rounds.call("b").unwrap().found.fault, Fault::Rounds);
    }

    #[test]
    fn a_session_may_take_its_rounds_for_each_order_and_no_more() {
        let mut rounds = Rounds::new(2);
        assert!((0..2 * MOST_ROUNDS).all(|_| rounds.round().is_none()));
        assert!(rounds.round().is_some());
    }
}
