//! Test reports: text in, named tests out. Pure: it knows no file and no process.
//!
//! A gate gives it what a command wrote, and gets every test by a name that is the same in two runs of the same tree, what
//! became of it, and whether all that should have run is told. Three things are never mixed: a run with no test (a run),
//! a run that broke off (a run that is not complete), and a report that can't be read (no run: `Unreadable`).
//!
//! What is read was written by the very code under test. So sums are compared with what they sum up, a test that began and
//! did not end is told as failed, and half a line is not read. What this can't do is tell a report from a well-made forgery.

mod adapter;
mod build;
mod choose;
mod exit_code;
mod go_json;
mod input;
mod jest;
mod junit;
mod libtest;
mod libtest_block;
mod libtest_json;
mod loading;
mod name;
mod outcome;
mod plain;
mod run;
mod tally;
mod tap;
mod tap_point;
mod tool;
mod tool_words;
mod unittest;
mod unreadable;

pub use adapter::{Adapter, Choice};
pub use build::BuildFailure;
pub use name::{TestId, WITHIN};
pub use outcome::{FailureKind, TestOutcome};
pub use run::{Completeness, Difference, Incomparable, Strength, TestRun};
pub use tool::Tool;
pub use unreadable::Unreadable;

use input::Input;
use tally::Tally;

/// What is known of one run of a test command.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The form it is in, or auto.
    pub choice: Choice,
    /// The command.
    pub command: &'a [String],
    /// The absolute folder the command ran in: paths in names are told from here.
    pub folder: &'a str,
    /// What it printed, both streams in the order they came.
    pub output: &'a str,
    /// True when the beginning of the output was not kept.
    pub cut: bool,
    /// The report file, where it wrote one in this run. An old file must be removed before the run.
    pub file: Option<&'a str>,
    /// How it ended; `None` when it was ended by a signal or ran out of time.
    pub exit: Option<i32>,
}

impl Report<'_> {
    /// Reads it.
    pub fn read(&self) -> Result<TestRun, Unreadable> {
        let output = plain::plain(self.output);
        let file = self.file.filter(|text| !text.trim().is_empty());
        let (adapter, chosen) = choose::choose(self, &output, file);
        let mut tally = Tally::default();
        self.read_by(adapter, &output, file, &mut tally)?;
        tool_words::hear(self, &output, &mut tally);
        if self.cut && file.is_none() && adapter != Adapter::ExitCode {
            tally.broken("the beginning of the output was not kept; raise [limits] output_kib");
        }
        self.weigh_exit(adapter, &mut tally);
        Ok(tally.into_run(adapter, chosen))
    }

    fn read_by(
        &self,
        adapter: Adapter,
        output: &str,
        file: Option<&str>,
        tally: &mut Tally,
    ) -> Result<(), Unreadable> {
        let text = match adapter {
            // Escapes are no part of these: what a test is called is read as it stands.
            Adapter::Junit | Adapter::GoJson | Adapter::Jest => file.unwrap_or(output).to_owned(),
            _ => file.map_or_else(|| output.to_owned(), plain::plain),
        };
        let input = Input { text: &text, folder: self.folder, command: self.command };
        let malformed = |why| Unreadable::Malformed { adapter, why };
        let found = match adapter {
            Adapter::Libtest => libtest::read(&input, tally),
            Adapter::Junit => junit::read(&input, tally).map_err(malformed)?,
            Adapter::Tap => tap::read(&input, tally),
            Adapter::Unittest => unittest::read(&input, tally),
            Adapter::GoJson => go_json::read(&input, tally),
            Adapter::Jest => jest::read(&input, tally).map_err(malformed)?,
            Adapter::ExitCode => {
                exit_code::read(self.exit, output, tally);
                true
            }
        };
        // A report that was never written because nothing compiled is no riddle.
        if !found {
            tally.build_failed = build::of_cargo(output, self.folder)
                .or_else(|| loading::of_node(output, self.folder));
        }
        let died = self.exit.is_none_or(|code| code >= 128);
        let broke_off = !found && (died || tool_words::began(self, output));
        if broke_off && tally.build_failed.is_none() {
            tally.broken("the command left no report: it died, or a test ended its process");
        }
        match found || broke_off || tally.build_failed.is_some() {
            true => Ok(()),
            false => Err(Unreadable::Nothing {
                adapter,
                place: if file.is_some() { "the report file" } else { "the output" },
                tool: Tool::of(self.command),
            }),
        }
    }

    /// The exit code weighs against a report that says otherwise.
    fn weigh_exit(&self, adapter: Adapter, tally: &mut Tally) {
        let failed = tally.has_failures() || tally.build_failed.is_some();
        match self.exit {
            None => tally.broken("the command did not end by itself"),
            Some(0) if failed => {
                tally.remark("the command ended with exit 0 although a test failed");
            }
            Some(code) if code != 0 && !failed && tally.has_executed() && tally.is_whole() => {
                if adapter != Adapter::ExitCode {
                    tally.broken(format!("the command failed (exit {code}) and no test did"));
                }
            }
            Some(_) => {}
        }
    }
}
