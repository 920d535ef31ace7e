//! The spec worker.

use std::process::ExitCode;

fn main() -> ExitCode {
    shopfloor::cli::main(shopfloor::stages::pipeline(), "spec")
}
