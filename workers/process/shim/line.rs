//! The line between a worker and the keeper of one program: commands go down it, a report comes up.
//!
//! It is two pipes whose ends only the worker holds. The keeper opens its ends through the worker's `/proc/<pid>/fd`, so
//! nothing is inherited: not by the program, and not by what the worker starts meanwhile. A worker that is gone has no
//! such folder any more, and the end of the command pipe tells its death while the keeper runs.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};

use rustix::pipe::PipeFlags;
use serde::{Deserialize, Serialize};

/// A command for the keeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::process) enum Order {
    /// Ask the program to end (TERM).
    Ask,
    /// End it and everything it started.
    End,
}

impl Order {
    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Ask => b't',
            Self::End => b'k',
        }
    }
}

/// Where the keeper finds its ends: the worker's pid, and number and inode of each.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(in crate::process) struct Ends {
    worker: u32,
    commands: (i32, u64),
    report: (i32, u64),
}

impl Ends {
    /// Opens the keeper's ends. An error means that the worker is gone.
    pub(super) fn open(self) -> std::io::Result<(File, File)> {
        let commands = open(self.worker, self.commands, OpenOptions::new().read(true))?;
        Ok((commands, open(self.worker, self.report, OpenOptions::new().write(true))?))
    }
}

fn open(worker: u32, (fd, inode): (i32, u64), how: &mut OpenOptions) -> std::io::Result<File> {
    let path = format!("/proc/{worker}/fd/{fd}");
    // Nothing here may wait: the report of a worker that does not read is not worth it.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = how.custom_flags(flags).open(path)?;
    if file.metadata()?.ino() != inode {
        return Err(std::io::Error::other("the worker's pipe is another one now"));
    }
    Ok(file)
}

/// The worker's side.
#[derive(Debug)]
pub(in crate::process) struct Line {
    commands: File,
    report: File,
    // The keeper's ends: it opens them when it is there.
    _theirs: (OwnedFd, OwnedFd),
    ends: Ends,
}

/// What the keeper reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::process) struct Report {
    /// The keeper.
    pub(in crate::process) keeper: Option<u32>,
    /// How many processes outlived the program.
    pub(in crate::process) left: usize,
}

impl Line {
    pub(in crate::process) fn new() -> std::io::Result<Self> {
        let pipe = || rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK);
        let ((their_commands, commands), (report, their_report)) = (pipe()?, pipe()?);
        let end = |fd: &OwnedFd| -> std::io::Result<(i32, u64)> {
            Ok((fd.as_raw_fd(), rustix::fs::fstat(fd)?.st_ino))
        };
        let ends = Ends {
            worker: std::process::id(),
            commands: end(&their_commands)?,
            report: end(&their_report)?,
        };
        let theirs = (their_commands, their_report);
        Ok(Self { commands: commands.into(), report: report.into(), _theirs: theirs, ends })
    }

    pub(in crate::process) fn ends(&self) -> Ends {
        self.ends
    }

    /// Tells the keeper. One that is gone has done its work.
    pub(in crate::process) fn tell(&self, order: Order) {
        let _gone = (&self.commands).write_all(&[order.byte()]);
    }

    /// What it has reported so far. Lines: `keeper <pid>`, `left <n>`.
    pub(in crate::process) fn report(&self) -> Report {
        let mut text = Vec::new();
        // It ends with "would block": we hold an end of it ourselves.
        let _all_there_is = (&self.report).read_to_end(&mut text);
        let mut report = Report::default();
        for line in String::from_utf8_lossy(&text).lines() {
            match line.split_once(' ') {
                Some(("keeper", pid)) => report.keeper = pid.parse().ok(),
                Some(("left", count)) => report.left = count.parse().unwrap_or(0),
                _ => {}
            }
        }
        report
    }
}
