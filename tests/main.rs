//! All tests that need more than one module: one binary, so that it links once and can start every program.

#[cfg(test)]
mod gates;
mod workspace;
