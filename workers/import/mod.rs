//! Work that people have written down elsewhere: text in, wished orders out, and every line that could not be used.
//!
//! Readers are pure: they are given a text and the name of its file. One file per shape: [`markdown`] plans of phases and
//! checkboxes, [`work_item`] files with front matter, [`github`] issues, [`jsonl`], and a [`roadmap`]'s bullet list.
//! [`resolve`] then turns the wishes of all files into orders, or says why none of them can be.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::order::{Priority, Request};
use crate::state::State;

// What every shape is read with.
mod lines;
mod blocks;
mod spans;
mod words;
mod yaml;
mod scale;

// What stands in a plan.
mod number;
mod mark;
mod heading;
mod depends;
mod note;
mod groups;
mod task;

// What stands in an issue.
mod phrases;

// The shapes.
pub mod markdown;
pub mod work_item;
pub mod github;
pub mod jsonl;
pub mod roadmap;

// From wishes to orders.
mod naming;
mod resolve;

pub use groups::Group;
pub use lines::{Lines, Spot};
pub use resolve::{Fault, Known, Plan, Present, Standing, resolve};

/// The most bytes of one order's text; the rest is cut off, with a remark. It becomes part of a prompt.
pub const BODY_LIMIT_BYTES: usize = 256 * 1024;

/// The most characters of a title.
pub const TITLE_LIMIT: usize = 200;

/// One file, as a reader is given it.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its name as a person would type it, for messages.
    pub file: &'a str,
    /// Its name from wherever a person stands: the `source` of its orders. The phases and groups of one source belong together.
    pub origin: &'a str,
    /// A short name for what is in it: the beginning of ids. Two files with one key are one plan.
    pub key: &'a str,
    /// What stands in it.
    pub text: &'a str,
}

/// What a reader made of one file.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// The file's name, as it was given.
    pub file: String,
    /// Its name from wherever a person stands.
    pub origin: String,
    /// What is wished for, in the order of the file; what is done already too.
    pub wishes: Vec<Wish>,
    /// Lines that look like part of the work and could not be used.
    pub unusable: Vec<Told>,
    /// Checkboxes that are no orders by their place: checks of a phase, criteria of the whole.
    pub set_aside: Vec<Told>,
    /// What was used, and is worth a word.
    pub remarks: Vec<Told>,
    /// The groups that run one after the other.
    pub groups: Vec<Group>,
    /// What was counted.
    pub totals: Totals,
}

/// Something to tell about one place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Where.
    #[serde(flatten)]
    pub spot: Spot,
    /// What about it, one sentence.
    pub why: String,
    /// What stands there, one line.
    pub text: String,
}

/// What was counted in one file, or in all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Phases that have a heading of their own.
    pub phases: usize,
    /// Phases that may run side by side.
    pub parallel_phases: usize,
    /// Tasks, items or issues: whatever can become one order. Those that are done or skipped count too.
    pub tasks: usize,
    /// Tasks that are done.
    pub done: usize,
    /// Tasks that are skipped.
    pub skipped: usize,
    /// Tasks that somebody has begun.
    pub in_progress: usize,
    /// Tasks that failed before.
    pub failed: usize,
    /// Needs that were read: pairs of a task and one it needs.
    pub needs: usize,
    /// Groups that run one after the other.
    pub groups: usize,
    /// Checkboxes within a task; they are part of its text.
    pub nested: usize,
    /// Checkboxes that are no orders by their place.
    pub set_aside: usize,
    /// Lines that could not be used.
    pub unusable: usize,
}

impl Totals {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            phases: self.phases + other.phases,
            parallel_phases: self.parallel_phases + other.parallel_phases,
            tasks: self.tasks + other.tasks,
            done: self.done + other.done,
            skipped: self.skipped + other.skipped,
            in_progress: self.in_progress + other.in_progress,
            failed: self.failed + other.failed,
            needs: self.needs + other.needs,
            groups: self.groups + other.groups,
            nested: self.nested + other.nested,
            set_aside: self.set_aside + other.set_aside,
            unusable: self.unusable + other.unusable,
        }
    }
}

/// How far somebody else's record says that a task has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mark {
    /// Nobody has begun.
    #[default]
    Open,
    /// Somebody has begun; it is an order like an open one.
    InProgress,
    /// It is done: no order, and what needs it has what it needs.
    Done,
    /// It will not be done: no order, and nothing waits for it.
    Skipped,
    /// It was tried and failed; it is an order like an open one.
    Failed,
}

