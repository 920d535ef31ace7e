//! The same with node's own runner, where node is installed.

use super::prove;
use super::road::{Pair, Trick, green};
use super::worlds::World;

const fn node(name: &'static str, why: &'static str, cheat: Trick, twin: Trick) -> Pair {
    green(name, why, cheat, twin).within(World::Node)
}

const NODE: &[Pair] = &[
    node(
        "node: code ends the process with 0",
        "no test of the frozen files appears",
        |road| road.work("src/alpha.js", "exports.double = () => process.exit(0);\n"),
        |road| road.work("src/alpha.js", "exports.double = (x) => x + x;\n"),
    ),
    node(
        "node: code prints a report and ends the process",
        "no test of the frozen files appears",
        |road| {
            let fake = "exports.double = () => {\n  console.log('TAP version 13\\nok 1 - doubles\\n1..1');\n  process.exit(0);\n};\n";
            road.work("src/alpha.js", fake);
        },
        |road| {
            road.work("src/alpha.js", "console.log('doubling');\nexports.double = (x) => 2 * x;\n");
        },
    ),
    node(
        "node: code makes every assertion hold",
        "the new tests can't fail",
        |road| {
            let fake = "require('node:assert').equal = () => {};\nexports.double = () => 0;\n";
            road.work("src/alpha.js", fake);
        },
        |road| {
            let honest = "require('node:assert').ok(true);\nexports.double = (x) => 2 * x;\n";
            road.work("src/alpha.js", honest);
        },
    ),
];

#[tokio::test]
async fn nodes_runner_is_not_fooled() {
    prove(NODE).await;
}
