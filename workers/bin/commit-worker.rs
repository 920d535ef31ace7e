//! The commit worker.

fn main() {}
