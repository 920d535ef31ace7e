//! One run of a command, and what it means: passed, failed, no answer, or could not run.
//!
//! Exit 0 is a pass unless no test was executed. Another exit code is a failure of what was tested, except 126 and 127
//! (the command can't be found or started). A signal and a time-out are no answer; whose fault that is, `fault` finds out.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::count::executed;
use super::environment;
use super::reading::{Desk, Unusable};
use super::scene::Tools;
use super::slot;
use super::transcript::typed;
use crate::check::Check;
use crate::config::GateConfig;
use crate::error::Error;
use crate::process::{self, Ended, Program, Ran};
use crate::report::{Adapter, Choice, Completeness, Strength, TestRun};
use crate::secrets;
use crate::stop::Stop;

/// What one run showed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(super) enum Outcome {
    /// Something was tested, and it is as it should be.
    Passed,
    /// Something was tested, and it is not.
    Failed,
    /// The command ended in good order and tested nothing. It counts as "could not run" except where an empty base is fine.
    NoTests,
    /// It began and did not come to an answer: out of time, ended by a signal, 126 or 127.
    NoAnswer {
        /// One line.
        why: String,
        /// What a person does about it.
        mend: String,
    },
    /// It did not begin, or we stopped it: nothing was found out, and no order can have done that.
    CouldNotRun {
        /// One line.
        why: String,
        /// What a person does about it.
        mend: String,
    },
}

/// Where a command runs.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// `worktree`, `base` or `union`.
    pub(super) kind: &'static str,
    /// The folder.
    pub(super) folder: PathBuf,
    /// The commit that stands there, where one does.
    pub(super) commit: Option<String>,
    /// The tree that stands there.
    pub(super) tree: String,
}

/// One run, as it is put on record.
#[derive(Debug, Clone)]
pub(super) struct Run {
    /// The command, word by word.
    pub(super) argv: Vec<String>,
    /// The command as a person would type it.
    pub(super) command: String,
    /// The hash of what it was given beside the tree.
    pub(super) environment: String,
    /// Where it ran.
    pub(super) place: Place,
    /// Names of the variables it got beyond the allowlist. Never their values.
    pub(super) variables: Vec<String>,
    /// When it began, wall clock.
    pub(super) started: jiff::Timestamp,
    /// How it ended: `exit 1`, `signal 9`, `timed out`, `not started`.
    pub(super) ended: String,
    /// Its exit code, where it ended by itself.
    pub(super) exit: Option<i32>,
    /// The signal that ended it.
    pub(super) signal: Option<i32>,
    /// What it printed: the last bytes of both streams.
    pub(super) output: Vec<u8>,
    /// Bytes that came before those.
    pub(super) dropped: u64,
    /// How long it took.
    pub(super) took: Duration,
    /// What it showed.
    pub(super) outcome: Outcome,
    /// Its tests by name, where it is a run of tests and its report can be read.
    pub(super) tests: Option<TestRun>,
}

impl Outcome {
    /// The gate's answer when the run found nothing out; `None` when it passed or failed.
    pub(super) fn unable(&self) -> Option<Check> {
        match self {
            Self::Passed | Self::Failed => None,
            Self::NoTests => Some(Check::could_not_run(
                "the test command executed no test at all",
                "set [project.test] command in shopfloor.toml to a command that runs the project's tests",
            )),
            Self::NoAnswer { why, mend } | Self::CouldNotRun { why, mend } => {
                Some(Check::could_not_run(why, mend))
            }
        }
    }

    /// True when an order's own work may be why there is no answer.
    pub(super) fn may_be_its_work(&self) -> bool {
        matches!(self, Self::NoTests | Self::NoAnswer { .. })
    }
}

impl Run {
    /// The end of the output as text: at most `lines` lines and 8 KiB, without terminal escapes.
    pub(super) fn tail(&self, lines: usize) -> String {
        tail(&String::from_utf8_lossy(&self.output), lines)
    }
}

