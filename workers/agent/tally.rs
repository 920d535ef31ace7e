//! What a program said that its driver does not know, counted by name: told at the end, and never a failure.

use std::collections::BTreeMap;

/// The most names that are kept apart. They come from outside: a flood of different ones must not grow without a limit.
const MOST_NAMES: usize = 100;

/// The counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally(BTreeMap<String, u64>);

impl Tally {
    /// Counts one.
    pub(super) fn count(&mut self, name: impl Into<String>) {
        let name = name.into();
        let name = match self.0.len() < MOST_NAMES || self.0.contains_key(&name) {
            true => name,
            false => "other".to_owned(),
        };
        *self.0.entry(name).or_default() += 1;
    }

    /// All of them, by name.
    pub(super) fn all(&self) -> &BTreeMap<String, u64> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_different_names_is_counted_and_does_not_grow() {
        let mut tally = Tally::default();
        (0..5000).for_each(|n| tally.count(format!("event {n}")));
        tally.count("event 1");
        assert_eq!(tally.all().len(), MOST_NAMES + 1);
        assert_eq!((tally.all()["event 1"], tally.all()["other"]), (2, 4900));
    }
}
