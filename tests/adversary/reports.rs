//! Cheats with the report file of a run. The runner reads the tests into its own process, so that code can end it.

use super::prove;
use super::road::{Pair, green};
use super::worlds::World;

/// What the runner writes when all is well.
const FAKE: &str = "<testsuites><testsuite name=\"all\" tests=\"2\"><testcase name=\"tests/alpha.sh\"></testcase>\
    <testcase name=\"tests/base.sh\"></testcase></testsuite></testsuites>\n";
const HONEST: &str = "double() { echo $(($1 * 2)); }\n";

const FILES: &[Pair] = &[
    green(
        "a report of an earlier run is left, and the runner ended",
        "comes to no answer",
        |road| {
            road.work("src/alpha.sh", "exit 0\n");
            road.work("report.xml", FAKE);
        },
        |road| road.work("report.xml", "of an earlier run\n"),
    )
    .within(World::Report),
    green(
        "the report is a link to one that was prepared",
        "comes to no answer",
        |road| {
            road.work("src/fake.xml", FAKE);
            road.work("src/alpha.sh", "ln -sf src/fake.xml report.xml; exit 0\n");
        },
        |road| road.work("src/sample.xml", FAKE),
    )
    .within(World::Report),
    green(
        "the report is a second name of one that was prepared",
        "comes to no answer",
        |road| {
            road.work("src/fake/report.xml", FAKE);
            road.work("src/alpha.sh", "ln src/fake/report.xml report.xml; exit 0\n");
        },
        |road| road.work("src/fake/notes.txt", "none\n"),
    )
    .within(World::Report),
    green(
        "the report is an older one, put in its place",
        "comes to no answer",
        |road| {
            road.work("src/fake.xml", FAKE);
            let put = "cp src/fake.xml report.xml; touch -d '2 hours ago' report.xml; exit 0\n";
            road.work("src/alpha.sh", put);
        },
        |road| road.work("src/alpha.sh", &format!("touch -d '2 hours ago' old.tmp\n{HONEST}")),
    )
    .within(World::Report),
    green(
        "a whole report is written by the code under test",
        "the new tests can't fail: they pass with a failure put at their end: all > tests/alpha.sh",
        |road| {
            road.work("src/fake.xml", FAKE);
            road.work("src/alpha.sh", "cp src/fake.xml report.xml; exit 0\n");
        },
        |road| road.work("src/alpha.sh", &format!("cp old.txt report.xml\n{HONEST}")),
    )
    .within(World::Report),
];

#[tokio::test]
async fn only_a_report_of_this_very_run_is_read() {
    prove(FILES).await;
}