/// What is run: the project's tests, or a gate of the user's own.
#[derive(Debug)]
pub(super) struct Setting<'a> {
    pub(super) argv: &'a [String],
    pub(super) env: &'a BTreeMap<String, String>,
    /// The form of its report.
    pub(super) choice: Choice,
    /// The file it writes its report into, relative to the folder of the run.
    pub(super) report_path: Option<&'a Path>,
    limit: Duration,
    /// The table of shopfloor.toml it stands in, for advice.
    table: String,
    /// Its output says how many tests it executed.
    pub(super) counts_tests: bool,
}

impl<'a> Setting<'a> {
    /// The project's test command.
    pub(super) fn tests(tools: &'a Tools) -> Self {
        let test = &tools.config.project.test;
        let table = "[project.test]".to_owned();
        Self {
            argv: &test.command,
            env: &test.env,
            choice: test.report,
            report_path: test.report_path.as_deref(),
            limit: test.timeout,
            table,
            counts_tests: true,
        }
    }

    /// The same, read by this adapter alone. An order's work is read as its base was: what it prints can't choose a weaker
    /// proof, nor another one.
    pub(super) fn read_by(mut self, adapter: Option<Adapter>) -> Self {
        if let Some(adapter) = adapter {
            self.choice = Choice::Set(adapter);
        }
        self
    }

    /// A gate of the user's own: its exit code alone counts.
    pub(super) fn gate(name: &str, gate: &'a GateConfig) -> Self {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        let table = format!("[gate.{name}]");
        Self {
            argv: &gate.command,
            env: &NONE,
            choice: Choice::Set(Adapter::ExitCode),
            report_path: None,
            limit: gate.timeout,
            table,
            counts_tests: false,
        }
    }
}

/// Runs it once, in `place`.
pub(super) async fn run(tools: &Tools, setting: &Setting<'_>, place: Place, stop: &Stop) -> Run {
    let mut run = Run {
        argv: setting.argv.to_vec(),
        environment: match setting.counts_tests {
            true => environment::of_tests(&tools.config),
            false => environment::hash(setting.env, ""),
        },
        exit: None,
        signal: None,
        tests: None,
        command: typed(setting.argv),
        variables: setting.env.keys().cloned().collect(),
        started: jiff::Timestamp::now(),
        ended: "not started".to_owned(),
        output: Vec::new(),
        dropped: 0,
        took: Duration::ZERO,
        outcome: Outcome::CouldNotRun { why: String::new(), mend: String::new() },
        place,
    };
    if setting.argv.is_empty() {
        run.outcome = Outcome::CouldNotRun {
            why: format!("there is no command in {}", setting.table),
            mend: format!("set {} command in shopfloor.toml", setting.table),
        };
        return run;
    }
    match turn(tools, setting, &mut run, stop).await {
        Ok(()) => {}
        Err(error) => {
            let why = error.to_string();
            let mend = error.next_step().unwrap_or("start the command by hand once").to_owned();
            run.outcome = match is_missing_there(&setting.argv[0], &run.place.folder) {
                true => Outcome::NoAnswer { why, mend },
                false => Outcome::CouldNotRun { why, mend },
            };
            run.output = format!("{error}\n").into_bytes();
        }
    }
    run
}

/// Waits for a slot, runs the command in it, and reads what it left.
async fn turn(
    tools: &Tools,
    setting: &Setting<'_>,
    run: &mut Run,
    stop: &Stop,
) -> Result<(), Error> {
    let _slot = slot::take(tools, stop).await?;
    let desk = Desk::prepare(setting, &run.place)?;
    run.started = jiff::Timestamp::now();
    run.variables.extend(desk.env.keys().filter(|name| !setting.env.contains_key(*name)).cloned());
    let cookie = run_cookie(&tools.cookie);
    let ran = start(tools, setting, &desk.env, &run.place.folder, &cookie, stop).await?;
    (run.exit, run.signal) = match ran.ended {
        Ended::Exit(code) => (Some(code), None),
        Ended::Signal(signal) => (None, Some(signal)),
        Ended::TimedOut | Ended::Stopped => (None, None),
    };
    run.outcome = classify(&ran, setting);
    if setting.counts_tests {
        match desk.read(setting, &run.place, &ran, run.exit)? {
            Ok(tests) => {
                if let Some(outcome) = contradicted(&run.outcome, &tests) {
                    run.outcome = outcome;
                }
                run.tests = Some(tests);
            }
            // What came to no answer needs no report.
            Err(unusable) => {
                if matches!(run.outcome, Outcome::Passed | Outcome::Failed) {
                    let Unusable { why, mend } = unusable;
                    run.outcome = Outcome::NoAnswer { why, mend };
                }
            }
        }
    }
    run.ended = ran.ended.to_string();
    run.took = ran.took;
    run.dropped = ran.dropped;
    run.output = without_secrets(ran.output);
    Ok(())
}

