//! The playtest worker.

fn main() {}
