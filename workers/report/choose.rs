//! Which adapter reads a report when nobody said: the report file's form, then the tool, then the output's form.

use super::Report;
use super::adapter::{Adapter, Choice};
use super::tool::Tool;

/// The adapter and, for people, why this one.
pub(super) fn choose(report: &Report<'_>, output: &str, file: Option<&str>) -> (Adapter, String) {
    if let Choice::Set(adapter) = report.choice {
        return (adapter, format!("{}: set in [project.test] report", adapter.word()));
    }
    if let Some(adapter) = file.and_then(|text| shapes(text).first().copied()) {
        return (adapter, format!("{}: the form of the report file", adapter.word()));
    }
    let seen = shapes(output);
    if let Some(tool) = Tool::of(report.command) {
        let speaks = spoken(tool);
        let adapter = seen.iter().find(|one| speaks.contains(one)).copied().unwrap_or(speaks[0]);
        return (adapter, format!("{}: the command runs {}", adapter.word(), tool.name()));
    }
    match seen.as_slice() {
        [] => (Adapter::ExitCode, "exit-code: no known report in the output".to_owned()),
        [one] => (*one, format!("{}: the form of the output", one.word())),
        [one, others @ ..] => {
            let others: Vec<&str> = others.iter().map(|other| other.word()).collect();
            (
                *one,
                format!(
                    "{}: the form of the output, which also looks like {}",
                    one.word(),
                    others.join(" and ")
                ),
            )
        }
    }
}

/// The forms a tool can write; the first is the one it is expected to.
fn spoken(tool: Tool) -> &'static [Adapter] {
    match tool {
        Tool::CargoTest => &[Adapter::Libtest],
        Tool::Nextest => &[Adapter::Junit, Adapter::Libtest],
        Tool::Pytest => &[Adapter::Junit, Adapter::Tap],
        Tool::Unittest => &[Adapter::Unittest],
        Tool::Go => &[Adapter::GoJson],
        Tool::NodeTest => &[Adapter::Tap, Adapter::Junit],
        Tool::Vitest => &[Adapter::Jest, Adapter::Junit, Adapter::Tap],
        Tool::Jest => &[Adapter::Jest],
    }
}

/// The forms that a text has, the surest first.
pub(super) fn shapes(text: &str) -> Vec<Adapter> {
    let mut found = Vec::new();
    let mut note = |adapter: Adapter| {
        if !found.contains(&adapter) {
            found.push(adapter);
        }
    };
    let mut plan = false;
    for line in text.lines() {
        let bare = line.trim();
        if bare.starts_with("<?xml") || bare.starts_with("<testsuite") {
            if text.contains("<testsuite") {
                note(Adapter::Junit);
            }
        } else if line.starts_with("TAP version ") {
            note(Adapter::Tap);
        } else if line.starts_with("1..") {
            plan = true;
        } else if bare.starts_with('{') {
            if bare.contains("\"Action\":\"") {
                note(Adapter::GoJson);
            } else if bare.contains("\"numTotalTests\"") && bare.contains("\"testResults\"") {
                note(Adapter::Jest);
            } else if bare.starts_with("{\"type\":\"suite\"")
                || bare.starts_with("{ \"type\": \"suite\"")
            {
                note(Adapter::Libtest);
            }
        } else if super::libtest::begins(line).is_some() {
            note(Adapter::Libtest);
        } else if super::unittest::ran(line).is_some() {
            note(Adapter::Unittest);
        } else if plan && super::tap::is_point(line)
            || line.starts_with("not ok ")
            || line.starts_with("Bail out!")
        {
            note(Adapter::Tap);
        }
    }
    // A plan may stand last, and pretty JSON has a brace on a line of its own.
    if plan && !found.contains(&Adapter::Tap) && text.lines().any(super::tap::is_point) {
        found.push(Adapter::Tap);
    }
    if found.is_empty() && text.contains("\"numTotalTests\"") && text.contains("\"testResults\"") {
        found.push(Adapter::Jest);
    }
    found
}
