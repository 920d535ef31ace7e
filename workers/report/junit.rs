//! JUnit XML, as pytest, nextest, vitest, node, surefire and many others write it.
//!
//! The suite of an id is the test's `classname` (pytest: `tests.test_sums.TestInside`; nextest: the binary id `probe::it`),
//! with the names of the suites around it where the class name does not hold them already (node nests its groups there). The
//! name stands with its parameters. Time stamps, host names and absolute paths are left out.
//!
//! `<failure>` is the test's own. `<error>` is not told the same way by all: pytest means a fixture or a file that can't be
//! imported, and says so in the message; others mean any exception in the body, so without such words it is unclear. A flaky
//! test (`<flakyFailure>`) ended well and counts as failed: a test has one answer, and this one gave two.
//!
//! It can't tell: with nextest, ignored tests (they are not in the report) and a test that left its process with exit 0;
//! why a run stopped early (the tool's output says that).

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::input::Input;
use super::name::{TestId, WITHIN};
use super::outcome::{FailureKind, TestOutcome};
use super::plain::{plain, within};
use super::tally::Tally;

/// The deepest nesting that is followed: nobody's report is deeper.
const DEEPEST: usize = 200;

/// Reads the XML; `Ok(false)` when there is none, an error's words when there is no test in it that can be read.
pub(super) fn read(input: &Input<'_>, tally: &mut Tally) -> Result<bool, String> {
    let Some(text) = from_the_root(input.text) else { return Ok(false) };
    let mut xml = Reader::from_str(text);
    xml.config_mut().check_end_names = true;
    xml.config_mut().allow_dangling_amp = true;
    let mut walk = Walk { folder: input.folder, suites: Vec::new(), case: None, path: Vec::new() };
    loop {
        let event = match xml.read_event() {
            Ok(event) => event,
            Err(error) if tally.is_empty() => return Err(error.to_string()),
            Err(error) => {
                tally.broken(format!("the XML breaks off: {error}"));
                break;
            }
        };
        match event {
            Event::Start(tag) => {
                walk.open(&tag, tally)?;
                walk.path.push(tag.local_name().as_ref().to_owned());
            }
            Event::Empty(tag) => {
                walk.open(&tag, tally)?;
                walk.close(tag.local_name().as_ref(), tally);
            }
            Event::End(tag) => {
                walk.path.pop();
                walk.close(tag.local_name().as_ref(), tally);
                if walk.path.is_empty() {
                    break;
                }
            }
            Event::Text(words) => walk.words(&words.xml10_content()),
            Event::CData(words) => walk.words(&words.xml10_content()),
            Event::GeneralRef(name) => walk.reference(&name),
            Event::Eof => {
                tally.broken("the XML ends in the middle");
                break;
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    Ok(true)
}

/// The document in a text that may have other words around it.
fn from_the_root(text: &str) -> Option<&str> {
    let root = text.find("<testsuite")?;
    Some(&text[root..])
}

struct Walk<'a> {
    folder: &'a str,
    suites: Vec<Suite>,
    case: Option<Case>,
    /// The open elements.
    path: Vec<String>,
}

#[derive(Default)]
struct Suite {
    name: String,
    /// How many tests it says it has, and how many were read.
    announced: Option<u64>,
    told: u64,
    /// Errors of the suite itself, outside of any test.
    errors: u64,
}

#[derive(Default)]
struct Case {
    class: String,
    name: Option<String>,
    outcome: Option<Found>,
    flaky: bool,
    words: String,
}

#[derive(Clone)]
enum Found {
    Failure { kind: FailureKind, message: String },
    Skipped { why: String, todo: bool },
}

impl Walk<'_> {
    fn open(&mut self, tag: &BytesStart<'_>, tally: &mut Tally) -> Result<(), String> {
        if self.path.len() > DEEPEST {
            return Err(format!("elements stand in each other more than {DEEPEST} deep"));
        }
        let text = |name: &str| attribute(tag, name);
        match tag.local_name().as_ref() {
            "testsuite" => self.suites.push(Suite {
                name: text("name").unwrap_or_default(),
                announced: text("tests").and_then(|count| count.parse().ok()),
                ..Suite::default()
            }),
            "testcase" => {
                if self.case.is_some() {
                    tally.broken("a test stands inside a test");
                }
                self.case = Some(Case {
                    class: text("classname").unwrap_or_default(),
                    name: text("name"),
                    ..Case::default()
                });
            }
            element => {
                if let Some(case) = &mut self.case {
                    let message = text("message").unwrap_or_default();
                    case.element(element, &text("type").unwrap_or_default(), message);
                } else if let (true, Some(suite)) = (element == "error", self.suites.last_mut()) {
                    suite.errors += 1;
                }
            }
        }
        Ok(())
    }

    fn words(&mut self, words: &str) {
        let of_failure =
            self.path.last().is_some_and(|last| ["failure", "error"].contains(&last.as_str()));
        if let Some(case) = self.case.as_mut().filter(|_| of_failure) {
            case.words.push_str(words);
        }
    }

    fn reference(&mut self, name: &quick_xml::events::BytesRef<'_>) {
        let character = name.resolve_char_ref().ok().flatten();
        match character {
            Some(c) => self.words(c.encode_utf8(&mut [0; 4])),
            None => {
                let known = quick_xml::escape::resolve_predefined_entity(name);
                self.words(known.unwrap_or("?"));
            }
        }
    }

    fn close(&mut self, element: &str, tally: &mut Tally) {
        match element {
            "testcase" => {
                if let Some(case) = self.case.take() {
                    self.tell(case, tally);
                }
            }
            "testsuite" => {
                if let Some(suite) = self.suites.pop() {
                    if suite.errors > 0 {
                        let outcome = TestOutcome::failed(FailureKind::SetUp, "the suite failed");
                        tally.test(TestId::new(&suite.name, "(suite)"), outcome);
                    }
                    // pytest counts subtests and failed teardowns here: it is no sum to hold it to.
                    if suite.announced.is_some_and(|announced| suite.told < announced) {
                        let Suite { name, told, .. } = &suite;
                        tally.remark(format!("suite {name:?} says it has more than {told} tests"));
                    }
                    if let Some(outer) = self.suites.last_mut() {
                        outer.told += suite.told;
                    }
                }
            }
            _ => {}
        }
    }

    fn tell(&mut self, case: Case, tally: &mut Tally) {
        if let Some(suite) = self.suites.last_mut() {
            suite.told += 1;
        }
        let Some(name) = case.name.as_deref().map(str::trim).filter(|name| !name.is_empty()) else {
            tally.broken("a test has no name: the run was interrupted there");
            return;
        };
        let class = if is_of_node(&case.class, name) { "" } else { case.class.as_str() };
        let suite = suite_name(&self.suites, class, self.folder);
        let name = within(name, self.folder);
        let id = TestId::new(&suite, name);
        // Node tells a file that reports no test as a test of the file's name.
        let is_file =
            case.class == "test" && case.name.as_deref().is_some_and(|n| n.starts_with('/'));
        match case.outcome {
            None if case.flaky => {
                let words = "it failed, and passed when it was tried again";
                tally.test(id, TestOutcome::failed(FailureKind::Own, words));
            }
            None if is_file => tally.remark(format!("{name} reports no test")),
            None => tally.test(id, TestOutcome::Passed),
            Some(Found::Skipped { why, .. }) => tally.test(id, TestOutcome::skipped(&plain(&why))),
            Some(Found::Failure { kind, message }) => {
                let words = if case.words.trim().is_empty() { message } else { case.words };
                let died = is_file && words.contains("signal: 'SIG");
                let kind = match is_file {
                    true if died => FailureKind::Unfinished,
                    true => FailureKind::SetUp,
                    false => kind,
                };
                if died {
                    tally.broken(format!("the process of {name} died in the middle"));
                }
                let outcome = TestOutcome::failed(kind, &plain(&words));
                // pytest tells a test again when its teardown fails.
                if kind == FailureKind::SetUp {
                    tally.failed_after_all(id, outcome);
                } else {
                    tally.test(id, outcome);
                }
            }
        }
    }
}

impl Case {
    fn element(&mut self, element: &str, of: &str, message: String) {
        let found = match element {
            "failure" => Found::Failure { kind: kind_of_failure(of, &message), message },
            "error" => Found::Failure { kind: kind_of_error(&message), message },
            "skipped" => Found::Skipped { todo: of == "todo", why: message },
            "flakyFailure" | "flakyError" => {
                self.flaky = true;
                return;
            }
            _ => return,
        };
        // Node tells a failing "to do" as both; elsewhere a failure weighs more than a skip.
        let keep = match (&self.outcome, &found) {
            (Some(Found::Skipped { todo, .. }), Found::Failure { .. }) => *todo,
            (Some(Found::Failure { .. }), Found::Skipped { todo, .. }) => !*todo,
            (Some(Found::Failure { .. }), Found::Failure { .. }) => true,
            _ => false,
        };
        if !keep {
            self.outcome = Some(found);
        }
    }
}

/// Node writes its kinds of failure as the type.
fn kind_of_failure(of: &str, message: &str) -> FailureKind {
    match of {
        "cancelledByParent" | "hookFailed" => FailureKind::SetUp,
        "subtestsFailed" => FailureKind::Inner,
        _ if message.starts_with("Cannot find module ")
            || message.starts_with("Failed to parse source ") =>
        {
            FailureKind::SetUp
        }
        _ => FailureKind::Own,
    }
}

fn kind_of_error(message: &str) -> FailureKind {
    let set_up =
        ["collection failure", "failed on setup", "failed on teardown", "collection skipped"];
    if message.contains("crashed while running") {
        FailureKind::Unfinished
    } else if set_up.iter().any(|words| message.starts_with(words)) {
        FailureKind::SetUp
    } else {
        FailureKind::Unclear
    }
}

/// Node's class name is the same word for all.
fn is_of_node(class: &str, name: &str) -> bool {
    class == "test" && !name.is_empty()
}

/// The suite part of an id.
fn suite_name(suites: &[Suite], class: &str, folder: &str) -> String {
    let class = within(class, folder);
    let mut parts: Vec<&str> = Vec::new();
    for suite in suites {
        let name = without_time(within(&suite.name, folder));
        let generic = name.is_empty() || name == "pytest" || class.contains(name);
        if !generic && parts.last() != Some(&name) {
            parts.push(name);
        }
    }
    // `class` is the short form of the suite's name with some tools.
    let said = class.is_empty() || parts.last().is_some_and(|last| last.ends_with(class));
    if !said {
        parts.push(class);
    }
    parts.join(WITHIN)
}

/// unittest-xml-reporting puts the time behind the name: `tests.TestSums-20240101120000`.
fn without_time(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((stem, time)) if time.len() == 14 && time.bytes().all(|b| b.is_ascii_digit()) => stem,
        _ => name,
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = tag.attributes();
    let one = attributes.with_checks(false).flatten().find(|one| one.key.as_ref() == name)?;
    let value = one.normalized_value(XmlVersion::Implicit1_0).map(|value| value.into_owned());
    Some(value.unwrap_or_else(|_| one.value.into_owned()))
}