impl Mark {
    /// True when no order is made of it.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Skipped)
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::InProgress => "in progress",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// One thing somebody wishes for: an order to be.
#[derive(Debug, Clone)]
pub struct Wish {
    /// What it is called where it comes from: the same text at every import.
    pub external_id: String,
    /// The beginning of its order's id, before the title.
    pub stem: String,
    /// The order's id, where the source says it.
    pub own_id: Option<String>,
    /// Other names that needs may use for it.
    pub aliases: BTreeSet<String>,
    /// Where it stands.
    pub spot: Spot,
    /// How far it has come.
    pub mark: Mark,
    /// One line that names it.
    pub title: String,
    /// The rest.
    pub body: String,
    /// How soon.
    pub priority: Priority,
    /// How much of a batch it takes.
    pub weight: u32,
    /// Words of the user's own.
    pub labels: Vec<String>,
    /// Files it says it will touch.
    pub files: Vec<String>,
    /// What it needs.
    pub needs: Vec<Wanted>,
    /// What it says needs it. Names that are not imported with it mean nothing.
    pub blocks: Vec<Wanted>,
    /// More fields of its order.json: `phase`, `group` and so on.
    pub more: Map<String, Value>,
}

/// A need as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The other one, as it is called there.
    pub name: String,
    /// How far it must have come; `None` is to its end.
    pub reached: Option<State>,
    /// Where this is written.
    pub spot: Spot,
    /// False when an unknown name means that the words were no need at all.
    pub firm: bool,
}

impl Wish {
    /// A wish of which only the title is known.
    pub fn titled(external_id: &str, stem: &str, title: &str, spot: Spot) -> Self {
        Self {
            external_id: external_id.to_owned(),
            stem: stem.to_owned(),
            own_id: None,
            aliases: BTreeSet::new(),
            spot,
            mark: Mark::Open,
            title: title.to_owned(),
            body: String::new(),
            priority: Priority::default(),
            weight: 1,
            labels: Vec::new(),
            files: Vec::new(),
            needs: Vec::new(),
            blocks: Vec::new(),
            more: Map::new(),
        }
    }

    /// The request it becomes, without its needs. An error names a field that has not the form it must have.
    fn request(&self, origin: &str) -> Result<Request, String> {
        let mut request = Request::titled(self.title.clone());
        request.body.clone_from(&self.body);
        request.priority = self.priority;
        request.weight = self.weight;
        request.labels.clone_from(&self.labels);
        request.files.clone_from(&self.files);
        request.source = Some(origin.to_owned());
        let mut value = serde_json::to_value(&request).map_err(|error| error.to_string())?;
        if let Value::Object(fields) = &mut value {
            for (name, more) in &self.more {
                fields.entry(name.clone()).or_insert_with(|| more.clone());
            }
            fields.insert("external_id".to_owned(), self.external_id.clone().into());
            if matches!(self.mark, Mark::InProgress | Mark::Failed) {
                fields.insert("was".to_owned(), self.mark.word().into());
            }
        }
        serde_json::from_value(value).map_err(|error| error.to_string())
    }
}

impl Reading {
    /// A reading of `source` in which nothing stands yet.
    fn of(source: &Source<'_>) -> Self {
        let (file, origin) = (source.file.to_owned(), source.origin.to_owned());
        Self { file, origin, ..Self::default() }
    }

    /// Takes a wish in, and cuts what is too long of it.
    fn take(&mut self, mut wish: Wish) {
        if let Some(body) = words::cut_body(&wish.body) {
            let why = format!(
                "its text has more than {} KiB; the rest was cut off",
                BODY_LIMIT_BYTES / 1024
            );
            self.remarks.push(Told { spot: wish.spot.clone(), why, text: wish.title.clone() });
            wish.body = body;
        }
        if let Some(title) = words::cut_title(&wish.title) {
            wish.body = match wish.body.is_empty() {
                true => wish.title,
                false => format!("{}\n\n{}", wish.title, wish.body),
            };
            wish.title = title;
        }
        self.wishes.push(wish);
    }

    /// Counts what stands in it.
    fn count(&mut self) {
        let marked = |mark: Mark| self.wishes.iter().filter(|wish| wish.mark == mark).count();
        self.totals.tasks = self.wishes.len();
        self.totals.done = marked(Mark::Done);
        self.totals.skipped = marked(Mark::Skipped);
        self.totals.in_progress = marked(Mark::InProgress);
        self.totals.failed = marked(Mark::Failed);
        self.totals.needs = self.wishes.iter().map(|wish| wish.needs.len()).sum();
        self.totals.set_aside = self.set_aside.len();
        self.totals.unusable = self.unusable.len();
    }
}
