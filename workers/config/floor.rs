//! `[floor]`: what holds for all stages together.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

/// `[floor]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FloorConfig {
    /// How many agent sessions run at once over all stages. Unset: as many as there are workers.
    pub sessions: Option<NonZeroU32>,
    /// The most orders of a batch that is put together by hand (`shopfloor run`).
    pub max_batch_size: NonZeroU32,
    /// How much of every earlier phase must be through before a phase opens, 0 to 1.
    #[serde(deserialize_with = "part")]
    pub phase_gate: f64,
    /// How long an order waits until that is worth one step of priority.
    #[serde(deserialize_with = "super::duration")]
    pub ageing: Duration,
    /// How many folders of sessions that are over are kept. What an order still needs stays as well.
    pub keep_sessions: usize,
    /// How many MiB those may take together.
    pub keep_mib: u64,
}

impl Default for FloorConfig {
    fn default() -> Self {
        Self {
            sessions: None,
            max_batch_size: NonZeroU32::new(20).unwrap_or(NonZeroU32::MIN),
            phase_gate: 0.8,
            ageing: Duration::from_secs(3600),
            keep_sessions: 500,
            keep_mib: 2048,
        }
    }
}

fn part<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let part = f64::deserialize(deserializer)?;
    match (0.0..=1.0).contains(&part) {
        true => Ok(part),
        false => Err(serde::de::Error::custom("a part of a phase is a number from 0 to 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::path::Path;

    fn read(text: &str) -> crate::error::Result<FloorConfig> {
        Config::parse(text, Path::new("shopfloor.toml")).map(|config| config.floor)
    }

    #[test]
    fn the_floor_has_sound_settings_of_its_own() {
        assert_eq!(read("").unwrap(), FloorConfig::default());
        let set = read("[floor]\nsessions = 3\nphase_gate = 1.0\nageing = \"10m\"\nkeep_sessions = 7\nkeep_mib = 9\n").unwrap();
        assert_eq!((set.sessions.map(u32::from), set.phase_gate), (Some(3), 1.0));
        assert_eq!(set.ageing, Duration::from_secs(600));
        assert_eq!((set.keep_sessions, set.keep_mib), (7, 9));
    }

    #[test]
    fn a_setting_that_cannot_be_meant_names_its_line() {
        for bad in [
            "sessions = 0",
            "max_batch_size = 0",
            "phase_gate = 80.0",
            "phase_gate = -0.1",
            "session = 2",
        ] {
            let error = read(&format!("[floor]\n{bad}\n")).unwrap_err().to_string();
            assert!(error.contains("line 2"), "{bad}: {error}");
        }
    }
}
