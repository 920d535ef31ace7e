//! What was used: one line per turn, on the floor by day (`.floor/spent/<day>.jsonl`) and with the order
//! (`<order>/evidence/cost.jsonl`). Budgets are held against these, and `status` and `show` read them.
//!
//! Unknown is written as null and never as 0. What is known of it all the same (tokens that were counted while the turn ran)
//! counts for budgets.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::agent::Usage;
use crate::error::{Error, Result};
use crate::floor::Floor;
use crate::order::OrderId;

/// The name of an order's own file, in its folder.
pub const COST: &str = "evidence/cost.jsonl";

/// Seconds of a day.
const DAY_SECS: u64 = 24 * 3600;

/// What one turn used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When it ended, unix seconds.
    pub at: u64,
    /// The order.
    pub order: OrderId,
    /// The stage's name.
    pub stage: String,
    /// The session.
    pub session: String,
    /// The agent's name.
    pub agent: String,
    /// The account it was used with.
    pub account: String,
    /// The agent is a simulation.
    #[serde(default)]
    pub simulated: bool,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// What it used, as it was told at the turn's end; null is unknown.
    pub usage: Usage,
    /// Tokens it used at least, as they were counted while it ran.
    #[serde(default)]
    pub seen_tokens: u64,
    /// Not 0: this is no other turn, but what is known now of one that was written down as unknown: an equal share of what a
    /// session of so many orders used. Its program tells what they used together only.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub share_of: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Line {
    /// A turn of which nobody knows what it used: its worker died with it.
    pub fn unknown(at: u64, order: OrderId, stage: &str, session: &str, agent: &str) -> Self {
        Self {
            at,
            order,
            stage: stage.to_owned(),
            session: session.to_owned(),
            agent: agent.to_owned(),
            account: String::new(),
            simulated: false,
            took_ms: 0,
            usage: Usage::default(),
            seen_tokens: 0,
            share_of: 0,
        }
    }
}

/// What several turns used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Sum {
    /// Turns.
    pub turns: u64,
    /// How long they took, milliseconds.
    pub took_ms: u64,
    /// Tokens, as far as they are known.
    pub tokens: u64,
    /// Turns whose tokens are not known, or not all of them.
    pub tokens_unknown: u64,
    /// US dollars, as far as they are known.
    pub usd: f64,
    /// Turns whose cost is not known.
    pub usd_unknown: u64,
    /// Turns of which an equal share of their session is known, and not what they used themselves.
    pub shared: u64,
}

impl Sum {
    /// Adds a turn, or what became known of one.
    pub fn add(&mut self, line: &Line) {
        let Usage { input_tokens, output_tokens, cost_usd } = line.usage;
        let own = line.share_of == 0;
        self.turns += u64::from(own);
        self.shared += u64::from(!own);
        self.took_ms += line.took_ms;
        let tokens = line.usage.known_tokens().max(line.seen_tokens);
        self.tokens = self.tokens.saturating_add(tokens);
        let count = |unknown: u64, known: bool| match (own, known) {
            (true, known) => unknown + u64::from(!known),
            (false, known) => unknown.saturating_sub(u64::from(known)),
        };
        let known = input_tokens.is_some() && output_tokens.is_some();
        self.tokens_unknown = count(self.tokens_unknown, known);
        self.usd += cost_usd.unwrap_or(0.0);
        self.usd_unknown = count(self.usd_unknown, cost_usd.is_some());
    }

    /// Money as it is shown: what is unknown is said to be, and is never 0.
    pub fn dollars(&self) -> String {
        match (self.turns, self.usd_unknown) {
            (0, _) => "none".to_owned(),
            (_, 0) => format!("${:.4}", self.usd),
            (turns, unknown) if turns == unknown => "cost unknown".to_owned(),
            (_, unknown) => format!("${:.4} and {} of unknown cost", self.usd, turns(unknown)),
        }
    }

    /// The whole of it in one line.
    pub fn told(&self) -> String {
        let tokens = match (self.turns, self.tokens_unknown) {
            (_, 0) => format!("{} tokens", self.tokens),
            (turns, unknown) if turns == unknown && self.tokens == 0 => "tokens unknown".to_owned(),
            _ => format!("at least {} tokens", self.tokens),
        };
        let took = self.took_ms as f64 / 1000.0;
        let shared = match self.shared {
            0 => String::new(),
            shared => format!(" (of {shared} an equal share of their session)"),
        };
        format!("{}, {tokens}, {took:.1} s in {}{shared}", self.dollars(), turns(self.turns))
    }
}

