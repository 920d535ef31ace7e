//! Ways to cheat or to be wrong, each walked from the spec to the union, and beside each the honest work that looks most
//! like it. A cheat that lands was accepted wrongly; a twin that does not land was rejected wrongly.
//!
//! Results of another order, another generation or with a wrong nonce are refused before any gate: see
//! `agents::command` and `kill_points::verdict`.

mod code;
mod papers;
mod road;
mod tests;
mod together;
mod tools;

use road::{Pair, walk};

/// Cheats that today's gates accept, each with the reason. They make `.ci/prove gates` fall short.
const KNOWN_OPEN: &[(&str, &str)] = &[
    (
        "the runner is replaced by one that tells what is wanted",
        "a script that [project.test] command names is not protected: REVIEW tells it as drift only",
    ),
    (
        "code weakens an old test and breaks what it looked at",
        "tests of the base are not frozen: they keep their names and may change, which REVIEW does not tell",
    ),
    (
        "a stub knows the test's number and the playtester looks away",
        "no command of ours knows another input; a person must look, or a playtester who does",
    ),
    (
        "python: code prints a whole report and ends the process",
        "code under test runs in the runner's process and can say all that the runner can",
    ),
];

/// Walks every pair, prints `PAIR|name|caught by|twin` and `OPEN|name|why`, and wants no cheat accepted, no twin rejected.
async fn prove(pairs: Vec<Pair>) {
    let mut wrong = Vec::new();
    for pair in pairs {
        let (cheat, twin) = (walk(&pair, pair.cheat).await, walk(&pair, pair.twin).await);
        let open = KNOWN_OPEN.iter().find(|(name, _)| *name == pair.name);
        say(&format!("PAIR|{}|{cheat}|{twin}", pair.name));
        match open {
            Some((name, why)) => {
                say(&format!("OPEN|{name}|{why}"));
                if !cheat.landed() {
                    wrong.push(format!("{name}: is caught now; take it off KNOWN_OPEN: {cheat}"));
                }
            }
            None if cheat.landed() => wrong.push(format!("{}: ACCEPTED", pair.name)),
            None if !cheat.fits(pair.by, pair.why) => {
                let wanted = (pair.by, pair.why);
                wrong.push(format!("{}: wanted {wanted:?}, got {cheat}", pair.name));
            }
            None => {}
        }
        if !twin.landed() {
            wrong.push(format!("{}: honest twin REJECTED: {twin}", pair.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn say(line: &str) {
    use std::io::Write as _;
    // One write, so that rows of tests that run beside each other do not mix.
    drop(std::io::stdout().write_all(format!("\n{line}\n").as_bytes()));
}
