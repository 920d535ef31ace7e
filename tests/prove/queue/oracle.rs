//! Whether everything that was told to be done is there: what hands and persons have put down outside the queue, held
//! against the queue's files by somebody who reads them without the queue's code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use shopfloor::queue::Queue;

use super::{gauge, hand, journal, person};

/// What was said of one order.
#[derive(Debug, Default)]
struct Told {
    /// A person was told that it is made.
    created: bool,
    /// A person began to make it.
    wished: bool,
    /// Something was said to be done twice.
    twice: Vec<String>,
    /// Kind, generation and the rest, as a hand put it down.
    done: BTreeSet<(String, u64, String)>,
    /// What a person did last about a hold: begun or done, and which.
    hold: Option<(bool, bool)>,
    archive: Option<bool>,
}

/// The oracle of one queue.
#[derive(Debug)]
pub(super) struct Oracle {
    pub(super) queue: PathBuf,
    pub(super) aside: PathBuf,
    /// From when to when the power was away.
    pub(super) dark: Vec<(u128, u128)>,
}

/// What it found.
#[derive(Debug, Default)]
pub(super) struct Finding {
    /// Orders that were acknowledged.
    pub(super) orders: usize,
    /// Claims, moves and releases that were acknowledged.
    pub(super) done: usize,
    /// What is not as it was promised.
    pub(super) wrong: Vec<String>,
}

impl Oracle {
    /// A fresh queue, and a folder for the notes.
    pub(super) fn set(queue: &Path, aside: &Path) -> Self {
        drop(shopfloor::queue::files::FileQueue::init(queue).unwrap());
        fs::create_dir_all(aside.join("said")).unwrap();
        fs::create_dir_all(aside.join("alone")).unwrap();
        Self { queue: queue.to_owned(), aside: aside.to_owned(), dark: Vec::new() }
    }

    fn told(&self) -> BTreeMap<String, Told> {
        let mut all: BTreeMap<String, Told> = BTreeMap::new();
        let mut persons: Vec<String> = Vec::new();
        for name in gauge::names(&self.aside.join("said")) {
            let text = fs::read_to_string(self.aside.join("said").join(&name)).unwrap();
            // A line without its end was cut short by a kill.
            let whole = text.rfind('\n').map_or(0, |end| end + 1);
            let lines = text[..whole].lines().map(str::to_owned);
            if name.starts_with("person-") {
                persons.extend(lines);
                continue;
            }
            for line in lines.filter(|line| !self.in_the_dark(line)) {
                let words: Vec<&str> = line.split(' ').collect();
                let told = all.entry(words[2].to_owned()).or_default();
                let rest = words[4..].join(" ");
                if !told.done.insert((words[1].to_owned(), words[3].parse().unwrap(), rest)) {
                    told.twice.push(line.clone());
                }
            }
        }
        persons.sort();
        for line in persons {
            let words: Vec<&str> = line.split(' ').collect();
            let told = all.entry(words[2].to_owned()).or_default();
            // What was begun may have been done; what was told to be done in the dark was not told to anybody.
            if ["created", "held", "unheld", "archived"].contains(&words[1])
                && self.in_the_dark(&line)
            {
                continue;
            }
            match words[1] {
                "create" => told.wished = true,
                "created" => told.created = true,
                "hold" => told.hold = Some((false, true)),
                "held" => told.hold = Some((true, true)),
                "unhold" => told.hold = Some((false, false)),
                "unheld" => told.hold = Some((true, false)),
                "archive" => told.archive = Some(false),
                "archived" => told.archive = Some(true),
                other => panic!("{other}"),
            }
        }
        all
    }

    /// How many hands and persons have said something.
    pub(super) fn speakers(&self) -> usize {
        let said = fs::read_dir(self.aside.join("said")).into_iter().flatten().flatten();
        said.filter(|entry| entry.metadata().is_ok_and(|facts| facts.len() > 0)).count()
    }

    /// True for what was said while the power was away.
    fn in_the_dark(&self, line: &str) -> bool {
        let at: u128 = line.split(' ').next().and_then(|at| at.parse().ok()).unwrap();
        self.dark.iter().any(|(from, to)| (*from..=*to).contains(&at))
    }

    /// After a cut a generation that nobody was told of may come again; those that were told are compared by what was said.
    pub(super) fn forget_generations(&self) {
        for name in gauge::names(&self.aside.join("alone")) {
            fs::remove_file(self.aside.join("alone").join(name)).unwrap();
        }
    }

    fn places(&self, id: &str) -> Vec<PathBuf> {
        let archive = self.queue.join(".floor/archive");
        let mut places: Vec<PathBuf> =
            gauge::names(&archive).iter().map(|month| archive.join(month).join(id)).collect();
        places.push(self.queue.join(id));
        places.retain(|place| place.is_dir());
        places
    }