/// A test's output goes into evidence and to agents: secrets of a known form do not.
fn without_secrets(output: Vec<u8>) -> Vec<u8> {
    match secrets::forms_hidden(&String::from_utf8_lossy(&output)) {
        Cow::Borrowed(_) => output,
        Cow::Owned(clean) => clean.into_bytes(),
    }
}

/// What a run showed according to its tests, where its exit code says otherwise.
fn contradicted(outcome: &Outcome, tests: &TestRun) -> Option<Outcome> {
    if tests.strength == Strength::ExitCode || *outcome != Outcome::Passed {
        return None;
    }
    if tests.build_failed.is_some() || !tests.failed().is_empty() {
        return Some(Outcome::Failed);
    }
    match &tests.completeness {
        Completeness::Broken { why } => Some(Outcome::NoAnswer {
            why: format!("the report of the tests is not whole: {why}"),
            mend: "run the command in [project.test] by hand and look at what it reports"
                .to_owned(),
        }),
        _ if tests.executed() == 0 => Some(Outcome::NoTests),
        Completeness::Whole | Completeness::StoppedEarly { .. } => None,
    }
}

/// True when the program is one of the folder's own (`./run-tests`), and is not there or can't be executed.
fn is_missing_there(program: &str, folder: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let own = program.contains('/') && !program.starts_with('/') && folder.is_dir();
    let found = std::fs::metadata(folder.join(program));
    own && !found.is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

async fn start(
    tools: &Tools,
    setting: &Setting<'_>,
    hints: &BTreeMap<String, String>,
    folder: &Path,
    cookie: &str,
    stop: &Stop,
) -> Result<Ran, Error> {
    let mut program = Program::new(setting.argv, folder, cookie)?.giving_way().kept();
    for (name, value) in setting.env.iter().chain(hints) {
        program = program.env(name, value);
    }
    let keep = usize::try_from(tools.config.limits.output_kib).unwrap_or(1024).saturating_mul(1024);
    let ran = program.run(b"", setting.limit, keep, stop).await;
    // Its group is dead by now. What left the group (a daemon that a test started) is found by its cookie.
    let cookie = cookie.to_owned();
    let ended = tokio::task::spawn_blocking(move || {
        process::end_all(&cookie, Duration::from_secs(10));
    });
    drop(ended.await);
    ran
}

/// A cookie of this run alone: the dot keeps run 1 from being a prefix of run 12.
fn run_cookie(cookie: &str) -> String {
    static RUNS: AtomicU64 = AtomicU64::new(1);
    format!("{cookie}/run-{}.", RUNS.fetch_add(1, Ordering::Relaxed))
}

fn classify(ran: &Ran, setting: &Setting<'_>) -> Outcome {
    let no_answer = |why: String, mend: String| Outcome::NoAnswer { why, mend };
    let table = &setting.table;
    match ran.ended {
        Ended::Exit(code @ (126 | 127)) => no_answer(
            format!("the command in {table} can't be run: exit {code}"),
            format!(
                "correct {table} command in shopfloor.toml, or install what it needs; the transcript has its words"
            ),
        ),
        // A report that says "nothing ran" is believed only when all of it is there.
        Ended::Exit(code) if setting.counts_tests && tested_nothing(code, ran) => Outcome::NoTests,
        Ended::Exit(0) => Outcome::Passed,
        Ended::Exit(_) => Outcome::Failed,
        Ended::Signal(signal) => no_answer(
            format!("the command in {table} was ended by signal {signal}"),
            "look for what killed it (memory, a person), then it is tried again".to_owned(),
        ),
        Ended::TimedOut => no_answer(
            format!("the command in {table} ran longer than {} s", setting.limit.as_secs_f64()),
            format!("raise {table} timeout in shopfloor.toml, or find out what hangs in it"),
        ),
        Ended::Stopped => Outcome::CouldNotRun {
            why: format!("the command in {table} was stopped: we were told to end at once"),
            mend: "nothing: it runs again when the worker does".to_owned(),
        },
    }
}

/// Runners that find no test exit with 0, pytest and unittest with 5, nextest with 4, jest and vitest with 1.
fn tested_nothing(code: i32, ran: &Ran) -> bool {
    matches!(code, 0 | 1 | 4 | 5)
        && ran.dropped == 0
        && executed(&ran.text()) == Some(0)
        && (code != 1 || ran.text().contains("No test"))
}

fn tail(text: &str, lines: usize) -> String {
    const MOST_BYTES: usize = 8 * 1024;
    let plain = super::count::without_escapes(text);
    let all: Vec<&str> = plain.trim_end().lines().collect();
    let mut kept = all[all.len().saturating_sub(lines)..].join("\n");
    if kept.len() > MOST_BYTES {
        let mut from = kept.len() - MOST_BYTES;
        while !kept.is_char_boundary(from) {
            from += 1;
        }
        kept.drain(..from);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classified(ended: Ended, output: &str, counts_tests: bool) -> Outcome {
        let ran = Ran {
            ended,
            output: output.as_bytes().to_vec(),
            dropped: 0,
            took: Duration::from_secs(1),
        };
        let env = BTreeMap::new();
        let limit = Duration::from_secs(1);
        let table = "[project.test]".to_owned();
        let choice = Choice::Auto;
        let setting =
            Setting { argv: &[], env: &env, choice, report_path: None, limit, table, counts_tests };
        classify(&ran, &setting)
    }

    #[test]
    fn each_end_of_a_command_has_one_meaning() {
        assert_eq!(classified(Ended::Exit(0), "fine", true), Outcome::Passed);
        assert_eq!(classified(Ended::Exit(1), "not ok", true), Outcome::Failed);
        assert_eq!(classified(Ended::Exit(101), "running 0 tests\nerror", true), Outcome::Failed);
        for ended in [
            Ended::Exit(126),
            Ended::Exit(127),
            Ended::Signal(9),
            Ended::Signal(11),
            Ended::TimedOut,
            Ended::Stopped,
        ] {
            let outcome = classified(ended, "", true);
            assert!(outcome.unable().is_some(), "{ended}: {outcome:?}");
            assert_eq!(outcome.may_be_its_work(), ended != Ended::Stopped, "{ended}");
        }
    }

    #[test]
    fn nothing_tested_is_no_pass() {
        let nothing = [
            (0, "running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored\n"),
            (5, "==== no tests ran in 0.01s ====\n"),
            (0, "# tests 0\n"),
            (0, "?   \tx\t[no test files]\n"),
            (4, "error: no tests to run\n"),
            (1, "No tests found, exiting with code 1\n"),
        ];
        for (code, output) in nothing {
            assert_eq!(classified(Ended::Exit(code), output, true), Outcome::NoTests, "{output}");
        }
        assert_eq!(classified(Ended::Exit(0), nothing[0].1, false), Outcome::Passed);
        // A build that fails after an empty first part is a failure, not an empty run.
        assert_eq!(classified(Ended::Exit(1), "running 0 tests\nboom\n", true), Outcome::Failed);
    }

    #[test]
    fn a_tail_keeps_the_end() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        let long = "é".repeat(10_000);
        assert!(tail(&long, 5).len() <= 8 * 1024);
    }

    #[test]
    fn no_runs_cookie_is_the_beginning_of_anothers() {
        let cookies: Vec<String> = (0..30).map(|_| run_cookie("w/g")).collect();
        for (at, cookie) in cookies.iter().enumerate() {
            let others = cookies.iter().enumerate().filter(|(other, _)| *other != at);
            assert!(others.into_iter().all(|(_, other)| !other.starts_with(cookie.as_str())));
        }
    }
}
