//! `queue-sim`: see `--help`.
#![expect(clippy::print_stdout, reason = "this is the door where it is printed")]

use std::process::ExitCode;

use clap::Parser as _;

#[path = "mod.rs"]
mod queue_sim;

fn main() -> ExitCode {
    let said = queue_sim::cli::run(&queue_sim::cli::Arguments::parse());
    print!("{}", said.text);
    ExitCode::from(said.code)
}
