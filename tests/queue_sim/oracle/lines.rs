//! What may be written into a journal, and by whom.

use super::account::Replaced;
use super::book::{Line, Open};
use super::{Asked, Oracle};
use crate::queue_sim::tree::{Node, Tree};
use crate::queue_sim::world::Caller;

/// A claim, or who is charged, before a line was written.
struct Before {
    open: Option<Open>,
    state: String,
    highest: u64,
    moved_under: Vec<u64>,
}

/// Where each stage may send an order: on, or back. Everything may be given up.
const MOVES: [(&str, &str); 15] = [
    ("NEW", "TESTS_PRE"),
    ("NEW", "NEW"),
    ("TESTS_PRE", "IMPL"),
    ("TESTS_PRE", "TESTS_PRE"),
    ("IMPL", "TESTS_POST"),
    ("IMPL", "IMPL"),
    ("TESTS_POST", "REVIEW"),
    ("TESTS_POST", "IMPL"),
    ("REVIEW", "PLAYTEST"),
    ("REVIEW", "IMPL"),
    ("PLAYTEST", "COMMIT"),
    ("PLAYTEST", "IMPL"),
    ("COMMIT", "READY_FOR_REVIEW"),
    ("COMMIT", "IMPL"),
    ("FAILED", "FAILED"),
];

impl Oracle {
    /// The queue added to the journal of the order in `folder`.
    pub(super) fn journal_grew(&mut self, tree: &Tree, by: Caller, folder: Node) {
        let Some(account) = self.accounts.get_mut(&folder) else { return };
        let bytes = tree.bytes_of(folder, "events.jsonl").unwrap_or_default();
        if bytes.len() < account.book.good {
            account.reread(tree);
        }
        let was_damaged = account.book.damaged;
        account.last_write = Some((by.slot, account.book.good));
        let mut book = account.book.clone();
        let lines = account.book.read_on(bytes);
        let (damaged, written) = (account.book.damaged, account.book.lines[lines.clone()].to_vec());
        let (name, touched) = (account.name.clone(), account.touched.journal);
        if damaged && !was_damaged && !touched {
            return self.blame(
                5,
                format!("the journal of {name} was damaged by what was written behind it"),
            );
        }
        for (at, line) in written.into_iter().enumerate() {
            let before = Before {
                open: book.open.take(),
                state: std::mem::take(&mut book.state),
                highest: book.highest,
                moved_under: book
                    .lines
                    .iter()
                    .filter(|line| ["advance", "bury"].contains(&line.kind.as_str()))
                    .map(|line| line.generation)
                    .collect(),
            };
            self.judge(tree, by, folder, &before, &line, at == 0);
            // What this line adds up to is the ground for the next one.
            book.lines.push(line.clone());
            book.state = if line.to.is_empty() { before.state } else { line.to.clone() };
            book.highest = book.highest.max(line.generation);
            book.open = match line.kind.as_str() {
                "claim" => Some(Open {
                    generation: line.generation,
                    worker: line.worker.clone(),
                    state: line.from.clone(),
                }),
                "note" | "hold" | "unhold" | "archive" => before.open,
                _ => None,
            };
        }
    }

    fn judge(
        &mut self,
        tree: &Tree,
        by: Caller,
        folder: Node,
        before: &Before,
        line: &Line,
        first: bool,
    ) {
        let name = self.accounts[&folder].name.clone();
        let said =
            format!("{name}: {} {} gen {} {}", line.seq, line.kind, line.generation, line.worker);
        match line.kind.as_str() {
            "claim" => self.judge_claim(tree, by, folder, before, line, first),
            "advance" | "bury" => self.judge_move(tree, by, folder, before, line),
            "release" | "note" => {
                if !matches(before, line) {
                    self.blame(
                        4,
                        format!("{said} was written, and {:?} is the open claim", before.open),
                    );
                }
            }
            "orphan" => self.judge_orphan(by, before, line, &said),
            "manual" => self.judge_manual(tree, folder, line, &said),
            "kick" => {
                self.replaced(tree, folder, line);
                let wanted =
                    matches!(&self.asked[by.slot], Some(Asked::Kick { id, .. }) if *id == name);
                if !wanted {
                    self.blame(12, format!("{said}, and nobody asked for it"));
                }
            }
            "create" | "hold" | "unhold" | "archive" => {}
            other => self.blame(18, format!("{said}: {other} is no kind of entry")),
        }
        let reset = line.kind == "manual" || line.kind == "create";
        if line.generation < before.highest && !reset {
            self.blame(5, format!("{said}, after generation {}", before.highest));
        }
    }

    /// A move is on record, from what `.state` says now.
    fn replaced(&mut self, tree: &Tree, folder: Node, line: &Line) {
        let Some(account) = self.accounts.get_mut(&folder) else { return };
        let (stands, from) = (tree.find(folder, ".state"), line.from.clone());
        let read = line.read.and_then(|(ino, _, born)| tree.file_of(ino, born, stands)).or(stands);
        // A person may have written into it since, also the same word, or have put another in its place.
        let mtime = line.read.map(|(_, mtime, _)| mtime);
        let as_read = account.word(tree) == Some(line.from.as_str())
            && stands.is_some_and(|stands| mtime == Some(tree.facts(stands).mtime));
        let by_hand = read == stands && !as_read;
        account.replaced.push(Replaced { seq: line.seq, file: read, from, by_hand });
        if read == stands && as_read {
            // It is moved from what the person wrote: that was seen.
            (account.edit, account.by_hand) = (None, None);
        }
    }

