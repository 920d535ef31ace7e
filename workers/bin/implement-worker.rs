//! The implement worker.

fn main() {}
