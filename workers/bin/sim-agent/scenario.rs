//! The scenario: what it does at which order and stage, and how often.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use shopfloor::verdict::Verdict;

use crate::job::Job;

/// A scenario file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Scenario {
    /// The cost of starting, in milliseconds.
    pub(crate) startup_ms: u64,
    /// The time of one turn, in milliseconds.
    pub(crate) turn_ms: u64,
    /// How far times are spread: 0 not at all, 1 from nothing to double.
    pub(crate) jitter: f64,
    /// What is done. The first act that fits and is not used up is taken.
    pub(crate) act: Vec<Act>,
    #[serde(skip)]
    path: PathBuf,
}

impl Default for Scenario {
    fn default() -> Self {
        Self { startup_ms: 200, turn_ms: 300, jitter: 0.2, act: Vec::new(), path: PathBuf::new() }
    }
}

/// One thing it does.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Act {
    /// At this order; `*` at any.
    pub(crate) order: String,
    /// At this stage; `*` at any.
    pub(crate) stage: String,
    /// So many times, counted over all sessions. Unset: for ever.
    pub(crate) times: Option<u32>,
    /// Only at fix turns, or only at others. Unset: at both.
    pub(crate) fix: Option<bool>,
    /// Only at repair turns, or only at others. Unset: at both.
    pub(crate) repair: Option<bool>,
    /// What it says.
    pub(crate) verdict: Verdict,
    /// Why, in its words.
    pub(crate) why: String,
    /// How long it takes, in milliseconds. Unset: as every turn.
    pub(crate) ms: Option<u64>,
    /// Files written in the worktree: path and content.
    pub(crate) files: BTreeMap<String, String>,
    /// Text put at the end of files in the worktree, unless it stands there already.
    pub(crate) append: BTreeMap<String, String>,
    /// A line put after a known line of a file in the worktree (the line, the new one), unless it stands there already.
    pub(crate) insert: BTreeMap<String, (String, String)>,
    /// Papers left on the desk.
    pub(crate) papers: BTreeMap<String, String>,
    /// Papers it names in its result.
    pub(crate) artifacts: Vec<String>,
    /// Commands run in the worktree.
    pub(crate) run: Vec<Vec<String>>,
    /// The paper that gets their output.
    pub(crate) capture: Option<String>,
    /// So many of its tool calls were not allowed.
    pub(crate) denials: u32,
    /// What its result says of that.
    pub(crate) denied: String,
    /// A tool of it runs so many milliseconds and prints nothing.
    pub(crate) tool_ms: Option<u64>,
    /// Tokens it reads in the turn. Unset: as many as its prompt has, and some.
    pub(crate) tokens: Option<u64>,
    /// US dollars the turn costs. Unset: by its tokens.
    pub(crate) usd: Option<f64>,
    /// How it misbehaves.
    pub(crate) misbehave: Option<Mischief>,
    /// With `usage-limit`: seconds from now at which the limit ends.
    pub(crate) reset_in_s: u64,
    /// With `flood`: how much, in MiB.
    pub(crate) mib: usize,
    /// With `flood`: the length of its lines, in MiB.
    pub(crate) line_mib: usize,
}

impl Default for Act {
    fn default() -> Self {
        Self {
            order: "*".to_owned(),
            stage: "*".to_owned(),
            times: None,
            fix: None,
            repair: None,
            verdict: Verdict::Done,
            why: String::new(),
            ms: None,
            files: BTreeMap::new(),
            append: BTreeMap::new(),
            insert: BTreeMap::new(),
            papers: BTreeMap::new(),
            artifacts: Vec::new(),
            run: Vec::new(),
            capture: None,
            denials: 0,
            denied: String::new(),
            tool_ms: None,
            tokens: None,
            usd: None,
            misbehave: None,
            reset_in_s: 60,
            mib: 200,
            line_mib: 1,
        }
    }
}

