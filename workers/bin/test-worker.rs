//! The test worker.

fn main() {}