fn turns(count: u64) -> String {
    if count == 1 { "1 turn".to_owned() } else { format!("{count} turns") }
}

/// The ledger of one floor.
#[derive(Debug, Clone)]
pub struct Ledger {
    folder: PathBuf,
}

impl Ledger {
    /// That of this floor.
    pub fn of(floor: &Floor) -> Self {
        Self { folder: floor.root().join("spent") }
    }

    fn day(&self, at: u64) -> PathBuf {
        let second = i64::try_from(at).unwrap_or(i64::MAX);
        let day = jiff::Timestamp::from_second(second).map(|at| at.strftime("%F").to_string());
        self.folder.join(format!("{}.jsonl", day.unwrap_or_else(|_| "unknown".to_owned())))
    }

    /// Writes a turn down, with the order in `folder` and on the floor. One that can't be written is an error, and is
    /// missing in the sums.
    pub fn add(&self, line: &Line, folder: &Path) -> Result<()> {
        let text = format!("{}\n", serde_json::to_string(line).unwrap_or_default());
        append(&self.day(line.at), &text)?;
        // An order that was removed meanwhile is not made again.
        if folder.is_dir() { append(&folder.join(COST), &text) } else { Ok(()) }
    }

    /// What was used on the day of `now` (UTC), by stage.
    pub fn today(&self, now: u64) -> Result<BTreeMap<String, Sum>> {
        by_stage(&self.day(now))
    }

    /// When the day of `now` is over, unix seconds.
    pub fn day_ends(now: u64) -> u64 {
        (now / DAY_SECS + 1) * DAY_SECS
    }
}

/// What the order in `folder` has used, by stage.
pub fn of_order(folder: &Path) -> Result<BTreeMap<String, Sum>> {
    by_stage(&folder.join(COST))
}

/// The sums of one file. One that is not there has nothing in it; one that can't be read is no reason to go on spending.
fn by_stage(path: &Path) -> Result<BTreeMap<String, Sum>> {
    let mut stages: BTreeMap<String, Sum> = BTreeMap::new();
    let each = |line: Line| stages.entry(line.stage.clone()).or_default().add(&line);
    match read(path, each) {
        Ok(()) => Ok(stages),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(stages),
        Err(error) => Err(Error::io("read", path, error)),
    }
}

/// The whole of several stages.
pub fn together(stages: &BTreeMap<String, Sum>) -> Sum {
    let mut all = Sum::default();
    for sum in stages.values() {
        let Sum { turns, took_ms, tokens, tokens_unknown, usd, usd_unknown, shared } = *sum;
        all.turns += turns;
        all.took_ms += took_ms;
        all.tokens = all.tokens.saturating_add(tokens);
        all.tokens_unknown += tokens_unknown;
        all.usd += usd;
        all.usd_unknown += usd_unknown;
        all.shared += shared;
    }
    all
}

fn append(path: &Path, text: &str) -> Result<()> {
    let write = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = File::options().read(true).append(true).create(true).open(path)?;
        let length = file.metadata()?.len();
        let mut last = [b'\n'];
        if length > 0 {
            file.read_exact_at(&mut last, length - 1)?;
        }
        // One write: several workers append to one file. A line that was cut short must not take this one with it.
        match last {
            [b'\n'] => file.write_all(text.as_bytes()),
            _ => file.write_all(format!("\n{text}").as_bytes()),
        }
    };
    write().map_err(|error| Error::io("write", path, error))
}

