//! Tools of an agent that run: while one does, silence is no sign of trouble.

use std::collections::BTreeSet;

/// The most tools that are known to run at once.
const MOST: usize = 1000;

/// Those that run, by their ids.
#[derive(Debug, Default)]
pub(super) struct Tools(BTreeSet<String>);

impl Tools {
    /// One more runs.
    pub(super) fn began(&mut self, id: String) {
        if self.0.len() < MOST {
            self.0.insert(id);
        }
    }

    /// One does not any more.
    pub(super) fn ended(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// True while one runs.
    pub(super) fn any(&self) -> bool {
        !self.0.is_empty()
    }
}
