//! How a process ended: by itself, by somebody's signal, or by us.

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this code.
    Exit(i32),
    /// By a signal that was not ours.
    Signal(i32),
    /// By us: its time was up.
    TimedOut,
    /// By us: we were told to stop at once.
    Stopped,
}

impl Ended {
    /// From what waiting for a process told.
    pub(crate) fn of(status: &std::io::Result<std::process::ExitStatus>) -> Self {
        match status {
            Ok(status) => Self::from_status(*status),
            Err(_) => Self::Signal(0),
        }
    }

    /// From what the kernel says.
    pub fn from_status(status: std::process::ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        match status.code() {
            Some(code) => Self::Exit(code),
            None => Self::Signal(status.signal().unwrap_or(0)),
        }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Stopped => f.write_str("stopped by us"),
        }
    }
}
