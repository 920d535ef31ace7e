//! How `shopfloor` speaks: results on stdout, remarks on stderr, and how a command ended.

use std::fmt::Display;
use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use shopfloor::error::{Error, exit};

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Done {
    /// All went well.
    Well,
    /// There was nothing to do.
    NothingToDo,
    /// It came to its end, and some orders failed or some stage stopped.
    SomeFailed,
    /// What was checked again is not as recorded.
    Otherwise,
    /// The queue is not there, or can't be used.
    Unfit,
    /// Ended by a second Ctrl-C.
    Interrupted,
}

impl Done {
    /// Its documented exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Well => exit::OK,
            Self::NothingToDo => exit::NOTHING_TO_DO,
            Self::SomeFailed => exit::SOME_FAILED,
            Self::Otherwise => exit::FAILED,
            Self::Unfit => exit::UNFIT,
            Self::Interrupted => exit::INTERRUPTED,
        }
    }
}

/// How loud to be on stderr.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Voice {
    quiet: bool,
    verbose: u8,
}

impl Voice {
    /// `-q` and the number of `-v`.
    pub(crate) fn new(quiet: bool, verbose: u8) -> Self {
        Self { quiet, verbose }
    }

    /// Shows what the library logs, on stderr.
    pub(crate) fn listen(self) {
        let level = match (self.quiet, self.verbose) {
            (true, _) => tracing::Level::ERROR,
            (false, 0) => tracing::Level::WARN,
            (false, 1) => tracing::Level::INFO,
            (false, _) => tracing::Level::DEBUG,
        };
        let colour = anstream::AutoStream::choice(&std::io::stderr());
        let log = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(std::io::stderr)
            .with_ansi(colour != anstream::ColorChoice::Never)
            .with_target(false)
            .without_time();
        // A second subscriber can only be our own mistake, and is harmless.
        drop(tracing::subscriber::set_global_default(log.finish()));
    }

    /// The flags that tell another of our programs to be as loud.
    pub(crate) fn flags(self) -> Vec<&'static str> {
        let quiet = self.quiet.then_some("-q");
        quiet.into_iter().chain((0..self.verbose).map(|_| "-v")).collect()
    }

    /// True when more remarks are wanted than usual.
    pub(crate) fn says_more(self) -> bool {
        self.verbose > 0
    }

    /// A remark; `-q` silences it.
    pub(crate) fn remark(self, text: impl Display) {
        if !self.quiet {
            say(text);
        }
    }

    /// A warning: the work goes on.
    pub(crate) fn warn(self, text: impl Display) {
        let style = AnsiColor::Yellow.on_default().bold();
        say(format_args!("{style}warning:{style:#} {text}"));
    }

    /// An error and its next step.
    pub(crate) fn error(self, error: &Error) {
        let style = AnsiColor::Red.on_default().bold();
        say(format_args!("{style}error:{style:#} {error}"));
        if let Some(step) = error.next_step() {
            let style = Style::new().bold();
            say(format_args!("  {style}next:{style:#} {step}"));
        }
    }
}

/// A line on stderr. Nobody may be listening, and that stops nothing.
fn say(text: impl Display) {
    writeln!(anstream::stderr(), "{text}").ok();
}

/// A line on stdout: a result.
pub(crate) fn result(text: impl Display) -> Result<()> {
    Ok(writeln!(anstream::stdout(), "{text}")?)
}

/// A line on stdout that nobody should overlook: red, where there are colours.
pub(crate) fn alarming(text: impl Display) -> Result<()> {
    let style = AnsiColor::Red.on_default().bold();
    result(format_args!("{style}{text}{style:#}"))
}

/// One JSON value on stdout, indented.
pub(crate) fn json(value: &serde_json::Value) -> Result<()> {
    result(format_args!("{value:#}"))
}

/// One JSON value on stdout, on one line.
pub(crate) fn json_line(value: &serde_json::Value) -> Result<()> {
    result(value)
}

/// Text of unknown origin made safe to show: control characters but newlines and tabs are blanks.
pub(crate) fn plain(text: &str) -> String {
    let safe = |c: char| if c.is_control() && c != '\n' && c != '\t' { ' ' } else { c };
    text.chars().map(safe).collect()
}

/// One line of such text, at most `most` characters.
pub(crate) fn line(text: &str, most: usize) -> String {
    shopfloor::agent::one_line(text.trim(), most)
}

/// A moment (unix seconds) as local time; the date only when it is not today.
pub(crate) fn moment(unix: u64) -> String {
    let zone = jiff::tz::TimeZone::system();
    let Ok(stamp) = jiff::Timestamp::from_second(unix.try_into().unwrap_or(i64::MAX)) else {
        return format!("unix second {unix}");
    };
    let then = stamp.to_zoned(zone.clone());
    let today = jiff::Timestamp::now().to_zoned(zone).date();
    let form = if then.date() == today { "%H:%M:%S" } else { "%Y-%m-%d %H:%M" };
    then.strftime(form).to_string()
}
