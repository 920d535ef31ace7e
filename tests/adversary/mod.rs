//! Ways to cheat or to be wrong, each walked from the spec to the union, and beside each the honest work that looks most
//! like it. A cheat that lands was accepted wrongly; a twin that does not land was rejected wrongly.
//!
//! Results of another order, another generation or with a wrong nonce are refused before any gate: see
//! `agents::command` and `kill_points::verdict`.

mod cargo;
mod code;
mod node;
mod old;
mod papers;
mod python;
mod reports;
mod review;
mod road;
mod runners;
mod tests;
mod together;
mod unseen;
mod worlds;

use road::{Pair, Who, walk};

/// Walks every pair, prints `PAIR|name|caught by|twin` for each (`SKIP|name|why` where its tool is not here), and wants no
/// cheat accepted, each caught by the gate that is named, and no twin rejected.
async fn prove(pairs: &[Pair]) {
    let mut wrong = Vec::new();
    for pair in pairs {
        if let Some(why) = pair.world.missing() {
            say(&format!("SKIP|{}|{why}", pair.name));
            continue;
        }
        let (cheat, twin) = (walk(pair, Who::Cheat).await, walk(pair, Who::Twin).await);
        say(&format!("PAIR|{}|{cheat}|{twin}", pair.name));
        if cheat.landed() {
            wrong.push(format!("{}: ACCEPTED", pair.name));
        } else if !cheat.fits(pair.by, pair.why) {
            let wanted = (pair.by, pair.why);
            wrong.push(format!("{}: wanted {wanted:?}, got {cheat:?}", pair.name));
        }
        if !twin.landed() {
            wrong.push(format!("{}: honest twin REJECTED: {twin:?}", pair.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn say(line: &str) {
    use std::io::Write as _;
    // One write, so that rows of tests that run beside each other do not mix.
    drop(std::io::stdout().write_all(format!("\n{line}\n").as_bytes()));
}
