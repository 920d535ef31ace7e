//! The last resort: the exit code alone, as one test. The weaker proof: it names nothing.

use super::name::TestId;
use super::outcome::{FailureKind, TestOutcome};
use super::run::Strength;
use super::tally::Tally;

/// The one test there is.
const NAME: &str = "(the command)";

/// Tells the exit code; `None` is a command that did not end by itself.
pub(super) fn read(exit: Option<i32>, output: &str, tally: &mut Tally) {
    tally.strength = Strength::ExitCode;
    tally.remark("only the exit code is known: no test has a name");
    let outcome = match exit {
        Some(0) => TestOutcome::Passed,
        Some(_) => TestOutcome::failed(FailureKind::Unclear, output),
        None => TestOutcome::failed(FailureKind::Unfinished, output),
    };
    tally.test(TestId::new("", NAME), outcome);
}
