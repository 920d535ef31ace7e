//! A worker's log: one file to tail, and stderr when a person started it. Lines for people; events are the record.

use std::path::Path;

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

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
    _file: Option<WorkerGuard>,
}

/// Opens the log at `path` (appending), and stderr too when `stderr` is set. A file that can't be written is said once
/// on stderr, which then gets the log, and work goes on.
pub fn open(path: Option<&Path>, stderr: bool, loudness: Loudness) -> Open {
    let file = path.and_then(|path| {
        let opened = std::fs::OpenOptions::new().create(true).append(true).open(path);
        opened.map_err(|error| complain(path, &error)).ok()
    });
    let to_stderr = stderr || file.is_none();
    let (writer, guard) = match file {
        Some(file) => {
            // Lossless: a log that leaves lines out is worse than a worker that waits for its disk.
            let (writer, guard) = NonBlockingBuilder::default().lossy(false).finish(file);
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
        let colour = anstream::AutoStream::choice(&std::io::stderr());
        tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(colour != anstream::ColorChoice::Never)
            .with_target(false)
            .with_filter(loudness.filter())
    });
    // A second subscriber in one process can only be a test's.
    let _second = tracing_subscriber::registry().with(file_layer).with(stderr_layer).try_init();
    Open { _file: guard }
}

#[expect(clippy::print_stderr, reason = "there is no log to say it in")]
fn complain(path: &Path, error: &std::io::Error) {
    eprintln!("warning: failed to open the log {}: {error}; work goes on", path.display());
}
