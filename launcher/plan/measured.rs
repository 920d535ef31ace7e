//! How long a turn takes in each stage: measured where turns were, assumed elsewhere, and it is said which.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use serde_json::Value;
use shopfloor::floor::Floor;
use shopfloor::stages::STAGES;

/// What a turn is taken to last where none was measured, milliseconds.
pub(super) const ASSUMED_MS: u64 = 60_000;

/// The most bytes that are read of the end of the events.
const END_BYTES: u64 = 8 * 1024 * 1024;

/// The mean time of a turn by stage, with the number of turns it is of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Measured {
    by_stage: BTreeMap<&'static str, (u64, u64)>,
}

impl Measured {
    /// Milliseconds of one turn.
    pub(crate) fn turn_ms(&self, stage: &str) -> u64 {
        self.by_stage.get(stage).map_or(ASSUMED_MS, |(sum, turns)| sum / (*turns).max(1))
    }

    /// Stages of which no turn was measured.
    pub(crate) fn assumed(&self) -> Vec<&'static str> {
        let names = STAGES.into_iter().map(|stage| stage.name);
        names.filter(|name| !self.by_stage.contains_key(name)).collect()
    }

    fn take(&mut self, event: &Value) {
        let (Some(by), Some(took)) = (event["by"].as_str(), event["took_ms"].as_u64()) else {
            return;
        };
        let of_stage = |stage: &&shopfloor::stage::Stage| {
            let rest = by.strip_prefix(stage.worker);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        if event["event"] == "turn_ended"
            && let Some(stage) = STAGES.into_iter().find(|stage| of_stage(&stage))
        {
            let (sum, turns) = self.by_stage.entry(stage.name).or_default();
            (*sum, *turns) = (*sum + took, *turns + 1);
        }
    }
}

/// Reads what the latest events say.
pub(crate) fn read(floor: &Floor) -> Measured {
    let mut measured = Measured::default();
    let read = || -> std::io::Result<String> {
        let mut file = File::open(floor.events())?;
        let from = file.metadata()?.len().saturating_sub(END_BYTES);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(END_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    for line in read().unwrap_or_default().lines().filter(|line| line.contains("turn_ended")) {
        if let Ok(event) = serde_json::from_str::<Value>(line) {
            measured.take(&event);
        }
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn turns_are_counted_for_their_stage_and_the_rest_is_assumed() {
        let mut measured = Measured::default();
        for (by, took) in [("implement-worker", 100), ("implement-worker-2", 300), ("launcher", 9)]
        {
            measured.take(&json!({ "event": "turn_ended", "by": by, "took_ms": took }));
        }
        measured.take(&json!({ "event": "gate", "by": "spec-worker", "took_ms": 5 }));
        assert_eq!((measured.turn_ms("implement"), measured.turn_ms("spec")), (200, ASSUMED_MS));
        assert_eq!(measured.assumed(), ["spec", "test", "playtest", "commit"]);
    }
}
