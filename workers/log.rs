//! A worker's log: one file to tail, and stderr when a person started it. Lines for people; events are the record.

use std::borrow::Cow;
use std::fs::{File, Metadata};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::secrets;

/// `-q` and `-v`.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Loudness {
    /// Only warnings and errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Also what the agent says; twice: also what the library thinks
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

impl Loudness {
    fn filter(self) -> LevelFilter {
        match (self.quiet, self.verbose) {
            (true, _) => LevelFilter::WARN,
            (false, 0) => LevelFilter::INFO,
            (false, 1) => LevelFilter::DEBUG,
            (false, _) => LevelFilter::TRACE,
        }
    }
}

/// Flushes the log when it is dropped.
#[derive(Debug)]
pub struct Open {
    path: Option<PathBuf>,
    _file: Option<WorkerGuard>,
}

impl Open {
    /// Puts the last word of a worker into its log.
    pub fn write_down(self, text: &str) {
        let Self { path, _file } = self;
        // What was said before comes first.
        drop(_file);
        if let Some(mut file) = path.and_then(|path| append_to(&path).ok()) {
            drop(writeln!(Hiding(&mut file), "{text}"));
        }
    }
}

/// A log file that is opened anew, folder and all, when it was moved or removed (by logrotate, or a person).
#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    file: File,
    looked: Instant,
}

/// How often to look whether a log is still where it was.
const LOOK: Duration = Duration::from_secs(1);

impl LogFile {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: append_to(path)?, looked: Instant::now() })
    }

    fn is_there(&self) -> bool {
        let place = |facts: Metadata| (facts.dev(), facts.ino());
        let there = std::fs::metadata(&self.path).map(place);
        there.is_ok_and(|there| self.file.metadata().is_ok_and(|ours| place(ours) == there))
    }
}

impl io::Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.looked.elapsed() > LOOK {
            self.looked = Instant::now();
            // Where no new one can be made the old one is kept: nothing is worse for it.
            if let Some(file) = (!self.is_there()).then(|| append_to(&self.path).ok()).flatten() {
                self.file = file;
            }
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Takes whole lines and passes them on without the secrets in them.
#[derive(Debug)]
struct Hiding<W>(W);

impl<W: io::Write> io::Write for Hiding<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match secrets::hidden(&String::from_utf8_lossy(bytes)) {
            Cow::Borrowed(_) => self.0.write_all(bytes)?,
            Cow::Owned(clean) => self.0.write_all(clean.as_bytes())?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    File::options().create(true).append(true).open(path)
}

/// Opens the log at `path` (appending), and stderr too when `stderr` is set. A file that can't be written is said once
/// on stderr, which then gets the log, and work goes on.
pub fn open(path: Option<&Path>, stderr: bool, loudness: Loudness) -> Open {
    let file =
        path.and_then(|path| LogFile::open(path).map_err(|error| complain(path, &error)).ok());
    let to_stderr = stderr || file.is_none();
    let (writer, guard) = match file {
        Some(file) => {
            // Lossless: a log that leaves lines out is worse than a worker that waits for its disk.
            let (writer, guard) = NonBlockingBuilder::default().lossy(false).finish(Hiding(file));
            (Some(writer), Some(guard))
        }
        None => (None, None),
    };
    let file_layer = writer.map(|writer| {
        tracing_subscriber::fmt::layer()
            .with_writer(writer)
            .with_ansi(false)
            .with_target(false)
            .with_filter(loudness.filter())
    });
    let stderr_layer = to_stderr.then(|| {
        let colour = anstream::AutoStream::choice(&io::stderr());
        tracing_subscriber::fmt::layer()
            .with_writer(|| Hiding(io::stderr()))
            .with_ansi(colour != anstream::ColorChoice::Never)
            .with_target(false)
            .with_filter(loudness.filter())
    });
    // A second subscriber in one process can only be a test's.
    let _second = tracing_subscriber::registry().with(file_layer).with(stderr_layer).try_init();
    Open { path: path.map(ToOwned::to_owned), _file: guard }
}

fn complain(path: &Path, error: &io::Error) {
    let path = path.display();
    drop(writeln!(io::stderr(), "warning: failed to open the log {path}: {error}; work goes on"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_whose_folder_was_removed_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/spec-worker.log");
        let mut log = LogFile::open(&path).unwrap();
        log.write_all(b"one\n").unwrap();
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
        log.looked -= LOOK * 2;
        log.write_all(b"two\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
    }

    #[test]
    fn a_log_that_was_moved_is_begun_anew_and_one_that_was_emptied_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("w.log"), folder.path().join("w.log.1"));
        let mut log = LogFile::open(&path).unwrap();
        log.write_all(b"one\n").unwrap();
        std::fs::rename(&path, &old).unwrap();
        log.looked -= LOOK * 2;
        log.write_all(b"two\n").unwrap();
        // As logrotate's copytruncate does it.
        std::fs::copy(&path, &old).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        log.write_all(b"three\n").unwrap();
        assert_eq!(std::fs::read_to_string(&old).unwrap(), "two\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "three\n");
    }
}
