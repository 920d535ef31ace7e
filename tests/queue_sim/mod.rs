//! Deterministic simulation of the file queue: a disk in memory, actors that take turns call by call, and an oracle.
//!
//! `docs/queue-sim.md` tells what it is for and how it is used. The program is `queue-sim` (`main.rs`). In reading order:
//! what a disk remembers (`tree`, `cut`), what a kernel does (`kernel`, `deeds`, `machine`), who acts (`world`, `actor`,
//! `hand`), what is promised (`oracle`), what is played (`script`, `draw`, `aimed`, `history`, `season`), and what is told
//! (`shrink`, `mutations`, `cli`).

mod tree;
mod cut;

mod kernel;
mod deeds;
mod machine;

mod world;
mod cast;
mod actor;
mod hand;

mod oracle;
mod promises;
mod planted;

mod script;
mod draw;
mod aimed;
mod scene;
mod counts;
mod history;
mod season;

mod shrink;
mod mutations;
pub(crate) mod cli;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod found;
