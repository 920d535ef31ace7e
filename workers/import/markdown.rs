//! Plans in markdown: phases as headings, tasks as checkboxes, what stands under a task as its body.

mod closing;
mod loose;
mod paragraph;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::blocks::{Block, Item, blocks};
use super::depends::Clause;
use super::heading::{self, PhaseHeading};
use super::mark;
use super::note::{self, Subject, Tag};
use super::number::Number;
use super::{Lines, Mark, Reading, Source, Spot, Told, Wish, depends, task, words};
use loose::Loose;
use paragraph::{label, parts, phase_heading};

/// Reads a plan.
pub fn read(source: &Source<'_>) -> Reading {
    let loose = Loose::of(source.text);
    let blocks = blocks(&loose.text);
    let mut reader = Reader::new(source, &loose, &blocks);
    for (at, block) in blocks.iter().enumerate() {
        reader.block(at, block);
    }
    reader.close()
}

/// A phase of the plan.
#[derive(Debug)]
struct Phase {
    heading: PhaseHeading,
    spot: Spot,
    parallel: bool,
}

/// A task that was read, before what it needs is known.
#[derive(Debug)]
struct Task {
    number: Option<Number>,
    phase: Option<usize>,
    clauses: Vec<(Clause, Spot)>,
}

struct Reader<'a> {
    source: &'a Source<'a>,
    /// What is read: the source, with its labels on paragraphs of their own.
    loose: &'a Loose,
    lines: Lines<'a>,
    reading: Reading,
    plan: Option<String>,
    phases: Vec<Phase>,
    /// Whether the plan has phases, and whether its tasks have numbers.
    shape: (bool, bool),
    /// Where we are: the phase and its heading's level.
    here: Option<(usize, u8)>,
    /// Unnumbered checkboxes here are checks.
    checks: bool,
    /// A note whose bullets follow.
    note_open: bool,
    /// One for each wish.
    tasks: Vec<Task>,
    /// By block: the task that an item is, or is within.
    within: Vec<Option<usize>>,
    /// Which number is which task; nested ones belong to the task they are in.
    numbers: BTreeMap<Number, usize>,
    /// Names of tasks without a number, and how often each was given.
    names: BTreeMap<String, usize>,
    notes: Vec<(note::Order, Option<usize>, Spot)>,
    /// Headings that look like tasks.
    task_headings: Vec<(Number, Told)>,
}

impl<'a> Reader<'a> {
    fn new(source: &'a Source<'a>, loose: &'a Loose, blocks: &[Block]) -> Self {
        let text = loose.text.as_str();
        let has_phases = blocks.iter().any(|block| match block {
            Block::Heading { range, .. } | Block::Text { range } => {
                phase_heading(&text[range.clone()]).is_some()
            }
            Block::Item(_) | Block::Table { .. } => false,
        });
        let numbered = blocks.iter().any(|block| {
            let Block::Item(item) = block else { return false };
            let found = mark::checkbox(text[item.head.clone()].trim_end());
            found.is_some_and(|found| task::words(found.rest).number.is_some())
        });
        Self {
            source,
            loose,
            lines: Lines::new(source.file, source.text),
            reading: Reading::of(source),
            plan: None,
            phases: Vec::new(),
            shape: (has_phases, numbered),
            here: None,
            checks: false,
            note_open: false,
            tasks: Vec::new(),
            within: vec![None; blocks.len()],
            numbers: BTreeMap::new(),
            names: BTreeMap::new(),
            notes: Vec::new(),
            task_headings: Vec::new(),
        }
    }

    fn spot(&self, at: usize) -> Spot {
        self.lines.spot(self.loose.original(at))
    }

    fn told(&self, at: usize, why: impl Into<String>) -> Told {
        Told {
            spot: self.spot(at),
            why: why.into(),
            text: words::shown(self.lines.line(self.loose.original(at))),
        }
    }

    fn block(&mut self, at: usize, block: &Block) {
        match block {
            Block::Heading { level, range } => {
                self.heading(*level, range.start, &self.loose.text[range.clone()]);
            }
            Block::Text { range } => self.paragraph(range.start, &self.loose.text[range.clone()]),
            Block::Item(item) => self.item(at, item),
            Block::Table { range } => {
                let has_boxes = self.loose.text[range.clone()].contains("[ ]");
                if has_boxes {
                    let told = self.told(
                        range.start,
                        "checkboxes in a table are not read; write them as a list",
                    );
                    self.reading.unusable.push(told);
                }
            }
        }
    }

