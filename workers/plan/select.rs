//! Choosing a batch among orders that wait for nothing but a worker.

use serde::{Deserialize, Serialize};

use super::footprint::Footprint;
use super::hindrance::Hindrance;
use super::rank::Rank;
use crate::order::OrderId;

/// An order that may be taken.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The order.
    pub id: OrderId,
    /// Its rank.
    pub rank: Rank,
    /// How much of a batch it takes.
    pub weight: u32,
    /// It was in a crash: it runs alone.
    pub suspect: bool,
    /// What it touches.
    pub footprint: Footprint,
    /// The orders it needs: who was done in the same batch is kin.
    pub needs: Vec<OrderId>,
    /// Orders of its group that must have landed, or be in the same batch.
    pub before: Vec<OrderId>,
    /// The group and the reason for it, for the words.
    pub group: Option<(String, Option<String>)>,
}

/// Who asks, and how much may be taken.
#[derive(Debug, Clone, Default)]
pub struct Asking {
    /// How much the session may still take, by weight.
    pub room: usize,
    /// The most orders to take now; a warm session takes one at each turn.
    pub most: usize,
    /// It is under way: no suspect may join, nor anything that is heavier than its room.
    pub warm: bool,
    /// Idle workers of the stage, the one who asks counted.
    pub idle: usize,
    /// The orders that are in the batch already.
    pub joined: Vec<(OrderId, Footprint)>,
}

/// One reason in a batch's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The order.
    pub order: OrderId,
    /// It was taken.
    pub taken: bool,
    /// Why, or why not.
    pub why: String,
}

/// What was chosen.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Indexes of the candidates to take, in the order of their turns.
    pub taken: Vec<usize>,
    /// It is a suspect: nothing else may join it.
    pub alone: bool,
    /// Why this many.
    pub share: String,
    /// Why each one was taken or was not.
    pub reasons: Vec<Reason>,
    /// Candidates that have to wait for others.
    pub waiting: Vec<(usize, Hindrance)>,
}

/// How many orders to take at once: a fair share of what is ready among the idle workers of the stage (`idle` counts
/// the one who asks), at most its batch. Never waits for more.
pub fn share(ready: usize, idle: usize, batch: usize) -> usize {
    ready.div_ceil(idle.max(1)).min(batch)
}

/// What keeps a candidate from being taken together with orders, told by their ids: the files that they touch.
pub type Clash<'a> = dyn Fn(&Candidate, &dyn Fn(&OrderId) -> bool) -> Option<Hindrance> + 'a;

/// Chooses among `candidates`. `files` tells whose files keep a candidate from being taken together with the orders named
/// (those in the batch and those chosen so far); `common` which files every order may touch.
pub fn select(
    candidates: &[Candidate],
    asking: &Asking,
    files: &Clash<'_>,
    common: &dyn Fn(&str) -> bool,
) -> Selection {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&candidates[a], &candidates[b]);
        (a.rank, &a.id).cmp(&(b.rank, &b.id))
    });
    let mut choice =
        Choice { candidates, asking, files, common, weight: 0, found: Selection::default() };
    choice.run(order);
    choice.found
}

/// What ties a candidate to a batch, with the words for it.
enum Tie {
    Files(String),
    Needs(String),
}

struct Choice<'a> {
    candidates: &'a [Candidate],
    asking: &'a Asking,
    files: &'a Clash<'a>,
    common: &'a dyn Fn(&str) -> bool,
    weight: usize,
    found: Selection,
}

