//! The measures of single calls: each operation of the queue killed at each of its system calls, and each call failing
//! in each way it may.

use std::time::{Duration, Instant};

use super::could_run;
use crate::kill_points::{Share, Tried, errors, kill_at};
use crate::prove::{quick, row};

/// Patience with a sample.
const LIMIT: Duration = Duration::from_secs(90);

fn tell(what: &str, least: usize, begun: Instant, tried: Result<Tried, String>) {
    match tried {
        Err(why) => {
            // `queue-sim`, a row of its own, kills and fails at the same calls inside one process.
            let told = format!("{least} skipped: {why}; only the histories in memory show them");
            row(what, &told, !could_run(&["strace"]));
        }
        Ok(Tried { known, met, missed, seed }) => row(
            &format!("{what} (seed {seed})"),
            &format!(
                "{met} of {known} met, {missed} runs went past theirs, 0 wrong, {:.0} s",
                begun.elapsed().as_secs_f64()
            ),
            met >= least,
        ),
    }
}

#[test]
#[ignore = "a measurement: .ci/prove queue runs it"]
fn operations_are_killed_at_their_calls() {
    let (share, least) = match quick() {
        true => (Share::Sample(240, LIMIT), 100),
        false => (Share::All, 500),
    };
    let begun = Instant::now();
    tell("kill points: a system call of an operation, by strace", least, begun, kill_at(share));
}

#[test]
#[ignore = "a measurement: .ci/prove queue runs it"]
fn calls_of_operations_fail() {
    let (share, least) = match quick() {
        true => (Share::Sample(300, LIMIT), 150),
        false => (Share::All, 3_000),
    };
    let begun = Instant::now();
    tell(
        "errno points: a call of an operation fails, by strace",
        least,
        begun,
        errors::fail_at(share),
    );
}
