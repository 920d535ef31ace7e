//! Plans in markdown: phases as headings, tasks as checkboxes, what stands under a task as its body.

use std::collections::BTreeMap;

use super::blocks::{Block, Item, blocks};
use super::depends::{Clause, Target};
use super::groups::{Group, merged};
use super::heading::{self, PhaseHeading};
use super::mark;
use super::note::{self, Subject, Tag};
use super::number::{Named, Number};
use super::spans::prose;
use super::{Lines, Mark, Reading, Source, Spot, Told, Wanted, Wish, depends, task, words};

/// Reads a plan.
pub fn read(source: &Source<'_>) -> Reading {
    let blocks = blocks(source.text);
    let mut reader = Reader::new(source, &blocks);
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
    fn new(source: &'a Source<'a>, blocks: &[Block]) -> Self {
        let text = source.text;
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
            lines: Lines::new(source.file, text),
            reading: Reading::of(source.file),
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

    fn told(&self, at: usize, why: impl Into<String>) -> Told {
        Told { spot: self.lines.spot(at), why: why.into(), text: words::shown(self.lines.line(at)) }
    }

    fn block(&mut self, at: usize, block: &Block) {
        match block {
            Block::Heading { level, range } => {
                self.heading(*level, range.start, &self.source.text[range.clone()]);
            }
            Block::Text { range } => self.paragraph(range.start, &self.source.text[range.clone()]),
            Block::Item(item) => self.item(at, item),
            Block::Table { range } => {
                let has_boxes = self.source.text[range.clone()].contains("[ ]");
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
        let spot = self.lines.spot(at);
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
        let (here, spot) = (self.here.map(|(phase, _)| phase), self.lines.spot(at));
        self.notes.extend(orders.into_iter().map(|order| (order, here, spot.clone())));
    }

    fn item(&mut self, at: usize, item: &Item) {
        let task = item.parent.and_then(|parent| self.within.get(parent).copied().flatten());
        self.within[at] = task;
        let head = self.source.text[item.head.clone()].trim_end();
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
        let spot = self.lines.spot(item.range.start);
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
        wish.body = words::dedent(&self.source.text[item.head.end..item.range.end]);
        if self.checks {
            wish.labels.push("verify".to_owned());
        }
        if let Some(plan) = &self.plan {
            wish.more.insert("plan".to_owned(), plan.clone().into());
        }
        let at = self.tasks.len();
        let clauses = read.clauses.into_iter().map(|clause| {
            let spot = self.lines.spot(rest_at + clause.range.start);
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
        let spot = self.lines.spot(at);
        match depends::in_bullet(said) {
            Some(clause) => self.tasks[task].clauses.push((clause, spot)),
            None => {
                for clause in depends::in_brackets(said) {
                    let spot = self.lines.spot(at + clause.range.start);
                    self.tasks[task].clauses.push((clause, spot));
                }
            }
        }
        self.reading.wishes[task].files.extend(task::declared_files(said));
    }

    fn close(mut self) -> Reading {
        let headings = std::mem::take(&mut self.task_headings);
        let has_tasks = |number: &Number| {
            self.numbers.range(number..).next().is_some_and(|(known, _)| known.is_within(number))
        };
        let lost = headings.into_iter().filter(|(number, _)| !has_tasks(number));
        let lost: Vec<Told> = lost.map(|(_, told)| told).collect();
        self.reading.unusable.extend(lost);
        let groups = self.follow_notes();
        self.number_phases();
        self.group(&groups);
        for at in 0..self.tasks.len() {
            self.needs_of(at);
        }
        self.reading.totals.phases = self.phases.len();
        self.reading.totals.parallel_phases =
            self.phases.iter().filter(|phase| phase.parallel).count();
        self.reading.totals.groups = groups.len();
        self.reading.groups = groups;
        self.reading.count();
        self.reading
    }

    /// What the execution notes say: phases side by side, and the groups.
    fn follow_notes(&mut self) -> Vec<Group> {
        let mut groups = Vec::new();
        for (order, here, spot) in std::mem::take(&mut self.notes) {
            let phases: Option<Vec<usize>> = match (&order.of, here) {
                (Subject::Phases(named), _) => {
                    let named = |label: &str| {
                        Number::parse(label)
                            .is_some_and(|number| named.iter().any(|named| named.names(&number)))
                    };
                    let found = self
                        .phases
                        .iter()
                        .enumerate()
                        .filter(|(_, phase)| named(&phase.heading.label));
                    Some(found.map(|(at, _)| at).collect())
                }
                (Subject::Here, Some(here)) => Some(vec![here]),
                (Subject::Here, None) => Some(Vec::new()),
                (Subject::Tasks(_), _) => None,
            };
            let members: Vec<usize> = match (&phases, &order.of) {
                (Some(phases), _) => self.tasks_of(phases),
                (None, Subject::Tasks(named)) => {
                    named.iter().flat_map(|named| self.tasks_named(named)).collect()
                }
                (None, _) => Vec::new(),
            };
            match (order.tag, &phases) {
                _ if members.is_empty() && phases.as_ref().is_none_or(Vec::is_empty) => {
                    let why =
                        "an execution note that names no task and no phase of this plan".to_owned();
                    self.reading.unusable.push(Told {
                        text: words::shown(&order.reason),
                        spot,
                        why,
                    });
                }
                (Tag::Parallel, Some(phases)) => {
                    for phase in phases {
                        self.phases[*phase].parallel = true;
                    }
                }
                // Tasks side by side are nothing new.
                (Tag::Parallel, None) => {}
                (Tag::Sequential, _) => {
                    let name = subject_name(
                        &order.of,
                        here.map(|at| self.phases[at].heading.label.as_str()),
                    );
                    let mut members = members;
                    members.sort_unstable();
                    members.dedup();
                    groups.push(Group { name, reason: order.reason, members });
                }
            }
        }
        groups.retain(|group| group.members.len() > 1);
        merged(groups)
    }

    /// The tasks that these numbers name.
    fn tasks_named(&self, named: &Named) -> Vec<usize> {
        let mut tasks: Vec<usize> = match named {
            Named::One(number) => self.numbers.get(number).copied().into_iter().collect(),
            Named::Range(first, _) => {
                let after = self.numbers.range(first..);
                after.take_while(|(number, _)| named.names(number)).map(|(_, task)| *task).collect()
            }
        };
        tasks.sort_unstable();
        tasks.dedup();
        tasks
    }

    fn tasks_of(&self, phases: &[usize]) -> Vec<usize> {
        let found = self.tasks.iter().enumerate();
        found
            .filter(|(_, task)| task.phase.is_some_and(|phase| phases.contains(&phase)))
            .map(|(at, _)| at)
            .collect()
    }

    /// The phases as whole numbers. Their own, where they are whole numbers; else their places.
    fn number_phases(&mut self) {
        let own: Option<Vec<u32>> =
            self.phases.iter().map(|phase| phase.heading.label.parse().ok()).collect();
        let numbers = match own {
            Some(own) => own,
            None => {
                for (at, phase) in self.phases.iter().enumerate() {
                    let why =
                        format!("phase {} is counted as phase {}", phase.heading.label, at + 1);
                    let text = words::shown(&phase.heading.title);
                    self.reading.remarks.push(Told { spot: phase.spot.clone(), why, text });
                }
                (1..=self.phases.len() as u32).collect()
            }
        };
        for (task, wish) in self.tasks.iter().zip(&mut self.reading.wishes) {
            let phase = task.phase.map(|at| (numbers[at], &self.phases[at]));
            let by_number =
                task.number.as_ref().filter(|number| number.depth() > 1).map(Number::first);
            let number =
                phase.map(|(number, _)| number).or(by_number.filter(|_| self.phases.is_empty()));
            if let Some(number) = number {
                wish.more.insert("phase".to_owned(), number.into());
            }
            if let Some((_, phase)) = phase {
                if !phase.heading.title.is_empty() {
                    wish.more.insert("phase_title".to_owned(), phase.heading.title.clone().into());
                }
                if phase.parallel {
                    wish.more.insert("phase_parallel".to_owned(), true.into());
                }
            }
        }
    }

    fn group(&mut self, groups: &[Group]) {
        for group in groups {
            let name = format!("{} {}", self.source.key, group.name);
            for (nth, member) in group.members.iter().enumerate() {
                let more = &mut self.reading.wishes[*member].more;
                more.insert("group".to_owned(), name.clone().into());
                more.insert("sequence".to_owned(), (nth + 1).into());
                if !group.reason.is_empty() {
                    more.insert("group_reason".to_owned(), group.reason.clone().into());
                }
            }
        }
    }

    fn needs_of(&mut self, at: usize) {
        for (clause, spot) in std::mem::take(&mut self.tasks[at].clauses) {
            if let Some(unread) = clause.unread {
                let why =
                    format!("what it depends on could not be read: {}", words::shown(&unread));
                let text = words::shown(&self.reading.wishes[at].title);
                self.reading.unusable.push(Told { spot: spot.clone(), why, text });
            }
            for target in clause.targets {
                for name in self.names_of(at, target) {
                    let wanted = Wanted { name, reached: None, spot: spot.clone(), firm: true };
                    let needs = &mut self.reading.wishes[at].needs;
                    if !needs.iter().any(|known| known.name == wanted.name) {
                        needs.push(wanted);
                    }
                }
            }
        }
    }

    /// The external ids that a target stands for. A number that no task has is kept, and found out when needs are resolved.
    fn names_of(&self, at: usize, target: Target) -> Vec<String> {
        let id = |task: usize| self.reading.wishes[task].external_id.clone();
        match target {
            Target::Other(name) => vec![name],
            Target::Tasks(named) => {
                let mut names: Vec<String> = self.tasks_named(&named).into_iter().map(id).collect();
                if names.is_empty() {
                    names.push(format!("{}#{named}", self.source.key));
                }
                names
            }
            Target::Phases(named) => {
                let phases = self.phases.iter().enumerate().filter(|(_, phase)| {
                    Number::parse(&phase.heading.label).is_some_and(|number| named.names(&number))
                });
                let phases: Vec<usize> = phases.map(|(at, _)| at).collect();
                let tasks = self.tasks_of(&phases).into_iter().filter(|task| *task != at);
                let names: Vec<String> = tasks.map(id).collect();
                if names.is_empty() {
                    vec![format!("{}#phase {named}", self.source.key)]
                } else {
                    names
                }
            }
        }
    }
}

/// A heading, or a line that stands for one, that begins a phase. A sentence that begins with the word does not.
fn phase_heading(text: &str) -> Option<PhaseHeading> {
    let line = text.trim();
    let heading = line.starts_with('#');
    let bold = line.starts_with("**") && line.ends_with("**") && !line.contains('\n');
    let underlined = line
        .lines()
        .nth(1)
        .is_some_and(|under| !under.is_empty() && under.trim().trim_matches(['=', '-']).is_empty());
    let first = line.lines().next().unwrap_or_default();
    (heading || bold || underlined).then(|| heading::phase(first)).flatten()
}

/// How a group is called.
fn subject_name(of: &Subject, here: Option<&str>) -> String {
    let all = |named: &[Named]| named.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    match of {
        Subject::Tasks(tasks) => all(tasks),
        Subject::Phases(phases) => format!("phase {}", all(phases)),
        Subject::Here => format!("phase {}", here.unwrap_or("?")),
    }
}

/// A paragraph cut where a line begins with a bold label, or with a note.
fn parts(text: &str) -> Vec<(usize, &str)> {
    let mut starts = vec![0];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = line.trim_start();
        if at > 0
            && (start.starts_with("**") || start.starts_with("__") || note::begins(start).is_some())
        {
            starts.push(at);
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| (*start, &text[*start..end])).collect()
}

/// The bold words that a part begins with.
fn label(part: &str) -> Option<&str> {
    let plain = prose(part);
    let start = plain.trim_start();
    let at = plain.len() - start.len();
    let inside = start.strip_prefix("**").or_else(|| start.strip_prefix("__"))?;
    let end = inside.find("**").or_else(|| inside.find("__"))?;
    Some(&part[at + 2..at + 2 + end])
}
