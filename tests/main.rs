//! One test binary: it links once, and every test in it can start every program.
#[cfg(test)]
mod gates;