    /// Holds everything against everything. Nobody works any more; `recovered` says that recovery has been run.
    pub(super) fn check(&self, recovered: bool) -> Finding {
        let mut finding = Finding::default();
        let told = self.told();
        for (id, told) in &told {
            finding.orders += usize::from(told.created);
            finding.done += told.done.len();
            self.one(id, told, recovered, &mut finding.wrong);
        }
        let known = |name: &String| told.get(name).is_some_and(|told| told.wished);
        for name in gauge::names(&self.queue) {
            if name != ".floor" && !known(&name) {
                finding.wrong.push(format!("{name} stands in the queue and nobody made it"));
            }
        }
        let own = fs::read_to_string(self.aside.join("violations")).unwrap_or_default();
        let own = own.lines().filter(|line| !self.in_the_dark(line));
        finding.wrong.extend(own.map(str::to_owned));
        // What a hand or a person says when it dies of itself.
        let heard = fs::read_to_string(self.aside.join("heard")).unwrap_or_default();
        let panics = heard.lines().filter(|line| line.contains("panicked at"));
        finding.wrong.extend(panics.map(str::to_owned));
        finding
    }

    fn one(&self, id: &str, told: &Told, recovered: bool, wrong: &mut Vec<String>) {
        let places = self.places(id);
        let place = match &places[..] {
            [place] => place,
            [] if !told.created && told.done.is_empty() => return,
            _ => return wrong.push(format!("{id} is in {} places: {places:?}", places.len())),
        };
        if told.archive == Some(true) && *place == self.queue.join(id) {
            wrong.push(format!("{id} was put away and is back"));
        }
        let (faults, highest) = journal::faults(place);
        wrong.extend(faults.into_iter().map(|fault| format!("{id}: {fault}")));
        let entries = journal::entries(place);
        let there: BTreeSet<(String, u64, String)> = entries.iter().filter_map(in_words).collect();
        wrong.extend(told.twice.iter().map(|what| format!("{id}: said twice: {what}")));
        for (kind, generation, rest) in &told.done {
            if !there.contains(&(kind.clone(), *generation, rest.clone())) {
                wrong
                    .push(format!("{id}: {kind} {generation} {rest} was acknowledged and is gone"));
            }
        }
        let seen = fs::read_to_string(self.aside.join("alone").join(id)).unwrap_or_default();
        if seen.parse().unwrap_or(0) > highest {
            wrong.push(format!(
                "{id}: generation {seen} was given out, the journal ends at {highest}"
            ));
        }
        let hold = fs::read_to_string(place.join(".hold")).ok();
        match (&hold, told.hold) {
            (Some(why), _) if why.trim() != person::WHY => {
                wrong.push(format!("{id} is on hold: {}", why.trim()));
            }
            (found, Some((true, held))) if found.is_some() != held => {
                wrong.push(format!("{id}: a person was told it is held: {held}, and it is not so"));
            }
            _ => {}
        }
        if recovered {
            self.at_rest(id, place, &entries, wrong);
        }
    }

    /// After recovery no claim is open, and `.state` is the word the journal ends with.
    fn at_rest(&self, id: &str, place: &Path, entries: &[Value], wrong: &mut Vec<String>) {
        let last = entries.iter().rev().find_map(|entry| entry["to"].as_str());
        let mut word = fs::read_to_string(place.join(".state")).unwrap_or_default();
        if entries.is_empty() && word.is_empty() {
            // Made by hand, and nobody has claimed it yet.
            "NEW".clone_into(&mut word);
        }
        if last.is_some_and(|last| last != word.trim()) {
            wrong.push(format!("{id}: .state is {:?}, the journal ends at {last:?}", word.trim()));
        }
        if journal::open_claim(entries).is_some() {
            wrong.push(format!("{id}: a claim is open and nobody lives"));
        }
        let archived = *place != self.queue.join(id);
        let ready = gauge::names(&self.queue.join(".floor/ready").join(word.trim()));
        let marked =
            ready.iter().any(|marker| marker.splitn(3, '.').nth(2).is_some_and(|of| of == id));
        let held = place.join(".hold").exists();
        if !archived && !held && !marked && word.trim() != "READY_FOR_REVIEW" {
            wrong.push(format!("{id} is in {} and no marker says that it is ready", word.trim()));
        }
    }

    /// Recovery as a worker does it, without a sweep, then a sweep which should find nothing amiss.
    pub(super) fn recover(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let queue = match hand::open(&self.queue, None) {
            Ok(queue) => queue,
            Err(error) => return vec![format!("the queue can't be opened: {error}")],
        };
        if let Err(error) = queue.recover(&|_| true) {
            wrong.push(format!("recovery failed: {error}"));
        }
        match queue.sweep() {
            Ok(swept) => {
                wrong.extend(swept.broken.iter().map(|(id, why)| format!("{id} is broken: {why}")));
            }
            Err(error) => wrong.push(format!("the sweep failed: {error}")),
        }
        wrong
    }
}

/// An entry in the words of a hand.
fn in_words(entry: &Value) -> Option<(String, u64, String)> {
    let generation = entry["gen"].as_u64()?;
    let word = |field: &str| entry[field].as_str().unwrap_or("?").to_owned();
    Some(match entry["e"].as_str()? {
        "claim" => ("claimed".to_owned(), generation, String::new()),
        "advance" => ("moved".to_owned(), generation, format!("{} {}", word("from"), word("to"))),
        "release" => ("released".to_owned(), generation, String::new()),
        _ => return None,
    })
}