    fn heading(&mut self, level: u8, at: usize, text: &str) {
        self.note_open = false;
        if level == 1 && self.plan.is_none() {
            self.plan = Some(words::title(text.trim_matches(['#', ' ', '\n', '\r'])));
        }
        if let Some(found) = phase_heading(text) {
            return self.phase(found, level, at);
        }
        if self.here.is_some_and(|(_, own)| level <= own) {
            self.here = None;
        }
        self.checks = heading::begins_checks(text);
        let line = words::one_line(text);
        let line = line.trim_start_matches(['#', ' ']);
        if line.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("task "))
            && let Some((number, _)) = task::numbered(line)
        {
            let why =
                "a task as a heading is not read; write it as a checkbox: - [ ] 1.1 what is wanted";
            let told = self.told(at, why);
            self.task_headings.push((number, told));
        }
    }

    fn phase(&mut self, found: PhaseHeading, level: u8, at: usize) {
        self.checks = false;
        let known = self.phases.iter().position(|phase| phase.heading.label == found.label);
        let phase = known.unwrap_or(self.phases.len());
        let spot = self.spot(at);
        if found.sequential {
            let order = note::Order {
                tag: Tag::Sequential,
                of: Subject::Here,
                reason: "the phase's heading says so".to_owned(),
            };
            self.notes.push((order, Some(phase), spot.clone()));
        }
        match self.phases.get_mut(phase) {
            Some(phase) => phase.parallel |= found.parallel,
            None => self.phases.push(Phase { parallel: found.parallel, heading: found, spot }),
        }
        self.here = Some((phase, level));
    }

    /// A paragraph is read by its labelled parts: `**Objective:** ...`, `**Execution Note:** ...`, `**VERIFY:**`.
    fn paragraph(&mut self, start: usize, text: &str) {
        if let Some(found) = phase_heading(text) {
            // Bold words on a line of their own, or hashes without a blank after them, in the place of a heading.
            let level = text.chars().take_while(|c| *c == '#').count().min(6) as u8;
            return self.phase(found, if level == 0 { 7 } else { level }, start);
        }
        self.note_open = false;
        for (at, part) in parts(text) {
            let at = start + at;
            if let Some(said) = note::begins(part) {
                self.note(said, at);
                self.note_open = said.trim().is_empty();
            } else if let Some(label) = label(part) {
                self.checks = heading::begins_checks(label);
            }
            self.broken_boxes(at, part);
        }
    }

    /// Lines that were meant as checkboxes and are none: no blank after the bullet, or no bullet.
    fn broken_boxes(&mut self, start: usize, part: &str) {
        let mut at = start;
        for line in part.split_inclusive('\n') {
            let bare = line.trim_start().trim_start_matches(['-', '*', '+']);
            if ["[ ]", "[x]", "[X]"].iter().any(|mark| bare.starts_with(mark)) {
                let why = "this is no list item, so its checkbox is not read; write: - [ ] what is wanted";
                let told = self.told(at + (line.len() - line.trim_start().len()), why);
                self.reading.unusable.push(told);
            }
            at += line.len();
        }
    }

    fn note(&mut self, said: &str, at: usize) {
        let orders = note::orders(said);
        if orders.is_empty() && !said.trim().is_empty() {
            let why = "an execution note without [SEQUENTIAL] or [PARALLEL] is not read";
            let told = self.told(at, why);
            self.reading.unusable.push(told);
        }
        let (here, spot) = (self.here.map(|(phase, _)| phase), self.spot(at));
        self.notes.extend(orders.into_iter().map(|order| (order, here, spot.clone())));
    }

    fn item(&mut self, at: usize, item: &Item) {
        let task = item.parent.and_then(|parent| self.within.get(parent).copied().flatten());
        self.within[at] = task;
        let head = self.loose.text[item.head.clone()].trim_end();
        let found = mark::checkbox(head);
        if let Some(task) = task {
            return self.nested(task, item, head);
        }
        if let Some(said) = note::begins(head) {
            return self.note(said, item.head.start);
        }
        let Some(found) = found else {
            if self.note_open {
                self.note(head, item.head.start);
            }
            return;
        };
        self.note_open = false;
        if item.quoted {
            let told = self.told(item.range.start, "it stands in a quotation");
            return self.reading.set_aside.push(told);
        }
        let rest_at = item.head.start + (head.len() - found.rest.len());
        let read = task::words(found.rest);
        if read.title.is_empty() {
            let told = self.told(item.range.start, "a checkbox without words");
            return self.reading.unusable.push(told);
        }
        if let Some(why) = self.no_task(&read) {
            let told = self.told(item.range.start, why);
            return self.reading.set_aside.push(told);
        }
        self.within[at] = Some(self.tasks.len());
        self.task(item, &found, read, rest_at);
    }

    /// Why a checkbox here is no task, if it is none.
    fn no_task(&self, read: &task::Words) -> Option<String> {
        let here_is_work = self.here.is_some() && !self.checks;
        if read.number.is_some() && (read.sure || here_is_work || !self.shape.0) {
            return None;
        }
        let (has_phases, has_numbers) = self.shape;
        let check = self.checks || heading::begins_checks(&read.title);
        match self.here {
            Some((phase, _)) if check => {
                let label = &self.phases[phase].heading.label;
                Some(format!("a check of phase {label} without a number: no order"))
            }
            Some(_) => None,
            None if has_phases => Some("a checkbox outside every phase: no order".to_owned()),
            None if has_numbers => {
                Some("a checkbox without a number among numbered ones: no order".to_owned())
            }
            None if check => Some("a check of the whole plan: no order".to_owned()),
            None => None,
        }
    }

    fn task(&mut self, item: &Item, found: &mark::Checkbox<'_>, read: task::Words, rest_at: usize) {
        let spot = self.spot(item.range.start);
        let key = self.source.key;
        let (name, stem) = match &read.number {
            Some(number) => (number.to_string(), format!("{key}-{number}")),
            None => (self.name_of(&read.title), key.to_owned()),
        };
        let mut wish = Wish::titled(&format!("{key}#{name}"), &stem, &read.title, spot.clone());
        wish.mark = match found.mark {
            _ if read.struck => Mark::Skipped,
            Some(mark) => mark,
            None => {
                let told =
                    self.told(item.range.start, "its mark is not known; it is taken as open");
                self.reading.remarks.push(told);
                Mark::Open
            }
        };
        wish.body = words::dedent(&self.loose.text[item.head.end..item.range.end]);
        if self.checks {
            wish.labels.push("verify".to_owned());
        }
        if let Some(plan) = &self.plan {
            wish.more.insert("plan".to_owned(), plan.clone().into());
        }
        let at = self.tasks.len();
        let clauses = read.clauses.into_iter().map(|clause| {
            let spot = self.spot(rest_at + clause.range.start);
            (clause, spot)
        });
        let clauses = clauses.collect();
        if let Some(number) = &read.number {
            self.numbers.entry(number.clone()).or_insert(at);
        }
        let phase = self.here.map(|(phase, _)| phase);
        self.tasks.push(Task { number: read.number, phase, clauses });
        self.reading.take(wish);
    }

    /// A name for a task without a number: its phase and its words; the second of the same words gets a 2.
    fn name_of(&mut self, title: &str) -> String {
        let phase = self
            .here
            .map(|(phase, _)| format!("{}/", self.phases[phase].heading.label.to_lowercase()));
        let slug = words::slug(title, 60);
        let slug = if slug.is_empty() { "task".to_owned() } else { slug };
        let name = format!("{}{slug}", phase.unwrap_or_default());
        let nth = self.names.entry(name.clone()).or_default();
        *nth += 1;
        if *nth == 1 { name } else { format!("{name}~{nth}") }
    }

    /// A bullet under a task: part of its body, which may say what it needs and which files it touches.
    fn nested(&mut self, task: usize, item: &Item, head: &str) {
        let found = mark::checkbox(head);
        let said = found.as_ref().map_or(head, |found| found.rest);
        let at = item.head.start + (head.len() - said.len());
        if found.is_some() {
            self.reading.totals.nested += 1;
            if let Some((number, _)) = task::numbered(said.trim_start()) {
                self.numbers.entry(number).or_insert(task);
            }
        }
        let spot = self.spot(at);
        match depends::in_bullet(said) {
            Some(clause) => self.tasks[task].clauses.push((clause, spot)),
            None => {
                for clause in depends::in_brackets(said) {
                    let spot = self.spot(at + clause.range.start);
                    self.tasks[task].clauses.push((clause, spot));
                }
            }
        }
        self.reading.wishes[task].files.extend(task::declared_files(said));
    }
}
