//! Until when an order is wanted.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A moment, in unix seconds. Written as unix seconds, as an RFC 3339 time (`2026-12-01T12:00:00Z`) or as a day
/// (`2026-12-01`, its beginning in UTC); shown as an RFC 3339 time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due(u64);

impl Due {
    /// The moment `secs` seconds after 1970 began. Moments after the year 9999 are none.
    pub fn at(secs: u64) -> Option<Self> {
        let second = i64::try_from(secs).ok()?;
        jiff::Timestamp::from_second(second).ok().map(|_| Self(secs))
    }

    /// Reads one of the three ways to write it.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let second = match digits {
            true => text.parse::<i64>().ok(),
            false => Self::second(text),
        };
        second.and_then(|second| Self::at(u64::try_from(second).ok()?)).ok_or_else(|| {
            let shown: String = text.chars().take(80).collect();
            Error::usage(format!("{shown:?} is no moment in time"))
                .hint("write a day (2026-12-01), an RFC 3339 time or unix seconds")
        })
    }

    fn second(text: &str) -> Option<i64> {
        if let Ok(moment) = text.parse::<jiff::Timestamp>() {
            return Some(moment.as_second());
        }
        let day = text.parse::<jiff::civil::Date>().ok().filter(|_| text.len() == 10)?;
        Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
    }

    /// Unix seconds.
    pub fn secs(self) -> u64 {
        self.0
    }
}

impl std::fmt::Display for Due {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let second = i64::try_from(self.0).ok();
        match second.and_then(|second| jiff::Timestamp::from_second(second).ok()) {
            Some(moment) => write!(f, "{moment}"),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Serialize for Due {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Due {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Secs(u64),
            Text(String),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Secs(secs) => secs.to_string(),
            Written::Text(text) => text,
        };
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_in_three_ways_and_shown_in_one() {
        let secs = |text: &str| Due::parse(text).ok().map(Due::secs);
        assert_eq!(secs("1970-01-02"), Some(86_400));
        assert_eq!(secs("1970-01-02T00:00:01+00:00"), Some(86_401));
        assert_eq!(secs("86402"), Some(86_402));
        assert_eq!(Due(86_400).to_string(), "1970-01-02T00:00:00Z");
        for bad in [
            "",
            "soon",
            "2026-13-01",
            "-1",
            "2026-12-01T12:00",
            "99999999999999999999",
            "1969-12-31",
        ] {
            assert_eq!(secs(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn it_comes_back_from_json_as_it_went() {
        let due: Due = serde_json::from_str("86400").unwrap();
        let text = serde_json::to_string(&due).unwrap();
        assert_eq!(text, "\"1970-01-02T00:00:00Z\"");
        assert_eq!(serde_json::from_str::<Due>(&text).unwrap(), due);
    }
}
