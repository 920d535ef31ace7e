//! `sim-agent`: a simulated coding agent for tests and demonstrations. It thinks nothing and costs nothing.
//!
//! It speaks Claude Code's stream-json protocol on its standard streams, or (with `--oneshot`) the contract of
//! one-shot commands. What it does at each order is in a scenario file; see docs/sim-agent.md. Everything it
//! writes says SIMULATED.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program's door: this is its voice"
)]

use std::process::ExitCode;

mod alone;
mod honest;
mod job;
mod mischief;
mod oneshot;
mod options;
mod pace;
mod scenario;
mod stream;
mod work;

/// What every text of ours begins with.
pub(crate) const LABEL: &str = "SIMULATED";

fn main() -> ExitCode {
    let options = match options::Options::read() {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(why) => return failed(&why),
    };
    let done = match options.oneshot {
        true => oneshot::run(&options),
        false => stream::run(&options),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(why) => failed(&why),
    }
}

fn failed(why: &str) -> ExitCode {
    eprintln!("sim-agent: {why}");
    ExitCode::FAILURE
}
