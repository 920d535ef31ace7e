//! TAP, version 13 and 14, with subtests: node's runner, tap, vitest, Perl.
//!
//! An id is the names of the tests around a test and its own, `group > deeper > inner one`. Node's TAP does not say which file
//! a test is of, so tests of one name in two files are told apart by number only. A test that failed because tests within it
//! did is `Inner`. Node's and vitest's files that report no test are remarks when they passed and set-up failures when they
//! did not. `# TODO` counts as skipped, whatever became of it.
//!
//! It can't tell: a file whose process left with exit 0 before its tests (its tests are gone, and a remark says so);
//! whether a test with failed subtests also failed by itself.

use super::input::Input;
use super::name::{TestId, WITHIN};
use super::outcome::{FailureKind, TestOutcome};
use super::plain::within;
use super::tally::Tally;
use super::tap_point::{Directive, Point};

pub(super) use super::tap_point::is_point;

/// The deepest nesting that is followed.
const DEEPEST: usize = 100;

/// Reads the text; false when there is nothing of the form in it.
pub(super) fn read(input: &Input<'_>, tally: &mut Tally) -> bool {
    let marks = marks(input, tally);
    if marks.is_empty() {
        return false;
    }
    let mut reader = Reader { marks: marks.into_iter().peekable(), tally };
    let mut top = reader.level(0, 0);
    // What follows stands left of nothing: only a broken text has it.
    while reader.marks.peek().is_some() {
        reader.tally.broken("the levels of subtests don't fit");
        top.points.append(&mut reader.level(0, 0).points);
    }
    check_plan(&top, tally);
    for node in top.points {
        tell(node, "", input.folder, tally);
    }
    true
}

/// A line that says something, and how far it stands from the left.
#[derive(Debug)]
struct Mark {
    indent: usize,
    what: What,
}

#[derive(Debug)]
enum What {
    /// A point with its diagnostics.
    Point(Point, String),
    Plan(u64),
    /// `# Subtest: name`
    Announced(String),
    BraceEnds,
    Version,
}

/// A test point with what stands within it.
#[derive(Debug)]
struct Node {
    point: Point,
    words: String,
    children: Vec<Self>,
}

/// The points of one indentation.
#[derive(Debug, Default)]
struct Level {
    points: Vec<Node>,
    plan: Option<u64>,
}

fn marks(input: &Input<'_>, tally: &mut Tally) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    let mut diagnostics: Option<usize> = None;
    for line in input.whole_lines(tally) {
        let bare = line.trim_start_matches(' ');
        let indent = line.len() - bare.len();
        let bare = bare.trim_end();
        if let Some(open) = diagnostics {
            if indent == open && bare == "..." {
                diagnostics = None;
            } else if let Some(Mark { what: What::Point(_, words), .. }) = marks.last_mut() {
                words.push_str(line.get(open.min(indent)..).unwrap_or_default());
                words.push('\n');
            }
            continue;
        }
        let of_point = matches!(marks.last(), Some(Mark { what: What::Point(..), .. }));
        let what = if bare == "---" && of_point {
            diagnostics = Some(indent);
            continue;
        } else if let Some(point) = Point::parse(bare) {
            What::Point(point, String::new())
        } else if let Some(count) = plan(bare) {
            What::Plan(count)
        } else if let Some(name) = bare.strip_prefix("# Subtest: ") {
            What::Announced(name.to_owned())
        } else if bare == "}" {
            What::BraceEnds
        } else if bare.starts_with("TAP version ") {
            What::Version
        } else {
            if bare.starts_with("Bail out!") {
                tally.broken(bare);
            }
            continue;
        };
        marks.push(Mark { indent, what });
    }
    if diagnostics.is_some() {
        tally.broken("it ends in the middle of a test's diagnostics");
    }
    let says = |mark: &Mark| !matches!(mark.what, What::Announced(_) | What::BraceEnds);
    if marks.iter().any(says) { marks } else { Vec::new() }
}

struct Reader<'a> {
    marks: std::iter::Peekable<std::vec::IntoIter<Mark>>,
    tally: &'a mut Tally,
}