impl Choice<'_> {
    fn run(&mut self, mut order: Vec<usize>) {
        let apart = self.apart(&order);
        let share = share(apart, self.asking.idle, self.asking.room).min(self.asking.most);
        self.found.share = format!(
            "{share} at once: {apart} ready that can be done side by side, {} idle, room for {}",
            self.asking.idle.max(1),
            self.asking.room
        );
        let mut own = 0;
        while self.found.taken.len() < self.asking.most && !self.found.alone {
            let Some((at, tie)) = self.next(&order, own >= share) else { break };
            // Nobody else could take what touches the same files: it is nobody else's share.
            own += usize::from(!matches!(tie, Some(Tie::Files(_))));
            order.retain(|&other| other != at);
            self.take(at, tie);
        }
        for at in order {
            self.pass_over(at, share);
        }
    }

    fn take(&mut self, at: usize, tie: Option<Tie>) {
        let candidate = &self.candidates[at];
        let why = match tie {
            Some(Tie::Files(why) | Tie::Needs(why)) => why,
            None if candidate.suspect => "a suspect of a crash runs alone".to_owned(),
            None if candidate.rank == Rank::PAID => {
                "its work is done; only gates are left".to_owned()
            }
            None => format!("the first by rank (level {})", candidate.rank.level),
        };
        self.weight += candidate.weight.max(1) as usize;
        self.found.alone = candidate.suspect;
        self.found.reasons.push(Reason { order: candidate.id.clone(), taken: true, why });
        self.found.taken.push(at);
    }

    /// How many of the candidates can be done side by side: those of one kind of files count once.
    fn apart(&self, order: &[usize]) -> usize {
        let mut apart: Vec<usize> = Vec::new();
        let all =
            |id: &OrderId| self.candidates.iter().any(|other| other.id == *id) || self.joined(id);
        for &at in order {
            let candidate = &self.candidates[at];
            let heavy = self.asking.warm && candidate.weight as usize > self.asking.room;
            let out = heavy
                || (candidate.suspect && self.asking.warm)
                || !candidate.before.iter().all(all);
            let alone = !apart.iter().any(|&other| self.kin_by_files(at, other));
            if !out && alone && (self.files)(candidate, &all).is_none() {
                apart.push(at);
            }
        }
        apart.len()
    }

    /// The best one that can be taken now: by rank, and among those of one level first what belongs to the batch.
    fn next(&self, order: &[usize], files_only: bool) -> Option<(usize, Option<Tie>)> {
        let mut best: Option<usize> = None;
        for &at in order {
            let candidate = &self.candidates[at];
            if best.is_some_and(|best| self.candidates[best].rank.level != candidate.rank.level) {
                break;
            }
            let tie = self.tie(at);
            if (files_only && !matches!(tie, Some(Tie::Files(_))))
                || (best.is_some() && tie.is_none())
                || !self.fits(candidate)
                || self.hindered(candidate).is_some()
            {
                continue;
            }
            match tie {
                Some(tie) => return Some((at, Some(tie))),
                None => best = Some(at),
            }
        }
        best.map(|at| (at, None))
    }

    fn fits(&self, candidate: &Candidate) -> bool {
        let first = self.found.taken.is_empty() && !self.asking.warm;
        if candidate.suspect {
            return first;
        }
        first || self.weight + candidate.weight.max(1) as usize <= self.asking.room
    }

    fn joined(&self, id: &OrderId) -> bool {
        self.asking.joined.iter().any(|(joined, _)| joined == id)
    }

    fn together(&self, id: &OrderId) -> bool {
        self.joined(id) || self.found.taken.iter().any(|&at| self.candidates[at].id == *id)
    }

    fn hindered(&self, candidate: &Candidate) -> Option<Hindrance> {
        if let Some(before) = candidate.before.iter().rfind(|id| !self.together(id)) {
            let (group, reason) = candidate.group.clone().unwrap_or_default();
            return Some(Hindrance::Group { group, reason, before: before.clone() });
        }
        (self.files)(candidate, &|id| self.together(id))
    }

    /// What ties a candidate to the batch, if anything does.
    fn tie(&self, at: usize) -> Option<Tie> {
        let candidate = &self.candidates[at];
        let chosen = self.found.taken.iter().map(|&at| &self.candidates[at]);
        let chosen = chosen.map(|other| (&other.id, &other.footprint, other.needs.as_slice()));
        let joined = self.asking.joined.iter().map(|(id, print)| (id, print, &[] as &[OrderId]));
        for (id, footprint, needs) in chosen.chain(joined) {
            if let Some(overlap) = candidate.footprint.meets(footprint, self.common) {
                return Some(Tie::Files(format!("goes after {id} in the same batch: {overlap}")));
            }
            if candidate.needs.contains(id) || needs.contains(&candidate.id) {
                return Some(Tie::Needs(format!("belongs to {id}: one needs the other")));
            }
        }
        None
    }

    fn kin_by_files(&self, at: usize, other: usize) -> bool {
        let (one, other) = (&self.candidates[at], &self.candidates[other]);
        one.footprint.meets(&other.footprint, self.common).is_some()
    }

    fn pass_over(&mut self, at: usize, share: usize) {
        let candidate = &self.candidates[at];
        let why = if let Some(hindrance) = self.hindered(candidate) {
            let why = hindrance.to_string();
            self.found.waiting.push((at, hindrance));
            why
        } else if candidate.suspect {
            "a suspect of a crash runs alone, in a session of its own".to_owned()
        } else if self.found.alone {
            "a suspect of a crash runs alone first".to_owned()
        } else if self.fits(candidate) {
            format!("left for others: the share is {share}")
        } else {
            let left = self.asking.room.saturating_sub(self.weight);
            format!("its weight is {}, and there is room for {left}", candidate.weight)
        };
        self.found.reasons.push(Reason { order: candidate.id.clone(), taken: false, why });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Request;
    use crate::plan::rank;

    /// `name weight file after-in-group`; `!` after the name is a suspect, `^` one of a better level.
    fn candidate(line: &str, nth: u64) -> Candidate {
        let words: Vec<&str> = line.split(' ').collect();
        let name = words[0].trim_end_matches(['!', '^']);
        let mut request = Request::titled("t");
        request.files =
            words.get(2).filter(|w| **w != "-").map(|w| (*w).to_owned()).into_iter().collect();
        let before: Option<&&str> = words.get(3);
        let priority = if words[0].ends_with('^') { 0 } else { 5 };
        Candidate {
            id: OrderId::parse(name).unwrap(),
            rank: rank(priority, 100 + nth, None, 200, 3600),
            weight: words[1].parse().unwrap(),
            suspect: words[0].ends_with('!'),
            footprint: Footprint::of(&request),
            needs: Vec::new(),
            before: before.into_iter().map(|w| OrderId::parse(w).unwrap()).collect(),
            group: None,
        }
    }

    fn asking(room: usize, idle: usize) -> Asking {
        Asking { room, most: usize::MAX, idle, ..Asking::default() }
    }

    fn chosen(lines: &[&str], asking: &Asking) -> (String, Selection) {
        let all: Vec<Candidate> =
            lines.iter().zip(0..).map(|(line, nth)| candidate(line, nth)).collect();
        let found = select(&all, asking, &|_, _| None, &|_| false);
        let names: Vec<&str> = found.taken.iter().map(|&at| all[at].id.as_str()).collect();
        (names.join(" "), found)
    }

    fn taken(lines: &[&str], asking: &Asking) -> String {
        chosen(lines, asking).0
    }

    #[test]
    fn a_share_is_fair_and_never_more_than_the_batch() {
        assert_eq!(
            [share(10, 2, 5), share(3, 2, 5), share(1, 9, 5), share(0, 1, 5), share(10, 1, 3)],
            [5, 2, 1, 0, 3]
        );
        assert_eq!(taken(&["a 1", "b 1", "c 1"], &asking(5, 2)), "a b");
        assert_eq!(taken(&["a 1", "b 1", "c 1"], &asking(2, 1)), "a b");
        assert_eq!(taken(&[], &asking(2, 1)), "");
    }

    #[test]
    fn weights_count_and_a_heavy_order_goes_alone_rather_than_never() {
        assert_eq!(taken(&["a 3", "b 3", "c 2"], &asking(5, 1)), "a c");
        assert_eq!(taken(&["a 8", "b 1"], &asking(5, 1)), "a");
        let warm = Asking { warm: true, ..asking(2, 1) };
        assert_eq!(taken(&["a 3", "b 2"], &warm), "b");
        assert_eq!(taken(&["a 1", "b 1"], &Asking { most: 1, ..warm }), "a");
    }

    #[test]
    fn a_suspect_goes_alone_and_into_no_warm_session() {
        let (names, found) = chosen(&["a! 1", "b 1"], &asking(5, 1));
        assert!(names == "a" && found.alone);
        assert_eq!(taken(&["b 1", "a! 1", "c 1"], &asking(5, 1)), "b c");
        assert_eq!(taken(&["a! 1", "b 1"], &Asking { warm: true, ..asking(5, 1) }), "b");
    }

    #[test]
    fn orders_that_touch_one_file_keep_together_and_count_once_for_the_share() {
        let lines = ["a 1 x", "b 1 y", "c 1 x", "d 1 x"];
        assert_eq!(taken(&lines, &asking(5, 2)), "a c d", "b is left for the other worker");
        assert_eq!(taken(&lines, &asking(2, 2)), "a c", "never more than the batch");
        let (names, found) = chosen(&lines, &asking(5, 1));
        assert_eq!(names, "a c d b");
        assert!(found.reasons[1].why.starts_with("goes after a in the same batch: both touch x"));
    }

    #[test]
    fn kin_does_not_overtake_a_better_level() {
        assert_eq!(taken(&["a^ 1 x", "b 1 x", "c^ 1 -"], &asking(2, 1)), "a c");
    }

    #[test]
    fn a_group_goes_in_its_order() {
        assert_eq!(taken(&["b 1 - a", "a 1"], &asking(5, 1)), "a b");
        let (names, found) = chosen(&["b 1 - gone", "a 1"], &asking(5, 1));
        assert_eq!(names, "a");
        assert!(
            matches!(&found.waiting[..], [(0, Hindrance::Group { before, .. })] if before.as_str() == "gone")
        );
    }

    #[test]
    fn a_warm_session_takes_kin_of_what_it_has() {
        let all: Vec<Candidate> =
            ["a 1 y", "b 1 x"].iter().zip(0..).map(|(l, n)| candidate(l, n)).collect();
        let joined = vec![(OrderId::parse("c").unwrap(), all[1].footprint.clone())];
        let warm = Asking { warm: true, most: 1, joined, ..asking(5, 1) };
        let found = select(&all, &warm, &|_, _| None, &|_| false);
        assert_eq!(found.taken, [1]);
    }

    #[test]
    fn every_decision_says_why() {
        let (_, found) = chosen(&["a 1", "b 1", "c 8"], &asking(2, 3));
        let told: Vec<String> =
            found.reasons.iter().map(|r| format!("{} {}", r.order, r.why)).collect();
        assert_eq!(
            told,
            [
                "a the first by rank (level 5)",
                "b left for others: the share is 1",
                "c its weight is 8, and there is room for 1"
            ]
        );
        assert_eq!(
            found.share,
            "1 at once: 3 ready that can be done side by side, 3 idle, room for 2"
        );
    }
}
