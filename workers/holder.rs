//! Who holds a claim: one worker process, in one session.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A worker process for its whole life: `<pid>-<start time>-<random>`, where the start time is field 22 of
/// `/proc/<pid>/stat` (clock ticks since boot). A name of a file, so it is parsed at the door.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorkerId(String);

/// One agent session: a UUID (v4, since Claude Code takes no other). A name of a folder, so it is parsed at the door.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId(String);

impl WorkerId {
    /// The id of the process `pid` that started at `start_time`.
    pub fn new(pid: u32, start_time: u64, random: u32) -> Self {
        Self(format!("{pid}-{start_time}-{random:08x}"))
    }

    /// Reads an id back.
    pub fn parse(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split('-').collect();
        match parts.as_slice() {
            [pid, start, random]
                if pid.parse::<u32>().is_ok()
                    && start.parse::<u64>().is_ok()
                    && random.len() == 8
                    && random.bytes().all(|b| b.is_ascii_hexdigit()) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(Error::usage(format!("{text:?} is not a worker id"))),
        }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.part(0) as u32
    }

    /// When the process started, clock ticks since boot.
    pub fn start_time(&self) -> u64 {
        self.part(1)
    }

    fn part(&self, at: usize) -> u64 {
        self.0.split('-').nth(at).and_then(|part| part.parse().ok()).unwrap_or(0)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SessionId {
    /// A new one.
    pub fn fresh() -> Self {
        Self(uuid::Uuid::new_v4().to_string())
    }

    /// Reads an id back.
    pub fn parse(text: &str) -> Result<Self> {
        match uuid::Uuid::parse_str(text) {
            Ok(uuid) if uuid.to_string() == text => Ok(Self(text.to_owned())),
            _ => Err(Error::usage(format!("{text:?} is not a session id"))),
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! text_of {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

text_of!(WorkerId);
text_of!(SessionId);

/// The holder of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The worker process.
    pub worker: WorkerId,
    /// The session the order is in.
    pub session: SessionId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_as_they_were_and_paths_do_not_parse() {
        let id = WorkerId::new(12, 3456, 0xabc);
        assert_eq!(WorkerId::parse(id.as_str()).unwrap(), id);
        assert_eq!((id.pid(), id.start_time()), (12, 3456));
        assert!(WorkerId::parse("1-2-../../etc").is_err());
        let session = SessionId::fresh();
        assert_eq!(SessionId::parse(session.as_str()).unwrap(), session);
        assert!(SessionId::parse("..").is_err());
    }
}