impl Reader<'_> {
    /// Reads what stands at `indent` and deeper.
    fn level(&mut self, indent: usize, depth: usize) -> Level {
        let mut level = Level::default();
        let mut announced = None;
        // Subtests stand before the point that sums them up.
        let mut waiting: Vec<Node> = Vec::new();
        loop {
            if let Some(deeper) = self.deeper(indent, depth) {
                if !waiting.is_empty() {
                    self.orphans(&mut level, &mut waiting, &mut announced);
                }
                waiting = self.subtests(deeper, depth);
                continue;
            }
            let Some(mark) = self.marks.next_if(|mark| mark.indent >= indent) else { break };
            match mark.what {
                What::Point(point, words) => {
                    let expected = level.points.len() as u64 + 1;
                    if let Some(number) = point.number.filter(|number| *number != expected) {
                        self.tally.broken(format!("test {expected} is numbered {number}"));
                    }
                    let mut children = std::mem::take(&mut waiting);
                    if point.braced {
                        children.append(&mut self.braced(indent, depth));
                    }
                    announced = None;
                    level.points.push(Node { point, words, children });
                }
                What::Plan(plan) => {
                    if level.plan.replace(plan).is_some() {
                        self.tally.broken("there are two plans");
                    }
                }
                What::Announced(name) => announced = Some(name),
                What::BraceEnds | What::Version => {}
            }
        }
        if !waiting.is_empty() {
            self.orphans(&mut level, &mut waiting, &mut announced);
        }
        level
    }

    /// The indentation of what comes next, where it stands deeper.
    fn deeper(&mut self, indent: usize, depth: usize) -> Option<usize> {
        let next = self.marks.peek()?.indent;
        (next > indent && depth < DEEPEST).then_some(next)
    }

    fn subtests(&mut self, indent: usize, depth: usize) -> Vec<Node> {
        let level = self.level(indent, depth + 1);
        check_plan(&level, self.tally);
        level.points
    }

    /// The subtests in braces behind a point.
    fn braced(&mut self, indent: usize, depth: usize) -> Vec<Node> {
        let deeper = self.deeper(indent, depth);
        let children = deeper.map(|deeper| self.subtests(deeper, depth)).unwrap_or_default();
        let ends = |mark: &Mark| mark.indent == indent && matches!(mark.what, What::BraceEnds);
        if self.marks.next_if(ends).is_none() {
            self.tally.broken("a brace is not closed");
        }
        children
    }

    /// The point that should have summed these up never came.
    fn orphans(
        &mut self,
        level: &mut Level,
        waiting: &mut Vec<Node>,
        announced: &mut Option<String>,
    ) {
        self.tally.broken("a group of tests has no result of its own");
        let name = announced.take().unwrap_or_else(|| "(group)".to_owned());
        let children = std::mem::take(waiting);
        level.points.push(Node { point: Point::unfinished(name), words: String::new(), children });
    }
}

fn check_plan(level: &Level, tally: &mut Tally) {
    let told = level.points.len() as u64;
    match level.plan {
        None => tally.broken("there is no plan: it ended in the middle"),
        Some(plan) if plan != told => tally.broken(format!("{plan} tests planned, {told} told")),
        Some(_) => {}
    }
}

/// `1..4`
fn plan(bare: &str) -> Option<u64> {
    let rest = bare.strip_prefix("1..")?;
    let digits = rest.split([' ', '#']).next()?;
    digits.trim_end().parse().ok()
}

fn tell(node: Node, around: &str, folder: &str, tally: &mut Tally) {
    let Node { point, words, children } = node;
    let name = within(&point.name, folder).to_owned();
    let inner_failed = children.iter().any(|child| child.point.fails());
    let has_children = !children.is_empty();
    let inside = if around.is_empty() { name.clone() } else { format!("{around}{WITHIN}{name}") };
    for child in children {
        tell(child, &inside, folder, tally);
    }
    let words: String = words
        .lines()
        .filter(|line| !line.starts_with("duration_ms:"))
        .map(|l| format!("{l}\n"))
        .collect();
    let id = TestId::new(around, &name);
    let word = |key: &str| yaml(&words, key);
    let is_group = word("type") == Some("suite");
    let is_file = !has_children && around.is_empty() && names_a_file(&name);
    match &point.directive {
        Some(Directive::Skip(why)) => tally.test(id, TestOutcome::skipped(why)),
        Some(Directive::Todo(why)) => {
            let why = if why.is_empty() { "to do".to_owned() } else { format!("to do: {why}") };
            tally.test(id, TestOutcome::skipped(&why));
        }
        None if point.unfinished => {
            let outcome = TestOutcome::failed(FailureKind::Unfinished, "it did not end");
            tally.test(id, outcome);
        }
        None if point.ok && is_file => tally.remark(format!("{name} reports no test")),
        None if point.ok && is_group => {}
        None if point.ok => tally.test(id, TestOutcome::Passed),
        None => {
            let died = is_file && word("signal").is_some_and(|signal| signal != "~");
            if died {
                tally.broken(format!("the process of {name} died in the middle"));
            }
            let kind = match word("failureType") {
                _ if died => FailureKind::Unfinished,
                _ if is_file => FailureKind::SetUp,
                Some("hookFailed" | "cancelledByParent") => FailureKind::SetUp,
                _ if inner_failed => FailureKind::Inner,
                _ if has_children => FailureKind::Unclear,
                _ => FailureKind::Own,
            };
            if !(is_group && kind == FailureKind::Inner) {
                tally.test(id, TestOutcome::failed(kind, &words));
            }
        }
    }
}

/// The value of `key: 'value'` at the top of a test's diagnostics.
fn yaml<'a>(words: &'a str, key: &str) -> Option<&'a str> {
    let value = words.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))?;
    Some(value.trim().trim_matches('\''))
}

fn names_a_file(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    let known = ["js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "t"];
    !name.contains(' ') && ending.is_some_and(|ending| known.contains(&ending))
}
