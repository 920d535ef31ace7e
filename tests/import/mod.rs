//! Imports: what people have written down elsewhere becomes orders, all of it or nothing.

mod readers;
mod stories;
