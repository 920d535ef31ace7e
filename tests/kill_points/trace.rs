//! Running a child under `strace`, and reading what it did.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::operation::{
    ACKNOWLEDGED, BEGIN, END, FILE_SIZE, FOLDER, OPERATION, Operation, REFUSED,
};

/// The longest one child may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Calls that manage memory, threads and signals: nothing of ours hangs on them.
const OTHERS: [&str; 19] = [
    "brk",
    "clone",
    "clone3",
    "exit",
    "exit_group",
    "futex",
    "getpid",
    "getrandom",
    "gettid",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "sched_yield",
    "sigaltstack",
];

/// Calls after which something is different on disk, or for others.
const CHANGES: [&str; 14] = [
    "fdatasync",
    "flock",
    "fsync",
    "ftruncate",
    "link",
    "linkat",
    "mkdir",
    "openat",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "unlink",
    "write",
];

/// One place to kill a child at: the `nth` call of that name of its own thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) call: String,
    pub(super) nth: usize,
}

impl Point {
    /// True when the state may be another one after the call.
    pub(super) fn changes_something(&self) -> bool {
        CHANGES.contains(&self.call.as_str()) || self.call == "unlinkat"
    }
}

/// What one child did.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// The operation and where it was killed, for messages.
    pub(super) what: String,
    /// Calls of each name before the operation, and in it.
    calls: BTreeMap<String, (usize, usize)>,
    begun: bool,
    ended: bool,
    /// An error was put in the place of one of its calls.
    pub(super) hit: bool,
    /// The generation that it said it had reached, once its operation had returned.
    pub(super) acknowledged: Option<u64>,
    /// Why it said that its operation was not done.
    pub(super) refused: Option<String>,
}

impl Trace {
    /// True when it died between the marks.
    pub(super) fn killed_inside(&self) -> bool {
        self.begun && !self.ended
    }

    /// Every call of the operation.
    pub(super) fn points(&self) -> Vec<Point> {
        let counted = self.calls.iter().filter(|(call, _)| !OTHERS.contains(&call.as_str()));
        let points = counted.flat_map(|(call, &(before, inside))| {
            (before + 1..=before + inside).map(|nth| Point { call: call.clone(), nth })
        });
        points.collect()
    }

    fn read(lines: &str) -> Self {
        let mut trace = Self::default();
        let thread = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
        // Each thread's calls are counted by themselves.
        let Some(own) = lines.lines().find(|line| line.contains(BEGIN)).map(thread) else {
            return trace;
        };
        for line in lines.lines().filter(|line| thread(line) == own) {
            let rest = line[own.len()..].trim_start();
            let Some((call, _)) = rest.split_once('(') else { continue };
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            if !call.bytes().all(plain) {
                continue;
            }
            trace.ended |= line.contains(END);
            let (before, inside) = trace.calls.entry(call.to_owned()).or_default();
            match (trace.begun, trace.ended) {
                (false, _) => *before += 1,
                (true, false) => *inside += 1,
                (true, true) => {}
            }
            trace.hit |= trace.begun && !trace.ended && line.contains("(INJECTED)");
            trace.begun |= line.contains(BEGIN);
        }
        trace
    }
}

/// An error says why children can't be killed at system calls here.
pub(super) fn able() -> Result<(), String> {
    let tried = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=openat", "true"])
        .output();
    match tried {
        Err(error) => Err(format!("strace can't be started: {error}")),
        Ok(ran) if ran.status.success() => Ok(()),
        Ok(ran) => Err(format!("ptrace is refused: {}", String::from_utf8_lossy(&ran.stderr))),
    }
}

/// Runs a child to its end and counts its calls.
pub(super) fn count(operation: Operation, folder: &Path) -> Trace {
    run(operation, folder, "counted", &["-e".to_owned(), "trace=all".to_owned()])
}

/// Runs a child that is killed at `point`.
pub(super) fn kill(operation: Operation, folder: &Path, point: &Point) -> Trace {
    inject(operation, folder, point, "signal=KILL")
}

/// Runs a child that meets `what` (in strace's words) at `point`.
pub(super) fn inject(operation: Operation, folder: &Path, point: &Point, what: &str) -> Trace {
    let Point { call, nth } = point;
    let args = [
        "-e".to_owned(),
        format!("trace={call},statx"),
        "-e".to_owned(),
        format!("inject={call}:{what}:when={nth}"),
    ];
    run(operation, folder, &format!("{what} at {call} number {nth}"), &args)
}

/// Runs a child, without any `strace`, whose files may get only so large in its operation.
pub(super) fn limited(operation: Operation, folder: &Path, size: &str) -> Trace {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(FILE_SIZE, size);
    finish(command, operation, folder, &format!("with files of {size} bytes at most"))
}

fn run(operation: Operation, folder: &Path, what: &str, args: &[String]) -> Trace {
    let written = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(written.path()).args(args);
    command.arg(std::env::current_exe().unwrap());
    let said = finish(command, operation, folder, what);
    let read = Trace::read(&fs::read_to_string(written.path()).unwrap_or_default());
    let Trace { what, acknowledged, refused, .. } = said;
    Trace { what, acknowledged, refused, ..read }
}

/// Runs a child to its end; what it said itself.
fn finish(mut command: Command, operation: Operation, folder: &Path, what: &str) -> Trace {
    command.args(["kill_points::operation::the_child_does_its_one_operation", "--exact"]);
    command.args(["--nocapture", "--test-threads=1"]);
    command.env(OPERATION, operation.name()).env(FOLDER, folder);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    // What it prints fits into a pipe.
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > LIMIT {
            let _gone = child.kill();
            panic!("{operation:?} {what}: still running after {LIMIT:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let ran = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&ran.stderr).into_owned();
    let died = {
        use std::os::unix::process::ExitStatusExt as _;
        ran.status.signal() == Some(9)
    };
    assert!(died, "{operation:?} {what}: {}\n{said}\n{complaint}", ran.status);
    let mut trace = Trace { what: format!("{operation:?} {what}"), ..Trace::default() };
    trace.acknowledged =
        said.lines().find_map(|line| line.strip_prefix(ACKNOWLEDGED)?.parse().ok());
    trace.refused = said.lines().find_map(|line| line.strip_prefix(REFUSED)).map(str::to_owned);
    trace
}
