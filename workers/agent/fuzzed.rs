//! A session without a process, for what the fuzzer looks at in the drivers' rooms.

use super::talk::Talk;
use super::{Caps, Said, SessionPlan, Turn};
use crate::failure::TurnEnd;
use crate::holder::SessionId;
use crate::order::OrderId;

/// The session's secret word: recorded streams have the same.
pub(super) const NONCE: &str = "n0nce";

/// The orders that are given, again and again.
const ORDERS: [&str; 3] = ["a", "b", "c"];

/// What a session is opened with.
pub(super) fn plan() -> SessionPlan {
    SessionPlan {
        session: SessionId::fresh(),
        stage: "implement".to_owned(),
        nonce: NONCE.to_owned(),
        dir: "/session".into(),
        cookie: "fuzz".to_owned(),
        brief: "the brief".to_owned(),
        orders: Vec::new(),
        folders: Vec::new(),
        home: "/session/home".into(),
        caps: Caps::default(),
        walls: None,
    }
}

/// The turns that were given, and that each ended at most once.
#[derive(Debug, Default)]
pub(super) struct Turns {
    given: usize,
    ended: usize,
}

impl Turns {
    /// The next one.
    pub(super) fn next(&mut self) -> Turn {
        let order = ORDERS[self.given % ORDERS.len()];
        self.given += 1;
        Turn {
            order: OrderId::parse(order).expect("an id"),
            generation: 3,
            title: "t".to_owned(),
            desk: "/scene/desks/a".into(),
            worktree: Some("/scene/worktree".into()),
            prompt: "p".to_owned(),
        }
    }

    /// What was said since: only the order under way ends, once, and a result names that order, generation and session. What
    /// is shown is one line.
    pub(super) fn heard(&mut self, talk: &mut Talk, nonce: &str) {
        while let Some(said) = talk.say() {
            match said {
                Said::Heard(shown) => {
                    let shown = shown.unwrap_or_default();
                    assert!(!shown.chars().any(char::is_control), "{shown:?}");
                }
                Said::TurnEnded { order, end, .. } => {
                    self.ended += 1;
                    assert_eq!(self.ended, self.given, "a turn ended twice");
                    assert_eq!(order.as_str(), ORDERS[(self.given - 1) % ORDERS.len()]);
                    if let TurnEnd::Testified(said) = end {
                        let named = (said.order.as_str(), said.generation, said.nonce.as_str());
                        assert_eq!(named, (order.as_str(), 3, nonce));
                    }
                }
                Said::Refused { .. } | Said::Used(_) | Said::Over { .. } => {}
            }
        }
    }
}