/// Reads line by line; one that is none (half of one, after a crash) is passed over.
fn read(path: &Path, mut each: impl FnMut(Line)) -> std::io::Result<()> {
    for line in BufReader::new(File::open(path)?).split(b'\n') {
        if let Ok(line) = serde_json::from_slice(&line?) {
            each(line);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(stage: &str, tokens: Option<u64>, cost_usd: Option<f64>) -> Line {
        Line {
            at: 1_800_000_000,
            order: OrderId::parse("a").unwrap(),
            stage: stage.to_owned(),
            session: "s".to_owned(),
            agent: "sim".to_owned(),
            account: "sim".to_owned(),
            simulated: true,
            took_ms: 1500,
            usage: Usage { input_tokens: tokens, output_tokens: tokens, cost_usd },
            seen_tokens: 7,
            share_of: 0,
        }
    }

    #[test]
    fn what_is_unknown_is_said_to_be_and_is_never_zero() {
        let sum = |lines: &[Line]| {
            let mut sum = Sum::default();
            lines.iter().for_each(|line| sum.add(line));
            sum.told()
        };
        let (known, unknown) = (line("spec", Some(100), Some(0.5)), line("spec", None, None));
        assert_eq!(sum(std::slice::from_ref(&known)), "$0.5000, 200 tokens, 1.5 s in 1 turn");
        let told = "cost unknown, at least 7 tokens, 1.5 s in 1 turn";
        assert_eq!(sum(std::slice::from_ref(&unknown)), told);
        assert_eq!(
            sum(&[known, unknown.clone()]),
            "$0.5000 and 1 turn of unknown cost, at least 207 tokens, 3.0 s in 2 turns"
        );
        let told = "cost unknown, tokens unknown, 1.5 s in 1 turn";
        assert_eq!(sum(&[Line { seen_tokens: 0, ..unknown }]), told);
    }

    #[test]
    fn a_share_of_a_session_makes_known_what_was_not_and_is_no_turn() {
        let turn = Line { seen_tokens: 0, ..line("spec", None, None) };
        let share = |usage, seen_tokens| {
            let mut sum = Sum::default();
            let known = Line { usage, seen_tokens, share_of: 3, took_ms: 0, ..turn.clone() };
            [&turn, &known].into_iter().for_each(|line| sum.add(line));
            sum.told()
        };
        let session =
            Usage { input_tokens: Some(400), output_tokens: Some(4), cost_usd: Some(0.3) };
        let shares: Vec<Usage> = session.shares(3).collect();
        assert_eq!(
            shares.iter().map(|share| share.input_tokens.unwrap()).collect::<Vec<_>>(),
            [134, 133, 133]
        );
        assert_eq!(shares.iter().map(|share| share.output_tokens.unwrap()).sum::<u64>(), 4);
        let told = "$0.1000, 136 tokens, 1.5 s in 1 turn (of 1 an equal share of their session)";
        assert_eq!(share(shares[0], 0), told);
        let tokens_only = Usage { cost_usd: None, ..shares[0] };
        let told =
            "cost unknown, 136 tokens, 1.5 s in 1 turn (of 1 an equal share of their session)";
        assert_eq!(share(tokens_only, 0), told);
        let told = "cost unknown, at least 136 tokens, 1.5 s in 1 turn (of 1 an equal share of their session)";
        assert_eq!(share(Usage::default(), 136), told);
        assert_eq!(Usage::default().shares(2).collect::<Vec<_>>(), [Usage::default(); 2]);
    }

    #[test]
    fn a_turn_stands_with_its_order_and_on_its_day() {
        let line = |stage: &str, tokens, cost| Line { seen_tokens: 0, ..line(stage, tokens, cost) };
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::of(&Floor::of_queue(folder.path()));
        let order = folder.path().join("a");
        std::fs::create_dir(&order).unwrap();
        ledger.add(&line("spec", Some(1), Some(0.5)), &order).unwrap();
        ledger.add(&line("test", Some(2), Some(0.25)), &order).unwrap();
        ledger.add(&line("test", Some(2), Some(0.25)), &folder.path().join("gone")).unwrap();
        // A full disk cut a line short; the next one stands all the same.
        append(&order.join(COST), "{\"at\":1,\"or").unwrap();
        ledger.add(&line("test", Some(3), Some(0.0)), &order).unwrap();
        let own = of_order(&order).unwrap();
        assert_eq!((own["spec"].tokens, own["test"].tokens), (2, 10));
        assert_eq!(together(&own).usd, 0.75);
        let day = ledger.today(1_800_000_000 + 60).unwrap();
        assert_eq!((day["test"].turns, together(&day).usd), (3, 1.0));
        assert!(ledger.today(1_800_000_000 + DAY_SECS).unwrap().is_empty());
        assert!(!folder.path().join("gone").exists());
        // What can't be read is not nothing.
        std::fs::create_dir_all(folder.path().join("b").join(COST)).unwrap();
        assert!(of_order(&folder.path().join("b")).is_err());
        assert_eq!(Ledger::day_ends(1_800_000_000) % DAY_SECS, 0);
    }
}
