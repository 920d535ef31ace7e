//! The end of a plan: what its notes say of whom, the numbers of its phases, its groups, and what each task needs.

use super::super::depends::Target;
use super::super::groups::{Group, merged};
use super::super::note::{Subject, Tag};
use super::super::number::{Named, Number};
use super::super::{Reading, Told, Wanted, words};
use super::Reader;

impl Reader<'_> {
    /// What was read, all of it.
    pub(super) fn close(mut self) -> Reading {
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
            for (nth, member) in group.members.iter().enumerate() {
                let more = &mut self.reading.wishes[*member].more;
                more.insert("group".to_owned(), group.name.clone().into());
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

/// How a group is called.
fn subject_name(of: &Subject, here: Option<&str>) -> String {
    let all = |named: &[Named]| named.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    match of {
        Subject::Tasks(tasks) => all(tasks),
        Subject::Phases(phases) => format!("phase {}", all(phases)),
        Subject::Here => format!("phase {}", here.unwrap_or("?")),
    }
}