/// How it misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mischief {
    /// Says what it says and writes nothing.
    Lie,
    /// Sleeps for ever and prints nothing.
    Hang,
    /// Aborts in mid-turn.
    Crash,
    /// Exits 0 without a result.
    SilentExit,
    /// Prints junk, then goes on honestly.
    Garbage,
    /// Prints a lot, then goes on honestly.
    Flood,
    /// Does the work, and weakens a test.
    TamperTests,
    /// Does the work, and answers for another order.
    WrongOrder,
    /// The account's limit is reached.
    UsageLimit,
    /// Leaves a process behind, then goes on honestly.
    Grandchild,
    /// Does the work, and ends without a result.
    NoResult,
    /// The key is refused.
    Login,
    /// The model's server has too much to do.
    Overloaded,
    /// The conversation no longer fits into the model's context.
    ContextFull,
    /// The model refuses the work.
    Refusal,
    /// The answer is longer than an answer may be.
    Truncated,
    /// Asks its model again and again, 1,000 tokens at a time, until it is interrupted.
    Runaway,
}

impl Scenario {
    /// Reads the file at `path`.
    pub(crate) fn load(path: PathBuf) -> Result<Self, String> {
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("failed to read the scenario {}: {error}", path.display()))?;
        let scenario = Self::parse(&text)
            .map_err(|error| format!("failed to read the scenario {}: {error}", path.display()))?;
        Ok(Self { path, ..scenario })
    }

    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The act for `job`; `None` when there is none.
    pub(crate) fn pick(&self, job: &Job) -> Result<Option<&Act>, String> {
        for (at, act) in self.act.iter().enumerate() {
            let fits = |wanted: &str, given: &str| wanted == "*" || wanted == given;
            let fits = fits(&act.order, &job.order)
                && fits(&act.stage, &job.stage)
                && act.fix.is_none_or(|fix| fix == job.fix)
                && act.repair.is_none_or(|repair| repair == job.repair);
            if fits && self.use_up(at, act)? {
                return Ok(Some(act));
            }
        }
        Ok(None)
    }

    /// Takes one use of an act. Uses are files that can be made only once, so that this holds over all processes.
    fn use_up(&self, at: usize, act: &Act) -> Result<bool, String> {
        let Some(times) = act.times else { return Ok(true) };
        let mut memory = self.path.clone().into_os_string();
        memory.push(".memory");
        let memory = Path::new(&memory);
        let failed = |error| format!("failed to write {}: {error}", memory.display());
        std::fs::create_dir_all(memory).map_err(failed)?;
        for n in 0..times {
            let path = memory.join(format!("act-{at}-use-{n}"));
            match OpenOptions::new().write(true).create_new(true).open(path) {
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(false)
    }
}

impl Act {
    /// True when the scenario says what work there is.
    pub(crate) fn works(&self) -> bool {
        !(self.files.is_empty()
            && self.append.is_empty()
            && self.insert.is_empty()
            && self.papers.is_empty()
            && self.run.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(order: &str, stage: &str, fix: bool) -> Job {
        Job { order: order.to_owned(), stage: stage.to_owned(), fix, ..Job::default() }
    }

    #[test]
    fn the_first_act_that_fits_and_is_not_used_up_is_taken_over_all_sessions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.toml");
        let text = "[[act]]\norder = \"a\"\ntimes = 1\nmisbehave = \"lie\"\n\
                    [[act]]\nstage = \"test\"\nwhy = \"second\"\n";
        std::fs::write(&path, text).unwrap();
        let why = |order: &str| {
            // A new process each time.
            let scenario = Scenario::load(path.clone()).unwrap();
            let act = scenario.pick(&job(order, "test", false)).unwrap();
            act.map(|act| (act.misbehave, act.why.clone()))
        };
        assert_eq!(why("b"), Some((None, "second".to_owned())));
        assert_eq!(why("a"), Some((Some(Mischief::Lie), String::new())));
        assert_eq!(why("a"), Some((None, "second".to_owned())));
        assert!(
            Scenario::load(path.clone()).unwrap().pick(&job("b", "spec", false)).unwrap().is_none()
        );
    }

    #[test]
    fn an_act_may_be_for_fix_turns_only() {
        let scenario = Scenario::parse("[[act]]\nfix = true\n").unwrap();
        assert!(scenario.pick(&job("a", "implement", true)).unwrap().is_some());
        assert!(scenario.pick(&job("a", "implement", false)).unwrap().is_none());
    }

    #[test]
    fn an_unknown_word_is_an_error() {
        assert!(Scenario::parse("[[act]]\nmisbehave = \"laugh\"\n").is_err());
        assert!(Scenario::parse("turn_mss = 3\n").is_err());
    }
}