    fn judge_claim(
        &mut self,
        tree: &Tree,
        by: Caller,
        folder: Node,
        before: &Before,
        line: &Line,
        first: bool,
    ) {
        let account = &self.accounts[&folder];
        let said =
            format!("{} was claimed by {} under {}", account.name, line.worker, line.generation);
        let asked = self.asked[by.slot].clone();
        let since = asked.as_ref().map_or(self.step, Asked::since);
        let held = account.holds.last().is_some_and(|(step, held)| *held && *step < since);
        let word = account.stands(tree);
        let edited = account.words.last().is_some_and(|(step, _)| *step >= since);
        let own = self.workers.iter().any(|w| w.name == line.worker && w.process == by.process);
        let mut faults = Vec::new();
        if let Some(open) = &before.open {
            faults.push((
                3,
                format!("{said} while {} has it under {}", open.worker, open.generation),
            ));
        }
        if line.generation <= before.highest.max(account.generation) {
            let highest = before.highest.max(account.generation);
            faults.push((5, format!("{said}, and {highest} was given out before")));
        }
        if !own {
            faults.push((3, format!("{said}, which is another process")));
        }
        if first && held {
            faults.push((10, format!("{said} while it was on hold")));
        }
        if line.from != before.state || first && word != line.from && !edited {
            faults.push((10, format!("{said} from {}, and it stood in {word}", line.from)));
        }
        match asked {
            Some(Asked::Claim { id, .. }) if id == account.name => {}
            Some(Asked::Move { keep: true, .. }) => {}
            other => faults.push((10, format!("{said}, and what was asked for is {other:?}"))),
        }
        faults.into_iter().for_each(|(promise, what)| self.blame(promise, what));
    }

    fn judge_move(&mut self, tree: &Tree, by: Caller, folder: Node, before: &Before, line: &Line) {
        self.replaced(tree, folder, line);
        let name = self.accounts[&folder].name.clone();
        let said =
            format!("{name} was moved from {} to {} under {}", line.from, line.to, line.generation);
        if !matches(before, line) {
            self.blame(4, format!("{said} by {}; open is {:?}", line.worker, before.open));
        }
        if before.moved_under.contains(&line.generation) {
            self.blame(6, format!("{said} for the second time"));
        }
        let legal = line.to == "FAILED" || MOVES.contains(&(line.from.as_str(), line.to.as_str()));
        if line.from != before.state || !legal {
            self.blame(2, format!("{said}, and it stood in {}", before.state));
        }
        let wanted = matches!(
            &self.asked[by.slot],
            Some(Asked::Move { id, to, why, .. }) if *id == name && *to == line.to && *why == line.why
        );
        if !wanted {
            self.blame(17, format!("{said}, and nobody asked for that: {:?}", self.asked[by.slot]));
        }
    }

    fn judge_orphan(&mut self, by: Caller, before: &Before, line: &Line, said: &str) {
        if !matches(before, line) {
            self.blame(4, format!("{said} was written, and {:?} is the open claim", before.open));
        }
        let worker = self.workers.iter().find(|worker| worker.name == line.worker);
        let (lives, buried) = worker.map_or((false, true), |worker| (worker.lives, worker.buried));
        if lives {
            self.blame(3, format!("{said}: that worker lives"));
        } else if !buried {
            self.blame(14, format!("{said}: what that worker had started was not ended yet"));
        }
        if !matches!(self.asked[by.slot], Some(Asked::Recover { .. })) {
            self.blame(14, format!("{said} by somebody who does not recover"));
        }
    }

    fn judge_manual(&mut self, tree: &Tree, folder: Node, line: &Line, said: &str) {
        let Some(account) = self.accounts.get_mut(&folder) else { return };
        let touched = account.touched;
        let caused = touched.state || touched.journal || touched.place || touched.made;
        let word = account.word(tree).map_or_else(|| "NEW".to_owned(), str::to_owned);
        let edited_since = account.touched.state;
        (account.edit, account.edit_recorded) = (None, word == line.to);
        // The first line of a journal: there was none, which only a person can have brought about.
        let adopted = line.seq == 1 && account.sealed.is_empty();
        if !caused && !adopted {
            self.blame(12, format!("{said} to {}: no person did that", line.to));
        } else if word != line.to && !edited_since {
            self.blame(12, format!("{said} to {}, and .state says {word}", line.to));
        }
    }
}

/// True when a line was written under the claim that was open.
fn matches(before: &Before, line: &Line) -> bool {
    let open = before.open.as_ref();
    open.is_some_and(|open| open.generation == line.generation && open.worker == line.worker)
}
