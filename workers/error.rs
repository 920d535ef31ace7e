//! What went wrong: one error type, what kind it is, and the exit code each kind ends a program with.
//!
//! A message says what we failed to do, to which thing, and why; it reads on from "failed to".
//! Losing a race, finding nothing and being told to stop are values, not errors.

use std::fmt;
use std::io;
use std::path::Path;

/// The result of everything in this library that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error with its kind, a sentence, and (where there is one) the next step.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What an error means to the program that meets it. Each kind has one exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Something failed that has no better word.
    Failed,
    /// The caller's words are off: a flag, a file's contents, an id.
    Usage,
    /// The thing named does not exist.
    NotFound,
    /// Another one is at it already.
    AlreadyRunning,
    /// The queue can't be reached, or its file system is not fit for one.
    Unfit,
    /// The disk (or its inodes, or a quota) is full.
    DiskFull,
    /// One order is broken; it is put on hold and the others go on.
    BrokenOrder,
    /// The machine or its set-up can't do it now (a program missing, no login): nobody's fault but its own.
    Environment,
    /// A limit of time ran out.
    TimedOut,
}

impl Error {
    /// An error of `kind` whose sentence is `message`.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    /// Shorthand for a mistake in what somebody wrote or typed.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// An I/O error with what we were doing and the path we did it to. A full disk gets its own kind, and so does one that is
    /// read-only.
    pub fn io(doing: &str, path: &Path, source: io::Error) -> Self {
        let full = matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        );
        let kind = match source.kind() {
            _ if full => Kind::DiskFull,
            io::ErrorKind::ReadOnlyFilesystem => Kind::Unfit,
            io::ErrorKind::NotFound => Kind::NotFound,
            _ => Kind::Failed,
        };
        let too_large = source.kind() == io::ErrorKind::FileTooLarge;
        let mut error = Self::new(kind, format!("failed to {doing} {}", path.display()));
        error.source = Some(Box::new(source));
        error.hint = match kind {
            Kind::DiskFull if too_large => Some(TOO_LARGE.to_owned()),
            Kind::DiskFull => Some(FULL.to_owned()),
            Kind::Unfit => Some(READ_ONLY.to_owned()),
            _ => None,
        };
        error
    }

    /// The same error with the next step to take.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error seen as another kind (the door knows better than the floor below).
    #[must_use]
    pub fn of_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// What the error means.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The next step, where there is one.
    pub fn next_step(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The error and its next step in one line, for places that have room for no more.
    pub fn in_one_line(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{self}; {hint}"),
            None => self.to_string(),
        }
    }

    /// The documented exit code of this error.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Failed | Kind::BrokenOrder | Kind::Environment => exit::FAILED,
            Kind::Usage => exit::USAGE,
            Kind::NotFound => exit::NOT_FOUND,
            Kind::AlreadyRunning => exit::ALREADY_RUNNING,
            Kind::Unfit | Kind::DiskFull => exit::UNFIT,
            Kind::TimedOut => exit::TIMED_OUT,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut cause: Option<&(dyn std::error::Error + 'static)> = match &self.source {
            Some(source) => Some(&**source),
            None => None,
        };
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            // Our own errors print their causes themselves.
            cause = if error.is::<Self>() { None } else { error.source() };
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// The next step on a full disk, when nothing better is known.
pub const FULL: &str = "free some space on that file system; nothing was lost";

/// The next step where a file may not get as large as it has to be.
pub const TOO_LARGE: &str = "raise the limit of file size (ulimit -f); nothing was lost";

/// The next step on a file system that nobody may write.
pub const READ_ONLY: &str = "the file system is read-only: mount it read-write; nothing was lost";

/// The public exit codes of every shopfloor program.
pub mod exit {
    /// All went well.
    pub const OK: u8 = 0;
    /// It failed.
    pub const FAILED: u8 = 1;
    /// The command line or a file's contents are off.
    pub const USAGE: u8 = 2;
    /// The thing named does not exist.
    pub const NOT_FOUND: u8 = 3;
    /// There was nothing to do.
    pub const NOTHING_TO_DO: u8 = 4;
    /// Another one is running.
    pub const ALREADY_RUNNING: u8 = 5;
    /// The claim was lost to a person or another worker.
    pub const LOST_CLAIM: u8 = 6;
    /// The queue can't be reached, is full, or stands on an unfit file system.
    pub const UNFIT: u8 = 7;
    /// A limit of time ran out.
    pub const TIMED_OUT: u8 = 8;
    /// Some orders failed, the others went through.
    pub const SOME_FAILED: u8 = 100;
    /// Stopped by a second Ctrl-C.
    pub const INTERRUPTED: u8 = 130;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_thing_and_why() {
        let error = Error::io("read", Path::new("/x/y"), io::Error::other("boom"));
        assert_eq!(error.to_string(), "failed to read /x/y: boom");
    }

    #[test]
    fn a_full_disk_has_its_own_kind_and_a_next_step() {
        let error =
            Error::io("write", Path::new("/x"), io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!((error.kind(), error.exit_code()), (Kind::DiskFull, exit::UNFIT));
        assert!(error.next_step().is_some());
    }
}
