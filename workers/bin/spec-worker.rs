//! The spec worker.

fn main() {}
