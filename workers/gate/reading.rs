//! The report of a test run: the file it may write is removed before, read after, and told as named tests.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::papers::{self, Paper};
use super::run::{Place, Setting};
use crate::error::{Error, Result};
use crate::process::Ran;
use crate::report::{Adapter, Choice, Report, Strength, TestRun, Tool};

/// The most bytes of a report file. A thousand tests take well under one MiB.
const FILE_LIMIT_BYTES: u64 = 32 * 1024 * 1024;
const FILE: &str = "report";
/// How much older than the run a file may seem that was written in it: file systems keep time in steps.
const STEP: Duration = Duration::from_secs(2);

/// Where the report of one run is looked for.
#[derive(Debug)]
pub(super) struct Desk {
    choice: Choice,
    /// The folder and the name of the file, where there may be one.
    file: Option<(PathBuf, String)>,
    /// Since when a report is of this run.
    since: SystemTime,
    /// What the tool is told so that it writes a report.
    pub(super) env: BTreeMap<String, String>,
    /// Holds the file that we name ourselves: outside of the worktree, and gone with this value.
    _folder: Option<tempfile::TempDir>,
}

/// Why a report can't be used, and what to do about it.
#[derive(Debug)]
pub(super) struct Unusable {
    pub(super) why: String,
    pub(super) mend: String,
}

impl Desk {
    /// Prepares a run of `setting` in `place`: no report of an earlier run stays.
    pub(super) fn prepare(setting: &Setting<'_>, place: &Place) -> Result<Self> {
        let choice = setting.choice;
        let since = SystemTime::now();
        let mut desk = Self { choice, file: None, since, env: BTreeMap::new(), _folder: None };
        if choice == Choice::Set(Adapter::ExitCode) {
            return Ok(desk);
        }
        let named = setting.report_path.map(|path| path.display().to_string());
        if let Some(name) = &named {
            papers::remove(&place.folder, name)?;
            desk.file = Some((place.folder.clone(), name.clone()));
        }
        if let Some(tool) = Tool::of(setting.argv) {
            let folder = tempfile::tempdir()
                .map_err(|error| Error::io("make a folder in", &std::env::temp_dir(), error))?;
            for (name, value) in tool.environment(&folder.path().join(FILE)) {
                let value = joined(name, setting.env.get(name), value);
                desk.env.insert(name.to_owned(), value);
            }
            if named.is_none() {
                desk.file = Some((folder.path().to_owned(), FILE.to_owned()));
            }
            desk._folder = Some(folder);
        }
        Ok(desk)
    }

    /// Reads what the run left. Where nobody named a form and no known tool ran, what can't be read whole counts by its
    /// exit code: any script may print a line that looks like a report.
    pub(super) fn read(
        &self,
        setting: &Setting<'_>,
        place: &Place,
        ran: &Ran,
        exit: Option<i32>,
    ) -> Result<Result<TestRun, Unusable>> {
        let file = match &self.file {
            None => None,
            Some((folder, name)) => match papers::look(folder, name, FILE_LIMIT_BYTES)? {
                // Whatever had the name before was removed: somebody kept it, and put it back.
                Paper::Plain { modified, .. } if modified + STEP < self.since => {
                    return Ok(Err(unfit(name, "is older than the run")));
                }
                Paper::Plain { bytes, .. } => Some(String::from_utf8_lossy(&bytes).into_owned()),
                Paper::Missing => None,
                Paper::Unfit(why) => return Ok(Err(unfit(name, &why))),
            },
        };
        let folder = place.folder.canonicalize().unwrap_or_else(|_| place.folder.clone());
        let (output, folder) = (ran.text(), folder.display().to_string());
        let report = Report {
            choice: self.choice,
            command: setting.argv,
            folder: &folder,
            output: &output,
            cut: ran.dropped > 0,
            file: file.as_deref(),
            exit,
        };
        let read = report.read();
        let guessed = self.choice == Choice::Auto && Tool::of(setting.argv).is_none();
        let whole = read.as_ref().is_ok_and(|run| {
            run.strength == Strength::Named && (run.complete() || run.build_failed.is_some())
        });
        if guessed && !whole && file.is_none() {
            let by_exit = Report { choice: Choice::Set(Adapter::ExitCode), ..report }.read();
            if let Ok(run) = by_exit {
                return Ok(Ok(run));
            }
        }
        Ok(read.map_err(|why| Unusable {
            mend: why.mend(),
            why: format!("unreadable report of the command in [project.test]: {why}"),
        }))
    }
}

fn unfit(name: &str, why: &str) -> Unusable {
    Unusable {
        why: format!("unreadable report of the command in [project.test]: {name} {why}"),
        mend: format!("let the command write its report as a plain file, {name}, and no larger"),
    }
}

/// Options are added to those that are there already; anything else is set.
fn joined(name: &str, there: Option<&String>, value: String) -> String {
    let adds = ["OPTS", "OPTIONS", "FLAGS"].iter().any(|ending| name.ends_with(ending));
    match there.filter(|there| adds && !there.is_empty()) {
        Some(there) => format!("{there} {value}"),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_added_and_the_rest_is_set() {
        let there = "-v".to_owned();
        assert_eq!(joined("PYTEST_ADDOPTS", Some(&there), "-x".to_owned()), "-v -x");
        assert_eq!(joined("PYTEST_ADDOPTS", None, "-x".to_owned()), "-x");
        assert_eq!(joined("CARGO_TERM_COLOR", Some(&there), "never".to_owned()), "never");
    }
}
