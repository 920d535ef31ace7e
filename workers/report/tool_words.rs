//! What a tool's own words add to its report: that it stopped early, that it was interrupted.

use super::Report;
use super::libtest_json;
use super::tally::Tally;
use super::tool::Tool;

/// Listens to the output for what the report leaves out.
pub(super) fn hear(report: &Report<'_>, output: &str, tally: &mut Tally) {
    let tool = Tool::of(report.command);
    match tool {
        Some(Tool::Nextest) => {
            output.lines().for_each(|line| libtest_json::stopped_early(line, tally));
        }
        Some(Tool::Pytest) => output.lines().for_each(|line| pytest(line, tally)),
        _ => {}
    }
    if let Some(tool) = tool.filter(|tool| tally.has_failures() && tool.stops_early(report.command))
    {
        tally.stopped(format!("the command tells {} to stop after a failure", tool.name()));
    }
}

/// True when the tool said that it began with the tests.
pub(super) fn began(report: &Report<'_>, output: &str) -> bool {
    match Tool::of(report.command) {
        // A broken conftest is told before this line.
        Some(Tool::Pytest) => output
            .lines()
            .any(|line| line.starts_with("===") && line.contains(" test session starts ")),
        Some(Tool::Jest) => output.contains("process.exit called with "),
        _ => false,
    }
}

/// `!!!!! stopping after 1 failures !!!!!`, `!!!!! Interrupted: 1 error during collection !!!!!`
fn pytest(line: &str, tally: &mut Tally) {
    if !(line.starts_with("!!!") && line.ends_with("!!!")) {
        return;
    }
    let words = line.trim_matches(['!', ' ']);
    // A file that can't be loaded ends the run before it begins: none of the tests was run.
    let at_collection = words.starts_with("Interrupted: ") && words.ends_with(" during collection");
    if at_collection
        || words.starts_with("stopping after ")
        || words.starts_with("xdist.dsession.Interrupted: stopping")
    {
        tally.stopped(format!("pytest: {words}"));
    } else {
        tally.broken(format!("pytest: {words}"));
    }
}
