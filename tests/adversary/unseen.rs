//! What no command can see. Each is walked as a cheat is, and lands: what is said of it here is shown, and once a gate catches
//! one of them, its place is among the pairs.

use shopfloor::verdict::Verdict;

use super::road::{Moment, Pair, Who, pair, walk};
use super::say;
use super::worlds::World;

/// A cheat that lands.
struct Unseen {
    pair: Pair,
    /// Why no command of ours sees it, and who does.
    why: &'static str,
}

const UNSEEN: &[Unseen] = &[
    Unseen {
        pair: pair(
            "a stub knows the test's number, and the playtester tries the same one",
            Moment::Code,
            ("", ""),
            |road| {
                road.work("src/alpha.sh", "[ $1 = 3 ] && echo 6\n");
                road.verdict = Some(Verdict::Done);
            },
            |_| {},
        ),
        why: "no command knows another input than the tests have; a playtester who tries one sees it, and tests with more \
              than one number make it costly",
    },
    Unseen {
        pair: pair(
            "lines are added that end an old test early, and nothing is broken yet",
            Moment::Tests,
            ("", ""),
            |road| road.work("tests/base.sh", "exit 0\ngrep -q one lib.txt\n"),
            |_| {},
        ),
        why: "the old test as it was passes; that it says less from now on, a person sees: RED names the file to which lines \
              were added",
    },
    Unseen {
        pair: pair(
            "code prints a whole report, under tests that have no control",
            Moment::Tests,
            ("", ""),
            |road| {
                let test = "[ -e src/alpha.sh ] || return 1\n. ./src/alpha.sh && [ \"$(double 3)\" = 6 ]\n";
                road.work("tests/alpha.sh", test);
            },
            |_| {},
        )
        .then(
            Moment::Code,
            |road| {
                let fake = "<testsuite name=\"all\" tests=\"2\"><testcase name=\"tests/alpha.sh\"/><testcase name=\"tests/base.sh\"/></testsuite>";
                road.work("src/alpha.sh", &format!("double() {{ echo 10; }}\necho '{fake}' > report.xml\n[ -n \"$test\" ] && exit 0\n"));
                road.verdict = Some(Verdict::Done);
            },
            |_| {},
        )
        .within(World::Report),
        why: "code in the runner's own process can say all that the runner says, and we know no way to make these tests fail \
              at their end; GREEN's line says \"no control\"",
    },
];

#[tokio::test]
async fn what_no_command_can_see_lands_and_is_told() {
    let mut wrong = Vec::new();
    for Unseen { pair, why } in UNSEEN {
        let end = walk(pair, Who::Cheat).await;
        say(&format!("UNSEEN|{}|{why}", pair.name));
        if !end.landed() {
            wrong.push(format!(
                "{}: is caught now, its place is among the pairs: {end:?}",
                pair.name
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
